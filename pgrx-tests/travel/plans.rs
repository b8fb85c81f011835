//! `as_of` wherever a query may have it: as a node of the plan, which gives row after row, and as a function.

use super::{Copies, moment};
use crate::pg_tests::support::{
    Session, alike, beside, client, drop_database, in_database, in_schema,
};

/// A table of ten rows with a change of every kind since the time in `then (at)`: rows 1 to 3 updated, 7 deleted, 99 created,
/// and a column dropped before.
fn changed(schema: &str) -> Session {
    changed_in(in_schema(schema))
}

fn changed_in(mut s: Session) -> Session {
    s.run(
        "CREATE TABLE t (gone int, id int PRIMARY KEY, v text, n int, \"Wide column\" text);
         ALTER TABLE t DROP gone;
         INSERT INTO t SELECT i, 'v' || i, i, repeat('w', i) FROM generate_series(1, 10) AS i;
         SELECT directus_versions.track('t');
         CREATE TABLE was AS TABLE t; CREATE TABLE moment (at timestamptz)",
    );
    let at = moment(&mut s);
    s.run(&format!(
        "INSERT INTO moment VALUES ({at}); ANALYZE t;
         UPDATE t SET v = 'new', n = n + 1 WHERE id < 4;
         DELETE FROM t WHERE id = 7; INSERT INTO t VALUES (99, 'late', 0, '')"
    ));
    s
}

/// The table then, as a constant of the query, so that it is planned as any application's.
fn then(s: &mut Session) -> String {
    let at = s.text("SELECT at FROM moment").unwrap();
    format!("directus_versions.as_of(NULL::t, '{at}')")
}

/// Require that two queries give the same rows, in any order.
fn same(s: &mut Session, found: &str, expected: &str) {
    let mut rows = s.table(found);
    let mut wanted = s.table(expected);
    rows.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(rows, wanted, "{found}");
}

/// How many pages a plan's node read.
fn pages(node: &str) -> i64 {
    let read = node.lines().find(|line| line.contains("Buffers:")).unwrap();
    let count = |word: &str| {
        read.split(word).nth(1).map_or(0, |pages| {
            pages.split([' ', ',']).next().unwrap().parse().unwrap()
        })
    };
    count("hit=") + count("read=")
}

fn plan(s: &mut Session, sql: &str) -> String {
    let sql = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF) {sql}");
    let lines = s.query(&sql, &[]).unwrap();
    let lines: Vec<String> = lines.iter().map(|row| row.get(0)).collect();
    lines.join("\n")
}

#[test]
fn travel_plan_has_a_node_that_stops_early() {
    // Alone: what others record is read too.
    let mut s = changed_in(in_database("tra_plan"));
    let then = then(&mut s);
    let found = plan(&mut s, &format!("SELECT v FROM {then}"));
    assert!(
        found.contains("Custom Scan (directus_versions as_of)"),
        "{found}"
    );
    assert!(found.contains("Table: t"), "{found}");
    assert!(found.contains("rows=10 "), "{found}");
    assert!(!found.contains("Function Scan"), "{found}");
    s.run(
        "CREATE TABLE large AS SELECT i AS id, repeat('w', 1000) AS v FROM generate_series(1, 3000) AS i;
         ALTER TABLE large ADD PRIMARY KEY (id); SELECT directus_versions.track('large')",
    );
    let blocks = s.int("SELECT pg_relation_size('large') / 8192");
    let large = "SELECT v FROM directus_versions.as_of(NULL::large, now())";
    let found = plan(&mut s, &format!("{large} LIMIT 2"));
    assert!(pages(&found) < blocks, "{blocks} blocks: {found}");
    assert!(pages(&plan(&mut s, large)) >= blocks);
    drop(s);
    drop_database("tra_plan");
}

#[test]
fn travel_plan_gives_what_is_asked_for() {
    let mut s = changed("tra_columns");
    let then = then(&mut s);
    for asked in [
        "SELECT * FROM {} AS a",
        "SELECT a FROM {} AS a",
        "SELECT a::text, (a).v FROM {} AS a",
        "SELECT a, a.v, a FROM {} AS a",
        "SELECT count(*) FROM {} AS a",
        "SELECT \"Wide column\" FROM {} AS a WHERE id > 2",
        "SELECT v FROM {} AS a WHERE a.n = 1",
        "SELECT n + 1, upper(v) FROM {} AS a WHERE a.v LIKE 'v%' AND false IS NOT TRUE",
        "SELECT v FROM {} AS a WHERE a = (SELECT w FROM was AS w WHERE w.id = 3)",
        "SELECT sum(n) FILTER (WHERE v > 'v2'), max(v) FROM {} AS a GROUP BY n % 3",
        "SELECT v, n, count(*) FROM {} AS a GROUP BY GROUPING SETS ((v), (n), ())",
        "SELECT 1 FROM {} AS a WHERE false",
        "SELECT DISTINCT n % 2 FROM {} AS a WHERE current_user IS NOT NULL",
        "WITH c AS MATERIALIZED (SELECT * FROM {} AS a) SELECT * FROM c JOIN c AS d USING (id)",
        "SELECT * FROM (SELECT v FROM {} AS a UNION ALL SELECT v FROM {} AS b) AS u",
        "SELECT x.id, y.v, y FROM {} AS x LEFT JOIN {} AS y ON x.n = y.id",
        "SELECT x.id, y.v FROM {} AS x LEFT JOIN (SELECT v, COALESCE(id, 7) AS id FROM {} AS a) AS y ON y.id < x.n",
        "SELECT w.id, a.n FROM was AS w, LATERAL (SELECT n FROM {} AS a WHERE a.id = w.id LIMIT 1) AS a",
        "SELECT w.id, (SELECT a.v FROM {} AS a WHERE a.id = w.id) FROM was AS w",
        "SELECT id FROM was AS w WHERE EXISTS (SELECT FROM {} AS a WHERE a.id = w.id AND a.v = w.v)",
        "SELECT id FROM was AS w WHERE w.id NOT IN (SELECT n FROM {} AS a WHERE a.n < 5)",
        "SELECT w.id, a.id FROM was AS w JOIN {} AS a ON a.n < w.n",
        "SELECT a.id, row_number() OVER (ORDER BY a.id) FROM {} AS a",
        "SELECT a.id FROM {} AS a ORDER BY a.\"Wide column\" DESC OFFSET 2 LIMIT 3",
    ] {
        let (found, expected) = (asked.replace("{}", &then), asked.replace("{}", "was"));
        same(&mut s, &found, &expected);
        // Nested loops, so that it is read again.
        s.run("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off");
        same(&mut s, &found, &expected);
        s.run("RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_material");
    }
}

/// In places that have no node the function itself gives the same.
#[test]
fn travel_plan_and_function_agree() {
    let mut s = changed("tra_function");
    let then = then(&mut s);
    let expected = "SELECT id, v, n, \"Wide column\" FROM was";
    for asked in [
        "SELECT id, v, n, \"Wide column\" FROM {} WITH ORDINALITY",
        "SELECT id, v, n, \"Wide column\" FROM ROWS FROM ({}, generate_series(1, 3))",
        "SELECT (a).id, (a).v, (a).n, (a).\"Wide column\" FROM (SELECT {} AS a OFFSET 0) AS s",
        "SELECT a.id, a.v, a.n, a.\"Wide column\" FROM moment,
             LATERAL directus_versions.as_of(NULL::t, moment.at) AS a",
        "SELECT * FROM directus_versions.as_of(NULL::t, (SELECT at FROM moment) + random() * interval '0')",
    ] {
        let found = asked.replace("{}", &then);
        same(&mut s, &found, expected);
        let shown = plan(&mut s, &found);
        assert!(!shown.contains("Custom Scan"), "{shown}");
    }
    for time in [
        "NULL",
        "NULL::timestamptz + '1 day'",
        "(SELECT at FROM moment WHERE false)",
    ] {
        let sql = format!("SELECT count(*) FROM directus_versions.as_of(NULL::t, {time})");
        s.shows(&sql, "0");
    }
}

/// A subquery that is asked for each row of another table does not go back for each, unless the time is another each time.
#[test]
fn travel_plan_goes_back_twice_at_most_for_many_questions() {
    // Alone: what others record is read too.
    let mut s = changed_in(in_database("tra_again"));
    let then = then(&mut s);
    s.run("CREATE TABLE many AS SELECT i AS id FROM generate_series(1, 2000) AS i");
    let sql = format!("SELECT (SELECT a.v FROM {then} AS a WHERE a.id = many.id) FROM many");
    let found = plan(&mut s, &sql);
    let node = found
        .split("Custom Scan (directus_versions as_of)")
        .nth(1)
        .unwrap();
    assert!(node.contains("loops=2000"), "{found}");
    assert!(pages(node) < 1000, "{found}");

    s.run(
        "CREATE TABLE times AS SELECT at FROM moment UNION ALL SELECT now() UNION ALL SELECT NULL",
    );
    same(
        &mut s,
        "SELECT at, (SELECT count(*) || ' ' || sum(n) FROM directus_versions.as_of(NULL::t, times.at)) FROM times",
        "SELECT at, CASE WHEN at IS NULL THEN '0 ' || NULL WHEN at = (SELECT at FROM moment) THEN '10 55' ELSE '10 51' END
         FROM times",
    );
    drop(s);
    drop_database("tra_again");
}

#[test]
fn travel_plan_in_statements_that_write() {
    let mut s = changed("tra_write");
    let then = then(&mut s);
    s.run(&format!(
        "UPDATE t SET (v, n) = (o.v, o.n) FROM {then} AS o WHERE o.id = t.id AND o IS DISTINCT FROM t"
    ));
    s.run(&format!(
        "INSERT INTO t SELECT * FROM {then} AS a WHERE NOT EXISTS (SELECT FROM t WHERE t.id = a.id)"
    ));
    s.run(&format!(
        "DELETE FROM t WHERE NOT EXISTS (SELECT FROM {then} AS a WHERE a.id = t.id)"
    ));
    same(&mut s, "TABLE t", "TABLE was");
    s.run("UPDATE t SET n = -n, id = id + 100 WHERE id > 5; DELETE FROM t WHERE id < 3");
    s.run(&format!(
        "MERGE INTO t USING (SELECT a, a.* FROM {then} AS a) AS o ON t.id = o.id
         WHEN MATCHED AND t IS DISTINCT FROM o.a THEN UPDATE SET v = o.v, n = o.n
         WHEN NOT MATCHED THEN INSERT VALUES (o.id, o.v, o.n, o.\"Wide column\")"
    ));
    s.run("DELETE FROM t WHERE id > 100");
    same(&mut s, "TABLE t", "TABLE was");
    s.check_changes("t");
}

/// A row that another session has changed meanwhile is looked at again beside the row of then that it was joined with.
#[test]
fn travel_plan_beside_a_writer() {
    let mut s = changed("tra_beside");
    let then = then(&mut s);
    let mut other = beside("tra_beside");
    let mut watch = client();
    s.run("BEGIN; UPDATE t SET n = n + 40 WHERE id IN (1, 2); DELETE FROM t WHERE id = 3");
    let waiting = std::thread::spawn(move || {
        other.run(&format!(
            "UPDATE t SET v = o.v || ' of ' || t.n, \"Wide column\" = o::text FROM {then} AS o
             WHERE o.id = t.id AND t.v = 'new' AND o.n < 10"
        ));
        other
    });
    watch.await_blocked("|| ' of ' ||");
    s.run("COMMIT");
    let mut other = waiting.join().unwrap();
    same(
        &mut other,
        "SELECT id, v, \"Wide column\" FROM t WHERE id < 5",
        "VALUES (1, 'v1 of 42', '(1,v1,1,w)'), (2, 'v2 of 43', '(2,v2,2,ww)'), (4, 'v4', 'wwww')",
    );
}

/// A cursor keeps what it began with, over savepoints and writes, and after the commit where it is held.
#[test]
fn travel_plan_under_cursors() {
    let mut s = changed("tra_cursor");
    let then = then(&mut s);
    let ids = |s: &mut Session, fetch: &str| -> Vec<i32> {
        let rows = s.query(fetch, &[]).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    for kind in ["NO SCROLL", "SCROLL"] {
        s.run(&format!(
            "BEGIN; DECLARE c {kind} CURSOR FOR SELECT id, n FROM {then}"
        ));
        let mut found = ids(&mut s, "FETCH 3 c");
        s.run("SAVEPOINT a; ALTER TABLE was ADD x int; UPDATE t SET n = 0; DELETE FROM t WHERE id > 5");
        found.extend(ids(&mut s, "FETCH 2 c"));
        s.run("ROLLBACK TO a");
        found.extend(ids(&mut s, "FETCH 1 c"));
        s.run("INSERT INTO t VALUES (200, '', 0, '')");
        found.extend(ids(&mut s, "FETCH ALL c"));
        if kind == "SCROLL" {
            let mut back = ids(&mut s, "FETCH BACKWARD ALL c");
            back.reverse();
            assert_eq!(found, back);
        }
        s.run("ROLLBACK");
        found.sort_unstable();
        assert_eq!(found, (1..=10).collect::<Vec<i32>>(), "{kind}");
    }
    s.run(&format!(
        "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT id FROM {then}"
    ));
    let mut found = ids(&mut s, "FETCH 3 c");
    s.run("COMMIT; DELETE FROM t WHERE id < 9");
    found.extend(ids(&mut s, "FETCH ALL c"));
    found.sort_unstable();
    assert_eq!(found, (1..=10).collect::<Vec<i32>>());
    s.run("CLOSE c");
    // One that is never read to its end leaves nothing open.
    s.run(&format!(
        "BEGIN; DECLARE c CURSOR FOR SELECT id FROM {then}"
    ));
    assert_eq!(ids(&mut s, "FETCH 1 c").len(), 1);
    s.run("SAVEPOINT a");
    assert_eq!(s.state("ALTER TABLE t ADD w int"), "55006");
    s.run("ROLLBACK TO a");
    s.run("CLOSE c; ALTER TABLE t ADD w int; COMMIT");
}

/// Between the beginning of a statement and its first row nothing alters the table in the same session.
#[test]
fn travel_plan_keeps_the_table_as_it_was_planned() {
    let mut s = changed("tra_between");
    s.run("BEGIN; DECLARE c CURSOR FOR SELECT v FROM directus_versions.as_of(NULL::t, now())");
    assert_eq!(s.state("ALTER TABLE t ALTER v TYPE int USING 5"), "55006");
    s.run(
        "ROLLBACK;
         CREATE FUNCTION alter_it() RETURNS timestamptz LANGUAGE plpgsql AS $$
         BEGIN ALTER TABLE t ADD later int; RETURN now(); END $$",
    );
    let sql = "SELECT v FROM directus_versions.as_of(NULL::t, (SELECT alter_it()))";
    assert_eq!(s.state(sql), "55006");
    s.run(
        "PREPARE p AS SELECT count(*) FROM directus_versions.as_of(NULL::t, now()); EXECUTE p; EXECUTE p;
         DROP TABLE t",
    );
    assert_eq!(s.state("EXECUTE p"), "42809");
}

/// What an administrator gives the function works in FROM too.
#[test]
fn travel_plan_leaves_an_altered_function_alone() {
    let mut s = in_database("dv_travel_plan");
    s.run(
        "CREATE TABLE t (id int PRIMARY KEY); SELECT directus_versions.track('t');
         CREATE SCHEMA hidden; CREATE FUNCTION hidden.may() RETURNS boolean LANGUAGE sql AS 'SELECT true';
         CREATE FUNCTION may_see() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN may(); END';
         INSERT INTO t VALUES (1); CREATE POLICY p ON t USING (may_see());
         ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
         CREATE ROLE dv_travel_plan; ALTER TABLE t OWNER TO dv_travel_plan;
         GRANT USAGE ON SCHEMA hidden TO dv_travel_plan;
         SELECT directus_versions.grant_access('dv_travel_plan', 'read'); SET ROLE dv_travel_plan",
    );
    let sql = "SELECT count(*) FROM directus_versions.as_of(NULL::t, now())";
    assert_eq!(s.state(sql), "42883");
    let listed = "SELECT count(*) FROM (SELECT directus_versions.as_of(NULL::t, now())) AS s";
    assert_eq!(s.state(listed), "42883");
    s.run("SET search_path = public, hidden");
    s.shows(sql, "1");
    s.shows(listed, "1");
    s.run("RESET ROLE; RESET search_path; ALTER FUNCTION directus_versions.as_of SET search_path = hidden; SET ROLE dv_travel_plan");
    s.shows(sql, "1");
    s.run("RESET ROLE; ALTER FUNCTION directus_versions.as_of RESET ALL; REASSIGN OWNED BY dv_travel_plan TO postgres");
    s.run("DROP OWNED BY dv_travel_plan; DROP ROLE dv_travel_plan");
    drop(s);
    drop_database("dv_travel_plan");
}

/// A prepared statement whose table was altered by another session gives what a new one gives, or says what is in its way.
/// The server may read the statement itself anew at any moment, as when it was told of more changes than it can keep, so
/// what it says has to be as true then.
#[test]
fn travel_plan_that_was_prepared() {
    let mut s = changed("tra_prepared");
    let mut other = alike(&mut s);
    other.run("SET search_path = tra_prepared");
    let then = then(&mut s);
    let at = then.split('\'').nth(1).unwrap().to_owned();
    s.run(
        "SET plan_cache_mode = force_generic_plan;
         PREPARE p(timestamptz) AS
         SELECT id, length(v) FROM directus_versions.as_of(NULL::t, $1) WHERE v = 'v2'",
    );
    let get = format!("EXECUTE p('{at}')");
    assert_eq!(s.query(&get, &[]).unwrap().len(), 1);
    for change in [
        "ALTER TABLE t ADD added int DEFAULT 5",
        "ALTER TABLE t RENAME n TO m",
        "ALTER TABLE t DROP \"Wide column\"",
        "ALTER TABLE t ALTER m TYPE text",
        "UPDATE t SET v = 'newer'",
    ] {
        other.run(change);
        for again in ["", "DISCARD PLANS"] {
            s.run(again);
            let rows = s.query(&get, &[]).unwrap();
            assert_eq!(rows.len(), 1, "{change} {again}");
            assert_eq!(rows[0].get::<_, i32>(0), 2, "{change} {again}");
            assert_eq!(rows[0].get::<_, i32>(1), 2, "{change} {again}");
        }
    }
    other.run("ALTER TABLE t ALTER v TYPE varchar(90)");
    match s.query(&get, &[]) {
        Ok(rows) => assert_eq!(rows[0].get::<_, i32>(0), 2),
        Err(error) => {
            let raised = error.as_db_error().unwrap();
            assert_eq!(raised.code().code(), "42804", "{raised:?}");
            assert!(raised.message().contains("\"t\""), "{raised:?}");
        }
    }
    s.run("DISCARD PLANS");
    assert_eq!(s.query(&get, &[]).unwrap()[0].get::<_, i32>(0), 2);
    other.run("ALTER TABLE t DROP v");
    let raised = s.error(&get);
    assert!(matches!(&raised.state[..], "42804" | "42703"), "{raised:?}");
    s.run("DISCARD PLANS");
    assert_eq!(s.error(&get).state, "42703");
    s.run("DEALLOCATE p");
    s.shows(
        &format!("SELECT count(*) FROM directus_versions.as_of(NULL::t, '{at}')"),
        "10",
    );
}

/// The right to call it, and to read every column, is asked for as for any function.
#[test]
fn travel_plan_asks_for_rights() {
    // Alone: grants of the extension's objects are committed.
    let mut s = changed_in(in_database("tra_rights"));
    let then = then(&mut s);
    s.run(
        "CREATE ROLE tra_reader; GRANT SELECT ON moment TO tra_reader; GRANT SELECT (id, v) ON t TO tra_reader",
    );
    let sql = format!("SELECT id FROM {then}");
    s.run("SET ROLE tra_reader");
    let raised = s.error(&sql);
    assert_eq!(raised.state, "42501");
    s.run("RESET ROLE; SELECT directus_versions.grant_access('tra_reader', 'read'); SET ROLE tra_reader");
    let raised = s.error(&sql);
    assert_eq!(raised.state, "42501");
    assert!(
        raised.message.contains("\"t\"") || raised.message.contains(" t"),
        "{raised:?}"
    );
    s.run("RESET ROLE; GRANT SELECT ON t TO tra_reader; SET ROLE tra_reader");
    s.shows(&format!("SELECT count(*) FROM {then}"), "10");
    s.run("RESET ROLE; REVOKE EXECUTE ON FUNCTION directus_versions.as_of FROM tra_reader");
    s.run("SET ROLE tra_reader");
    let raised = s.error(&sql);
    assert_eq!(raised.state, "42501");
    assert!(raised.message.contains("as_of"), "{raised:?}");
    s.run("RESET ROLE; DROP OWNED BY tra_reader; DROP ROLE tra_reader");
    drop(s);
    drop_database("tra_rights");
}

/// Each of many copies of a table under random writes, by a plan with a node and by the function.
#[test]
fn travel_plan_of_partitions_and_moved_keys() {
    let mut s = in_schema("tra_parts");
    s.run(
        "CREATE TABLE t (id int, part int, v text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
         CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
         CREATE TABLE t2 (v text, part int NOT NULL, id int NOT NULL);
         ALTER TABLE t ATTACH PARTITION t2 FOR VALUES IN (2);
         SELECT directus_versions.track('t'); INSERT INTO t SELECT i, 1 + i % 2, 'a' FROM generate_series(1, 20) AS i",
    );
    let mut copies = Copies::new(&mut s);
    for change in [
        "UPDATE t SET v = 'b' WHERE id < 5",
        "UPDATE t SET part = 3 - part WHERE id % 3 = 0",
        "UPDATE t SET id = id + 100 WHERE id > 15",
        "DELETE FROM t WHERE id IN (4, 117); INSERT INTO t VALUES (4, 1, 'again')",
    ] {
        copies.take(&mut s);
        s.run(change);
    }
    copies.check(&mut s);
}
