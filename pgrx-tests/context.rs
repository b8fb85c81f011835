//! Who did it: the settings, their fall-backs, and what cannot be forged.

mod bytes;
mod connections;
mod fallbacks;
mod roles;
mod settings;

use super::support::{run, text};

fn tracked(name: &str) {
    run(&format!(
        "CREATE TABLE {name} (id int PRIMARY KEY, v text);
         SELECT directus_versions.track('{name}')"
    ));
}

/// Give a column of the newest activity of a collection.
fn last(collection: &str, column: &str) -> Option<String> {
    text(&format!(
        "SELECT {column} FROM directus_versions.activity WHERE collection = '{collection}'
         ORDER BY id DESC LIMIT 1"
    ))
}

fn actors(collection: &str) -> String {
    text(&format!(
        "SELECT string_agg(coalesce(actor, '-'), ' ' ORDER BY id) FROM directus_versions.activity
         WHERE collection = '{collection}'"
    ))
    .unwrap()
}
