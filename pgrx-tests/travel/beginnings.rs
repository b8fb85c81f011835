//! Times before tracking began: the earliest that is known of each row.

use super::{Copies, moment, then};
use crate::pg_tests::support::{Session, in_schema};

/// A table with rows, tracked only when they had been there, with a copy of that time.
fn late(schema: &str) -> (Session, Copies, String) {
    let mut session = in_schema(schema);
    session.run("CREATE TABLE t (id int PRIMARY KEY DEFERRABLE, v text, n numeric)");
    session.run("INSERT INTO t SELECT i, 'old' || i, i FROM generate_series(1, 8) i");
    let before = moment(&mut session);
    session.run("UPDATE t SET n = n + 0.00");
    session.run("SELECT directus_versions.track('t')");
    let mut copies = Copies::new(&mut session);
    copies.take(&mut session);
    (session, copies, before)
}

#[test]
fn travel_before_tracking_gives_the_earliest_known() {
    let (mut session, mut copies, before) = late("travel_late");
    let start = copies.times()[0].clone();
    copies.run(
        &mut session,
        &[
            "UPDATE t SET v = 'new' WHERE id = 1",
            "DELETE FROM t WHERE id = 2",
            "INSERT INTO t VALUES (9, 'nine', 9)",
            "UPDATE t SET id = 30 WHERE id = 3",
            "INSERT INTO t VALUES (2, 'again', 2), (3, 'stranger', 3)",
            "UPDATE t SET v = v || '!'",
            "TRUNCATE t",
            "INSERT INTO t VALUES (4, 'after', 4)",
        ],
    );
    copies.check(&mut session);
    for at in [before.as_str(), "'-infinity'", "'2001-01-01'"] {
        session.same_rows(&then("t", at), &Copies::rows(&start));
    }
}

#[test]
fn travel_before_tracking_for_one_item() {
    let (mut session, mut copies, before) = late("travel_late_item");
    copies.run(
        &mut session,
        &[
            "UPDATE t SET v = 'new' WHERE id = 1",
            "DELETE FROM t WHERE id = 2",
            "INSERT INTO t VALUES (9, 'nine', 9)",
        ],
    );
    for (item, expected) in [
        (1, Some(r#"{"n": 1.00, "v": "old1", "id": 1}"#)),
        (2, Some(r#"{"n": 2.00, "v": "old2", "id": 2}"#)),
        (3, Some(r#"{"n": 3.00, "v": "old3", "id": 3}"#)),
        (9, None),
        (10, None),
    ] {
        for at in [before.as_str(), "'-infinity'"] {
            assert_eq!(
                session
                    .text(&format!(
                        "SELECT directus_versions.item_at('t', {item}, {at})"
                    ))
                    .as_deref(),
                expected,
                "{item} at {at}"
            );
        }
    }
}

/// Since when it is known is told where the scope is.
#[test]
fn travel_before_tracking_and_since_when_more_is_known() {
    let (mut session, copies, before) = late("travel_since");
    assert!(session.yes(&format!(
        "SELECT since BETWEEN {before} AND {} FROM directus_versions.collections WHERE target = 't'::regclass",
        copies.times()[0]
    )));
}

/// A row that nothing was recorded of is as it is.
#[test]
fn travel_before_tracking_with_rows_that_never_changed() {
    let (mut session, copies, before) = late("travel_untouched");
    copies.check(&mut session);
    session.same_rows(&then("t", &before), "SELECT t FROM t");
}
