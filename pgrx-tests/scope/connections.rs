//! A scope that another session changes.
#![cfg(test)]

use crate::pg_tests::support::{beside, client, in_schema};

#[test]
fn scope_of_a_committed_table_reaches_waiting_sessions() {
    let (mut one, mut two) = (client(), client());
    one.run(
        "CREATE TABLE scoc_wait (id int PRIMARY KEY, v text, n int);
         SELECT directus_versions.track('scoc_wait');
         INSERT INTO scoc_wait VALUES (1, 'a', 1)",
    );
    two.run("UPDATE scoc_wait SET n = 2");
    one.run("BEGIN; SELECT directus_versions.set_scope('scoc_wait', accountability => 'none'); ROLLBACK");
    two.run("UPDATE scoc_wait SET n = 3");
    one.run("SELECT directus_versions.set_scope('scoc_wait', mask => '{v}')");
    two.run("UPDATE scoc_wait SET v = 'b'");
    assert_eq!(
        one.entries("scoc_wait")[1..],
        [
            r#"update 1 {"n": 2} was {"n": 1}"#,
            r#"update 1 {"n": 3} was {"n": 2}"#,
            r#"update 1 {"v": "**********"} was {"v": "**********"}"#,
        ]
    );
}

#[test]
fn scope_track_and_first_write_in_one_transaction() {
    let mut db = client();
    db.run(
        "BEGIN; CREATE TABLE scoc_fresh (id int PRIMARY KEY, v text);
         INSERT INTO scoc_fresh VALUES (1, 'a');
         SELECT directus_versions.track('scoc_fresh');
         UPDATE scoc_fresh SET v = 'b'; COMMIT;
         UPDATE scoc_fresh SET v = 'c'",
    );
    assert_eq!(
        db.entries("scoc_fresh"),
        [
            r#"update 1 {"v": "b"} was {"v": "a"}"#,
            r#"update 1 {"v": "c"} was {"v": "b"}"#
        ]
    );
    db.check_changes("scoc_fresh");
}

#[test]
fn scope_two_owners_track_at_once() {
    let (mut one, mut two) = (client(), client());
    one.run(
        "CREATE ROLE scoc_owner1; CREATE ROLE scoc_owner2;
         CREATE TABLE scoc_one (id int PRIMARY KEY); ALTER TABLE scoc_one OWNER TO scoc_owner1;
         CREATE TABLE scoc_two (id int PRIMARY KEY); ALTER TABLE scoc_two OWNER TO scoc_owner2",
    );
    one.run("BEGIN; SELECT directus_versions.track('scoc_one')");
    let other = std::thread::spawn(move || {
        let state = two.state("SELECT directus_versions.track('scoc_two')");
        (two, state)
    });
    std::thread::sleep(std::time::Duration::from_millis(500));
    one.run("COMMIT");
    let (mut two, state) = other.join().unwrap();
    assert_eq!(state, "00000");
    two.run("INSERT INTO scoc_one VALUES (1); INSERT INTO scoc_two VALUES (1)");
    assert_eq!(one.entries("scoc_one").len(), 1);
    assert_eq!(one.entries("scoc_two").len(), 1);
    one.run("DROP TABLE scoc_one, scoc_two");
}

/// What another session sees of a scope that is changed while it is in a transaction and has prepared its statement.
#[test]
fn scope_reaches_open_transactions_and_prepared_statements() {
    let (mut one, mut two) = (in_schema("scoc_open"), beside("scoc_open"));
    one.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n int); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'a', 1)",
    );
    two.run("PREPARE set_v AS UPDATE t SET v = $1; PREPARE set_n AS UPDATE t SET n = $1");
    // A prepared statement has a generic plan from the sixth execution on.
    for n in 0..7 {
        two.run(&format!("EXECUTE set_n({n}); EXECUTE set_v('v{n}')"));
    }
    for isolation in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        one.run("SELECT directus_versions.set_scope('t', accountability => 'all', mask => '{}', ignore => '{}',
                 exclude => '{}', fields => '{}')");
        two.run(&format!(
            "BEGIN ISOLATION LEVEL {isolation}; EXECUTE set_v('open {isolation}')"
        ));
        let seen = one.int("SELECT max(id) FROM directus_versions.log");
        for (options, statement, expected) in [
            (
                "mask => '{v}'",
                "EXECUTE set_v('masked')",
                r#"update 1 {"v": "**********"} was {"v": "**********"}"#,
            ),
            (
                "ignore => '{v}', mask => '{}'",
                "EXECUTE set_v('ignored')",
                "",
            ),
            ("ignore => '{}', exclude => '{n}'", "EXECUTE set_n(100)", ""),
            (
                "fields => '{n}', exclude => '{}'",
                "EXECUTE set_v('left out')",
                "",
            ),
            (
                "fields => '{}', accountability => 'activity'",
                "EXECUTE set_v('light')",
                "update 1",
            ),
            ("accountability => 'none'", "EXECUTE set_v('none')", ""),
            (
                "accountability => 'all'",
                "EXECUTE set_v('last')",
                r#"update 1 {"v": "last"} was {"v": "none"}"#,
            ),
        ] {
            one.run(&format!(
                "SELECT directus_versions.set_scope('t', {options})"
            ));
            let before = one.int("SELECT last_value FROM directus_versions.log_id");
            two.run(statement);
            let recorded = two.text(&format!(
                "SELECT string_agg(concat_ws(' ', a.action, a.item, r.delta, 'was ' || r.prior::text), '; ' ORDER BY a.id)
                 FROM directus_versions.activity a LEFT JOIN directus_versions.revisions r
                     ON r.activity = a.id AND r.id > {before}
                 WHERE a.collection = 'scoc_open.t' AND a.id > {before} AND a.action <> 'set_scope'"
            ));
            assert_eq!(
                recorded.unwrap_or_default(),
                expected,
                "{isolation}: {options}, {statement}"
            );
        }
        two.run("COMMIT");
        assert!(one.int("SELECT max(id) FROM directus_versions.log") > seen);
        two.run("UPDATE t SET n = 0");
    }
}

/// A savepoint that is rolled back does not keep the next statement from looking again.
#[test]
fn scope_reaches_a_transaction_after_an_error() {
    let (mut one, mut two) = (in_schema("scoc_error"), beside("scoc_error"));
    one.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n int CHECK (n > 0)); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'a', 1);
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
         CREATE TRIGGER refuse AFTER UPDATE OF n ON t FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    two.run("BEGIN; UPDATE t SET v = 'b'; SAVEPOINT s");
    assert_eq!(two.state("UPDATE t SET n = 2"), "P0001");
    two.run("ROLLBACK TO s");
    one.run("SELECT directus_versions.set_scope('t', mask => '{v}')");
    two.run("UPDATE t SET v = 'c'; COMMIT");
    assert_eq!(
        one.entries("scoc_error.t").last().map(String::as_str),
        Some(r#"update 1 {"v": "**********"} was {"v": "**********"}"#)
    );
}

/// TRUNCATE and COPY look at the scope as it is.
#[test]
fn scope_reaches_copy_and_truncate_of_open_transactions() {
    let (mut one, mut two) = (in_schema("scoc_copy"), beside("scoc_copy"));
    one.run("CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t')");
    two.run("BEGIN");
    two.copy("COPY t FROM STDIN", "1\ta\n");
    two.run("TRUNCATE t");
    one.run("SELECT directus_versions.set_scope('t', accountability => 'activity')");
    two.copy("COPY t FROM STDIN", "2\tb\n");
    one.run("SELECT directus_versions.set_scope('t', accountability => 'none')");
    two.copy("COPY t FROM STDIN", "3\tc\n");
    one.run("SELECT directus_versions.set_scope('t', accountability => 'activity')");
    two.run("TRUNCATE t; COMMIT");
    assert_eq!(
        one.entries("scoc_copy.t"),
        [
            r#"create 1 {"v": "a", "id": 1}"#,
            "truncate",
            r#"delete 1 was {"v": "a", "id": 1}"#,
            "create 2",
            "truncate",
            "delete 2",
            "delete 3",
        ]
    );
}
