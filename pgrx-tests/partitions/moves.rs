//! Rows that change their partition: one update each, whatever the triggers do.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::partitions::{count, partitioned, partitioned_keyless};
    use crate::pg_tests::support::{check_history, entries, run, shows};
    use pgrx::prelude::*;

    #[pg_test]
    fn partitions_row_that_moves_is_one_update() {
        partitioned("par_move");
        run("INSERT INTO par_move VALUES (1, 1, 'a');
             UPDATE par_move SET n = 12 WHERE id = 1;
             UPDATE par_move SET n = 99, v = 'b' WHERE id = 1;
             UPDATE par_move SET n = 2 WHERE id = 1");
        assert_eq!(
            entries("par_move"),
            [
                r#"create [1, 1] {"n": 1, "v": "a", "id": 1}"#,
                r#"update [1, 12] {"n": 12} was {"n": 1}"#,
                r#"update [1, 99] {"n": 99, "v": "b"} was {"n": 12, "v": "a"}"#,
                r#"update [1, 2] {"n": 2} was {"n": 99}"#,
            ]
        );
        check_history("par_move");
    }

    #[pg_test]
    fn partitions_row_that_moves_keeps_a_key_of_its_own() {
        partitioned_keyless("par_movekey");
        run(
            "INSERT INTO par_movekey VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c');
             UPDATE par_movekey SET n = 2 WHERE id = 1;
             UPDATE par_movekey SET n = n % 2 + 1, v = v || '!' WHERE id < 3",
        );
        let mut tail = entries("par_movekey").split_off(3);
        tail.sort();
        assert_eq!(
            tail,
            [
                r#"update 1 {"n": 1, "v": "a!"} was {"n": 2, "v": "a"}"#,
                r#"update 1 {"n": 2} was {"n": 1}"#,
                r#"update 2 {"n": 1, "v": "b!"} was {"n": 2, "v": "b"}"#,
            ]
        );
        check_history("par_movekey");
    }

    #[pg_test]
    fn partitions_many_rows_moving_and_staying_in_one_statement() {
        partitioned("par_mix");
        run(
            "INSERT INTO par_mix SELECT i, i % 30, 'v' || i FROM generate_series(1, 600) i;
             UPDATE par_mix SET n = (n + 5) % 30 WHERE id % 2 = 0;
             UPDATE par_mix SET n = n + 1, v = v || '!';
             UPDATE par_mix SET n = n + 10, id = id + 1000",
        );
        assert_eq!(
            [
                count("par_mix", "create"),
                count("par_mix", "update"),
                count("par_mix", "delete")
            ],
            [600, 300 + 600 + 600, 0]
        );
        check_history("par_mix");
    }

    #[pg_test]
    fn partitions_row_that_moves_by_merge_and_from_function() {
        partitioned("par_moves2");
        run(
            "INSERT INTO par_moves2 VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c');
             MERGE INTO par_moves2 t USING (VALUES (1), (2), (9)) s(id) ON t.id = s.id
                 WHEN MATCHED AND t.id = 1 THEN UPDATE SET n = 11
                 WHEN MATCHED THEN DELETE
                 WHEN NOT MATCHED THEN INSERT VALUES (s.id, 15, 'new');
             WITH m AS (UPDATE par_moves2 SET n = 19 WHERE id = 3 RETURNING *)
             UPDATE par_moves2 SET v = 'read ' || m.n FROM m WHERE par_moves2.id = 1",
        );
        let mut tail = entries("par_moves2").split_off(3);
        tail.sort();
        assert_eq!(
            tail,
            [
                r#"create [9, 15] {"n": 15, "v": "new", "id": 9}"#,
                r#"delete [2, 2] was {"n": 2, "v": "b", "id": 2}"#,
                r#"update [1, 11] {"n": 11} was {"n": 1}"#,
                r#"update [1, 11] {"v": "read 19"} was {"v": "a"}"#,
                r#"update [3, 19] {"n": 19} was {"n": 3}"#,
            ]
        );
        check_history("par_moves2");
    }

    #[pg_test]
    fn partitions_moved_row_suppressed_by_the_target_is_a_delete() {
        partitioned("par_stop");
        run("CREATE FUNCTION par_stop_fn() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN IF NEW.id % 3 = 0 THEN RETURN NULL; END IF; NEW.v := upper(NEW.v); RETURN NEW; END $$;
             CREATE TRIGGER b BEFORE INSERT ON par_stop_b FOR EACH ROW EXECUTE FUNCTION par_stop_fn();
             INSERT INTO par_stop SELECT i, i % 3 + 1, 'v' || i FROM generate_series(1, 9) i;
             UPDATE par_stop SET n = CASE WHEN id = 8 THEN 9 ELSE n + 10 END");
        assert_eq!(
            [count("par_stop", "update"), count("par_stop", "delete")],
            [6, 3]
        );
        let all = entries("par_stop");
        assert!(
            all.contains(&r#"delete [3, 1] was {"n": 1, "v": "v3", "id": 3}"#.into()),
            "{all:?}"
        );
        assert!(
            all.contains(&r#"update [1, 12] {"n": 12, "v": "V1"} was {"n": 2, "v": "v1"}"#.into()),
            "{all:?}"
        );
        assert!(
            all.contains(&r#"update [8, 9] {"n": 9} was {"n": 3}"#.into()),
            "{all:?}"
        );
        shows("SELECT count(*) FROM par_stop", "6");
        check_history("par_stop");
    }

    #[pg_test]
    fn partitions_moved_row_suppressed_at_the_end_of_the_statement() {
        partitioned("par_stop1");
        run("CREATE FUNCTION par_stop1_fn() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RETURN NULL; END $$;
             CREATE TRIGGER b BEFORE INSERT ON par_stop1_b FOR EACH ROW EXECUTE FUNCTION par_stop1_fn();
             INSERT INTO par_stop1 VALUES (1, 1, 'a'), (2, 2, 'b');
             UPDATE par_stop1 SET n = 11 WHERE id = 2;
             INSERT INTO par_stop1 VALUES (2, 2, 'again');
             UPDATE par_stop1 SET n = 11 WHERE id = 1; UPDATE par_stop1 SET v = 'x'");
        assert_eq!(
            entries("par_stop1")[2..],
            [
                r#"delete [2, 2] was {"n": 2, "v": "b", "id": 2}"#,
                r#"create [2, 2] {"n": 2, "v": "again", "id": 2}"#,
                r#"delete [1, 1] was {"n": 1, "v": "a", "id": 1}"#,
                r#"update [2, 2] {"v": "x"} was {"v": "again"}"#,
            ]
        );
        check_history("par_stop1");
    }

    #[pg_test]
    fn partitions_move_prevented_at_the_source_is_nothing() {
        partitioned("par_keep");
        run("CREATE FUNCTION par_keep_fn() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN IF OLD.v = 'stay' THEN RETURN NULL; END IF; RETURN OLD; END $$;
             CREATE TRIGGER b BEFORE DELETE ON par_keep_a FOR EACH ROW EXECUTE FUNCTION par_keep_fn();
             INSERT INTO par_keep VALUES (1, 1, 'stay'), (2, 2, 'go'), (3, 3, 'stay');
             UPDATE par_keep SET n = n + 10");
        assert_eq!(
            entries("par_keep")[3..],
            [r#"update [2, 12] {"n": 12} was {"n": 2}"#]
        );
        check_history("par_keep");
    }

    #[pg_test]
    fn partitions_moved_row_rekeyed_by_the_target() {
        partitioned("par_rekey");
        run("CREATE FUNCTION par_rekey_fn() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN NEW.id := NEW.id + 100; RETURN NEW; END $$;
             CREATE TRIGGER b BEFORE INSERT ON par_rekey_b FOR EACH ROW EXECUTE FUNCTION par_rekey_fn();
             INSERT INTO par_rekey VALUES (1, 1, 'a'), (2, 2, 'b');
             UPDATE par_rekey SET n = n + 10");
        shows(
            "SELECT string_agg(id::text, ',' ORDER BY id) FROM par_rekey",
            "101,102",
        );
        check_history("par_rekey");
    }

    #[pg_test]
    fn partitions_row_that_moves_and_is_touched_by_triggers() {
        partitioned("par_trg");
        run(
            "CREATE FUNCTION par_trg_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 BEGIN
                     UPDATE par_trg SET v = v || '+' WHERE id = NEW.id;
                     IF NEW.id = 2 THEN RAISE EXCEPTION 'back'; END IF;
                 EXCEPTION WHEN raise_exception THEN NULL;
                 END;
                 RETURN NULL;
             END $$;
             CREATE TRIGGER zz AFTER INSERT OR UPDATE OF n ON par_trg
                 FOR EACH ROW EXECUTE FUNCTION par_trg_fn();
             INSERT INTO par_trg VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c');
             UPDATE par_trg SET n = n + 10;
             UPDATE par_trg SET n = n - 10 WHERE id = 1",
        );
        check_history("par_trg");
        assert_eq!(count("par_trg", "delete"), 0);
        assert_eq!(count("par_trg", "create"), 3);
    }

    #[pg_test]
    fn partitions_moved_row_takes_its_dependents_along() {
        partitioned("par_ref");
        run("CREATE TABLE par_ref_dep (k int PRIMARY KEY, id int, n int,
                 FOREIGN KEY (id, n) REFERENCES par_ref ON UPDATE CASCADE ON DELETE CASCADE);
             SELECT directus_versions.track('par_ref_dep');
             INSERT INTO par_ref VALUES (1, 1, 'a'), (2, 2, 'b');
             INSERT INTO par_ref_dep VALUES (7, 1, 1), (8, 2, 2);
             UPDATE par_ref SET n = 15 WHERE id = 1;
             DELETE FROM par_ref WHERE id = 2");
        assert_eq!(
            entries("par_ref_dep")[2..],
            [
                r#"update 7 {"n": 15} was {"n": 1}"#,
                r#"delete 8 was {"k": 8, "n": 2, "id": 2}"#
            ]
        );
        check_history("par_ref");
        check_history("par_ref_dep");
    }

    #[pg_test]
    fn partitions_move_rolled_back_to_a_block() {
        partitioned("par_back");
        run("INSERT INTO par_back VALUES (1, 1, 'a');
             DO $$ BEGIN
                 BEGIN UPDATE par_back SET n = 15; RAISE EXCEPTION 'back';
                 EXCEPTION WHEN raise_exception THEN NULL; END;
                 UPDATE par_back SET n = 16;
             END $$");
        assert_eq!(
            entries("par_back")[1..],
            [r#"update [1, 16] {"n": 16} was {"n": 1}"#]
        );
        check_history("par_back");
    }

    #[pg_test]
    fn partitions_moved_over_two_levels() {
        run("CREATE TABLE par_deep (id int, n int, v text, PRIMARY KEY (n, id)) PARTITION BY RANGE (n);
             CREATE TABLE par_deep_l PARTITION OF par_deep FOR VALUES FROM (0) TO (100) PARTITION BY LIST (n);
             CREATE TABLE par_deep_l1 PARTITION OF par_deep_l FOR VALUES IN (1);
             CREATE TABLE par_deep_l2 (v text, id int NOT NULL, n int NOT NULL);
             ALTER TABLE par_deep_l ATTACH PARTITION par_deep_l2 FOR VALUES IN (2);
             CREATE TABLE par_deep_h PARTITION OF par_deep FOR VALUES FROM (100) TO (200);
             SELECT directus_versions.track('par_deep');
             INSERT INTO par_deep VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 150, 'c');
             UPDATE par_deep SET n = 2 WHERE id = 1;
             UPDATE par_deep_l SET n = 1 WHERE id = 1;
             UPDATE par_deep SET n = 150 + id;
             UPDATE par_deep SET n = 2 WHERE id = 3");
        assert_eq!(
            entries("par_deep")[3..5],
            [
                r#"update [2, 1] {"n": 2} was {"n": 1}"#,
                r#"update [1, 1] {"n": 1} was {"n": 2}"#
            ]
        );
        assert_eq!(count("par_deep", "update"), 2 + 3 + 1);
        assert_eq!(count("par_deep", "delete"), 0);
        check_history("par_deep");
    }

    #[pg_test]
    fn partitions_rows_of_two_tables_moved_by_one_statement() {
        partitioned("par_both1");
        partitioned("par_both2");
        run("INSERT INTO par_both1 SELECT i, i % 10, 'v' FROM generate_series(1, 40) i;
             INSERT INTO par_both2 SELECT i, i % 20, 'v' FROM generate_series(1, 40) i;
             WITH first AS (UPDATE par_both1 SET n = n + 10 WHERE id % 3 <> 0 RETURNING id, n)
             UPDATE par_both2 b SET n = (b.n + 10) % 20, v = 'w' || f.n FROM first f WHERE f.id = b.id");
        for name in ["par_both1", "par_both2"] {
            assert_eq!(
                [count(name, "update"), count(name, "delete")],
                [27, 0],
                "{name}"
            );
            check_history(name);
        }
    }

    #[pg_test]
    fn partitions_row_moved_on_by_a_trigger() {
        partitioned("par_on");
        run(
            "CREATE FUNCTION par_on_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF NEW.n < 20 THEN UPDATE par_on SET n = n + 10 WHERE id = NEW.id; END IF;
                 RETURN NULL;
             END $$;
             CREATE TRIGGER zz AFTER UPDATE ON par_on FOR EACH ROW EXECUTE FUNCTION par_on_fn();
             CREATE TRIGGER zz2 AFTER INSERT ON par_on_b FOR EACH ROW EXECUTE FUNCTION par_on_fn();
             INSERT INTO par_on VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 15, 'c');
             UPDATE par_on SET n = n + 1, v = v || '!'",
        );
        assert_eq!(count("par_on", "delete"), 0);
        assert_eq!(count("par_on", "create"), 3);
        check_history("par_on");
    }

    #[pg_test]
    fn partitions_moved_out_of_and_into_a_detached_table() {
        partitioned("par_swap");
        run("INSERT INTO par_swap VALUES (1, 1, 'a'), (2, 12, 'b');
             ALTER TABLE par_swap DETACH PARTITION par_swap_b;
             UPDATE par_swap SET n = 13 WHERE id = 1");
        assert_eq!(
            entries("par_swap")[2..],
            [r#"update [1, 13] {"n": 13} was {"n": 1}"#],
            "to the default partition"
        );
        run(
            "WITH gone AS (DELETE FROM par_swap WHERE id = 1 RETURNING id, n, v)
             INSERT INTO par_swap_b (id, n, v) SELECT * FROM gone",
        );
        assert_eq!(
            entries("par_swap")[3..],
            [r#"delete [1, 13] was {"n": 13, "v": "a", "id": 1}"#]
        );
    }
}
