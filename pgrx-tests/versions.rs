//! Detached versions: staged beside the live row, read with it, and gone without a trace in it.

use super::support::{error, literal, run, text};

mod compare;
mod create;
mod fields;
mod following;
mod log;
#[cfg(test)]
mod masking;
mod places;
mod read;
mod rights;
mod save;
#[cfg(test)]
mod sessions;
mod traps;
mod types;

/// A tracked table `name` with two articles.
pub(super) fn articles(name: &str) {
    run(&format!(
        "CREATE TABLE {name} (id int PRIMARY KEY, title text NOT NULL, body text, price numeric(8,2), doc jsonb);
         SELECT directus_versions.track('{name}');
         INSERT INTO {name} VALUES (1, 'One', 'Text', 1.50, '{{\"a\": 1, \"b\": 1}}'), (2, 'Two', NULL, NULL, NULL)"
    ));
}

/// Make a version of an item and give its id; an empty delta is none.
pub(super) fn version(table: &str, item: &str, key: &str, delta: &str) -> String {
    let delta = if delta.is_empty() {
        "NULL".to_owned()
    } else {
        literal(delta)
    };
    text(&format!(
        "SELECT directus_versions.create_version('{table}', {item}, '{key}', delta => {delta}::jsonb)"
    ))
    .unwrap()
}

/// The delta of a version, as the view shows it.
pub(super) fn delta(version: &str) -> String {
    text(&format!(
        "SELECT delta FROM directus_versions.versions WHERE id = '{version}'"
    ))
    .unwrap()
}

/// The SQLSTATE and message of a call.
pub(super) fn refused(call: &str) -> (String, String) {
    let raised = error(&format!("SELECT directus_versions.{call}"));
    (raised.state, raised.message)
}
