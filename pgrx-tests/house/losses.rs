//! What keeping house must never lose, nor tell otherwise than before.

use super::partitions::in_default;
use super::{house, listed, purged, read};
use crate::pg_tests::support::{Session, alike, drop_database};

const COUNT: &str = "SELECT count(*) FROM directus_versions.log";

/// Give each row of the log a day of its own.
fn spread(session: &mut Session, from: &str) {
    session.run(&format!(
        "ALTER TABLE directus_versions.log DISABLE TRIGGER guard;
         UPDATE directus_versions.log SET at = timestamptz '{from}' + id * interval '20 hours';
         ALTER TABLE directus_versions.log ENABLE ALWAYS TRIGGER guard"
    ));
}

/// Require that every revision that is left tells what it told.
fn purge_keeps_data(session: &mut Session, left: i64) {
    const DATA: &str = "SELECT concat_ws(' ', id, item, delta, prior, data) FROM directus_versions.revisions ORDER BY id";
    let before = listed(session, DATA);
    purged(session, false);
    let after = listed(session, DATA);
    assert_eq!(i64::try_from(after.len()).unwrap(), left, "{after:?}");
    for line in &after {
        assert!(before.contains(line), "{line}, but before: {before:?}");
    }
}

#[test]
fn house_moves_every_row_in_any_time_zone() {
    for (name, zone) in [
        ("house_west", "America/New_York"),
        ("house_east", "Asia/Tokyo"),
        ("house_summer", "Europe/Berlin"),
    ] {
        let mut session = house(name);
        session.run(&format!("SET timezone = '{zone}'"));
        session
            .run("SELECT directus_versions.log_activity('e' || i) FROM generate_series(1, 300) i");
        spread(&mut session, "2026-01-01 00:00+00");
        let before = read(&mut session);
        session.run("SELECT directus_versions.maintain()");
        assert_eq!(session.int(COUNT), 300, "{zone}");
        assert_eq!(in_default(&mut session), 0, "{zone}");
        assert_eq!(read(&mut session), before, "{zone}");
        assert_eq!(
            session.int(
                "SELECT count(*) FROM directus_versions.log l JOIN pg_class c ON c.oid = l.tableoid
                 WHERE c.relname <> 'log_' || to_char(l.at AT TIME ZONE 'UTC', 'YYYYMM')"
            ),
            0,
            "{zone}"
        );
        drop(session);
        drop_database(name);
    }
}

/// A partition that somebody made of a part of a month.
#[test]
fn house_leaves_what_it_cannot_move_where_it_is() {
    let mut session = house("house_part");
    session.run(
        "CREATE TABLE directus_versions.log_by_hand PARTITION OF directus_versions.log
             FOR VALUES FROM ('2026-01-01') TO ('2026-01-08');
         SELECT directus_versions.log_activity('e' || i) FROM generate_series(1, 60) i",
    );
    spread(&mut session, "2026-01-01 00:00+00");
    let before = read(&mut session);
    session.run("SELECT directus_versions.maintain()");
    assert_eq!(session.int(COUNT), 60);
    assert_eq!(read(&mut session), before);
    drop(session);
    drop_database("house_part");
}

/// Values that only entries told which go, of a row that is older than its tracking.
#[test]
fn house_data_stays_of_rows_older_than_tracking() {
    let mut session = house("house_older");
    session.run(
        "CREATE TABLE o (id int PRIMARY KEY, x text, y int, z int, c int);
         INSERT INTO o VALUES (1, '08', 0, 0, 0);
         SELECT directus_versions.track('o', ignore => '{c}');
         UPDATE o SET z = 5, c = 1; UPDATE o SET y = 1; UPDATE o SET c = 9;
         ALTER TABLE o DROP COLUMN z; ALTER TABLE o ALTER x TYPE int USING x::int;
         SELECT directus_versions.set_retention('o', keep_last => 1)",
    );
    purge_keeps_data(&mut session, 1);
    drop(session);
    drop_database("house_older");
}

/// Items get other names after a row changed its key: what is called so now is not that row.
#[test]
fn house_data_stays_where_items_were_renamed() {
    let mut session = house("house_renamed");
    session.run(
        "CREATE TABLE k (id int PRIMARY KEY, code text UNIQUE NOT NULL, v int); SELECT directus_versions.track('k');
         INSERT INTO k VALUES (1, 'a', 0); UPDATE k SET id = 2;
         SELECT directus_versions.set_scope('k', key => '{code}');
         INSERT INTO k VALUES (7, '2', 1);
         SELECT directus_versions.set_retention('k', keep_last => 1)",
    );
    purge_keeps_data(&mut session, 2);
    drop(session);
    drop_database("house_renamed");
}

#[test]
fn house_purge_keeps_indexes_of_an_administrator() {
    let mut session = house("house_index");
    session.run(
        "CREATE INDEX by_hand ON directus_versions.log (lower(item)) WHERE change IS NOT NULL;
         INSERT INTO t SELECT i, 'a', i FROM generate_series(1, 20) i; UPDATE t SET n = 0; UPDATE t SET v = 'b';
         SELECT directus_versions.set_retention('t', keep_last => 1)",
    );
    purge_keeps_data(&mut session, 20);
    session.run("SET enable_seqscan = off");
    assert_eq!(
        session.int("SELECT count(*) FROM directus_versions.log WHERE lower(item) = '7' AND change IS NOT NULL"),
        1
    );
    drop(session);
    drop_database("house_index");
}

/// A reader keeps an old partition from being dropped: what is in it goes row by row, or what is left would lie.
#[test]
fn house_purge_beside_a_long_reader_tells_no_lies() {
    let mut session = house("house_reader");
    session.run("INSERT INTO t VALUES (1, 'a', 1), (3, 'c', 3)");
    session.pass("40 days", None);
    session.run("DELETE FROM t WHERE id = 1; UPDATE t SET id = 4 WHERE id = 3");
    session.pass("200 days", None);
    session.run("SELECT directus_versions.maintain(); UPDATE t SET v = 'd'");
    let mut reader = alike(&mut session);
    reader.run("BEGIN; SELECT count(*) FROM directus_versions.log");
    session.run("SELECT directus_versions.set_retention(NULL, activity => '100 days', revisions => '100 days')");
    session.run("SELECT * FROM directus_versions.purge()");
    reader.run("ROLLBACK");
    for item in ["1", "3"] {
        assert_eq!(
            session.text(&format!(
                "SELECT directus_versions.item_at('t', '{item}', now())"
            )),
            None
        );
    }
    assert_eq!(
        session.int("SELECT count(*) FROM directus_versions.check_tracking('t')"),
        0
    );
    assert_eq!(
        session.int("SELECT count(*) FROM directus_versions.revisions WHERE collection = 't'"),
        1
    );
    drop((session, reader));
    drop_database("house_reader");
}

/// Only the extension's owner can keep another session from keeping house.
#[test]
fn house_is_not_stopped_by_an_advisory_lock() {
    let mut session = house("house_lock");
    let mut other = alike(&mut session);
    other.run(
        "CREATE ROLE house_locker; SET ROLE house_locker;
         SELECT pg_advisory_lock('directus_versions.log'::regclass::oid::bigint)",
    );
    assert_eq!(
        other.state("DO $$ BEGIN LOCK TABLE directus_versions.housekeeper; END $$"),
        "42501"
    );
    session.run("SELECT directus_versions.maintain()");
    assert_eq!(
        session.int(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'directus_versions.log'::regclass"
        ),
        5
    );
    other.run("RESET ROLE; DROP ROLE house_locker");
    drop((session, other));
    drop_database("house_lock");
}
