//! Keeping house beside writers: none of them waits for it, and nothing is lost.

use super::house;
use super::partitions::{in_default, neglect};
use crate::pg_tests::support::{Session, alike, drop_database};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const WRITERS: i64 = 8;
const TURNS: i64 = 60;

/// Let eight sessions write while `keepers` do their work again and again, and check that all is there once.
fn beside_writers(session: &mut Session, keepers: &[fn(&mut Session)]) {
    session.run("INSERT INTO t SELECT i, 'v', 0 FROM generate_series(0, 15) i");
    let before = session.int("SELECT count(*) FROM directus_versions.revisions");
    let writers: Vec<Session> = (0..WRITERS).map(|_| alike(session)).collect();
    let others: Vec<Session> = keepers.iter().map(|_| alike(session)).collect();
    let start = Barrier::new(writers.len() + others.len());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let working: Vec<_> = (0..)
            .zip(writers)
            .map(|(number, mut writer)| {
                let start = &start;
                scope.spawn(move || {
                    // Whoever waits longer than that for a lock fails.
                    writer.run(&format!("SET lock_timeout = '20s'; SET directus_versions.actor = 'writer {number}'"));
                    start.wait();
                    for turn in 0..TURNS {
                        writer.run(&match turn % 4 {
                            0 => format!("UPDATE t SET n = n + 1 WHERE id = {number}"),
                            1 => format!("BEGIN; UPDATE t SET n = n + 1 WHERE id = {number}; UPDATE t SET n = n + 1 WHERE id = {} ; COMMIT", number + 8),
                            2 => format!("BEGIN; UPDATE t SET n = n + 1 WHERE id = {number}; SAVEPOINT s; UPDATE t SET v = 'lost' WHERE id = {number};
                                          ROLLBACK TO s; COMMIT"),
                            _ => format!("INSERT INTO t VALUES ({}, 'new', {turn})", 1000 + number * 1000 + turn),
                        });
                    }
                })
            })
            .collect();
        for (work, mut keeper) in keepers.iter().zip(others) {
            let (start, done) = (&start, &done);
            scope.spawn(move || {
                start.wait();
                // At least once with nobody beside it.
                loop {
                    let last = done.load(Ordering::SeqCst);
                    work(&mut keeper);
                    if last {
                        break;
                    }
                }
            });
        }
        let failed: Vec<_> = working
            .into_iter()
            .filter_map(|writer| writer.join().err())
            .collect();
        done.store(true, Ordering::SeqCst);
        assert!(failed.is_empty(), "writers failed: {}", failed.len());
    });
    let quarter = TURNS / 4;
    assert_eq!(
        session.int("SELECT sum(n) FROM t WHERE id < 16"),
        WRITERS * quarter * 4
    );
    assert_eq!(
        session.int("SELECT count(*) FROM directus_versions.revisions") - before,
        WRITERS * quarter * 5,
        "nothing is lost or there twice"
    );
    assert_eq!(
        session.int("SELECT count(*) - count(DISTINCT id) FROM directus_versions.log"),
        0
    );
    session.check_history("t");
}

fn maintain(session: &mut Session) {
    session.run("SELECT directus_versions.maintain()");
}

#[test]
fn house_maintain_beside_eight_writers() {
    let mut session = house("house_beside");
    beside_writers(&mut session, &[maintain]);
    drop(session);
    drop_database("house_beside");
}

/// Two at once, and the present month lies in the default partition, where the writers write.
#[test]
fn house_maintain_moves_the_present_beside_writers() {
    let mut session = house("house_present");
    session.run(
        "CREATE TABLE bulk (id int PRIMARY KEY, v text); SELECT directus_versions.track('bulk');
                 INSERT INTO bulk SELECT i, 'v' FROM generate_series(1, 5000) i",
    );
    neglect(&mut session);
    assert!(in_default(&mut session) >= 5000);
    let kept = session.text("SELECT md5(string_agg(r::text, ';' ORDER BY r.id)) FROM directus_versions.revisions r WHERE collection = 'bulk'");
    beside_writers(&mut session, &[maintain, maintain]);
    assert_eq!(
        session.text("SELECT md5(string_agg(r::text, ';' ORDER BY r.id)) FROM directus_versions.revisions r WHERE collection = 'bulk'"),
        kept
    );
    session.run("SELECT directus_versions.maintain()");
    assert_eq!(in_default(&mut session), 0);
    drop(session);
    drop_database("house_present");
}

#[test]
fn house_purge_beside_writers() {
    let mut session = house("house_purging");
    session.run("INSERT INTO t SELECT i, 'old', 0 FROM generate_series(100000, 103000) i; UPDATE t SET n = 1; DELETE FROM t");
    session.pass("200 days", None);
    session.run("SELECT directus_versions.set_retention('t', activity => '100 days', revisions => '100 days')");
    // What the writers' check reads is theirs alone.
    session.run("CREATE TABLE old AS SELECT max(id) AS id FROM directus_versions.log");
    session.run("SELECT * FROM directus_versions.purge()");
    beside_writers(
        &mut session,
        &[
            |keeper| keeper.run("SELECT * FROM directus_versions.purge()"),
            maintain,
            |keeper| keeper.run("SELECT * FROM directus_versions.check_tracking()"),
        ],
    );
    drop(session);
    drop_database("house_purging");
}

/// What an open transaction has written is not in the way of the housekeeper, nor the other way about.
#[test]
fn house_maintain_beside_an_open_transaction() {
    let mut session = house("house_waiting");
    session.run("INSERT INTO t VALUES (1, 'a', 1)");
    neglect(&mut session);
    let (mut writer, mut reader) = (alike(&mut session), alike(&mut session));
    writer.run("BEGIN; UPDATE t SET v = 'open'");
    reader.run(
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM directus_versions.activity",
    );
    // It gives up what it cannot have at once, and does not fail for it.
    session.run("SET statement_timeout = '60s'; SELECT directus_versions.maintain()");
    writer.run("SET LOCAL lock_timeout = '2s'; UPDATE t SET n = 2; COMMIT");
    assert_eq!(
        reader.int("SELECT count(*) FROM directus_versions.activity"),
        1
    );
    reader.run("COMMIT");
    session.run("SELECT directus_versions.maintain()");
    assert_eq!(in_default(&mut session), 0);
    assert_eq!(session.entries("t").len(), 3);
    session.check_history("t");
    drop((session, writer, reader));
    drop_database("house_waiting");
}
