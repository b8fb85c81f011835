//! What takes the wire: COPY FROM STDIN, cursors, portals, cancellation.
#![cfg(test)]

use crate::pg_tests::support::client;

const FIELDS: &str = "(id int PRIMARY KEY, v text, n int)";

#[test]
fn capture_copy_from_stdin() {
    let mut db = client();
    db.run(&format!(
        "CREATE TABLE capc_copy {FIELDS}; SELECT directus_versions.track('capc_copy')"
    ));
    db.copy("COPY capc_copy (v, id) FROM STDIN", "a\t1\n\\N\t2\n");
    assert_eq!(
        db.entries("capc_copy"),
        [
            r#"create 1 {"n": null, "v": "a", "id": 1}"#,
            r#"create 2 {"n": null, "v": null, "id": 2}"#,
        ]
    );
    let many: Vec<String> = (10..6010).map(|i| format!("{i},v{i},{i}\n")).collect();
    db.copy("COPY capc_copy FROM STDIN (FORMAT csv)", &many.concat());
    assert_eq!(
        db.int("SELECT count(*) FROM directus_versions.revisions WHERE collection = 'capc_copy'"),
        6002
    );
    db.run(
        "CREATE FUNCTION capc_copy_fn() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.id % 2 = 0 THEN RETURN NULL; END IF; NEW.v := 'trg'; RETURN NEW; END $$;
         CREATE TRIGGER b BEFORE INSERT ON capc_copy FOR EACH ROW EXECUTE FUNCTION capc_copy_fn()",
    );
    db.copy(
        "COPY capc_copy FROM STDIN (FORMAT csv) WHERE id > 7000",
        "7000,x,1\n7001,x,1\n7002,x,1\n",
    );
    assert_eq!(
        db.entries("capc_copy")[6002..],
        [r#"create 7001 {"n": 1, "v": "trg", "id": 7001}"#]
    );
    db.check_history("capc_copy");
}

#[test]
fn capture_copy_that_fails_leaves_nothing() {
    let mut db = client();
    db.run(&format!(
        "CREATE TABLE capc_copy_bad {FIELDS}; SELECT directus_versions.track('capc_copy_bad')"
    ));
    let mut input: Vec<String> = (1..3000).map(|i| format!("{i}\tv\t{i}\n")).collect();
    input.push("1\tdup\t1\n".to_owned());
    let mut writer = db.copy_in("COPY capc_copy_bad FROM STDIN").unwrap();
    std::io::Write::write_all(&mut writer, input.concat().as_bytes()).unwrap();
    let failed = writer.finish().unwrap_err();
    assert_eq!(failed.code().unwrap().code(), "23505");
    assert!(db.entries("capc_copy_bad").is_empty());
    db.check_history("capc_copy_bad");
}

#[test]
fn capture_declared_cursor() {
    let mut db = client();
    db.run(&format!(
        "CREATE TABLE capc_cursor {FIELDS}; SELECT directus_versions.track('capc_cursor');
         INSERT INTO capc_cursor SELECT i, 'v', i FROM generate_series(1, 3) i"
    ));
    db.run(
        "BEGIN;
         DECLARE c CURSOR FOR SELECT * FROM capc_cursor ORDER BY id FOR UPDATE;
         MOVE NEXT FROM c; FETCH NEXT FROM c;
         UPDATE capc_cursor SET v = 'w' WHERE CURRENT OF c;
         FETCH NEXT FROM c;
         DELETE FROM capc_cursor WHERE CURRENT OF c;
         COMMIT",
    );
    assert_eq!(
        db.entries("capc_cursor")[3..],
        [
            r#"update 2 {"v": "w"} was {"v": "v"}"#,
            r#"delete 3 was {"n": 3, "v": "v", "id": 3}"#
        ]
    );
}

#[test]
fn capture_statement_that_is_cancelled() {
    let mut db = client();
    db.run(&format!(
        "CREATE TABLE capc_cancel {FIELDS}; SELECT directus_versions.track('capc_cancel');
         INSERT INTO capc_cancel VALUES (0, 'a', 0)"
    ));
    assert_eq!(
        db.state("INSERT INTO capc_cancel SELECT i, 'v', pg_sleep(0)::text::int FROM generate_series(1, 2) i"),
        "22P02"
    );
    db.run("SET statement_timeout = 300");
    assert_eq!(
        db.state("INSERT INTO capc_cancel SELECT i, 'v', i FROM generate_series(1, 50000000) i"),
        "57014"
    );
    assert_eq!(
        db.state("UPDATE capc_cancel SET n = 1 FROM (SELECT pg_sleep(5)) s"),
        "57014"
    );
    db.run("SET statement_timeout = 0");
    db.run("UPDATE capc_cancel SET n = 5");
    assert_eq!(
        db.entries("capc_cancel")[1..],
        [r#"update 0 {"n": 5} was {"n": 0}"#]
    );
    db.check_history("capc_cancel");
}

#[test]
fn capture_portal_read_in_parts() {
    let mut db = client();
    db.run(&format!(
        "CREATE TABLE capc_portal {FIELDS}; SELECT directus_versions.track('capc_portal')"
    ));
    let mut transaction = db.transaction().unwrap();
    let portal = transaction
        .bind(
            "INSERT INTO capc_portal SELECT i, 'v', i FROM generate_series(1, 10) i RETURNING id",
            &[],
        )
        .unwrap();
    assert_eq!(transaction.query_portal(&portal, 3).unwrap().len(), 3);
    transaction
        .execute("UPDATE capc_portal SET n = 0 WHERE id = 10", &[])
        .unwrap();
    assert_eq!(transaction.query_portal(&portal, 3).unwrap().len(), 3);
    transaction.commit().unwrap();
    assert_eq!(db.entries("capc_portal").len(), 11);
    db.check_history("capc_portal");
}
