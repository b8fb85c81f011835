//! Which fields are saved, and how.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::scope::{activities, revisions, tracked};
    use crate::pg_tests::support::{check_history, entries, run, shows, yes};
    use pgrx::prelude::*;

    #[pg_test]
    fn scope_exclude_is_never_saved() {
        tracked("sco_excl", ", exclude => '{secret}'");
        run("INSERT INTO sco_excl VALUES (1, 'a', 1, 'hidden');
             UPDATE sco_excl SET v = 'b', secret = 'still hidden';
             UPDATE sco_excl SET secret = 'hidden again';
             DELETE FROM sco_excl");
        let all = entries("sco_excl");
        assert_eq!(all[0], r#"create 1 {"n": 1, "v": "a", "id": 1}"#);
        assert_eq!(all[1], r#"update 1 {"v": "b"} was {"v": "a"}"#);
        assert_eq!(
            *all.last().unwrap(),
            r#"delete 1 was {"n": 1, "v": "b", "id": 1}"#
        );
        assert_eq!(
            revisions("sco_excl"),
            3,
            "a change of it alone leaves no revision: {all:?}"
        );
        assert!(!yes(
            "SELECT bool_or(strpos(concat(data, delta, prior), 'hidden') > 0)
                      FROM directus_versions.revisions WHERE collection = 'sco_excl'"
        ));
        assert!(!yes(
            "SELECT bool_or(strpos(l::text, 'hidden') > 0) FROM directus_versions.log l
                      WHERE transaction = pg_current_xact_id()"
        ));
        check_history("sco_excl");
    }

    #[pg_test]
    fn scope_fields_are_the_only_ones_saved() {
        tracked("sco_fields", ", fields => '{id,v}'");
        run("INSERT INTO sco_fields VALUES (1, 'a', 1, 'x');
             UPDATE sco_fields SET v = 'b', n = 2;
             UPDATE sco_fields SET secret = 'y'");
        let all = entries("sco_fields");
        assert_eq!(
            all[..2],
            [
                r#"create 1 {"v": "a", "id": 1}"#,
                r#"update 1 {"v": "b"} was {"v": "a"}"#
            ]
        );
        assert_eq!(revisions("sco_fields"), 2);
        run(
            "SELECT directus_versions.set_scope('sco_fields', fields => '{}');
             UPDATE sco_fields SET secret = 'z'",
        );
        assert_eq!(
            *entries("sco_fields").last().unwrap(),
            r#"update 1 {"secret": "z"} was {"secret": "y"}"#
        );
    }

    #[pg_test]
    fn scope_fields_without_the_key_still_name_the_item() {
        tracked("sco_nokey", ", fields => '{v}'");
        run(
            "INSERT INTO sco_nokey VALUES (1, 'a'), (2, 'b'); UPDATE sco_nokey SET v = 'c' WHERE id = 2",
        );
        shows(
            "SELECT string_agg(item, ',' ORDER BY id) FROM directus_versions.activity
             WHERE collection = 'sco_nokey'",
            "1,2,2",
        );
        shows(
            "SELECT string_agg(delta->>'v', ',' ORDER BY id) FROM directus_versions.revisions
             WHERE collection = 'sco_nokey'",
            "a,b,c",
        );
    }

    #[pg_test]
    fn scope_ignored_change_alone_records_nothing() {
        tracked("sco_ign", ", ignore => '{n}'");
        run("INSERT INTO sco_ign VALUES (1, 'a', 1);
             UPDATE sco_ign SET n = 2; UPDATE sco_ign SET n = 3, v = v;
             UPDATE sco_ign SET n = 4, v = 'b'");
        assert_eq!(activities("sco_ign"), 2);
        assert!(yes("SELECT delta @> '{\"v\": \"b\"}' AND prior @> '{\"v\": \"a\"}'
                     FROM directus_versions.revisions WHERE collection = 'sco_ign' ORDER BY id DESC LIMIT 1"));
        check_history("sco_ign");
    }

    #[pg_test]
    fn scope_mask_hides_and_still_sees() {
        tracked("sco_mask", ", mask => '{secret}'");
        run(
            "INSERT INTO sco_mask VALUES (1, 'a', 1, 'pw1'), (2, 'b', 2, NULL);
             UPDATE sco_mask SET secret = 'pw2' WHERE id = 1;
             UPDATE sco_mask SET secret = 'pw2' WHERE id = 1;
             UPDATE sco_mask SET v = 'c' WHERE id = 1;
             DELETE FROM sco_mask WHERE id = 1",
        );
        assert_eq!(
            entries("sco_mask")[0],
            r#"create 1 {"n": 1, "v": "a", "id": 1, "secret": "**********"}"#
        );
        let tail = &entries("sco_mask")[2..];
        assert_eq!(
            tail[0],
            r#"update 1 {"secret": "**********"} was {"secret": "**********"}"#
        );
        assert_eq!(tail[1], r#"update 1 {"v": "c"} was {"v": "a"}"#);
        assert_eq!(
            tail[2],
            r#"delete 1 was {"n": 1, "v": "c", "id": 1, "secret": "**********"}"#
        );
        assert!(!yes(
            "SELECT bool_or(strpos(l::text, 'pw') > 0) FROM directus_versions.log l
                      WHERE transaction = pg_current_xact_id()"
        ));
        check_history("sco_mask");
    }

    #[pg_test]
    fn scope_snapshot_always_and_keyframes_read_alike() {
        tracked("sco_snap", ", snapshot => 'always'");
        run(
            "INSERT INTO sco_snap VALUES (1, 'a', 1); UPDATE sco_snap SET v = 'b';
             SELECT directus_versions.set_scope('sco_snap', snapshot => 'keyframes');
             UPDATE sco_snap SET n = 2; UPDATE sco_snap SET n = 3;
             SELECT directus_versions.set_scope('sco_snap', snapshot => 'always');
             UPDATE sco_snap SET v = 'c'; DELETE FROM sco_snap",
        );
        shows(
            "SELECT string_agg((data->>'v') || (data->>'n'), ' ' ORDER BY id)
             FROM directus_versions.revisions WHERE collection = 'sco_snap'",
            "a1 b1 b2 b3 c3 c3",
        );
        check_history("sco_snap");
    }

    #[pg_test]
    fn scope_set_scope_leaves_what_is_not_named() {
        tracked("sco_leave", ", exclude => '{secret}', ignore => '{n}'");
        let scope = "SELECT accountability || ' ' || exclude::text || ' ' || ignore::text || ' ' || mask::text || ' ' || snapshot
             FROM directus_versions.collections WHERE collection = 'sco_leave'";
        shows(scope, "all {secret} {n} {} keyframes");
        run("SELECT directus_versions.set_scope('sco_leave', mask => '{v}')");
        shows(scope, "all {secret} {n} {v} keyframes");
        run(
            "SELECT directus_versions.set_scope('sco_leave', accountability => 'activity', exclude => '{}', snapshot => 'always')",
        );
        shows(scope, "activity {} {n} {v} always");
        run("SELECT directus_versions.set_scope('sco_leave')");
        shows(scope, "activity {} {n} {v} always");
        run("SELECT directus_versions.set_scope('sco_leave', accountability => 'all', ignore => '{}', mask => '{}');
             INSERT INTO sco_leave VALUES (1, 'a', 1, 's'); UPDATE sco_leave SET n = 2");
        assert_eq!(
            entries("sco_leave"),
            [
                r#"create 1 {"n": 1, "v": "a", "id": 1, "secret": "s"}"#,
                r#"update 1 {"n": 2} was {"n": 1}"#,
            ]
        );
    }

    #[pg_test]
    fn scope_key_is_changed() {
        run("CREATE TABLE sco_key (a int, b text, v int);
             SELECT directus_versions.track('sco_key', key => '{a}');
             INSERT INTO sco_key VALUES (1, 'x', 0);
             SELECT directus_versions.set_scope('sco_key', key => '{b}');
             INSERT INTO sco_key VALUES (2, 'y', 0);
             SELECT directus_versions.set_scope('sco_key', key => '{a,b}');
             INSERT INTO sco_key VALUES (3, 'z', 0)");
        assert_eq!(
            entries("sco_key"),
            [
                r#"create 1 {"a": 1, "b": "x", "v": 0}"#,
                r#"create y {"a": 2, "b": "y", "v": 0}"#,
                r#"create [3, "z"] {"a": 3, "b": "z", "v": 0}"#,
            ]
        );
    }

    #[pg_test]
    fn scope_replicated_writes_are_recorded_where_asked_for() {
        tracked("sco_repl", "");
        run(
            "SELECT directus_versions.set_scope('sco_repl', replicated => true);
             SET LOCAL session_replication_role = replica;
             INSERT INTO sco_repl VALUES (1, 'a'); UPDATE sco_repl SET v = 'b';
             SET LOCAL session_replication_role = origin;
             UPDATE sco_repl SET v = 'c';
             SELECT directus_versions.set_scope('sco_repl', replicated => false);
             SET LOCAL session_replication_role = replica;
             UPDATE sco_repl SET v = 'd';
             SET LOCAL session_replication_role = origin",
        );
        assert_eq!(entries("sco_repl").len(), 3);
    }
}
