//! The application's own events.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::scope::{revisions, tracked};
    use crate::pg_tests::support::{check_history, error, int, run, shows, table};
    use pgrx::prelude::*;

    #[pg_test]
    fn scope_log_activity() {
        run("SET LOCAL directus_versions.actor = 'ada'");
        let id = int("SELECT directus_versions.log_activity('login')");
        let other =
            int("SELECT directus_versions.log_activity('export', 'sco_books', '12', 'as csv')");
        assert!(other > id);
        assert_eq!(
            table(&format!(
                "SELECT action, actor, collection, item, comment FROM directus_versions.activity
                 WHERE id IN ({id}, {other}) ORDER BY id"
            )),
            [
                vec![Some("login".into()), Some("ada".into()), None, None, None],
                ["export", "ada", "sco_books", "12", "as csv"]
                    .map(|v| Some(v.to_owned()))
                    .to_vec(),
            ]
        );
        assert_eq!(
            int(&format!(
                "SELECT count(*) FROM directus_versions.revisions WHERE activity IN ({id}, {other})"
            )),
            0
        );
        let named =
            int("SELECT directus_versions.log_activity(action => 'run', comment => 'a flow')");
        shows(
            &format!("SELECT comment FROM directus_versions.activity WHERE id = {named}"),
            "a flow",
        );
    }

    #[pg_test]
    fn scope_log_activity_does_not_forge_changes() {
        for action in ["create", "update", "delete", "truncate"] {
            let raised = error(&format!(
                "SELECT directus_versions.log_activity('{action}', 'x', '1')"
            ));
            assert_eq!(raised.state, "22023", "{raised:?}");
        }
    }

    #[pg_test]
    fn scope_comment() {
        tracked("sco_comm", "");
        run("INSERT INTO sco_comm VALUES (1, 'a')");
        let id = int("SELECT directus_versions.comment('sco_comm', 1, 'looks good')");
        let id2 = int("SELECT directus_versions.comment('sco_comm', '1', 'twice')");
        assert_eq!(
            table(&format!(
                "SELECT action, collection, item, comment FROM directus_versions.activity
                 WHERE id IN ({id}, {id2}) ORDER BY id"
            )),
            [
                ["comment", "sco_comm", "1", "looks good"].map(|v| Some(v.to_owned())),
                ["comment", "sco_comm", "1", "twice"].map(|v| Some(v.to_owned())),
            ]
        );
        assert_eq!(revisions("sco_comm"), 1, "a comment is no revision");
        run("CREATE TABLE sco_comm_u (id uuid PRIMARY KEY); SELECT directus_versions.track('sco_comm_u');
             INSERT INTO sco_comm_u VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
             SELECT directus_versions.comment('sco_comm_u', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, 'u')");
        shows(
            "SELECT item FROM directus_versions.activity WHERE collection = 'sco_comm_u' AND action = 'comment'",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        );
        check_history("sco_comm");
    }
}
