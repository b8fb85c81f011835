//! What the log says of versions: who did what, and never a change of main that was none.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{check_history, int, run, shows, state, table, text};
    use crate::pg_tests::versions::{articles, version};
    use pgrx::prelude::*;

    fn told(table_name: &str) -> Vec<String> {
        let rows = table(&format!(
            "SELECT concat_ws(' ', action, item, actor, '(' || comment || ')') FROM directus_versions.activity
             WHERE collection = '{table_name}' AND (action LIKE 'version%' OR comment IS NOT NULL) ORDER BY id"
        ));
        rows.into_iter().flatten().flatten().collect()
    }

    #[pg_test]
    fn versions_log_has_every_step_with_its_actor() {
        articles("versions_logged");
        let step = |actor: &str, call: &str| {
            run(&format!(
                "SET LOCAL directus_versions.actor = '{actor}'; SELECT directus_versions.{call}"
            ));
        };
        run("SET LOCAL directus_versions.actor = 'ada'");
        let id = version("versions_logged", "1", "draft", "");
        step(
            "grace",
            &format!("save_version('{id}', '{{\"title\": \"A\", \"body\": \"B\"}}')"),
        );
        step(
            "ada",
            &format!("discard_version_fields('{id}', '{{body}}')"),
        );
        step("grace", &format!("rename_version('{id}', 'final')"));
        step("ada", &format!("promote_version('{id}')"));
        step("grace", &format!("drop_version('{id}')"));
        assert_eq!(
            told("versions_logged"),
            [
                "version_create 1 ada (version \"draft\")",
                "version_save 1 grace",
                "version_discard 1 ada (version \"draft\" without \"body\")",
                "version_rename 1 grace (version \"draft\" is now \"final\")",
                "update 1 ada (promoted from version \"final\")",
                "version_drop 1 grace (version \"final\")",
            ]
        );
        check_history("versions_logged");
    }

    #[pg_test]
    fn versions_log_keeps_a_comment_of_the_applications() {
        articles("versions_said");
        run("SET LOCAL directus_versions.comment = 'for May'");
        let id = version("versions_said", "1", "draft", r#"{"title": "A"}"#);
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        run("UPDATE versions_said SET body = 'x' WHERE id = 1");
        assert_eq!(
            told("versions_said"),
            [
                "version_create 1 (for May)",
                "version_save 1 (for May)",
                "update 1 (promoted from version \"draft\")",
                "update 1 (for May)",
            ]
        );
    }

    #[pg_test]
    fn versions_log_tells_who_called_and_not_the_extensions_owner() {
        articles("versions_caller");
        run("CREATE ROLE versions_caller_role; GRANT SELECT, UPDATE ON versions_caller TO versions_caller_role;
             SELECT directus_versions.grant_access('versions_caller_role', 'write');
             SET ROLE versions_caller_role");
        let id = version("versions_caller", "1", "draft", r#"{"title": "A"}"#);
        run(&format!(
            "SELECT directus_versions.promote_version('{id}'); SELECT directus_versions.drop_version('{id}')"
        ));
        run("RESET ROLE");
        shows(
            "SELECT string_agg(DISTINCT role_name, ',') FROM directus_versions.activity
             WHERE collection = 'versions_caller' AND action <> 'create'",
            "versions_caller_role",
        );
    }

    #[pg_test]
    fn versions_log_of_saves_by_version() {
        articles("versions_saves");
        let first = version("versions_saves", "1", "draft", r#"{"title": "A"}"#);
        let second = version("versions_saves", "1", "other", r#"{"title": "B"}"#);
        run(&format!(
            "SELECT directus_versions.save_version('{first}', '{{\"body\": \"C\"}}')"
        ));
        for (id, saves) in [(&first, 2), (&second, 1)] {
            shows(
                &format!(
                    "SELECT count(*) FROM directus_versions.revisions r JOIN directus_versions.activity a USING (id)
                     WHERE r.version = '{id}' AND a.action = 'version_save' AND r.collection = 'versions_saves'"
                ),
                &saves.to_string(),
            );
        }
        // What was saved is kept as it was given, and main's own history has nothing of it.
        shows(
            &format!(
                "SELECT string_agg(concat(delta, data, prior), ' ' ORDER BY id) FROM directus_versions.revisions
                 WHERE version = '{first}'"
            ),
            r#"{"title": "A"} {"body": "C"}"#,
        );
        check_history("versions_saves");
    }

    #[pg_test]
    fn versions_log_says_no_more_than_the_scope_allows() {
        for (scope, activities, revisions) in [("activity", 3, 0), ("none", 0, 0)] {
            let name = format!("versions_scope_{scope}");
            articles(&name);
            run(&format!(
                "SELECT directus_versions.set_scope('{name}', accountability => '{scope}')"
            ));
            let before = int(&format!(
                "SELECT count(*) FROM directus_versions.activity WHERE collection = '{name}'"
            ));
            let id = version(&name, "1", "draft", r#"{"title": "A"}"#);
            run(&format!("SELECT directus_versions.promote_version('{id}')"));
            shows(&format!("SELECT title FROM {name} WHERE id = 1"), "A");
            shows(
                &format!(
                    "SELECT count(*) - {before} FROM directus_versions.activity WHERE collection = '{name}'"
                ),
                &activities.to_string(),
            );
            shows(
                &format!(
                    "SELECT count(*) FROM directus_versions.revisions WHERE collection = '{name}' AND version IS NOT NULL"
                ),
                &revisions.to_string(),
            );
            shows(
                &format!("SELECT delta FROM directus_versions.versions WHERE id = '{id}'"),
                "{}",
            );
        }
    }

    #[pg_test]
    fn versions_follow_a_column_though_nothing_is_recorded() {
        articles("versions_silent");
        run("SELECT directus_versions.set_scope('versions_silent', accountability => 'none')");
        let id = version("versions_silent", "1", "draft", r#"{"title": "A"}"#);
        run(
            "ALTER TABLE versions_silent RENAME title TO body2; ALTER TABLE versions_silent RENAME body TO title",
        );
        shows(
            &format!("SELECT delta FROM directus_versions.versions WHERE id = '{id}'"),
            r#"{"body2": "A"}"#,
        );
        run(&format!(
            "SELECT directus_versions.save_version('{id}', '{{\"title\": \"B\"}}')"
        ));
        shows(
            &format!("SELECT delta FROM directus_versions.versions WHERE id = '{id}'"),
            r#"{"body2": "A", "title": "B"}"#,
        );
    }

    #[pg_test]
    fn versions_events_cannot_be_forged() {
        articles("versions_forged");
        for action in [
            "version_create",
            "version_save",
            "version_discard",
            "version_rename",
            "version_drop",
            "promote",
        ] {
            assert_eq!(
                state(&format!(
                    "SELECT directus_versions.log_activity('{action}', 'versions_forged', '1')"
                )),
                "22023",
                "{action}"
            );
        }
        run(
            "SET LOCAL directus_versions.comment = 'promoted from version \"draft\"'; UPDATE versions_forged SET title = 'x'",
        );
        shows(
            "SELECT count(*) FROM directus_versions.revisions WHERE collection = 'versions_forged' AND version IS NOT NULL",
            "0",
        );
    }

    #[pg_test]
    fn versions_keep_the_extension_from_being_dropped() {
        articles("versions_kept");
        assert!(text("SELECT 1").is_some());
        version("versions_kept", "1", "draft", r#"{"title": "A"}"#);
        assert_eq!(state("DROP EXTENSION directus_versions CASCADE"), "55000");
    }
}
