//! Who may keep house.

use super::{house, listed};
use crate::pg_tests::support::drop_database;

const CALLS: [&str; 6] = [
    "SELECT directus_versions.set_retention('t', revisions => '1 day')",
    "SELECT * FROM directus_versions.purge()",
    "SELECT * FROM directus_versions.purge(true)",
    "SELECT directus_versions.maintain()",
    "SELECT * FROM directus_versions.check_tracking()",
    "SELECT * FROM directus_versions.check_tracking('t')",
];

#[test]
fn house_is_kept_by_level_manage() {
    let mut session = house("house_levels");
    session.run(
        "CREATE ROLE house_nobody; CREATE ROLE house_reader; CREATE ROLE house_writer;
         SELECT directus_versions.grant_access('house_reader', 'read');
         SELECT directus_versions.grant_access('house_writer', 'write');
         GRANT ALL ON t TO house_nobody, house_reader, house_writer; INSERT INTO t VALUES (1)",
    );
    for role in ["house_nobody", "house_reader", "house_writer"] {
        session.run(&format!("SET ROLE {role}"));
        for call in CALLS {
            assert_eq!(session.state(call), "42501", "{role}: {call}");
        }
        session.run("RESET ROLE");
    }
    drop(session);
    drop_database("house_levels");
    crate::pg_tests::support::client().run("DROP ROLE house_nobody, house_reader, house_writer");
}

/// A manager applies what each table's owner has set, and learns nothing of others' tables.
#[test]
fn house_managers_keep_their_own_tables() {
    let mut session = house("house_owners");
    session.run(
        "CREATE ROLE house_owner; GRANT CREATE ON SCHEMA public TO house_owner;
         SELECT directus_versions.grant_access('house_owner', 'manage');
         SET ROLE house_owner;
         CREATE TABLE mine (id int PRIMARY KEY, v text); SELECT directus_versions.track('mine');
         RESET ROLE;
         INSERT INTO mine VALUES (1, 'a'); INSERT INTO t VALUES (1, 'a')",
    );
    session.pass("100 days", None);
    session.run(
        "SELECT directus_versions.set_retention('t', revisions => '1 day');
         ALTER TABLE t DISABLE TRIGGER USER; SET ROLE house_owner",
    );
    for call in [
        "SELECT directus_versions.set_retention('t', revisions => '2 days')",
        "SELECT directus_versions.set_retention(NULL, revisions => '2 days')",
        "SELECT * FROM directus_versions.check_tracking('t')",
    ] {
        assert_eq!(session.state(call), "42501", "{call}");
    }
    session.run("SELECT directus_versions.set_retention('mine', revisions => '1 day')");
    for dry_run in [true, false] {
        assert_eq!(
            listed(
                &mut session,
                &format!(
                    "SELECT concat_ws(' ', collection, revisions) FROM directus_versions.purge({dry_run})"
                )
            ),
            ["mine 1"]
        );
    }
    assert_eq!(
        listed(
            &mut session,
            "SELECT collection || problem FROM directus_versions.check_tracking() WHERE collection = 't'"
        ),
        Vec::<String>::new()
    );
    session.run("SELECT * FROM directus_versions.check_tracking('mine')");
    session.run("SELECT directus_versions.maintain()");
    session.run("RESET ROLE");
    assert_eq!(
        session.int("SELECT count(*) FROM directus_versions.revisions WHERE collection = 'mine'"),
        0
    );
    session.shows(
        "SELECT role_name FROM directus_versions.activity WHERE action = 'purge' LIMIT 1",
        "house_owner",
    );
    assert_eq!(
        session.int("SELECT count(*) FROM directus_versions.revisions WHERE collection = 't'"),
        0
    );
    drop(session);
    drop_database("house_owners");
    crate::pg_tests::support::client().run("DROP ROLE house_owner");
}

/// The objects of a caller's own schemas are not taken for the server's.
#[test]
fn house_does_not_call_what_the_caller_planted() {
    let mut session = house("house_planted");
    session.run(
        "INSERT INTO t VALUES (1, 'a', 1);
         CREATE SCHEMA planted;
         CREATE FUNCTION planted.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
         CREATE FUNCTION planted.count(anyelement) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
         CREATE FUNCTION planted.format(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
         CREATE FUNCTION planted.minus(timestamptz, interval) RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
         CREATE OPERATOR planted.- (LEFTARG = timestamptz, RIGHTARG = interval, FUNCTION = planted.minus);
         CREATE TABLE planted.pg_class (oid int); CREATE TABLE planted.pg_inherits (inhrelid int); CREATE TABLE planted.pg_trigger (oid int);
         SET search_path = planted, pg_catalog, public",
    );
    for call in CALLS
        .iter()
        .chain(&["SELECT * FROM directus_versions.status"])
    {
        assert_eq!(session.state(call), "00000", "{call}");
    }
    drop(session);
    drop_database("house_planted");
}
