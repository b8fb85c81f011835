//! Reverting is done with the caller's rights on the table, and with nothing else.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::revert::{newest, refused, revert, revision, state_of, tracked};
    use crate::pg_tests::support::{error, int, run, shows, state, text};
    use pgrx::prelude::*;

    /// A role of level `write`.
    fn writer(name: &str) {
        run(&format!(
            "CREATE ROLE {name}; SELECT directus_versions.grant_access('{name}', 'write')"
        ));
    }

    fn as_role<T>(role: &str, step: impl FnOnce() -> T) -> T {
        run(&format!("SET ROLE {role}"));
        let found = step();
        run("RESET ROLE");
        found
    }

    #[pg_test]
    fn revert_with_level_write_and_grants_on_the_table() {
        writer("rev_writer");
        tracked("rev_granted");
        let first = revision("rev_granted", "INSERT INTO rev_granted VALUES (1, 'a', 1)");
        run("UPDATE rev_granted SET v = 'b';
             GRANT SELECT, INSERT, UPDATE ON rev_granted TO rev_writer");
        let done = as_role("rev_writer", || revert(first)).unwrap();
        shows("SELECT v FROM rev_granted", "a");
        shows(
            &format!("SELECT role_name FROM directus_versions.activity WHERE id = {done}"),
            "rev_writer",
        );
        run("DELETE FROM rev_granted");
        assert!(as_role("rev_writer", || revert(first)).is_some());
    }

    #[pg_test]
    fn revert_needs_the_level() {
        run("CREATE ROLE rev_outsider; CREATE ROLE rev_reader;
             SELECT directus_versions.grant_access('rev_reader', 'read')");
        tracked("rev_level");
        let first = revision("rev_level", "INSERT INTO rev_level VALUES (1, 'a', 1)");
        run("UPDATE rev_level SET v = 'b'; GRANT ALL ON rev_level TO rev_outsider, rev_reader");
        for role in ["rev_outsider", "rev_reader"] {
            as_role(role, || {
                for call in [
                    format!("revert({first})"),
                    format!("undo({first})"),
                    "undo_transaction(pg_current_xact_id())".to_owned(),
                    "revert_collection('rev_level', now())".to_owned(),
                ] {
                    assert_eq!(
                        state(&format!("SELECT directus_versions.{call}")),
                        "42501",
                        "{role}: {call}"
                    );
                }
            });
        }
        shows("SELECT v FROM rev_level", "b");
    }

    #[pg_test]
    fn revert_needs_each_right_on_the_table() {
        writer("rev_part");
        tracked("rev_rights");
        let first = revision("rev_rights", "INSERT INTO rev_rights VALUES (1, 'a', 1)");
        run("UPDATE rev_rights SET v = 'b'");
        let denied = |grants: &str| {
            run(&format!(
                "REVOKE ALL ON rev_rights FROM rev_part; GRANT {grants} ON rev_rights TO rev_part"
            ));
            let before = state_of("rev_rights");
            let raised = as_role("rev_part", || {
                error(&format!("SELECT directus_versions.revert({first})"))
            });
            assert_eq!(raised.state, "42501", "{grants}: {raised:?}");
            assert!(
                raised.message.contains("rev_rights"),
                "{grants}: {raised:?}"
            );
            assert_eq!(state_of("rev_rights"), before, "{grants}");
        };
        denied("SELECT");
        denied("SELECT, INSERT, DELETE, TRUNCATE, REFERENCES, TRIGGER");
        run("DELETE FROM rev_rights");
        denied("SELECT");
        denied("SELECT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER");
    }

    /// Who may not select the table does not learn that the revision is there.
    #[pg_test]
    fn revert_without_select_changes_nothing() {
        writer("rev_blind");
        tracked("rev_unseen");
        let first = revision("rev_unseen", "INSERT INTO rev_unseen VALUES (1, 'hush', 1)");
        run(
            "UPDATE rev_unseen SET v = 'b'; GRANT INSERT, UPDATE, DELETE ON rev_unseen TO rev_blind",
        );
        let before = state_of("rev_unseen");
        let raised = as_role("rev_blind", || {
            error(&format!("SELECT directus_versions.revert({first})"))
        });
        assert!(
            ["42501", "P0002"].contains(&raised.state.as_str()),
            "{raised:?}"
        );
        assert!(!format!("{raised:?}").contains("hush"), "{raised:?}");
        assert_eq!(state_of("rev_unseen"), before);
    }

    /// A right on the column is enough for the column.
    #[pg_test]
    fn revert_of_a_field_with_the_right_on_it() {
        writer("rev_column");
        tracked("rev_columns");
        let first = revision("rev_columns", "INSERT INTO rev_columns VALUES (1, 'a', 1)");
        run("UPDATE rev_columns SET v = 'b', n = 2;
             GRANT SELECT, UPDATE (v) ON rev_columns TO rev_column");
        as_role("rev_column", || {
            assert_eq!(
                state(&format!("SELECT directus_versions.revert({first})")),
                "42501"
            );
            assert_eq!(
                state(&format!(
                    "SELECT directus_versions.revert({first}, '{{n}}')"
                )),
                "42501"
            );
            assert_eq!(
                state(&format!(
                    "SELECT directus_versions.revert({first}, '{{v}}')"
                )),
                "00000"
            );
        });
        shows("SELECT v || n FROM rev_columns", "a2");
    }

    /// A column that the caller may not select takes no part, and no value of it gets out.
    #[pg_test]
    fn revert_of_a_row_with_a_column_that_is_not_the_caller_s() {
        writer("rev_half");
        run(
            "CREATE TABLE rev_halves (id int PRIMARY KEY, v text, secret text);
             SELECT directus_versions.track('rev_halves')",
        );
        let first = revision(
            "rev_halves",
            "INSERT INTO rev_halves VALUES (1, 'a', 'hush')",
        );
        run("UPDATE rev_halves SET v = 'b', secret = 'hush 2';
             GRANT SELECT (id, v), UPDATE (id, v) ON rev_halves TO rev_half");
        let call = format!("SELECT directus_versions.revert({first}, '{{secret}}')");
        as_role("rev_half", || match state(&call).as_str() {
            "00000" => assert_eq!(text(&call), None),
            other => assert!(["42501", "42703"].contains(&other), "{other}"),
        });
        as_role("rev_half", || {
            run(&format!(
                "SELECT directus_versions.revert({first}, '{{v}}')"
            ));
        });
        shows("SELECT v || secret FROM rev_halves", "ahush 2");
    }

    fn secured(name: &str, role: &str, policies: &str) {
        writer(role);
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, belongs name, v text);
             ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;
             {policies};
             GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {role};
             SELECT directus_versions.track('{name}')"
        ));
    }

    fn refused_by_row_security(name: &str, role: &str, revision: i64) {
        let before = state_of(name);
        let raised = as_role(role, || {
            error(&format!("SELECT directus_versions.revert({revision})"))
        });
        assert_eq!(raised.state, "42501", "{raised:?}");
        assert_eq!(state_of(name), before);
    }

    /// The row may be seen and not written: nothing is updated, and that is no success.
    #[pg_test]
    fn revert_of_a_row_that_row_security_keeps_from_update() {
        secured(
            "rev_rls_using",
            "rev_rls_using_role",
            "CREATE POLICY seen ON rev_rls_using FOR SELECT USING (true);
             CREATE POLICY own ON rev_rls_using FOR UPDATE USING (belongs = current_user)",
        );
        let first = revision(
            "rev_rls_using",
            "INSERT INTO rev_rls_using VALUES (1, 'another', 'a')",
        );
        run("UPDATE rev_rls_using SET v = 'b'");
        refused_by_row_security("rev_rls_using", "rev_rls_using_role", first);
    }

    /// The row may be written and not made what it was.
    #[pg_test]
    fn revert_to_a_row_that_row_security_refuses() {
        secured(
            "rev_rls_check",
            "rev_rls_check_role",
            "CREATE POLICY own ON rev_rls_check USING (true) WITH CHECK (belongs = current_user)",
        );
        let first = revision(
            "rev_rls_check",
            "INSERT INTO rev_rls_check VALUES (1, 'another', 'a')",
        );
        run("UPDATE rev_rls_check SET belongs = 'rev_rls_check_role'");
        refused_by_row_security("rev_rls_check", "rev_rls_check_role", first);
        let done = as_role("rev_rls_check_role", || {
            state(&format!(
                "SELECT directus_versions.revert({first}, '{{v}}')"
            ))
        });
        assert_eq!(done, "00000");
    }

    #[pg_test]
    fn revert_of_a_row_that_row_security_hides() {
        secured(
            "rev_rls_hidden",
            "rev_rls_hidden_role",
            "CREATE POLICY own ON rev_rls_hidden USING (belongs = current_user)",
        );
        let first = revision(
            "rev_rls_hidden",
            "INSERT INTO rev_rls_hidden VALUES (1, 'another', 'hush')",
        );
        run("UPDATE rev_rls_hidden SET v = 'b'");
        let before = state_of("rev_rls_hidden");
        let raised = as_role("rev_rls_hidden_role", || {
            error(&format!("SELECT directus_versions.revert({first})"))
        });
        assert!(
            ["42501", "P0002"].contains(&raised.state.as_str()),
            "{raised:?}"
        );
        assert!(!format!("{raised:?}").contains("hush"), "{raised:?}");
        assert_eq!(state_of("rev_rls_hidden"), before);
    }

    /// The owner of the extension is not the owner of the table: its rights are not lent.
    #[pg_test]
    fn revert_runs_triggers_and_defaults_as_the_caller() {
        writer("rev_plain");
        tracked("rev_lent");
        run("CREATE TABLE rev_lent_seen (who name);
             GRANT INSERT ON rev_lent_seen TO PUBLIC;
             CREATE FUNCTION rev_lent_fn() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN INSERT INTO rev_lent_seen VALUES (current_user); RETURN NEW; END $$;
             CREATE TRIGGER b BEFORE UPDATE ON rev_lent FOR EACH ROW EXECUTE FUNCTION rev_lent_fn();
             GRANT SELECT, UPDATE ON rev_lent TO rev_plain");
        let first = revision("rev_lent", "INSERT INTO rev_lent VALUES (1, 'a', 1)");
        run("UPDATE rev_lent SET v = 'b'; DELETE FROM rev_lent_seen");
        as_role("rev_plain", || revert(first));
        shows(
            "SELECT string_agg(who, ' ') FROM rev_lent_seen",
            "rev_plain",
        );
    }

    #[pg_test]
    fn revert_of_a_revoked_right_says_so() {
        writer("rev_revoked");
        tracked("rev_taken_away");
        let first = revision(
            "rev_taken_away",
            "INSERT INTO rev_taken_away VALUES (1, 'a', 1)",
        );
        run(
            "UPDATE rev_taken_away SET v = 'b'; GRANT SELECT, UPDATE ON rev_taken_away TO rev_revoked",
        );
        as_role("rev_revoked", || assert!(revert(first).is_some()));
        let last = newest("rev_taken_away");
        run("UPDATE rev_taken_away SET v = 'c'; REVOKE UPDATE ON rev_taken_away FROM rev_revoked");
        let raised = as_role("rev_revoked", || {
            error(&format!("SELECT directus_versions.revert({last})"))
        });
        assert_eq!(raised.state, "42501");
        run("SELECT directus_versions.revoke_access('rev_revoked')");
        let raised = as_role("rev_revoked", || {
            error(&format!("SELECT directus_versions.revert({last})"))
        });
        assert_eq!(raised.state, "42501");
        shows("SELECT v FROM rev_taken_away", "c");
    }

    /// What stands in the caller's schemas is never called in place of what is meant.
    #[pg_test]
    fn revert_calls_nothing_of_the_caller_s() {
        tracked("rev_path");
        let first = revision("rev_path", "INSERT INTO rev_path VALUES (1, 'a', 1)");
        run("CREATE SCHEMA rev_evil;
             CREATE FUNCTION rev_evil.stop(int, int) RETURNS boolean LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$;
             CREATE FUNCTION rev_evil.stop(text, text) RETURNS boolean LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$;
             CREATE FUNCTION rev_evil.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$;
             CREATE OPERATOR rev_evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = rev_evil.stop);
             CREATE OPERATOR rev_evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = rev_evil.stop);
             CREATE DOMAIN rev_evil.int4 AS text; CREATE DOMAIN rev_evil.text AS pg_catalog.int4;
             CREATE TABLE rev_evil.rev_path (id int, v text, n int);
             UPDATE rev_path SET v = 'b'");
        run("SET LOCAL search_path = rev_evil, pg_catalog, public");
        run(&format!("SELECT directus_versions.revert({first})"));
        run("SET LOCAL search_path = public; DELETE FROM rev_path");
        run("SET LOCAL search_path = rev_evil, pg_catalog, public");
        run(&format!("SELECT directus_versions.revert({first})"));
        run("SET LOCAL search_path = public");
        shows("SELECT concat(id, v, n) FROM rev_path", "1a1");
        assert_eq!(int("SELECT count(*) FROM rev_evil.rev_path"), 0);
    }

    /// A domain's check runs as who writes, one within another type as the domain's owner: never as the table's.
    #[pg_test]
    fn revert_lends_a_domain_s_owner_nothing() {
        run("CREATE ROLE rev_domain_owner; CREATE ROLE rev_table_owner;
             GRANT CREATE ON SCHEMA public TO rev_domain_owner, rev_table_owner;
             SELECT directus_versions.grant_access('rev_table_owner', 'manage');
             CREATE TYPE rev_mood AS ENUM ('sad', 'glad');
             SET ROLE rev_domain_owner;
             CREATE TABLE rev_seen (who name); GRANT INSERT ON rev_seen TO PUBLIC;
             CREATE FUNCTION rev_spy(anyelement) RETURNS boolean LANGUAGE plpgsql AS
                 'BEGIN INSERT INTO public.rev_seen VALUES (current_user); RETURN true; END';
             CREATE DOMAIN rev_feeling AS rev_mood; CREATE TYPE rev_pair AS (f rev_feeling);
             SET ROLE rev_table_owner;
             CREATE TABLE rev_checked (id int PRIMARY KEY, f rev_feeling, p rev_pair);
             INSERT INTO rev_checked VALUES (2, 'sad', ROW('sad'));
             SELECT directus_versions.track('rev_checked')");
        let first = revision(
            "rev_checked",
            "INSERT INTO rev_checked VALUES (1, 'sad', ROW('sad'))",
        );
        run("UPDATE rev_checked SET f = 'glad', p = ROW('glad');
             SET ROLE rev_domain_owner;
             ALTER DOMAIN rev_feeling ADD CHECK (public.rev_spy(VALUE)) NOT VALID;
             RESET ROLE; DELETE FROM rev_seen");
        shows(
            "SELECT f || (p).f::text FROM directus_versions.as_of(NULL::rev_checked, now() - interval '1 year')",
            "sadsad",
        );
        revert(first);
        shows(
            "SELECT f || (p).f::text FROM rev_checked WHERE id = 1",
            "sadsad",
        );
        let me = text("SELECT current_user").unwrap();
        shows(
            "SELECT string_agg(DISTINCT who, ' ' ORDER BY who) FROM rev_seen",
            &format!("{me} rev_domain_owner"),
        );
    }

    #[pg_test]
    fn revert_of_a_dropped_table_s_revision() {
        tracked("rev_gone");
        let first = revision("rev_gone", "INSERT INTO rev_gone VALUES (1, 'a', 1)");
        run("DROP TABLE rev_gone; CREATE TABLE rev_gone (id int PRIMARY KEY, v text, n int)");
        let raised = refused("rev_gone", first);
        assert!(
            ["55000", "42P01", "P0002"].contains(&raised.state.as_str()),
            "{raised:?}"
        );
        run("SELECT directus_versions.relink('rev_gone', 'rev_gone')");
        assert!(revert(first).is_some());
        shows("SELECT concat(id, v, n) FROM rev_gone", "1a1");
    }
}
