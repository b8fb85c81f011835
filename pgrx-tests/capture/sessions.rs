//! What another session does meanwhile: it alters the table, changes the scope, holds the row.
#![cfg(test)]

use crate::pg_tests::support::client;

const FIELDS: &str = "(id int PRIMARY KEY, v text, n int)";

#[test]
fn capture_prepared_statement_across_alter_table() {
    let (mut one, mut two) = (client(), client());
    one.run(&format!(
        "CREATE TABLE capc_alter {FIELDS}; SELECT directus_versions.track('capc_alter');
         INSERT INTO capc_alter VALUES (1, 'a', 1)"
    ));
    let update = one
        .prepare("UPDATE capc_alter SET v = $1 WHERE id = 1")
        .unwrap();
    let insert = one
        .prepare("INSERT INTO capc_alter (id, v) VALUES ($1, $2)")
        .unwrap();
    for value in ["b", "c", "d", "e", "f", "g", "h"] {
        one.execute(&update, &[&value]).unwrap();
    }
    one.execute(&insert, &[&2, &"x"]).unwrap();
    two.run(
        "ALTER TABLE capc_alter DROP n, ADD m numeric DEFAULT 1.50, ADD w text;
         ALTER TABLE capc_alter ALTER m TYPE numeric(10, 3), ALTER id TYPE bigint",
    );
    one.execute(&update, &[&"i"]).unwrap();
    two.run("ALTER TABLE capc_alter ALTER id TYPE int");
    one.execute(&insert, &[&3, &"y"]).unwrap();
    two.run("DELETE FROM capc_alter WHERE id = 1");
    let all = one.entries("capc_alter");
    assert_eq!(
        all[8..],
        [
            r#"create 2 {"n": null, "v": "x", "id": 2}"#,
            r#"update 1 {"v": "i"} was {"v": "h"}"#,
            r#"create 3 {"m": 1.500, "v": "y", "w": null, "id": 3}"#,
            r#"delete 1 was {"m": 1.500, "v": "i", "w": null, "id": 1}"#,
        ]
    );
}

#[test]
fn capture_scope_changed_by_another_session() {
    let (mut one, mut two) = (client(), client());
    one.run(&format!(
        "CREATE TABLE capc_remote {FIELDS}; SELECT directus_versions.track('capc_remote');
         INSERT INTO capc_remote VALUES (1, 'a', 1)"
    ));
    let update = one
        .prepare("UPDATE capc_remote SET v = $1, n = n + 1")
        .unwrap();
    one.execute(&update, &[&"b"]).unwrap();
    two.run("SELECT directus_versions.set_scope('capc_remote', exclude => '{n}')");
    one.execute(&update, &[&"c"]).unwrap();
    two.run("SELECT directus_versions.untrack('capc_remote')");
    one.execute(&update, &[&"d"]).unwrap();
    two.run("SELECT directus_versions.track('capc_remote', exclude => '{}')");
    one.execute(&update, &[&"e"]).unwrap();
    let all = one.entries("capc_remote");
    assert_eq!(
        all[1..3],
        [
            r#"update 1 {"n": 2, "v": "b"} was {"n": 1, "v": "a"}"#,
            r#"update 1 {"v": "c"} was {"v": "b"}"#
        ]
    );
    assert_eq!(all.len(), 4, "nothing while untracked: {all:?}");
}

#[test]
fn capture_row_that_waited_for_another_writer() {
    let (mut one, mut two) = (client(), client());
    one.run(&format!(
        "CREATE TABLE capc_wait {FIELDS}; SELECT directus_versions.track('capc_wait');
         INSERT INTO capc_wait VALUES (1, 'a', 1)"
    ));
    one.run("BEGIN; UPDATE capc_wait SET v = 'one', n = n + 1");
    let waiting = std::thread::spawn(move || {
        two.run("UPDATE capc_wait SET v = 'two', n = n + 10");
    });
    let mut three = client();
    three.await_blocked("v = 'two', n = n + 10");
    one.run("COMMIT");
    waiting.join().unwrap();
    assert_eq!(
        one.entries("capc_wait")[1..],
        [
            r#"update 1 {"n": 2, "v": "one"} was {"n": 1, "v": "a"}"#,
            r#"update 1 {"n": 12, "v": "two"} was {"n": 2, "v": "one"}"#,
        ]
    );
    one.check_history("capc_wait");
}
