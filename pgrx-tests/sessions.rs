//! Several sessions at once: counts, locks, isolation, what one session's change of scope or table
//! means to another, and who is acting where connections are pooled.
#![cfg(test)]

use super::support::{Session, client};

mod actors;
mod caches;
mod drop;
mod isolation;
mod locks;
mod many;
mod memory;
mod tables;

/// Open a session with a new schema, first on its `search_path`.
fn in_schema(name: &str) -> Session {
    let mut session = client();
    session.run(&format!("CREATE SCHEMA {name}; SET search_path = {name}"));
    session
}

/// Open another session on that schema.
fn beside(name: &str) -> Session {
    let mut session = client();
    session.run(&format!(
        "SET search_path = {name}; SET lock_timeout = '30s'"
    ));
    session
}

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
