//! Row security of the table holds for its history: a reader is shown the items whose live row it
//! may see.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::access::{as_role, readers};
    use crate::pg_tests::support::{Row, run, table, text};
    use pgrx::prelude::*;

    const VIEWS: [&str; 2] = ["activity", "revisions"];

    fn items(relation: &str, collection: &str) -> Vec<String> {
        let rows: Vec<Row> = table(&format!(
            "SELECT DISTINCT item FROM directus_versions.{relation}
             WHERE collection = '{collection}' ORDER BY item"
        ));
        rows.into_iter()
            .filter_map(|row| row.into_iter().next().flatten())
            .collect()
    }

    fn check_items(collection: &str, expected: &[&str]) {
        for relation in VIEWS {
            assert_eq!(
                items(relation, collection),
                expected,
                "{relation} of {collection}"
            );
        }
    }

    /// A table whose rows belong to roles, with items 1 of `reader`, 2 of another, 3 deleted.
    fn table_of(name: &str, reader: &str) {
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, belongs name, v text);
             ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON {name} USING (belongs = current_user);
             GRANT SELECT ON {name} TO {reader};
             SELECT directus_versions.track('{name}');
             INSERT INTO {name} VALUES (1, '{reader}', 'a'), (2, 'another', 'a'), (3, '{reader}', 'a');
             UPDATE {name} SET v = 'b';
             DELETE FROM {name} WHERE id = 3"
        ));
    }

    #[pg_test]
    fn access_rows_are_those_of_the_live_table() {
        readers(&["access_rows_reader"]);
        table_of("access_rows", "access_rows_reader");
        check_items("access_rows", &["1", "2", "3"]);
        as_role("access_rows_reader", || check_items("access_rows", &["1"]));
        run("UPDATE access_rows SET belongs = 'access_rows_reader' WHERE id = 2");
        as_role("access_rows_reader", || {
            check_items("access_rows", &["1", "2"]);
        });
        run("UPDATE access_rows SET belongs = 'another' WHERE id = 1");
        as_role("access_rows_reader", || check_items("access_rows", &["2"]));
    }

    #[pg_test]
    fn access_rows_of_the_owner_are_all_unless_forced() {
        readers(&["access_rows_owner"]);
        table_of("access_rows_owned", "access_rows_owner");
        run("ALTER TABLE access_rows_owned OWNER TO access_rows_owner");
        as_role("access_rows_owner", || {
            check_items("access_rows_owned", &["1", "2", "3"]);
        });
        run("ALTER TABLE access_rows_owned FORCE ROW LEVEL SECURITY");
        as_role("access_rows_owner", || {
            check_items("access_rows_owned", &["1"]);
        });
        check_items("access_rows_owned", &["1", "2", "3"]);
    }

    #[pg_test]
    fn access_rows_are_all_for_who_bypasses_security() {
        readers(&["access_rows_free"]);
        table_of("access_rows_bypassed", "access_rows_free");
        run("ALTER ROLE access_rows_free BYPASSRLS");
        as_role("access_rows_free", || {
            check_items("access_rows_bypassed", &["1", "2", "3"]);
        });
        run("ALTER ROLE access_rows_free NOBYPASSRLS");
        as_role("access_rows_free", || {
            check_items("access_rows_bypassed", &["1"]);
        });
    }

    #[pg_test]
    fn access_rows_need_a_policy() {
        readers(&["access_rows_unruled"]);
        table_of("access_rows_closed", "access_rows_unruled");
        run("DROP POLICY own ON access_rows_closed");
        as_role("access_rows_unruled", || {
            check_items("access_rows_closed", &[]);
        });
        run("ALTER TABLE access_rows_closed DISABLE ROW LEVEL SECURITY");
        as_role("access_rows_unruled", || {
            check_items("access_rows_closed", &["1", "2", "3"]);
        });
    }

    #[pg_test]
    fn access_rows_with_a_key_of_several_columns() {
        readers(&["access_rows_pairs"]);
        run(
            "CREATE TABLE access_pairs (a text, b int, belongs name, PRIMARY KEY (b, a));
             ALTER TABLE access_pairs ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON access_pairs USING (belongs = current_user);
             GRANT SELECT ON access_pairs TO access_rows_pairs;
             SELECT directus_versions.track('access_pairs');
             INSERT INTO access_pairs VALUES
                 ('it''s \"x\"', 1, 'access_rows_pairs'), ('y', 1, 'another')",
        );
        as_role("access_rows_pairs", || {
            check_items("access_pairs", &[r#"[1, "it's \"x\""]"#]);
        });
    }

    #[pg_test]
    fn access_rows_with_keys_of_other_types() {
        readers(&["access_rows_typed"]);
        for (name, kind, mine, other) in [
            (
                "access_rows_uuid",
                "uuid",
                "6ee0e9c6-0d43-44c0-b4c4-9f1d3d7c2c11",
                "7ee0e9c6-0d43-44c0-b4c4-9f1d3d7c2c11",
            ),
            ("access_rows_numeric", "numeric(10,2)", "1.50", "2.50"),
            (
                "access_rows_moment",
                "timestamptz",
                "2026-01-01 12:00:00+00",
                "2026-01-02 12:00:00+00",
            ),
            (
                "access_rows_domain",
                "information_schema.sql_identifier",
                "a b",
                "c d",
            ),
        ] {
            run(&format!(
                "CREATE TABLE {name} (id {kind} PRIMARY KEY, belongs name);
                 ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY own ON {name} USING (belongs = current_user);
                 GRANT SELECT ON {name} TO access_rows_typed;
                 SELECT directus_versions.track('{name}');
                 INSERT INTO {name} VALUES ('{mine}', 'access_rows_typed'), ('{other}', 'another')"
            ));
            let item = text(&format!(
                "SELECT directus_versions.item_of(t) FROM {name} t WHERE belongs <> 'another'"
            ));
            run("SET LOCAL TimeZone = 'Asia/Tokyo'; SET LOCAL DateStyle = 'German, DMY'");
            as_role("access_rows_typed", || {
                check_items(name, &[item.as_deref().unwrap()]);
            });
        }
    }

    #[pg_test]
    fn access_rows_through_a_partitioned_table() {
        readers(&["access_rows_divided"]);
        run("CREATE TABLE access_divided (id int PRIMARY KEY, belongs name) PARTITION BY RANGE (id);
             CREATE TABLE access_divided_1 PARTITION OF access_divided FOR VALUES FROM (1) TO (10);
             CREATE TABLE access_divided_2 PARTITION OF access_divided FOR VALUES FROM (10) TO (20);
             ALTER TABLE access_divided ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON access_divided USING (belongs = current_user);
             GRANT SELECT ON access_divided TO access_rows_divided;
             SELECT directus_versions.track('access_divided');
             INSERT INTO access_divided VALUES (1, 'access_rows_divided'), (2, 'another');
             INSERT INTO access_divided_2 VALUES (11, 'access_rows_divided'), (12, 'another')");
        as_role("access_rows_divided", || {
            check_items("access_divided", &["1", "11"]);
        });
    }

    /// A key used again has a history of its own: what it was before stays hidden from its new owner.
    #[pg_test]
    fn access_rows_of_a_key_used_again() {
        readers(&["access_rows_second"]);
        table_of("access_rows_again", "access_rows_second");
        run("GRANT INSERT ON access_rows_again TO access_rows_second;
             INSERT INTO access_rows_again VALUES (4, 'another', 'hush'), (5, 'another', 'hush')");
        run("DELETE FROM access_rows_again WHERE id = 4");
        run("UPDATE access_rows_again SET id = 6 WHERE id = 5");
        as_role("access_rows_second", || {
            run(
                "INSERT INTO access_rows_again VALUES (4, current_user, 'open'), (5, current_user, 'open')",
            );
            check_items("access_rows_again", &["1", "4", "5"]);
            for relation in VIEWS {
                assert_eq!(
                    text(&format!(
                        "SELECT count(*) FROM directus_versions.{relation}
                         WHERE collection = 'access_rows_again' AND item IN ('4', '5')"
                    ))
                    .as_deref(),
                    Some("2"),
                    "{relation}"
                );
            }
        });
    }

    /// What a policy calls runs as the reader, never as the owner of our views.
    #[pg_test]
    fn access_rows_policy_runs_as_the_reader() {
        readers(&["access_rows_prey"]);
        run("CREATE ROLE access_rows_spider;
             CREATE SCHEMA access_web AUTHORIZATION access_rows_spider;
             GRANT USAGE ON SCHEMA access_web TO access_rows_prey");
        as_role("access_rows_spider", || {
            run("CREATE TABLE access_web.t (id int PRIMARY KEY);
                 CREATE FUNCTION access_web.seize() RETURNS boolean LANGUAGE plpgsql AS $$
                 BEGIN
                     PERFORM set_config('access.seized', current_setting('access.seized', true)
                         || current_user || ' ', true);
                     RETURN true;
                 END $$;
                 ALTER TABLE access_web.t ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY seize ON access_web.t USING (access_web.seize());
                 GRANT SELECT ON access_web.t TO access_rows_prey");
        });
        run("SELECT directus_versions.track('access_web.t');
             INSERT INTO access_web.t VALUES (1);
             SELECT set_config('access.seized', '', true)");
        as_role("access_rows_prey", || check_items("access_web.t", &["1"]));
        let seized = text("SELECT current_setting('access.seized')").unwrap();
        assert!(!seized.is_empty());
        assert!(
            seized
                .split_whitespace()
                .all(|role| role == "access_rows_prey"),
            "{seized}"
        );
    }
}
