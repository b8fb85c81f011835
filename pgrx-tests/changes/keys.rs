//! Keys added, dropped, and moved to other columns.

use super::{beside, first, healthy, in_schema, revisions};

/// No key: the table takes writes as before, unrecorded, and an administrator is told. With the key back the items go on.
#[test]
fn changes_of_a_key_that_is_dropped_and_added() {
    let mut admin = in_schema("changes_key");
    admin.run("CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t')");
    let mut writer = beside("changes_key");
    let update = writer.prepare("UPDATE t SET v = v || '!'").unwrap();
    writer.run("INSERT INTO t VALUES (1, 'a')");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    let created = first(&mut admin, "changes_key.t");
    admin.run("ALTER TABLE t DROP CONSTRAINT t_pkey");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    writer.run("INSERT INTO t VALUES (2, 'b')");
    admin.shows(
        "SELECT string_agg(problem, ' ') FROM directus_versions.check_tracking('t') WHERE problem = 'no key'",
        "no key",
    );
    admin.run("ALTER TABLE t ADD PRIMARY KEY (id)");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 2);
    admin.shows(
        "SELECT data ->> 'v' FROM directus_versions.history('t', 1) ORDER BY revision DESC LIMIT 1",
        "a!!!",
    );
    admin.run(&format!("SELECT directus_versions.revert({created})"));
    admin.shows("SELECT string_agg(v, ' ' ORDER BY id) FROM t", "a b!");
}

/// A primary key comes to a table whose key was named.
#[test]
fn changes_of_a_named_key_that_becomes_the_primary_key() {
    let mut admin = in_schema("changes_named");
    admin
        .run("CREATE TABLE t (id int, v text); SELECT directus_versions.track('t', key => '{id}')");
    let mut writer = beside("changes_named");
    let update = writer.prepare("UPDATE t SET v = v || '!'").unwrap();
    writer.run("INSERT INTO t VALUES (1, 'a')");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    admin.run("ALTER TABLE t ADD PRIMARY KEY (id)");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    let created = first(&mut admin, "changes_named.t");
    admin.run(&format!("SELECT directus_versions.revert({created})"));
    admin.shows("SELECT v FROM t", "a");
    assert_eq!(
        admin.int("SELECT count(*) FROM directus_versions.history('t', 1)"),
        4
    );
    healthy(&mut admin, "t");
}

/// The text of an item under the former key may be another row's under the present one: that row must not be touched.
#[test]
fn changes_of_a_key_to_another_column_go_back_to_no_other_row() {
    for (schema, track, change) in [
        (
            "changes_rekeyed",
            "ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY (a); SELECT directus_versions.track('t')",
            "ALTER TABLE t DROP CONSTRAINT k, ADD PRIMARY KEY (b)",
        ),
        (
            "changes_rekeyed_named",
            "SELECT directus_versions.track('t', key => '{a}')",
            "SELECT directus_versions.set_scope('t', key => '{b}')",
        ),
    ] {
        let mut admin = in_schema(schema);
        admin.run("CREATE TABLE t (a int NOT NULL, b int NOT NULL, v text)");
        admin.run(track);
        admin.run("INSERT INTO t VALUES (1, 2, 'x'), (2, 1, 'y')");
        admin.run("UPDATE t SET v = v || '1'");
        let mut writer = beside(schema);
        let update = writer.prepare("UPDATE t SET v = v || '2'").unwrap();
        assert_eq!(writer.execute(&update, &[]).unwrap(), 2);
        let recorded = revisions(&mut admin, &format!("{schema}.t"));
        admin.run(change);
        assert_eq!(writer.execute(&update, &[]).unwrap(), 2);
        // Old history is read.
        admin.shows(
            &format!(
                "SELECT data FROM directus_versions.revisions WHERE id = {}",
                recorded[0]
            ),
            r#"{"a": 1, "b": 2, "v": "x"}"#,
        );
        for call in ["revert", "undo"] {
            for (place, revision) in recorded[..4].iter().enumerate() {
                let before = admin.text("SELECT string_agg(t::text, ' ' ORDER BY a) FROM t");
                let state = admin.state(&format!(
                    "BEGIN; SELECT directus_versions.{call}({revision})"
                ));
                if state == "00000" {
                    // The row gone back to is the one that the revision is of.
                    let whose = place % 2 + 1;
                    admin.shows(
                        &format!("SELECT bool_and(v LIKE (ARRAY['x%', 'y%'])[a]) AND count(*) FILTER (WHERE a <> {whose} AND v LIKE '_122') = 1 FROM t"),
                        "true",
                    );
                }
                admin.run("ROLLBACK");
                assert_eq!(
                    admin.text("SELECT string_agg(t::text, ' ' ORDER BY a) FROM t"),
                    before
                );
            }
        }
        // What came since is gone back to as ever.
        let later = admin.int(&format!(
            "SELECT max(id) FROM directus_versions.revisions WHERE collection = '{schema}.t' AND item = '2'"
        ));
        admin.run("UPDATE t SET v = 'lost'");
        admin.run(&format!("SELECT directus_versions.revert({later})"));
        admin.shows("SELECT string_agg(v, ' ' ORDER BY a) FROM t", "x122 lost");
    }
}

/// What is left of a key would name several rows alike, so none is named, and each change is recorded all the same.
#[test]
fn changes_of_a_key_that_loses_a_column() {
    for (schema, track, change) in [
        (
            "changes_part_of_key",
            "ALTER TABLE t ADD PRIMARY KEY (a, b); SELECT directus_versions.track('t')",
            "ALTER TABLE t ADD CONSTRAINT again PRIMARY KEY (a, v)",
        ),
        (
            "changes_part_of_named_key",
            "SELECT directus_versions.track('t', key => '{a,b}')",
            "SELECT directus_versions.set_scope('t', key => '{a,v}')",
        ),
    ] {
        let mut admin = in_schema(schema);
        admin.run("CREATE TABLE t (a int NOT NULL, b int NOT NULL, v text NOT NULL, n int)");
        admin.run(track);
        admin.run("INSERT INTO t VALUES (1, 1, 'x'), (1, 2, 'y')");
        let mut writer = beside(schema);
        let update = writer
            .prepare("UPDATE t SET n = 7 + coalesce(n, 0)")
            .unwrap();
        assert_eq!(writer.execute(&update, &[]).unwrap(), 2);
        admin.run("ALTER TABLE t DROP b");
        assert_eq!(writer.execute(&update, &[]).unwrap(), 2);
        let items = format!(
            "SELECT string_agg(concat_ws(' ', item, delta), ', ' ORDER BY id) FROM directus_versions.revisions
             WHERE collection = '{schema}.t' AND id IN (SELECT id FROM directus_versions.activity WHERE action = 'update')"
        );
        admin.shows(
            &items,
            r#"[1, 1] {"n": 7}, [1, 2] {"n": 7}, [] {"n": 14}, [] {"n": 14}"#,
        );
        admin.shows(
            "SELECT string_agg(problem || detail, ' ') LIKE 'no keyTable % under one name, \"[]\", %' FROM directus_versions.check_tracking('t')
             WHERE problem = 'no key'",
            "true",
        );
        assert_eq!(
            admin.state("SELECT * FROM directus_versions.as_of(NULL::t, now())"),
            "55000"
        );
        // Its rows are told apart again.
        admin.run(change);
        assert_eq!(writer.execute(&update, &[]).unwrap(), 2);
        admin.shows(
            "SELECT string_agg(delta::text, ' ') FROM directus_versions.history('t', '[1, \"y\"]')",
            r#"{"n": 21}"#,
        );
        healthy(&mut admin, "t");
    }
}

/// The primary key takes the place of a named one that is gone.
#[test]
fn changes_of_a_named_key_that_is_dropped() {
    let mut admin = in_schema("changes_named_gone");
    admin.run(
        "CREATE TABLE t (id int PRIMARY KEY, code text NOT NULL, v text);
         SELECT directus_versions.track('t', key => '{code}')",
    );
    let mut writer = beside("changes_named_gone");
    let update = writer.prepare("UPDATE t SET v = v || '!'").unwrap();
    writer.run("INSERT INTO t VALUES (1, 'c', 'a')");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    admin.run("ALTER TABLE t DROP code");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    admin.shows(
        "SELECT data ->> 'v' FROM directus_versions.history('t', 1) ORDER BY revision DESC LIMIT 1",
        "a!!",
    );
    admin.shows(
        "SELECT key IS NULL FROM directus_versions.collections WHERE collection = 'changes_named_gone.t'",
        "true",
    );
    healthy(&mut admin, "t");
}

/// Rows without a key go by one name: what was recorded of one is never told of another, or written to it.
#[test]
fn changes_of_rows_without_a_key_are_of_no_other_row() {
    let mut admin = in_schema("changes_keyless");
    admin.run(
        "CREATE TABLE t (a int, b int, v text, n int, PRIMARY KEY (a, b)); SELECT directus_versions.track('t')",
    );
    admin.run("INSERT INTO t VALUES (1, 1, 'o', 0), (2, 2, 'p', 0)");
    admin.run("ALTER TABLE t DROP b");
    admin.run("INSERT INTO t VALUES (3, 'q', 0), (4, 'r', 0)");
    admin.run("UPDATE t SET n = 10 WHERE a = 3");
    admin.run("UPDATE t SET n = 11 WHERE a = 1");
    let recorded = revisions(&mut admin, "changes_keyless.t");
    let data = |of: usize| {
        format!(
            "SELECT data FROM directus_versions.revisions WHERE id = {}",
            recorded[of]
        )
    };
    admin.shows(&data(4), r#"{"a": 3, "n": 10, "v": "q"}"#);
    admin.shows(&data(5), r#"{"a": 1, "n": 11, "v": "o"}"#);
    for added in [
        "",
        "ALTER TABLE t ADD b int NOT NULL DEFAULT 9, ADD PRIMARY KEY (a, b)",
    ] {
        admin.run(added);
        for revision in &recorded {
            for call in ["revert", "undo"] {
                let before = admin.text("SELECT string_agg(t::text, ' ' ORDER BY a) FROM t");
                let state = admin.state(&format!("SELECT directus_versions.{call}({revision})"));
                assert_eq!(state, "55000", "{call} {revision} {added}");
                assert_eq!(
                    admin.text("SELECT string_agg(t::text, ' ' ORDER BY a) FROM t"),
                    before
                );
            }
        }
    }
    healthy(&mut admin, "t");
}

/// A column of the key may go with something else, and then no command on the table itself is seen.
#[test]
fn changes_of_a_key_whose_column_goes_by_cascade() {
    let mut admin = in_schema("changes_cascade");
    admin.run(
        "CREATE DOMAIN d AS text; CREATE TABLE t (id int PRIMARY KEY, code d NOT NULL, v text);
         SELECT directus_versions.track('t', key => '{code}')",
    );
    admin.run("INSERT INTO t VALUES (1, '2', 'a'), (2, '1', 'b')");
    let created = first(&mut admin, "changes_cascade.t");
    let before = admin.text("SELECT clock_timestamp()::text").unwrap();
    admin.run("SET client_min_messages = warning; DROP DOMAIN d CASCADE");
    admin.run("UPDATE t SET v = 'changed' WHERE id = 1");
    admin.shows(
        "SELECT string_agg(delta::text, ' ') FROM directus_versions.history('t', 1) WHERE action = 'update'",
        r#"{"v": "changed"}"#,
    );
    admin.shows(
        &format!("SELECT string_agg(concat_ws(' ', id, v), ', ' ORDER BY id) FROM directus_versions.as_of(NULL::t, '{before}')"),
        "1 a, 2 b",
    );
    admin.run(&format!("SELECT directus_versions.revert({created})"));
    admin.shows(
        "SELECT string_agg(concat_ws(' ', id, v), ', ' ORDER BY id) FROM t",
        "1 a, 2 b",
    );
    healthy(&mut admin, "t");
}

/// What is masked is told by no item.
#[test]
fn changes_of_a_key_that_leave_a_masked_one() {
    for (schema, table, change) in [
        (
            "changes_masked_left",
            "id int PRIMARY KEY, code text NOT NULL, v text",
            "ALTER TABLE t DROP code",
        ),
        (
            "changes_masked_added",
            "id int NOT NULL, code text NOT NULL, v text, PRIMARY KEY (code)",
            "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id)",
        ),
    ] {
        let mut admin = in_schema(schema);
        let key = if schema == "changes_masked_left" {
            "'{code}'"
        } else {
            "NULL"
        };
        admin.run(&format!(
            "CREATE TABLE t ({table}); SELECT directus_versions.track('t', key => {key}, mask => '{{id}}');
             INSERT INTO t VALUES (4711, 'c', 'a')"
        ));
        admin.run(change);
        admin.run("UPDATE t SET v = 'b'");
        admin.shows(
            &format!("SELECT string_agg(item, ' ' ORDER BY id) FROM directus_versions.activity WHERE collection = '{schema}.t' AND action <> 'set_scope'"),
            "c []",
        );
        admin.shows(
            &format!("SELECT count(*) FROM directus_versions.log WHERE strpos(log::text, '4711') > 0 AND collection = (SELECT id FROM directus_versions.collection WHERE name = '{schema}.t')"),
            "0",
        );
        admin.shows(
            "SELECT problem FROM directus_versions.check_tracking('t') WHERE item IS NULL",
            "no key",
        );
    }
}
