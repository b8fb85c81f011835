//! The log's partitions come by themselves, and go whole.

use super::{house, listed, purged, read};
use crate::pg_tests::support::{Session, drop_database};

/// The relation that the newest row of the log is in.
pub(super) fn newest(session: &mut Session) -> String {
    session
        .text("SELECT tableoid::regclass FROM directus_versions.log ORDER BY id DESC LIMIT 1")
        .unwrap()
}

pub(super) fn in_default(session: &mut Session) -> i64 {
    session.int("SELECT count(*) FROM directus_versions.log_default")
}

fn partitions(session: &mut Session) -> Vec<String> {
    listed(
        session,
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'directus_versions.log'::regclass ORDER BY 1",
    )
}

/// Take all partitions but the default away, as a database has it that was not looked after; their rows come to the default.
pub(super) fn neglect(session: &mut Session) {
    session.run(
        "SET directus_versions.allow_drop = on;
         DO $$
         DECLARE
             part regclass;
         BEGIN
             FOR part IN
                 SELECT i.inhrelid FROM pg_inherits i
                 WHERE i.inhparent = 'directus_versions.log'::regclass
                   AND i.inhrelid <> 'directus_versions.log_default'::regclass
             LOOP
                 IF EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = part AND deptype = 'e') THEN
                     EXECUTE format('ALTER EXTENSION directus_versions DROP TABLE %s', part);
                 END IF;
                 EXECUTE format('ALTER TABLE directus_versions.log DETACH PARTITION %s', part);
                 EXECUTE format('INSERT INTO directus_versions.log_default SELECT * FROM %s', part);
                 EXECUTE format('DROP TABLE %s', part);
             END LOOP;
         END $$;
         RESET directus_versions.allow_drop",
    );
}

/// Tell whether a time has a partition of its own.
fn is_covered(session: &mut Session, at: &str) -> bool {
    session.run("BEGIN");
    session.run(&format!(
        "INSERT INTO directus_versions.log (id, at, transaction, context, command, action)
         VALUES (nextval('directus_versions.log_id'), {at}, '3', 0, 0, 'x')"
    ));
    let part = newest(session);
    session.run("ROLLBACK");
    part != "directus_versions.log_default"
}

#[test]
fn house_write_never_fails_for_want_of_a_partition() {
    let mut session = house("house_want");
    neglect(&mut session);
    session.run("INSERT INTO t VALUES (1, 'a', 1); UPDATE t SET v = 'b'; SELECT directus_versions.log_activity('login')");
    assert_eq!(session.entries("t").len(), 2);
    session.check_history("t");
    drop(session);
    drop_database("house_want");
}

#[test]
fn house_maintain_moves_on_what_the_default_caught() {
    let mut session = house("house_move");
    session.run("INSERT INTO t VALUES (1, 'a', 1); UPDATE t SET v = 'b'");
    session.pass("70 days", None);
    session.run("UPDATE t SET v = 'c'; INSERT INTO t VALUES (2, 'x', 2)");
    session.pass("400 days", None);
    neglect(&mut session);
    session.run("UPDATE t SET v = 'd'; SELECT directus_versions.log_activity('login')");
    assert!(in_default(&mut session) >= 7);
    let before = read(&mut session);
    session.run("SELECT directus_versions.maintain()");
    assert_eq!(in_default(&mut session), 0);
    assert_eq!(read(&mut session), before);
    let parts = partitions(&mut session);
    session.run("SELECT directus_versions.maintain()");
    assert_eq!(
        partitions(&mut session),
        parts,
        "there is nothing more to do"
    );
    assert_eq!(read(&mut session), before);
    session.run("UPDATE t SET v = 'e'");
    assert_eq!(in_default(&mut session), 0);
    assert!(is_covered(&mut session, "now() + interval '25 days'"));
    session.check_history("t");
    for sql in [
        "DELETE FROM directus_versions.log",
        "UPDATE directus_versions.log SET comment = ''",
        "TRUNCATE directus_versions.log",
    ] {
        assert_eq!(session.state(sql), "42501", "{sql}");
    }
    for part in parts {
        for sql in ["DELETE FROM", "TRUNCATE"] {
            // A DELETE that finds no row is refused nothing.
            if sql == "TRUNCATE"
                || session.int(&format!("SELECT count(*) FROM directus_versions.{part}")) > 0
            {
                assert_eq!(
                    session.state(&format!("{sql} directus_versions.{part}")),
                    "42501",
                    "{sql} {part}"
                );
            }
        }
    }
    drop(session);
    drop_database("house_move");
}

#[test]
fn house_purge_drops_whole_partitions() {
    let mut session = house("house_drop");
    session.run("INSERT INTO t SELECT i, 'old', i FROM generate_series(1, 50) i");
    session.pass("400 days", None);
    session.run("UPDATE t SET v = 'new'; SELECT directus_versions.maintain()");
    let old = session
        .text("SELECT tableoid::regclass FROM directus_versions.log ORDER BY id LIMIT 1")
        .unwrap();
    session.run("SELECT directus_versions.set_retention(NULL, activity => '200 days', revisions => '200 days')");
    let before = read(&mut session);
    let rehearsed = purged(&mut session, true);
    assert_eq!(read(&mut session), before);
    assert_eq!(purged(&mut session, false), rehearsed);
    assert_eq!(
        session.text(&format!("SELECT to_regclass('{old}')")),
        None,
        "the partition is gone"
    );
    let after = read(&mut session);
    let lost: Vec<&String> = before.iter().filter(|line| !after.contains(line)).collect();
    assert_eq!(lost.len(), 100, "{lost:?}");
    session.shows("SELECT count(data) FROM directus_versions.revisions WHERE data->>'v' = 'new' AND data ? 'n'", "50");
    drop(session);
    drop_database("house_drop");
}

/// A partition is not dropped while another collection has rows in it.
#[test]
fn house_purge_spares_what_others_have_in_a_partition() {
    let mut session = house("house_spare");
    session.run(
        "CREATE TABLE kept (id int PRIMARY KEY, v text); SELECT directus_versions.track('kept');
         INSERT INTO t VALUES (1, 'a', 1); INSERT INTO kept VALUES (1, 'a'); SELECT directus_versions.log_activity('login')",
    );
    session.pass("400 days", None);
    session.run("SELECT directus_versions.maintain()");
    session.run("SELECT directus_versions.set_retention('t', activity => '200 days', revisions => '200 days')");
    purged(&mut session, false);
    assert_eq!(
        listed(
            &mut session,
            "SELECT concat_ws(' ', action, collection) FROM directus_versions.activity
             WHERE action IN ('create', 'login') ORDER BY id"
        ),
        ["create kept", "login"]
    );
    session.shows(
        "SELECT data->>'v' FROM directus_versions.revisions WHERE collection = 'kept'",
        "a",
    );
    drop(session);
    drop_database("house_spare");
}

#[test]
fn house_maintain_purges() {
    let mut session = house("house_both");
    session.run("INSERT INTO t VALUES (1, 'a', 1)");
    session.pass("400 days", None);
    session.run(
        "SELECT directus_versions.set_retention('t', activity => '200 days', revisions => '200 days');
         SELECT directus_versions.maintain()",
    );
    assert!(session.entries("t").is_empty());
    drop(session);
    drop_database("house_both");
}
