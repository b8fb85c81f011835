//! `undo` and `undo_transaction`: one change, or all that a transaction did, is taken back, and what
//! others did since is kept.

mod changes;
#[cfg(test)]
mod columns;
mod conflicts;
#[cfg(test)]
mod foreign_keys;
#[cfg(test)]
mod hindrances;
mod records;
#[cfg(test)]
mod rehearsals;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod transactions;

#[cfg(test)]
use super::support::{Row, Session, literal};
use super::support::{int, run, text};

/// Create and track a table of an id, a text `v` and a number `n`.
fn tracked(name: &str) {
    run(&format!(
        "CREATE TABLE {name} (id int PRIMARY KEY, v text, n int);
         SELECT directus_versions.track('{name}')"
    ));
}

/// Execute a statement, and give the id of the newest revision after it.
fn revision(collection: &str, sql: &str) -> i64 {
    run(sql);
    int(&format!(
        "SELECT max(id) FROM directus_versions.revisions WHERE collection = '{collection}'"
    ))
}

/// Undo, and give the new revision.
fn undo(revision: i64) -> Option<i64> {
    text(&format!("SELECT directus_versions.undo({revision})")).map(|id| id.parse().unwrap())
}

/// Tell whether a text names a field, in quotes or not.
fn names(text: &str, field: &str) -> bool {
    text.match_indices(field).any(|(start, _)| {
        let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
        !text[..start].ends_with(part_of_a_word)
            && !text[start + field.len()..].starts_with(part_of_a_word)
    })
}

/// Run statements in one transaction and give its id.
#[cfg(test)]
fn transaction(session: &mut Session, sql: &str) -> String {
    session.run("BEGIN");
    session.run(sql);
    let id = session.text("SELECT pg_current_xact_id()").unwrap();
    session.run("COMMIT");
    id
}

/// Give SQL that undoes a transaction; the options are further arguments.
#[cfg(test)]
fn undoing(id: &str, options: &str) -> String {
    format!("SELECT * FROM directus_versions.undo_transaction('{id}'{options})")
}

/// Give the rows of some tables, in no order but their own.
#[cfg(test)]
fn contents(session: &mut Session, tables: &[&str]) -> Vec<Vec<Row>> {
    tables
        .iter()
        .map(|name| session.table(&format!("SELECT t::text FROM {name} t ORDER BY 1")))
        .collect()
}

/// Count what is recorded of the tables of a schema.
#[cfg(test)]
fn recorded(session: &mut Session, schema: &str) -> i64 {
    session.int(&format!(
        "SELECT count(*) FROM directus_versions.activity WHERE strpos(collection, {}) = 1",
        literal(&format!("{schema}."))
    ))
}
