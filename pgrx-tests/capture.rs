//! Nothing missed, nothing invented: every way a row can be written, and what it leaves in the log.

mod commit;
mod copy;
#[cfg(test)]
mod forgotten;
mod gaps;
mod long;
mod sessions;
mod statements;
mod transactions;
mod triggers;
mod writes;

use super::support::{int, run};

/// Create and track a table of an id, a text `v` and a number `n`.
fn tracked(name: &str) {
    run(&format!(
        "CREATE TABLE {name} (id int PRIMARY KEY, v text, n int);
         SELECT directus_versions.track('{name}')"
    ));
}

fn count(collection: &str, action: &str) -> i64 {
    int(&format!(
        "SELECT count(*) FROM directus_versions.activity
         WHERE collection = '{collection}' AND action = '{action}'"
    ))
}
