//! History follows what is recorded: fields left out, masked or ignored, and snapshots.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::history::{check, column, listed, steps};
    use crate::pg_tests::support::{run, yes};
    use pgrx::prelude::*;

    fn scoped(name: &str, options: &str) {
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, v text, n int, secret text);
             SELECT directus_versions.track('{name}'{options})"
        ));
    }

    fn silent(name: &str) {
        assert!(!yes(&format!(
            "SELECT coalesce(bool_or(strpos(h::text, 'hush') > 0), true)
             FROM directus_versions.history('{name}', 1) h"
        )));
    }

    #[pg_test]
    fn history_never_has_an_excluded_field() {
        scoped("his_excl", ", exclude => '{secret}'");
        run("INSERT INTO his_excl VALUES (1, 'a', 1, 'hush');
             UPDATE his_excl SET v = 'b', secret = 'hush 2';
             UPDATE his_excl SET secret = 'hush 3';
             UPDATE his_excl SET n = 2;
             DELETE FROM his_excl");
        assert_eq!(
            steps("his_excl", "1"),
            [
                r#"create {"n": 1, "v": "a", "id": 1}"#,
                r#"update {"n": 1, "v": "b", "id": 1}"#,
                r#"update {"n": 2, "v": "b", "id": 1}"#,
                r#"delete {"n": 2, "v": "b", "id": 1}"#,
            ]
        );
        silent("his_excl");
    }

    /// The live row, from which an older item is told backwards, has it too.
    #[pg_test]
    fn history_of_an_older_item_never_has_an_excluded_or_masked_field() {
        run("CREATE TABLE his_excl_old (id int PRIMARY KEY, v text, secret text, code text);
             INSERT INTO his_excl_old VALUES (1, 'a', 'hush', 'hush');
             SELECT directus_versions.track('his_excl_old', exclude => '{secret}', mask => '{code}');
             UPDATE his_excl_old SET v = 'b'; UPDATE his_excl_old SET v = 'c'");
        assert_eq!(
            steps("his_excl_old", "1"),
            [
                r#"update {"v": "b", "id": 1, "code": "**********"}"#,
                r#"update {"v": "c", "id": 1, "code": "**********"}"#
            ]
        );
        silent("his_excl_old");
    }

    #[pg_test]
    fn history_shows_a_mask_and_that_it_changed() {
        scoped("his_mask", ", mask => '{secret}'");
        run("INSERT INTO his_mask VALUES (1, 'a', 1, 'hush');
             UPDATE his_mask SET secret = 'hush 2';
             UPDATE his_mask SET v = 'b'");
        assert_eq!(
            column("his_mask", "1", "delta"),
            [
                r#"{"n": 1, "v": "a", "id": 1, "secret": "**********"}"#,
                r#"{"secret": "**********"}"#,
                r#"{"v": "b"}"#
            ]
        );
        assert_eq!(
            column("his_mask", "1", "data")[2],
            r#"{"n": 1, "v": "b", "id": 1, "secret": "**********"}"#
        );
        silent("his_mask");
    }

    #[pg_test]
    fn history_has_the_named_fields_alone() {
        scoped("his_only", ", fields => '{id,v}'");
        run("INSERT INTO his_only VALUES (1, 'a', 1, 'hush');
             UPDATE his_only SET v = 'b', n = 2;
             UPDATE his_only SET secret = 'hush 2'");
        assert_eq!(
            steps("his_only", "1"),
            [
                r#"create {"v": "a", "id": 1}"#,
                r#"update {"v": "b", "id": 1}"#
            ]
        );
    }

    #[pg_test]
    fn history_leaves_out_changes_of_ignored_fields_alone() {
        scoped("his_ign", ", ignore => '{n}'");
        run("INSERT INTO his_ign VALUES (1, 'a', 1, 's');
             UPDATE his_ign SET n = 2; UPDATE his_ign SET n = 3;
             UPDATE his_ign SET v = 'b';
             UPDATE his_ign SET v = 'c', n = 4");
        assert_eq!(column("his_ign", "1", "data ->> 'v'"), ["a", "b", "c"]);
        assert_eq!(
            column("his_ign", "1", "action"),
            ["create", "update", "update"]
        );
    }

    /// Stored snapshots and data put together tell the same.
    #[pg_test]
    fn history_is_the_same_with_stored_snapshots() {
        for (name, snapshot) in [("his_snap", "always"), ("his_key", "keyframes")] {
            run(&format!(
                "CREATE TABLE {name} (id int PRIMARY KEY DEFERRABLE, v text, n int);
                 INSERT INTO {name} VALUES (100, 'older', 0), (101, 'older', 0);
                 SELECT directus_versions.track('{name}', snapshot => '{snapshot}');
                 INSERT INTO {name} SELECT i, 'v' || i, i FROM generate_series(1, 20) i;
                 UPDATE {name} SET n = n + 1;
                 UPDATE {name} SET id = id + 1;
                 UPDATE {name} SET v = v || '!' WHERE id % 2 = 0;
                 DELETE FROM {name} WHERE id % 5 = 0;
                 INSERT INTO {name} VALUES (5, 'again', 0);
                 UPDATE {name} SET n = 7, v = v"
            ));
        }
        let all = |name: &str| {
            listed(&format!(
                "SELECT concat_ws(' ', i, action, delta, prior, data)
                 FROM generate_series(1, 110) i, directus_versions.history('{name}', i)"
            ))
        };
        let stored = all("his_snap");
        assert!(stored.len() > 80, "{}", stored.len());
        assert_eq!(stored, all("his_key"));
    }

    #[pg_test]
    fn history_when_the_kind_of_snapshot_changes() {
        scoped("his_kinds", ", snapshot => 'always'");
        run(
            "INSERT INTO his_kinds VALUES (1, 'a', 1); UPDATE his_kinds SET v = 'b';
             SELECT directus_versions.set_scope('his_kinds', snapshot => 'keyframes');
             UPDATE his_kinds SET n = 2; UPDATE his_kinds SET n = 3;
             SELECT directus_versions.set_scope('his_kinds', snapshot => 'always');
             UPDATE his_kinds SET v = 'c'; DELETE FROM his_kinds",
        );
        check("his_kinds");
        assert_eq!(
            column("his_kinds", "1", "concat(data ->> 'v', data ->> 'n')"),
            ["a1", "b1", "b2", "b3", "c3", "c3"]
        );
    }

    /// Of what happened while only activity was kept there is no data, and none is made up.
    #[pg_test]
    fn history_of_activity_alone_has_no_data() {
        scoped("his_act", ", accountability => 'activity'");
        run("INSERT INTO his_act VALUES (1, 'a', 1); UPDATE his_act SET v = 'b'");
        assert_eq!(
            listed(
                "SELECT h::text FROM directus_versions.history('his_act', 1) h
                 WHERE h.delta IS NOT NULL OR h.prior IS NOT NULL OR h.data IS NOT NULL"
            ),
            [""; 0]
        );
    }
}
