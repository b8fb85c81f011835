//! `revert` and `revert_collection`: an item, or a whole table, becomes what it was, exactly, or an
//! error says what stands in the way and nothing is changed.

#[cfg(test)]
mod collections;
mod columns;
mod constraints;
mod deletions;
mod fields;
mod keys;
#[cfg(test)]
mod moved;
#[cfg(test)]
mod notices;
mod partitions;
mod records;
mod rights;
mod scope;
#[cfg(test)]
mod sessions;
mod tables;
mod transactions;
mod triggers;
mod updates;
mod values;

use super::support::{Raised, Row, error, int, literal, run, same_rows, table, text};

/// Create and track a table of an id, a text `v` and a number `n`.
fn tracked(name: &str) {
    run(&format!(
        "CREATE TABLE {name} (id int PRIMARY KEY, v text, n int);
         SELECT directus_versions.track('{name}')"
    ));
}

/// Give the id of the newest revision of a collection.
fn newest(collection: &str) -> i64 {
    int(&format!(
        "SELECT max(id) FROM directus_versions.revisions WHERE collection = {}",
        literal(collection)
    ))
}

/// Execute a statement, and give the id of the newest revision after it.
fn revision(collection: &str, sql: &str) -> i64 {
    run(sql);
    newest(collection)
}

/// Revert, and give the new revision.
fn revert(revision: i64) -> Option<i64> {
    text(&format!("SELECT directus_versions.revert({revision})")).map(|id| id.parse().unwrap())
}

/// Give everything that a failed revert must leave as it is: the rows and what is recorded.
fn state_of(target: &str) -> (Vec<Row>, Option<String>) {
    (
        table(&format!("SELECT t::text FROM {target} t ORDER BY 1")),
        // Other sessions write too; all of this test is one transaction.
        text(
            "SELECT count(*) || ' ' || max(id) FROM directus_versions.activity
             WHERE transaction = pg_current_xact_id()",
        ),
    )
}

/// Require that a revert fails and changes nothing; give its error.
fn refused(target: &str, revision: i64) -> Raised {
    let before = state_of(target);
    let raised = error(&format!("SELECT directus_versions.revert({revision})"));
    assert_eq!(state_of(target), before, "{raised:?}");
    raised
}

/// Give what there is of a revision as `action item delta prior source`.
fn recorded(revision: i64) -> String {
    text(&format!(
        "SELECT concat_ws(' ', a.action, a.item, coalesce(r.delta::text, '-'),
                          coalesce(r.prior::text, '-'), r.source)
         FROM directus_versions.revisions r JOIN directus_versions.activity a ON a.id = r.activity
         WHERE r.id = {revision}"
    ))
    .unwrap()
}

/// Keep a copy of a table's rows, to be compared by [`is_again`].
fn keep(target: &str) {
    run(&format!(
        "DROP TABLE IF EXISTS {target}_kept; CREATE TEMP TABLE {target}_kept AS SELECT t AS r FROM {target} t"
    ));
}

/// Require that a table's rows are those of the copy, byte by byte.
fn is_again(target: &str) {
    same_rows(
        &format!("SELECT t FROM {target} t"),
        &format!("SELECT r FROM {target}_kept"),
    );
}
