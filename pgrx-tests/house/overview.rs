//! The view `status`, for monitoring.

use super::{house, listed};
use crate::pg_tests::support::drop_database;

#[test]
fn house_status_needs_no_superuser() {
    let mut session = house("house_status");
    session.run("INSERT INTO t VALUES (1); CREATE ROLE house_watcher; SELECT directus_versions.grant_access('house_watcher', 'manage')");
    let names = listed(
        &mut session,
        "SELECT attname FROM pg_attribute WHERE attrelid = 'directus_versions.status'::regclass AND attnum > 0",
    );
    for name in ["rows", "bytes", "partitions", "oldest"] {
        assert!(
            names.iter().any(|found| found.contains(name)),
            "{name} is not in {names:?}"
        );
    }
    session.run("SET ROLE house_watcher");
    assert!(session.int("SELECT count(*) FROM directus_versions.status") > 0);
    session.run("RESET ROLE");
    drop(session);
    drop_database("house_status");
    crate::pg_tests::support::client().run("DROP ROLE house_watcher");
}
