//! What a backend remembers of rows that a transaction wrote is forgotten with the transaction, also past a savepoint.
#![cfg(test)]

use crate::pg_tests::support::in_schema;

#[test]
fn capture_after_a_rollback_past_a_savepoint() {
    let mut session = in_schema("capture_forgotten");
    session.run("CREATE TABLE t (id int PRIMARY KEY, oddly_named_here text); SELECT directus_versions.track('t')");
    session.run("SET directus_versions.actor = 'somebody who was never seen before'");
    session.run("BEGIN; INSERT INTO t VALUES (1, 'a'); SAVEPOINT s; ROLLBACK TO s; INSERT INTO t VALUES (2, 'b'); ROLLBACK");
    session.run("INSERT INTO t VALUES (3, 'c')");
    session.shows(
        "SELECT concat(actor, ' ', data ->> 'oddly_named_here') FROM directus_versions.history('t', 3)",
        "somebody who was never seen before c",
    );
}
