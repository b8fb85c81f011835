//! Tables of every kind, and several tables.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::revert::{is_again, keep, newest, refused, revert, revision, tracked};
    use crate::pg_tests::support::{run, shows};
    use pgrx::prelude::*;

    #[pg_test]
    fn revert_in_a_table_whose_key_was_given() {
        run("CREATE TABLE rev_given_key (a int, b text, v int);
             SELECT directus_versions.track('rev_given_key', key => '{b,a}')");
        let first = revision(
            "rev_given_key",
            "INSERT INTO rev_given_key VALUES (1, 'x', 1)",
        );
        run("INSERT INTO rev_given_key VALUES (2, 'x', 1)");
        keep("rev_given_key");
        run("UPDATE rev_given_key SET v = 2 WHERE a = 1");
        revert(first);
        is_again("rev_given_key");
        run("DELETE FROM rev_given_key WHERE a = 1");
        revert(first);
        is_again("rev_given_key");
    }

    /// NULL in a key that was given is a value as any other.
    #[pg_test]
    fn revert_of_a_row_with_null_in_its_key() {
        run("CREATE TABLE rev_null_key (a int, b text, v int);
             SELECT directus_versions.track('rev_null_key', key => '{b,a}')");
        let first = revision(
            "rev_null_key",
            "INSERT INTO rev_null_key VALUES (NULL, 'x', 1)",
        );
        run("INSERT INTO rev_null_key VALUES (1, 'x', 1); UPDATE rev_null_key SET v = 2");
        assert!(revert(first).is_some());
        shows(
            "SELECT string_agg(concat(coalesce(a, 0), v), ' ' ORDER BY a NULLS FIRST) FROM rev_null_key",
            "01 12",
        );
    }

    /// Which of two rows is meant cannot be told: then none is written.
    #[pg_test]
    fn revert_of_a_key_that_two_rows_have() {
        run(
            "CREATE TABLE rev_twice (a int, v int); SELECT directus_versions.track('rev_twice', key => '{a}')",
        );
        let first = revision("rev_twice", "INSERT INTO rev_twice VALUES (1, 1)");
        run("UPDATE rev_twice SET v = 2; INSERT INTO rev_twice VALUES (1, 3)");
        refused("rev_twice", first);
        shows(
            "SELECT string_agg(v::text, ' ' ORDER BY v) FROM rev_twice",
            "2 3",
        );
    }

    #[pg_test]
    fn revert_in_a_table_that_was_renamed_and_moved() {
        tracked("rev_moved");
        let first = revision("rev_moved", "INSERT INTO rev_moved VALUES (1, 'a', 1)");
        run("UPDATE rev_moved SET v = 'b';
             CREATE SCHEMA rev_away; ALTER TABLE rev_moved SET SCHEMA rev_away;
             ALTER TABLE rev_away.rev_moved RENAME TO moved;
             CREATE TABLE rev_moved (id int PRIMARY KEY, v text, n int); INSERT INTO rev_moved VALUES (1, 'other', 1)");
        assert!(revert(first).is_some());
        shows("SELECT v FROM rev_away.moved", "a");
        shows("SELECT v FROM rev_moved", "other");
    }

    #[pg_test]
    fn revert_of_a_row_that_refers_to_itself() {
        run(
            "CREATE TABLE rev_self (id int PRIMARY KEY, up int REFERENCES rev_self);
             SELECT directus_versions.track('rev_self')",
        );
        let first = revision("rev_self", "INSERT INTO rev_self VALUES (1, 1)");
        keep("rev_self");
        run("DELETE FROM rev_self");
        revert(first);
        is_again("rev_self");
    }

    /// A rule would take the write elsewhere; the table is what is meant.
    #[pg_test]
    fn revert_of_a_row_below_an_updatable_view() {
        tracked("rev_below");
        run(
            "CREATE VIEW rev_above AS SELECT id, v FROM rev_below WHERE n > 0 WITH CHECK OPTION;
             INSERT INTO rev_below VALUES (1, 'a', 1)",
        );
        let first = newest("rev_below");
        keep("rev_below");
        run("UPDATE rev_above SET v = 'b'; UPDATE rev_below SET n = 0");
        revert(first);
        is_again("rev_below");
    }

    #[pg_test]
    fn revert_after_tracking_began_anew() {
        tracked("rev_anew");
        let first = revision("rev_anew", "INSERT INTO rev_anew VALUES (1, 'a', 1)");
        run(
            "SELECT directus_versions.untrack('rev_anew'); UPDATE rev_anew SET v = 'b', n = 2;
             SELECT directus_versions.track('rev_anew')",
        );
        assert!(revert(first).is_some());
        shows("SELECT concat(v, n) FROM rev_anew", "a1");
    }

    /// It was deleted while nothing was recorded: it is not there, and so it is created.
    #[pg_test]
    fn revert_of_an_item_that_went_unseen() {
        tracked("rev_unseen_del");
        let first = revision(
            "rev_unseen_del",
            "INSERT INTO rev_unseen_del VALUES (1, 'a', 1)",
        );
        keep("rev_unseen_del");
        run(
            "SELECT directus_versions.untrack('rev_unseen_del'); DELETE FROM rev_unseen_del;
             SELECT directus_versions.track('rev_unseen_del')",
        );
        assert!(revert(first).is_some());
        is_again("rev_unseen_del");
    }
}
