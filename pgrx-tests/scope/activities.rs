//! Changing what is recorded is recorded.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::scope::{create, revisions, tracked};
    use crate::pg_tests::support::{
        check_history, error, int, run, shows, state, table, text, yes,
    };
    use pgrx::prelude::*;

    /// Give the changes of a collection's scope, each as `action: comment`.
    fn changes(collection: &str) -> Vec<String> {
        table(&format!(
            "SELECT concat_ws(': ', action, comment) FROM directus_versions.activity
             WHERE collection = '{collection}' AND item IS NULL AND action <> 'truncate' ORDER BY id"
        ))
        .into_iter()
        .flatten()
        .flatten()
        .collect()
    }

    #[pg_test]
    fn scope_change_is_an_activity() {
        tracked("sco_audit", "");
        assert!(changes("sco_audit").is_empty(), "to begin is no change");
        run("INSERT INTO sco_audit VALUES (1, 'a', 1, 's');
             SET LOCAL directus_versions.actor = 'ada';
             SELECT directus_versions.set_scope('sco_audit', mask => '{secret}', ignore => '{n,v}');
             SELECT directus_versions.set_scope('sco_audit', accountability => 'none', mask => '{}',
                 snapshot => 'always', exclude => '{n}', fields => '{id,v}', replicated => true)");
        assert_eq!(
            changes("sco_audit"),
            [
                "set_scope: ignore: {} -> {n,v}; mask: {} -> {secret}",
                "set_scope: accountability: all -> none; fields: {} -> {id,v}; exclude: {} -> {n}; \
                 mask: {secret} -> {}; snapshot: keyframes -> always; replicated: false -> true",
            ]
        );
        shows(
            "SELECT string_agg(DISTINCT concat_ws(' ', actor, role_name = current_user, session_user_name = session_user,
                 transaction = pg_current_xact_id(), \"timestamp\" = statement_timestamp()), ',')
             FROM directus_versions.activity WHERE collection = 'sco_audit' AND action = 'set_scope'",
            "ada t t t t",
        );
        assert_eq!(revisions("sco_audit"), 1, "it is no revision");
    }

    #[pg_test]
    fn scope_change_that_changes_nothing_is_none() {
        tracked(
            "sco_same",
            ", mask => '{secret}', fields => '{id,v,secret}', snapshot => 'always'",
        );
        for options in [
            "",
            ", accountability => 'all'",
            ", mask => '{secret}', fields => '{id,v,secret}', snapshot => 'always', exclude => '{}', key => '{}'",
            ", replicated => false",
        ] {
            run(&format!(
                "SELECT directus_versions.set_scope('sco_same'{options})"
            ));
            assert!(changes("sco_same").is_empty(), "{options}");
        }
        assert_eq!(
            state("SELECT directus_versions.set_scope('sco_same', mask => '{gone}')"),
            "42703"
        );
        assert!(changes("sco_same").is_empty(), "nor is one that fails");
    }

    #[pg_test]
    fn scope_end_and_new_beginning_are_activities() {
        tracked("sco_stop", ", mask => '{secret}'");
        run("SET LOCAL directus_versions.comment = 'as asked for';
             SELECT directus_versions.untrack('sco_stop');
             INSERT INTO sco_stop VALUES (1);
             SELECT directus_versions.track('sco_stop', mask => '{secret}');
             SELECT directus_versions.untrack('sco_stop');
             SELECT directus_versions.track('sco_stop', key => '{id}')");
        assert_eq!(
            changes("sco_stop"),
            [
                "untrack: as asked for",
                "track: as asked for",
                "untrack: as asked for",
                "track: mask: {secret} -> {}; key: {} -> {id}",
            ]
        );
        assert!(yes(
            "SELECT count(DISTINCT id) = count(*) FROM directus_versions.activity WHERE collection = 'sco_stop'"
        ));
    }

    #[pg_test]
    fn scope_relink_is_one_activity() {
        for (name, begin) in [
            ("sco_anew", ""),
            ("sco_anew2", "SELECT directus_versions.track('sco_anew2')"),
        ] {
            tracked(&format!("{name}_made"), "");
            run(&format!(
                "INSERT INTO {name}_made VALUES (1, 'a'); DROP TABLE {name}_made"
            ));
            create(name);
            run(begin);
            run(&format!(
                "SELECT directus_versions.relink('{name}', '{name}_made')"
            ));
            assert_eq!(
                changes(name),
                [format!("relink: collection: {name}_made -> {name}")]
            );
            assert_eq!(
                int("SELECT count(*) FROM directus_versions.log
                     WHERE collection NOT IN (SELECT id FROM directus_versions.collection)"),
                0,
                "nothing of what the table was before"
            );
        }
    }

    #[pg_test]
    fn scope_of_a_schema_begins_without_an_activity() {
        run(
            "CREATE SCHEMA sco_quiet; CREATE TABLE sco_quiet.a (id int PRIMARY KEY);
             SELECT directus_versions.track_schema('sco_quiet');
             CREATE TABLE sco_quiet.b (id int PRIMARY KEY)",
        );
        assert!(changes("sco_quiet.a").is_empty());
        assert!(changes("sco_quiet.b").is_empty());
    }

    /// The role that is told is the caller's, not the one whose rights did the work.
    #[pg_test]
    fn scope_change_tells_who_made_it() {
        run(
            "CREATE ROLE sco_owner; GRANT CREATE ON SCHEMA public TO sco_owner;
             SELECT directus_versions.grant_access('sco_owner', 'manage');
             SET LOCAL ROLE sco_owner;
             CREATE TABLE sco_whose (id int PRIMARY KEY, v text);
             SELECT directus_versions.track('sco_whose');
             SELECT directus_versions.set_scope('sco_whose', mask => '{v}');
             SELECT directus_versions.untrack('sco_whose');
             SELECT directus_versions.track('sco_whose');
             RESET ROLE",
        );
        shows(
            "SELECT string_agg(action || ' ' || role_name, ', ' ORDER BY id) FROM directus_versions.activity
             WHERE collection = 'sco_whose'",
            "set_scope sco_owner, untrack sco_owner, track sco_owner",
        );
    }

    #[pg_test]
    fn scope_change_is_shown_to_readers_of_the_table() {
        tracked("sco_shown", "");
        run(
            "SELECT directus_versions.set_scope('sco_shown', mask => '{secret}');
             CREATE ROLE sco_reader; CREATE ROLE sco_other;
             SELECT directus_versions.grant_access('sco_reader', 'read');
             SELECT directus_versions.grant_access('sco_other', 'read');
             GRANT SELECT ON sco_shown TO sco_reader",
        );
        for (role, expected) in [("sco_reader", 1), ("sco_other", 0)] {
            run(&format!("SET LOCAL ROLE {role}"));
            assert_eq!(changes("sco_shown").len(), expected, "{role}");
            run("RESET ROLE");
        }
        run("ALTER TABLE sco_shown ENABLE ROW LEVEL SECURITY; SET LOCAL ROLE sco_reader");
        assert_eq!(changes("sco_shown").len(), 1, "it is of no row");
        run("RESET ROLE");
    }

    #[pg_test]
    fn scope_change_is_not_forged() {
        for action in ["track", "set_scope", "untrack", "relink"] {
            let raised = error(&format!(
                "SELECT directus_versions.log_activity('{action}', 'x')"
            ));
            assert_eq!(raised.state, "22023", "{raised:?}");
        }
        run("CREATE ROLE sco_forger; GRANT sco_forger TO CURRENT_USER;
             SELECT directus_versions.grant_access('sco_forger', 'manage'); SET LOCAL ROLE sco_forger");
        assert_eq!(
            state("SELECT directus_versions._log_scope(1, 'set_scope', 'mask: {} -> {v}')"),
            "42501"
        );
        run("RESET ROLE");
    }

    #[pg_test]
    fn scope_change_is_not_recorded_while_recording_is_off() {
        tracked("sco_off", "");
        run("SET LOCAL directus_versions.enabled = off;
             SELECT directus_versions.set_scope('sco_off', mask => '{v}');
             SET LOCAL directus_versions.enabled = on;
             SET LOCAL directus_versions.require_actor = on;
             SELECT directus_versions.set_scope('sco_off', mask => '{secret}')");
        assert_eq!(changes("sco_off"), ["set_scope: mask: {v} -> {secret}"]);
    }

    /// Nothing that reads revisions or goes back takes notice.
    #[pg_test]
    fn scope_change_leaves_the_history_as_it_is() {
        tracked("sco_calm", "");
        run("INSERT INTO sco_calm VALUES (1, 'a', 1, 's');
             SELECT directus_versions.set_scope('sco_calm', snapshot => 'always', ignore => '{n}');
             UPDATE sco_calm SET v = 'b';
             SELECT directus_versions.set_scope('sco_calm', ignore => '{}')");
        check_history("sco_calm");
        assert_eq!(
            int("SELECT count(*) FROM directus_versions.history('sco_calm', 1)"),
            2
        );
        assert_eq!(revisions("sco_calm"), 2);
        shows(
            "SELECT directus_versions.item_at('sco_calm', '1', 'infinity')->>'v'",
            "b",
        );
        shows(
            "SELECT r.v FROM directus_versions.as_of(NULL::sco_calm, 'infinity') r",
            "b",
        );
        shows(
            "SELECT string_agg(concat_ws(' ', action, item, conflict), ', ')
             FROM directus_versions.undo_transaction(pg_current_xact_id(), dry_run => true) u",
            "delete 1",
        );
        run("SELECT * FROM directus_versions.undo_transaction(pg_current_xact_id())");
        assert_eq!(text("SELECT v FROM sco_calm"), None);
    }
}
