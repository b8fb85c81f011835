//! A whole table as it was.
#![cfg(test)]

use crate::pg_tests::support::{Row, Session, in_schema};
use crate::pg_tests::travel::{Copies, now, then};

fn call(at: &str, dry_run: bool) -> String {
    format!("SELECT * FROM directus_versions.revert_collection('t', {at}, dry_run => {dry_run})")
}

/// Give item, action and fields of what a call tells.
fn told(session: &mut Session, at: &str, dry_run: bool) -> Vec<Row> {
    session.table(&format!(
        "SELECT item, action, CASE action WHEN 'update' THEN
             (SELECT array_agg(f ORDER BY f) FROM unnest(fields) f) END
         FROM ({}) q ORDER BY item, action",
        call(at, dry_run)
    ))
}

fn recorded(session: &mut Session) -> i64 {
    session.int(
        "SELECT count(*) FROM directus_versions.activity WHERE collection = current_schema() || '.t'",
    )
}

/// Go to the time of each copy, the newest first, and forwards again; what a dry run tells is what
/// is done.
fn there_and_back(session: &mut Session, copies: &mut Copies) {
    let times: Vec<String> = copies.times().to_vec();
    for at in times.iter().rev().chain(&times) {
        let (before, activities) = (copies.take(session), recorded(session));
        let announced = told(session, at, true);
        session.same_rows(&now("t"), &Copies::rows(&before));
        assert_eq!(recorded(session), activities, "a dry run was recorded");
        assert_eq!(told(session, at, false), announced, "to {at}");
        session.same_rows(&now("t"), &Copies::rows(at));
        assert_eq!(told(session, at, false), Vec::<Row>::new(), "again to {at}");
    }
    copies.check(session);
}

#[test]
fn revert_collection_to_every_moment() {
    let mut session = in_schema("revert_collection");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n numeric, j json);
         INSERT INTO t SELECT i, 'old', i, NULL FROM generate_series(-3, 0) i;
         SELECT directus_versions.track('t')",
    );
    let mut copies = Copies::new(&mut session);
    copies.run(
        &mut session,
        &[
            "SELECT",
            "INSERT INTO t SELECT i, 'v' || i, i, '{\"a\" :  1}' FROM generate_series(1, 20) i",
            "UPDATE t SET n = n + 0.0 WHERE id % 2 = 0",
            "DELETE FROM t WHERE id > 15",
            "INSERT INTO t VALUES (16, 'again', NULL, NULL), (30, 'new', 'NaN', 'null')",
            "UPDATE t SET v = 'x', j = '[1,  2]' WHERE id < 5; UPDATE t SET v = 'y' WHERE id = 1",
            "TRUNCATE t",
            "INSERT INTO t VALUES (2, 'last', 1.000, '[1,  2]')",
        ],
    );
    there_and_back(&mut session, &mut copies);
}

#[test]
fn revert_collection_over_changed_keys() {
    for (name, deferrable) in [("keys", ""), ("deferrable", "DEFERRABLE")] {
        let mut session = in_schema(&format!("revert_collection_{name}"));
        session.run(&format!(
            "CREATE TABLE t (id int PRIMARY KEY {deferrable}, v text);
             SELECT directus_versions.track('t');
             INSERT INTO t SELECT i, 'v' || i FROM generate_series(6, 1, -1) i"
        ));
        let mut copies = Copies::new(&mut session);
        copies.run(
            &mut session,
            &[
                "SELECT",
                // From the highest on, so that no key is taken twice.
                "UPDATE t SET id = id + 1",
                "UPDATE t SET id = -id WHERE id % 2 = 0",
                "UPDATE t SET id = 100 WHERE id = 3; UPDATE t SET id = 3 WHERE id = 5; UPDATE t SET id = 5 WHERE id = 100",
                "UPDATE t SET id = id + 1000, v = v || '!' WHERE id > 0; INSERT INTO t VALUES (3, 'new')",
            ],
        );
        there_and_back_by_rows(&mut session, &mut copies);
    }
}

/// The same without the words: how a key that changed is told is another matter.
fn there_and_back_by_rows(session: &mut Session, copies: &mut Copies) {
    let times: Vec<String> = copies.times().to_vec();
    for at in times.iter().rev().chain(&times) {
        session.run(&call(at, false));
        session.same_rows(&now("t"), &Copies::rows(at));
    }
    copies.check(session);
}

#[test]
fn revert_collection_tells_what_it_does() {
    let schema = "revert_collection_told";
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n int); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'a', 1), (2, 'a', 2), (3, 'a', 3)",
    );
    let mut copies = Copies::new(&mut session);
    let at = copies.take(&mut session);
    session.run("UPDATE t SET v = 'b', n = 9 WHERE id = 1; DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (4, 'new', 4)");
    let expected: Vec<Row> = vec![
        vec![
            Some("1".into()),
            Some("update".into()),
            Some("{n,v}".into()),
        ],
        vec![Some("2".into()), Some("create".into()), None],
        vec![Some("4".into()), Some("delete".into()), None],
    ];
    assert_eq!(told(&mut session, &at, true), expected);
    assert!(session.yes(&format!(
        "SELECT bool_and(revision IS NULL) FROM ({}) q",
        call(&at, true)
    )));
    session.run("SET directus_versions.actor = 'ada'");
    session.run(&format!("CREATE TABLE done AS {}", call(&at, false)));
    assert!(session.yes(&format!(
        "SELECT count(*) = 3 AND bool_and(a.action = d.action AND a.item = d.item AND a.actor = 'ada'
             AND a.comment ILIKE '%revert%' AND (d.action <> 'update' OR r.delta = '{{\"v\": \"a\", \"n\": 1}}'))
         FROM done d JOIN directus_versions.revisions r ON r.id = d.revision
         JOIN directus_versions.activity a ON a.id = r.activity AND a.collection = '{schema}.t'"
    )));
    assert_eq!(recorded(&mut session), 3 + 3 + 3);
}

#[test]
fn revert_collection_has_its_columns() {
    let mut session = in_schema("revert_collection_columns");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY); SELECT directus_versions.track('t');
         CREATE VIEW v AS SELECT * FROM directus_versions.revert_collection('t', now(), true)",
    );
    session.shows(
        "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
         FROM pg_attribute WHERE attrelid = 'v'::regclass AND attnum > 0",
        "item text, action text, fields text[], revision bigint",
    );
}

/// Rows that refer to rows of the same table, the later to the earlier and the other way.
#[test]
fn revert_collection_of_a_tree() {
    let mut session = in_schema("revert_collection_tree");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, up int REFERENCES t); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (9, NULL), (1, 9), (5, 1), (3, 5), (7, 9), (8, 8)",
    );
    let mut copies = Copies::new(&mut session);
    copies.run(
        &mut session,
        &[
            "SELECT",
            "DELETE FROM t",
            "INSERT INTO t VALUES (1, NULL), (9, 1), (4, 9), (2, 4)",
            "UPDATE t SET up = 4 WHERE id = 9; UPDATE t SET up = NULL WHERE id = 4",
        ],
    );
    there_and_back_by_rows(&mut session, &mut copies);
}

#[test]
fn revert_collection_that_something_stands_in_the_way_of() {
    let mut session = in_schema("revert_collection_refused");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n int); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'a', 1), (2, 'a', -2), (3, 'a', 3)",
    );
    let mut copies = Copies::new(&mut session);
    let at = copies.take(&mut session);
    session.run("UPDATE t SET v = 'b', n = abs(n); DELETE FROM t WHERE id = 3");
    session.run("ALTER TABLE t ADD CONSTRAINT positive CHECK (n > 0)");
    let (before, activities) = (copies.take(&mut session), recorded(&mut session));
    let raised = session.error(&call(&at, false));
    assert_eq!(
        (
            raised.state.as_str(),
            raised.constraint.as_str(),
            raised.table.as_str()
        ),
        ("23514", "positive", "t")
    );
    session.same_rows(&now("t"), &Copies::rows(&before));
    assert_eq!(recorded(&mut session), activities);
    session.run("CREATE TABLE child (id int PRIMARY KEY, up int CONSTRAINT holds REFERENCES t);
                 ALTER TABLE t DROP CONSTRAINT positive; INSERT INTO t VALUES (4, 'new', 4); INSERT INTO child VALUES (1, 4)");
    let raised = session.error(&call(&at, false));
    assert_eq!(
        (raised.state.as_str(), raised.constraint.as_str()),
        ("23503", "holds")
    );
    session.run("DROP TABLE child");
    session.run(&call(&at, false));
    session.same_rows(&now("t"), &Copies::rows(&at));
}

#[test]
fn revert_collection_before_tracking_and_without_a_table() {
    let mut session = in_schema("revert_collection_args");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'old'), (2, 'old');
         CREATE TABLE untracked (id int PRIMARY KEY)",
    );
    session.run("SELECT directus_versions.track('t')");
    let mut copies = Copies::new(&mut session);
    let start = copies.take(&mut session);
    session
        .run("UPDATE t SET v = 'new'; DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (3, 'new')");
    session.run(&call("'-infinity'", false));
    session.same_rows(&now("t"), &Copies::rows(&start));
    session.same_rows(&then("t", "'-infinity'"), &Copies::rows(&start));
    assert_eq!(
        session.state("SELECT * FROM directus_versions.revert_collection('untracked', now())"),
        "55000"
    );
    let before = recorded(&mut session);
    let state = session.state("SELECT * FROM directus_versions.revert_collection('t', NULL)");
    assert!(
        ["00000", "22023", "22004"].contains(&state.as_str()),
        "{state}"
    );
    assert_eq!(recorded(&mut session), before);
}

/// Of each row that is written each trigger fires once.
#[test]
fn revert_collection_fires_each_trigger_once() {
    let mut session = in_schema("revert_collection_fires");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t');
         INSERT INTO t SELECT i, 'a' FROM generate_series(1, 6) i",
    );
    let mut copies = Copies::new(&mut session);
    let at = copies.take(&mut session);
    session.run("UPDATE t SET v = 'b' WHERE id < 3; UPDATE t SET v = 'c' WHERE id = 1; DELETE FROM t WHERE id = 4; INSERT INTO t VALUES (9, 'x')");
    session.run(
        "CREATE TABLE fired (what text);
         CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO fired VALUES (concat_ws(' ', TG_WHEN, TG_OP));
             RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
         END $$;
         CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION fire();
         CREATE TRIGGER b AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION fire()",
    );
    session.run(&call(&at, false));
    session.same_rows(&now("t"), &Copies::rows(&at));
    session.shows(
        "SELECT string_agg(what || ' ' || n, ', ' ORDER BY what)
         FROM (SELECT what, count(*) AS n FROM fired GROUP BY what) q",
        "AFTER DELETE 1, AFTER INSERT 1, AFTER UPDATE 2, BEFORE DELETE 1, BEFORE INSERT 1, BEFORE UPDATE 2",
    );
}

/// Partitions, generated and identity columns, and what is not saved.
#[test]
fn revert_collection_of_a_partitioned_table() {
    let mut session = in_schema("revert_collection_parts");
    session.run(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, n int, v text, twice int GENERATED ALWAYS AS (n * 2) STORED)
             PARTITION BY RANGE (n);
         CREATE TABLE t_a PARTITION OF t FOR VALUES FROM (0) TO (10);
         CREATE TABLE t_b PARTITION OF t FOR VALUES FROM (10) TO (20);
         SELECT directus_versions.track('t', key => '{id}')",
    );
    let mut copies = Copies::new(&mut session);
    copies.run(
        &mut session,
        &[
            "INSERT INTO t (n, v) SELECT i, 'v' FROM generate_series(1, 19) i",
            "UPDATE t SET n = 20 - n WHERE n < 15",
            "DELETE FROM t_b WHERE id % 2 = 0; UPDATE t SET v = 'x' WHERE id % 3 = 0",
            "TRUNCATE t_a; INSERT INTO t (n, v) VALUES (5, 'new')",
        ],
    );
    let sequence = session.text("SELECT last_value FROM t_id_seq");
    there_and_back_by_rows(&mut session, &mut copies);
    assert_eq!(session.text("SELECT last_value FROM t_id_seq"), sequence);
}

#[test]
fn revert_collection_leaves_hidden_fields() {
    let mut session = in_schema("revert_collection_hidden");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, hidden text DEFAULT 'default', code text DEFAULT 'default');
         SELECT directus_versions.track('t', exclude => '{hidden}', mask => '{code}');
         INSERT INTO t VALUES (1, 'a', 'h1', 'c1'), (2, 'a', 'h2', 'c2'), (3, 'a', 'h3', 'c3')",
    );
    let at = crate::pg_tests::travel::moment(&mut session);
    session.run("UPDATE t SET v = 'b', hidden = 'h', code = 'c' WHERE id < 3; UPDATE t SET code = 'cc' WHERE id = 2; DELETE FROM t WHERE id = 3");
    session.run(&call(&at, false));
    session.shows(
        "SELECT string_agg(concat_ws(' ', id, v, hidden, code), ', ' ORDER BY id) FROM t",
        "1 a h c, 2 a h cc, 3 a default default",
    );
}
