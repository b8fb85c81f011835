//! Items with a long history.
#![cfg(test)]

use crate::pg_tests::support::{Session, client};
use std::time::{Duration, Instant};

fn check(db: &mut Session, table: &str) {
    let start = Instant::now();
    assert_eq!(
        db.int(&format!(
            "SELECT count(*) FROM (
                 SELECT data, row_number() OVER (ORDER BY id) - 1 AS n
                 FROM directus_versions.revisions WHERE collection = '{table}') r
             WHERE data = jsonb_build_object('id', 1, 'n', n, 'still', 's',
                 'tens', n / 10)"
        )),
        2001
    );
    let took = start.elapsed();
    // .ci/valgrind, under which all takes some fifty times as long.
    if std::env::var_os("DV_VALGRIND").is_none() {
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
}

fn tracked(table: &str) -> Session {
    let mut db = client();
    db.run(&format!(
        "CREATE TABLE {table} (id int PRIMARY KEY, n int, tens int, still text);
         SELECT directus_versions.track('{table}');
         INSERT INTO {table} VALUES (1, 0, 0, 's')"
    ));
    db
}

#[test]
fn capture_long_history_of_many_transactions() {
    let mut db = tracked("cap_long");
    db.run(
        "DO $$ BEGIN FOR i IN 1..2000 LOOP
             UPDATE cap_long SET n = i, tens = i / 10; COMMIT;
         END LOOP; END $$",
    );
    check(&mut db, "cap_long");
}

#[test]
fn capture_long_history_of_one_transaction() {
    let mut db = tracked("cap_long_one");
    db.run(
        "DO $$ BEGIN FOR i IN 1..2000 LOOP
             UPDATE cap_long_one SET n = i, tens = i / 10;
         END LOOP; END $$",
    );
    check(&mut db, "cap_long_one");
}
