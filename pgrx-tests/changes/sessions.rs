//! Each change of a table by one connection while another has written, and goes on, with prepared statements.

use super::{alike, drop_database, first, healthy, in_database};

/// What is done to `t (id, v, n, m)`, how a row `(1, a, 1, sad)` looks when it was gone back to over it, and when it was
/// deleted and came back.
const CHANGES: [(&str, &str, &str); 26] = [
    ("SELECT 1", "(1,a,1,sad)", "(1,a,1,sad)"),
    ("ALTER TABLE t ADD w text", "(1,a,1,sad,)", "(1,a,1,sad,)"),
    (
        "ALTER TABLE t ADD w text NOT NULL DEFAULT 'w'; UPDATE t SET w = 'x'",
        "(1,a,1,sad,x)",
        "(1,a,1,sad,w)",
    ),
    (
        "ALTER TABLE t ALTER v SET DEFAULT 'd'",
        "(1,a,1,sad)",
        "(1,a,1,sad)",
    ),
    ("ALTER TABLE t DROP v", "(1,1,sad)", "(1,1,sad)"),
    ("ALTER TABLE t RENAME v TO z", "(1,a,1,sad)", "(1,a,1,sad)"),
    (
        "ALTER TABLE t RENAME v TO x; ALTER TABLE t RENAME m TO v; ALTER TABLE t RENAME x TO m",
        "(1,a,1,sad)",
        "(1,a,1,sad)",
    ),
    (
        "ALTER TABLE t DROP v; ALTER TABLE t ADD v text DEFAULT 'new'",
        "(1,1,sad,new)",
        "(1,1,sad,new)",
    ),
    (
        "ALTER TABLE t DROP v, ADD v int; UPDATE t SET v = 5",
        "(1,1,sad,5)",
        "(1,1,sad,)",
    ),
    (
        "ALTER TABLE t RENAME v TO old; ALTER TABLE t ADD v text DEFAULT 'new'",
        "(1,a,1,sad,new)",
        "(1,a,1,sad,new)",
    ),
    (
        "ALTER TABLE t ALTER v TYPE varchar(10)",
        "(1,a,1,sad)",
        "(1,a,1,sad)",
    ),
    (
        "ALTER TABLE t ALTER n TYPE numeric(6,2)",
        "(1,a,1.00,sad)",
        "(1,a,1.00,sad)",
    ),
    (
        "ALTER TABLE t ALTER m TYPE text",
        "(1,a,1,sad)",
        "(1,a,1,sad)",
    ),
    (
        "ALTER TABLE t ALTER id TYPE bigint",
        "(1,a,1,sad)",
        "(1,a,1,sad)",
    ),
    (
        "ALTER TABLE t ALTER id TYPE text",
        "(1,a,1,sad)",
        "(1,a,1,sad)",
    ),
    (
        "ALTER TABLE t RENAME id TO key",
        "(1,a,1,sad)",
        "(1,a,1,sad)",
    ),
    (
        "ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (id)",
        "(1,a,1,sad)",
        "(1,a,1,sad)",
    ),
    (
        "ALTER TABLE t ALTER n DROP NOT NULL, ADD CHECK (n > 0), ALTER v SET NOT NULL",
        "(1,a,1,sad)",
        "(1,a,1,sad)",
    ),
    (
        "ALTER TYPE mood RENAME TO feeling",
        "(1,a,1,sad)",
        "(1,a,1,sad)",
    ),
    (
        "CREATE SCHEMA of_types; ALTER TYPE mood SET SCHEMA of_types",
        "(1,a,1,sad)",
        "(1,a,1,sad)",
    ),
    (
        "ALTER TYPE mood ADD VALUE 'calm' BEFORE 'sad'",
        "(1,a,1,sad)",
        "(1,a,1,sad)",
    ),
    (
        "ALTER TABLE t OWNER TO pg_monitor",
        "(1,a,1,sad)",
        "(1,a,1,sad)",
    ),
    ("ALTER TABLE t SET UNLOGGED", "(1,a,1,sad)", "(1,a,1,sad)"),
    ("CLUSTER t USING t_pkey", "(1,a,1,sad)", "(1,a,1,sad)"),
    ("VACUUM FULL t", "(1,a,1,sad)", "(1,a,1,sad)"),
    (
        "ALTER TABLE t ADD twice int GENERATED ALWAYS AS (n * 2) STORED",
        "(1,a,1,sad,2)",
        "(1,a,1,sad,2)",
    ),
];

#[test]
fn changes_by_another_connection_beside_prepared_statements() {
    let mut admin = in_database("changes_beside");
    for (change, reverted, recreated) in CHANGES {
        admin.run(
            "DROP TABLE IF EXISTS t; DROP TYPE IF EXISTS mood; DROP TYPE IF EXISTS feeling; CREATE TYPE mood AS ENUM ('sad', 'glad');
             CREATE TABLE t (id int PRIMARY KEY, v text, n int NOT NULL, m mood); SELECT directus_versions.track('t')",
        );
        let latest = "SELECT coalesce(max(id), 0) FROM directus_versions.activity";
        let before = admin.int(latest);
        let mut writer = alike(&mut admin);
        let update = writer.prepare("UPDATE t SET n = n + 1").unwrap();
        let delete = writer.prepare("DELETE FROM t").unwrap();
        let revert = writer
            .prepare("SELECT directus_versions.revert($1)")
            .unwrap();
        writer.run("INSERT INTO t VALUES (1, 'a', 1, 'sad')");
        let created = admin.int(latest);
        assert!(created > before, "{change}");
        assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
        writer.run("UPDATE t SET v = 'b', m = 'glad'");
        for statement in change.split("; ") {
            admin.run(statement);
        }
        let mark = admin.int(latest);
        let go_back = |writer: &mut super::Session| -> Option<i64> {
            writer.query_one(&revert, &[&created]).unwrap().get(0)
        };
        assert!(go_back(&mut writer).is_some(), "{change}");
        let row = admin.text("SELECT t FROM t");
        assert_eq!(row.as_deref(), Some(reverted), "{change}");
        assert_eq!(writer.execute(&update, &[]).unwrap(), 1, "{change}");
        assert_eq!(writer.execute(&delete, &[]).unwrap(), 1, "{change}");
        assert!(go_back(&mut writer).is_some(), "{change}");
        let row = admin.text("SELECT t FROM t");
        assert_eq!(row.as_deref(), Some(recreated), "{change}");
        // Each write was recorded once, with all of the row, and what was recorded before is read as it was.
        assert_eq!(
            admin.text(&format!(
                "SELECT string_agg(action, ' ' ORDER BY id) FROM directus_versions.activity WHERE id > {mark}"
            )),
            Some("update update delete create".to_owned()),
            "{change}"
        );
        assert_eq!(
            admin.text(&format!(
                "SELECT string_agg(data::text, ' ' ORDER BY id) FROM directus_versions.revisions
                 WHERE id BETWEEN {created} AND {created} + 2"
            )),
            Some(
                r#"{"m": "sad", "n": 1, "v": "a", "id": 1} {"m": "sad", "n": 2, "v": "a", "id": 1} {"m": "glad", "n": 2, "v": "b", "id": 1}"#
                    .to_owned()
            ),
            "{change}"
        );
        assert_eq!(
            admin.text(
                "SELECT r.data = to_jsonb(t) FROM t, directus_versions.revisions r ORDER BY r.id DESC LIMIT 1"
            ),
            Some("true".to_owned()),
            "{change}"
        );
        healthy(&mut admin, "t");
    }
    drop(admin);
    drop_database("changes_beside");
}

/// A transaction that began before the change, and one that is open while it comes.
#[test]
fn changes_between_the_statements_of_a_transaction() {
    let mut admin = in_database("changes_within");
    admin.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, gone text, n int); SELECT directus_versions.track('t')",
    );
    admin.run("INSERT INTO t VALUES (1, 'a', 'g', 1)");
    let created = first(&mut admin, "t");
    let mut writer = alike(&mut admin);
    let update = writer.prepare("UPDATE t SET n = n + 1").unwrap();
    let revert = writer
        .prepare("SELECT directus_versions.revert($1)")
        .unwrap();
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    writer.run("BEGIN; SELECT 1");
    admin.run("ALTER TABLE t DROP gone, ADD w text DEFAULT 'w'");
    admin.run("ALTER TABLE t RENAME v TO z");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    writer.query_one(&revert, &[&created]).unwrap();
    writer.run("UPDATE t SET z = 'z'; COMMIT");
    admin.shows("SELECT t FROM t", "(1,z,1,w)");
    admin.shows(
        "SELECT string_agg(delta::text, ' ' ORDER BY revision) FROM directus_versions.history('t', 1)",
        r#"{"n": 1, "v": "a", "id": 1, "gone": "g"} {"n": 2} {"n": 3} {"n": 1} {"z": "z"}"#,
    );
    healthy(&mut admin, "t");
    drop((admin, writer));
    drop_database("changes_within");
}
