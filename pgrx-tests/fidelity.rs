//! Promise 3: what the log kept gives back the very value, for every type.
//!
//! A table goes through samples, and each revision is made a row again: the exact text where the
//! log has one, else the JSON form. It must equal the stored row by its bytes. The SQL side is
//! `fidelity/restore.sql`. Then the same values are put back by `revert`, `fidelity/back.sql`.

mod arrays;
mod composites;
mod documents;
pub(crate) mod every_type;
mod extensions;
mod form;
mod numbers;
mod ranges;
mod strings;
mod system;
mod times;

use super::support::{literal, run, table};

/// The SQL functions that restore and compare, in the session's temporary schema.
pub(crate) const RESTORE: &str = include_str!("fidelity/restore.sql");

/// The SQL functions that take a table there and back by reverting.
pub(crate) const BACK: &str = include_str!("fidelity/back.sql");

/// Take a new table `(id, columns)` through samples, each an SQL list of its columns' values, and
/// then there and back.
pub(crate) fn round_trip(name: &str, columns: &str, samples: &[&str]) {
    let samples: Vec<String> = samples.iter().map(|sample| literal(sample)).collect();
    run(RESTORE);
    run(&format!(
        "CREATE TABLE {name} (id integer PRIMARY KEY, {columns})"
    ));
    run(&format!("SELECT directus_versions.track('{name}')"));
    run(BACK);
    for walk in ["round_trip", "there_and_back"] {
        no_problems(&format!(
            "SELECT p FROM pg_temp.{walk}('{name}', ARRAY[{}]) p",
            samples.join(", ")
        ));
    }
}

/// Run a query of problems, which must find none.
pub(crate) fn no_problems(sql: &str) {
    let problems: Vec<String> = table(sql).into_iter().flatten().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
