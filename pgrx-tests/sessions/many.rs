//! Sixteen writers of one tracked table: every committed change is in the log once, and none waits
//! or fails on account of the log.

use super::{Session, beside, in_schema, recorded};
use std::sync::Barrier;
use std::thread;

const WRITERS: i64 = 16;

/// Run the same work in sixteen sessions that start together; any error fails the test.
fn together(schema: &str, work: impl Fn(&mut Session, i64) + Sync) {
    let start = Barrier::new(usize::try_from(WRITERS).unwrap());
    let sessions: Vec<Session> = (0..WRITERS).map(|_| beside(schema)).collect();
    thread::scope(|scope| {
        for (number, mut session) in (0..).zip(sessions) {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                session.run(&format!("SET directus_versions.actor = 'writer {number}'"));
                work(&mut session, number);
            });
        }
    });
}

#[test]
fn sessions_many_writers_of_distinct_rows() {
    let mut session = in_schema("sessions_distinct");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL);
         SELECT directus_versions.track('t');
         INSERT INTO t SELECT g, 0 FROM generate_series(0, 15) g",
    );
    together("sessions_distinct", |session, number| {
        let update = format!("UPDATE t SET n = n + 1 WHERE id = {number}");
        for _ in 0..50 {
            session.run(&update);
        }
    });
    assert_eq!(session.int("SELECT sum(n) FROM t"), WRITERS * 50);
    assert_eq!(
        recorded(&mut session, "sessions_distinct.t", "update"),
        WRITERS * 50
    );
    assert_eq!(
        session.int(
            "SELECT count(*) FROM (
                 SELECT item, actor FROM directus_versions.activity
                 WHERE collection = 'sessions_distinct.t' AND action = 'update'
                   AND actor = 'writer ' || item
                 GROUP BY item, actor HAVING count(*) = 50) each"
        ),
        WRITERS
    );
    session.check_history("t");
}

#[test]
fn sessions_many_writers_of_the_same_rows() {
    let mut session = in_schema("sessions_same");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL);
         SELECT directus_versions.track('t');
         INSERT INTO t SELECT g, 0 FROM generate_series(0, 2) g",
    );
    together("sessions_same", |session, number| {
        for turn in 0..40 {
            session.run(&format!(
                "UPDATE t SET n = n + 1 WHERE id = {}",
                (number + turn) % 3
            ));
        }
    });
    assert_eq!(session.int("SELECT sum(n) FROM t"), WRITERS * 40);
    assert_eq!(
        recorded(&mut session, "sessions_same.t", "update"),
        WRITERS * 40
    );
    session.check_history("t");
}

/// Each third transaction rolls back, another third does so to a savepoint.
#[test]
fn sessions_many_writers_that_roll_back() {
    let mut session = in_schema("sessions_back");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL);
         SELECT directus_versions.track('t');
         INSERT INTO t SELECT g, 0 FROM generate_series(0, 3) g",
    );
    together("sessions_back", |session, number| {
        for turn in 0..30 {
            let update = format!("UPDATE t SET n = n + 1 WHERE id = {}", (number + turn) % 4);
            session.run(&match turn % 3 {
                0 => format!("BEGIN; {update}; ROLLBACK"),
                1 => format!("BEGIN; {update}; SAVEPOINT s; {update}; ROLLBACK TO s; COMMIT"),
                _ => format!("BEGIN; {update}; SAVEPOINT s; {update}; RELEASE s; COMMIT"),
            });
        }
    });
    let committed = WRITERS * 10 * 3;
    assert_eq!(session.int("SELECT sum(n) FROM t"), committed);
    assert_eq!(
        recorded(&mut session, "sessions_back.t", "update"),
        committed
    );
    session.check_history("t");
}

/// Inserts, updates of many rows, deletes and upserts of the same few keys, all mixed.
#[test]
fn sessions_many_writers_of_every_kind() {
    let mut session = in_schema("sessions_mixed");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL);
         CREATE TABLE done (writer int, what text, rows int);
         SELECT directus_versions.track('t')",
    );
    together("sessions_mixed", |session, number| {
        for turn in 0..20 {
            let key = (number * 7 + turn * 3) % 10;
            let (what, sql) = match (number + turn) % 4 {
                0 => (
                    "create",
                    format!("INSERT INTO t VALUES ({key}, 0) ON CONFLICT DO NOTHING"),
                ),
                1 => ("delete", format!("DELETE FROM t WHERE id = {key}")),
                2 => (
                    "update",
                    "UPDATE t SET n = n + 1
                     WHERE id IN (SELECT id FROM t WHERE id < 5 ORDER BY id FOR UPDATE)"
                        .to_owned(),
                ),
                _ => ("update", format!("UPDATE t SET n = n + 1 WHERE id = {key}")),
            };
            session.run(&format!(
                "WITH done_now AS ({sql} RETURNING 1)
                 INSERT INTO done SELECT {number}, '{what}', count(*) FROM done_now"
            ));
        }
    });
    for action in ["create", "update", "delete"] {
        let done = session.int(&format!(
            "SELECT coalesce(sum(rows), 0) FROM done WHERE what = '{action}'"
        ));
        assert_eq!(
            recorded(&mut session, "sessions_mixed.t", action),
            done,
            "{action}"
        );
    }
    session.check_history("t");
}

#[test]
fn sessions_many_writers_of_new_rows() {
    let mut session = in_schema("sessions_new");
    session.run(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, writer int NOT NULL);
         SELECT directus_versions.track('t')",
    );
    together("sessions_new", |session, number| {
        for _ in 0..10 {
            session.run(&format!(
                "INSERT INTO t (writer) SELECT {number} FROM generate_series(1, 20)"
            ));
        }
    });
    assert_eq!(
        recorded(&mut session, "sessions_new.t", "create"),
        WRITERS * 200
    );
    assert_eq!(
        session.int(
            "SELECT count(DISTINCT id) FROM directus_versions.revisions
             WHERE collection = 'sessions_new.t'"
        ),
        WRITERS * 200
    );
    session.check_history("t");
}
