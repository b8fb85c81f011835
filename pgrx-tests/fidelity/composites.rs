//! Composite types: nested, NULL against a row of NULLs, changed attributes.

#[pgrx::pg_schema]
mod tests {
    use super::super::round_trip;
    use crate::pg_tests::support::{run, table};
    use pgrx::prelude::*;

    #[pg_test]
    fn fidelity_composites() {
        run("CREATE TYPE fidelity_point AS (x float8, y float8);
             CREATE TYPE fidelity_shape AS (name text, at fidelity_point, around fidelity_point[], note json)");
        round_trip(
            "fidelity_composites",
            "p fidelity_point, s fidelity_shape",
            &[
                r#"ROW('-0', 'NaN'), ROW('a "b", (c) \', ROW(1, NULL), ARRAY[ROW(1, 2)::fidelity_point, NULL], ' 1')"#,
                "NULL, NULL",
                "ROW(NULL, NULL), ROW(NULL, NULL, NULL, NULL)",
                "ROW(0, 'Infinity'), ROW('', ROW(NULL, NULL), '{}', 'null')",
                "ROW(0.1, 5e-324), ROW(NULL, NULL, '[0:0]={\"(1,2)\"}', NULL)",
                "ROW(0.1, 5e-324), ROW(repeat('x', 300000), NULL, NULL, NULL)",
            ],
        );
    }

    #[pg_test]
    fn fidelity_null_composite_is_not_a_row_of_nulls() {
        run("CREATE TYPE fidelity_two AS (a int, b int);
             CREATE TABLE fidelity_two_rows (id int PRIMARY KEY, v fidelity_two);
             SELECT directus_versions.track('fidelity_two_rows');
             INSERT INTO fidelity_two_rows VALUES (1, NULL);
             UPDATE fidelity_two_rows SET v = ROW(NULL, NULL);
             UPDATE fidelity_two_rows SET v = NULL");
        let rows = table(
            "SELECT delta, prior FROM directus_versions.revisions r
             WHERE r.collection = 'fidelity_two_rows' ORDER BY r.id",
        );
        let (null, nulls) = (r#"{"v": null}"#, r#"{"v": {"a": null, "b": null}}"#);
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[1], [Some(nulls.to_owned()), Some(null.to_owned())]);
        assert_eq!(rows[2], [Some(null.to_owned()), Some(nulls.to_owned())]);
    }

    #[pg_test]
    fn fidelity_composite_whose_attributes_changed() {
        run(
            "CREATE TYPE fidelity_changed AS (a int, gone text, b numeric);
             ALTER TYPE fidelity_changed DROP ATTRIBUTE gone, ADD ATTRIBUTE c timestamptz",
        );
        round_trip(
            "fidelity_changed_rows",
            "v fidelity_changed, l fidelity_changed[]",
            &[
                "ROW(1, 1.10, '2024-01-01 00:00+05'), ARRAY[ROW(1, 1.10, NULL)::fidelity_changed]",
                "ROW(1, 1.1, 'infinity'), ARRAY[ROW(1, 1.1, '2024-01-01 00:00+05')::fidelity_changed, NULL]",
            ],
        );
    }

    #[pg_test]
    fn fidelity_row_type_of_a_table() {
        run(
            "CREATE TABLE fidelity_source (a int, gone int, b text[], c jsonb DEFAULT 'null');
             ALTER TABLE fidelity_source DROP gone;
             INSERT INTO fidelity_source VALUES (1, '[0:0]={x}', NULL), (2, '{}', 'null')",
        );
        round_trip(
            "fidelity_table_rows",
            "v fidelity_source, l fidelity_source[]",
            &[
                "(SELECT s FROM fidelity_source s WHERE a = 1), ARRAY(SELECT s FROM fidelity_source s ORDER BY a)",
                "(SELECT s FROM fidelity_source s WHERE a = 2), '{}'",
                "ROW(NULL, NULL, NULL), '{NULL}'",
            ],
        );
    }

    /// A row stored before an attribute was added has fewer of them than its type.
    #[pg_test]
    fn fidelity_composite_stored_before_an_attribute_was_added() {
        run("CREATE TYPE fidelity_grown AS (a int);
             CREATE TABLE fidelity_grown_rows (id int PRIMARY KEY, v fidelity_grown, w int);
             INSERT INTO fidelity_grown_rows VALUES (1, ROW(7), 1);
             ALTER TYPE fidelity_grown ADD ATTRIBUTE b text;
             SELECT directus_versions.track('fidelity_grown_rows');
             UPDATE fidelity_grown_rows SET w = 2;
             DELETE FROM fidelity_grown_rows");
        let rows = table(
            "SELECT delta, prior FROM directus_versions.revisions r
             WHERE r.collection = 'fidelity_grown_rows' ORDER BY r.id",
        );
        assert_eq!(
            rows[0],
            [
                Some(r#"{"w": 2}"#.to_owned()),
                Some(r#"{"w": 1}"#.to_owned())
            ]
        );
        let last = r#"{"v": {"a": 7, "b": null}, "w": 2, "id": 1}"#;
        assert_eq!(rows[1], [None, Some(last.to_owned())]);
    }

    #[pg_test]
    fn fidelity_domains_over_composites() {
        run(
            "CREATE TYPE fidelity_money_of AS (amount numeric, unit text);
             CREATE DOMAIN fidelity_sum AS fidelity_money_of CHECK ((VALUE).amount >= 0);
             CREATE TYPE fidelity_bill AS (total fidelity_sum, parts fidelity_sum[])",
        );
        round_trip(
            "fidelity_composite_domains",
            "s fidelity_sum, l fidelity_sum[], b fidelity_bill",
            &[
                "ROW(1.10, 'EUR')::fidelity_money_of, ARRAY[ROW(2.00, NULL)::fidelity_money_of]::fidelity_sum[],
                 ROW(ROW(1, 'x')::fidelity_money_of, '{}')",
                "ROW(1.1, 'EUR')::fidelity_money_of, '[0:0]={NULL}', ROW(NULL, NULL)",
                "ROW(NULL, NULL)::fidelity_money_of, '{}',
                 ROW(ROW(0.000, '')::fidelity_money_of, ARRAY[ROW(1, '1')::fidelity_money_of]::fidelity_sum[])",
            ],
        );
    }
}
