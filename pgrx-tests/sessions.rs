//! Several sessions at once: counts, locks, isolation, what one session's change of scope or table
//! means to another, and who is acting where connections are pooled.
#![cfg(test)]

use super::support::{Session, beside, in_schema};

mod actors;
mod caches;
mod drop;
mod isolation;
mod locks;
mod many;
mod memory;
mod tables;

/// Count the activities of a collection with an action.
fn recorded(session: &mut Session, collection: &str, action: &str) -> i64 {
    session.int(&format!(
        "SELECT count(*) FROM directus_versions.activity
         WHERE collection = '{collection}' AND action = '{action}'"
    ))
}

/// Give the actors of a collection's activities, in order.
fn actors_of(session: &mut Session, collection: &str) -> Vec<String> {
    let rows = session.table(&format!(
        "SELECT coalesce(actor, '-') FROM directus_versions.activity
         WHERE collection = '{collection}' ORDER BY id"
    ));
    rows.into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect()
}
