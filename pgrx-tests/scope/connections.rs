//! A scope that another session changes.
#![cfg(test)]

use crate::pg_tests::support::client;

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
