//! Items with very many revisions, each in a transaction of its own.
#![cfg(test)]

use crate::pg_tests::support::in_schema;

/// Require that 10,000 updates of item 1 are told, each with the whole row.
fn ten_thousand(schema: &str, create: &str, first: i64) {
    let mut session = in_schema(schema);
    session.run(create);
    session.run("SELECT directus_versions.track('t')");
    if first == 1 {
        session.run("INSERT INTO t VALUES (1, 0, 'v0', repeat('wide', 100))");
    }
    session.run(
        "DO $$ BEGIN
             FOR i IN 1..10000 LOOP
                 UPDATE t SET n = i, v = CASE WHEN i % 10 = 0 THEN 'v' || i ELSE v END WHERE id = 1;
                 COMMIT;
             END LOOP;
         END $$",
    );
    assert_eq!(
        session.int(&format!(
            "SELECT count(*) FROM directus_versions.history('t', 1) WITH ORDINALITY
                 AS h(revision, action, actor, at, delta, prior, data, comment, version, n)
             WHERE h.data = jsonb_build_object('id', 1, 'n', h.n - {first},
                 'v', 'v' || (h.n - {first}) / 10 * 10, 'wide', repeat('wide', 100))
               AND h.action = CASE WHEN h.n = {first} THEN 'create' ELSE 'update' END"
        )),
        10_000 + first
    );
    assert_eq!(
        session.int("SELECT count(*) FROM directus_versions.history('t', 1)"),
        10_000 + first
    );
    assert!(session.yes(
        "SELECT bool_and(behind < revision) FROM (
             SELECT revision, lag(revision) OVER (ORDER BY n) AS behind
             FROM directus_versions.history('t', 1) WITH ORDINALITY
                 AS h(revision, action, actor, at, delta, prior, data, comment, version, n)) h"
    ));
    assert!(session.yes(
        "SELECT (SELECT data FROM directus_versions.history('t', 1) ORDER BY revision DESC LIMIT 1)
              = (SELECT to_jsonb(t) FROM t)"
    ));
}

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, n int, v text, wide text)";

#[test]
fn history_of_ten_thousand_revisions() {
    ten_thousand("history_long", TABLE, 1);
}

#[test]
fn history_of_ten_thousand_revisions_of_an_older_item() {
    let create = format!("{TABLE}; INSERT INTO t VALUES (1, 0, 'v0', repeat('wide', 100))");
    ten_thousand("history_long_older", &create, 0);
}
