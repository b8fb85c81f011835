//! What the tables refuse is named as the server names it, and nothing is done of any of it.
#![cfg(test)]

use super::{contents, recorded, transaction, undoing};
use crate::pg_tests::support::{Raised, Session, in_schema};

/// Run a transaction over two tables, then something that stands in its way; undo by force too.
fn hindered(schema: &str, sql: &str, then: &str) -> Raised {
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n int); CREATE TABLE u (id int PRIMARY KEY, v text);
         SELECT directus_versions.track('t'), directus_versions.track('u');
         INSERT INTO t VALUES (1, 'a', 1), (2, NULL, -2); INSERT INTO u VALUES (1, 'a')",
    );
    let id = transaction(
        &mut session,
        &format!("UPDATE u SET v = 'b'; {sql}; UPDATE u SET v = 'c'"),
    );
    session.run(then);
    let state = |session: &mut Session| (contents(session, &["t", "u"]), recorded(session, schema));
    let before = state(&mut session);
    let raised = session.error(&undoing(&id, ""));
    assert_eq!(state(&mut session), before);
    assert_eq!(session.error(&undoing(&id, ", force => true")), raised);
    assert_eq!(state(&mut session), before);
    raised
}

#[test]
fn undo_transaction_that_a_constraint_refuses() {
    for (schema, sql, then, state, named) in [
        (
            "undo_null",
            "UPDATE t SET v = 'b'",
            "ALTER TABLE t ALTER v SET NOT NULL",
            "23502",
            "v",
        ),
        (
            "undo_check",
            "DELETE FROM t WHERE id = 2",
            "ALTER TABLE t ADD CONSTRAINT positive CHECK (n > 0)",
            "23514",
            "positive",
        ),
        (
            "undo_unique",
            "DELETE FROM t WHERE id = 1",
            "ALTER TABLE t ADD CONSTRAINT one UNIQUE (n); INSERT INTO t VALUES (3, 'x', 1)",
            "23505",
            "one",
        ),
        (
            "undo_parent",
            "UPDATE t SET n = 1",
            "CREATE TABLE up (id int PRIMARY KEY); INSERT INTO up VALUES (1);
             ALTER TABLE t ADD CONSTRAINT has_up FOREIGN KEY (n) REFERENCES up",
            "23503",
            "has_up",
        ),
    ] {
        let raised = hindered(schema, sql, then);
        assert_eq!(raised.state, state, "{raised:?}");
        assert_eq!(raised.table, "t", "{raised:?}");
        assert!(
            [&raised.constraint, &raised.column].contains(&&named.to_owned()),
            "{raised:?}"
        );
    }
}

#[test]
fn undo_transaction_that_a_trigger_refuses() {
    let raised = hindered(
        "undo_trigger",
        "UPDATE t SET v = 'b'",
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'closed' USING ERRCODE = 'MY001', CONSTRAINT = 'mine'; END $$;
         CREATE TRIGGER b BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION no()",
    );
    assert_eq!(
        (
            raised.state.as_str(),
            raised.message.as_str(),
            raised.constraint.as_str()
        ),
        ("MY001", "closed", "mine")
    );
}
