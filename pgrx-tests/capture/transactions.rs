//! What rolled back is not recorded, what stayed is, in its order.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::capture::{count, tracked};
    use crate::pg_tests::support::{check_history, entries, run, shows, state, table, text};
    use pgrx::prelude::*;

    #[pg_test]
    fn capture_row_changed_many_times_in_one_transaction() {
        tracked("cap_twice");
        run("INSERT INTO cap_twice VALUES (1, 'a', 1);
             UPDATE cap_twice SET v = 'b';
             UPDATE cap_twice SET v = 'a';
             UPDATE cap_twice SET n = 2, v = 'c';
             DELETE FROM cap_twice;
             INSERT INTO cap_twice VALUES (1, 'a', 1);
             UPDATE cap_twice SET id = 2;
             INSERT INTO cap_twice VALUES (1, 'other', 1);
             DELETE FROM cap_twice WHERE id = 2");
        assert_eq!(entries("cap_twice").len(), 9);
        check_history("cap_twice");
        shows(
            "SELECT count(DISTINCT transaction) FROM directus_versions.activity
             WHERE collection = 'cap_twice'",
            "1",
        );
    }

    #[pg_test]
    fn capture_nothing_of_a_statement_that_fails() {
        tracked("cap_fail");
        run("INSERT INTO cap_fail VALUES (1, 'a', 1)");
        let before = entries("cap_fail");
        assert_eq!(
            state("INSERT INTO cap_fail VALUES (2, 'b', 2), (3, 'c', 3), (1, 'x', 1)"),
            "23505"
        );
        assert_eq!(state("UPDATE cap_fail SET n = 1 / (id - 1)"), "22012");
        assert_eq!(
            state(
                "INSERT INTO cap_fail SELECT i, 'x', 5 FROM generate_series(10, 5000) i;
                   UPDATE cap_fail SET n = 7; TRUNCATE cap_fail; SELECT 1 / 0"
            ),
            "22012"
        );
        assert_eq!(entries("cap_fail"), before);
        run("UPDATE cap_fail SET n = 2");
        assert_eq!(entries("cap_fail").len(), 2);
        check_history("cap_fail");
    }

    #[pg_test]
    fn capture_nothing_of_a_block_that_rolled_back() {
        tracked("cap_block");
        run("DO $$ BEGIN
                 INSERT INTO cap_block VALUES (1, 'a', 1);
                 BEGIN
                     UPDATE cap_block SET v = 'lost';
                     INSERT INTO cap_block VALUES (2, 'lost', 1);
                     BEGIN
                         UPDATE cap_block SET v = 'lost too';
                         DELETE FROM cap_block WHERE id = 2;
                     END;
                     RAISE EXCEPTION 'back';
                 EXCEPTION WHEN raise_exception THEN NULL;
                 END;
                 BEGIN
                     UPDATE cap_block SET v = 'kept';
                     BEGIN
                         UPDATE cap_block SET n = 99;
                         RAISE EXCEPTION 'back';
                     EXCEPTION WHEN raise_exception THEN UPDATE cap_block SET n = 3;
                     END;
                 EXCEPTION WHEN division_by_zero THEN NULL;
                 END;
                 UPDATE cap_block SET n = 4;
             END $$");
        assert_eq!(
            entries("cap_block"),
            [
                r#"create 1 {"n": 1, "v": "a", "id": 1}"#,
                r#"update 1 {"v": "kept"} was {"v": "a"}"#,
                r#"update 1 {"n": 3} was {"n": 1}"#,
                r#"update 1 {"n": 4} was {"n": 3}"#,
            ]
        );
        check_history("cap_block");
    }

    #[pg_test]
    fn capture_many_small_blocks_kept_and_rolled_back() {
        tracked("cap_blocks");
        run("DO $$ BEGIN
                 FOR i IN 1..400 LOOP
                     BEGIN
                         INSERT INTO cap_blocks VALUES (i, 'v', i);
                         UPDATE cap_blocks SET n = -i WHERE id = i;
                         IF i % 3 = 0 THEN RAISE EXCEPTION 'back'; END IF;
                     EXCEPTION WHEN raise_exception THEN NULL;
                     END;
                 END LOOP;
             END $$");
        assert_eq!(count("cap_blocks", "create"), 267);
        assert_eq!(count("cap_blocks", "update"), 267);
        check_history("cap_blocks");
    }

    #[pg_test]
    fn capture_replica_role_is_left_out() {
        tracked("cap_replica");
        run("SET LOCAL session_replication_role = replica;
             INSERT INTO cap_replica VALUES (1, 'a', 1);
             SET LOCAL session_replication_role = origin;
             INSERT INTO cap_replica VALUES (2, 'b', 2)");
        assert_eq!(
            entries("cap_replica"),
            [r#"create 2 {"n": 2, "v": "b", "id": 2}"#]
        );
    }

    #[pg_test]
    fn capture_ids_are_in_order_of_writing() {
        tracked("cap_order");
        run("INSERT INTO cap_order VALUES (1, 'a', 1), (2, 'b', 2);
             UPDATE cap_order SET n = 5 WHERE id = 2; UPDATE cap_order SET n = 6 WHERE id = 1;
             DELETE FROM cap_order WHERE id = 2");
        let order: Vec<Option<String>> = table(
            "SELECT action || item FROM directus_versions.activity
             WHERE collection = 'cap_order' ORDER BY id",
        )
        .into_iter()
        .flatten()
        .collect();
        let order: Vec<String> = order.into_iter().flatten().collect();
        assert_eq!(
            order,
            ["create1", "create2", "update2", "update1", "delete2"]
        );
        assert_eq!(
            text("SELECT min(id) > 0 FROM directus_versions.revisions").as_deref(),
            Some("true")
        );
    }
}
