//! Keeping house: retention, purge, the log's partitions, and what an administrator is told.
//!
//! All of it acts on the whole log, so each test has a database of its own. Time passes by making what is recorded older.
#![cfg(test)]

mod checks;
mod losses;
mod overview;
mod partitions;
mod random;
mod retention;
mod rights;
mod sessions;

use super::support::{Row, Session, in_database};

/// A database with a tracked table `t` of an id, a text `v` and a number `n`.
fn house(name: &str) -> Session {
    let mut session = in_database(name);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n int); SELECT directus_versions.track('t')",
    );
    session
}

/// What a purge tells that it did, or would do: collection, activities, revisions.
fn purged(session: &mut Session, dry_run: bool) -> Vec<Row> {
    session.table(&format!(
        "SELECT p.collection, p.activity, p.revisions FROM directus_versions.purge({dry_run}) p
         WHERE p.activity > 0 OR p.revisions > 0 ORDER BY 1"
    ))
}

/// What is read of the log from outside, a line each: activities, revisions with their data, histories.
fn read(session: &mut Session) -> Vec<String> {
    let lines = session.table(
        "SELECT concat_ws(' ', 'activity', a.id, a.action, a.collection, a.item, a.\"timestamp\", a.actor, a.comment)
         FROM directus_versions.activity a
         UNION ALL
         SELECT concat_ws(' ', 'revision', r.id, r.collection, r.item, r.delta, 'was', r.prior, 'is', r.data, r.version, r.source)
         FROM directus_versions.revisions r
         ORDER BY 1",
    );
    lines.into_iter().flatten().flatten().collect()
}

/// The texts of one column.
fn listed(session: &mut Session, sql: &str) -> Vec<String> {
    session.table(sql).into_iter().flatten().flatten().collect()
}

/// The revisions of an item as its history tells them: `action data`.
fn history(session: &mut Session, item: &str) -> Vec<String> {
    listed(
        session,
        &format!(
            "SELECT concat_ws(' ', action, data) FROM directus_versions.history('t', '{item}')"
        ),
    )
}
