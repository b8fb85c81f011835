//! A tracked write takes no lock that keeps another writer waiting, beyond those of the same write
//! to an untracked table.

use super::{Session, actors_of, beside, in_schema, recorded};
use std::thread;

/// A tracked table and an untracked one like it.
fn twins(schema: &str) -> Session {
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE tracked (id int PRIMARY KEY, v text);
         CREATE TABLE twin (LIKE tracked INCLUDING ALL);
         SELECT directus_versions.track('tracked');
         INSERT INTO tracked SELECT g, 'a' FROM generate_series(1, 100) g;
         INSERT INTO twin SELECT * FROM tracked",
    );
    session
}

/// List the locks of a session's open transaction, its own tables and ids set aside.
fn locks(observer: &mut Session, pid: i64, schema: &str) -> Vec<String> {
    let rows = observer.table(&format!(
        "SELECT l.locktype || ' ' || l.mode || ' ' ||
                coalesce(n.nspname || '.' || c.relname, l.objid::text, '')
         FROM pg_locks l
         LEFT JOIN pg_class c ON l.locktype = 'relation' AND c.oid = l.relation
         LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE l.pid = {pid} AND n.nspname IS DISTINCT FROM '{schema}'
         ORDER BY 1"
    ));
    rows.into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect()
}

fn pid(session: &mut Session) -> i64 {
    session.int("SELECT pg_backend_pid()")
}

#[test]
fn sessions_locks_of_a_tracked_write_are_shared_ones_on_our_relations() {
    let mut observer = twins("sessions_locks");
    for write in [
        "UPDATE {} SET v = 'b' WHERE id = 1",
        "UPDATE {} SET v = v || 'c'",
        "INSERT INTO {} VALUES (101, 'a')",
        "DELETE FROM {} WHERE id = 2",
        "SAVEPOINT s; UPDATE {} SET v = 'd' WHERE id = 3; RELEASE s",
    ] {
        let mut found = ["twin", "tracked"].map(|table| {
            let mut session = beside("sessions_locks");
            let pid = pid(&mut session);
            session.run("BEGIN; SET LOCAL directus_versions.actor = 'locksmith'");
            session.run(&write.replace("{}", table));
            let held = locks(&mut observer, pid, "sessions_locks");
            session.run("ROLLBACK");
            held
        });
        let [twin, tracked] = &mut found;
        for lock in twin.iter() {
            let place = tracked.iter().position(|other| other == lock);
            tracked.remove(place.unwrap_or_else(|| panic!("{lock} is missing: {tracked:?}")));
        }
        tracked.retain(|lock| {
            !["AccessShareLock", "RowExclusiveLock"]
                .iter()
                .any(|mode| lock.starts_with(&format!("relation {mode} directus_versions.")))
        });
        assert!(tracked.is_empty(), "{write} also holds {tracked:?}");
    }
}

#[test]
fn sessions_locks_let_writers_of_other_rows_pass() {
    let mut observer = twins("sessions_pass");
    let (mut first, mut second) = (beside("sessions_pass"), beside("sessions_pass"));
    first.run("BEGIN; UPDATE tracked SET v = 'b' WHERE id = 1");
    for sql in [
        "UPDATE tracked SET v = 'b' WHERE id = 2",
        "INSERT INTO tracked VALUES (102, 'a')",
        "DELETE FROM tracked WHERE id = 3",
        "SELECT count(*) FROM directus_versions.revisions",
        "BEGIN; SELECT count(*) FROM directus_versions.activity; COMMIT",
    ] {
        assert_eq!(second.state(sql), "00000", "{sql}");
    }
    observer.run("SET lock_timeout = '30s'");
    assert_eq!(
        observer.state(
            "SELECT 1 FROM directus_versions.collection c
             WHERE strpos(c::text, 'sessions_pass') > 0 FOR UPDATE NOWAIT"
        ),
        "00000",
        "a write locks the row of its collection"
    );
    first.run("COMMIT");
    observer.check_history("tracked");
}

/// The same interleaving on the twin tells what is to be expected.
#[test]
fn sessions_locks_keep_writers_of_the_same_row_waiting_as_untracked() {
    let mut observer = twins("sessions_wait");
    for (number, end) in ["COMMIT", "ROLLBACK"].iter().enumerate() {
        for table in ["twin", "tracked"] {
            let mut first = beside("sessions_wait");
            let id = number + 1;
            first.run(&format!(
                "BEGIN; UPDATE {table} SET v = v || 'b' WHERE id = {id}"
            ));
            let sql = format!("UPDATE {table} SET v = v || 'c' WHERE id = {id}");
            thread::scope(|scope| {
                let sql = sql.as_str();
                let second = scope.spawn(move || beside("sessions_wait").state(sql));
                observer.await_blocked(sql);
                first.run(end);
                assert_eq!(second.join().unwrap(), "00000", "{table} {end}");
            });
        }
        let expected = if *end == "COMMIT" { "abc" } else { "ac" };
        for table in ["twin", "tracked"] {
            let found = observer.text(&format!("SELECT v FROM {table} WHERE id = {}", number + 1));
            assert_eq!(found.as_deref(), Some(expected), "{table} {end}");
        }
    }
    assert_eq!(
        recorded(&mut observer, "sessions_wait.tracked", "update"),
        3
    );
    observer.check_history("tracked");
}

/// Two sessions that bring the same two new contexts in opposite order would deadlock on a unique
/// index.
#[test]
fn sessions_locks_of_new_contexts_are_none() {
    let mut observer = twins("sessions_new_contexts");
    let (mut first, mut second) = (
        beside("sessions_new_contexts"),
        beside("sessions_new_contexts"),
    );
    first.run("SET lock_timeout = '5s'; BEGIN");
    second.run("SET lock_timeout = '5s'; BEGIN");
    first.run("SET LOCAL directus_versions.actor = 'x'; UPDATE tracked SET v = 'b' WHERE id = 1");
    second.run("SET LOCAL directus_versions.actor = 'y'; UPDATE tracked SET v = 'b' WHERE id = 2");
    first.run("SET LOCAL directus_versions.actor = 'y'; UPDATE tracked SET v = 'c' WHERE id = 1");
    second.run("SET LOCAL directus_versions.actor = 'x'; UPDATE tracked SET v = 'c' WHERE id = 2");
    first.run("COMMIT");
    second.run("COMMIT");
    let all = actors_of(&mut observer, "sessions_new_contexts.tracked");
    assert_eq!(all[100..], ["x", "y", "y", "x"]);
}

#[test]
fn sessions_locks_of_a_reader_hold_up_no_writer() {
    let mut reader = twins("sessions_reader");
    let mut writer = beside("sessions_reader");
    writer.run("SET lock_timeout = '5s'");
    reader.run(
        "BEGIN ISOLATION LEVEL REPEATABLE READ;
         SELECT count(*) FROM directus_versions.revisions;
         SELECT count(*) FROM directus_versions.activity;
         SELECT count(*) FROM directus_versions.collections",
    );
    for sql in [
        "UPDATE tracked SET v = 'b'",
        "DELETE FROM tracked WHERE id = 1",
        "TRUNCATE tracked",
    ] {
        assert_eq!(writer.state(sql), "00000", "{sql}");
    }
    assert_eq!(
        recorded(&mut reader, "sessions_reader.tracked", "update"),
        0
    );
    reader.run("COMMIT");
    assert_eq!(
        recorded(&mut reader, "sessions_reader.tracked", "update"),
        100
    );
    reader.check_history("tracked");
}
