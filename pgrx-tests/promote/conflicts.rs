//! Fields that changed on both sides.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{error, run, shows, text};
    use crate::pg_tests::versions::{articles, delta, refused, version};
    use pgrx::prelude::*;

    fn conflict(name: &str) -> String {
        articles(name);
        let id = version(
            name,
            "1",
            "draft",
            r#"{"title": "Mine", "body": "Mine", "price": 9}"#,
        );
        run(&format!(
            "UPDATE {name} SET title = 'Theirs', body = 'Theirs' WHERE id = 1"
        ));
        id
    }

    fn main(name: &str) -> String {
        text(&format!(
            "SELECT concat_ws(' ', title, body, price, doc) FROM {name} WHERE id = 1"
        ))
        .unwrap()
    }

    #[pg_test]
    fn promote_conflict_is_an_error_that_names_the_fields_and_does_nothing() {
        let id = conflict("promote_error");
        let raised = error(&format!("SELECT directus_versions.promote_version('{id}')"));
        assert_eq!(raised.state, "40001");
        assert_eq!(
            raised.message,
            "version \"draft\" and its item have changed in the same fields"
        );
        assert_eq!(raised.detail, "Changed on both sides: \"body\", \"title\".");
        assert!(raised.hint.contains("on_conflict"));
        assert_eq!(
            main("promote_error"),
            r#"Theirs Theirs 1.50 {"a": 1, "b": 1}"#
        );
        assert_eq!(
            delta(&id),
            r#"{"body": "Mine", "price": 9, "title": "Mine"}"#
        );
        for (option, code) in [
            ("'mine'", "22023"),
            ("''", "22023"),
            ("NULL", "22023"),
            ("'Ours'", "22023"),
        ] {
            assert_eq!(
                refused(&format!("promote_version('{id}', on_conflict => {option})")).0,
                code,
                "{option}"
            );
        }
    }

    #[pg_test]
    fn promote_with_theirs_keeps_main_and_drops_the_losing_fields() {
        let id = conflict("promote_theirs");
        run(&format!(
            "SELECT directus_versions.promote_version('{id}', on_conflict => 'theirs')"
        ));
        assert_eq!(
            main("promote_theirs"),
            r#"Theirs Theirs 9.00 {"a": 1, "b": 1}"#
        );
        assert_eq!(delta(&id), "{}");
    }

    #[pg_test]
    fn promote_with_ours_takes_the_versions_fields() {
        let id = conflict("promote_ours");
        run(&format!(
            "SELECT directus_versions.promote_version('{id}', on_conflict => 'ours')"
        ));
        assert_eq!(main("promote_ours"), r#"Mine Mine 9.00 {"a": 1, "b": 1}"#);
        assert_eq!(delta(&id), "{}");
    }

    #[pg_test]
    fn promote_can_settle_each_field_by_itself() {
        let id = conflict("promote_each");
        run(&format!(
            "SELECT directus_versions.promote_version('{id}', fields => '{{title}}', on_conflict => 'ours');
             SELECT directus_versions.promote_version('{id}', fields => '{{body}}', on_conflict => 'theirs');
             SELECT directus_versions.promote_version('{id}')"
        ));
        assert_eq!(main("promote_each"), r#"Mine Theirs 9.00 {"a": 1, "b": 1}"#);
    }

    #[pg_test]
    fn promote_settles_keys_of_a_document_by_side() {
        for (side, expected) in [
            ("theirs", r#"{"a": 3, "b": 2}"#),
            ("ours", r#"{"a": 2, "b": 2}"#),
        ] {
            let name = format!("promote_document_{side}");
            articles(&name);
            let id = version(&name, "1", "draft", r#"{"doc": {"a": 2, "b": 2}}"#);
            run(&format!(
                r#"UPDATE {name} SET doc = '{{"a": 3, "b": 1}}' WHERE id = 1"#
            ));
            assert_eq!(refused(&format!("promote_version('{id}')")).0, "40001");
            run(&format!(
                "SELECT directus_versions.promote_version('{id}', on_conflict => '{side}')"
            ));
            shows(&format!("SELECT doc FROM {name} WHERE id = 1"), expected);
        }
    }

    #[pg_test]
    fn promote_finds_no_conflict_in_the_same_value_written_otherwise() {
        run("CREATE TABLE promote_forms (id int PRIMARY KEY, at timestamptz, n numeric(6,2), tags text[]);
             SELECT directus_versions.track('promote_forms');
             INSERT INTO promote_forms VALUES (1, '2026-01-01 00:00+00', 1, '{a}')");
        let id = version(
            "promote_forms",
            "1",
            "draft",
            r#"{"at": "2026-05-01 12:00+02", "n": 2, "tags": ["a", "b"]}"#,
        );
        run("UPDATE promote_forms SET at = '2026-05-01 10:00+00', n = 2.00, tags = '{a,b}'");
        shows(
            &format!("SELECT directus_versions.compare_version('{id}') -> 'conflicts'"),
            "[]",
        );
        shows(
            &format!("SELECT directus_versions.promote_version('{id}') IS NULL"),
            "true",
        );
    }

    #[pg_test]
    fn promote_takes_main_hash_for_what_the_caller_saw() {
        articles("promote_hash");
        let id = version("promote_hash", "1", "draft", r#"{"title": "Mine"}"#);
        let hash = text(&format!(
            "SELECT directus_versions.compare_version('{id}') ->> 'mainHash'"
        ))
        .unwrap();
        run("UPDATE promote_hash SET body = 'Main' WHERE id = 1");
        let raised = error(&format!(
            "SELECT directus_versions.promote_version('{id}', '{hash}')"
        ));
        assert_eq!(
            (raised.state.as_str(), raised.message.as_str()),
            (
                "40001",
                "item \"1\" of table \"promote_hash\" was changed meanwhile"
            )
        );
        assert_eq!(refused(&format!("promote_version('{id}', '')")).0, "40001");
        shows("SELECT title FROM promote_hash WHERE id = 1", "One");
        run("UPDATE promote_hash SET body = 'Text' WHERE id = 1");
        run(&format!(
            "SELECT directus_versions.promote_version('{id}', main_hash => '{hash}')"
        ));
        shows("SELECT title FROM promote_hash WHERE id = 1", "Mine");
    }
}
