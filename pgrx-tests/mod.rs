//! Tests by promise. `#[pg_test]`s run inside a transaction of the server that is rolled back;
//! plain `#[test]`s open sessions of their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "a test fails by panic and tells one story from top to bottom"
)]

mod access;
mod bystander;
mod capture;
mod changes;
mod context;
mod fidelity;
mod history;
mod house;
mod huge;
mod keys;
mod partitions;
mod promote;
mod random;
mod reading;
mod readonly;
mod revert;
mod scope;
mod search_path;
mod sessions;
mod settings_independence;
mod support;
mod travel;
mod undo;
mod versions;
