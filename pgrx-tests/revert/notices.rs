//! What a revert leaves as it is, it says.
#![cfg(test)]

use crate::pg_tests::support::{Session, in_schema, listening};
use std::sync::mpsc::Receiver;

/// Run a statement and give the notices that came with it.
fn noticed(session: &mut Session, notices: &Receiver<String>, sql: &str) -> Vec<String> {
    let _before: Vec<String> = notices.try_iter().collect();
    session.run(sql);
    notices.try_iter().collect()
}

fn first(session: &mut Session, schema: &str) -> i64 {
    session.int(&format!(
        "SELECT min(id) FROM directus_versions.revisions WHERE collection = '{schema}.t'"
    ))
}

#[test]
fn revert_tells_of_masked_and_excluded_fields_that_it_leaves() {
    let schema = "revert_notices";
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, hidden_field text, masked_field text);
         SELECT directus_versions.track('t', exclude => '{hidden_field}', mask => '{masked_field}');
         INSERT INTO t VALUES (1, 'a', 'hush', 'hush')",
    );
    session.run("UPDATE t SET v = 'b', hidden_field = 'hush 2', masked_field = 'hush 2'");
    let revision = first(&mut session, schema);
    let (mut session, notices) = listening(schema);
    for (call, fields) in [
        (format!("revert({revision})"), vec!["masked_field"]),
        (
            format!("revert({revision}, '{{masked_field}}')"),
            vec!["masked_field"],
        ),
        (
            format!("revert({revision}, '{{hidden_field}}')"),
            vec!["hidden_field"],
        ),
        (
            format!("revert({revision}, '{{v,masked_field,hidden_field}}')"),
            vec!["masked_field", "hidden_field"],
        ),
    ] {
        session.run("UPDATE t SET v = 'b'");
        let said = noticed(
            &mut session,
            &notices,
            &format!("SELECT directus_versions.{call}"),
        )
        .concat();
        for field in fields {
            assert!(said.contains(field), "{call}: {said}");
        }
        assert!(!said.contains("hush"), "{call}: {said}");
        session.shows("SELECT hidden_field || masked_field FROM t", "hush 2hush 2");
    }
    session.shows("SELECT v FROM t", "a");
}

#[test]
fn revert_tells_of_dropped_columns_that_it_leaves() {
    let schema = "revert_notices_dropped";
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, lost_column text); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'a', 'g')",
    );
    session.run("UPDATE t SET v = 'b'; ALTER TABLE t DROP lost_column");
    let revision = first(&mut session, schema);
    let (mut session, notices) = listening(schema);
    let said = noticed(
        &mut session,
        &notices,
        &format!("SELECT directus_versions.revert({revision})"),
    )
    .concat();
    assert!(said.contains("lost_column"), "{said}");
    session.shows("SELECT v FROM t", "a");
}

/// Where all of the item comes back there is nothing to say.
#[test]
fn revert_says_nothing_where_all_comes_back() {
    let schema = "revert_notices_none";
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, twice int GENERATED ALWAYS AS (id * 2) STORED);
         SELECT directus_versions.track('t'); INSERT INTO t VALUES (1, 'a')",
    );
    let revision = first(&mut session, schema);
    let (mut session, notices) = listening(schema);
    for change in ["UPDATE t SET v = 'b'", "DELETE FROM t", "SELECT"] {
        session.run(change);
        let said = noticed(
            &mut session,
            &notices,
            &format!("SELECT directus_versions.revert({revision})"),
        );
        assert_eq!(said, [""; 0], "{change}");
    }
}
