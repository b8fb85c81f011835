//! ALTER TABLE in one session while another has prepared statements and remembers the columns.

use super::{Session, beside, in_schema};

/// Give `data` of the newest revision and the live row, both as text; they have to agree.
fn newest(session: &mut Session, schema: &str) -> (Option<String>, Option<String>) {
    (
        session.text(&format!(
            "SELECT data FROM directus_versions.revisions
             WHERE collection = '{schema}.t' ORDER BY id DESC LIMIT 1"
        )),
        session.text("SELECT to_jsonb(t) FROM t WHERE id = 1"),
    )
}

#[test]
fn sessions_tables_altered_under_a_prepared_statement() {
    let schema = "sessions_altered";
    let mut admin = in_schema(schema);
    admin.run(
        "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, a text, b text, c text);
         SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 0, 'a', 'b', 'c')",
    );
    let mut writer = beside(schema);
    let update = writer
        .prepare("UPDATE t SET n = n + 1 WHERE id = 1")
        .unwrap();
    for change in [
        "SELECT 1",
        "ALTER TABLE t ADD COLUMN d text DEFAULT 'd'",
        "ALTER TABLE t ADD COLUMN e int",
        "ALTER TABLE t RENAME COLUMN a TO renamed",
        "ALTER TABLE t DROP COLUMN b",
        "ALTER TABLE t ADD COLUMN b int DEFAULT 5",
        "ALTER TABLE t RENAME COLUMN c TO swapped; ALTER TABLE t RENAME COLUMN d TO c",
        "ALTER TABLE t ALTER COLUMN e TYPE text",
        "ALTER TABLE t ALTER COLUMN b TYPE numeric(10,2)",
        "ALTER TABLE t ADD COLUMN g text GENERATED ALWAYS AS (renamed || '!') STORED",
        "CLUSTER t USING t_pkey",
        "VACUUM FULL t",
        "ALTER TABLE t ADD CONSTRAINT positive CHECK (n >= 0)",
        "CREATE INDEX ON t (n)",
    ] {
        admin.run(change);
        assert_eq!(writer.execute(&update, &[]).unwrap(), 1, "{change}");
        let (data, live) = newest(&mut admin, schema);
        assert_eq!(data, live, "{change}");
        assert_eq!(
            admin.text(&format!(
                "SELECT string_agg(k, ',') FROM (
                     SELECT delta FROM directus_versions.revisions
                     WHERE collection = '{schema}.t' ORDER BY id DESC LIMIT 1) r,
                     jsonb_object_keys(r.delta) k"
            )),
            Some("n".to_owned()),
            "{change}"
        );
    }
    assert_eq!(
        admin.int(&format!(
            "SELECT count(*) FROM directus_versions.revisions WHERE collection = '{schema}.t'"
        )),
        15
    );
}

/// The key's column is renamed and its type changed; the item stays what it was.
#[test]
fn sessions_tables_whose_key_changes_its_shape() {
    let schema = "sessions_key_shape";
    let mut admin = in_schema(schema);
    admin.run(
        "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL);
         SELECT directus_versions.track('t'); INSERT INTO t VALUES (1, 0)",
    );
    let mut writer = beside(schema);
    let update = writer.prepare("UPDATE t SET n = n + 1").unwrap();
    for change in [
        "ALTER TABLE t RENAME COLUMN id TO key",
        "ALTER TABLE t ALTER COLUMN key TYPE bigint",
        "ALTER TABLE t ALTER COLUMN key TYPE text",
        "ALTER TABLE t RENAME COLUMN key TO id",
    ] {
        admin.run(change);
        assert_eq!(writer.execute(&update, &[]).unwrap(), 1, "{change}");
    }
    assert_eq!(
        admin.table(&format!(
            "SELECT item, count(*) FROM directus_versions.revisions
             WHERE collection = '{schema}.t' GROUP BY item"
        )),
        [[Some("1".to_owned()), Some("5".to_owned())]]
    );
}

/// A table made again under its name is another table to a session that knows the old one.
#[test]
fn sessions_tables_dropped_and_made_again() {
    let schema = "sessions_again";
    let mut admin = in_schema(schema);
    let make = "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL)";
    admin.run(make);
    admin.run("SELECT directus_versions.track('t'); INSERT INTO t VALUES (1, 0)");
    let mut writer = beside(schema);
    let update = writer.prepare("UPDATE t SET n = n + 1").unwrap();
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    admin.run("DROP TABLE t");
    admin.run(make);
    admin.run("INSERT INTO t VALUES (1, 0)");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    let activities = "SELECT count(*) FROM directus_versions.activity
                      WHERE strpos(collection, 'sessions_again.') > 0";
    assert_eq!(admin.int(activities), 2);
}

/// Columns change within the writer's own transaction, and back with its savepoint.
#[test]
fn sessions_tables_altered_by_the_writer_itself() {
    let schema = "sessions_self";
    let mut writer = in_schema(schema);
    writer.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'a');
         BEGIN;
         SAVEPOINT s;
         ALTER TABLE t RENAME COLUMN v TO w;
         UPDATE t SET w = 'b';
         ROLLBACK TO s;
         UPDATE t SET v = 'c';
         ALTER TABLE t ADD COLUMN x int;
         UPDATE t SET x = 1;
         COMMIT;
         UPDATE t SET v = 'd', x = 2",
    );
    let deltas = writer.table(&format!(
        "SELECT delta, prior FROM directus_versions.revisions
         WHERE collection = '{schema}.t' AND prior IS NOT NULL ORDER BY id"
    ));
    let row = |delta: &str, prior: &str| vec![Some(delta.to_owned()), Some(prior.to_owned())];
    assert_eq!(
        deltas,
        [
            row(r#"{"v": "c"}"#, r#"{"v": "a"}"#),
            row(r#"{"x": 1}"#, r#"{"x": null}"#),
            row(r#"{"v": "d", "x": 2}"#, r#"{"v": "c", "x": 1}"#),
        ]
    );
}
