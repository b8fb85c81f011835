//! Tables renamed, moved, handed on, dropped and created again.

use super::{
    alike, beside, drop_database, first, healthy, in_database, in_schema, listening, revisions,
};

#[test]
fn changes_of_a_tables_name_schema_and_owner() {
    let mut admin = in_database("changes_names");
    admin.run(
        "CREATE ROLE changes_heir; GRANT CREATE ON SCHEMA public TO changes_heir; CREATE SCHEMA other;
         CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t')",
    );
    let mut writer = alike(&mut admin);
    writer.run("INSERT INTO t VALUES (1, 'a'); UPDATE t SET v = 'b'");
    let created = first(&mut admin, "t");
    let mut written = 2;
    for (change, table) in [
        ("ALTER TABLE t RENAME TO u", "u"),
        ("ALTER TABLE u SET SCHEMA other", "other.u"),
        ("ALTER SCHEMA other RENAME TO third", "third.u"),
        ("ALTER TABLE third.u OWNER TO changes_heir", "third.u"),
        ("GRANT USAGE ON SCHEMA third TO changes_heir", "third.u"),
        ("REASSIGN OWNED BY changes_heir TO CURRENT_USER", "third.u"),
        ("ALTER TABLE third.u RENAME TO t", "third.t"),
        ("ALTER TABLE third.t SET SCHEMA public", "t"),
    ] {
        admin.run(change);
        writer.run(&format!("SELECT directus_versions.revert({created})"));
        admin.shows(&format!("SELECT v FROM {table}"), "a");
        writer.run(&format!("UPDATE {table} SET v = 'b'"));
        written += 2;
        assert_eq!(
            admin.text(&format!(
                "SELECT concat(count(*), ' ', count(data), ' ', min(collection)) FROM directus_versions.revisions
                 WHERE collection = '{table}'"
            )),
            Some(format!("{written} {written} {table}")),
            "{change}"
        );
        assert_eq!(
            admin.int(&format!(
                "SELECT count(*) FROM directus_versions.history('{table}', 1)"
            )),
            written,
            "{change}"
        );
        healthy(&mut admin, table);
    }
    drop(writer);
    admin.run("REVOKE ALL ON SCHEMA public, third FROM changes_heir; DROP ROLE changes_heir");
    drop(admin);
    drop_database("changes_names");
}

/// Two tables change their names: each keeps its history.
#[test]
fn changes_of_tables_that_swap_their_names() {
    let mut admin = in_schema("changes_swap");
    admin.run(
        "CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text);
         SELECT directus_versions.track('a'), directus_versions.track('b')",
    );
    let mut writer = beside("changes_swap");
    let update = writer.prepare("UPDATE a SET v = v || '!'").unwrap();
    writer.run("INSERT INTO a VALUES (1, 'of a'); INSERT INTO b VALUES (1, 'of b')");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    let of_a = first(&mut admin, "changes_swap.a");
    admin.run("ALTER TABLE a RENAME TO c; ALTER TABLE b RENAME TO a; ALTER TABLE c RENAME TO b");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    for (table, told) in [("a", "of b, of b!"), ("b", "of a, of a!")] {
        admin.shows(
            &format!(
                "SELECT string_agg(data ->> 'v', ', ' ORDER BY revision) FROM directus_versions.history('{table}', 1)"
            ),
            told,
        );
        healthy(&mut admin, table);
    }
    admin.run(&format!("SELECT directus_versions.revert({of_a})"));
    admin.shows("SELECT concat(b.v, ', ', a.v) FROM a, b", "of a, of b!");
}

/// A table made again under its name is a new collection, and knows nothing of the one before.
#[test]
fn changes_of_a_table_dropped_and_created_again() {
    let mut admin = in_schema("changes_again");
    let make = "CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t')";
    admin.run(make);
    admin.run("INSERT INTO t VALUES (1, 'former'); UPDATE t SET v = 'former 2'");
    let mut writer = beside("changes_again");
    let update = writer.prepare("UPDATE t SET v = v || '!'").unwrap();
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    let former = revisions(&mut admin, "changes_again.t");
    admin.run("DROP TABLE t");
    admin.run(make);
    admin.run("INSERT INTO t VALUES (1, 'new')");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    admin.shows(
        "SELECT string_agg(data ->> 'v', ', ' ORDER BY revision) FROM directus_versions.history('t', 1)",
        "new, new!",
    );
    let raised = admin.error(&format!("SELECT directus_versions.revert({})", former[0]));
    assert_eq!(raised.state, "55000", "{raised:?}");
    admin.shows("SELECT t FROM t", "(1,new!)");
    admin.shows(
        "SELECT v FROM directus_versions.as_of(NULL::t, (SELECT min(\"timestamp\") FROM directus_versions.history('t', 1)))",
        "new",
    );
    healthy(&mut admin, "t");
    // What was recorded of the former one is still there.
    assert_eq!(
        admin.int(&format!(
            "SELECT count(*) FROM directus_versions.revisions
             WHERE id = ANY ('{{{},{},{}}}') AND data ->> 'v' LIKE 'former%'",
            former[0], former[1], former[2]
        )),
        3
    );
}

/// Linked again, columns are known by their names: in another order, of other types, some gone and some new.
#[test]
fn changes_of_a_table_linked_again() {
    let schema = "changes_linked";
    let mut admin = in_schema(schema);
    admin.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, gone text, n int); SELECT directus_versions.track('t')",
    );
    admin.run("INSERT INTO t VALUES (1, 'a', 'g', 1), (2, 'word', 'g', 2)");
    admin.run("UPDATE t SET v = 'b', n = 2 WHERE id = 1");
    let recorded = revisions(&mut admin, "changes_linked.t");
    let created = recorded[0];
    admin.run("DROP TABLE t");
    admin.run(
        "CREATE TABLE t (n numeric(4,1), more text DEFAULT 'm', v varchar(3), id bigint PRIMARY KEY);
         SELECT directus_versions.relink('t', 'changes_linked.t')",
    );
    let (mut writer, notices) = listening(schema);
    writer.run("INSERT INTO t VALUES (9, 'x', 'c', 1)");
    writer.run(&format!("SELECT directus_versions.revert({created})"));
    admin.shows("SELECT t FROM t", "(1.0,x,a,1)");
    let said: Vec<String> = notices.try_iter().collect();
    assert!(said.concat().contains("\"gone\""), "{said:?}");
    writer.run("UPDATE t SET v = 'd'");
    admin.shows(
        "SELECT string_agg(concat_ws(' ', action, data ->> 'v', data ->> 'gone', data ->> 'more'), ', ' ORDER BY revision)
         FROM directus_versions.history('t', 1)",
        "create a g, update b g, create c x, update a x, update d x",
    );
    super::refused(
        &mut admin,
        &format!("revert({})", recorded[1]),
        "22001",
        "v",
        "word",
    );
}
