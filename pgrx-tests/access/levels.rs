//! What PUBLIC may, and what `grant_access` and `revoke_access` give and take.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::access::{as_role, grants};
    use crate::pg_tests::support::{error, int, run, state, table, text, yes};
    use pgrx::prelude::*;

    const READING: [&str; 3] = ["activity", "collections", "revisions"];
    const WRITING: [&str; 2] = ["comment", "log_activity"];
    const MANAGING: [&str; 4] = ["set_scope", "track", "track_schema", "untrack"];

    fn grants_to(role: &str) -> Vec<String> {
        let end = format!(" to {role}");
        grants()
            .into_iter()
            .filter(|grant| grant.ends_with(&end))
            .collect()
    }

    /// Tell whether a role may call the functions of this name: all of them, or none.
    fn may_call(role: &str, function: &str) -> bool {
        let sql = format!(
            "SELECT CASE WHEN bool_and(may) THEN 'all' WHEN bool_or(may) THEN 'some' ELSE 'none' END
             FROM (SELECT has_function_privilege('{role}', oid, 'EXECUTE') AS may FROM pg_proc
                   WHERE pronamespace = 'directus_versions'::regnamespace
                     AND proname = '{function}') p
             HAVING count(*) > 0"
        );
        match text(&sql).as_deref() {
            Some("all") => true,
            Some("none") => false,
            other => panic!("{function}: {other:?}"),
        }
    }

    fn may_read(role: &str, relation: &str) -> bool {
        yes(&format!(
            "SELECT has_table_privilege('{role}', 'directus_versions.{relation}', 'SELECT')"
        ))
    }

    fn check_level(role: &str, read: bool, write: bool, manage: bool) {
        for relation in READING {
            assert_eq!(may_read(role, relation), read, "{role} reads {relation}");
        }
        for function in WRITING {
            assert_eq!(may_call(role, function), write, "{role} calls {function}");
        }
        for function in MANAGING {
            assert_eq!(may_call(role, function), manage, "{role} calls {function}");
        }
    }

    #[pg_test]
    fn access_public_has_context_and_item_alone() {
        assert_eq!(
            grants(),
            [
                "function item_of EXECUTE to PUBLIC",
                "function set_context EXECUTE to PUBLIC",
                "schema directus_versions USAGE to PUBLIC",
            ]
        );
    }

    #[pg_test]
    fn access_public_sees_nothing_and_sets_its_context() {
        run("CREATE ROLE access_nobody;
             CREATE TABLE access_public_t (id int PRIMARY KEY);
             GRANT SELECT ON access_public_t TO access_nobody;
             SELECT directus_versions.track('access_public_t');
             INSERT INTO access_public_t VALUES (7)");
        as_role("access_nobody", || {
            for relation in [
                "activity",
                "revisions",
                "collections",
                "log",
                "context",
                "collection",
            ] {
                let sql = format!("SELECT count(*) FROM directus_versions.{relation}");
                assert_eq!(state(&sql), "42501", "{relation}");
            }
            for call in [
                "track('access_public_t')",
                "set_scope('access_public_t', accountability => 'none')",
                "untrack('access_public_t')",
                "comment('access_public_t', 1, 'hello')",
                "log_activity('login')",
                "grant_access('access_nobody', 'read')",
                "revoke_access('access_nobody')",
            ] {
                assert_eq!(
                    state(&format!("SELECT directus_versions.{call}")),
                    "42501",
                    "{call}"
                );
            }
            run("SELECT directus_versions.set_context(actor => 'ada')");
            assert_eq!(
                text("SELECT current_setting('directus_versions.actor')").unwrap(),
                "ada"
            );
            assert_eq!(
                text("SELECT directus_versions.item_of(t) FROM access_public_t t").unwrap(),
                "7"
            );
        });
    }

    #[pg_test]
    fn access_levels_hold_those_before() {
        for role in [
            "access_level_read",
            "access_level_write",
            "access_level_manage",
        ] {
            run(&format!("CREATE ROLE {role}"));
            check_level(role, false, false, false);
            let level = role.trim_start_matches("access_level_");
            run(&format!(
                "SELECT directus_versions.grant_access('{role}', '{level}')"
            ));
        }
        check_level("access_level_read", true, false, false);
        check_level("access_level_write", true, true, false);
        check_level("access_level_manage", true, true, true);
    }

    #[pg_test]
    fn access_levels_open_no_storage() {
        for level in ["read", "write", "manage"] {
            let role = format!("access_storage_{level}");
            run(&format!(
                "CREATE ROLE {role}; SELECT directus_versions.grant_access('{role}', '{level}')"
            ));
            let open = table(&format!(
                "SELECT c.relname FROM pg_class c
                 WHERE c.relnamespace = 'directus_versions'::regnamespace
                   AND (c.oid IN (SELECT relid FROM pg_partition_tree('directus_versions.log'))
                        OR c.relname = 'context')
                   AND has_table_privilege('{role}', c.oid,
                       'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')"
            ));
            assert!(open.is_empty(), "{role} reaches {open:?}");
            assert!(!yes(&format!(
                "SELECT has_schema_privilege('{role}', 'directus_versions', 'CREATE')"
            )));
            as_role(&role, || {
                assert_eq!(state("SELECT count(*) FROM directus_versions.log"), "42501");
            });
        }
    }

    #[pg_test]
    fn access_only_our_owner_grants() {
        run("CREATE ROLE access_granter;
             SELECT directus_versions.grant_access('access_granter', 'manage')");
        as_role("access_granter", || {
            for call in [
                "grant_access('access_granter', 'read')",
                "revoke_access('access_granter')",
            ] {
                assert_eq!(
                    state(&format!("SELECT directus_versions.{call}")),
                    "42501",
                    "{call}"
                );
            }
        });
    }

    #[pg_test]
    fn access_revoke_takes_all_back() {
        run("CREATE ROLE access_revoked");
        run("SELECT directus_versions.revoke_access('access_revoked')");
        for level in ["read", "write", "manage"] {
            run(&format!(
                "SELECT directus_versions.grant_access('access_revoked', '{level}')"
            ));
            run(&format!(
                "SELECT directus_versions.grant_access('access_revoked', '{level}')"
            ));
            assert!(!grants_to("access_revoked").is_empty(), "{level}");
            run("SELECT directus_versions.revoke_access('access_revoked')");
            assert_eq!(grants_to("access_revoked"), [""; 0], "{level}");
            check_level("access_revoked", false, false, false);
        }
        run("DROP ROLE access_revoked");
    }

    #[pg_test]
    fn access_odd_role_names_are_quoted() {
        run(r#"CREATE ROLE "access O'Hara, ""read""""#);
        run(r#"SELECT directus_versions.grant_access('"access O''Hara, ""read"""', 'read')"#);
        assert_eq!(
            int("SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a
                 JOIN pg_roles r ON r.oid = a.grantee
                 WHERE c.oid = 'directus_versions.revisions'::regclass
                   AND r.rolname = 'access O''Hara, \"read\"'"),
            1
        );
    }

    #[pg_test]
    fn access_unknown_level_is_refused() {
        run("CREATE ROLE access_leveller");
        let raised = error("SELECT directus_versions.grant_access('access_leveller', 'root')");
        assert_eq!(raised.state, "22023");
        assert!(raised.message.contains("\"root\""), "{raised:?}");
        assert_eq!(grants_to("access_leveller"), [""; 0]);
    }

    #[pg_test]
    fn access_log_activity_takes_no_action_of_tracked_tables() {
        run("CREATE ROLE access_logger;
             SELECT directus_versions.grant_access('access_logger', 'write')");
        as_role("access_logger", || {
            for action in ["create", "update", "delete", "truncate"] {
                let call = format!("SELECT directus_versions.log_activity('{action}')");
                assert_eq!(state(&call), "22023", "{action}");
            }
            assert!(int("SELECT directus_versions.log_activity('access_login')") > 0);
        });
        assert_eq!(
            table("SELECT role_name FROM directus_versions.activity WHERE action = 'access_login'"),
            [[Some("access_logger".to_owned())]]
        );
    }

    #[pg_test]
    fn access_comment_needs_select() {
        run("CREATE ROLE access_commenter;
             SELECT directus_versions.grant_access('access_commenter', 'write');
             CREATE TABLE access_commented (id int PRIMARY KEY);
             SELECT directus_versions.track('access_commented');
             INSERT INTO access_commented VALUES (1)");
        let call = "SELECT directus_versions.comment('access_commented', 1, 'well done')";
        as_role("access_commenter", || assert_eq!(state(call), "42501"));
        run("GRANT SELECT ON access_commented TO access_commenter");
        as_role("access_commenter", || assert!(int(call) > 0));
        assert_eq!(
            table(
                "SELECT item, comment FROM directus_versions.activity
                   WHERE collection = 'access_commented' AND action = 'comment'"
            ),
            [[Some("1".to_owned()), Some("well done".to_owned())]]
        );
    }

    #[pg_test]
    fn access_recording_is_switched_off_by_superusers_alone() {
        run("CREATE ROLE access_switcher;
             SELECT directus_versions.grant_access('access_switcher', 'manage')");
        as_role("access_switcher", || {
            assert_eq!(state("SET LOCAL directus_versions.enabled = off"), "42501");
            assert_eq!(
                state("SELECT set_config('directus_versions.enabled', 'off', true)"),
                "42501"
            );
        });
        assert_eq!(state("SET LOCAL directus_versions.enabled = off"), "00000");
    }
}
