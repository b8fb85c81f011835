//! Partitions attached and detached: their rows come to the table and leave it, and nobody wrote them.

use super::{beside, first, in_schema};

#[test]
fn changes_of_partitions_attached_and_detached() {
    let schema = "changes_parts";
    let mut admin = in_schema(schema);
    admin.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF t FOR VALUES FROM (0) TO (10);
         CREATE TABLE high (v text, junk int, id int NOT NULL); ALTER TABLE high DROP junk; INSERT INTO high VALUES ('old', 11);
         SELECT directus_versions.track('t')",
    );
    let mut writer = beside(schema);
    let update = writer.prepare("UPDATE t SET v = v || '!'").unwrap();
    let straight = writer
        .prepare("UPDATE high SET v = v || '?' WHERE id = 11")
        .unwrap();
    writer.run("INSERT INTO t VALUES (1, 'a')");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    assert_eq!(writer.execute(&straight, &[]).unwrap(), 1);
    admin.run("ALTER TABLE t ATTACH PARTITION high FOR VALUES FROM (10) TO (20)");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 2);
    assert_eq!(writer.execute(&straight, &[]).unwrap(), 1);
    writer.run("INSERT INTO t VALUES (12, 'n')");
    let told = "SELECT string_agg(concat_ws(' ', action, prior ->> 'v', delta ->> 'v'), ', ' ORDER BY revision)
                FROM directus_versions.history('t', 11)";
    admin.shows(told, "update old? old?!, update old?! old?!?");
    let came = admin.int(&format!(
        "SELECT min(id) FROM directus_versions.revisions WHERE collection = '{schema}.t' AND item = '11'"
    ));
    let new = admin.int(&format!(
        "SELECT id FROM directus_versions.revisions WHERE collection = '{schema}.t' AND item = '12'"
    ));
    admin.run(&format!("SELECT directus_versions.revert({came})"));
    admin.shows("SELECT v FROM high WHERE id = 11", "old?!");
    admin.run("ALTER TABLE t DETACH PARTITION high");
    let recorded =
        "SELECT count(*) FROM directus_versions.activity WHERE collection = 'changes_parts.t'";
    let before = admin.int(recorded);
    assert_eq!(writer.execute(&straight, &[]).unwrap(), 1);
    assert_eq!(admin.int(recorded), before, "of the table it is no more");
    // Its history is read on; there is no place for the row, and the table says so.
    admin.shows(
        told,
        "update old? old?!, update old?! old?!?, update old?!? old?!",
    );
    let raised = admin.error(&format!("SELECT directus_versions.revert({new})"));
    assert_eq!(raised.state, "23514", "{raised:?}");
    admin.shows(
        "SELECT string_agg(v, ' ' ORDER BY id) FROM high",
        "old?!? n",
    );
    let created = first(&mut admin, "changes_parts.t");
    admin.run(&format!("SELECT directus_versions.revert({created})"));
    admin.shows("SELECT t FROM t", "(1,a)");
    // Back again, its items go on under their keys.
    admin.run("ALTER TABLE t ATTACH PARTITION high FOR VALUES FROM (10) TO (20)");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 3);
    admin.run(&format!("SELECT directus_versions.revert({new})"));
    admin.shows(
        "SELECT string_agg(v, ' ' ORDER BY id) FROM t",
        "a! old?!?! n",
    );
}
