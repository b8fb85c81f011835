//! A field that comes to be masked while another session stages a value for it.

use crate::pg_tests::support::{Session, client};
use std::thread;

fn beside(schema: &str) -> Session {
    let mut session = client();
    session.run(&format!(
        "SET search_path = {schema}; SET lock_timeout = '30s'"
    ));
    session
}

/// Makes a version in a schema of its own and gives its id.
fn account(schema: &str) -> String {
    let mut session = client();
    session.run(&format!(
        "CREATE SCHEMA {schema}; SET search_path = {schema};
         CREATE TABLE account (id int PRIMARY KEY, name text, secret text);
         SELECT directus_versions.track('account');
         INSERT INTO account VALUES (1, 'ada', 'old')"
    ));
    session
        .text("SELECT directus_versions.create_version('account', 1, 'draft', delta => '{\"name\": \"eve\"}')")
        .unwrap()
}

const MASK: &str = "SELECT directus_versions.set_scope('account', mask => '{secret}')";

fn stored(secret: &str) -> i64 {
    client().int(&format!(
        "SELECT count(*) FROM directus_versions.version AS v WHERE strpos(v::text, '{secret}') > 0"
    ))
}

#[test]
fn versions_masked_while_being_staged_keep_no_plain_text() {
    for (number, create) in [false, true].into_iter().enumerate() {
        let schema = format!("versions_masking_{number}");
        let id = account(&schema);
        let secret = format!("plain {number}");
        let mut saver = beside(&schema);
        saver.run("BEGIN");
        saver.run(&if create {
            format!("SELECT directus_versions.create_version('account', 1, 'other', delta => '{{\"secret\": \"{secret}\"}}')")
        } else {
            format!("SELECT directus_versions.save_version('{id}', '{{\"secret\": \"{secret}\"}}')")
        });
        let other = schema.clone();
        let masker = thread::spawn(move || beside(&other).state(MASK));
        beside("public").await_blocked(MASK);
        saver.run("COMMIT");
        assert_eq!(masker.join().unwrap(), "00000");
        assert_eq!(stored(&secret), 0);
    }
}

#[test]
fn versions_staged_while_being_masked_are_refused() {
    let schema = "versions_masked_first";
    let id = account(schema);
    let mut masker = beside(schema);
    masker.run(&format!("BEGIN; {MASK}"));
    let save =
        format!("SELECT directus_versions.save_version('{id}', '{{\"secret\": \"plain later\"}}')");
    let mark = save.clone();
    let saver = thread::spawn(move || beside(schema).state(&save));
    beside("public").await_blocked(&mark);
    masker.run("COMMIT");
    assert_eq!(saver.join().unwrap(), "22023");
    assert_eq!(stored("plain later"), 0);
}

#[test]
fn versions_are_not_staged_by_an_older_snapshot_of_the_scope() {
    let schema = "versions_masked_since";
    let id = account(schema);
    let mut saver = beside(schema);
    saver.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT");
    beside(schema).run(MASK);
    let state = saver.state(&format!(
        "SELECT directus_versions.save_version('{id}', '{{\"secret\": \"plain since\"}}')"
    ));
    assert_eq!(state, "40001");
    assert_eq!(stored("plain since"), 0);
}
