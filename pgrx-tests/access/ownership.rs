//! Only who owns a table says what is recorded of it, and it is the effective user who counts.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::access::as_role;
    use crate::pg_tests::support::{int, literal, run, state, yes};
    use pgrx::prelude::*;

    /// Every call that changes what is recorded of a table.
    fn calls(table: &str) -> [String; 3] {
        [
            format!("SELECT directus_versions.track('{table}')"),
            format!("SELECT directus_versions.set_scope('{table}', accountability => 'none')"),
            format!("SELECT directus_versions.untrack('{table}')"),
        ]
    }

    fn manager(role: &str) {
        run(&format!(
            "CREATE ROLE {role}; SELECT directus_versions.grant_access('{role}', 'manage')"
        ));
    }

    #[pg_test]
    fn access_scope_needs_ownership() {
        manager("access_owner_a");
        manager("access_owner_b");
        run("CREATE TABLE access_owned (id int PRIMARY KEY);
             ALTER TABLE access_owned OWNER TO access_owner_a;
             GRANT ALL ON access_owned TO access_owner_b");
        let [track, scope, untrack] = calls("access_owned");
        as_role("access_owner_b", || assert_eq!(state(&track), "42501"));
        as_role("access_owner_a", || assert_eq!(state(&track), "00000"));
        as_role("access_owner_b", || {
            assert_eq!(state(&scope), "42501");
            assert_eq!(state(&untrack), "42501");
        });
        run("INSERT INTO access_owned VALUES (1)");
        as_role("access_owner_a", || {
            assert_eq!(state(&scope), "00000");
            assert_eq!(state(&untrack), "00000");
        });
        run("INSERT INTO access_owned VALUES (2)");
        assert_eq!(
            int(
                "SELECT count(*) FROM directus_versions.revisions WHERE collection = 'access_owned'"
            ),
            1
        );
    }

    #[pg_test]
    fn access_scope_is_open_to_members_of_the_owner() {
        manager("access_member");
        run(
            "CREATE ROLE access_team; GRANT access_team TO access_member;
             CREATE TABLE access_teams (id int PRIMARY KEY);
             ALTER TABLE access_teams OWNER TO access_team",
        );
        as_role("access_member", || {
            for call in calls("access_teams") {
                assert_eq!(state(&call), "00000", "{call}");
            }
        });
    }

    #[pg_test]
    fn access_owner_without_level_tracks_nothing() {
        run("CREATE ROLE access_unlevelled;
             CREATE TABLE access_unlevelled_t (id int PRIMARY KEY);
             ALTER TABLE access_unlevelled_t OWNER TO access_unlevelled");
        as_role("access_unlevelled", || {
            for call in calls("access_unlevelled_t") {
                assert_eq!(state(&call), "42501", "{call}");
            }
        });
    }

    #[pg_test]
    fn access_track_never_takes_the_catalog_nor_our_own_tables() {
        manager("access_curious");
        for table in [
            "pg_catalog.pg_authid",
            "directus_versions.log",
            "directus_versions.context",
        ] {
            let call = format!("SELECT directus_versions.track('{table}')");
            as_role("access_curious", || {
                assert_ne!(state(&call), "00000", "{table}");
            });
            assert_ne!(state(&call), "00000", "{table}");
        }
    }

    #[pg_test]
    fn access_track_schema_takes_only_what_the_caller_owns() {
        manager("access_planner");
        run("CREATE SCHEMA access_shared;
             GRANT ALL ON SCHEMA access_shared TO access_planner;
             CREATE TABLE access_shared.foreign_t (id int PRIMARY KEY);
             GRANT ALL ON access_shared.foreign_t TO access_planner");
        as_role("access_planner", || {
            run("CREATE TABLE access_shared.own_t (id int PRIMARY KEY)");
            let refused = state("SELECT directus_versions.track_schema('access_shared')");
            assert!(["00000", "42501"].contains(&refused.as_str()), "{refused}");
        });
        run("INSERT INTO access_shared.foreign_t VALUES (1)");
        assert_eq!(
            int("SELECT count(*) FROM directus_versions.activity
                 WHERE collection = 'access_shared.foreign_t'"),
            0
        );
    }

    /// The trap: within SECURITY DEFINER the session's user is not the one whose rights count.
    #[pg_test]
    fn access_definer_function_has_the_rights_of_its_owner() {
        manager("access_mallory");
        run("CREATE SCHEMA access_trap AUTHORIZATION access_mallory;
             CREATE TABLE access_victim (id int PRIMARY KEY);
             CREATE TABLE access_tracked_victim (id int PRIMARY KEY);
             SELECT directus_versions.track('access_tracked_victim');
             INSERT INTO access_tracked_victim VALUES (1)");
        as_role("access_mallory", || {
            run("CREATE FUNCTION access_trap.call(command text) RETURNS text
                 LANGUAGE plpgsql SECURITY DEFINER AS $$
                 DECLARE found text;
                 BEGIN EXECUTE command INTO found; RETURN found; END $$");
        });
        for victim in ["access_victim", "access_tracked_victim"] {
            for call in calls(victim) {
                let sql = format!("SELECT access_trap.call({})", literal(&call));
                assert_eq!(state(&sql), "42501", "{call}");
            }
        }
        let comment = "SELECT directus_versions.comment('access_tracked_victim', 1, 'mine')";
        assert_eq!(
            state(&format!("SELECT access_trap.call({})", literal(comment))),
            "42501"
        );
        for relation in ["activity", "revisions", "collections"] {
            let sql = format!(
                "SELECT count(*) FROM directus_versions.{relation}
                 WHERE collection = 'access_tracked_victim'"
            );
            assert!(int(&sql) > 0, "{relation}");
            let lent = format!("SELECT access_trap.call({})", literal(&sql));
            assert_eq!(int(&lent), 0, "{relation}");
        }
        assert!(!yes(
            "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'access_victim'::regclass)"
        ));
    }

    #[pg_test]
    fn access_definer_function_of_the_owner_works_for_others() {
        manager("access_landlord");
        run("CREATE ROLE access_tenant;
             CREATE SCHEMA access_house AUTHORIZATION access_landlord;
             GRANT USAGE ON SCHEMA access_house TO access_tenant");
        as_role("access_landlord", || {
            run("CREATE TABLE access_house.t (id int PRIMARY KEY)");
            run(
                "CREATE FUNCTION access_house.start() RETURNS void LANGUAGE sql SECURITY DEFINER
                 AS $$ SELECT directus_versions.track('access_house.t') $$",
            );
        });
        as_role("access_tenant", || {
            assert_eq!(state("SELECT access_house.start()"), "00000");
        });
        run("INSERT INTO access_house.t VALUES (1)");
        assert_eq!(
            int(
                "SELECT count(*) FROM directus_versions.revisions WHERE collection = 'access_house.t'"
            ),
            1
        );
    }
}
