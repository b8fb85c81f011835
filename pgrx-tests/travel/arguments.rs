//! What names no table that was ever tracked, and no time.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{error, int, run, state, table};
    use pgrx::prelude::*;

    #[pg_test]
    fn travel_needs_a_row_of_a_table() {
        run(
            "CREATE TYPE tra_pair AS (a int, b text); CREATE DOMAIN tra_domain AS int;
             CREATE TABLE tra_base (id int PRIMARY KEY); SELECT directus_versions.track('tra_base');
             CREATE DOMAIN tra_over AS tra_base;
             CREATE VIEW tra_view AS SELECT * FROM tra_base;
             CREATE MATERIALIZED VIEW tra_matview AS SELECT * FROM tra_base",
        );
        for row in [
            "NULL::int",
            "NULL::text",
            "NULL::tra_pair",
            "NULL::tra_domain",
            "NULL::tra_over",
            "NULL::tra_view",
            "NULL::tra_matview",
            "NULL::tra_base[]",
            "NULL::jsonb",
        ] {
            let raised = error(&format!(
                "SELECT * FROM directus_versions.as_of({row}, now()) a"
            ));
            assert_eq!(raised.state, "42809", "{row}");
            assert!(!raised.message.ends_with('.'), "{raised:?}");
        }
    }

    #[pg_test]
    fn travel_needs_a_tracked_table() {
        run(
            "CREATE TABLE tra_untracked (id int PRIMARY KEY); INSERT INTO tra_untracked VALUES (1)",
        );
        for row in ["NULL::tra_untracked", "NULL::pg_class"] {
            let raised = error(&format!(
                "SELECT * FROM directus_versions.as_of({row}, now())"
            ));
            assert_eq!(raised.state, "55000", "{row}");
        }
        let raised = error("SELECT * FROM directus_versions.as_of(NULL::tra_untracked, now())");
        assert!(raised.message.contains("\"tra_untracked\""), "{raised:?}");
        assert!(raised.hint.contains("track"), "{raised:?}");
    }

    /// Only the type of the first argument counts.
    #[pg_test]
    fn travel_takes_any_row_for_its_type() {
        run("CREATE TABLE tra_any (id int PRIMARY KEY, v text); SELECT directus_versions.track('tra_any');
             INSERT INTO tra_any VALUES (1, 'a'), (2, 'b')");
        for row in [
            "NULL::tra_any",
            "ROW(7, 'x')::tra_any",
            "ROW(NULL, NULL)::tra_any",
            "(SELECT t FROM tra_any t WHERE id = 1)",
        ] {
            assert_eq!(
                int(&format!(
                    "SELECT count(*) FROM directus_versions.as_of({row}, 'infinity') WHERE v IN ('a', 'b')"
                )),
                2,
                "{row}"
            );
        }
    }

    /// No time is no answer, or an argument that is refused; never the table of some time.
    #[pg_test]
    fn travel_to_no_time() {
        run("CREATE TABLE tra_null (id int PRIMARY KEY); SELECT directus_versions.track('tra_null');
             INSERT INTO tra_null VALUES (1)");
        let sql = "SELECT id FROM directus_versions.as_of(NULL::tra_null, NULL)";
        match state(sql).as_str() {
            "00000" => assert!(table(sql).is_empty()),
            other => assert!(["22023", "22004"].contains(&other), "{other}"),
        }
    }
}
