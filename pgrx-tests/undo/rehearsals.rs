//! A dry run shows what would be done, and does nothing.
#![cfg(test)]

use super::{contents, names, recorded, transaction, undoing};
use crate::pg_tests::support::{Row, Session, in_schema};

const TABLES: [&str; 2] = ["t", "u"];

fn two_tables(schema: &str) -> Session {
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, alpha int, beta int);
         CREATE TABLE u (id text PRIMARY KEY, v text);
         SELECT directus_versions.track('t'), directus_versions.track('u');
         INSERT INTO t SELECT i, 0, 0 FROM generate_series(1, 6) i; INSERT INTO u VALUES ('x', 'a'), ('y', 'a')",
    );
    session
}

/// Give what a call tells, but for the ids of revisions, in an order of its own.
fn told(session: &mut Session, id: &str, options: &str) -> Vec<Row> {
    session.table(&format!(
        "SELECT collection, item, action, CASE action WHEN 'update' THEN
             (SELECT array_agg(f ORDER BY f) FROM unnest(fields) f) END, conflict
         FROM ({}) q ORDER BY collection, item, action, 4",
        undoing(id, options)
    ))
}

fn row(parts: [Option<&str>; 5]) -> Row {
    parts.map(|part| part.map(str::to_owned)).to_vec()
}

#[test]
fn undo_transaction_has_its_columns() {
    let mut session = in_schema("undo_columns");
    session
        .run("CREATE VIEW v AS SELECT * FROM directus_versions.undo_transaction('3', false, true)");
    session.shows(
        "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
         FROM pg_attribute WHERE attrelid = 'v'::regclass AND attnum > 0",
        "collection text, item text, action text, fields text[], revision bigint, conflict text",
    );
}

#[test]
fn undo_transaction_rehearsed_is_what_is_done() {
    let schema = "undo_rehearsed";
    let mut session = two_tables(schema);
    let id = transaction(
        &mut session,
        "UPDATE t SET alpha = 1 WHERE id = 1; UPDATE t SET alpha = 1, beta = 1 WHERE id = 2; DELETE FROM t WHERE id = 3;
         INSERT INTO t VALUES (7, 7, 7); UPDATE u SET v = 'b' WHERE id = 'x'; DELETE FROM u WHERE id = 'y'",
    );
    let before = (
        contents(&mut session, &TABLES),
        recorded(&mut session, schema),
    );
    let announced = told(&mut session, &id, ", dry_run => true");
    let collection = |name: &str| format!("{schema}.{name}");
    let (t, u) = (collection("t"), collection("u"));
    assert_eq!(
        announced,
        [
            row([Some(&t), Some("1"), Some("update"), Some("{alpha}"), None]),
            row([
                Some(&t),
                Some("2"),
                Some("update"),
                Some("{alpha,beta}"),
                None
            ]),
            row([Some(&t), Some("3"), Some("create"), None, None]),
            row([Some(&t), Some("7"), Some("delete"), None, None]),
            row([Some(&u), Some("x"), Some("update"), Some("{v}"), None]),
            row([Some(&u), Some("y"), Some("create"), None, None]),
        ]
    );
    assert!(session.yes(&format!(
        "SELECT bool_and(revision IS NULL) FROM ({}) q",
        undoing(&id, ", dry_run => true")
    )));
    assert_eq!(
        (
            contents(&mut session, &TABLES),
            recorded(&mut session, schema)
        ),
        before
    );
    assert_eq!(told(&mut session, &id, ""), announced);
}

/// Every row of the answer is a revision, and every revision a row of the answer.
#[test]
fn undo_transaction_tells_all_that_it_recorded() {
    let schema = "undo_answered";
    let mut session = two_tables(schema);
    let id = transaction(
        &mut session,
        "UPDATE t SET alpha = 1 WHERE id < 3; UPDATE t SET beta = 1 WHERE id = 2; DELETE FROM t WHERE id = 3;
         INSERT INTO t VALUES (7, 7, 7); UPDATE u SET v = 'b'",
    );
    session.run("SET directus_versions.actor = 'ada'");
    let undo = undoing(&id, "");
    let done = transaction(&mut session, &format!("CREATE TABLE done AS {undo}"));
    assert!(session.yes("SELECT count(*) > 4 AND count(DISTINCT revision) = count(*) FROM done"));
    let wrong = session.table(&format!(
        "SELECT d.*, r.id, r.item, a.action, r.delta, r.source, a.actor, a.comment
         FROM done d
         FULL JOIN (SELECT * FROM directus_versions.revisions
                    WHERE activity IN (SELECT id FROM directus_versions.activity WHERE transaction = '{done}'
                                       AND strpos(collection, '{schema}.') = 1)) r ON r.id = d.revision
         LEFT JOIN directus_versions.activity a ON a.id = r.activity
         WHERE (d.collection, d.item, d.action) IS DISTINCT FROM (r.collection, r.item, a.action)
            OR d.action = 'update' AND ARRAY(SELECT f FROM unnest(d.fields) f ORDER BY f)
                <> ARRAY(SELECT f FROM jsonb_object_keys(r.delta) f ORDER BY f)
            OR d.conflict IS NOT NULL OR r.source IS NULL OR a.comment IS NULL OR a.actor IS DISTINCT FROM 'ada'"
    ));
    assert!(wrong.is_empty(), "{wrong:?}");
    // The sources are what that transaction recorded.
    assert!(session.yes(&format!(
        "SELECT bool_and(a.transaction = '{id}') FROM done d JOIN directus_versions.revisions r ON r.id = d.revision
         JOIN directus_versions.activity a ON a.id = r.source"
    )));
}

#[test]
fn undo_transaction_lists_its_conflicts() {
    let schema = "undo_listed";
    let mut session = two_tables(schema);
    let id = transaction(
        &mut session,
        "UPDATE t SET alpha = 1, beta = 1 WHERE id < 4; UPDATE u SET v = 'b' WHERE id = 'x'; INSERT INTO u VALUES ('z', 'new')",
    );
    session.run("UPDATE t SET alpha = 2 WHERE id = 1; UPDATE t SET alpha = 2, beta = 2 WHERE id = 2; UPDATE u SET v = 'other' WHERE id = 'z'");
    let before = (
        contents(&mut session, &TABLES),
        recorded(&mut session, schema),
    );
    let announced = told(&mut session, &id, ", dry_run => true");
    let conflicts: Vec<(&str, &str)> = announced
        .iter()
        .filter_map(|row| Some((row[1].as_deref()?, row[4].as_deref()?)))
        .collect();
    assert_eq!(
        conflicts.iter().map(|(item, _)| *item).collect::<Vec<_>>(),
        ["1", "2", "z"],
        "{announced:?}"
    );
    for (found, fields, others) in [
        (conflicts[0].1, vec!["alpha"], vec!["beta"]),
        (conflicts[1].1, vec!["alpha", "beta"], vec![]),
        (conflicts[2].1, vec!["v"], vec![]),
    ] {
        for field in fields {
            assert!(names(found, field), "{found}");
        }
        for field in others {
            assert!(!names(found, field), "{found}");
        }
    }
    let raised = session.error(&undoing(&id, ""));
    assert_eq!(raised.state, "40001");
    assert!(
        ["alpha", "beta", "v"]
            .iter()
            .any(|field| names(&raised.detail, field)),
        "{raised:?}"
    );
    assert_eq!(
        (
            contents(&mut session, &TABLES),
            recorded(&mut session, schema)
        ),
        before
    );
    // By force all of it is taken back, and the rest is kept.
    session.run("UPDATE t SET beta = 9 WHERE id = 4");
    session.run(&undoing(&id, ", force => true"));
    session.shows(
        "SELECT string_agg(concat(alpha, beta), ' ' ORDER BY id) FROM t",
        "00 00 00 09 00 00",
    );
    session.shows(
        "SELECT string_agg(id || v, ' ' ORDER BY id) FROM u",
        "xa ya",
    );
}

/// An item that is gone, or there again, is a conflict too; a dry run lists it and goes on.
#[test]
fn undo_transaction_lists_items_that_went_or_came_since() {
    let schema = "undo_gone_since";
    let mut session = two_tables(schema);
    let id = transaction(
        &mut session,
        "UPDATE t SET alpha = 1 WHERE id = 1; DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (7, 7, 7); UPDATE t SET beta = 1 WHERE id = 4",
    );
    session.run("DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (2, 9, 9)");
    let before = (
        contents(&mut session, &TABLES),
        recorded(&mut session, schema),
    );
    let announced = told(&mut session, &id, ", dry_run => true");
    for row in &announced {
        let expected = ["1", "2"].contains(&row[1].as_deref().unwrap());
        assert_eq!(row[4].is_some(), expected, "{announced:?}");
    }
    assert_eq!(announced.len(), 4, "{announced:?}");
    assert_eq!(session.error(&undoing(&id, "")).state, "40001");
    assert_eq!(
        (
            contents(&mut session, &TABLES),
            recorded(&mut session, schema)
        ),
        before
    );
}

/// However often it is asked for, it is the same, and no sequence of the tables moves.
#[test]
fn undo_transaction_rehearsed_is_not_noticed() {
    let schema = "undo_unnoticed";
    let mut session = two_tables(schema);
    session.run(
        "CREATE TABLE g (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text, s serial);
         SELECT directus_versions.track('g')",
    );
    let id = transaction(
        &mut session,
        "INSERT INTO g (v) VALUES ('a'), ('b'), ('c'); UPDATE g SET v = 'c' WHERE id = 1; DELETE FROM g WHERE id = 2;
         DELETE FROM t WHERE id = 1",
    );
    let delete = transaction(&mut session, "DELETE FROM g");
    let state =
        "SELECT (SELECT last_value FROM g_id_seq) || ' ' || (SELECT last_value FROM g_s_seq)";
    let before = session.text(state);
    for id in [&id, &delete] {
        let first = told(&mut session, id, ", dry_run => true");
        assert_eq!(told(&mut session, id, ", dry_run => true"), first);
        session.run("BEGIN");
        session.run(&undoing(id, ", force => true, dry_run => true"));
        session.run("COMMIT");
    }
    assert_eq!(session.text(state), before);
    session.run(&undoing(&delete, ""));
    session.run(&undoing(&id, ""));
    assert_eq!(session.text(state), before);
    session.shows("SELECT count(*) FROM t", "6");
}
