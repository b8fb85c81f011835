//! What becomes of history when tables and types change: it is read, gone back to and carried on over the change. What can
//! no longer be put back is left with a notice; what no longer fits is an error that names column and value.
#![cfg(test)]

mod fitting;
mod keys;
mod labels;
mod partitions;
mod sessions;
mod tables;

use super::support::{
    Raised, Session, alike, beside, drop_database, in_database, in_schema, listening,
};

/// Give the id of the oldest revision of the schema's table `t`, or of the table so named.
fn first(session: &mut Session, collection: &str) -> i64 {
    session.int(&format!(
        "SELECT min(id) FROM directus_versions.revisions WHERE collection = '{collection}'"
    ))
}

/// Give the ids of a collection's revisions, in order. Other tests' may lie between them.
fn revisions(session: &mut Session, collection: &str) -> Vec<i64> {
    let sql = format!(
        "SELECT id FROM directus_versions.revisions WHERE collection = '{collection}' ORDER BY id"
    );
    let rows = session.query(&sql, &[]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Give everything that a refused write must leave as it is.
fn state_of(session: &mut Session, target: &str) -> (Option<String>, i64) {
    (
        session.text(&format!(
            "SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM {target} t"
        )),
        session.int(&format!(
            "SELECT count(*) FROM directus_versions.activity
             WHERE collection = (SELECT c.collection FROM directus_versions.collections c
                                 WHERE c.target = '{target}'::regclass)"
        )),
    )
}

/// Require that a call fails, changes nothing, and names the column and the value; give its error.
fn refused(session: &mut Session, call: &str, state: &str, column: &str, value: &str) -> Raised {
    let before = state_of(session, "t");
    let raised = session.error(&format!("SELECT directus_versions.{call}"));
    assert_eq!(state_of(session, "t"), before, "{call}: {raised:?}");
    assert_eq!(
        (raised.state.as_str(), raised.column.as_str()),
        (state, column),
        "{call}: {raised:?}"
    );
    assert!(
        raised.detail.contains(&format!("\"{column}\""))
            && raised.detail.contains(&format!("\"{value}\"")),
        "{call}: {raised:?}"
    );
    raised
}

/// Require that an administrator is told of nothing.
fn healthy(session: &mut Session, target: &str) {
    let found = session.table(&format!(
        "SELECT item, problem, detail FROM directus_versions.check_tracking('{target}')"
    ));
    assert!(found.is_empty(), "{target}: {found:?}");
}
