//! Foreign keys are no hindrance, in whatever order the rows were written.
#![cfg(test)]

use super::{contents, transaction, undoing};
use crate::pg_tests::support::{Session, in_schema};

fn related(schema: &str, tables: &str) -> Session {
    let mut session = in_schema(schema);
    session.run(tables);
    for name in ["parent", "child"] {
        session.run(&format!("SELECT directus_versions.track('{name}')"));
    }
    session
}

/// Run a transaction, undo it, and undo that.
fn undone(session: &mut Session, sql: &str) {
    let tables = ["parent", "child"];
    let before = contents(session, &tables);
    let mut id = transaction(session, sql);
    let after = contents(session, &tables);
    assert_ne!(before, after, "{sql}");
    for expected in [&before, &after, &before] {
        let undo = undoing(&id, "");
        id = transaction(session, &undo);
        assert_eq!(contents(session, &tables), *expected, "{sql}");
    }
}

#[test]
fn undo_transaction_of_parents_and_children() {
    let mut session = related(
        "undo_family",
        "CREATE TABLE parent (id int PRIMARY KEY, v text);
         CREATE TABLE child (id int PRIMARY KEY, up int NOT NULL REFERENCES parent, v text);
         INSERT INTO parent VALUES (1, 'p'), (2, 'p'); INSERT INTO child VALUES (10, 1, 'c'), (11, 2, 'c')",
    );
    for sql in [
        "INSERT INTO parent VALUES (3, 'new'); INSERT INTO child VALUES (12, 3, 'new'), (13, 3, 'new')",
        "DELETE FROM child WHERE up = 1; DELETE FROM parent WHERE id = 1",
        "UPDATE child SET up = 1; DELETE FROM parent WHERE id = 2",
        "INSERT INTO parent VALUES (3, 'new'); UPDATE child SET up = 3; DELETE FROM parent WHERE id < 3; UPDATE parent SET v = 'x'",
        "DELETE FROM child; DELETE FROM parent; INSERT INTO parent VALUES (1, 'other'); INSERT INTO child VALUES (10, 1, 'other')",
        "TRUNCATE parent CASCADE",
    ] {
        undone(&mut session, sql);
    }
}

/// The children are deleted, changed or let go after their parent, by a constraint that is not deferrable.
#[test]
fn undo_transaction_of_what_cascaded() {
    let mut session = related(
        "undo_cascade",
        "CREATE TABLE parent (id int PRIMARY KEY, v text);
         CREATE TABLE child (id int PRIMARY KEY, up int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE,
             soft int REFERENCES parent ON DELETE SET NULL ON UPDATE CASCADE,
             fixed int DEFAULT 1 REFERENCES parent ON DELETE SET DEFAULT ON UPDATE CASCADE);
         INSERT INTO parent VALUES (1, 'p'), (2, 'p'), (3, 'p'), (4, 'p');
         INSERT INTO child VALUES (10, 2, 1, 1), (11, 2, 2, 2), (12, 1, 2, 2), (13, 1, 3, 3)",
    );
    for sql in [
        "DELETE FROM parent WHERE id = 2",
        "DELETE FROM parent WHERE id IN (2, 3)",
        "UPDATE parent SET id = id + 100 WHERE id > 1",
        "UPDATE parent SET id = 200, v = 'x' WHERE id = 2; UPDATE child SET soft = 4 WHERE up = 200; DELETE FROM parent WHERE id = 3",
        "UPDATE child SET up = 3 WHERE id = 10; DELETE FROM parent WHERE id = 3; INSERT INTO parent VALUES (3, 'again')",
    ] {
        undone(&mut session, sql);
    }
}

/// A tree in one table, its branches deleted by cascade.
#[test]
fn undo_transaction_of_a_tree() {
    let mut session = related(
        "undo_tree",
        "CREATE TABLE parent (id int PRIMARY KEY, up int REFERENCES parent ON DELETE CASCADE);
         CREATE TABLE child (id int PRIMARY KEY, up int REFERENCES child);
         INSERT INTO parent VALUES (9, NULL), (1, 9), (5, 1), (3, 5), (7, 9), (8, 8);
         INSERT INTO child VALUES (9, NULL), (1, 9), (5, 1), (3, 5)",
    );
    for sql in [
        "DELETE FROM parent WHERE id = 1",
        "DELETE FROM parent; DELETE FROM child",
        "UPDATE child SET up = NULL WHERE id = 1; DELETE FROM child WHERE id = 9",
        "INSERT INTO child VALUES (20, 21), (21, 20); UPDATE child SET up = 20 WHERE id = 3",
        "INSERT INTO parent VALUES (30, 1); UPDATE parent SET up = 30 WHERE id = 3; DELETE FROM parent WHERE id = 5",
    ] {
        undone(&mut session, sql);
    }
}

/// Each needs the other: only deferred constraints let them come and go.
#[test]
fn undo_transaction_of_a_cycle() {
    for (name, deferred) in [
        ("immediate", "DEFERRABLE"),
        ("deferred", "DEFERRABLE INITIALLY DEFERRED"),
    ] {
        let mut session = related(
            &format!("undo_cycle_{name}"),
            &format!(
                "CREATE TABLE parent (id int PRIMARY KEY, favourite int NOT NULL);
                 CREATE TABLE child (id int PRIMARY KEY, up int NOT NULL REFERENCES parent {deferred});
                 ALTER TABLE parent ADD FOREIGN KEY (favourite) REFERENCES child {deferred};
                 BEGIN; SET CONSTRAINTS ALL DEFERRED;
                 INSERT INTO parent VALUES (1, 10), (2, 20); INSERT INTO child VALUES (10, 1), (20, 2), (21, 2); COMMIT"
            ),
        );
        for sql in [
            "SET CONSTRAINTS ALL DEFERRED; INSERT INTO parent VALUES (3, 30); INSERT INTO child VALUES (30, 3)",
            "SET CONSTRAINTS ALL DEFERRED; DELETE FROM parent WHERE id = 2; DELETE FROM child WHERE up = 2",
            "SET CONSTRAINTS ALL DEFERRED; UPDATE parent SET id = 5, favourite = 21 WHERE id = 2; UPDATE child SET up = 5 WHERE up = 2",
        ] {
            undone(&mut session, sql);
        }
    }
}

/// A row of another transaction holds the parent that this one made: the error names the constraint.
#[test]
fn undo_transaction_of_a_parent_that_others_hold() {
    let mut session = related(
        "undo_held",
        "CREATE TABLE parent (id int PRIMARY KEY);
         CREATE TABLE child (id int PRIMARY KEY, up int CONSTRAINT holds REFERENCES parent)",
    );
    let id = transaction(
        &mut session,
        "INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (10, 1)",
    );
    session.run("INSERT INTO child VALUES (11, 2)");
    let before = contents(&mut session, &["parent", "child"]);
    for options in ["", ", force => true"] {
        let raised = session.error(&undoing(&id, options));
        assert_eq!(
            (
                raised.state.as_str(),
                raised.constraint.as_str(),
                raised.table.as_str()
            ),
            ("23503", "holds", "child")
        );
    }
    assert_eq!(contents(&mut session, &["parent", "child"]), before);
}

/// What the caller has set for its constraints is as before.
#[test]
fn undo_transaction_in_a_transaction_with_constraints_of_its_own() {
    let mut session = related(
        "undo_constraints",
        "CREATE TABLE parent (id int PRIMARY KEY);
         CREATE TABLE child (id int PRIMARY KEY, up int CONSTRAINT holds REFERENCES parent DEFERRABLE)",
    );
    let id = transaction(
        &mut session,
        "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (10, 1)",
    );
    session.run("BEGIN");
    session.run(&undoing(&id, ""));
    // Immediate as before: the child is refused at once.
    let raised = session.error("INSERT INTO child VALUES (11, 1)");
    assert_eq!(
        (raised.state.as_str(), raised.constraint.as_str()),
        ("23503", "holds")
    );
    session.run("ROLLBACK");
    session.run("BEGIN; SET CONSTRAINTS holds DEFERRED; INSERT INTO child VALUES (12, 2)");
    session.run(&undoing(&id, ""));
    session.run("INSERT INTO parent VALUES (2); COMMIT");
    session.shows("SELECT string_agg(id::text, ' ') FROM child", "12");
}
