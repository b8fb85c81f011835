//! The live rows and the log are read as one: with one snapshot, whoever writes meanwhile.

use super::{Copies, now, then};
use crate::pg_tests::support::{beside, in_schema};
use std::thread;

#[test]
fn travel_agrees_with_the_table_while_others_write() {
    let schema = "travel_beside";
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v int); SELECT directus_versions.track('t');
         INSERT INTO t SELECT i, 0 FROM generate_series(1, 40) i",
    );
    let mut copies = Copies::new(&mut session);
    let start = copies.take(&mut session);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let mut other = beside(schema);
                scope.spawn(move || {
                    for turn in 1..=400 {
                        let id = 20 * writer + 1 + turn % 20;
                        other.run(&format!("UPDATE t SET v = v + 1 WHERE id = {id}"));
                        other.run(&format!(
                            "DELETE FROM t WHERE id = {id}; INSERT INTO t VALUES ({id}, {turn})"
                        ));
                    }
                })
            })
            .collect();
        let mut rounds = 0;
        while !writers.iter().all(thread::ScopedJoinHandle::is_finished) {
            session.same_rows(&then("t", "'infinity'"), &now("t"));
            session.same_rows(&then("t", &start), &Copies::rows(&start));
            rounds += 1;
        }
        assert!(rounds > 1, "the writers were done too soon");
    });
}

#[test]
fn travel_in_a_transaction_with_an_old_snapshot() {
    let schema = "travel_repeatable";
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'a'), (2, 'a')",
    );
    let mut copies = Copies::new(&mut session);
    copies.take(&mut session);
    session.run("UPDATE t SET v = 'b' WHERE id = 1");
    let mut old = beside(schema);
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        old.run(&format!(
            "BEGIN ISOLATION LEVEL {level}; SELECT count(*) FROM t"
        ));
        session.run("UPDATE t SET v = v || '!'; DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (2, 'new')");
        copies.check(&mut old);
        old.run("COMMIT");
        copies.check(&mut old);
    }
}

#[test]
fn travel_sees_one_s_own_changes_and_not_another_s_open_ones() {
    let schema = "travel_uncommitted";
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'a'), (2, 'a')",
    );
    let mut copies = Copies::new(&mut session);
    copies.take(&mut session);
    let mut other = beside(schema);
    other.run("BEGIN; UPDATE t SET v = 'open'; INSERT INTO t VALUES (3, 'open'); DELETE FROM t WHERE id = 2");
    copies.check(&mut session);
    copies.check(&mut other);
    other.run("SAVEPOINT s; TRUNCATE t");
    copies.check(&mut other);
    other.run("ROLLBACK TO s");
    copies.check(&mut other);
    other.run("ROLLBACK");
    copies.check(&mut other);
}
