//! DROP EXTENSION does not take recorded history along by surprise. It locks all our relations, so
//! it is tried in a database of its own.

use crate::pg_tests::support::{Session, client};
use postgres::{Client, NoTls};

/// Connect to another database of the tests' server.
fn connect(session: &mut Session, database: &str) -> Client {
    let port = session.text("SELECT current_setting('port')").unwrap();
    let user = session.text("SELECT current_user").unwrap();
    postgres::Config::new()
        .host("localhost")
        .port(port.parse().unwrap())
        .user(&user)
        .dbname(database)
        .connect(NoTls)
        .unwrap()
}

fn count(client: &mut Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).unwrap().get(0)
}

#[test]
fn sessions_drop_extension_keeps_history_unless_allowed() {
    let mut session = client();
    session.run("CREATE DATABASE sessions_drop");
    let mut other = connect(&mut session, "sessions_drop");
    let run = |client: &mut Client, sql: &str| client.batch_execute(sql);
    run(
        &mut other,
        "CREATE EXTENSION directus_versions; DROP EXTENSION directus_versions;
         CREATE EXTENSION directus_versions;
         CREATE TABLE t (id int PRIMARY KEY); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1)",
    )
    .unwrap();
    for command in [
        "DROP EXTENSION directus_versions",
        "DROP EXTENSION directus_versions CASCADE",
        "SET session_replication_role = replica; DROP EXTENSION directus_versions CASCADE",
        "SET session_replication_role = DEFAULT; DROP SCHEMA directus_versions CASCADE",
    ] {
        let refused = run(&mut other, command).unwrap_err();
        let refused = refused.as_db_error().unwrap();
        assert!(
            ["42501", "55000", "2BP01"].contains(&refused.code().code()),
            "{command}: {refused:?}"
        );
        assert_eq!(
            count(
                &mut other,
                "SELECT count(*) FROM directus_versions.revisions"
            ),
            1
        );
    }
    run(
        &mut other,
        "SET session_replication_role = DEFAULT; INSERT INTO t VALUES (2)",
    )
    .unwrap();
    assert_eq!(
        count(
            &mut other,
            "SELECT count(*) FROM directus_versions.revisions"
        ),
        2
    );
    let before = connect(&mut session, "sessions_drop");
    run(
        &mut other,
        "SET directus_versions.allow_drop = on; DROP EXTENSION directus_versions CASCADE",
    )
    .unwrap();
    for mut client in [before, other] {
        run(&mut client, "INSERT INTO t SELECT max(id) + 1 FROM t").unwrap();
    }
    session.run("DROP DATABASE sessions_drop WITH (FORCE)");
}

/// The event trigger's functions are in PL/pgSQL, so without that language the extension goes too.
#[test]
fn sessions_drop_language_keeps_history() {
    let mut session = client();
    session.run("CREATE DATABASE sessions_drop_language");
    let mut other = connect(&mut session, "sessions_drop_language");
    other
        .batch_execute(
            "CREATE EXTENSION directus_versions;
             CREATE TABLE t (id int PRIMARY KEY); SELECT directus_versions.track('t');
             INSERT INTO t VALUES (1)",
        )
        .unwrap();
    for command in [
        "DROP EXTENSION plpgsql CASCADE",
        "DROP EXTENSION IF EXISTS nothing, plpgsql CASCADE",
        "DROP LANGUAGE plpgsql CASCADE",
    ] {
        let refused = other.batch_execute(command).unwrap_err();
        let refused = refused.as_db_error().unwrap();
        assert_eq!(refused.code().code(), "55000", "{command}: {refused:?}");
    }
    other.batch_execute("INSERT INTO t VALUES (2)").unwrap();
    assert_eq!(
        count(
            &mut other,
            "SELECT count(*) FROM directus_versions.revisions"
        ),
        2
    );
    drop(other);
    session.run("DROP DATABASE sessions_drop_language WITH (FORCE)");
}
