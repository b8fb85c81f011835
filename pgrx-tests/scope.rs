//! What is recorded: track and its refusals, fields, masks, accountability, whole schemas, and the
//! application's own events.

mod activities;
mod columns;
mod connections;
mod events;
mod fields;
mod matrix;
mod schemas;
mod tables;

use super::support::{int, run};

fn create(name: &str) {
    run(&format!(
        "CREATE TABLE {name} (id int PRIMARY KEY, v text, n int, secret text)"
    ));
}

fn tracked(name: &str, options: &str) {
    create(name);
    run(&format!(
        "SELECT directus_versions.track('{name}'{options})"
    ));
}

fn activities(collection: &str) -> i64 {
    int(&format!(
        "SELECT count(*) FROM directus_versions.activity WHERE collection = '{collection}'"
    ))
}

fn revisions(collection: &str) -> i64 {
    int(&format!(
        "SELECT count(*) FROM directus_versions.revisions WHERE collection = '{collection}'"
    ))
}
