//! Those who write or own tracked tables need no right on our schema, and what the log says of
//! them they cannot forge.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::access::as_role;
    use crate::pg_tests::support::{check_history, int, run, state, table, yes};
    use pgrx::prelude::*;

    fn actions(collection: &str, role: &str) -> Vec<String> {
        let rows = table(&format!(
            "SELECT action FROM directus_versions.activity
             WHERE collection = '{collection}' AND role_name = '{role}' ORDER BY id"
        ));
        rows.into_iter()
            .filter_map(|row| row.into_iter().next().flatten())
            .collect()
    }

    #[pg_test]
    fn access_writer_needs_no_right() {
        run("CREATE ROLE access_writer;
             CREATE TABLE access_written (id int PRIMARY KEY, v text);
             GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON access_written TO access_writer;
             SELECT directus_versions.track('access_written');
             REVOKE ALL ON SCHEMA directus_versions FROM PUBLIC");
        as_role("access_writer", || {
            run("INSERT INTO access_written VALUES (1, 'a'), (2, 'b')");
            run("UPDATE access_written SET v = 'c' WHERE id = 1");
            run("DELETE FROM access_written WHERE id = 1");
            run("TRUNCATE access_written");
        });
        assert_eq!(
            actions("access_written", "access_writer"),
            ["create", "create", "update", "delete", "truncate", "delete"]
        );
        check_history("access_written");
    }

    #[pg_test]
    fn access_writer_without_select_is_recorded() {
        run("CREATE ROLE access_blind;
             CREATE TABLE access_blind_t (id int PRIMARY KEY, v text);
             GRANT INSERT, UPDATE (v) ON access_blind_t TO access_blind;
             SELECT directus_versions.track('access_blind_t')");
        as_role("access_blind", || {
            run("INSERT INTO access_blind_t VALUES (1, 'a')");
            run("UPDATE access_blind_t SET v = 'b'");
            assert_eq!(state("SELECT v FROM access_blind_t"), "42501");
        });
        assert_eq!(
            actions("access_blind_t", "access_blind"),
            ["create", "update"]
        );
        check_history("access_blind_t");
    }

    #[pg_test]
    fn access_writer_under_row_security_is_recorded() {
        run("CREATE ROLE access_hidden_writer;
             CREATE TABLE access_hidden (id int PRIMARY KEY, v text);
             ALTER TABLE access_hidden ENABLE ROW LEVEL SECURITY;
             CREATE POLICY access_in ON access_hidden FOR INSERT WITH CHECK (true);
             GRANT SELECT, INSERT ON access_hidden TO access_hidden_writer;
             SELECT directus_versions.track('access_hidden')");
        as_role("access_hidden_writer", || {
            run("INSERT INTO access_hidden VALUES (1, 'a')");
            assert_eq!(int("SELECT count(*) FROM access_hidden"), 0);
        });
        assert_eq!(actions("access_hidden", "access_hidden_writer"), ["create"]);
        check_history("access_hidden");
    }

    #[pg_test]
    fn access_owner_changes_a_tracked_table_without_our_rights() {
        run("CREATE ROLE access_builder;
             CREATE SCHEMA access_yard AUTHORIZATION access_builder");
        as_role("access_builder", || {
            run("CREATE TABLE access_yard.t (id int PRIMARY KEY, v text)");
        });
        run("SELECT directus_versions.track('access_yard.t')");
        as_role("access_builder", || {
            run("INSERT INTO access_yard.t VALUES (1, 'a')");
            run("ALTER TABLE access_yard.t ADD COLUMN w int DEFAULT 5");
            run("ALTER TABLE access_yard.t RENAME COLUMN v TO x");
            run("UPDATE access_yard.t SET x = 'b', w = 6");
            run("ALTER TABLE access_yard.t DROP COLUMN w");
            run("ALTER TABLE access_yard.t RENAME TO u");
            run("CREATE TABLE access_yard.other (id int PRIMARY KEY)");
            run("DROP TABLE access_yard.other");
            run("DELETE FROM access_yard.u");
            run("DROP TABLE access_yard.u");
        });
        let recorded = int("SELECT count(*) FROM directus_versions.activity
             WHERE role_name = 'access_builder' AND action IN ('create', 'update', 'delete')");
        assert_eq!(recorded, 3);
    }

    /// A new partition gets the triggers of its parent with the rights of who makes it.
    #[pg_test]
    fn access_owner_adds_partitions_without_our_rights() {
        run("CREATE ROLE access_divider;
             CREATE SCHEMA access_parts AUTHORIZATION access_divider");
        as_role("access_divider", || {
            run("CREATE TABLE access_parts.t (id int PRIMARY KEY) PARTITION BY RANGE (id)");
        });
        run("SELECT directus_versions.track('access_parts.t')");
        as_role("access_divider", || {
            run(
                "CREATE TABLE access_parts.one PARTITION OF access_parts.t FOR VALUES FROM (1) TO (10)",
            );
            run("CREATE TABLE access_parts.two (id int NOT NULL);
                 ALTER TABLE access_parts.t ATTACH PARTITION access_parts.two FOR VALUES FROM (10) TO (20)");
            run("INSERT INTO access_parts.t VALUES (1), (11)");
            run("INSERT INTO access_parts.two VALUES (12)");
        });
        assert_eq!(actions("access_parts.t", "access_divider"), ["create"; 3]);
        check_history("access_parts.t");
    }

    #[pg_test]
    fn access_log_names_the_roles_whatever_the_actor_says() {
        run("CREATE ROLE access_forger; CREATE ROLE access_lender;
             CREATE TABLE access_forged (id int PRIMARY KEY);
             GRANT INSERT ON access_forged TO access_forger, access_lender;
             SELECT directus_versions.track('access_forged');
             CREATE FUNCTION access_lent() RETURNS void LANGUAGE sql SECURITY DEFINER
                 AS 'INSERT INTO access_forged VALUES (2)';
             ALTER FUNCTION access_lent() OWNER TO access_lender");
        as_role("access_forger", || {
            run("SET LOCAL directus_versions.actor = 'postgres'");
            run("INSERT INTO access_forged VALUES (1)");
            run("SELECT access_lent()");
        });
        assert!(yes(
            "SELECT array_agg(ARRAY[item, actor, role_name] ORDER BY id) =
                    '{{1,postgres,access_forger},{2,postgres,access_lender}}'
                AND bool_and(session_user_name = session_user)
             FROM directus_versions.activity WHERE collection = 'access_forged'"
        ));
    }
}
