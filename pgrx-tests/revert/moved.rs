//! A whole table goes back: rows that have another key now are the same rows, and what is equal stays untouched.
#![cfg(test)]

use crate::pg_tests::support::in_schema;

const LITERAL: &str = "SELECT quote_literal(clock_timestamp())";

#[test]
fn revert_collection_gives_a_row_its_key_back_and_keeps_what_refers_to_it() {
    let mut session = in_schema("revert_moved");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text);
         CREATE TABLE kid (id int PRIMARY KEY, p int REFERENCES t ON UPDATE CASCADE ON DELETE CASCADE);
         SELECT directus_versions.track('t')",
    );
    session
        .run("INSERT INTO t VALUES (1, 'a'), (5, 'five'); INSERT INTO kid VALUES (10, 1), (11, 1)");
    let before = session.text(LITERAL).unwrap();
    session.run("UPDATE t SET id = 2, v = 'b' WHERE id = 1");
    session.run("UPDATE t SET id = 3 WHERE id = 2; UPDATE t SET v = '5' WHERE id = 5");
    for dry_run in [true, false] {
        session.shows(
            &format!(
                "SELECT string_agg(item || action, ' ' ORDER BY item)
                 FROM directus_versions.revert_collection('t', {before}, {dry_run})"
            ),
            "1update 5update",
        );
    }
    session.shows(
        "SELECT string_agg(id || v, ' ' ORDER BY id) FROM t",
        "1a 5five",
    );
    session.shows(
        "SELECT string_agg(concat(id, p), ' ' ORDER BY id) FROM kid",
        "101 111",
    );
}

#[test]
fn revert_collection_leaves_rows_with_null_in_their_key_alone() {
    let mut session = in_schema("revert_null_keys");
    session.run(
        "CREATE TABLE t (a int, b int, v text); SELECT directus_versions.track('t', key => '{a,b}');
         INSERT INTO t VALUES (1, NULL, 'x'), (2, 2, 'y')",
    );
    let before = session.text(LITERAL).unwrap();
    session.run("UPDATE t SET v = 'z' WHERE a = 2");
    session.run(&format!(
        "SELECT * FROM directus_versions.revert_collection('t', {before})"
    ));
    session.shows(
        "SELECT string_agg(concat(a, b, v), ' ' ORDER BY a) FROM t",
        "1x 22y",
    );
    session.shows(
        "SELECT count(*) FROM directus_versions.revisions WHERE collection = 'revert_null_keys.t'",
        "4",
    );
}

#[test]
fn revert_and_its_kin_refuse_a_table_that_is_not_tracked() {
    let mut session = in_schema("revert_untracked");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'a')",
    );
    session.run("UPDATE t SET v = 'b'; SELECT directus_versions.untrack('t')");
    let mut revision = |which: &str| {
        session.int(&format!(
            "SELECT {which}(id) FROM directus_versions.revisions WHERE collection = 'revert_untracked.t'"
        ))
    };
    for call in [
        format!("revert({})", revision("min")),
        format!("undo({})", revision("max")),
        "revert_collection('t', now())".into(),
        "revert_collection('t', now(), true)".into(),
    ] {
        assert_eq!(
            session.state(&format!("SELECT directus_versions.{call}")),
            "55000",
            "{call}"
        );
    }
    session.shows("SELECT v FROM t", "b");
}
