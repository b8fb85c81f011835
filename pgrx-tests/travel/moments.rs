//! The whole table at each of several times.

use super::{Copies, moment, now, then};
use crate::pg_tests::support::in_schema;

#[test]
fn travel_to_every_moment_of_a_table() {
    let mut session = in_schema("travel_moments");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n numeric, j json);
         SELECT directus_versions.track('t')",
    );
    let mut copies = Copies::new(&mut session);
    copies.take(&mut session);
    copies.run(
        &mut session,
        &[
            "INSERT INTO t SELECT i, 'v' || i, i, '{\"a\" :  1}' FROM generate_series(1, 20) i",
            "UPDATE t SET n = n + 0.0 WHERE id % 2 = 0",
            "UPDATE t SET v = NULL WHERE id = 3; UPDATE t SET v = 'back' WHERE id = 3",
            "DELETE FROM t WHERE id > 15",
            "INSERT INTO t VALUES (16, 'again', NULL, NULL), (30, 'new', 'NaN', 'null')",
            "BEGIN; UPDATE t SET v = 'lost'; DELETE FROM t; ROLLBACK",
            "BEGIN; SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; UPDATE t SET v = 'kept' WHERE id = 1; COMMIT",
            "UPDATE t SET v = v, n = n",
            "MERGE INTO t USING generate_series(14, 32) g(id) ON t.id = g.id
             WHEN MATCHED AND t.id = 14 THEN DELETE
             WHEN MATCHED THEN UPDATE SET v = 'merged'
             WHEN NOT MATCHED THEN INSERT VALUES (g.id, 'merged', 0, NULL)",
            "TRUNCATE t",
            "INSERT INTO t VALUES (1, 'after', 1, '1'); UPDATE t SET v = 'after too'; DELETE FROM t",
            "INSERT INTO t VALUES (2, 'last', 1.000, '[1,  2]')",
            "DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (2, 'in place', 1.0, '[1, 2]')",
        ],
    );
    copies.check(&mut session);
}

#[test]
fn travel_with_keys_that_change() {
    let mut session = in_schema("travel_keys");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY DEFERRABLE, v text);
         SELECT directus_versions.track('t');
         INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 12) i",
    );
    let mut copies = Copies::new(&mut session);
    copies.run(
        &mut session,
        &[
            "SELECT",
            "UPDATE t SET id = id + 1",
            "UPDATE t SET id = -id WHERE id % 2 = 0",
            "UPDATE t SET v = upper(v)",
            "UPDATE t SET id = CASE id WHEN 3 THEN 5 ELSE 3 END WHERE id IN (3, 5)",
            "UPDATE t SET id = 100 WHERE id = 7; INSERT INTO t VALUES (7, 'other'); UPDATE t SET id = 8 WHERE id = 7;
             UPDATE t SET id = 7 WHERE id = 100",
            "DELETE FROM t WHERE id = 9; UPDATE t SET id = 9 WHERE id = 11; INSERT INTO t VALUES (11, 'new')",
            "WITH gone AS (DELETE FROM t WHERE id = 3 RETURNING *) INSERT INTO t SELECT id, 'reborn' FROM gone",
            "UPDATE t SET id = id + 1000, v = v || '!'",
        ],
    );
    copies.check(&mut session);
}

/// Statements that one message sends have one time: at it all of them are done, and before it none.
#[test]
fn travel_to_the_time_of_several_changes() {
    let mut session = in_schema("travel_one_time");
    session.run("CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t')");
    session.run("INSERT INTO t VALUES (1, 'a'), (2, 'a'), (4, 'a')");
    let mut copies = Copies::new(&mut session);
    let before = copies.take(&mut session);
    session.run(
        "UPDATE t SET v = 'b' WHERE id = 1; UPDATE t SET v = 'c' WHERE id = 1; UPDATE t SET id = 3 WHERE id = 2;
         INSERT INTO t VALUES (5, 'x'); DELETE FROM t WHERE id = 5; DELETE FROM t WHERE id = 4;
         INSERT INTO t VALUES (4, 'again'), (6, 'new')",
    );
    let after = copies.take(&mut session);
    session.run("UPDATE t SET v = 'later'");
    let at = "(SELECT DISTINCT \"timestamp\" FROM directus_versions.activity
               WHERE collection = 'travel_one_time.t' AND item = '6' AND action = 'create')";
    session.same_rows(&then("t", at), &Copies::rows(&after));
    session.same_rows(
        &then("t", &format!("{at} - interval '1 microsecond'")),
        &Copies::rows(&before),
    );
    copies.check(&mut session);
}

/// A transaction's changes have the times of its statements.
#[test]
fn travel_into_a_transaction() {
    let mut session = in_schema("travel_inside");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'a')",
    );
    session.run("BEGIN");
    let first = moment(&mut session);
    session.run("UPDATE t SET v = 'b'");
    let second = moment(&mut session);
    session.run("UPDATE t SET v = 'c'; INSERT INTO t VALUES (2, 'c')");
    session.same_rows(&then("t", "clock_timestamp()"), &now("t"));
    session.run("COMMIT");
    for (at, v) in [(first, "a"), (second, "b")] {
        session.shows(
            &format!("SELECT string_agg(v, '') FROM directus_versions.as_of(NULL::t, {at})"),
            v,
        );
    }
}

#[test]
fn travel_to_the_ends_of_time() {
    let mut session = in_schema("travel_ends");
    session.run("CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t')");
    session.run("INSERT INTO t VALUES (1, 'a')");
    session.run("UPDATE t SET v = 'b'");
    for at in [
        "'infinity'",
        "'294276-12-31'",
        "clock_timestamp() + interval '1 year'",
    ] {
        session.same_rows(&then("t", at), &now("t"));
    }
    for at in ["'-infinity'", "'4713-01-01 BC'", "'1970-01-01'"] {
        session.same_rows(&then("t", at), "SELECT t FROM t WHERE false");
    }
}

/// The time is a time, however it is written.
#[test]
fn travel_under_any_setting() {
    let mut session = in_schema("travel_settings");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, z timestamptz, d date, i interval, f float8, b bytea, m money, k tstzrange);
         SELECT directus_versions.track('t')",
    );
    let mut copies = Copies::new(&mut session);
    copies.run(
        &mut session,
        &[
            "INSERT INTO t VALUES (1, '2024-02-03 04:05:06.789+05', '0044-03-15 BC', '1 mon -2 days 03:04:05.6',
                 0.1::float8 + 0.2, '\\x00ff5c', 12.34, '[2024-02-03 04:05:06+05,infinity]')",
            "UPDATE t SET z = '2024-07-01 00:00+00', d = 'infinity', i = '-1 year', f = '-0', b = '', m = -0.01, k = 'empty'",
            "UPDATE t SET z = NULL, d = NULL, i = NULL, f = 'NaN', b = NULL, m = NULL, k = NULL",
            "DELETE FROM t",
        ],
    );
    for settings in [
        "SET timezone = 'Asia/Kolkata'; SET datestyle = 'German'; SET intervalstyle = 'sql_standard'",
        "SET timezone = 'America/New_York'; SET datestyle = 'SQL, DMY'; SET bytea_output = 'escape'",
        "SET extra_float_digits = -15; SET intervalstyle = 'iso_8601'; SET datestyle = 'Postgres, MDY'",
    ] {
        session.run(settings);
        copies.check(&mut session);
    }
}

/// Cost is another matter; here only that many rows and many changes come out right.
#[test]
fn travel_over_many_changes_of_many_rows() {
    let mut session = in_schema("travel_many");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, a int, b int, c text); SELECT directus_versions.track('t')",
    );
    session.run("INSERT INTO t SELECT i, 0, 0, repeat('c', 300) FROM generate_series(1, 2000) i");
    let mut copies = Copies::new(&mut session);
    for turn in 1..=10 {
        session.run(&format!(
            "UPDATE t SET a = a + 1 WHERE id % {turn} = 0;
             UPDATE t SET b = b + 1, c = c || a WHERE id % 7 = {turn} % 7;
             DELETE FROM t WHERE id % 50 = {turn};
             INSERT INTO t SELECT i, {turn}, 0, 'new' FROM generate_series({turn} * 10000, {turn} * 10000 + 50) i"
        ));
        copies.take(&mut session);
    }
    copies.check(&mut session);
}
