//! What of both sides ends up in main.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{check_history, run, shows, text};
    use crate::pg_tests::versions::{articles, delta, version};
    use pgrx::prelude::*;

    fn promote(id: &str) -> Option<String> {
        text(&format!("SELECT directus_versions.promote_version('{id}')"))
    }

    #[pg_test]
    fn promote_applies_what_changed_here_and_keeps_what_changed_in_main() {
        articles("promote_both");
        let id = version(
            "promote_both",
            "1",
            "draft",
            r#"{"title": "Mine", "price": 9}"#,
        );
        run("UPDATE promote_both SET body = 'Theirs', doc = '[]' WHERE id = 1");
        let revision = promote(&id).unwrap();
        shows(
            "SELECT concat_ws(' ', title, body, price, doc) FROM promote_both WHERE id = 1",
            "Mine Theirs 9.00 []",
        );
        shows(
            &format!(
                "SELECT delta || prior::text FROM directus_versions.revisions WHERE id = {revision}"
            ),
            r#"{"price": 9.00, "title": "Mine"}{"price": 1.50, "title": "One"}"#,
        );
        shows(
            &format!(
                "SELECT concat_ws(' ', action, comment,
                     (SELECT s.version FROM directus_versions.revisions s WHERE s.id = r.source) = '{id}', r.version)
                 FROM directus_versions.activity JOIN directus_versions.revisions r USING (id) WHERE id = {revision}"
            ),
            "update promoted from version \"draft\" t",
        );
        check_history("promote_both");
    }

    #[pg_test]
    fn promote_leaves_the_version_with_an_empty_delta_and_a_new_hash() {
        articles("promote_stays");
        let id = version("promote_stays", "1", "draft", r#"{"title": "Mine"}"#);
        let hash = format!("SELECT hash FROM directus_versions.versions WHERE id = '{id}'");
        let before = text(&hash);
        promote(&id);
        assert_eq!(delta(&id), "{}");
        shows(
            &format!("SELECT base FROM directus_versions.versions WHERE id = '{id}'"),
            "{}",
        );
        assert_ne!(text(&hash), before);
        shows(
            &format!("SELECT directus_versions.compare_version('{id}') ->> 'outdated'"),
            "false",
        );
        // Promoting twice repeats nothing.
        run("UPDATE promote_stays SET title = 'Later' WHERE id = 1");
        assert_eq!(promote(&id), None);
        shows("SELECT title FROM promote_stays WHERE id = 1", "Later");
        check_history("promote_stays");
    }

    #[pg_test]
    fn promote_of_what_main_has_already_records_nothing() {
        articles("promote_nothing");
        let id = version(
            "promote_nothing",
            "1",
            "draft",
            r#"{"title": "Same", "price": 1.5}"#,
        );
        run("UPDATE promote_nothing SET title = 'Same' WHERE id = 1");
        let count =
            "SELECT count(*) FROM directus_versions.activity WHERE collection = 'promote_nothing'";
        let before = text(count);
        assert_eq!(promote(&id), None);
        assert_eq!(text(count), before);
        assert_eq!(delta(&id), "{}");
    }

    #[pg_test]
    fn promote_merges_documents_by_key() {
        articles("promote_documents");
        run(
            r#"UPDATE promote_documents SET doc = '{"seo": {"title": "a", "words": [1]}, "old": 1, "n": 1.10}' WHERE id = 1"#,
        );
        let id = version(
            "promote_documents",
            "1",
            "draft",
            r#"{"doc": {"seo": {"title": "a", "words": [2]}, "n": 1.10, "mine": true}}"#,
        );
        run(
            r#"UPDATE promote_documents SET doc = '{"seo": {"title": "b", "words": [1]}, "old": 1, "n": 1.10, "theirs": 1e2}' WHERE id = 1"#,
        );
        promote(&id).unwrap();
        shows(
            "SELECT doc FROM promote_documents WHERE id = 1",
            r#"{"n": 1.10, "seo": {"title": "b", "words": [2]}, "mine": true, "theirs": 100}"#,
        );
    }

    #[pg_test]
    fn promote_changes_a_key_and_the_version_goes_along() {
        articles("promote_key");
        let id = version("promote_key", "1", "draft", r#"{"id": 10, "title": "Ten"}"#);
        let revision = promote(&id).unwrap();
        shows(
            "SELECT string_agg(id || title, ' ' ORDER BY id) FROM promote_key",
            "2Two 10Ten",
        );
        shows(
            &format!("SELECT item FROM directus_versions.versions WHERE id = '{id}'"),
            "10",
        );
        shows(
            &format!("SELECT item FROM directus_versions.revisions WHERE id = {revision}"),
            "10",
        );
        run(&format!(
            "SELECT directus_versions.save_version('{id}', '{{\"title\": \"Again\"}}')"
        ));
        promote(&id).unwrap();
        shows("SELECT title FROM promote_key WHERE id = 10", "Again");
        check_history("promote_key");
    }

    #[pg_test]
    fn promote_within_the_callers_savepoint_goes_with_it() {
        articles("promote_savepoint");
        let id = version("promote_savepoint", "1", "draft", r#"{"title": "Mine"}"#);
        run(&format!(
            "DO $$ BEGIN
                 PERFORM directus_versions.promote_version('{id}');
                 RAISE EXCEPTION 'back';
             EXCEPTION WHEN raise_exception THEN NULL;
             END $$"
        ));
        shows("SELECT title FROM promote_savepoint WHERE id = 1", "One");
        assert_eq!(delta(&id), r#"{"title": "Mine"}"#);
        run("UPDATE promote_savepoint SET title = 'Main' WHERE id = 1");
        shows(
            "SELECT count(*) FROM directus_versions.activity WHERE collection = 'promote_savepoint' AND comment LIKE 'promoted%'",
            "0",
        );
        check_history("promote_savepoint");
    }
}
