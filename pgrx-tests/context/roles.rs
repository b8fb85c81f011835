//! What cannot be forged, and what is refused.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::context::{actors, last, tracked};
    use crate::pg_tests::support::{entries, error, run, shows, state, yes};
    use pgrx::prelude::*;

    #[pg_test]
    fn context_keeps_what_cannot_be_forged() {
        tracked("ctx_role");
        run(
            "CREATE ROLE ctx_editor; GRANT ALL ON ctx_role TO ctx_editor;
             SET LOCAL application_name = 'my app';
             SET LOCAL directus_versions.actor = 'root';
             INSERT INTO ctx_role VALUES (1, 'a');
             SET LOCAL ROLE ctx_editor;
             UPDATE ctx_role SET v = 'b';
             RESET ROLE",
        );
        assert!(yes(
            "SELECT bool_and(session_user_name = session_user AND application_name = 'my app'
                                     AND transaction = pg_current_xact_id())
                     FROM directus_versions.activity WHERE collection = 'ctx_role'"
        ));
        assert_eq!(last("ctx_role", "role_name").unwrap(), "ctx_editor");
        shows(
            "SELECT role_name = current_user FROM directus_versions.activity
             WHERE collection = 'ctx_role' ORDER BY id LIMIT 1",
            "true",
        );
        assert_eq!(last("ctx_role", "actor").unwrap(), "root");
    }

    #[pg_test]
    fn context_under_security_definer() {
        tracked("ctx_def");
        run("CREATE ROLE ctx_caller; CREATE ROLE ctx_definer; GRANT CREATE ON SCHEMA public TO ctx_definer;
             GRANT ALL ON ctx_def TO ctx_definer;
             SET LOCAL ROLE ctx_definer;
             CREATE FUNCTION ctx_write(i int) RETURNS void LANGUAGE sql SECURITY DEFINER AS
                 $$ INSERT INTO public.ctx_def VALUES (i, current_user) $$;
             SET LOCAL ROLE ctx_caller;
             SELECT ctx_write(1);
             RESET ROLE");
        shows("SELECT v FROM ctx_def", "ctx_definer");
        assert!(yes(
            "SELECT session_user_name = session_user AND role_name IN ('ctx_definer', 'ctx_caller')
                     FROM directus_versions.activity WHERE collection = 'ctx_def'"
        ));
    }

    #[pg_test]
    fn context_of_a_writer_without_any_right_of_ours() {
        tracked("ctx_plain");
        run("CREATE ROLE ctx_nobody; GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ctx_plain TO ctx_nobody;
             REVOKE ALL ON SCHEMA directus_versions FROM PUBLIC;
             SET LOCAL ROLE ctx_nobody;
             SET LOCAL directus_versions.actor = 'n';
             INSERT INTO ctx_plain VALUES (1, 'a'), (2, 'b');
             UPDATE ctx_plain SET v = 'c'; DELETE FROM ctx_plain WHERE id = 1; TRUNCATE ctx_plain;
             RESET ROLE");
        assert_eq!(actors("ctx_plain"), "n n n n n n n");
    }

    #[pg_test]
    fn context_required_actor() {
        tracked("ctx_req");
        run("CREATE TABLE ctx_req_free (id int);
             SET LOCAL directus_versions.actor = 'ada';
             INSERT INTO ctx_req VALUES (1, 'a');
             SET LOCAL directus_versions.actor = '';
             SET LOCAL directus_versions.require_actor = on;
             INSERT INTO ctx_req_free VALUES (1)");
        for write in [
            "INSERT INTO ctx_req VALUES (2, 'b')",
            "UPDATE ctx_req SET v = 'b'",
            "DELETE FROM ctx_req",
            "TRUNCATE ctx_req",
        ] {
            let raised = error(write);
            assert_eq!(raised.state, "42501", "{write}: {raised:?}");
        }
        run("SELECT * FROM ctx_req;
             SET LOCAL request.jwt.claims = '{\"sub\": \"jwt\"}'; UPDATE ctx_req SET v = 'c';
             SET LOCAL directus_versions.actor = 'bob'; UPDATE ctx_req SET v = 'd'");
        assert_eq!(actors("ctx_req"), "ada jwt bob");
        run(
            "SET LOCAL request.jwt.claims = ''; SET LOCAL directus_versions.actor = '';
             SET LOCAL directus_versions.require_actor = off; UPDATE ctx_req SET v = 'e'",
        );
        assert_eq!(actors("ctx_req"), "ada jwt bob -");
    }

    #[pg_test]
    fn context_recording_is_turned_off_by_superusers_alone() {
        tracked("ctx_off");
        run("INSERT INTO ctx_off VALUES (1, 'a');
             SET LOCAL directus_versions.enabled = off;
             UPDATE ctx_off SET v = 'b'; INSERT INTO ctx_off VALUES (2, 'x'); TRUNCATE ctx_off;
             SET LOCAL directus_versions.enabled = on;
             INSERT INTO ctx_off VALUES (3, 'c')");
        assert_eq!(entries("ctx_off").len(), 2);
        run("CREATE ROLE ctx_lowly; SET LOCAL ROLE ctx_lowly");
        assert_eq!(state("SET LOCAL directus_versions.enabled = off"), "42501");
        assert_eq!(
            state("SELECT set_config('directus_versions.enabled', 'off', true)"),
            "42501"
        );
        assert_eq!(
            state("SET LOCAL directus_versions.actor = 'anyone'"),
            "00000"
        );
        run("RESET ROLE");
    }

    #[pg_test]
    fn context_unknown_setting_is_refused() {
        assert_ne!(state("SET LOCAL directus_versions.acter = 'typo'"), "00000");
    }
}
