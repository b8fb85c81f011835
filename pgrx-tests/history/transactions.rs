//! The order of what one transaction did, and what it took back.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::history::{check, column, steps, tracked};
    use crate::pg_tests::support::{int, run};
    use pgrx::prelude::*;

    #[pg_test]
    fn history_of_an_item_changed_many_times_in_a_transaction() {
        tracked("his_twice");
        run("INSERT INTO his_twice VALUES (1, 'a', 1);
             UPDATE his_twice SET v = 'b';
             UPDATE his_twice SET v = 'a';
             UPDATE his_twice SET n = 2, v = 'c';
             DELETE FROM his_twice;
             INSERT INTO his_twice VALUES (1, 'a', 1);
             UPDATE his_twice SET id = 2;
             DELETE FROM his_twice WHERE id = 2");
        assert_eq!(
            column(
                "his_twice",
                "1",
                "concat(action, ' ', data ->> 'v', data ->> 'n')"
            )[..6],
            [
                "create a1",
                "update b1",
                "update a1",
                "update c2",
                "delete c2",
                "create a1"
            ]
        );
        check("his_twice");
    }

    #[pg_test]
    fn history_has_nothing_of_what_rolled_back() {
        tracked("his_back");
        run("DO $$ BEGIN
                 INSERT INTO his_back VALUES (1, 'a', 1);
                 BEGIN
                     UPDATE his_back SET v = 'lost';
                     INSERT INTO his_back VALUES (2, 'lost', 1);
                     DELETE FROM his_back WHERE id = 1;
                     RAISE EXCEPTION 'back';
                 EXCEPTION WHEN raise_exception THEN NULL;
                 END;
                 BEGIN
                     UPDATE his_back SET v = 'kept';
                     BEGIN
                         UPDATE his_back SET id = 3;
                         RAISE EXCEPTION 'back';
                     EXCEPTION WHEN raise_exception THEN UPDATE his_back SET n = 3;
                     END;
                 END;
             END $$");
        assert_eq!(
            steps("his_back", "1"),
            [
                r#"create {"n": 1, "v": "a", "id": 1}"#,
                r#"update {"n": 1, "v": "kept", "id": 1}"#,
                r#"update {"n": 3, "v": "kept", "id": 1}"#,
            ]
        );
        assert!(steps("his_back", "3").is_empty());
        check("his_back");
    }

    /// The statement's own change comes first, whichever trigger fired first.
    fn touched_again(name: &str, trigger: &str) {
        tracked(name);
        run(&format!(
            "CREATE FUNCTION {name}_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 UPDATE {name} SET n = coalesce(n, 0) + 1 WHERE id = NEW.id; RETURN NULL;
             END $$;
             CREATE TRIGGER \"{trigger}\" AFTER INSERT OR UPDATE OF v ON {name}
                 FOR EACH ROW EXECUTE FUNCTION {name}_fn();
             INSERT INTO {name} VALUES (1, 'a', 0), (2, 'b', 10);
             UPDATE {name} SET v = v || 'x';
             UPDATE {name} SET v = v || 'y', n = n * 2 WHERE id = 2"
        ));
        assert_eq!(
            column(name, "2", "concat(action, ' ', data ->> 'v', data ->> 'n')"),
            [
                "create b10",
                "update b11",
                "update bx11",
                "update bx12",
                "update bxy24",
                "update bxy25"
            ]
        );
        check(name);
    }

    #[pg_test]
    fn history_of_a_row_that_a_trigger_changes_again() {
        touched_again("his_touch", "zz");
        touched_again("his_touch_first", " !");
    }

    #[pg_test]
    fn history_of_a_row_that_a_trigger_moves_or_deletes() {
        tracked("his_trigger");
        run(
            "CREATE FUNCTION his_trigger_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF NEW.v = 'drop' THEN DELETE FROM his_trigger WHERE id = NEW.id;
                 ELSE UPDATE his_trigger SET id = id + 100 WHERE id = NEW.id; END IF;
                 RETURN NULL;
             END $$;
             CREATE TRIGGER \" !\" AFTER INSERT OR UPDATE OF v ON his_trigger
                 FOR EACH ROW EXECUTE FUNCTION his_trigger_fn();
             INSERT INTO his_trigger VALUES (1, 'a', 0), (2, 'drop', 0), (3, 'c', 0);
             UPDATE his_trigger SET v = 'drop' WHERE id = 103",
        );
        assert_eq!(column("his_trigger", "101", "data ->> 'id'"), ["1", "101"]);
        assert_eq!(column("his_trigger", "2", "action"), ["create", "delete"]);
        assert_eq!(
            column("his_trigger", "103", "action"),
            ["create", "update", "update", "delete"]
        );
        check("his_trigger");
    }

    #[pg_test]
    fn history_of_rows_that_each_other_s_triggers_change() {
        tracked("his_others");
        run(
            "CREATE FUNCTION his_others_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 UPDATE his_others SET n = n + 1 WHERE id <> NEW.id; RETURN NULL;
             END $$;
             INSERT INTO his_others VALUES (1, 'a', 0), (2, 'b', 0), (3, 'c', 0);
             CREATE TRIGGER \" !\" AFTER UPDATE OF v ON his_others
                 FOR EACH ROW EXECUTE FUNCTION his_others_fn();
             UPDATE his_others SET v = v || '!';
             UPDATE his_others SET v = v || '?' WHERE id = 2",
        );
        assert_eq!(
            column("his_others", "3", "concat(data ->> 'v', data ->> 'n')"),
            ["c0", "c!0", "c!1", "c!2", "c!3"]
        );
        check("his_others");
    }

    #[pg_test]
    fn history_has_the_rows_that_a_truncate_took() {
        tracked("his_trunc");
        run("INSERT INTO his_trunc VALUES (1, 'a', 1), (2, 'b', 2);
             UPDATE his_trunc SET n = 3 WHERE id = 1;
             TRUNCATE his_trunc;
             INSERT INTO his_trunc VALUES (2, 'c', 3)");
        assert_eq!(
            steps("his_trunc", "1"),
            [
                r#"create {"n": 1, "v": "a", "id": 1}"#,
                r#"update {"n": 3, "v": "a", "id": 1}"#,
                r#"delete {"n": 3, "v": "a", "id": 1}"#,
            ]
        );
        assert_eq!(
            column("his_trunc", "2", "action"),
            ["create", "delete", "create"]
        );
        check("his_trunc");
    }

    #[pg_test]
    fn history_of_statements_that_do_several_things() {
        tracked("his_merge");
        run("INSERT INTO his_merge VALUES (1, 'a', 1), (2, 'b', 2);
             INSERT INTO his_merge VALUES (1, 'x', 0), (3, 'c', 3)
                 ON CONFLICT (id) DO UPDATE SET v = excluded.v;
             MERGE INTO his_merge t USING (VALUES (1), (2), (4)) s(id) ON t.id = s.id
                 WHEN MATCHED AND t.id = 1 THEN DELETE
                 WHEN MATCHED THEN UPDATE SET v = 'merged'
                 WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'new', 0);
             WITH d AS (DELETE FROM his_merge WHERE id = 2 RETURNING *),
                  u AS (UPDATE his_merge SET v = 'cte' WHERE id = 3 RETURNING *)
             INSERT INTO his_merge SELECT 5, d.v || u.v, 0 FROM d, u");
        for (item, told) in [
            ("1", "create update delete"),
            ("2", "create update delete"),
            ("3", "create update"),
            ("4", "create"),
            ("5", "create"),
        ] {
            assert_eq!(
                column("his_merge", item, "action").join(" "),
                told,
                "{item}"
            );
        }
        check("his_merge");
    }

    #[pg_test]
    fn history_of_what_foreign_keys_did() {
        run("CREATE TABLE his_up (id int PRIMARY KEY);
             CREATE TABLE his_down (id int PRIMARY KEY, up int REFERENCES his_up ON DELETE CASCADE,
                 other int REFERENCES his_up ON DELETE SET NULL);
             SELECT directus_versions.track('his_up'), directus_versions.track('his_down');
             INSERT INTO his_up VALUES (1), (2), (3);
             INSERT INTO his_down VALUES (10, 1, 2), (11, 2, 1), (12, 3, 3);
             DELETE FROM his_up WHERE id = 1");
        assert_eq!(column("his_down", "10", "action"), ["create", "delete"]);
        assert_eq!(
            steps("his_down", "11")[1],
            r#"update {"id": 11, "up": 2, "other": null}"#
        );
        check("his_down");
    }

    #[pg_test]
    fn history_of_a_deferred_trigger_s_write() {
        tracked("his_deferred");
        run(
            "CREATE FUNCTION his_deferred_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN UPDATE his_deferred SET n = n + 1 WHERE id = NEW.id; RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER zz AFTER INSERT ON his_deferred DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION his_deferred_fn();
             INSERT INTO his_deferred VALUES (1, 'a', 0);
             UPDATE his_deferred SET v = 'x';
             SET CONSTRAINTS ALL IMMEDIATE",
        );
        assert_eq!(
            column("his_deferred", "1", "concat(data ->> 'v', data ->> 'n')"),
            ["a0", "x0", "x1"]
        );
        check("his_deferred");
    }

    #[pg_test]
    fn history_of_rows_written_in_bulk() {
        tracked("his_bulk");
        run(
            "INSERT INTO his_bulk SELECT i, 'v' || i, i FROM generate_series(1, 3000) i;
             UPDATE his_bulk SET n = n + 1;
             UPDATE his_bulk SET v = v || '!' WHERE id % 2 = 0;
             DELETE FROM his_bulk WHERE id % 3 = 0",
        );
        assert_eq!(
            int(
                "SELECT count(*) FROM generate_series(1, 3000) i, directus_versions.history('his_bulk', i) h"
            ),
            3000 + 3000 + 1500 + 1000
        );
        assert_eq!(
            column("his_bulk", "6", "concat(data ->> 'v', ' ', data ->> 'n')"),
            ["v6 6", "v6 7", "v6! 7", "v6! 7"]
        );
        check("his_bulk");
    }
}
