//! Rows that lie in partitions and inheritance children.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::revert::{is_again, keep, recorded, refused, revert, revision};
    use crate::pg_tests::support::{run, shows};
    use pgrx::prelude::*;

    /// Partitions of which one has its columns in another order.
    fn partitioned(name: &str, key: &str, options: &str) {
        run(&format!(
            "CREATE TABLE {name} (id int, n int, v text{key}) PARTITION BY RANGE (n);
             CREATE TABLE {name}_a PARTITION OF {name} FOR VALUES FROM (0) TO (10);
             CREATE TABLE {name}_b (v text, gone int, n int NOT NULL, id int NOT NULL);
             ALTER TABLE {name}_b DROP gone;
             ALTER TABLE {name} ATTACH PARTITION {name}_b FOR VALUES FROM (10) TO (20);
             SELECT directus_versions.track('{name}'{options})"
        ));
    }

    #[pg_test]
    fn revert_moves_a_row_back_to_its_partition() {
        partitioned("rev_move", "", ", key => '{id}'");
        let first = revision("rev_move", "INSERT INTO rev_move VALUES (1, 1, 'a')");
        keep("rev_move");
        run("UPDATE rev_move SET n = 15, v = 'b'");
        let done = revert(first).unwrap();
        is_again("rev_move");
        shows("SELECT count(*) FROM rev_move_a", "1");
        assert_eq!(
            recorded(done),
            format!(r#"update 1 {{"n": 1, "v": "a"}} {{"n": 15, "v": "b"}} {first}"#)
        );
    }

    #[pg_test]
    fn revert_moves_a_row_whose_partition_is_in_its_key() {
        partitioned("rev_move_key", ", PRIMARY KEY (id, n)", "");
        let first = revision(
            "rev_move_key",
            "INSERT INTO rev_move_key VALUES (1, 1, 'a')",
        );
        let moved = revision("rev_move_key", "UPDATE rev_move_key SET n = 15, v = 'b'");
        keep("rev_move_key");
        let done = revert(first).unwrap();
        shows("SELECT concat(id, ' ', n, v) FROM rev_move_key_a", "1 1a");
        assert!(
            recorded(done).starts_with("update [1, 1] "),
            "{}",
            recorded(done)
        );
        revert(moved);
        is_again("rev_move_key");
    }

    #[pg_test]
    fn revert_brings_a_row_back_into_its_partition() {
        partitioned("rev_put", ", PRIMARY KEY (id, n)", "");
        run("INSERT INTO rev_put VALUES (1, 1, 'a'), (2, 12, 'b')");
        keep("rev_put");
        run("DELETE FROM rev_put_a; DELETE FROM rev_put");
        run(
            "SELECT directus_versions.revert(id) FROM directus_versions.revisions
             WHERE collection = 'rev_put' AND delta IS NULL",
        );
        is_again("rev_put");
        shows("SELECT concat(id, n, v) FROM rev_put_b", "212b");
    }

    #[pg_test]
    fn revert_where_no_partition_takes_the_row_any_more() {
        partitioned("rev_nowhere", "", ", key => '{id}'");
        let first = revision("rev_nowhere", "INSERT INTO rev_nowhere VALUES (1, 1, 'a')");
        run("UPDATE rev_nowhere SET n = 15; DROP TABLE rev_nowhere_a");
        assert_eq!(refused("rev_nowhere", first).state, "23514");
    }

    #[pg_test]
    fn revert_of_a_row_of_an_inheritance_child() {
        run("CREATE TABLE rev_base (id int PRIMARY KEY, v text);
             CREATE TABLE rev_heir (extra text) INHERITS (rev_base);
             SELECT directus_versions.track('rev_base')");
        let first = revision("rev_base", "INSERT INTO rev_heir VALUES (1, 'a', 'x')");
        run("INSERT INTO rev_base VALUES (2, 'b'); UPDATE rev_base SET v = v || '!'");
        assert!(revert(first).is_some());
        shows(
            "SELECT concat(tableoid::regclass, ' ', id, v) FROM rev_base WHERE id = 1",
            "rev_heir 1a",
        );
        shows("SELECT v FROM rev_base WHERE id = 2", "b!");
    }
}
