//! Tables that changed their columns: the rows of then, in the form of now.

use super::{moment, now, then};
use crate::pg_tests::support::{Session, in_schema};

/// Four rows of which one stays, one is changed before and after the columns change, one is deleted
/// after that and one before.
fn altered(schema: &str, alter: &str) -> (Session, String) {
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n int); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'stays', 1), (2, 'changes', 2), (3, 'goes', 3), (4, 'went', 4)",
    );
    session.run("UPDATE t SET n = n * 10");
    let at = moment(&mut session);
    session.run("UPDATE t SET n = n + 1 WHERE id = 2; DELETE FROM t WHERE id = 4");
    session.run(alter);
    session.run("DELETE FROM t WHERE id = 3");
    (session, at)
}

/// Give the rows of then in the form of now, each as JSON.
fn rows(session: &mut Session, at: &str) -> Vec<String> {
    let rows = session.table(&format!(
        "SELECT to_jsonb(a) FROM directus_versions.as_of(NULL::t, {at}) a ORDER BY id"
    ));
    session.same_rows(&then("t", "'infinity'"), &now("t"));
    rows.into_iter().flatten().flatten().collect()
}

/// Since 18: what is generated as it is read follows from the columns of then.
#[test]
fn travel_with_a_virtual_column() {
    let (mut session, at) = altered(
        "travel_virtual",
        "DO $$ BEGIN
             IF current_setting('server_version_num')::int >= 180000 THEN
                 EXECUTE 'ALTER TABLE t ADD w int GENERATED ALWAYS AS (n * 2) VIRTUAL, ADD x text GENERATED ALWAYS AS (upper(v)) VIRTUAL';
             END IF;
         END $$",
    );
    if session.int(
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attgenerated = 'v'",
    ) == 0
    {
        return;
    }
    assert_eq!(
        rows(&mut session, &at),
        [
            r#"{"n": 10, "v": "stays", "w": 20, "x": "STAYS", "id": 1}"#,
            r#"{"n": 20, "v": "changes", "w": 40, "x": "CHANGES", "id": 2}"#,
            r#"{"n": 30, "v": "goes", "w": 60, "x": "GOES", "id": 3}"#,
            r#"{"n": 40, "v": "went", "w": 80, "x": "WENT", "id": 4}"#,
        ]
    );
}

#[test]
fn travel_over_a_renamed_column() {
    let (mut session, at) = altered("travel_renamed", "ALTER TABLE t RENAME v TO w");
    session.run("UPDATE t SET w = 'new' WHERE id = 2");
    assert_eq!(
        rows(&mut session, &at),
        [
            r#"{"n": 10, "w": "stays", "id": 1}"#,
            r#"{"n": 20, "w": "changes", "id": 2}"#,
            r#"{"n": 30, "w": "goes", "id": 3}"#,
            r#"{"n": 40, "w": "went", "id": 4}"#,
        ]
    );
}

#[test]
fn travel_over_columns_that_swapped_their_names() {
    let (mut session, at) = altered(
        "travel_swapped",
        "ALTER TABLE t ADD w text; UPDATE t SET w = 'w' || id;
         ALTER TABLE t RENAME v TO x; ALTER TABLE t RENAME w TO v; ALTER TABLE t RENAME x TO w",
    );
    session.run("UPDATE t SET w = 'new' WHERE id = 2");
    let found = rows(&mut session, &at);
    for (row, w) in found.iter().zip(["stays", "changes", "goes", "went"]) {
        assert!(row.contains(&format!(r#""w": "{w}""#)), "{found:?}");
    }
    assert_eq!(found.len(), 4);
}

#[test]
fn travel_over_a_dropped_column() {
    let (mut session, at) = altered("travel_dropped", "ALTER TABLE t DROP v");
    session.run("UPDATE t SET n = 0 WHERE id = 2");
    assert_eq!(
        rows(&mut session, &at),
        [
            r#"{"n": 10, "id": 1}"#,
            r#"{"n": 20, "id": 2}"#,
            r#"{"n": 30, "id": 3}"#,
            r#"{"n": 40, "id": 4}"#,
        ]
    );
}

/// A row that is as it was has what was filled in when the column came.
#[test]
fn travel_over_an_added_column() {
    let (mut session, at) = altered(
        "travel_added",
        "ALTER TABLE t ADD filled text DEFAULT 'def', ADD plain int",
    );
    session.run("UPDATE t SET filled = 'set', plain = 5 WHERE id = 2");
    let found = rows(&mut session, &at);
    assert_eq!(
        found[..2],
        [
            r#"{"n": 10, "v": "stays", "id": 1, "plain": null, "filled": "def"}"#,
            r#"{"n": 20, "v": "changes", "id": 2, "plain": null, "filled": "def"}"#,
        ]
    );
    for (row, known) in found[2..].iter().zip([
        r#"{"n": 30, "v": "goes", "id": 3, "plain": null,"#,
        r#"{"n": 40, "v": "went", "id": 4, "plain": null,"#,
    ]) {
        assert!(row.starts_with(known), "{found:?}");
    }
    assert_eq!(found.len(), 4);
}

/// Another column of the same name is another column: the old one's values are not its own.
#[test]
fn travel_over_a_column_dropped_and_added_again() {
    let (mut session, at) = altered(
        "travel_renewed",
        "ALTER TABLE t DROP v; ALTER TABLE t ADD v text DEFAULT 'fresh'",
    );
    session.run("UPDATE t SET v = 'set' WHERE id = 2");
    let found = rows(&mut session, &at);
    assert_eq!(
        found[..2],
        [
            r#"{"n": 10, "v": "fresh", "id": 1}"#,
            r#"{"n": 20, "v": "fresh", "id": 2}"#,
        ]
    );
    let gone = found[2..].concat();
    assert!(
        !gone.contains("goes") && !gone.contains("went"),
        "{found:?}"
    );
    assert_eq!(found.len(), 4);
}

#[test]
fn travel_over_a_column_of_a_wider_type() {
    let (mut session, at) = altered(
        "travel_wider",
        "ALTER TABLE t ALTER n TYPE bigint, ALTER v TYPE varchar",
    );
    session.run("UPDATE t SET n = 5000000000, v = 'new' WHERE id = 2");
    assert_eq!(
        rows(&mut session, &at),
        [
            r#"{"n": 10, "v": "stays", "id": 1}"#,
            r#"{"n": 20, "v": "changes", "id": 2}"#,
            r#"{"n": 30, "v": "goes", "id": 3}"#,
            r#"{"n": 40, "v": "went", "id": 4}"#,
        ]
    );
}

#[test]
fn travel_over_a_generated_column_that_came_later() {
    let (mut session, at) = altered(
        "travel_generated_later",
        "ALTER TABLE t ADD twice int GENERATED ALWAYS AS (n * 2) STORED",
    );
    session.run("UPDATE t SET n = 7 WHERE id = 2");
    let found = rows(&mut session, &at);
    assert_eq!(found[0], r#"{"n": 10, "v": "stays", "id": 1, "twice": 20}"#);
    assert!(
        found[1].starts_with(r#"{"n": 20, "v": "changes", "id": 2,"#),
        "{found:?}"
    );
}

/// The row type of a table from which a column was dropped has a hole in it.
#[test]
fn travel_in_a_table_with_columns_dropped_before() {
    let mut session = in_schema("travel_holes");
    session.run(
        "CREATE TABLE t (gone int, id int PRIMARY KEY, also_gone text, v text, last int);
         ALTER TABLE t DROP gone, DROP also_gone;
         SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)",
    );
    let mut copies = super::Copies::new(&mut session);
    copies.run(
        &mut session,
        &[
            "SELECT",
            "UPDATE t SET v = v || '!', last = 0",
            "DELETE FROM t",
        ],
    );
    copies.check(&mut session);
}
