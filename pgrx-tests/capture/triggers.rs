//! The user's own triggers: they change, stop and multiply what a statement does.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::capture::{count, tracked};
    use crate::pg_tests::support::{check_history, entries, error, int, run, shows, table};
    use pgrx::prelude::*;

    #[pg_test]
    fn capture_before_triggers_that_change_or_stop_the_row() {
        tracked("cap_before_trg");
        run(
            "CREATE FUNCTION cap_before_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF TG_OP = 'DELETE' THEN
                     IF OLD.v = 'stay' THEN RETURN NULL; END IF;
                     RETURN OLD;
                 END IF;
                 IF NEW.v = 'stop' THEN RETURN NULL; END IF;
                 IF NEW.v = 'undo' THEN RETURN OLD; END IF;
                 NEW.n := length(NEW.v); RETURN NEW;
             END $$;
             CREATE TRIGGER b BEFORE INSERT OR UPDATE OR DELETE ON cap_before_trg
                 FOR EACH ROW EXECUTE FUNCTION cap_before_fn();
             INSERT INTO cap_before_trg VALUES (1, 'abc', 0), (2, 'stop', 0), (3, 'stay', 0);
             UPDATE cap_before_trg SET v = 'undo' WHERE id = 1;
             UPDATE cap_before_trg SET v = 'stop' WHERE id = 1;
             UPDATE cap_before_trg SET n = 100 WHERE id = 1;
             UPDATE cap_before_trg SET v = 'abcd' WHERE id = 1;
             DELETE FROM cap_before_trg",
        );
        assert_eq!(
            entries("cap_before_trg"),
            [
                r#"create 1 {"n": 3, "v": "abc", "id": 1}"#,
                r#"create 3 {"n": 4, "v": "stay", "id": 3}"#,
                r#"update 1 {"n": 4, "v": "abcd"} was {"n": 3, "v": "abc"}"#,
                r#"delete 1 was {"n": 4, "v": "abcd", "id": 1}"#,
            ]
        );
        check_history("cap_before_trg");
    }

    #[pg_test]
    fn capture_before_trigger_that_writes_another_row_of_the_table() {
        tracked("cap_before_other");
        run(
            "CREATE FUNCTION cap_before_other_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF NEW.id < 100 THEN
                     UPDATE cap_before_other SET n = n + 1 WHERE id = 100;
                 END IF;
                 RETURN NEW;
             END $$;
             INSERT INTO cap_before_other VALUES (100, 'counter', 0), (1, 'a', 0), (2, 'b', 0);
             CREATE TRIGGER b BEFORE INSERT OR UPDATE ON cap_before_other
                 FOR EACH ROW EXECUTE FUNCTION cap_before_other_fn();
             UPDATE cap_before_other SET v = v || '!' WHERE id < 100;
             INSERT INTO cap_before_other VALUES (3, 'c', 0), (4, 'd', 0)",
        );
        shows("SELECT n FROM cap_before_other WHERE id = 100", "4");
        check_history("cap_before_other");
        assert_eq!(entries("cap_before_other").len(), 3 + 2 + 2 + 4);
    }

    /// A trigger after the row that touches the same row once more.
    fn touch_again(name: &str, trigger: &str) {
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
        assert_eq!(int(&format!("SELECT n FROM {name} WHERE id = 2")), 25);
        assert_eq!(entries(name).len(), 2 * 2 + 2 * 2 + 2);
    }

    #[pg_test]
    fn capture_after_trigger_that_changes_the_row_again() {
        touch_again("cap_again", "zz");
        check_history("cap_again");
    }

    #[pg_test]
    fn capture_after_trigger_with_a_name_before_any_other() {
        touch_again("cap_first", " !");
        check_history("cap_first");
        let wrong = table(
            "SELECT r.id, r.delta, r.data FROM directus_versions.revisions r
             WHERE r.collection = 'cap_first' AND NOT r.data @> r.delta",
        );
        assert!(wrong.is_empty(), "delta does not lie in data: {wrong:?}");
        shows(
            "SELECT string_agg(r.data->>'n', ',' ORDER BY (r.data->>'n')::int)
             FROM directus_versions.revisions r
             WHERE r.collection = 'cap_first' AND item = '2'",
            "10,11,11,12,24,25",
        );
    }

    #[pg_test]
    fn capture_after_trigger_that_changes_other_rows_of_the_statement() {
        tracked("cap_others");
        run(
            "CREATE FUNCTION cap_others_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 UPDATE cap_others SET n = n + 1 WHERE id <> NEW.id; RETURN NULL;
             END $$;
             INSERT INTO cap_others VALUES (1, 'a', 0), (2, 'b', 0), (3, 'c', 0);
             CREATE TRIGGER zz AFTER UPDATE OF v ON cap_others
                 FOR EACH ROW EXECUTE FUNCTION cap_others_fn();
             UPDATE cap_others SET v = v || '!'",
        );
        shows(
            "SELECT string_agg(n::text, ',' ORDER BY id) FROM cap_others",
            "2,2,2",
        );
        assert_eq!(count("cap_others", "update"), 3 + 6);
        check_history("cap_others");
    }

    #[pg_test]
    fn capture_after_trigger_with_exception_blocks() {
        tracked("cap_exc");
        run(
            "CREATE FUNCTION cap_exc_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 BEGIN
                     UPDATE cap_exc SET n = n + 1 WHERE id = NEW.id;
                     IF NEW.id % 2 = 0 THEN RAISE EXCEPTION 'back'; END IF;
                 EXCEPTION WHEN raise_exception THEN
                     UPDATE cap_exc SET n = n - 1 WHERE id = NEW.id;
                 END;
                 BEGIN
                     DELETE FROM cap_exc WHERE id = 1000 + NEW.id;
                     PERFORM 1 / 0;
                 EXCEPTION WHEN division_by_zero THEN NULL;
                 END;
                 RETURN NULL;
             END $$;
             INSERT INTO cap_exc SELECT i, 'v', 0 FROM generate_series(1, 20) i;
             INSERT INTO cap_exc SELECT i, 'v', 0 FROM generate_series(1001, 1020) i;
             CREATE TRIGGER zz AFTER UPDATE OF v ON cap_exc
                 FOR EACH ROW EXECUTE FUNCTION cap_exc_fn();
             UPDATE cap_exc SET v = 'w' WHERE id <= 20",
        );
        assert_eq!(count("cap_exc", "delete"), 0);
        assert_eq!(count("cap_exc", "update"), 40);
        check_history("cap_exc");
    }

    #[pg_test]
    fn capture_after_trigger_that_deletes_or_rekeys_the_row() {
        tracked("cap_rekey");
        run(
            "CREATE FUNCTION cap_rekey_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF NEW.v = 'drop' THEN DELETE FROM cap_rekey WHERE id = NEW.id;
                 ELSE UPDATE cap_rekey SET id = id + 100 WHERE id = NEW.id; END IF;
                 RETURN NULL;
             END $$;
             CREATE TRIGGER zz AFTER INSERT OR UPDATE OF v ON cap_rekey
                 FOR EACH ROW EXECUTE FUNCTION cap_rekey_fn();
             INSERT INTO cap_rekey VALUES (1, 'a', 0), (2, 'drop', 0), (3, 'c', 0);
             UPDATE cap_rekey SET v = 'drop' WHERE id = 103",
        );
        shows("SELECT string_agg(id::text, ',') FROM cap_rekey", "101");
        check_history("cap_rekey");
    }

    #[pg_test]
    fn capture_statement_triggers_that_write() {
        tracked("cap_stmt");
        run("CREATE FUNCTION cap_stmt_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF pg_trigger_depth() = 1 THEN
                     UPDATE cap_stmt SET n = (SELECT count(*) FROM changed) + n WHERE id IN (SELECT id FROM changed);
                 END IF;
                 RETURN NULL;
             END $$;
             INSERT INTO cap_stmt VALUES (1, 'a', 0), (2, 'b', 0);
             CREATE TRIGGER a AFTER UPDATE ON cap_stmt REFERENCING NEW TABLE AS changed
                 FOR EACH STATEMENT EXECUTE FUNCTION cap_stmt_fn();
             CREATE TRIGGER z AFTER UPDATE ON cap_stmt REFERENCING NEW TABLE AS changed
                 FOR EACH STATEMENT EXECUTE FUNCTION cap_stmt_fn();
             UPDATE cap_stmt SET v = v || '!'");
        shows(
            "SELECT string_agg(n::text, ',' ORDER BY id) FROM cap_stmt",
            "4,4",
        );
        assert_eq!(count("cap_stmt", "update"), 6);
        check_history("cap_stmt");
    }

    #[pg_test]
    fn capture_deep_recursion_of_triggers_over_two_tables() {
        tracked("cap_ping");
        tracked("cap_pong");
        run(
            "CREATE FUNCTION cap_ping_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF NEW.n < 30 THEN
                     INSERT INTO cap_pong VALUES (NEW.n, 'x', NEW.n);
                     UPDATE cap_ping SET n = n + 1 WHERE id = NEW.id;
                     UPDATE cap_pong SET v = 'y' WHERE id = NEW.n;
                 END IF;
                 RETURN NULL;
             END $$;
             CREATE TRIGGER zz AFTER INSERT OR UPDATE ON cap_ping
                 FOR EACH ROW EXECUTE FUNCTION cap_ping_fn();
             INSERT INTO cap_ping VALUES (1, 'a', 0)",
        );
        assert_eq!(count("cap_ping", "update"), 30);
        assert_eq!(entries("cap_pong").len(), 60);
        check_history("cap_ping");
        check_history("cap_pong");
    }

    #[pg_test]
    fn capture_trigger_that_refuses_takes_all_back() {
        tracked("cap_refuse");
        run(
            "CREATE FUNCTION cap_refuse_fn() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'MY001', CONSTRAINT = 'mine'; END $$;
             INSERT INTO cap_refuse VALUES (1, 'a', 1);
             CREATE TRIGGER zz AFTER UPDATE ON cap_refuse
                 FOR EACH ROW EXECUTE FUNCTION cap_refuse_fn()",
        );
        let raised = error("UPDATE cap_refuse SET v = 'b'");
        assert_eq!(
            (raised.state.as_str(), raised.constraint.as_str()),
            ("MY001", "mine")
        );
        assert_eq!(entries("cap_refuse").len(), 1);
        let raised = error("INSERT INTO cap_refuse VALUES (1, 'dup', 1)");
        assert_eq!(
            (
                raised.state.as_str(),
                raised.constraint.as_str(),
                raised.table.as_str()
            ),
            ("23505", "cap_refuse_pkey", "cap_refuse"),
            "the application's error keeps its names"
        );
    }

    #[pg_test]
    fn capture_deferred_trigger_that_writes() {
        tracked("cap_deferred");
        run(
            "CREATE FUNCTION cap_deferred_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN UPDATE cap_deferred SET n = n + 1 WHERE id = NEW.id; RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER zz AFTER INSERT ON cap_deferred DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION cap_deferred_fn();
             INSERT INTO cap_deferred VALUES (1, 'a', 0), (2, 'b', 0);
             UPDATE cap_deferred SET v = 'x';
             SET CONSTRAINTS ALL IMMEDIATE",
        );
        assert_eq!(entries("cap_deferred").len(), 6);
        check_history("cap_deferred");
    }
}
