//! `directus_versions`: activity log, revisions and detached versions of `PostgreSQL` tables.
//!
//! This file is the index: the modules, the SQL files in their order, and what happens when the library is loaded.

mod compat;
mod context;
mod error;
mod merge;
#[allow(
    unsafe_code,
    reason = "the only module that touches PostgreSQL below SQL"
)]
mod pg;
mod plan;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/mod.rs"]
mod pg_tests;

pgrx::pg_module_magic!(name, version);

pgrx::extension_sql_file!("../sql/tables.sql", name = "tables", bootstrap);
pgrx::extension_sql_file!(
    "../sql/capture.sql",
    name = "capture",
    requires = ["tables"]
);
pgrx::extension_sql_file!("../sql/items.sql", name = "items", requires = ["capture"]);
pgrx::extension_sql_file!(
    "../sql/tracking.sql",
    name = "tracking",
    requires = ["items"]
);
pgrx::extension_sql_file!("../sql/scope.sql", name = "scope", requires = ["tracking"]);
pgrx::extension_sql_file!(
    "../sql/activity.sql",
    name = "activity",
    requires = ["scope"]
);
pgrx::extension_sql_file!(
    "../sql/revisions.sql",
    name = "revisions",
    requires = ["activity"]
);
pgrx::extension_sql_file!(
    "../sql/reading.sql",
    name = "reading",
    requires = ["revisions"]
);
pgrx::extension_sql_file!("../sql/views.sql", name = "views", requires = ["reading"]);
pgrx::extension_sql_file!(
    "../sql/undertake.sql",
    name = "undertake",
    requires = ["views"]
);
pgrx::extension_sql_file!(
    "../sql/writing.sql",
    name = "writing",
    requires = ["undertake"]
);
pgrx::extension_sql_file!(
    "../sql/undoing.sql",
    name = "undoing",
    requires = ["writing"]
);
pgrx::extension_sql_file!(
    "../sql/reverting.sql",
    name = "reverting",
    requires = ["undoing"]
);
pgrx::extension_sql_file!(
    "../sql/versions.sql",
    name = "versions",
    requires = ["reverting"]
);
pgrx::extension_sql_file!(
    "../sql/staging.sql",
    name = "staging",
    requires = ["versions"]
);
pgrx::extension_sql_file!(
    "../sql/partitions.sql",
    name = "partitions",
    requires = ["staging"]
);
pgrx::extension_sql_file!(
    "../sql/retention.sql",
    name = "retention",
    requires = ["partitions"]
);
pgrx::extension_sql_file!(
    "../sql/checking.sql",
    name = "checking",
    requires = ["retention"]
);
pgrx::extension_sql_file!("../sql/ddl.sql", name = "ddl", requires = ["checking"]);
pgrx::extension_sql_file!("../sql/grants.sql", name = "grants", finalize);

/// Defines the settings and registers the callbacks and the planner's hook when the library is loaded.
#[pgrx::pg_guard]
pub extern "C-unwind" fn _PG_init() {
    pg::guc::define();
    pg::xact::register();
    pg::path::register();
}

/// What the test framework asks of the crate.
#[cfg(test)]
pub mod pg_test {
    /// Runs once before the tests.
    pub fn setup(_options: Vec<&str>) {}

    /// Settings of the server that the tests need.
    #[must_use]
    pub fn postgresql_conf_options() -> Vec<&'static str> {
        vec![
            "max_prepared_transactions = 10",
            "max_connections = 200",
            "fsync = off",
            "shared_buffers = '256MB'",
            "max_wal_size = '4GB'",
        ]
    }
}
