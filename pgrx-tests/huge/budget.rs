//! Rows and documents at the edge of what one jsonb holds.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{int, run, shows, table, yes};
    use pgrx::prelude::*;

    /// 256 values of nearly a megabyte fit by themselves; with the small ones beside them they do not.
    #[pg_test]
    fn huge_row_of_many_values_that_just_do_not_fit() {
        let columns = |letter: &str, count: usize| -> Vec<String> {
            (1..=count).map(|n| format!("{letter}{n} text")).collect()
        };
        let values = |size: usize, count: usize| vec![format!("repeat('x', {size})"); count];
        let columns = [columns("l", 256), columns("m", 30), columns("s", 60)].concat();
        let values = [values(1_048_000, 256), values(6000, 30), values(100, 60)].concat();
        run(&format!(
            "CREATE TABLE huge_budget (id int PRIMARY KEY, {});
             SELECT directus_versions.track('huge_budget');
             INSERT INTO huge_budget VALUES (42, {})",
            columns.join(", "),
            values.join(", ")
        ));
        // Each use of `delta` beside its fields would unpack it once for each field.
        let rows = table(
            "WITH e AS MATERIALIZED (
                 SELECT e.key, left(e.key, 1) AS letter, e.value, jsonb_typeof(e.value) = 'object' AS marked
                 FROM directus_versions.revisions r, jsonb_each(r.delta) e
                 WHERE r.collection = 'huge_budget'),
             f AS (
                 SELECT e.*, CASE letter WHEN 'l' THEN 1048000 WHEN 'm' THEN 6000 ELSE 100 END AS size
                 FROM e)
             SELECT (SELECT item FROM directus_versions.activity WHERE collection = 'huge_budget'),
                    min(value::text) FILTER (WHERE key = 'id'), count(*), bool_or(marked),
                    bool_and(CASE
                        WHEN marked THEN
                            value ?& '{omitted,sha256}' AND (value ->> 'length')::int = size
                        ELSE key = 'id' OR length(value #>> '{}') = size
                    END)
             FROM f",
        );
        let row: Vec<&str> = rows[0]
            .iter()
            .map(|cell| cell.as_deref().unwrap_or("NULL"))
            .collect();
        assert_eq!(row, ["42", "42", "347", "true", "true"]);
        assert_eq!(rows.len(), 1);
    }

    /// Each number takes 131,001 digits as jsonb shows it, and a few bytes as json says it.
    #[pg_test]
    fn huge_numbers_of_a_json_document() {
        run("CREATE TABLE huge_numbers (id int PRIMARY KEY, v json);
             SELECT directus_versions.track('huge_numbers');
             SET LOCAL statement_timeout = '60s';
             INSERT INTO huge_numbers VALUES (1, ('[' || repeat('1e131000,', 9000) || '1]')::json);
             SET LOCAL statement_timeout = 0");
        shows(
            "SELECT item FROM directus_versions.activity WHERE collection = 'huge_numbers'",
            "1",
        );
        assert!(yes(
            "SELECT (directus_versions._overlaid(NULL::huge_numbers, l.change, true)).v::text = t.v::text
             FROM huge_numbers t, directus_versions.log l
             JOIN directus_versions.collection c ON c.id = l.collection AND c.name = 'huge_numbers'"
        ));
        assert_eq!(
            int("SELECT delta -> 'id' FROM directus_versions.revisions
                 WHERE collection = 'huge_numbers'"),
            1
        );
    }
}
