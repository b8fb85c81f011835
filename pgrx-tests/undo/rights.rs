//! A transaction is undone with the caller's rights on every table that it wrote, or not at all.
#![cfg(test)]

use super::{contents, recorded, transaction, undoing};
use crate::pg_tests::support::{Session, in_schema};

const ROLE: &str = "undo_clerk";

/// Work as a role that has level `write` for the length of a transaction, which is rolled back: what
/// is granted to anybody, other tests would see.
fn as_clerk(session: &mut Session, grants: &str, step: impl FnOnce(&mut Session)) {
    let schema = session.text("SELECT current_schema()").unwrap();
    session.run(&format!(
        "BEGIN; CREATE ROLE {ROLE}; SELECT directus_versions.grant_access('{ROLE}', 'write');
         GRANT USAGE ON SCHEMA {schema} TO {ROLE}; {grants}; SET LOCAL ROLE {ROLE}"
    ));
    step(session);
    session.run("ROLLBACK");
}

#[test]
fn undo_transaction_with_the_caller_s_rights() {
    let schema = "undo_rights";
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY, v text);
         SELECT directus_versions.track('t'), directus_versions.track('u');
         INSERT INTO t VALUES (1, 'a'); INSERT INTO u VALUES (1, 'a')",
    );
    let id = transaction(
        &mut session,
        "UPDATE t SET v = 'b'; UPDATE u SET v = 'hush'; INSERT INTO u VALUES (2, 'hush')",
    );
    let before = (
        contents(&mut session, &["t", "u"]),
        recorded(&mut session, schema),
    );
    for grants in [
        format!("GRANT SELECT, UPDATE ON t TO {ROLE}; GRANT SELECT ON u TO {ROLE}"),
        format!("GRANT SELECT, UPDATE ON t, u TO {ROLE}"),
        format!("GRANT SELECT, DELETE ON u TO {ROLE}; GRANT ALL ON t TO {ROLE}"),
        // Half of a transaction is never undone because the other half is not to be seen.
        format!("GRANT ALL ON t TO {ROLE}"),
    ] {
        as_clerk(&mut session, &grants, |session| {
            let raised = session.error(&undoing(&id, ""));
            assert_eq!(raised.state, "42501", "{grants}: {raised:?}");
            assert!(
                !format!("{raised:?}").contains("hush"),
                "{grants}: {raised:?}"
            );
        });
        assert_eq!(
            (
                contents(&mut session, &["t", "u"]),
                recorded(&mut session, schema)
            ),
            before
        );
    }
    // Who may see nothing of it does not learn of it.
    as_clerk(&mut session, "SELECT 1", |session| {
        let raised = session.error(&undoing(&id, ", dry_run => true"));
        assert!(
            ["42501", "P0002"].contains(&raised.state.as_str()),
            "{raised:?}"
        );
    });
    as_clerk(
        &mut session,
        &format!("GRANT SELECT, UPDATE, DELETE ON t, u TO {ROLE}"),
        |session| {
            session.run("SET LOCAL directus_versions.actor = 'clerk'");
            session.run(&undoing(&id, ""));
            session.shows(
                "SELECT string_agg(v, ' ') FROM (TABLE t UNION ALL TABLE u) q",
                "a a",
            );
            session.shows(
                &format!(
                    "SELECT string_agg(DISTINCT actor || ' ' || role_name, ',') FROM directus_versions.activity
                     WHERE transaction = pg_current_xact_id() AND strpos(collection, '{schema}.') = 1"
                ),
                &format!("clerk {ROLE}"),
            );
        },
    );
}

/// Under row security the caller's own row is undone and recorded as an undo; another's is refused.
#[test]
fn undo_under_row_security() {
    let schema = "undo_rows";
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE s (id int PRIMARY KEY, belongs name, v text); SELECT directus_versions.track('s');
         INSERT INTO s VALUES (1, 'undo_clerk', 'a'), (2, 'another', 'a');
         ALTER TABLE s ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON s USING (belongs = current_user)",
    );
    let id = transaction(&mut session, "UPDATE s SET v = 'b' WHERE id = 1");
    let both = transaction(&mut session, "UPDATE s SET v = v || 'c'");
    let own = "SELECT max(r.id) FROM directus_versions.revisions r WHERE item = '1' AND delta ->> 'v' = 'bc'";
    let revision = session.text(own).unwrap();
    as_clerk(
        &mut session,
        &format!("GRANT ALL ON s TO {ROLE}"),
        |session| {
            assert_eq!(session.state(&undoing(&both, ", dry_run => true")), "42501");
        },
    );
    as_clerk(
        &mut session,
        &format!("GRANT ALL ON s TO {ROLE}"),
        |session| {
            let done = session
                .text(&format!("SELECT directus_versions.undo({revision})"))
                .unwrap();
            session.shows(
                &format!("SELECT concat(source, ' ', delta ->> 'v') FROM directus_versions.revisions WHERE id = {done}"),
                &format!("{revision} b"),
            );
            session.run(&undoing(&id, ""));
            session.shows("SELECT v FROM s", "a");
        },
    );
}
