//! Saving merges fields into a version and touches nothing else.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{int, run, shows, text};
    use crate::pg_tests::versions::{articles, delta, refused, version};
    use pgrx::prelude::*;

    fn save(id: &str, delta: &str) -> Option<String> {
        text(&format!(
            "SELECT directus_versions.save_version('{id}', '{delta}')"
        ))
    }

    fn base(id: &str) -> String {
        text(&format!(
            "SELECT base FROM directus_versions.versions WHERE id = '{id}'"
        ))
        .unwrap()
    }

    #[pg_test]
    fn versions_save_merges_at_the_top_level() {
        articles("versions_merged");
        let id = version("versions_merged", "1", "draft", "");
        save(&id, r#"{"title": "New", "doc": {"a": 2}}"#);
        save(&id, r#"{"doc": {"b": 2}, "body": null}"#);
        assert_eq!(
            delta(&id),
            r#"{"doc": {"b": 2}, "body": null, "title": "New"}"#
        );
        shows(
            "SELECT title || body || doc FROM versions_merged WHERE id = 1",
            r#"OneText{"a": 1, "b": 1}"#,
        );
    }

    #[pg_test]
    fn versions_save_returns_a_revision_or_null() {
        articles("versions_numbers");
        let id = version("versions_numbers", "1", "draft", "");
        let saved = save(&id, r#"{"title": "New"}"#).unwrap();
        shows(
            &format!(
                "SELECT version = '{id}' AND item = '1' FROM directus_versions.revisions WHERE id = {saved}"
            ),
            "true",
        );
        assert_eq!(save(&id, r#"{"title": "New"}"#), None, "the same once more");
        assert_eq!(save(&id, "{}"), None);
        assert!(save(&id, r#"{"title": "Newer"}"#).is_some());
        // Another scale is another value.
        assert!(save(&id, r#"{"price": 2.0}"#).is_some());
        assert!(save(&id, r#"{"price": 2.00}"#).is_some());
    }

    #[pg_test]
    fn versions_save_keeps_the_first_base_of_a_field() {
        articles("versions_base");
        let id = version("versions_base", "1", "draft", "");
        save(&id, r#"{"title": "A"}"#);
        run("UPDATE versions_base SET title = 'Main', body = 'Main' WHERE id = 1");
        save(&id, r#"{"title": "B", "body": "B"}"#);
        assert_eq!(base(&id), r#"{"body": "Main", "title": "One"}"#);
        run(&format!(
            "SELECT directus_versions.discard_version_fields('{id}', '{{title}}')"
        ));
        assert_eq!(base(&id), r#"{"body": "Main"}"#);
        save(&id, r#"{"title": "C"}"#);
        assert_eq!(base(&id), r#"{"body": "Main", "title": "Main"}"#);
    }

    #[pg_test]
    fn versions_save_refuses_what_can_never_be_promoted() {
        run("CREATE DOMAIN versions_score AS int CHECK (value > 0);
             CREATE TABLE versions_refused (
                 id int PRIMARY KEY, n int, s versions_score, short varchar(3), twice int GENERATED ALWAYS AS (n * 2) STORED);
             SELECT directus_versions.track('versions_refused');
             INSERT INTO versions_refused VALUES (1, 1, 1, 'a')");
        let id = version("versions_refused", "1", "draft", r#"{"n": 2}"#);
        for (given, code, column) in [
            (r#"{"nope": 1}"#, "42703", "nope"),
            (r#"{"ctid": "(0,1)"}"#, "42703", "ctid"),
            (r#"{"n": "two"}"#, "22P02", "n"),
            (r#"{"n": 12345678901}"#, "22003", "n"),
            (r#"{"s": 0}"#, "23514", "s"),
            (r#"{"short": "abcd"}"#, "22001", "short"),
            (r#"{"twice": 4}"#, "22023", "twice"),
        ] {
            let raised = crate::pg_tests::support::error(&format!(
                "SELECT directus_versions.save_version('{id}', '{given}')"
            ));
            assert_eq!(
                (raised.state.as_str(), raised.column.as_str()),
                (code, column),
                "{given}"
            );
        }
        for given in ["[]", "1", "null", "\"a\""] {
            assert_eq!(
                refused(&format!("save_version('{id}', '{given}')")).0,
                "22023",
                "{given}"
            );
        }
        assert_eq!(refused(&format!("save_version('{id}', NULL)")).0, "22023");
        assert_eq!(delta(&id), r#"{"n": 2}"#);
    }

    #[pg_test]
    fn versions_save_needs_a_tracked_table_and_a_live_item() {
        articles("versions_live");
        let id = version("versions_live", "1", "draft", r#"{"title": "A"}"#);
        run("DELETE FROM versions_live WHERE id = 1");
        assert_eq!(
            refused(&format!("save_version('{id}', '{{\"title\": \"B\"}}')")).0,
            "P0002"
        );
        run("INSERT INTO versions_live VALUES (1, 'Back')");
        assert!(save(&id, r#"{"title": "B"}"#).is_some());
        run("SELECT directus_versions.untrack('versions_live')");
        assert_eq!(
            refused(&format!("save_version('{id}', '{{\"title\": \"C\"}}')")).0,
            "55000"
        );
        assert_eq!(delta(&id), r#"{"title": "B"}"#);
    }

    #[pg_test]
    fn versions_discard_takes_fields_out() {
        articles("versions_less");
        let id = version(
            "versions_less",
            "1",
            "draft",
            r#"{"title": "A", "body": "B", "price": 2}"#,
        );
        let discard = |fields: &str| {
            run(&format!(
                "SELECT directus_versions.discard_version_fields('{id}', '{fields}')"
            ));
            delta(&id)
        };
        assert_eq!(discard("{title}"), r#"{"body": "B", "price": 2}"#);
        assert_eq!(discard("{title,doc}"), r#"{"body": "B", "price": 2}"#);
        assert_eq!(discard("{}"), r#"{"body": "B", "price": 2}"#);
        assert_eq!(
            refused(&format!("discard_version_fields('{id}', '{{body,nope}}')")).0,
            "42703"
        );
        assert_eq!(
            refused(&format!("discard_version_fields('{id}', NULL)")).0,
            "22023"
        );
        assert_eq!(discard("{body,price}"), "{}");
    }

    #[pg_test]
    fn versions_save_leaves_main_unwritten() {
        articles("versions_untouched");
        let before =
            text("SELECT string_agg(xmin || ' ' || ctid::text, ',') FROM versions_untouched");
        let writes = int(
            "SELECT n_tup_upd FROM pg_stat_xact_user_tables WHERE relname = 'versions_untouched'",
        );
        let id = version("versions_untouched", "1", "draft", r#"{"title": "A"}"#);
        save(&id, r#"{"body": "B"}"#);
        run(&format!("SELECT directus_versions.drop_version('{id}')"));
        assert_eq!(
            text("SELECT string_agg(xmin || ' ' || ctid::text, ',') FROM versions_untouched"),
            before
        );
        assert_eq!(
            int(
                "SELECT n_tup_upd FROM pg_stat_xact_user_tables WHERE relname = 'versions_untouched'"
            ),
            writes
        );
    }
}
