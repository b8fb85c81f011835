//! What goes by its age or its number, and what stays.

use super::{history, house, listed, purged, read};
use crate::pg_tests::support::{Row, Session, drop_database, literal};

fn told(rows: &[(&str, i64, i64)]) -> Vec<Row> {
    let told = |(collection, activity, revisions): &(&str, i64, i64)| -> Row {
        vec![
            Some((*collection).to_owned()),
            Some(activity.to_string()),
            Some(revisions.to_string()),
        ]
    };
    rows.iter().map(told).collect()
}

fn count(session: &mut Session, view: &str) -> i64 {
    session.int(&format!(
        "SELECT count(*) FROM directus_versions.{view} WHERE collection = 't' AND item IS NOT NULL"
    ))
}

/// An item of 90 days, changed 40 days ago and today.
fn aged(name: &str) -> Session {
    let mut session = house(name);
    session.run("INSERT INTO t VALUES (1, 'a', 1)");
    session.pass("50 days", None);
    session.run("UPDATE t SET v = 'b'");
    session.pass("40 days", None);
    session.run("UPDATE t SET v = 'c'");
    session
}

#[test]
fn house_purges_data_by_age_and_keeps_the_activity() {
    let mut session = aged("house_age");
    session.run("SELECT directus_versions.set_retention('t', revisions => '60 days')");
    let before = read(&mut session);
    assert_eq!(purged(&mut session, true), told(&[("t", 0, 1)]));
    assert_eq!(read(&mut session), before, "a dry run does nothing");
    assert_eq!(purged(&mut session, false), told(&[("t", 0, 1)]));
    assert_eq!(count(&mut session, "activity"), 3);
    assert_eq!(count(&mut session, "revisions"), 2);
    let after = read(&mut session);
    let gone: Vec<&String> = before.iter().filter(|line| !after.contains(line)).collect();
    assert_eq!(gone.len(), 1, "{gone:?}");
    assert!(gone[0].starts_with("revision 1 "), "{gone:?}");
    assert_eq!(
        history(&mut session, "1"),
        [
            r#"update {"n": 1, "v": "b", "id": 1}"#,
            r#"update {"n": 1, "v": "c", "id": 1}"#
        ]
    );
    assert!(
        purged(&mut session, false).is_empty(),
        "there is nothing left to do"
    );
    drop(session);
    drop_database("house_age");
}

#[test]
fn house_purges_activity_by_age() {
    let mut session = aged("house_activity");
    session.run("SELECT directus_versions.set_retention('t', activity => '60 days', revisions => '30 days')");
    assert_eq!(purged(&mut session, true), told(&[("t", 1, 2)]));
    assert_eq!(purged(&mut session, false), told(&[("t", 1, 2)]));
    assert_eq!(
        listed(
            &mut session,
            "SELECT concat_ws(' ', a.action, r.data) FROM directus_versions.activity a
             LEFT JOIN directus_versions.revisions r ON r.activity = a.id
             WHERE a.collection = 't' AND a.item IS NOT NULL ORDER BY a.id"
        ),
        ["update", r#"update {"n": 1, "v": "c", "id": 1}"#]
    );
    drop(session);
    drop_database("house_activity");
}

#[test]
fn house_keeps_the_newest_of_each_item() {
    let mut session = house("house_last");
    session.run("INSERT INTO t VALUES (1, 'a', 0), (2, 'a', 0)");
    for n in 1..=4 {
        session.run(&format!("UPDATE t SET n = {n} WHERE id = 1"));
    }
    session.pass("100 days", None);
    session.run("INSERT INTO t VALUES (3, 'a', 0); UPDATE t SET n = 1 WHERE id = 3; UPDATE t SET n = 2 WHERE id = 3");
    session
        .run("SELECT directus_versions.set_retention('t', revisions => '60 days', keep_last => 2)");
    assert_eq!(purged(&mut session, false), told(&[("t", 0, 3)]));
    assert_eq!(
        history(&mut session, "1"),
        [
            r#"update {"n": 3, "v": "a", "id": 1}"#,
            r#"update {"n": 4, "v": "a", "id": 1}"#
        ]
    );
    assert_eq!(
        history(&mut session, "2"),
        [r#"create {"n": 0, "v": "a", "id": 2}"#]
    );
    assert_eq!(history(&mut session, "3").len(), 3, "too young to go");

    session.run("SELECT directus_versions.set_retention('t', keep_last => 1)");
    assert_eq!(purged(&mut session, false), told(&[("t", 0, 3)]));
    for (item, expected) in [
        ("1", r#"update {"n": 4, "v": "a", "id": 1}"#),
        ("2", r#"create {"n": 0, "v": "a", "id": 2}"#),
        ("3", r#"update {"n": 2, "v": "a", "id": 3}"#),
    ] {
        assert_eq!(history(&mut session, item), [expected]);
    }
    assert_eq!(count(&mut session, "activity"), 9);
    drop(session);
    drop_database("house_last");
}

#[test]
fn house_default_is_for_tables_without_their_own() {
    let mut session = house("house_default");
    session.run(
        "CREATE TABLE own (id int PRIMARY KEY); SELECT directus_versions.track('own');
         CREATE TABLE ever (id int PRIMARY KEY); SELECT directus_versions.track('ever');
         CREATE TABLE gone (id int PRIMARY KEY); SELECT directus_versions.track('gone');
         INSERT INTO t VALUES (1); INSERT INTO own VALUES (1); INSERT INTO ever VALUES (1); INSERT INTO gone VALUES (1);
         SELECT directus_versions.log_activity('login'); DROP TABLE gone",
    );
    session.pass("100 days", None);
    session.run(
        "SELECT directus_versions.log_activity('login');
         SELECT directus_versions.set_retention(NULL, activity => '90 days', revisions => '30 days');
         SELECT directus_versions.set_retention('own', activity => '200 days', revisions => '90 days');
         SELECT directus_versions.set_retention('ever')",
    );
    let rehearsed = purged(&mut session, true);
    assert_eq!(purged(&mut session, false), rehearsed);
    assert_eq!(
        listed(
            &mut session,
            "SELECT concat_ws(' ', a.action, a.collection, (r.id IS NOT NULL)::text)
             FROM directus_versions.activity a LEFT JOIN directus_versions.revisions r ON r.activity = a.id
             WHERE a.action IN ('create', 'login') ORDER BY a.id"
        ),
        ["create own false", "create ever true", "login false"]
    );
    session.run("SELECT directus_versions.set_retention(NULL)");
    session.pass("1000 days", None);
    session.run("SELECT directus_versions.set_retention('own')");
    assert!(
        purged(&mut session, false).is_empty(),
        "all is kept for ever again"
    );
    drop(session);
    drop_database("house_default");
}

#[test]
fn house_purge_is_an_activity() {
    let mut session = aged("house_itself");
    let since = session.int("SELECT max(id) FROM directus_versions.activity");
    session.run("SELECT directus_versions.set_retention('t', revisions => '60 days')");
    session.run("SET directus_versions.actor = 'housekeeper'");
    let purges = format!(
        "SELECT count(*) FROM directus_versions.activity WHERE id > {since} AND action = 'purge'"
    );
    purged(&mut session, true);
    assert_eq!(session.int(&purges), 0, "a dry run is none");
    purged(&mut session, false);
    assert!(session.int(&purges) > 0);
    session.shows(
        &format!(
            "SELECT bool_and(actor = 'housekeeper' AND role_name = current_user) FROM directus_versions.activity
             WHERE id > {since} AND action = 'purge'"
        ),
        "true",
    );
    assert_eq!(
        session.int(&format!(
            "SELECT count(*) FROM directus_versions.revisions WHERE id > {since}"
        )),
        0,
        "and no revision"
    );
    drop(session);
    drop_database("house_itself");
}

/// What cannot be shown any more is said not to be there, and what stays is still guarded.
#[test]
fn house_purged_revisions_are_gone() {
    let mut session = aged("house_gone");
    session.run("SELECT directus_versions.set_retention('t', revisions => '60 days'); SELECT * FROM directus_versions.purge()");
    for call in ["revert(1)", "undo(1)", "diff(1)", "diff(1, 2)"] {
        assert_eq!(
            session.state(&format!("SELECT directus_versions.{call}")),
            "P0002",
            "{call}"
        );
    }
    session.run("SELECT directus_versions.revert(2)");
    session.shows("SELECT v FROM t", "b");
    assert_eq!(session.state("DELETE FROM directus_versions.log"), "42501");
    assert_eq!(
        session.state("UPDATE directus_versions.log SET comment = 'x'"),
        "42501"
    );
    assert_eq!(session.state("TRUNCATE directus_versions.log"), "42501");
    drop(session);
    drop_database("house_gone");
}

#[test]
fn house_refuses_what_is_no_retention() {
    let mut session = house("house_refuse");
    session.run("CREATE TABLE plain (id int PRIMARY KEY)");
    for (call, state) in [
        ("set_retention('plain', activity => '1 day')", "55000"),
        ("set_retention('t', activity => '-1 day')", "22023"),
        ("set_retention('t', revisions => '-1 day')", "22023"),
        ("set_retention('t', keep_last => -1)", "22023"),
        ("set_retention(NULL, revisions => '-1 day')", "22023"),
    ] {
        let raised = session.error(&format!("SELECT directus_versions.{call}"));
        assert_eq!(raised.state, state, "{call}: {raised:?}");
    }
    drop(session);
    drop_database("house_refuse");
}

/// A version staged long ago is whole after the record of its saves is gone.
#[test]
fn house_purge_leaves_versions_whole() {
    let mut session = house("house_versions");
    session.run(
        "INSERT INTO t VALUES (1, 'a', 1);
         SELECT directus_versions.create_version('t', 1, 'next', delta => '{\"v\": \"staged\"}');
         SELECT directus_versions.save_version(id, '{\"n\": 7}') FROM directus_versions.versions;
         SELECT directus_versions.create_version('t', NULL::text, 'new', delta => '{\"id\": 9, \"v\": \"draft\"}')",
    );
    session.pass("100 days", None);
    session.run("UPDATE t SET n = 2");
    let versions = "SELECT string_agg(concat_ws(' ', v.key, v.item, v.delta, v.base, directus_versions.version_data(v.id),
            directus_versions.compare_version(v.id)), '; ' ORDER BY v.key) FROM directus_versions.versions v";
    let before = session.text(versions);
    session.run("SELECT directus_versions.set_retention('t', activity => '60 days', revisions => '60 days')");
    assert!(!purged(&mut session, false).is_empty());
    assert_eq!(session.text(versions), before);
    session.run("SELECT directus_versions.promote_version(id, on_conflict => 'ours') FROM directus_versions.versions WHERE key = 'next'");
    session.shows("SELECT v || n FROM t", "staged7");
    drop(session);
    drop_database("house_versions");
}

/// Names too long for an index, and events of no table.
#[test]
fn house_purges_long_items_whole() {
    let mut session = house("house_long");
    let long = "x".repeat(5000);
    session.run(&format!(
        "CREATE TABLE k (k text PRIMARY KEY, n int); SELECT directus_versions.track('k');
         INSERT INTO k VALUES ({}, 1)",
        literal(&long)
    ));
    session.pass("100 days", None);
    session.run("UPDATE k SET n = 2");
    assert!(session.int("SELECT count(*) FROM directus_versions.long_item") > 0);
    session.run("SELECT directus_versions.set_retention('k', activity => '60 days', revisions => '60 days')");
    purged(&mut session, false);
    assert_eq!(
        session.int(
            "SELECT count(*) FROM directus_versions.long_item i LEFT JOIN directus_versions.log l USING (id) WHERE l.id IS NULL"
        ),
        0
    );
    session.shows(
        "SELECT data->>'n' FROM directus_versions.revisions WHERE collection = 'k'",
        "2",
    );
    drop(session);
    drop_database("house_long");
}

/// What a time that is kept was, it stays: of items whose every record went, and of deleted ones.
#[test]
fn house_times_that_are_kept_stay_as_they_were() {
    let mut session = house("house_times");
    session.run("INSERT INTO t VALUES (1, 'quiet', 1), (2, 'deleted', 2), (3, 'again', 3), (4, 'moved', 4); DELETE FROM t WHERE id = 2;
                 UPDATE t SET id = 40 WHERE id = 4; DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (3, 'anew', 3)");
    session.pass("100 days", None);
    session.run("CREATE TABLE moments AS SELECT now() - interval '30 days' AS at");
    session.run("UPDATE t SET n = n + 1 WHERE id IN (3, 40); INSERT INTO t VALUES (5, 'late', 5)");
    let state = "SELECT string_agg(x, '; ' ORDER BY x) FROM (
             SELECT concat_ws(' ', 'as_of', r) FROM moments, directus_versions.as_of(NULL::t, moments.at) r
             UNION ALL SELECT concat_ws(' ', i, directus_versions.item_at('t', i, moments.at)) FROM moments, generate_series(1, 50) i
         ) s(x)";
    let before = session.text(state);
    session.run("SELECT directus_versions.set_retention('t', revisions => '60 days')");
    assert!(!purged(&mut session, false).is_empty());
    assert_eq!(session.text(state), before);
    session.run("SELECT directus_versions.set_retention('t', activity => '60 days', revisions => '60 days')");
    assert!(!purged(&mut session, false).is_empty());
    assert_eq!(session.text(state), before);
    drop(session);
    drop_database("house_times");
}

/// Stopped half way it has broken nothing, and run again it comes to its end.
#[test]
fn house_purge_is_stopped_and_run_again() {
    let mut session = house("house_stop");
    session.run("INSERT INTO t SELECT i, 'v', 0 FROM generate_series(1, 2000) i");
    for n in 1..=4 {
        session.run(&format!("UPDATE t SET n = {n}"));
    }
    session.pass("100 days", None);
    session.run("UPDATE t SET n = n + 1, v = 'w' WHERE id % 2 = 0");
    session.run("CREATE TABLE kept AS SELECT * FROM directus_versions.revisions WHERE id > (SELECT max(id) - 1000 FROM directus_versions.log)");
    session.run("SELECT directus_versions.set_retention('t', activity => '80 days', revisions => '60 days')");
    let rehearsed = purged(&mut session, true);
    assert_eq!(rehearsed, told(&[("t", 10_000, 10_000)]));
    let mut stopped = 0;
    let mut millis = 1;
    loop {
        session.run(&format!("SET statement_timeout = {millis}"));
        let state = session.state("SELECT * FROM directus_versions.purge()");
        // It may be stopped too.
        while session.state("RESET statement_timeout") != "00000" {}
        assert_eq!(
            session.int(
                "SELECT count(*) FROM (SELECT k::text FROM kept k EXCEPT SELECT r::text FROM directus_versions.revisions r) s"
            ),
            0,
            "after {millis} ms"
        );
        match state.as_str() {
            "00000" => break,
            "57014" => stopped += 1,
            other => panic!("{other} after {millis} ms"),
        }
        millis *= 3;
    }
    assert!(stopped > 0, "one millisecond was enough");
    assert_eq!(count(&mut session, "revisions"), 1000);
    assert!(purged(&mut session, false).is_empty());
    session.run("UPDATE t SET n = 99");
    assert_eq!(
        session.int("SELECT count(*) FROM t, LATERAL (SELECT data FROM directus_versions.history('t', t.id) ORDER BY revision DESC LIMIT 1) h WHERE h.data = to_jsonb(t)"),
        2000
    );
    drop(session);
    drop_database("house_stop");
}
