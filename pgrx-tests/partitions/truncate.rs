//! TRUNCATE of partitioned tables: one activity for the statement, one delete for each row.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::partitions::count;
    use crate::pg_tests::support::{check_history, entries, int, run};
    use pgrx::prelude::*;

    /// Partitions 0..10, 10..20 and, itself partitioned, 20..40; a user's trigger before TRUNCATE of
    /// each writes to a tracked table, and its name sorts before and after ours.
    fn busy(name: &str) {
        run(&format!(
            "CREATE TABLE {name} (id int, n int, v text, PRIMARY KEY (id, n)) PARTITION BY RANGE (n);
             CREATE TABLE {name}_a PARTITION OF {name} FOR VALUES FROM (0) TO (10);
             CREATE TABLE {name}_b PARTITION OF {name} FOR VALUES FROM (10) TO (20);
             CREATE TABLE {name}_s PARTITION OF {name} FOR VALUES FROM (20) TO (40) PARTITION BY RANGE (n);
             CREATE TABLE {name}_s1 PARTITION OF {name}_s FOR VALUES FROM (20) TO (30);
             CREATE TABLE {name}_s2 PARTITION OF {name}_s FOR VALUES FROM (30) TO (40);
             CREATE TABLE {name}_note (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, of text);
             SELECT directus_versions.track('{name}'), directus_versions.track('{name}_note');
             CREATE FUNCTION {name}_fn() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN INSERT INTO {name}_note (of) VALUES (TG_TABLE_NAME); RETURN NULL; END $$"
        ));
        for part in ["", "_a", "_b", "_s", "_s1", "_s2"] {
            for trigger in ["  first", "zz last"] {
                run(&format!(
                    "CREATE TRIGGER \"{trigger}\" BEFORE TRUNCATE ON {name}{part}
                     EXECUTE FUNCTION {name}_fn()"
                ));
            }
        }
    }

    fn fill(name: &str) {
        run(&format!(
            "INSERT INTO {name} SELECT i, i % 40, 'v' FROM generate_series(1, 80) i"
        ));
    }

    fn counts(name: &str) -> [i64; 2] {
        [count(name, "truncate"), count(name, "delete")]
    }

    #[pg_test]
    fn partitions_truncate_with_a_trigger_that_writes() {
        busy("par_trunc");
        fill("par_trunc");
        run("TRUNCATE par_trunc");
        assert_eq!(counts("par_trunc"), [1, 80]);
        let all = entries("par_trunc");
        assert_eq!(all[80], "truncate", "it comes before its deletes");
        assert_eq!(
            int("SELECT count(DISTINCT item) FROM directus_versions.activity
                 WHERE collection = 'par_trunc' AND action = 'delete'"),
            80
        );
        assert_eq!(count("par_trunc_note", "create"), 12);
        check_history("par_trunc");
        check_history("par_trunc_note");
    }

    #[pg_test]
    fn partitions_truncate_again_in_the_same_transaction() {
        busy("par_trunc2");
        fill("par_trunc2");
        run("TRUNCATE par_trunc2");
        fill("par_trunc2");
        run("TRUNCATE par_trunc2_a");
        assert_eq!(counts("par_trunc2"), [2, 80 + 20]);
        run("TRUNCATE par_trunc2_s");
        assert_eq!(counts("par_trunc2"), [3, 80 + 20 + 40]);
        run("TRUNCATE par_trunc2_b");
        assert_eq!(counts("par_trunc2"), [4, 160]);
        check_history("par_trunc2");
        fill("par_trunc2");
        run("TRUNCATE par_trunc2");
        assert_eq!(counts("par_trunc2"), [5, 240]);
        run("TRUNCATE par_trunc2; TRUNCATE par_trunc2_a");
        assert_eq!(counts("par_trunc2"), [7, 240], "empty tables too");
        check_history("par_trunc2");
    }

    #[pg_test]
    fn partitions_truncate_of_parent_and_partition_together() {
        busy("par_trunc3");
        for (number, list) in [
            "par_trunc3, par_trunc3_a",
            "par_trunc3_a, par_trunc3",
            "par_trunc3_s1, par_trunc3_note, par_trunc3, par_trunc3_s",
        ]
        .iter()
        .enumerate()
        {
            let done = i64::try_from(number).unwrap() + 1;
            fill("par_trunc3");
            run(&format!("TRUNCATE {list}"));
            assert_eq!(counts("par_trunc3"), [done, 80 * done], "{list}");
            check_history("par_trunc3");
        }
    }
}
