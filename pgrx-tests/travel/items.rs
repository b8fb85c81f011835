//! One item at a time.

use super::{Copies, moment};
use crate::pg_tests::support::{Session, in_schema};

/// Require that `item_at` tells of every item what the copy of each time has of it.
///
/// Every column must have a type whose `to_jsonb` is the log's form too.
fn check(session: &mut Session, copies: &Copies) {
    for at in copies.times() {
        let wrong = session.table(&format!(
            "SELECT item, found, expected
             FROM (SELECT DISTINCT item FROM directus_versions.revisions
                   WHERE collection = current_schema() || '.t'
                   UNION SELECT directus_versions.item_of(t) FROM t) i
             LEFT JOIN (SELECT directus_versions.item_of(r) AS item, to_jsonb(r) AS expected
                        FROM copies WHERE at = {at}) c USING (item)
             CROSS JOIN LATERAL directus_versions.item_at('t', item, {at}) AS found
             WHERE found::text IS DISTINCT FROM expected::text"
        ));
        assert!(wrong.is_empty(), "at {at}: {wrong:?}");
    }
}

#[test]
fn travel_of_an_item_through_its_life() {
    let mut session = in_schema("travel_item");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n numeric); SELECT directus_versions.track('t')",
    );
    let mut copies = Copies::new(&mut session);
    copies.take(&mut session);
    copies.run(
        &mut session,
        &[
            "INSERT INTO t VALUES (1, 'a', 1.0), (2, 'b', NULL)",
            "UPDATE t SET n = 1.00",
            "UPDATE t SET v = 'b' WHERE id = 1; UPDATE t SET v = 'c' WHERE id = 1",
            "DELETE FROM t WHERE id = 1",
            "INSERT INTO t VALUES (1, 'again', 2)",
            "BEGIN; DELETE FROM t; ROLLBACK",
            "TRUNCATE t",
            "INSERT INTO t VALUES (1, 'x', 0); DELETE FROM t",
            "INSERT INTO t VALUES (2, 'last', 3)",
        ],
    );
    check(&mut session, &copies);
    for at in ["clock_timestamp()", "'infinity'"] {
        session.shows(
            &format!("SELECT directus_versions.item_at('t', 2, {at})"),
            r#"{"n": 3, "v": "last", "id": 2}"#,
        );
        assert_eq!(
            session.text(&format!("SELECT directus_versions.item_at('t', 1, {at})")),
            None
        );
    }
    assert_eq!(
        session.text("SELECT directus_versions.item_at('t', 2, '-infinity')"),
        None
    );
}

#[test]
fn travel_of_an_item_older_than_its_tracking() {
    let mut session = in_schema("travel_item_old");
    session.run(
        "CREATE TABLE t (a text, b int, v text, PRIMARY KEY (a, b));
         INSERT INTO t VALUES ('x', 1, 'old'), ('x', 2, 'old'), ('q\"', 3, 'old');
         SELECT directus_versions.track('t')",
    );
    let mut copies = Copies::new(&mut session);
    copies.take(&mut session);
    copies.run(
        &mut session,
        &[
            "UPDATE t SET v = 'new' WHERE b = 1",
            "DELETE FROM t WHERE b = 2",
            "UPDATE t SET v = 'newer' WHERE b <> 2",
        ],
    );
    check(&mut session, &copies);
}

/// Under the key that it has now, and under those that it had.
#[test]
fn travel_of_an_item_whose_key_changed() {
    let mut session = in_schema("travel_item_key");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'a')",
    );
    let before = moment(&mut session);
    session.run("UPDATE t SET id = 2, v = 'b'");
    let after = moment(&mut session);
    session.run("UPDATE t SET v = 'c'");
    let mut item_at = |item: i32, at: &str| {
        session.text(&format!(
            "SELECT directus_versions.item_at('t', {item}, {at})"
        ))
    };
    assert_eq!(
        item_at(1, &before).as_deref(),
        Some(r#"{"v": "a", "id": 1}"#)
    );
    assert_eq!(item_at(1, &after), None);
    assert_eq!(
        item_at(2, &after).as_deref(),
        Some(r#"{"v": "b", "id": 2}"#)
    );
    assert_eq!(
        item_at(2, "'infinity'").as_deref(),
        Some(r#"{"v": "c", "id": 2}"#)
    );
}

/// Another row has the key now: it came from a key whose own row was gone by then.
#[test]
fn travel_of_an_item_whose_key_went_to_a_row_that_was_not_there() {
    let mut session = in_schema("travel_item_taken");
    session.run("CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t')");
    let mut copies = Copies::new(&mut session);
    copies.run(
        &mut session,
        &[
            "INSERT INTO t VALUES (2, 'two'), (3, 'three')",
            "DELETE FROM t WHERE id = 2",
            "DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (2, 'new')",
        ],
    );
    session.run("UPDATE t SET id = 3");
    let at = &copies.times()[1];
    for item in [2, 3] {
        assert_eq!(
            session.text(&format!(
                "SELECT directus_versions.item_at('t', {item}, {at}) ->> 'v'"
            )),
            session.text(&format!(
                "SELECT v FROM directus_versions.as_of(NULL::t, {at}) WHERE id = {item}"
            )),
            "{item}"
        );
    }
    session.shows(
        &format!("SELECT directus_versions.item_at('t', 3, {at}) ->> 'v'"),
        "three",
    );
}

#[test]
fn travel_of_an_item_without_its_hidden_fields() {
    let mut session = in_schema("travel_item_hidden");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, secret text, code text);
         INSERT INTO t VALUES (1, 'a', 'hush', 'hush'), (2, 'a', 'hush', 'hush');
         SELECT directus_versions.track('t', exclude => '{secret}', mask => '{code}')",
    );
    let before = moment(&mut session);
    session.run("UPDATE t SET v = 'b', secret = 'hush 2', code = 'hush 2' WHERE id = 1");
    for item in [1, 2] {
        for at in [before.as_str(), "'infinity'"] {
            let found = session
                .text(&format!(
                    "SELECT directus_versions.item_at('t', {item}, {at})"
                ))
                .unwrap();
            assert!(
                !found.contains("hush") && !found.contains("secret"),
                "{found}"
            );
        }
    }
}
