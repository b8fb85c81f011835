//! What a session keeps in memory stays small, whatever it wrote and however that ended.

use super::{Session, in_schema};

const LIMIT: i64 = 20 << 20;

/// Add up the memory that is ours, with what lies below it.
fn ours(session: &mut Session) -> i64 {
    // Before 18 the view names the parent, since then it has the numbers of all above.
    session.int(
        "WITH context AS MATERIALIZED (
             SELECT name, total_bytes, to_jsonb(c) AS c FROM pg_backend_memory_contexts c
         )
         SELECT coalesce(sum(total_bytes), 0) FROM context
         WHERE name LIKE 'directus_versions%' OR c ->> 'parent' LIKE 'directus_versions%' OR EXISTS (
             SELECT FROM context above
             WHERE above.name LIKE 'directus_versions%' AND context.c -> 'path' @> (above.c -> 'path' -> -1))",
    )
}

#[test]
fn sessions_memory_of_many_partitions() {
    let mut session = in_schema("sessions_parts");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY HASH (id);
         DO $$ BEGIN
             FOR i IN 0..399 LOOP
                 EXECUTE format('CREATE TABLE t%s PARTITION OF t FOR VALUES WITH (MODULUS 400, REMAINDER %s)', i, i);
             END LOOP;
         END $$;
         SELECT directus_versions.track('t')",
    );
    session.run("BEGIN");
    session.run("INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 8000) i");
    let after_insert = ours(&mut session);
    session.run("UPDATE t SET v = v || '!'");
    let after_update = ours(&mut session);
    session.run("COMMIT");
    let after_commit = ours(&mut session);
    assert!(
        after_insert < LIMIT && after_update < LIMIT && after_commit < LIMIT,
        "{after_insert} {after_update} {after_commit} bytes"
    );
    assert_eq!(
        session.int(
            "SELECT count(*) FROM directus_versions.activity WHERE collection = 'sessions_parts.t'"
        ),
        16_000
    );
    session.run("DROP SCHEMA sessions_parts CASCADE");
}

/// Reading within savepoints that are rolled back, after the transaction wrote the first record of a table.
#[test]
fn sessions_memory_of_reading_in_savepoints() {
    let mut session = in_schema("sessions_savepoints");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text);
         SELECT directus_versions.track('t');
         CREATE PROCEDURE rounds(count int) LANGUAGE plpgsql AS $$
         BEGIN
             FOR i IN 1..count LOOP
                 BEGIN
                     UPDATE t SET v = v || i;
                     PERFORM data FROM directus_versions.history('t', 1);
                     PERFORM v FROM directus_versions.as_of(NULL::t, now());
                     RAISE EXCEPTION 'back' USING ERRCODE = 'DV001';
                 EXCEPTION WHEN SQLSTATE 'DV001' THEN
                     NULL;
                 END;
             END LOOP;
         END $$",
    );
    session.run("BEGIN; INSERT INTO t VALUES (1, 'a'); CALL rounds(20)");
    let before = ours(&mut session);
    session.run("CALL rounds(400)");
    let after = ours(&mut session);
    assert!(after < before + (1 << 20), "{before} {after} bytes");
    session.run("UPDATE t SET v = 'b'; COMMIT");
    session.check_history("t");
    session.run("DROP SCHEMA sessions_savepoints CASCADE");
}

#[test]
fn sessions_memory_of_cancelled_statements() {
    let mut session = in_schema("sessions_cancelled");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v oid[]);
         SELECT directus_versions.track('t');
         INSERT INTO t VALUES (0, '{1}')",
    );
    // The server's speed decides where each of them is cancelled.
    let mut cancelled = 0;
    for timeout in [250, 400, 600, 900, 1300, 350, 500] {
        session.run(&format!("SET statement_timeout = {timeout}"));
        let ended = session.state("INSERT INTO t VALUES (1, array_fill(1::oid, ARRAY[6000000]))");
        session.run("SET statement_timeout = 0; DELETE FROM t WHERE id = 1");
        assert!(["57014", "00000"].contains(&ended.as_str()), "{ended}");
        if ended == "57014" {
            cancelled += 1;
        }
    }
    assert!(cancelled >= 3, "only {cancelled} were cancelled");
    let bytes = ours(&mut session);
    assert!(bytes < LIMIT, "{bytes} bytes");
    session.run("UPDATE t SET v = '{2}' WHERE id = 0");
    assert_eq!(
        session
            .entries("sessions_cancelled.t")
            .last()
            .map(String::as_str),
        Some(r#"update 0 {"v": ["2"]} was {"v": ["1"]}"#)
    );
}
