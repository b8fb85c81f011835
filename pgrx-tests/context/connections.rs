//! Settings over the life of a connection.
#![cfg(test)]

use crate::pg_tests::support::{Session, client};

fn actors(db: &mut Session, collection: &str) -> String {
    db.text(&format!(
        "SELECT string_agg(coalesce(actor, '-'), ' ' ORDER BY id) FROM directus_versions.activity
         WHERE collection = '{collection}'"
    ))
    .unwrap()
}

#[test]
fn context_set_local_does_not_leak_to_the_next_user_of_the_connection() {
    let mut db = client();
    db.run("CREATE TABLE ctxc_pool (id int PRIMARY KEY, v text); SELECT directus_versions.track('ctxc_pool')");
    db.run("BEGIN; SET LOCAL directus_versions.actor = 'ada'; INSERT INTO ctxc_pool VALUES (1, 'a'); COMMIT");
    db.run("INSERT INTO ctxc_pool VALUES (2, 'b')");
    db.run("BEGIN; SELECT directus_versions.set_context(actor => 'bob'); INSERT INTO ctxc_pool VALUES (3, 'c'); COMMIT");
    db.run("INSERT INTO ctxc_pool VALUES (4, 'd')");
    db.run("SELECT directus_versions.set_context(actor => 'eve', is_local => false)");
    db.run("INSERT INTO ctxc_pool VALUES (5, 'e')");
    db.run("BEGIN; SET LOCAL directus_versions.actor = 'joe'; INSERT INTO ctxc_pool VALUES (6, 'f'); COMMIT");
    db.run("INSERT INTO ctxc_pool VALUES (7, 'g')");
    db.run("DISCARD ALL");
    db.run("INSERT INTO ctxc_pool VALUES (8, 'h')");
    assert_eq!(actors(&mut db, "ctxc_pool"), "ada - bob - eve joe eve -");
}

#[test]
fn context_setting_rolled_back_to_a_savepoint() {
    let mut db = client();
    db.run("CREATE TABLE ctxc_save (id int PRIMARY KEY, v text); SELECT directus_versions.track('ctxc_save')");
    db.run("BEGIN; SET LOCAL directus_versions.actor = 'ada'; INSERT INTO ctxc_save VALUES (1, 'a');
         SAVEPOINT s; SET LOCAL directus_versions.actor = 'bob'; INSERT INTO ctxc_save VALUES (2, 'lost');
         ROLLBACK TO s; INSERT INTO ctxc_save VALUES (3, 'c');
         SET LOCAL directus_versions.actor = 'bob'; INSERT INTO ctxc_save VALUES (4, 'd');
         COMMIT");
    assert_eq!(actors(&mut db, "ctxc_save"), "ada ada bob");
}

#[test]
fn context_of_a_transaction_that_rolled_back_is_not_relied_upon() {
    let mut db = client();
    db.run("CREATE TABLE ctxc_abort (id int PRIMARY KEY, v text); SELECT directus_versions.track('ctxc_abort');
         SET directus_versions.actor = 'phantom'");
    db.run(
        "BEGIN; INSERT INTO ctxc_abort VALUES (1, 'a'); ROLLBACK;
         INSERT INTO ctxc_abort VALUES (2, 'b');
         SET directus_versions.actor = 'phantom2'",
    );
    db.run(
        "BEGIN; SAVEPOINT s; INSERT INTO ctxc_abort VALUES (3, 'c'); ROLLBACK TO s;
         INSERT INTO ctxc_abort VALUES (4, 'd'); ROLLBACK;
         INSERT INTO ctxc_abort VALUES (5, 'e')",
    );
    assert_eq!(actors(&mut db, "ctxc_abort"), "phantom phantom2");
}

#[test]
fn context_first_used_in_a_prepared_transaction() {
    let (mut one, mut two) = (client(), client());
    one.run("CREATE TABLE ctxc_2pc (id int PRIMARY KEY, v text); SELECT directus_versions.track('ctxc_2pc');
         SET directus_versions.actor = 'only here'");
    one.run(
        "BEGIN; INSERT INTO ctxc_2pc VALUES (1, 'a'); PREPARE TRANSACTION 'ctxc_2pc';
         INSERT INTO ctxc_2pc VALUES (2, 'b')",
    );
    two.run("ROLLBACK PREPARED 'ctxc_2pc'");
    one.run("INSERT INTO ctxc_2pc VALUES (3, 'c')");
    assert_eq!(actors(&mut two, "ctxc_2pc"), "only here only here");
}

#[test]
fn context_set_before_the_library_is_loaded() {
    let mut setup = client();
    setup.run("CREATE TABLE ctxc_early (id int PRIMARY KEY, v text); SELECT directus_versions.track('ctxc_early')");
    let mut db = client();
    db.run(
        "SET directus_versions.actor = 'early bird'; SET directus_versions.origin = 'o';
         INSERT INTO ctxc_early VALUES (1, 'a')",
    );
    assert_eq!(actors(&mut setup, "ctxc_early"), "early bird");
    let mut lowly = client();
    lowly.run(
        "CREATE ROLE ctxc_lowly; GRANT ALL ON ctxc_early TO ctxc_lowly;
         SET SESSION AUTHORIZATION ctxc_lowly;
         SET directus_versions.enabled = off; INSERT INTO ctxc_early VALUES (2, 'b')",
    );
    assert_eq!(
        setup.entries("ctxc_early").len(),
        2,
        "a placeholder does not turn recording off"
    );
}

#[test]
fn context_of_each_statement_and_transaction() {
    let mut db = client();
    db.run("CREATE TABLE ctxc_time (id int PRIMARY KEY, v text); SELECT directus_versions.track('ctxc_time')");
    for statement in [
        "BEGIN",
        "INSERT INTO ctxc_time VALUES (1, 'a')",
        "SELECT pg_sleep(0.02)",
        "UPDATE ctxc_time SET v = 'b'",
        "COMMIT",
        "UPDATE ctxc_time SET v = 'c'",
    ] {
        db.run(statement);
    }
    db.shows(
        "SELECT count(DISTINCT \"timestamp\") || ' ' || count(DISTINCT transaction)
         FROM directus_versions.activity WHERE collection = 'ctxc_time'",
        "3 2",
    );
    db.shows(
        "SELECT bool_and(pg_xact_status(transaction) = 'committed')
         FROM directus_versions.activity WHERE collection = 'ctxc_time'",
        "true",
    );
}

#[test]
fn context_application_name_follows_the_session() {
    let mut db = client();
    db.run(
        "CREATE TABLE ctxc_app (id int PRIMARY KEY, v text); SELECT directus_versions.track('ctxc_app');
         SET application_name = 'one'; INSERT INTO ctxc_app VALUES (1, 'a');
         SET application_name = 'two'; INSERT INTO ctxc_app VALUES (2, 'a');
         CREATE ROLE ctxc_app_role; GRANT ALL ON ctxc_app TO ctxc_app_role;
         SET SESSION AUTHORIZATION ctxc_app_role; INSERT INTO ctxc_app VALUES (3, 'a');
         RESET SESSION AUTHORIZATION",
    );
    db.shows(
        "SELECT string_agg(application_name, ' ' ORDER BY id) FROM directus_versions.activity
         WHERE collection = 'ctxc_app'",
        "one two two",
    );
    db.shows(
        "SELECT session_user_name || ' ' || role_name FROM directus_versions.activity
         WHERE collection = 'ctxc_app' ORDER BY id DESC LIMIT 1",
        "ctxc_app_role ctxc_app_role",
    );
}
