//! Rows that lie in partitions and inheritance children.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::history::{check, column, steps};
    use crate::pg_tests::support::run;
    use pgrx::prelude::*;

    /// Partitions of which one has its columns in another order.
    fn partitioned(name: &str, key: &str) {
        run(&format!(
            "CREATE TABLE {name} (id int, n int, v text {}) PARTITION BY RANGE (n);
             CREATE TABLE {name}_a PARTITION OF {name} FOR VALUES FROM (0) TO (10);
             CREATE TABLE {name}_b (v text, gone int, n int NOT NULL, id int NOT NULL);
             ALTER TABLE {name}_b DROP gone;
             ALTER TABLE {name} ATTACH PARTITION {name}_b FOR VALUES FROM (10) TO (20);
             SELECT directus_versions.track('{name}'{})",
            if key.is_empty() {
                ", PRIMARY KEY (id, n)"
            } else {
                ""
            },
            key
        ));
    }

    #[pg_test]
    fn history_of_a_row_that_moves_between_partitions() {
        partitioned("his_range", "");
        run("INSERT INTO his_range VALUES (1, 1, 'a'), (1, 2, 'other');
             UPDATE his_range SET n = 12 WHERE n = 1;
             UPDATE his_range_b SET v = 'b';
             UPDATE his_range SET n = 3, v = 'c' WHERE n = 12");
        let told = [
            r#"create {"n": 1, "v": "a", "id": 1}"#,
            r#"update {"n": 12, "v": "a", "id": 1}"#,
            r#"update {"n": 12, "v": "b", "id": 1}"#,
            r#"update {"n": 3, "v": "c", "id": 1}"#,
        ];
        assert_eq!(steps("his_range", "[1, 3]"), told);
        assert_eq!(steps("his_range", "[1, 12]"), told);
        assert_eq!(steps("his_range", "[1, 1]"), told[..2]);
        check("his_range");
    }

    #[pg_test]
    fn history_of_rows_that_move_under_a_key_of_their_own() {
        partitioned("his_own", ", key => '{id}'");
        run(
            "INSERT INTO his_own SELECT i, i, 'v' || i FROM generate_series(1, 19) i;
             UPDATE his_own SET n = 20 - n;
             UPDATE his_own SET v = v || '!' WHERE id % 2 = 0;
             CREATE TABLE his_own_c PARTITION OF his_own FOR VALUES FROM (20) TO (30);
             UPDATE his_own SET n = n + 10 WHERE n >= 10;
             TRUNCATE his_own_a",
        );
        assert_eq!(column("his_own", "5", "data ->> 'n'"), ["5", "15", "25"]);
        check("his_own");
    }

    #[pg_test]
    fn history_of_an_older_row_in_a_partition() {
        run(
            "CREATE TABLE his_oldpart (id int, n int, v text) PARTITION BY RANGE (n);
             CREATE TABLE his_oldpart_a PARTITION OF his_oldpart FOR VALUES FROM (0) TO (10);
             CREATE TABLE his_oldpart_b (v text, n int, id int);
             ALTER TABLE his_oldpart ATTACH PARTITION his_oldpart_b FOR VALUES FROM (10) TO (20);
             INSERT INTO his_oldpart VALUES (1, 1, 'a');
             SELECT directus_versions.track('his_oldpart', key => '{id}');
             UPDATE his_oldpart SET v = 'b'; UPDATE his_oldpart SET n = 11; UPDATE his_oldpart_b SET v = 'c'",
        );
        assert_eq!(
            steps("his_oldpart", "1"),
            [
                r#"update {"n": 1, "v": "b", "id": 1}"#,
                r#"update {"n": 11, "v": "b", "id": 1}"#,
                r#"update {"n": 11, "v": "c", "id": 1}"#,
            ]
        );
    }

    #[pg_test]
    fn history_of_a_row_of_an_inheritance_child() {
        run("CREATE TABLE his_parent (id int PRIMARY KEY, v text);
             CREATE TABLE his_child (extra text) INHERITS (his_parent);
             SELECT directus_versions.track('his_parent');
             INSERT INTO his_parent VALUES (1, 'a');
             INSERT INTO his_child VALUES (2, 'b', 'x');
             UPDATE his_parent SET v = v || '!';
             UPDATE his_child SET v = v || '?'");
        assert_eq!(column("his_parent", "1", "data ->> 'v'"), ["a", "a!"]);
        assert_eq!(
            column("his_parent", "2", "data ->> 'v'"),
            ["b", "b!", "b!?"]
        );
    }
}
