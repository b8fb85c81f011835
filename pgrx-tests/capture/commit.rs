//! Savepoints, commit, rollback, two-phase commit.
#![cfg(test)]

use crate::pg_tests::support::client;

const FIELDS: &str = "(id int PRIMARY KEY, v text, n int)";

#[test]
fn capture_savepoints() {
    let mut db = client();
    db.run(&format!(
        "CREATE TABLE capc_save {FIELDS}; SELECT directus_versions.track('capc_save')"
    ));
    db.run(
        "BEGIN;
         INSERT INTO capc_save VALUES (1, 'a', 1);
         SAVEPOINT one;
         UPDATE capc_save SET v = 'lost';
         SAVEPOINT two;
         INSERT INTO capc_save VALUES (2, 'lost', 2);
         RELEASE two;
         ROLLBACK TO one;
         UPDATE capc_save SET v = 'b';
         SAVEPOINT three;
         UPDATE capc_save SET v = 'c';
         RELEASE three;
         ROLLBACK TO one;
         SAVEPOINT four;
         UPDATE capc_save SET v = 'd';
         RELEASE four;
         TRUNCATE capc_save;
         ROLLBACK TO one;
         UPDATE capc_save SET v = 'e';
         COMMIT",
    );
    assert_eq!(
        db.entries("capc_save"),
        [
            r#"create 1 {"n": 1, "v": "a", "id": 1}"#,
            r#"update 1 {"v": "e"} was {"v": "a"}"#
        ]
    );
    db.check_history("capc_save");
}

#[test]
fn capture_savepoint_after_an_error() {
    let mut db = client();
    db.run(&format!(
        "CREATE TABLE capc_abort {FIELDS}; SELECT directus_versions.track('capc_abort');
         INSERT INTO capc_abort VALUES (1, 'a', 1)"
    ));
    db.run("BEGIN; UPDATE capc_abort SET n = 2; SAVEPOINT s; UPDATE capc_abort SET n = 3");
    assert_eq!(
        db.state("INSERT INTO capc_abort VALUES (5, 'x', 1), (1, 'dup', 1)"),
        "23505"
    );
    db.run("ROLLBACK TO s; UPDATE capc_abort SET n = 4; COMMIT");
    assert_eq!(
        db.entries("capc_abort")[1..],
        [
            r#"update 1 {"n": 2} was {"n": 1}"#,
            r#"update 1 {"n": 4} was {"n": 2}"#
        ]
    );
    db.check_history("capc_abort");
}

#[test]
fn capture_nothing_of_a_transaction_that_rolled_back() {
    let mut db = client();
    db.run(&format!(
        "CREATE TABLE capc_back {FIELDS}; SELECT directus_versions.track('capc_back')"
    ));
    db.run(
        "BEGIN; INSERT INTO capc_back SELECT i FROM generate_series(1, 2000) i; ROLLBACK;
         INSERT INTO capc_back VALUES (1, 'a', 1)",
    );
    assert_eq!(
        db.entries("capc_back"),
        [r#"create 1 {"n": 1, "v": "a", "id": 1}"#]
    );
}

#[test]
fn capture_tracking_that_rolled_back() {
    let mut db = client();
    db.run(&format!("CREATE TABLE capc_untrk {FIELDS}"));
    db.run(
        "BEGIN; SELECT directus_versions.track('capc_untrk');
         INSERT INTO capc_untrk VALUES (1, 'a', 1); ROLLBACK;
         INSERT INTO capc_untrk VALUES (2, 'b', 2);
         SELECT directus_versions.track('capc_untrk')",
    );
    db.run(
        "BEGIN; SELECT directus_versions.untrack('capc_untrk'); ROLLBACK;
         INSERT INTO capc_untrk VALUES (3, 'c', 3)",
    );
    assert_eq!(
        db.entries("capc_untrk"),
        [r#"create 3 {"n": 3, "v": "c", "id": 3}"#]
    );
}

#[test]
fn capture_deferred_constraint_that_fails_at_commit() {
    let mut db = client();
    db.run(
        "CREATE TABLE capc_def_p (id int PRIMARY KEY);
         CREATE TABLE capc_def_c (id int PRIMARY KEY,
             p int REFERENCES capc_def_p DEFERRABLE INITIALLY DEFERRED);
         SELECT directus_versions.track('capc_def_c'), directus_versions.track('capc_def_p')",
    );
    db.run("BEGIN; INSERT INTO capc_def_c VALUES (1, 77); UPDATE capc_def_c SET id = 2");
    assert_eq!(db.state("COMMIT"), "23503");
    assert!(db.entries("capc_def_c").is_empty());
    db.run(
        "BEGIN; INSERT INTO capc_def_c VALUES (1, 77); INSERT INTO capc_def_p VALUES (77); COMMIT",
    );
    assert_eq!(db.entries("capc_def_c"), [r#"create 1 {"p": 77, "id": 1}"#]);
    db.check_history("capc_def_c");
    db.check_history("capc_def_p");
}

#[test]
fn capture_deferred_trigger_that_writes_at_commit() {
    let mut db = client();
    db.run(&format!(
        "CREATE TABLE capc_late {FIELDS}; CREATE TABLE capc_late2 {FIELDS};
         SELECT directus_versions.track('capc_late'), directus_versions.track('capc_late2');
         CREATE FUNCTION capc_late_fn() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             UPDATE capc_late SET n = n + 1 WHERE id = NEW.id;
             INSERT INTO capc_late2 VALUES (NEW.id, 'late', 0);
             RETURN NULL;
         END $$;
         CREATE CONSTRAINT TRIGGER zz AFTER INSERT ON capc_late DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION capc_late_fn()"
    ));
    db.run("BEGIN; INSERT INTO capc_late SELECT i, 'v', 0 FROM generate_series(1, 50) i; COMMIT");
    assert_eq!(db.entries("capc_late").len(), 100);
    assert_eq!(db.entries("capc_late2").len(), 50);
    db.check_history("capc_late");
    db.check_history("capc_late2");
}

#[test]
fn capture_prepared_transactions() {
    let (mut one, mut two) = (client(), client());
    one.run(&format!(
        "CREATE TABLE capc_2pc {FIELDS}; SELECT directus_versions.track('capc_2pc');
         INSERT INTO capc_2pc VALUES (1, 'a', 1)"
    ));
    one.run(
        "BEGIN; SET LOCAL directus_versions.actor = 'two-phase';
         UPDATE capc_2pc SET v = 'b'; SAVEPOINT s; INSERT INTO capc_2pc VALUES (2, 'c', 2);
         PREPARE TRANSACTION 'capc_2pc'",
    );
    assert_eq!(two.entries("capc_2pc").len(), 1);
    one.run("INSERT INTO capc_2pc VALUES (3, 'own', 3)");
    two.run("COMMIT PREPARED 'capc_2pc'");
    two.check_history("capc_2pc");
    two.shows(
        "SELECT count(*) FROM directus_versions.activity
         WHERE collection = 'capc_2pc' AND actor = 'two-phase'",
        "2",
    );
    one.run(
        "BEGIN; INSERT INTO capc_2pc SELECT i FROM generate_series(10, 3000) i;
         PREPARE TRANSACTION 'capc_2pc'; INSERT INTO capc_2pc VALUES (4, 'own', 4)",
    );
    two.run("ROLLBACK PREPARED 'capc_2pc'");
    one.run("SET directus_versions.actor = 'two-phase'; INSERT INTO capc_2pc VALUES (5, 'own', 5)");
    assert_eq!(two.entries("capc_2pc").len(), 6);
    two.check_history("capc_2pc");
}

#[test]
fn capture_all_keys_of_a_tree_shift() {
    let mut db = client();
    db.run(
        "CREATE TABLE capc_tree (id int PRIMARY KEY, up int REFERENCES capc_tree ON UPDATE CASCADE, v text);
         SELECT directus_versions.track('capc_tree');
         INSERT INTO capc_tree SELECT i, greatest(i / 2, 1), 'v' || i FROM generate_series(1, 15) i",
    );
    db.run("UPDATE capc_tree SET id = id + 100, v = v || '!'");
    db.shows(
        "SELECT count(*) FROM capc_tree WHERE up > 100 AND v LIKE '%!'",
        "15",
    );
    db.check_history("capc_tree");
    db.run("UPDATE capc_tree SET id = id + 1000 WHERE id % 2 = 1");
    db.check_history("capc_tree");
}

#[test]
fn capture_commit_and_rollback_inside_a_procedure() {
    let mut db = client();
    db.run(&format!(
        "CREATE TABLE capc_proc {FIELDS}; SELECT directus_versions.track('capc_proc')"
    ));
    db.run(
        "DO $$ BEGIN
             FOR i IN 1..5 LOOP
                 INSERT INTO capc_proc VALUES (i, 'kept', 0); COMMIT;
                 INSERT INTO capc_proc VALUES (100 + i, 'lost', 0); UPDATE capc_proc SET n = -1; ROLLBACK;
                 UPDATE capc_proc SET n = i WHERE id = i;
             END LOOP;
         END $$",
    );
    assert_eq!(db.entries("capc_proc").len(), 10);
    db.shows(
        "SELECT count(DISTINCT transaction) FROM directus_versions.activity WHERE collection = 'capc_proc'",
        "6",
    );
    db.check_history("capc_proc");
}

#[test]
fn capture_nothing_of_a_batch_that_fails() {
    let mut db = client();
    db.run(&format!(
        "CREATE TABLE capc_batch {FIELDS}; SELECT directus_versions.track('capc_batch')"
    ));
    assert_eq!(
        db.state(
            "INSERT INTO capc_batch VALUES (1); INSERT INTO capc_batch VALUES (2); SELECT 1 / 0"
        ),
        "22012"
    );
    assert!(db.entries("capc_batch").is_empty());
    db.run("INSERT INTO capc_batch VALUES (1, 'a', 1); UPDATE capc_batch SET n = 2");
    assert_eq!(db.entries("capc_batch").len(), 2);
    db.check_history("capc_batch");
}
