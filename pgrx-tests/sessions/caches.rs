//! What each session remembers of a tracked table and its scope gives way to what another session
//! changes, also within statements that were prepared before.

use super::{Session, beside, in_schema};
use std::thread;

const COLLECTION: &str = "t";

/// Count what is recorded of the schema's table: activities, revisions.
fn counts(session: &mut Session, schema: &str) -> (i64, i64) {
    let of = |relation: &str| {
        format!(
            "SELECT count(*) FROM directus_versions.{relation}
             WHERE collection = '{schema}.{COLLECTION}'"
        )
    };
    (session.int(&of("activity")), session.int(&of("revisions")))
}

fn tracked(schema: &str) -> Session {
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, m int NOT NULL);
         SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 0, 0)",
    );
    session
}

/// Write with a statement prepared at the start, after each change of scope by another session.
#[test]
fn sessions_caches_follow_the_scope_in_prepared_statements() {
    let mut admin = tracked("sessions_scope");
    let mut writer = beside("sessions_scope");
    let update = writer
        .prepare("UPDATE t SET n = n + 1, m = m + 1 WHERE id = 1")
        .unwrap();
    for (change, activities, revisions) in [
        ("SELECT 1", 1, 1),
        (
            "SELECT directus_versions.set_scope('t', accountability => 'activity')",
            1,
            0,
        ),
        (
            "SELECT directus_versions.set_scope('t', accountability => 'none')",
            0,
            0,
        ),
        (
            "SELECT directus_versions.set_scope('t', accountability => 'all')",
            1,
            1,
        ),
        (
            "SELECT directus_versions.set_scope('t', ignore => '{n,m}')",
            0,
            0,
        ),
        (
            "SELECT directus_versions.set_scope('t', ignore => '{n}')",
            1,
            1,
        ),
        (
            "SELECT directus_versions.set_scope('t', ignore => '{}')",
            1,
            1,
        ),
        ("SELECT directus_versions.untrack('t')", 0, 0),
        ("UPDATE t SET n = n + 1", 0, 0),
        ("SELECT directus_versions.track('t')", 1, 1),
    ] {
        admin.run(change);
        let before = counts(&mut admin, "sessions_scope");
        // Some drivers run a prepared statement ten times before they look at it again.
        for _ in 0..2 {
            assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
        }
        let after = counts(&mut admin, "sessions_scope");
        let made = (after.0 - before.0, after.1 - before.1);
        assert_eq!(made, (2 * activities, 2 * revisions), "{change}");
    }
}

#[test]
fn sessions_caches_follow_the_scope_within_a_transaction() {
    let mut admin = tracked("sessions_scope_open");
    let mut writer = beside("sessions_scope_open");
    writer.run("UPDATE t SET n = n + 1; BEGIN; SELECT 1");
    admin.run("SELECT directus_versions.set_scope('t', exclude => '{m}')");
    writer.run("UPDATE t SET n = n + 1, m = m + 1; COMMIT");
    assert_eq!(
        admin.text(
            "SELECT delta FROM directus_versions.revisions
             WHERE collection = 'sessions_scope_open.t' ORDER BY id DESC LIMIT 1"
        ),
        Some(r#"{"n": 2}"#.to_owned())
    );
}

/// A scope that is taken back with its transaction leaves nothing behind, in its own session too.
#[test]
fn sessions_caches_forget_a_scope_that_rolls_back() {
    let mut admin = tracked("sessions_scope_back");
    let mut writer = beside("sessions_scope_back");
    writer.run("UPDATE t SET n = n + 1");
    admin.run(
        "BEGIN; SELECT directus_versions.set_scope('t', accountability => 'none');
         SELECT 1; ROLLBACK",
    );
    admin.run(
        "BEGIN; SAVEPOINT s;
         SELECT directus_versions.set_scope('t', accountability => 'none');
         UPDATE t SET n = n + 1;
         ROLLBACK TO s;
         UPDATE t SET n = n + 1;
         COMMIT;
         UPDATE t SET n = n + 1",
    );
    writer.run("UPDATE t SET n = n + 1");
    assert_eq!(counts(&mut admin, "sessions_scope_back"), (5, 5));
    admin.check_history("t");
}

/// `track` and `untrack` wait for open writers if they must, and never end in a deadlock.
#[test]
fn sessions_caches_follow_tracking_beside_open_writers() {
    let schema = "sessions_open_writers";
    let mut session = tracked(schema);
    for (call, recorded_after) in [
        ("SELECT directus_versions.untrack('t')", 0),
        ("SELECT directus_versions.track('t')", 1),
        (
            "SELECT directus_versions.set_scope('t', accountability => 'none')",
            0,
        ),
        (
            "SELECT directus_versions.set_scope('t', accountability => 'all')",
            1,
        ),
    ] {
        let mut writer = beside(schema);
        writer.run("BEGIN; UPDATE t SET n = n + 1");
        let pid = writer.int("SELECT pg_backend_pid()");
        thread::scope(|scope| {
            let admin = scope.spawn(|| beside(schema).state(call));
            // Go on when the call waits for us, or is through.
            for _ in 0..200 {
                let waits = session.yes(&format!(
                    "SELECT EXISTS (SELECT FROM pg_stat_activity
                     WHERE {pid} = ANY (pg_blocking_pids(pid)))"
                ));
                if waits || admin.is_finished() {
                    break;
                }
                thread::sleep(std::time::Duration::from_millis(20));
            }
            writer.run("UPDATE t SET m = m + 1; COMMIT");
            assert_eq!(admin.join().unwrap(), "00000", "{call}");
        });
        let before = counts(&mut session, schema);
        writer.run("UPDATE t SET n = n + 1");
        assert_eq!(
            counts(&mut session, schema).0 - before.0,
            recorded_after,
            "{call}"
        );
    }
}

/// The server may replace what it knows of a relation wherever it looks something up, when another session's message
/// comes in. One with assertions can be told to do so each time; others are not asked.
#[test]
fn sessions_caches_are_discarded_at_every_look_up() {
    let mut session = in_schema("sessions_discarded");
    if session.yes("SELECT max_val = '0' FROM pg_settings WHERE name = 'debug_discard_caches'") {
        return;
    }
    session.run(
        "CREATE TYPE pair AS (a int, b text);
         CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, p pair, v text) PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF t FOR VALUES FROM (0) TO (10);
         CREATE TABLE high (v text, p pair, n int NOT NULL, id int NOT NULL);
         ALTER TABLE t ATTACH PARTITION high FOR VALUES FROM (10) TO (20);
         SELECT directus_versions.track('t')",
    );
    let mut writer = beside("sessions_discarded");
    writer.run("SET debug_discard_caches = 1");
    for (write, entry) in [
        (
            "INSERT INTO t VALUES (1, 0, (1, 'x'), repeat('v', 3000))",
            "create 1",
        ),
        ("UPDATE t SET n = n + 1", "update 1"),
        ("UPDATE low SET p.b = 'y'", "update 1"),
        ("UPDATE t SET id = 11", "update 11"),
        ("UPDATE high SET id = 12, v = 'w'", "update 12"),
        ("DELETE FROM t", "delete 12"),
        ("SELECT directus_versions.revert({last})", "create 12"),
        ("TRUNCATE t", "delete 12"),
    ] {
        let last = session.int(
            "SELECT coalesce(max(id), 0) FROM directus_versions.revisions
             WHERE collection = 'sessions_discarded.t'",
        );
        writer.run(&write.replace("{last}", &last.to_string()));
        let entries = session.entries("sessions_discarded.t");
        assert!(
            entries.last().is_some_and(|last| last.starts_with(entry)),
            "{write}: {entries:?}"
        );
    }
    session.check_history("t");
}
