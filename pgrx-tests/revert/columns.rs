//! Reverting to a time when the table had other columns.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::revert::{is_again, keep, revert, revision, tracked};
    use crate::pg_tests::support::{run, shows};
    use pgrx::prelude::*;

    /// The column was not there: what it holds now is left alone.
    #[pg_test]
    fn revert_to_before_a_column_was_added() {
        tracked("rev_added");
        let first = revision("rev_added", "INSERT INTO rev_added VALUES (1, 'a', 1)");
        run("UPDATE rev_added SET v = 'b';
             ALTER TABLE rev_added ADD filled text NOT NULL DEFAULT 'def', ADD plain int;
             UPDATE rev_added SET filled = 'set', plain = 5, n = 2");
        assert!(revert(first).is_some());
        shows(
            "SELECT concat(v, n, ' ', filled, plain) FROM rev_added",
            "a1 set5",
        );
        run("DELETE FROM rev_added");
        assert!(revert(first).is_some());
        shows(
            "SELECT concat(v, n, ' ', filled, coalesce(plain::text, '-')) FROM rev_added",
            "a1 def-",
        );
    }

    #[pg_test]
    fn revert_to_before_a_column_was_renamed() {
        tracked("rev_renamed");
        let first = revision("rev_renamed", "INSERT INTO rev_renamed VALUES (1, 'a', 1)");
        run("UPDATE rev_renamed SET v = 'b'; ALTER TABLE rev_renamed RENAME v TO w");
        assert!(revert(first).is_some());
        shows("SELECT w FROM rev_renamed", "a");
        run("DELETE FROM rev_renamed");
        assert!(revert(first).is_some());
        shows("SELECT w FROM rev_renamed", "a");
    }

    #[pg_test]
    fn revert_to_before_columns_swapped_their_names() {
        run(
            "CREATE TABLE rev_swapped (id int PRIMARY KEY, a text, b text);
             SELECT directus_versions.track('rev_swapped')",
        );
        let first = revision(
            "rev_swapped",
            "INSERT INTO rev_swapped VALUES (1, 'a', 'b')",
        );
        run("UPDATE rev_swapped SET a = 'A', b = 'B';
             ALTER TABLE rev_swapped RENAME a TO c; ALTER TABLE rev_swapped RENAME b TO a;
             ALTER TABLE rev_swapped RENAME c TO b");
        assert!(revert(first).is_some());
        shows("SELECT concat(a, b) FROM rev_swapped", "ba");
        run("DELETE FROM rev_swapped");
        assert!(revert(first).is_some());
        shows("SELECT concat(a, b) FROM rev_swapped", "ba");
    }

    #[pg_test]
    fn revert_to_before_a_column_was_dropped() {
        tracked("rev_dropped");
        let first = revision("rev_dropped", "INSERT INTO rev_dropped VALUES (1, 'a', 1)");
        run("UPDATE rev_dropped SET v = 'b', n = 2; ALTER TABLE rev_dropped DROP v");
        assert!(revert(first).is_some());
        shows("SELECT n FROM rev_dropped", "1");
        run("DELETE FROM rev_dropped");
        assert!(revert(first).is_some());
        shows("SELECT n FROM rev_dropped", "1");
        // All that changed since is gone with the column.
        assert_eq!(revert(first), None);
    }

    /// A new column of the old name is not the old column.
    #[pg_test]
    fn revert_to_before_a_column_was_dropped_and_added_again() {
        tracked("rev_renewed");
        let first = revision(
            "rev_renewed",
            "INSERT INTO rev_renewed VALUES (1, 'old', 1)",
        );
        run("UPDATE rev_renewed SET n = 2;
             ALTER TABLE rev_renewed DROP v; ALTER TABLE rev_renewed ADD v text DEFAULT 'def';
             UPDATE rev_renewed SET v = 'new'");
        assert!(revert(first).is_some());
        shows("SELECT n || v FROM rev_renewed", "1new");
        run("DELETE FROM rev_renewed");
        assert!(revert(first).is_some());
        shows("SELECT n || v FROM rev_renewed", "1def");
    }

    #[pg_test]
    fn revert_to_before_a_column_became_wider() {
        tracked("rev_wider");
        let first = revision("rev_wider", "INSERT INTO rev_wider VALUES (1, 'a', 1)");
        run(
            "ALTER TABLE rev_wider ALTER n TYPE numeric, ALTER v TYPE varchar(20);
             UPDATE rev_wider SET n = 1.5, v = 'b'",
        );
        assert!(revert(first).is_some());
        shows("SELECT v || n FROM rev_wider", "a1");
    }

    /// A column that became generated since is computed, not written.
    #[pg_test]
    fn revert_to_before_a_column_was_generated() {
        tracked("rev_generated");
        let first = revision(
            "rev_generated",
            "INSERT INTO rev_generated VALUES (1, 'a', 1)",
        );
        run("UPDATE rev_generated SET n = 2;
             ALTER TABLE rev_generated ADD twice int GENERATED ALWAYS AS (n * 2) STORED");
        assert!(revert(first).is_some());
        shows("SELECT concat(n, twice) FROM rev_generated", "12");
        run("DELETE FROM rev_generated");
        assert!(revert(first).is_some());
        shows("SELECT concat(n, twice) FROM rev_generated", "12");
    }

    #[pg_test]
    fn revert_in_a_table_with_columns_dropped_before() {
        run("CREATE TABLE rev_holes (gone int, id int PRIMARY KEY, also_gone text, v text, last int);
             ALTER TABLE rev_holes DROP gone, DROP also_gone;
             SELECT directus_versions.track('rev_holes')");
        let first = revision("rev_holes", "INSERT INTO rev_holes VALUES (1, 'a', 1)");
        keep("rev_holes");
        run("UPDATE rev_holes SET v = 'b', last = 2");
        revert(first);
        is_again("rev_holes");
        run("DELETE FROM rev_holes");
        revert(first);
        is_again("rev_holes");
    }

    /// As wide as a table can be.
    #[pg_test]
    fn revert_of_fifteen_hundred_columns() {
        let columns: Vec<String> = (1..=1500).map(|n| format!("c{n} int")).collect();
        run(&format!(
            "CREATE TABLE rev_wide (id int PRIMARY KEY, {}); SELECT directus_versions.track('rev_wide')",
            columns.join(", ")
        ));
        let first = revision(
            "rev_wide",
            "INSERT INTO rev_wide (id, c1, c750, c1500) VALUES (1, 1, 2, 3)",
        );
        keep("rev_wide");
        let all: Vec<String> = (1..=1500).map(|n| format!("c{n} = {n}")).collect();
        run(&format!("UPDATE rev_wide SET {}", all.join(", ")));
        revert(first);
        is_again("rev_wide");
        run("DELETE FROM rev_wide");
        revert(first);
        is_again("rev_wide");
    }
}
