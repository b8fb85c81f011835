//! REPEATABLE READ and SERIALIZABLE transactions fail on a tracked table when, and only when, they
//! fail on an untracked one. Every interleaving is run on both.

use super::{Session, actors_of, beside, in_schema, recorded};
use std::thread;

/// A tracked table, an untracked one like it, with room on each page so that updates leave the
/// index alone.
fn twins(schema: &str) -> Session {
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE tracked (id int PRIMARY KEY, v text) WITH (fillfactor = 20);
         CREATE TABLE twin (LIKE tracked INCLUDING ALL) WITH (fillfactor = 20);
         SELECT directus_versions.track('tracked');
         INSERT INTO tracked SELECT g, 'a' FROM generate_series(1, 1000) g;
         INSERT INTO twin SELECT * FROM tracked;
         ANALYZE tracked; ANALYZE twin",
    );
    session
}

/// Open a transaction that has its snapshot, in a session that has not written yet.
fn begin(schema: &str, level: &str, actor: &str) -> Session {
    let mut session = beside(schema);
    session.run(&format!(
        "SET enable_seqscan = off; SET enable_bitmapscan = off; SET directus_versions.actor = '{actor}';
         BEGIN ISOLATION LEVEL {level}; SELECT count(*) FROM pg_am"
    ));
    session
}

/// Run the steps of two transactions in turn, then commit both; give what each step answers.
fn interleave(
    schema: &str,
    level: &str,
    table: &str,
    steps: [&[&str]; 2],
    actors: [&str; 2],
) -> Vec<String> {
    let mut sessions = actors.map(|actor| begin(schema, level, actor));
    let mut answers = Vec::new();
    for turn in 0..steps[0].len().max(steps[1].len()) {
        for (session, steps) in sessions.iter_mut().zip(steps) {
            if let Some(step) = steps.get(turn) {
                answers.push(session.state(&step.replace("{}", table)));
            }
        }
    }
    answers.extend(sessions.iter_mut().map(|session| session.state("COMMIT")));
    answers
}

const LEVELS: [&str; 2] = ["REPEATABLE READ", "SERIALIZABLE"];

fn compare(schema: &str, steps: [&[&str]; 2], all_succeed: bool) {
    let mut session = twins(schema);
    for level in LEVELS {
        for actors in [["one", "other"], ["same", "same"]] {
            let run = |table: &str| {
                let actors = actors.map(|actor| format!("{schema} {level} {actor}"));
                interleave(schema, level, table, steps, [&actors[0], &actors[1]])
            };
            let (twin, tracked) = (run("twin"), run("tracked"));
            assert_eq!(tracked, twin, "{level}, {actors:?}: {steps:?}");
            if all_succeed {
                assert!(
                    tracked.iter().all(|state| state == "00000"),
                    "{level}: {tracked:?}"
                );
            }
            session.run(
                "UPDATE tracked SET v = 'a' WHERE v <> 'a'; UPDATE twin SET v = 'a' WHERE v <> 'a';
                 DELETE FROM tracked WHERE id > 1000; DELETE FROM twin WHERE id > 1000",
            );
        }
    }
    session.check_history("tracked");
}

#[test]
fn sessions_isolation_of_updates_of_distinct_rows() {
    compare(
        "sessions_iso_update",
        [
            &[
                "UPDATE {} SET v = 'b' WHERE id = 1",
                "UPDATE {} SET v = 'c' WHERE id = 1",
            ],
            &[
                "UPDATE {} SET v = 'b' WHERE id = 900",
                "UPDATE {} SET v = 'c' WHERE id = 901",
            ],
        ],
        true,
    );
}

#[test]
fn sessions_isolation_of_inserts() {
    compare(
        "sessions_iso_insert",
        [
            &[
                "INSERT INTO {} VALUES (1001, 'a')",
                "INSERT INTO {} VALUES (1002, 'a')",
            ],
            &[
                "INSERT INTO {} VALUES (2001, 'a')",
                "INSERT INTO {} VALUES (2002, 'a')",
            ],
        ],
        true,
    );
}

#[test]
fn sessions_isolation_of_reads_and_writes_that_do_not_meet() {
    compare(
        "sessions_iso_apart",
        [
            &[
                "SELECT v FROM {} WHERE id = 2",
                "UPDATE {} SET v = 'b' WHERE id = 3",
                "INSERT INTO {} VALUES (1001, 'a')",
            ],
            &[
                "SELECT v FROM {} WHERE id = 901",
                "UPDATE {} SET v = 'b' WHERE id = 902",
                "DELETE FROM {} WHERE id = 999999",
            ],
        ],
        false,
    );
}

#[test]
fn sessions_isolation_of_deletes() {
    compare(
        "sessions_iso_delete",
        [
            &[
                "INSERT INTO {} VALUES (1001, 'a')",
                "DELETE FROM {} WHERE id = 1001",
            ],
            &[
                "INSERT INTO {} VALUES (2001, 'a')",
                "DELETE FROM {} WHERE id = 2001",
            ],
        ],
        false,
    );
}

/// Here SERIALIZABLE has to fail, on both tables.
#[test]
fn sessions_isolation_of_write_skew() {
    compare(
        "sessions_iso_skew",
        [
            &[
                "SELECT v FROM {} WHERE id = 900",
                "UPDATE {} SET v = 'b' WHERE id = 1",
            ],
            &[
                "SELECT v FROM {} WHERE id = 1",
                "UPDATE {} SET v = 'b' WHERE id = 900",
            ],
        ],
        false,
    );
}

/// The second writer of a row waits, and fails or goes on as the first one ends.
#[test]
fn sessions_isolation_of_updates_of_the_same_row() {
    let schema = "sessions_iso_same";
    let mut observer = twins(schema);
    for level in LEVELS {
        for end in ["COMMIT", "ROLLBACK"] {
            let answers = ["twin", "tracked"].map(|table| {
                let mut first = begin(schema, level, "first");
                let mut second = begin(schema, level, "second");
                first.run(&format!("UPDATE {table} SET v = v || 'b' WHERE id = 5"));
                thread::scope(|scope| {
                    let sql =
                        format!("UPDATE {table} SET v = v || 'c' WHERE id = 5 /* {level} {end} */");
                    let awaited = sql.clone();
                    let waiting = scope.spawn(move || {
                        let update = second.state(&sql);
                        (update, second.state("COMMIT"))
                    });
                    observer.await_blocked(&awaited);
                    first.run(end);
                    waiting.join().unwrap()
                })
            });
            assert_eq!(answers[0], answers[1], "{level} {end}");
            let expected = if end == "COMMIT" { "40001" } else { "00000" };
            assert_eq!(answers[1].0, expected, "{level} {end}");
        }
    }
    assert_eq!(
        recorded(&mut observer, "sessions_iso_same.tracked", "update"),
        4
    );
    observer.check_history("tracked");
}

/// A snapshot taken before `track` sees no row of ours, and the write is recorded none the less.
#[test]
fn sessions_isolation_with_a_snapshot_older_than_the_tracking() {
    for (place, level) in LEVELS.iter().enumerate() {
        let schema = format!("sessions_iso_old_{place}");
        let mut session = in_schema(&schema);
        session.run(
            "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'a')",
        );
        let mut old = begin(&schema, level, "early bird");
        session
            .run("SELECT directus_versions.track('t'); SET directus_versions.actor = 'early bird'");
        session.run("UPDATE t SET v = 'b' WHERE id = 2");
        assert_eq!(
            old.state("UPDATE t SET v = 'b' WHERE id = 1"),
            "00000",
            "{level}"
        );
        assert_eq!(old.state("COMMIT"), "00000", "{level}");
        assert_eq!(
            actors_of(&mut session, &format!("{schema}.t")),
            ["early bird"; 2],
            "{level}"
        );
        session.check_changes("t");
    }
}

/// A change of scope holds from the next statement on, whatever the snapshot.
#[test]
fn sessions_isolation_with_a_snapshot_older_than_the_scope() {
    for (place, level) in LEVELS.iter().enumerate() {
        let schema = format!("sessions_iso_scope_{place}");
        let mut session = in_schema(&schema);
        session.run(
            "CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t');
             INSERT INTO t VALUES (1, 'a')",
        );
        let mut old = begin(&schema, level, "late");
        session.run("SELECT directus_versions.set_scope('t', accountability => 'activity')");
        assert_eq!(
            old.state("UPDATE t SET v = 'b' WHERE id = 1"),
            "00000",
            "{level}"
        );
        old.run("COMMIT");
        assert_eq!(
            recorded(&mut session, &format!("{schema}.t"), "update"),
            1,
            "{level}"
        );
        let revisions = format!(
            "SELECT count(*) FROM directus_versions.revisions WHERE collection = '{schema}.t'"
        );
        assert_eq!(session.int(&revisions), 1, "{level}");
    }
}
