//! Comments and the application's own events: what a writer may say, and of what.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::access::as_role;
    use crate::pg_tests::support::{int, run, state, text};
    use pgrx::prelude::*;

    fn writer(role: &str) {
        run(&format!(
            "CREATE ROLE {role}; SELECT directus_versions.grant_access('{role}', 'write')"
        ));
    }

    #[pg_test]
    fn access_log_activity_takes_no_action_of_ours() {
        writer("access_ev_forger");
        as_role("access_ev_forger", || {
            for action in [
                "create",
                "update",
                "delete",
                "truncate",
                "comment",
                "revert",
                "promote",
                "version_save",
                "",
            ] {
                let call = format!("SELECT directus_versions.log_activity('{action}')");
                assert_eq!(state(&call), "22023", "{action}");
            }
        });
        for action in ["comment", "revert", "promote", "version_save"] {
            let call = format!("SELECT directus_versions.log_activity('{action}', 'x', '1')");
            assert_eq!(state(&call), "22023", "{action} by a superuser");
        }
    }

    #[pg_test]
    fn access_log_activity_needs_select_on_a_tracked_table() {
        writer("access_ev_export");
        run("CREATE TABLE access_ev_t (id int PRIMARY KEY, v text);
             CREATE TABLE access_ev_gone (id int PRIMARY KEY, v text);
             SELECT directus_versions.track('access_ev_t'), directus_versions.track('access_ev_gone');
             SELECT directus_versions.untrack('access_ev_gone')");
        let call = "SELECT directus_versions.log_activity('export', 'access_ev_t')";
        as_role("access_ev_export", || assert_eq!(state(call), "42501"));
        assert_eq!(
            int("SELECT count(*) FROM directus_versions.activity WHERE collection = 'access_ev_t'"),
            0
        );
        run("GRANT SELECT (id) ON access_ev_t TO access_ev_export");
        as_role("access_ev_export", || {
            assert_eq!(state(call), "00000");
            assert_eq!(
                state("SELECT directus_versions.log_activity('export', 'access_ev_gone', '1')"),
                "42501",
                "no longer tracked"
            );
            assert_eq!(
                state("SELECT directus_versions.log_activity('export', 'no table at all')"),
                "00000"
            );
        });
    }

    /// Rows 1 of the reader's and 2 of another's; 3 was deleted.
    fn secured(name: &str, role: &str) {
        writer(role);
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, belongs name, v text);
             ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON {name} USING (belongs = current_user);
             GRANT SELECT ON {name} TO {role};
             SELECT directus_versions.track('{name}');
             INSERT INTO {name} VALUES (1, '{role}', 'open'), (2, 'another', 'hush'), (3, 'another', 'hush');
             UPDATE {name} SET v = v || '!';
             DELETE FROM {name} WHERE id = 3"
        ));
    }

    #[pg_test]
    fn access_comment_on_a_hidden_row() {
        secured("access_ev_rows", "access_ev_reader");
        let comment =
            |item: &str| format!("SELECT directus_versions.comment('access_ev_rows', {item}, 'x')");
        as_role("access_ev_reader", || {
            assert_eq!(state(&comment("1")), "00000");
            for item in ["2", "'2'", "3", "4", "'none'"] {
                assert_eq!(state(&comment(item)), "P0002", "{item}");
            }
        });
        assert_eq!(
            int("SELECT count(*) FROM directus_versions.activity
                 WHERE collection = 'access_ev_rows' AND action = 'comment'"),
            1
        );
        assert_eq!(state(&comment("2")), "00000", "a superuser sees the row");
    }

    #[pg_test]
    fn access_comment_on_a_table_that_may_not_be_selected() {
        writer("access_ev_blind");
        run("CREATE TABLE access_ev_blind_t (id int PRIMARY KEY);
             SELECT directus_versions.track('access_ev_blind_t');
             INSERT INTO access_ev_blind_t VALUES (1)");
        as_role("access_ev_blind", || {
            for item in ["1", "2"] {
                assert_eq!(
                    state(&format!(
                        "SELECT directus_versions.comment('access_ev_blind_t', {item}, 'x')"
                    )),
                    "42501"
                );
            }
        });
    }

    /// The functions that decide may be called by themselves: they tell no more than the views do.
    #[pg_test]
    fn access_functions_that_decide_open_nothing() {
        secured("access_ev_check", "access_ev_prober");
        let hidden = int("SELECT max(id) FROM directus_versions.revisions
             WHERE collection = 'access_ev_check' AND item = '2'");
        let answer = |call: &str| {
            if state(&format!("SELECT directus_versions.{call}")) == "00000" {
                text(&format!("SELECT directus_versions.{call}"))
            } else {
                Some("refused".to_owned())
            }
        };
        as_role("access_ev_prober", || {
            for function in ["_has_history", "__has_history", "_check_item"] {
                let [of_hidden, of_nothing] = ["2", "4"]
                    .map(|item| answer(&format!("{function}('access_ev_check', '{item}')")));
                assert_eq!(of_hidden, of_nothing, "{function}");
            }
            assert!(
                [Some("false"), Some("refused")]
                    .contains(&answer("_row_visible('access_ev_check', '{id}', '2')").as_deref())
            );
            for call in [
                format!("_data({hidden})"),
                format!("_item_at({hidden})"),
                "item_at('access_ev_check', 2, statement_timestamp())".to_owned(),
                "item_at('access_ev_check', 2, '-infinity')".to_owned(),
                "history('access_ev_check', 2)".to_owned(),
            ] {
                let found = answer(&call);
                assert!(
                    [None, Some("refused")].contains(&found.as_deref()),
                    "{call}: {found:?}"
                );
            }
        });
    }
}
