//! Who is acting, as each session remembers it: through rollbacks, two-phase commit and pools.

use super::{Session, actors_of, beside, in_schema};
use crate::pg_tests::support::client;

fn tracked(schema: &str) -> Session {
    let mut session = in_schema(schema);
    session.run("CREATE TABLE t (id serial PRIMARY KEY); SELECT directus_versions.track('t')");
    session
}

/// Write one row as somebody.
fn writes(actor: &str) -> String {
    format!("SET LOCAL directus_versions.actor = '{actor}'; INSERT INTO t DEFAULT VALUES;")
}

#[test]
fn sessions_actors_first_seen_in_a_rolled_back_transaction() {
    let schema = "sessions_actor_back";
    let mut session = tracked(schema);
    let (ada, eve) = (writes("back ada"), writes("back eve"));
    session.run(&format!("BEGIN; {ada} ROLLBACK"));
    session.run(&format!("BEGIN; {ada} COMMIT"));
    session.run(&format!(
        "BEGIN; SAVEPOINT s; {eve} ROLLBACK TO s; {eve} COMMIT"
    ));
    session.run(&format!("BEGIN; {ada} {eve} COMMIT"));
    assert_eq!(
        actors_of(&mut session, &format!("{schema}.t")),
        ["back ada", "back eve", "back ada", "back eve"]
    );
}

#[test]
fn sessions_actors_first_seen_in_nested_savepoints() {
    let schema = "sessions_actor_nested";
    let mut session = tracked(schema);
    let mut expected = Vec::new();
    for (number, (before, after)) in [
        ("SAVEPOINT a; SAVEPOINT b;", "RELEASE b; ROLLBACK TO a;"),
        ("SAVEPOINT a; SAVEPOINT b;", "ROLLBACK TO b; RELEASE a;"),
        (
            "SAVEPOINT a;",
            "RELEASE a; SAVEPOINT b; SELECT 1; ROLLBACK TO b;",
        ),
        (
            "SAVEPOINT a; SAVEPOINT b; SAVEPOINT c;",
            "RELEASE c; RELEASE b; ROLLBACK TO a;",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let actor = format!("nested {number}");
        let write = writes(&actor);
        session.run(&format!("BEGIN; {before} {write} {after} {write} COMMIT"));
        session.run(&format!("BEGIN; {write} COMMIT"));
        // Only what is released without a rollback keeps the first of the three.
        let kept = if number == 2 { 3 } else { 2 };
        expected.extend(std::iter::repeat_n(actor, kept));
    }
    assert_eq!(actors_of(&mut session, &format!("{schema}.t")), expected);
}

/// One session must not lean on a row of another that may yet roll back, nor wait for it.
#[test]
fn sessions_actors_first_seen_by_two_sessions() {
    let schema = "sessions_actor_two";
    let mut first = tracked(schema);
    let mut second = beside(schema);
    second.run("SET lock_timeout = '5s'");
    let write = writes("shared");
    first.run(&format!("BEGIN; {write}"));
    second.run(&format!("BEGIN; {write} COMMIT"));
    first.run("ROLLBACK");
    second.run(&format!("BEGIN; {write} COMMIT"));
    first.run(&format!("BEGIN; {write} COMMIT"));
    assert_eq!(actors_of(&mut first, &format!("{schema}.t")), ["shared"; 3]);
}

#[test]
fn sessions_actors_first_seen_in_a_prepared_transaction() {
    let schema = "sessions_actor_prepared";
    let mut session = tracked(schema);
    assert!(
        session.int("SELECT current_setting('max_prepared_transactions')") > 0,
        "the tests' server needs max_prepared_transactions"
    );
    let (ada, eve) = (writes("prepared ada"), writes("prepared eve"));
    session.run(&format!(
        "BEGIN; {ada} PREPARE TRANSACTION 'sessions_actor_1'"
    ));
    session.run(&format!("BEGIN; {ada} COMMIT"));
    session.run("ROLLBACK PREPARED 'sessions_actor_1'");
    session.run(&format!("BEGIN; {ada} COMMIT"));
    session.run(&format!(
        "BEGIN; {eve} PREPARE TRANSACTION 'sessions_actor_2'"
    ));
    beside(schema).run("COMMIT PREPARED 'sessions_actor_2'");
    session.run(&format!("BEGIN; {eve} COMMIT"));
    assert_eq!(
        actors_of(&mut session, &format!("{schema}.t")),
        [
            "prepared ada",
            "prepared ada",
            "prepared eve",
            "prepared eve"
        ]
    );
    session.check_history("t");
}

/// As a pool hands one connection to one request after another.
#[test]
fn sessions_actors_do_not_leak_between_requests() {
    let schema = "sessions_actor_pool";
    let mut session = tracked(schema);
    let insert = "INSERT INTO t DEFAULT VALUES";
    session.run(&format!(
        "BEGIN; SET LOCAL directus_versions.actor = 'ada'; {insert}; COMMIT"
    ));
    session.run(insert);
    session.run(&format!(
        "BEGIN; SELECT directus_versions.set_context(actor => 'bob', ip => '10.0.0.1'); {insert}; COMMIT"
    ));
    session.run(insert);
    session.run(&format!(
        "BEGIN; SET LOCAL directus_versions.actor = 'eve'; {insert}; ROLLBACK"
    ));
    session.run(insert);
    session.run(&format!(
        "SELECT directus_versions.set_context(actor => 'kim', is_local => false); {insert}; {insert}"
    ));
    session.run("DISCARD ALL");
    session.run(&format!("SET search_path = {schema}; {insert}"));
    session.run(&format!(
        "SET directus_versions.actor = 'lea'; {insert}; RESET directus_versions.actor; {insert}"
    ));
    assert_eq!(
        actors_of(&mut session, &format!("{schema}.t")),
        ["ada", "-", "bob", "-", "-", "kim", "kim", "-", "lea", "-"]
    );
    let with_ip = format!(
        "SELECT count(*) FROM directus_versions.activity
         WHERE collection = '{schema}.t' AND ip LIKE '10.0.0.1%'"
    );
    assert_eq!(session.int(&with_ip), 1);
}

/// Role, application and request change between statements of one transaction.
#[test]
fn sessions_actors_are_read_at_each_statement() {
    let schema = "sessions_actor_each";
    let mut session = tracked(schema);
    session.run(
        "BEGIN;
         SET LOCAL application_name = 'one'; SET LOCAL directus_versions.request_id = 'r1';
         INSERT INTO t DEFAULT VALUES;
         SET LOCAL application_name = 'two'; SET LOCAL directus_versions.request_id = 'r2';
         INSERT INTO t DEFAULT VALUES;
         SAVEPOINT s;
         SET LOCAL application_name = 'three'; SET LOCAL directus_versions.request_id = 'r3';
         INSERT INTO t DEFAULT VALUES;
         ROLLBACK TO s;
         INSERT INTO t DEFAULT VALUES;
         COMMIT",
    );
    let found = session.table(&format!(
        "SELECT application_name || ' ' || request_id FROM directus_versions.activity
         WHERE collection = '{schema}.t' ORDER BY id"
    ));
    assert_eq!(
        found,
        ["one r1", "two r2", "two r2"].map(|said| [Some(said.to_owned())])
    );
}

/// What is set before the library is loaded counts, and only if who set it was allowed to.
#[test]
fn sessions_actors_set_before_the_library_is_loaded() {
    let schema = "sessions_actor_early";
    let mut admin = tracked(schema);
    admin.run(&format!(
        "CREATE ROLE sessions_plain; GRANT USAGE ON SCHEMA {schema} TO sessions_plain;
         GRANT INSERT ON t TO sessions_plain; GRANT USAGE ON SEQUENCE t_id_seq TO sessions_plain"
    ));
    let insert = format!("INSERT INTO {schema}.t DEFAULT VALUES");
    let mut early = client();
    early.run(&format!("SET directus_versions.actor = 'early'; {insert}"));
    let mut cheat = client();
    cheat.run(
        "SET ROLE sessions_plain; SET directus_versions.actor = 'cheat';
         SET directus_versions.enabled = off",
    );
    cheat.run(&insert);
    let mut switched = client();
    switched.run(&format!("SET directus_versions.enabled = off; {insert}"));
    switched.run(&format!("SET directus_versions.enabled = on; {insert}"));
    assert_eq!(
        actors_of(&mut admin, &format!("{schema}.t")),
        ["early", "cheat", "-"]
    );
}
