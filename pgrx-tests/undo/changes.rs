//! One change is taken back: its own fields, and no others.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{error, int, run, shows, state, text};
    use crate::pg_tests::undo::{revision, tracked, undo};
    use pgrx::prelude::*;

    #[pg_test]
    fn undo_of_an_update_takes_back_its_fields_alone() {
        tracked("und_update");
        run("INSERT INTO und_update VALUES (1, 'a', 1)");
        let renamed = revision("und_update", "UPDATE und_update SET v = 'b'");
        run("UPDATE und_update SET n = 2");
        assert!(undo(renamed).is_some());
        shows("SELECT concat(v, n) FROM und_update", "a2");
    }

    /// Whatever came since, as long as it was elsewhere.
    #[pg_test]
    fn undo_in_any_order() {
        run(
            "CREATE TABLE und_order (id int PRIMARY KEY, a int, b int, c int);
             SELECT directus_versions.track('und_order');
             INSERT INTO und_order VALUES (1, 0, 0, 0)",
        );
        let a = revision("und_order", "UPDATE und_order SET a = 1");
        let b = revision("und_order", "UPDATE und_order SET b = 1");
        let c = revision("und_order", "UPDATE und_order SET c = 1");
        undo(b);
        shows("SELECT concat(a, b, c) FROM und_order", "101");
        undo(a);
        shows("SELECT concat(a, b, c) FROM und_order", "001");
        undo(c);
        shows("SELECT concat(a, b, c) FROM und_order", "000");
    }

    #[pg_test]
    fn undo_of_the_newest_changes_one_by_one() {
        tracked("und_back");
        let mut steps = vec![revision(
            "und_back",
            "INSERT INTO und_back VALUES (1, 'v0', 0)",
        )];
        for i in 1..=10 {
            steps.push(revision(
                "und_back",
                &format!("UPDATE und_back SET v = 'v{i}', n = {i} / 2"),
            ));
        }
        for (i, step) in steps.iter().enumerate().skip(1).rev() {
            assert!(undo(*step).is_some());
            shows(
                "SELECT concat(v, ' ', n) FROM und_back",
                &format!("v{} {}", i - 1, (i - 1) / 2),
            );
        }
        undo(steps[0]);
        shows("SELECT count(*) FROM und_back", "0");
    }

    #[pg_test]
    fn undo_of_a_create_deletes() {
        tracked("und_create");
        let created = revision("und_create", "INSERT INTO und_create VALUES (1, 'a', NULL)");
        run("INSERT INTO und_create VALUES (2, 'b', 2)");
        let done = undo(created).unwrap();
        shows("SELECT string_agg(id::text, ' ') FROM und_create", "2");
        shows(
            &format!(
                "SELECT a.action || a.item || r.prior FROM directus_versions.revisions r
                 JOIN directus_versions.activity a ON a.id = r.activity WHERE r.id = {done}"
            ),
            r#"delete1{"n": null, "v": "a", "id": 1}"#,
        );
    }

    #[pg_test]
    fn undo_of_a_delete_creates() {
        run("CREATE TABLE und_delete (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a numeric, j json,
                 twice numeric GENERATED ALWAYS AS (a * 2) STORED);
             SELECT directus_versions.track('und_delete');
             INSERT INTO und_delete (a, j) VALUES (1.0, '{\"a\" :  1}'), (2, NULL)");
        let before = text("SELECT t::text FROM und_delete t WHERE id = 1");
        let deleted = revision("und_delete", "DELETE FROM und_delete WHERE id = 1");
        let done = undo(deleted).unwrap();
        assert_eq!(
            text("SELECT t::text FROM und_delete t WHERE id = 1"),
            before
        );
        shows(
            &format!("SELECT action FROM directus_versions.activity WHERE id = {done}"),
            "create",
        );
        shows("SELECT last_value FROM und_delete_id_seq", "2");
    }

    /// Of an update, of a create and of a delete: an undo undone puts back what was.
    #[pg_test]
    fn undo_of_an_undo_restores() {
        tracked("und_twice");
        let created = revision("und_twice", "INSERT INTO und_twice VALUES (1, 'a', 1)");
        let updated = revision("und_twice", "UPDATE und_twice SET v = 'b'");
        let back = undo(updated).unwrap();
        shows("SELECT v FROM und_twice", "a");
        let forth = undo(back).unwrap();
        shows("SELECT v FROM und_twice", "b");
        undo(forth);
        shows("SELECT v FROM und_twice", "a");
        let gone = undo(created).unwrap();
        shows("SELECT count(*) FROM und_twice", "0");
        let again = undo(gone).unwrap();
        shows("SELECT concat(v, n) FROM und_twice", "a1");
        undo(again);
        shows("SELECT count(*) FROM und_twice", "0");
        let deleted =
            int("SELECT max(id) FROM directus_versions.revisions WHERE collection = 'und_twice'");
        undo(deleted);
        shows("SELECT concat(id, v, n) FROM und_twice", "1a1");
    }

    #[pg_test]
    fn undo_of_a_revert() {
        tracked("und_revert");
        let created = revision("und_revert", "INSERT INTO und_revert VALUES (1, 'a', 1)");
        run("UPDATE und_revert SET v = 'b', n = 2");
        let reverted = revision(
            "und_revert",
            &format!("SELECT directus_versions.revert({created})"),
        );
        undo(reverted);
        shows("SELECT concat(v, n) FROM und_revert", "b2");
    }

    #[pg_test]
    fn undo_of_a_change_of_key() {
        run(
            "CREATE TABLE und_key (id int PRIMARY KEY DEFERRABLE, v text);
             SELECT directus_versions.track('und_key');
             INSERT INTO und_key VALUES (1, 'a'), (2, 'b')",
        );
        let moved = revision("und_key", "UPDATE und_key SET id = 5 WHERE id = 1");
        run("UPDATE und_key SET v = 'c' WHERE id = 5");
        assert!(undo(moved).is_some());
        shows(
            "SELECT string_agg(id || v, ' ' ORDER BY id) FROM und_key",
            "1c 2b",
        );
        // The change of another field, made under the other key.
        let renamed = int(
            "SELECT max(revision) FROM directus_versions.history('und_key', 1) WHERE delta = '{\"v\": \"c\"}'",
        );
        assert!(undo(renamed).is_some());
        shows(
            "SELECT string_agg(id || v, ' ' ORDER BY id) FROM und_key",
            "1a 2b",
        );
    }

    #[pg_test]
    fn undo_of_a_change_of_an_item_whose_key_changed_since() {
        run(
            "CREATE TABLE und_rekeyed (id int PRIMARY KEY DEFERRABLE, v text);
             SELECT directus_versions.track('und_rekeyed');
             INSERT INTO und_rekeyed VALUES (1, 'a'), (2, 'x')",
        );
        let renamed = revision("und_rekeyed", "UPDATE und_rekeyed SET v = 'b' WHERE id = 1");
        run("UPDATE und_rekeyed SET id = 3 - id");
        undo(renamed);
        shows(
            "SELECT string_agg(id || v, ' ' ORDER BY id) FROM und_rekeyed",
            "1x 2a",
        );
    }

    #[pg_test]
    fn undo_follows_columns_and_not_names() {
        tracked("und_names");
        run("INSERT INTO und_names VALUES (1, 'a', 1)");
        let both = revision("und_names", "UPDATE und_names SET v = 'b', n = 2");
        run(
            "ALTER TABLE und_names RENAME v TO w; ALTER TABLE und_names DROP n; ALTER TABLE und_names ADD n int DEFAULT 7",
        );
        assert!(undo(both).is_some());
        shows("SELECT concat(w, n) FROM und_names", "a7");
    }

    #[pg_test]
    fn undo_of_an_item_older_than_its_tracking() {
        run("CREATE TABLE und_old (id int PRIMARY KEY, v text, n int);
             INSERT INTO und_old VALUES (1, 'old', 1), (2, 'old', 2);
             SELECT directus_versions.track('und_old')");
        let updated = revision("und_old", "UPDATE und_old SET v = 'new' WHERE id = 1");
        let deleted = revision("und_old", "DELETE FROM und_old WHERE id = 2");
        undo(deleted);
        undo(updated);
        shows(
            "SELECT string_agg(id || v || n, ' ' ORDER BY id) FROM und_old",
            "1old1 2old2",
        );
    }

    /// A masked field has no value to go back to; the others have.
    #[pg_test]
    fn undo_leaves_masked_fields() {
        run(
            "CREATE TABLE und_mask (id int PRIMARY KEY, v text, secret text);
             SELECT directus_versions.track('und_mask', mask => '{secret}');
             INSERT INTO und_mask VALUES (1, 'a', 'one')",
        );
        let both = revision("und_mask", "UPDATE und_mask SET v = 'b', secret = 'two'");
        let alone = revision("und_mask", "UPDATE und_mask SET secret = 'three'");
        assert_eq!(undo(alone), None);
        assert!(text(&format!("SELECT directus_versions.undo({both}, true)")).is_some());
        shows("SELECT concat(v, ' ', secret) FROM und_mask", "a three");
    }

    #[pg_test]
    fn undo_changes_what_only_bytes_tell_apart() {
        run(
            "CREATE TABLE und_bytes (id int PRIMARY KEY, n numeric, j json, f float8);
             SELECT directus_versions.track('und_bytes');
             INSERT INTO und_bytes VALUES (1, 1.0, '{\"a\" :  1}', '-0')",
        );
        for change in ["n = 1.00", "j = '{\"a\": 1}'", "f = 0"] {
            let changed = revision("und_bytes", &format!("UPDATE und_bytes SET {change}"));
            assert!(undo(changed).is_some(), "{change}");
            shows(
                "SELECT concat(n, j, f) FROM und_bytes",
                r#"1.0{"a" :  1}-0"#,
            );
        }
    }

    #[pg_test]
    fn undo_of_an_unknown_revision() {
        tracked("und_none");
        run("INSERT INTO und_none VALUES (1, 'a', 1)");
        let beyond = int("SELECT max(id) + 1000000 FROM directus_versions.activity");
        for id in [beyond, 0, -1] {
            for call in [format!("undo({id})"), format!("undo({id}, true)")] {
                assert_eq!(
                    error(&format!("SELECT directus_versions.{call}")).state,
                    "P0002",
                    "{call}"
                );
            }
        }
        let event = int("SELECT directus_versions.log_activity('und_login')");
        assert_eq!(
            error(&format!("SELECT directus_versions.undo({event})")).state,
            "P0002"
        );
        let state = state("SELECT directus_versions.undo(NULL)");
        assert!(
            ["00000", "22023", "22004", "P0002"].contains(&state.as_str()),
            "{state}"
        );
        shows("SELECT v FROM und_none", "a");
    }
}
