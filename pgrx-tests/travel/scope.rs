//! Fields that are not saved, or saved as asterisks: there the live value stands, and never a mask.

use super::{moment, now, then};
use crate::pg_tests::support::{Session, in_schema};

/// A row that changes, with its hidden fields, one that stays, and one that is deleted.
fn hidden(schema: &str, options: &str) -> (Session, String) {
    let mut session = in_schema(schema);
    session.run(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, v text, secret text DEFAULT 'default', code int);
         SELECT directus_versions.track('t', {options})"
    ));
    session
        .run("INSERT INTO t VALUES (1, 'a', 'one', 1), (2, 'a', 'two', 2), (3, 'a', 'three', 3)");
    let at = moment(&mut session);
    session.run("UPDATE t SET v = 'b', secret = 'new', code = 10 WHERE id = 1");
    session
        .run("UPDATE t SET secret = 'newer', code = 11 WHERE id = 1; DELETE FROM t WHERE id = 3");
    session.same_rows(&then("t", "'infinity'"), &now("t"));
    (session, at)
}

fn rows(session: &mut Session, at: &str) -> Vec<String> {
    session
        .table(&format!(
            "SELECT concat_ws(' ', id, v, coalesce(secret, '-'), coalesce(code::text, '-'))
             FROM directus_versions.as_of(NULL::t, {at}) ORDER BY id"
        ))
        .into_iter()
        .flatten()
        .flatten()
        .collect()
}

#[test]
fn travel_gives_excluded_fields_as_they_are() {
    let (mut session, at) = hidden("travel_excluded", "exclude => '{secret,code}'");
    assert_eq!(
        rows(&mut session, &at),
        ["1 a newer 11", "2 a two 2", "3 a - -"]
    );
}

#[test]
fn travel_gives_masked_fields_as_they_are() {
    let (mut session, at) = hidden("travel_masked", "mask => '{secret,code}'");
    let found = rows(&mut session, &at);
    assert_eq!(found[..2], ["1 a newer 11", "2 a two 2"]);
    assert_eq!(found[2], "3 a - -");
}

#[test]
fn travel_gives_fields_that_are_not_named_as_they_are() {
    let (mut session, at) = hidden("travel_named", "fields => '{id,v}'");
    assert_eq!(
        rows(&mut session, &at),
        ["1 a newer 11", "2 a two 2", "3 a - -"]
    );
}

/// A mask that was laid on later does not hide what was recorded before, nor is it data.
#[test]
fn travel_when_a_mask_comes_later() {
    let mut session = in_schema("travel_mask_later");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, secret text); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'a', 'one'), (2, 'a', 'two')",
    );
    session.run("SELECT directus_versions.set_scope('t', mask => '{secret}')");
    let at = moment(&mut session);
    session.run("UPDATE t SET v = 'b', secret = 'new' WHERE id = 1; DELETE FROM t WHERE id = 2");
    for when in [at.as_str(), "'infinity'", "'-infinity'"] {
        let found = session.table(&format!(
            "SELECT secret FROM directus_versions.as_of(NULL::t, {when}) WHERE secret = '**********'"
        ));
        assert!(found.is_empty(), "at {when}");
    }
    session.same_rows(&then("t", "'infinity'"), &now("t"));
}

/// The text of a mask may be somebody's value.
#[test]
fn travel_gives_a_value_that_looks_like_a_mask() {
    let mut session = in_schema("travel_asterisks");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, '**********'), (2, '**********')",
    );
    let mut copies = super::Copies::new(&mut session);
    copies.run(
        &mut session,
        &[
            "SELECT",
            "UPDATE t SET v = 'b' WHERE id = 1",
            "DELETE FROM t",
        ],
    );
    copies.check(&mut session);
}

#[test]
fn travel_with_stored_snapshots() {
    let mut session = in_schema("travel_always");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n numeric); INSERT INTO t VALUES (1, 'old', 1), (2, 'old', 2);
         SELECT directus_versions.track('t', snapshot => 'always')",
    );
    let mut copies = super::Copies::new(&mut session);
    copies.run(
        &mut session,
        &[
            "SELECT",
            "UPDATE t SET n = n + 0.0",
            "INSERT INTO t VALUES (3, 'new', 3)",
            "UPDATE t SET v = 'x', id = id + 10",
            "DELETE FROM t WHERE id = 12",
        ],
    );
    copies.check(&mut session);
}
