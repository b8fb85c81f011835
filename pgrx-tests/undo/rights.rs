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

/// What the functions that go back are put together from shows nothing more than they do.
#[test]
fn undo_s_parts_show_no_hidden_rows() {
    let schema = "undo_parts";
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE s (id int PRIMARY KEY, belongs name, v text); SELECT directus_versions.track('s');
         INSERT INTO s VALUES (1, 'undo_clerk', 'mine'), (2, 'another', 'hush');
         ALTER TABLE s ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON s USING (belongs = current_user);
         CREATE TABLE k (ssn text PRIMARY KEY, nick text); SELECT directus_versions.track('k');
         INSERT INTO k VALUES ('hush', 'a')",
    );
    let of = |session: &mut Session, collection: &str, item: &str| {
        session.int(&format!(
            "SELECT max(id) FROM directus_versions.revisions WHERE collection = 'undo_parts.{collection}' AND item = '{item}'"
        ))
    };
    let (mine, other, key) = (
        of(&mut session, "s", "1"),
        of(&mut session, "s", "2"),
        of(&mut session, "k", "hush"),
    );
    let grants = format!("GRANT ALL ON s TO {ROLE}; GRANT SELECT (nick) ON k TO {ROLE}");
    for part in [
        format!(
            "SELECT * FROM directus_versions._undone(NULL::s, ARRAY[{other}, {mine}, 0], '{{v}}', NULL)"
        ),
        format!("SELECT directus_versions._present_item({other})"),
        format!("SELECT directus_versions._present_item({key})"),
        format!("SELECT directus_versions._restored(NULL::s, {other}, '{{v}}')"),
        format!("SELECT directus_versions._restored(NULL::k, {key}, '{{nick}}')"),
    ] {
        as_clerk(&mut session, &grants, |session| {
            let raised = session.error(&part);
            assert!(
                ["42501", "P0002"].contains(&raised.state.as_str()),
                "{part}: {raised:?}"
            );
            assert!(
                !format!("{raised:?}").contains("hush"),
                "{part}: {raised:?}"
            );
        });
    }
}

/// A policy lets the rows be seen and not changed: nothing is undone, not half of it.
#[test]
fn undo_of_rows_that_a_policy_keeps_from_update() {
    let schema = "undo_policy";
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE s (id int PRIMARY KEY, v text); SELECT directus_versions.track('s');
         INSERT INTO s VALUES (1, 'a'), (2, 'a'); ALTER TABLE s ENABLE ROW LEVEL SECURITY;
         CREATE POLICY seen ON s FOR SELECT USING (true); CREATE POLICY own ON s FOR UPDATE USING (id > 1)",
    );
    let id = transaction(&mut session, "UPDATE s SET v = 'b'");
    as_clerk(
        &mut session,
        &format!("GRANT ALL ON s TO {ROLE}"),
        |session| {
            assert_eq!(session.state(&undoing(&id, "")), "42501");
        },
    );
    session.shows("SELECT string_agg(v, '') FROM s", "bb");
}

/// An undo that fails within another one's trigger leaves nothing behind by which a write could pretend to be one.
#[test]
fn undo_that_fails_within_another_ends_its_work() {
    let schema = "undo_nested";
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'a');
         CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             BEGIN PERFORM directus_versions.undo(99999999); EXCEPTION WHEN OTHERS THEN NULL; END;
             RETURN NEW;
         END $$",
    );
    session.run("UPDATE t SET v = 'b'; CREATE TRIGGER f BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION fails()");
    let last = "SELECT max(id) FROM directus_versions.revisions WHERE collection = 'undo_nested.t'";
    let id = session.int(last);
    session.run("BEGIN");
    assert!(
        session
            .text(&format!("SELECT directus_versions.undo({id})"))
            .is_some()
    );
    assert_eq!(
        session.state("SELECT directus_versions._announce(1, '1', 1, 'forged')"),
        "42501"
    );
    session.run("ROLLBACK");
}
