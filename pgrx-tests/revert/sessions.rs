//! Reverting beside other writers of the same row.
#![cfg(test)]

use crate::pg_tests::support::{Session, beside, in_schema};
use std::thread;

/// A row that was changed once; give its first revision.
fn changed(schema: &str) -> (Session, i64) {
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, a int, b int); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 0, 0)",
    );
    let first = session.int(&format!(
        "SELECT max(id) FROM directus_versions.revisions WHERE collection = '{schema}.t'"
    ));
    session.run("UPDATE t SET a = 1");
    (session, first)
}

/// The other one changes a field that needed no change when the revert began.
#[test]
fn revert_waits_for_a_writer_and_then_is_exact() {
    let schema = "revert_waits";
    let (mut other, first) = changed(schema);
    let mut observer = beside(schema);
    other.run("BEGIN; UPDATE t SET b = 7");
    let mut session = beside(schema);
    let call = format!("SELECT directus_versions.revert({first}) /* {schema} */");
    let awaited = format!("/* {schema} */");
    thread::scope(|scope| {
        let waiting = scope.spawn(move || session.run(&call));
        observer.await_blocked(&awaited);
        other.run("COMMIT");
        waiting.join().unwrap();
    });
    observer.shows("SELECT concat(a, b) FROM t", "00");
    observer.check_last(schema);
}

/// The other one deletes the row: it is created again, or the revert fails; it is never a success of nothing.
#[test]
fn revert_waits_for_a_delete() {
    let schema = "revert_waits_delete";
    let (mut other, first) = changed(schema);
    let mut observer = beside(schema);
    other.run("BEGIN; DELETE FROM t");
    let mut session = beside(schema);
    let call = format!("SELECT directus_versions.revert({first}) /* {schema} */");
    let awaited = format!("/* {schema} */");
    let answer = thread::scope(|scope| {
        let waiting = scope.spawn(move || session.state(&call));
        observer.await_blocked(&awaited);
        other.run("COMMIT");
        waiting.join().unwrap()
    });
    let left = observer.text("SELECT concat(a, b) FROM t");
    match answer.as_str() {
        "00000" => assert_eq!(left.as_deref(), Some("00")),
        other => {
            assert!(["40001", "P0002"].contains(&other), "{other}");
            assert_eq!(left, None);
        }
    }
}

/// Two who revert to the same: one of them finds nothing to change.
#[test]
fn revert_twice_at_once_is_recorded_once() {
    let schema = "revert_twice";
    let (mut first_session, first) = changed(schema);
    let mut observer = beside(schema);
    first_session.run("BEGIN");
    assert!(
        first_session
            .text(&format!("SELECT directus_versions.revert({first})"))
            .is_some()
    );
    let mut second = beside(schema);
    let call = format!("SELECT directus_versions.revert({first}) /* {schema} */");
    let awaited = format!("/* {schema} */");
    thread::scope(|scope| {
        let waiting = scope.spawn(move || second.text(&call));
        observer.await_blocked(&awaited);
        first_session.run("COMMIT");
        assert_eq!(waiting.join().unwrap(), None);
    });
    assert_eq!(
        observer.int(&format!(
            "SELECT count(*) FROM directus_versions.activity WHERE collection = '{schema}.t'"
        )),
        3
    );
    observer.check_last(schema);
}

/// With an old snapshot the revert does what an update would do there.
#[test]
fn revert_with_an_old_snapshot_of_a_changed_row() {
    let schema = "revert_old_snapshot";
    let (mut other, first) = changed(schema);
    let mut session = beside(schema);
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t");
    other.run("UPDATE t SET b = 7");
    assert_eq!(
        session.state(&format!("SELECT directus_versions.revert({first})")),
        "40001"
    );
    session.run("ROLLBACK");
    other.shows("SELECT concat(a, b) FROM t", "17");
}

#[test]
fn revert_is_gone_with_its_transaction() {
    let schema = "revert_rolled_back";
    let (mut session, first) = changed(schema);
    let mut other = beside(schema);
    session.run(&format!(
        "BEGIN; SELECT directus_versions.revert({first}); SAVEPOINT s; DELETE FROM t;
         SELECT directus_versions.revert({first}); ROLLBACK TO s"
    ));
    session.shows("SELECT concat(a, b) FROM t", "00");
    other.shows("SELECT concat(a, b) FROM t", "10");
    session.run("ROLLBACK");
    for session in [&mut session, &mut other] {
        session.shows("SELECT concat(a, b) FROM t", "10");
        assert_eq!(
            session.int("SELECT count(*) FROM directus_versions.history('t', 1)"),
            2
        );
    }
}

#[test]
fn revert_is_prepared_and_committed_later() {
    let schema = "revert_prepared";
    let (mut session, first) = changed(schema);
    session.run(&format!(
        "BEGIN; SELECT directus_versions.revert({first}); PREPARE TRANSACTION 'revert_prepared'"
    ));
    session.shows("SELECT concat(a, b) FROM t", "10");
    session.run("COMMIT PREPARED 'revert_prepared'");
    session.shows("SELECT concat(a, b) FROM t", "00");
    session.check_last(schema);
}

impl Session {
    /// Require that the last revision of item 1 is of the live row, and tells its source.
    fn check_last(&mut self, schema: &str) {
        let sql = format!(
            "SELECT r.data = to_jsonb(t) AND r.source IS NOT NULL FROM t, directus_versions.revisions r
             WHERE r.id = (SELECT max(id) FROM directus_versions.revisions WHERE collection = '{schema}.t')"
        );
        assert!(self.yes(&sql), "{schema}");
    }
}
