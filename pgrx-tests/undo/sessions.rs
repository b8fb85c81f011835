//! Undoing beside other writers: a change that comes meanwhile is a conflict, not lost.
#![cfg(test)]

use super::{names, transaction, undoing};
use crate::pg_tests::support::{Raised, Session, beside, in_schema};
use std::thread;

/// A row, a transaction that changed it, and the revision of that.
fn changed(schema: &str) -> (Session, String, i64) {
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, alpha int, b int); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 0, 0), (2, 0, 0)",
    );
    let id = transaction(&mut session, "UPDATE t SET alpha = 1 WHERE id = 1");
    let revision = session.int(&format!(
        "SELECT max(id) FROM directus_versions.revisions WHERE collection = '{schema}.t'"
    ));
    (session, id, revision)
}

/// Start a statement in another session, which must wait for the open transaction; then commit that.
fn meanwhile(schema: &str, open: &mut Session, sql: &str) -> Option<Raised> {
    let mut observer = beside(schema);
    let mut session = beside(schema);
    let sql = format!("{sql} /* {schema} */");
    thread::scope(|scope| {
        let waiting = scope.spawn(move || match session.state(&sql).as_str() {
            "00000" => None,
            // The same again, with nobody in its way, tells the same in words.
            state => Some(Raised {
                state: state.to_owned(),
                ..session.error(&sql)
            }),
        });
        observer.await_blocked(&format!("/* {schema} */"));
        open.run("COMMIT");
        waiting.join().unwrap()
    })
}

#[test]
fn undo_waits_and_finds_the_conflict() {
    let schema = "undo_waits";
    let (mut other, _, revision) = changed(schema);
    other.run("BEGIN; UPDATE t SET alpha = 5 WHERE id = 1");
    let call = format!("SELECT directus_versions.undo({revision})");
    let raised = meanwhile(schema, &mut other, &call).unwrap();
    assert_eq!(raised.state, "40001");
    assert!(names(&raised.detail, "alpha"), "{raised:?}");
    other.shows("SELECT concat(alpha, b) FROM t WHERE id = 1", "50");
}

#[test]
fn undo_waits_and_keeps_another_field() {
    let schema = "undo_waits_beside";
    let (mut other, _, revision) = changed(schema);
    other.run("BEGIN; UPDATE t SET b = 5 WHERE id = 1");
    let call = format!("SELECT directus_versions.undo({revision})");
    assert_eq!(meanwhile(schema, &mut other, &call), None);
    other.shows("SELECT concat(alpha, b) FROM t WHERE id = 1", "05");
}

#[test]
fn undo_transaction_waits_and_finds_the_conflict() {
    let schema = "undo_all_waits";
    let (mut other, id, _) = changed(schema);
    other.run("BEGIN; UPDATE t SET alpha = 5 WHERE id = 1");
    let raised = meanwhile(schema, &mut other, &undoing(&id, "")).unwrap();
    assert_eq!(raised.state, "40001");
    other.shows("SELECT concat(alpha, b) FROM t WHERE id = 1", "50");
}

#[test]
fn undo_transaction_waits_and_keeps_another_field() {
    let schema = "undo_all_beside";
    let (mut other, id, _) = changed(schema);
    other.run("BEGIN; UPDATE t SET b = 5 WHERE id = 1");
    assert_eq!(meanwhile(schema, &mut other, &undoing(&id, "")), None);
    other.shows("SELECT concat(alpha, b) FROM t WHERE id = 1", "05");
}

/// Another deletes the row that the undo would change.
#[test]
fn undo_waits_for_a_delete() {
    let schema = "undo_waits_delete";
    let (mut other, _, revision) = changed(schema);
    other.run("BEGIN; DELETE FROM t WHERE id = 1");
    let call = format!("SELECT directus_versions.undo({revision})");
    let raised = meanwhile(schema, &mut other, &call).unwrap();
    assert!(
        ["40001", "P0002"].contains(&raised.state.as_str()),
        "{raised:?}"
    );
    other.shows("SELECT count(*) FROM t", "1");
}

/// Two who undo the same transaction: it is undone once.
#[test]
fn undo_transaction_twice_at_once() {
    let schema = "undo_at_once";
    let (mut first, id, _) = changed(schema);
    first.run("BEGIN");
    first.run(&undoing(&id, ""));
    // The second finds that nothing of it is left, or that it was changed again.
    if let Some(raised) = meanwhile(schema, &mut first, &undoing(&id, "")) {
        assert_eq!(raised.state, "40001");
    }
    first.shows("SELECT concat(alpha, b) FROM t WHERE id = 1", "00");
    first.shows(
        &format!("SELECT count(*) FROM directus_versions.activity WHERE collection = '{schema}.t' AND action = 'update'"),
        "2",
    );
}

#[test]
fn undo_transaction_is_a_part_of_the_caller_s_transaction() {
    let schema = "undo_part";
    let (mut session, id, _) = changed(schema);
    let mut other = beside(schema);
    session.run("BEGIN; SAVEPOINT s");
    session.run(&undoing(&id, ""));
    session.shows("SELECT alpha FROM t WHERE id = 1", "0");
    session.run("ROLLBACK TO s");
    session.shows("SELECT alpha FROM t WHERE id = 1", "1");
    session.run(&undoing(&id, ""));
    other.shows("SELECT alpha FROM t WHERE id = 1", "1");
    session.run("COMMIT");
    other.shows("SELECT alpha FROM t WHERE id = 1", "0");
}
