//! ALTER TYPE … RENAME VALUE: what was recorded under a label that is gone.

use super::{beside, first, healthy, in_schema, refused};

#[test]
fn changes_of_an_enums_label() {
    let schema = "changes_label";
    let mut session = in_schema(schema);
    session.run(
        "CREATE TYPE mood AS ENUM ('sad', 'glad');
         CREATE TABLE t (id int PRIMARY KEY, m mood, v text); SELECT directus_versions.track('t')",
    );
    let mut writer = beside(schema);
    let update = writer.prepare("UPDATE t SET v = v || '!'").unwrap();
    writer.run("INSERT INTO t VALUES (1, 'sad', 'a')");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    session.run("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'");
    assert_eq!(writer.execute(&update, &[]).unwrap(), 1);
    // Old revisions tell the label of their time; no update says that the field changed.
    session.shows(
        "SELECT string_agg(concat(action, data ->> 'm', delta ->> 'm'), ' ' ORDER BY revision)
         FROM directus_versions.history('t', 1)",
        "createsadsad updatesad updatesad",
    );
    let created = first(&mut session, "changes_label.t");
    refused(
        &mut session,
        &format!("revert({created})"),
        "22P02",
        "m",
        "sad",
    );
    session.run(&format!(
        "SELECT directus_versions.revert({created}, '{{v}}')"
    ));
    session.shows("SELECT t FROM t", "(1,blue,a)");
    healthy(&mut session, "t");
    writer.run("UPDATE t SET m = 'glad'; UPDATE t SET m = 'blue'; DELETE FROM t");
    let last = session.int(
        "SELECT max(id) FROM directus_versions.revisions WHERE collection = 'changes_label.t'",
    );
    session.run(&format!("SELECT directus_versions.undo({last})"));
    session.shows("SELECT t FROM t", "(1,blue,a)");
    healthy(&mut session, "t");
}

/// No row changed when its label did, wherever in its value the label is; and what did change is told all the same.
#[test]
fn changes_of_labels_are_no_changes_of_rows() {
    let schema = "changes_label_rows";
    let mut session = in_schema(schema);
    session.run(
        "CREATE TYPE mood AS ENUM ('sad', 'glad', 'calm'); CREATE DOMAIN feeling AS mood;
         CREATE TYPE pair AS (m feeling, v text);
         CREATE TABLE t (id int PRIMARY KEY, m mood, d feeling, l mood[], p pair, q pair[], v text);
         SELECT directus_versions.track('t')",
    );
    session.run(
        "INSERT INTO t SELECT i, 'sad', 'sad', '[0:1][0:1]={{sad,glad},{NULL,glad}}', '(sad,a)',
             ARRAY['(sad,b)'::pair], 'v' FROM generate_series(1, 3) i;
         INSERT INTO t VALUES (4, 'glad', 'glad', '{glad}', '(glad,a)', '{}', 'v')",
    );
    healthy(&mut session, "t");
    session.run("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'");
    healthy(&mut session, "t");
    session.run(
        "SET session_replication_role = replica; UPDATE t SET v = 'unseen' WHERE id = 2;
         UPDATE t SET m = 'calm', p = '(calm,a)' WHERE id = 4; RESET session_replication_role",
    );
    session.shows(
        "SELECT string_agg(concat(item, substring(detail FROM '\\(.*?\\)')), ' ' ORDER BY item)
         FROM directus_versions.check_tracking('t')",
        "2(v) 4(m, p)",
    );
}
