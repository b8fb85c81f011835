//! What `check_tracking` tells, and that it tells nothing of what is well.

use super::partitions::neglect;
use super::{house, listed};
use crate::pg_tests::support::{Session, drop_database, literal};

/// Give the findings about all or one table, each as `collection item: problem`; each has a sentence that says what to do.
pub(super) fn findings(session: &mut Session, target: &str) -> Vec<String> {
    let found = session.table(&format!(
        "SELECT c.collection, c.item, c.problem, c.detail FROM directus_versions.check_tracking({target}) c ORDER BY 1, 2, 3"
    ));
    found
        .iter()
        .map(|row| {
            let detail = row[3].clone().unwrap_or_default();
            assert!(
                detail.ends_with('.') && detail.contains(' '),
                "no sentence: {row:?}"
            );
            let part = |at: usize| row[at].clone().unwrap_or_default();
            assert!(!part(2).is_empty(), "{row:?}");
            format!("{} {}: {}", part(0), part(1), part(2))
        })
        .collect()
}

/// Require a finding of that beginning for a broken table, and none once it is mended.
fn finds(session: &mut Session, damage: &str, target: &str, beginning: &str, repair: &str) {
    assert_eq!(
        findings(session, target),
        Vec::<String>::new(),
        "before {damage}"
    );
    session.run(damage);
    let found = findings(session, target);
    assert!(
        found.iter().any(|finding| finding.starts_with(beginning)),
        "after {damage}: {found:?}"
    );
    session.run(repair);
    assert_eq!(
        findings(session, target),
        Vec::<String>::new(),
        "after {repair}"
    );
}

/// Undo damage to triggers: what is recorded is begun anew.
const AGAIN: &str = "SELECT directus_versions.untrack('t'); SELECT directus_versions.track('t')";

#[test]
fn house_check_finds_nothing_in_a_healthy_database() {
    let mut session = house("house_healthy");
    session.run(
        "CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
         CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (10);
         CREATE TABLE heir () INHERITS (t);
         SELECT directus_versions.track('p', mask => '{v}');
         CREATE SCHEMA whole; CREATE TABLE whole.a (id int PRIMARY KEY);
         SELECT directus_versions.track_schema('whole');
         CREATE TABLE whole.b (id int PRIMARY KEY); CREATE TABLE whole.without_key (id int);
         CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (10) TO (20);
         INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2); INSERT INTO heir VALUES (3, 'c', 3);
         INSERT INTO p VALUES (1, 'a'), (11, 'b'); UPDATE p SET id = 12 WHERE id = 1; UPDATE t SET v = 'x', id = id + 10;
         DELETE FROM t WHERE id = 12; INSERT INTO whole.a VALUES (1); INSERT INTO whole.b VALUES (1);
         CREATE TABLE before (id int PRIMARY KEY, v text); INSERT INTO before VALUES (1, 'a'), (2, 'b');
         SELECT directus_versions.track('before'); UPDATE before SET v = 'c' WHERE id = 1; DELETE FROM before WHERE id = 2",
    );
    for target in [
        "",
        "NULL",
        "'t'",
        "'p'",
        "'whole.a'",
        "'whole.b'",
        "'before'",
    ] {
        assert_eq!(
            findings(&mut session, target),
            Vec::<String>::new(),
            "{target}"
        );
    }
    session.run(
        "SELECT directus_versions.set_scope('t', mask => '{v}', ignore => '{n}');
         UPDATE t SET n = 5; UPDATE t SET v = 'y'; ALTER TABLE t ADD w int DEFAULT 7; ALTER TABLE t RENAME n TO m;
         UPDATE t SET w = 8; SELECT directus_versions.set_scope('t', mask => '{}', exclude => '{w}', ignore => '{}');
         UPDATE t SET w = 9; ALTER TABLE t DROP v; UPDATE t SET m = 6; ALTER TABLE p ALTER v TYPE varchar(20)",
    );
    for target in ["", "'t'", "'p'"] {
        assert_eq!(
            findings(&mut session, target),
            Vec::<String>::new(),
            "{target}"
        );
    }
    session.run("SELECT directus_versions.untrack('t'); UPDATE t SET m = 1; DROP TABLE before");
    assert_eq!(findings(&mut session, ""), Vec::<String>::new());
    session.run("SELECT directus_versions.track('t')");
    assert_eq!(findings(&mut session, ""), Vec::<String>::new());
    assert_eq!(
        findings(&mut session, "'t'"),
        Vec::<String>::new(),
        "what a gap explains is no fault"
    );
    drop(session);
    drop_database("house_healthy");
}

#[test]
fn house_check_finds_triggers_that_do_not_fire() {
    let mut session = house("house_triggers");
    let triggers = listed(
        &mut session,
        "SELECT quote_ident(tgname) FROM pg_trigger WHERE tgrelid = 't'::regclass AND NOT tgisinternal",
    );
    assert_eq!(triggers.len(), 3);
    for trigger in &triggers {
        finds(
            &mut session,
            &format!("ALTER TABLE t DISABLE TRIGGER {trigger}"),
            "",
            "t ",
            &format!("ALTER TABLE t ENABLE TRIGGER {trigger}"),
        );
        finds(
            &mut session,
            &format!("ALTER TABLE t ENABLE REPLICA TRIGGER {trigger}"),
            "'t'",
            "t ",
            &format!("ALTER TABLE t ENABLE TRIGGER {trigger}"),
        );
        finds(
            &mut session,
            &format!("DROP TRIGGER {trigger} ON t"),
            "",
            "t ",
            AGAIN,
        );
    }
    finds(
        &mut session,
        "ALTER TABLE t DISABLE TRIGGER ALL",
        "",
        "t ",
        "ALTER TABLE t ENABLE TRIGGER ALL",
    );
    // What is to be recorded of a subscription must fire for it.
    session.run("SELECT directus_versions.set_scope('t', replicated => true)");
    finds(
        &mut session,
        &format!(
            "ALTER EVENT TRIGGER directus_versions_ddl DISABLE; ALTER TABLE t ENABLE TRIGGER {};
             ALTER EVENT TRIGGER directus_versions_ddl ENABLE ALWAYS",
            triggers[0]
        ),
        "",
        "t ",
        "SELECT directus_versions.set_scope('t', replicated => true)",
    );
    drop(session);
    drop_database("house_triggers");
}

#[test]
fn house_check_finds_partitions_that_are_not_covered() {
    let mut session = house("house_cover");
    session.run(
        "CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
         CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (10);
         CREATE TABLE heir () INHERITS (t); SELECT directus_versions.track('p')",
    );
    let on = |session: &mut Session, relation: &str| {
        listed(
            session,
            &format!(
                "SELECT quote_ident(tgname) FROM pg_trigger
                 WHERE tgrelid = '{relation}'::regclass AND NOT tgisinternal AND tgparentid = 0"
            ),
        )
    };
    for trigger in on(&mut session, "heir") {
        finds(
            &mut session,
            &format!("DROP TRIGGER {trigger} ON heir"),
            "",
            "t ",
            AGAIN,
        );
    }
    for trigger in on(&mut session, "p_1") {
        finds(
            &mut session,
            &format!("DROP TRIGGER {trigger} ON p_1"),
            "",
            "p ",
            "SELECT directus_versions.untrack('p'); SELECT directus_versions.track('p')",
        );
    }
    finds(
        &mut session,
        "ALTER TABLE p_1 DISABLE TRIGGER ALL",
        "",
        "p ",
        "ALTER TABLE p_1 ENABLE TRIGGER ALL",
    );
    // Made while nothing followed: no event trigger fires with this.
    finds(
        &mut session,
        "ALTER EVENT TRIGGER directus_versions_ddl DISABLE; CREATE TABLE heir_2 () INHERITS (t);
         ALTER EVENT TRIGGER directus_versions_ddl ENABLE ALWAYS",
        "",
        "t ",
        AGAIN,
    );
    drop(session);
    drop_database("house_cover");
}

#[test]
fn house_check_finds_tables_of_a_schema_that_are_not_tracked() {
    let mut session = house("house_schema");
    session.run(
        "CREATE SCHEMA whole; CREATE TABLE whole.a (id int PRIMARY KEY);
         SELECT directus_versions.track_schema('whole')",
    );
    finds(
        &mut session,
        "ALTER EVENT TRIGGER directus_versions_ddl DISABLE; CREATE TABLE whole.missed (id int PRIMARY KEY);
         ALTER EVENT TRIGGER directus_versions_ddl ENABLE ALWAYS",
        "",
        "whole.missed ",
        "SELECT directus_versions.track('whole.missed')",
    );
    drop(session);
    drop_database("house_schema");
}

/// Each way in which a row changes unseen, and that the item is named.
#[test]
fn house_check_finds_rows_that_are_not_what_the_log_says() {
    for (number, (on, off)) in [
        (
            "SET session_replication_role = replica",
            "RESET session_replication_role",
        ),
        (
            "SET directus_versions.enabled = off",
            "RESET directus_versions.enabled",
        ),
        (
            "ALTER TABLE t DISABLE TRIGGER USER",
            "ALTER TABLE t ENABLE TRIGGER USER",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("house_live_{number}");
        let mut session = house(&name);
        for (change, item) in [
            ("UPDATE t SET v = 'unseen' WHERE id = 1", "1"),
            ("UPDATE t SET v = NULL, n = 8 WHERE id = 2", "2"),
            ("INSERT INTO t VALUES (9, 'unseen', 9)", "9"),
            ("DELETE FROM t WHERE id = 3", "3"),
            ("UPDATE t SET id = 77 WHERE id = 3", "3"),
            ("UPDATE t SET id = 77 WHERE id = 3", "77"),
            ("TRUNCATE t", "1"),
        ] {
            session.run(
                "DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v text, n int); SELECT directus_versions.track('t');
                 INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4);
                 UPDATE t SET n = 10 WHERE id = 1; DELETE FROM t WHERE id = 4",
            );
            assert_eq!(findings(&mut session, "'t'"), Vec::<String>::new());
            session.run(&format!("{on}; {change}; {off}"));
            let found = findings(&mut session, "'t'");
            assert!(
                found
                    .iter()
                    .any(|finding| finding.starts_with(&format!("t {item}: "))),
                "{on}; {change}: {found:?}"
            );
            if change.starts_with("INSERT") || change.starts_with("DELETE") {
                assert_eq!(found.len(), 1, "{on}; {change}: {found:?}");
            }
            session.run(AGAIN);
            assert_eq!(
                findings(&mut session, "'t'"),
                Vec::<String>::new(),
                "after {change}, accepted as it is"
            );
        }
        drop(session);
        drop_database(&name);
    }
}

/// What is not saved, or not to be compared, is not looked at.
#[test]
fn house_check_compares_what_the_scope_saves() {
    let mut session = house("house_scope");
    session.run(
        "SELECT directus_versions.set_scope('t', ignore => '{n}');
         INSERT INTO t VALUES (1, 'a', 1); UPDATE t SET n = 2",
    );
    assert_eq!(findings(&mut session, "'t'"), Vec::<String>::new());
    session.run(
        "SET directus_versions.enabled = off; UPDATE t SET n = 3; RESET directus_versions.enabled",
    );
    assert_eq!(findings(&mut session, "'t'"), Vec::<String>::new());
    for scope in [
        "exclude => '{v}', ignore => '{}'",
        "exclude => '{}', mask => '{v}'",
    ] {
        session.run(&format!(
            "SELECT directus_versions.set_scope('t', {scope}); UPDATE t SET n = n + 1"
        ));
        assert_eq!(
            findings(&mut session, "'t'"),
            Vec::<String>::new(),
            "{scope}"
        );
        session.run("SET directus_versions.enabled = off; UPDATE t SET v = 'unseen'; RESET directus_versions.enabled");
        assert_eq!(
            findings(&mut session, "'t'"),
            Vec::<String>::new(),
            "{scope}"
        );
    }
    session.run("SET directus_versions.enabled = off; UPDATE t SET n = 100; RESET directus_versions.enabled");
    assert_eq!(findings(&mut session, "'t'").len(), 1);
    drop(session);
    drop_database("house_scope");
}

/// Values whose texts are alike and whose bytes are not.
#[test]
fn house_check_compares_bytes() {
    let mut session = house("house_bytes");
    session.run(
        "CREATE TABLE x (id int PRIMARY KEY, n numeric, j json, z timestamptz, f float8);
         SELECT directus_versions.track('x');
         INSERT INTO x VALUES (1, 1.0, '{\"a\":1}', '2024-01-01', 0), (2, 'NaN', NULL, 'infinity', '-0'), (3, NULL, 'null', NULL, 'NaN')",
    );
    session.run(
        "SET timezone = 'Asia/Kolkata'; SET extra_float_digits = -5; SET datestyle = 'SQL, DMY'",
    );
    assert_eq!(findings(&mut session, "'x'"), Vec::<String>::new());
    for (change, item) in [
        ("n = 1.00 WHERE id = 1", 1),
        ("j = NULL WHERE id = 3", 3),
        ("f = 0 WHERE id = 2", 2),
    ] {
        session.run(&format!("SET directus_versions.enabled = off; UPDATE x SET {change}; RESET directus_versions.enabled"));
        let found = findings(&mut session, "'x'");
        assert!(
            found
                .iter()
                .any(|finding| finding.starts_with(&format!("x {item}: "))),
            "{change}: {found:?}"
        );
    }
    drop(session);
    drop_database("house_bytes");
}

#[test]
fn house_check_finds_a_default_partition_in_use() {
    let mut session = house("house_used");
    session.run("INSERT INTO t VALUES (1); SELECT directus_versions.maintain()");
    assert_eq!(findings(&mut session, ""), Vec::<String>::new());
    session.pass("400 days", None);
    assert_eq!(findings(&mut session, "").len(), 1);
    session.run("SELECT directus_versions.maintain()");
    assert_eq!(findings(&mut session, ""), Vec::<String>::new());
    neglect(&mut session);
    session.pass("40 days", None);
    assert_eq!(findings(&mut session, "").len(), 1);
    session.run("SELECT directus_versions.maintain()");
    assert_eq!(findings(&mut session, ""), Vec::<String>::new());
    drop(session);
    drop_database("house_used");
}

#[test]
fn house_check_finds_retention_behind() {
    let mut session = house("house_behind");
    session.run("INSERT INTO t VALUES (1)");
    session.pass("400 days", None);
    session.run("SELECT directus_versions.maintain()");
    finds(
        &mut session,
        "SELECT directus_versions.set_retention('t', activity => '100 days', revisions => '100 days')",
        "",
        "t ",
        "SELECT * FROM directus_versions.purge()",
    );
    drop(session);
    drop_database("house_behind");
}

/// A partial restore: the triggers are there, and nothing says what they record.
#[test]
fn house_check_finds_triggers_without_a_collection() {
    let mut session = house("house_partial");
    session
        .run("DELETE FROM directus_versions.collection WHERE name = 't'; INSERT INTO t VALUES (1)");
    assert!(!findings(&mut session, "").is_empty());
    drop(session);
    drop_database("house_partial");
}

#[test]
fn house_check_refuses_a_table_that_is_not_tracked() {
    let mut session = house("house_untold");
    session.run("CREATE TABLE plain (id int PRIMARY KEY)");
    let raised = session.error(&format!(
        "SELECT * FROM directus_versions.check_tracking({})",
        literal("plain")
    ));
    assert_eq!(raised.state, "55000");
    drop(session);
    drop_database("house_untold");
}
