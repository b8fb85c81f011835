//! All that a transaction did is taken back, over all tables.
#![cfg(test)]

use super::{contents, recorded, transaction, undoing};
use crate::pg_tests::support::{Session, beside, in_schema};

const TABLES: [&str; 2] = ["t", "u"];

fn two_tables(schema: &str) -> Session {
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n numeric, j json);
         CREATE TABLE u (a text, b int, v text, PRIMARY KEY (a, b));
         SELECT directus_versions.track('t'), directus_versions.track('u');
         INSERT INTO t SELECT i, 'v' || i, i, '{\"a\" :  1}' FROM generate_series(1, 6) i;
         INSERT INTO u SELECT 'k' || i, i, 'u' FROM generate_series(1, 6) i",
    );
    session
}

/// Run a transaction, undo it, undo that, and undo the undoing of that.
fn undone(session: &mut Session, tables: &[&str], sql: &str) {
    let before = contents(session, tables);
    let mut id = transaction(session, sql);
    let after = contents(session, tables);
    assert_ne!(before, after, "{sql}");
    for (turn, expected) in [&before, &after, &before].into_iter().enumerate() {
        let undo = undoing(&id, "");
        id = transaction(session, &undo);
        assert_eq!(contents(session, tables), *expected, "turn {turn}: {sql}");
    }
}

#[test]
fn undo_transaction_over_several_tables() {
    let mut session = two_tables("undo_tables");
    undone(
        &mut session,
        &TABLES,
        "UPDATE t SET v = 'x', n = n + 0.0 WHERE id < 3; DELETE FROM t WHERE id = 3;
         INSERT INTO t VALUES (7, 'new', 'NaN', 'null');
         UPDATE u SET v = NULL WHERE b > 4; DELETE FROM u WHERE b = 1; INSERT INTO u VALUES ('', -1, 'new')",
    );
}

#[test]
fn undo_transaction_that_touched_a_row_several_times() {
    let mut session = two_tables("undo_several");
    for sql in [
        "UPDATE t SET v = 'x' WHERE id = 1; UPDATE t SET v = 'y', n = 5 WHERE id = 1; UPDATE t SET n = 6 WHERE id = 1",
        "UPDATE t SET v = 'x' WHERE id = 2; DELETE FROM t WHERE id = 2",
        "DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (3, 'other', 3, NULL); UPDATE t SET v = 'third' WHERE id = 3",
        "INSERT INTO t VALUES (8, 'new', 8, NULL); UPDATE t SET v = 'newer' WHERE id = 8",
        "DELETE FROM t WHERE id = 4; INSERT INTO t VALUES (4, 'v4', 4.0, NULL); DELETE FROM t WHERE id = 4",
        "UPDATE u SET b = b + 10; UPDATE u SET a = a || '!' WHERE b % 2 = 0; UPDATE u SET v = 'w'",
    ] {
        undone(&mut session, &TABLES, sql);
    }
}

/// What a transaction made and took away again is nothing, whatever is there now.
#[test]
fn undo_transaction_of_rows_created_and_deleted_in_it() {
    let schema = "undo_nothing";
    let mut session = two_tables(schema);
    let id = transaction(
        &mut session,
        "INSERT INTO t VALUES (9, 'brief', 9, NULL); DELETE FROM t WHERE id = 9; UPDATE t SET v = 'x' WHERE id = 1",
    );
    session.run("INSERT INTO t VALUES (9, 'later', 9, NULL)");
    session.run(&undoing(&id, ""));
    session.shows(
        "SELECT string_agg(v, ' ' ORDER BY id) FROM t WHERE id IN (1, 9)",
        "v1 later",
    );
}

#[test]
fn undo_transaction_of_changed_keys() {
    for (name, deferrable) in [("keys", ""), ("keys_deferrable", "DEFERRABLE")] {
        let mut session = in_schema(&format!("undo_{name}"));
        session.run(&format!(
            "CREATE TABLE t (id int PRIMARY KEY {deferrable}, v text); SELECT directus_versions.track('t');
             INSERT INTO t SELECT i, 'v' || i FROM generate_series(6, 1, -1) i"
        ));
        for sql in [
            "UPDATE t SET id = -id",
            "UPDATE t SET id = id + 100, v = v || '!' WHERE id = 3 OR id = -3",
            "UPDATE t SET id = 1000 WHERE abs(id) = 1; UPDATE t SET v = 'x' WHERE id = 1000; UPDATE t SET id = 1001 WHERE id = 1000",
            "UPDATE t SET id = 1000 WHERE abs(id) = 1; UPDATE t SET id = -1000 WHERE abs(id) = 2;
             UPDATE t SET id = 2 WHERE id = 1000; UPDATE t SET id = 1 WHERE id = -1000",
            "DELETE FROM t WHERE abs(id) = 5; UPDATE t SET id = 5 WHERE abs(id) = 6; INSERT INTO t VALUES (6, 'new')",
        ] {
            undone(&mut session, &["t"], sql);
        }
        if !deferrable.is_empty() {
            undone(&mut session, &["t"], "UPDATE t SET id = id + 1");
            undone(
                &mut session,
                &["t"],
                "UPDATE t SET id = 3 - id; UPDATE t SET id = id - 1, v = v || '?'",
            );
        }
    }
}

#[test]
fn undo_transaction_with_truncate() {
    let mut session = two_tables("undo_truncate");
    for sql in [
        "TRUNCATE t, u",
        "UPDATE t SET v = 'x'; TRUNCATE t; INSERT INTO t SELECT i, 'reloaded', i, NULL FROM generate_series(4, 9) i",
        "INSERT INTO u VALUES ('new', 1, 'x'); TRUNCATE u; INSERT INTO u VALUES ('newer', 1, 'x'); TRUNCATE u",
    ] {
        undone(&mut session, &TABLES, sql);
    }
}

/// Only what was committed of it.
#[test]
fn undo_transaction_with_savepoints() {
    let schema = "undo_savepoints";
    let mut session = two_tables(schema);
    undone(
        &mut session,
        &TABLES,
        "UPDATE t SET v = 'kept' WHERE id = 1; SAVEPOINT a; UPDATE t SET v = 'lost'; DELETE FROM u; ROLLBACK TO a;
         SAVEPOINT b; DELETE FROM t WHERE id = 2; RELEASE b; SAVEPOINT c; INSERT INTO u VALUES ('c', 1, 'c'); RELEASE c",
    );
}

#[test]
fn undo_transaction_of_rows_that_triggers_change_again() {
    let mut session = two_tables("undo_triggers");
    session.run(
        "CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN UPDATE t SET n = n + 1 WHERE id = NEW.id; RETURN NULL; END $$;
         CREATE TRIGGER \" !\" AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION again()",
    );
    let before = contents(&mut session, &TABLES);
    let id = transaction(
        &mut session,
        "INSERT INTO t VALUES (7, 'a', 1, NULL), (8, 'b', 1, NULL); UPDATE t SET v = 'c' WHERE id > 6",
    );
    session.run(&undoing(&id, ""));
    assert_eq!(contents(&mut session, &TABLES), before);
}

#[test]
fn undo_transaction_of_a_merge() {
    let mut session = two_tables("undo_merge");
    undone(
        &mut session,
        &TABLES,
        "MERGE INTO t USING generate_series(4, 9) g(id) ON t.id = g.id
             WHEN MATCHED AND t.id = 4 THEN DELETE
             WHEN MATCHED THEN UPDATE SET v = 'merged'
             WHEN NOT MATCHED THEN INSERT VALUES (g.id, 'merged', 0, NULL);
         WITH gone AS (DELETE FROM u WHERE b < 4 RETURNING *)
         INSERT INTO u SELECT a, b + 100, v FROM gone",
    );
}

/// What others did to other fields and other rows stays.
#[test]
fn undo_transaction_keeps_what_others_did() {
    let mut session = two_tables("undo_others");
    let id = transaction(
        &mut session,
        "UPDATE t SET v = 'x' WHERE id < 4; DELETE FROM u WHERE b = 1; INSERT INTO t VALUES (7, 'new', 7, NULL)",
    );
    session.run("UPDATE t SET n = 100 + id WHERE id < 3; INSERT INTO t VALUES (8, 'other', 8, NULL); DELETE FROM u WHERE b = 2");
    session.run(&undoing(&id, ""));
    session.shows(
        "SELECT string_agg(id || v || n, ' ' ORDER BY id) FROM t WHERE id NOT IN (4, 5, 6)",
        "1v1101 2v2102 3v33 8other8",
    );
    session.shows(
        "SELECT string_agg(b::text, ' ' ORDER BY b) FROM u",
        "1 3 4 5 6",
    );
}

#[test]
fn undo_transaction_is_one_transaction_s() {
    let mut session = two_tables("undo_one");
    let first = transaction(&mut session, "UPDATE t SET v = 'one' WHERE id = 1");
    let second = transaction(
        &mut session,
        "UPDATE t SET n = 2 WHERE id = 1; UPDATE t SET v = 'two' WHERE id = 2",
    );
    session.run(&undoing(&first, ""));
    session.shows(
        "SELECT string_agg(v || n, ' ' ORDER BY id) FROM t WHERE id < 3",
        "v12 two2",
    );
    session.run(&undoing(&second, ""));
    session.shows(
        "SELECT string_agg(v || n, ' ' ORDER BY id) FROM t WHERE id < 3",
        "v11 v22",
    );
}

#[test]
fn undo_transaction_of_rows_of_every_kind_of_table() {
    let mut session = in_schema("undo_kinds");
    session.run(
        "CREATE TABLE p (id int, n int, v text, PRIMARY KEY (id, n)) PARTITION BY RANGE (n);
         CREATE TABLE p_a PARTITION OF p FOR VALUES FROM (0) TO (10);
         CREATE TABLE p_b PARTITION OF p FOR VALUES FROM (10) TO (20);
         CREATE TABLE g (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
         CREATE TABLE \"Odd \"\"one\"\"\" (\"Key\" text PRIMARY KEY, \"a b\" int);
         SELECT directus_versions.track('p'), directus_versions.track('g'), directus_versions.track('\"Odd \"\"one\"\"\"');
         INSERT INTO p SELECT i, i, 'v' FROM generate_series(1, 12) i;
         INSERT INTO g (a) VALUES (1), (2), (3); INSERT INTO \"Odd \"\"one\"\"\" VALUES ('k', 1), ('', 2)",
    );
    let tables = ["p", "p_a", "g", "\"Odd \"\"one\"\"\""];
    for sql in [
        "UPDATE p SET n = 19 - n; DELETE FROM p_a; UPDATE p SET v = v || id",
        "UPDATE g SET a = a + 1; DELETE FROM g WHERE id = 2; INSERT INTO g (a) VALUES (4)",
        "UPDATE \"Odd \"\"one\"\"\" SET \"a b\" = 5, \"Key\" = \"Key\" || 'x'; DELETE FROM \"Odd \"\"one\"\"\" WHERE \"Key\" = 'x'",
    ] {
        undone(&mut session, &tables, sql);
    }
}

#[test]
fn undo_transaction_of_many_rows() {
    let schema = "undo_many";
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n int); SELECT directus_versions.track('t');
         INSERT INTO t SELECT i, 'v' || i, i FROM generate_series(1, 6000) i",
    );
    undone(
        &mut session,
        &["t"],
        "UPDATE t SET n = n + 1; DELETE FROM t WHERE id % 3 = 0; UPDATE t SET v = v || '!' WHERE id % 2 = 0;
         INSERT INTO t SELECT i, 'new', i FROM generate_series(6001, 7000) i",
    );
}

/// Of each row that is written each trigger fires once.
#[test]
fn undo_transaction_fires_each_trigger_once() {
    let mut session = two_tables("undo_fires");
    let id = transaction(
        &mut session,
        "UPDATE t SET v = 'x' WHERE id IN (1, 2); DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (7, 'new', 7, NULL);
         UPDATE u SET v = 'x' WHERE b = 1",
    );
    session.run(
        "CREATE TABLE fired (what text);
         CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO fired VALUES (concat_ws(' ', TG_TABLE_NAME, TG_WHEN, TG_OP));
             RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
         END $$;
         CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION fire();
         CREATE TRIGGER b AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION fire();
         CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON u FOR EACH ROW EXECUTE FUNCTION fire()",
    );
    session.run(&undoing(&id, ""));
    session.shows(
        "SELECT string_agg(what || ' ' || n, ', ' ORDER BY what)
         FROM (SELECT what, count(*) AS n FROM fired GROUP BY what) q",
        "t AFTER DELETE 1, t AFTER INSERT 1, t AFTER UPDATE 2, t BEFORE DELETE 1, t BEFORE INSERT 1, \
         t BEFORE UPDATE 2, u BEFORE UPDATE 1",
    );
}

/// No setting of the session has a say in what a value is.
#[test]
fn undo_transaction_does_not_follow_the_session_s_settings() {
    let mut session = in_schema("undo_settings");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, d date, w timestamptz, i interval, f float8, b bytea, m money, k tstzrange);
         SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, '2024-02-03', '2024-02-03 04:05:06.789+05:30', '1 mon -2 days 03:04:05.6',
             0.1::float8 + 0.2, '\\x00ff5c', 1234.5, '[2024-02-03 04:05:06+05,)');
         CREATE TABLE kept AS SELECT row_now AS r FROM t row_now",
    );
    for settings in [
        "SET timezone = 'Asia/Kolkata'; SET datestyle = 'German'; SET intervalstyle = 'sql_standard'",
        "SET timezone = 'America/New_York'; SET datestyle = 'SQL, DMY'; SET bytea_output = 'escape'",
        "SET extra_float_digits = -15; SET intervalstyle = 'iso_8601'; SET datestyle = 'Postgres, MDY'",
    ] {
        session.run(settings);
        for sql in [
            "UPDATE t SET d = NULL, w = NULL, i = NULL, f = NULL, b = NULL, m = NULL, k = NULL",
            "DELETE FROM t",
        ] {
            let id = transaction(&mut session, sql);
            session.run(&undoing(&id, ""));
            session.same_rows("SELECT row_now FROM t row_now", "SELECT r FROM kept");
        }
    }
}

#[test]
fn undo_transaction_that_is_not_known() {
    let schema = "undo_unknown";
    let mut session = two_tables(schema);
    session.run("CREATE TABLE untracked (id int)");
    let elsewhere = transaction(&mut session, "INSERT INTO untracked VALUES (1)");
    let rolled_back = {
        session.run("BEGIN; UPDATE t SET v = 'lost'");
        let id = session.text("SELECT pg_current_xact_id()").unwrap();
        session.run("ROLLBACK");
        id
    };
    let mut open = beside(schema);
    open.run("BEGIN; UPDATE u SET v = 'open'");
    let uncommitted = open.text("SELECT pg_current_xact_id()").unwrap();
    let before = (
        contents(&mut session, &TABLES),
        recorded(&mut session, schema),
    );
    for id in [
        elsewhere.as_str(),
        &rolled_back,
        &uncommitted,
        "0",
        "3",
        "18446744073709551615",
    ] {
        for options in ["", ", force => true", ", dry_run => true"] {
            let raised = session.error(&undoing(id, options));
            assert_eq!(raised.state, "P0002", "{id}{options}");
            assert!(raised.message.contains("transaction"), "{raised:?}");
        }
    }
    let state = session.state("SELECT * FROM directus_versions.undo_transaction(NULL)");
    assert!(
        ["00000", "22023", "22004", "P0002"].contains(&state.as_str()),
        "{state}"
    );
    assert_eq!(
        (
            contents(&mut session, &TABLES),
            recorded(&mut session, schema)
        ),
        before
    );
}
