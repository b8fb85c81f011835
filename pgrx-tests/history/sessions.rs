//! Readers in transactions of every kind: read only, with an old snapshot, in parallel workers.
#![cfg(test)]

use crate::pg_tests::support::{Session, beside, in_schema};

/// A table with a past, and each reader of it with what it gives.
fn past(schema: &str) -> (Session, Vec<(String, Option<String>)>) {
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n int); SELECT directus_versions.track('t')",
    );
    session.run("INSERT INTO t SELECT i, 'v' || i, i FROM generate_series(1, 50) i");
    session.run("UPDATE t SET n = n + 1; UPDATE t SET id = 100 WHERE id = 1");
    let moment = session.text("SELECT clock_timestamp()").unwrap();
    session.run("UPDATE t SET v = v || '!'; DELETE FROM t WHERE id % 2 = 0; TRUNCATE t; INSERT INTO t VALUES (100, 'new', 1)");
    let first = session.int(&format!(
        "SELECT min(id) FROM directus_versions.revisions WHERE collection = '{schema}.t'"
    ));
    let readers = [
        "SELECT string_agg(h::text, ' ') FROM directus_versions.history('t', 100) h".to_owned(),
        "SELECT string_agg(h::text, ' ' ORDER BY i)
         FROM generate_series(1, 50) i, directus_versions.history('t', i) h"
            .to_owned(),
        "SELECT string_agg(b::text, ' ' ORDER BY field) FROM directus_versions.blame('t', 100) b".to_owned(),
        format!("SELECT string_agg(d::text, ' ' ORDER BY field) FROM directus_versions.diff({first}) d"),
        format!("SELECT string_agg(a::text, ' ' ORDER BY id) FROM directus_versions.as_of(NULL::t, '{moment}') a"),
        format!(
            "SELECT string_agg(directus_versions.item_at('t', i, '{moment}')::text, ' ' ORDER BY i)
             FROM generate_series(1, 100) i"
        ),
    ]
    .into_iter()
    .map(|sql| {
        let found = session.text(&sql);
        assert!(found.as_deref().is_some_and(|found| found.len() > 10), "{sql}");
        (sql, found)
    })
    .collect();
    (session, readers)
}

#[test]
fn history_is_read_in_a_read_only_transaction() {
    let (mut session, readers) = past("history_readonly");
    for begin in [
        "BEGIN READ ONLY",
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE",
    ] {
        session.run(begin);
        for (sql, expected) in &readers {
            assert_eq!(session.text(sql), *expected, "{begin}: {sql}");
        }
        // A reader that takes a transaction id would fail on a standby.
        assert_eq!(
            session.text("SELECT pg_current_xact_id_if_assigned()"),
            None,
            "{begin}"
        );
        session.run("COMMIT");
    }
    session.run("BEGIN READ ONLY");
    assert_eq!(
        session.state(
            "SELECT directus_versions.revert(id) FROM directus_versions.revisions
                              WHERE collection = 'history_readonly.t' AND item = '2' LIMIT 1"
        ),
        "25006"
    );
    session.run("ROLLBACK");
}

/// As they are marked, so they may be used.
#[test]
fn history_is_read_in_parallel_workers() {
    let (mut session, readers) = past("history_parallel");
    session.run(
        "SELECT set_config(name, 'on', false) FROM pg_settings
         WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
         SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0",
    );
    for (sql, expected) in &readers {
        assert_eq!(session.text(sql), *expected, "{sql}");
    }
}

#[test]
fn history_is_that_of_the_snapshot() {
    let (mut session, readers) = past("history_snapshot");
    let mut old = beside("history_snapshot");
    old.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t");
    session.run("UPDATE t SET v = 'later'; INSERT INTO t VALUES (2, 'later', 1); DELETE FROM t WHERE id = 100");
    for (sql, expected) in &readers {
        assert_eq!(old.text(sql), *expected, "{sql}");
    }
    old.run("COMMIT");
    let last =
        "SELECT data ->> 'v' FROM directus_versions.history('t', 100) WHERE action = 'delete'
                ORDER BY revision DESC LIMIT 1";
    assert_eq!(old.text(last).as_deref(), Some("later"));
}

/// What another session has not committed is no history yet.
#[test]
fn history_has_what_is_committed_and_one_s_own() {
    let (mut session, _) = past("history_open");
    let count = "SELECT count(*) FROM directus_versions.history('t', 100)";
    let before = session.int(count);
    let mut other = beside("history_open");
    other.run("BEGIN; UPDATE t SET v = 'open'");
    assert_eq!(session.int(count), before);
    assert_eq!(other.int(count), before + 1);
    other.run("ROLLBACK");
    assert_eq!(other.int(count), before);
    other.run("UPDATE t SET v = 'open'");
    assert_eq!(session.int(count), before + 1);
}
