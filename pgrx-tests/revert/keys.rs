//! Reverting over a change of the key.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::revert::{is_again, keep, recorded, refused, revert, revision};
    use crate::pg_tests::support::{int, run, shows};
    use pgrx::prelude::*;

    fn keyed(name: &str) -> i64 {
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY DEFERRABLE, v text);
             SELECT directus_versions.track('{name}')"
        ));
        revision(name, &format!("INSERT INTO {name} VALUES (1, 'a')"))
    }

    #[pg_test]
    fn revert_gives_an_item_its_former_key() {
        let created = keyed("rev_key");
        keep("rev_key");
        run("UPDATE rev_key SET id = 2; UPDATE rev_key SET id = 3, v = 'b'");
        let done = revert(created).unwrap();
        is_again("rev_key");
        assert_eq!(
            recorded(done),
            format!(r#"update 1 {{"v": "a", "id": 1}} {{"v": "b", "id": 3}} {created}"#)
        );
    }

    /// The former key is another row's: that row is not touched.
    #[pg_test]
    fn revert_when_the_former_key_is_used_again() {
        let created = keyed("rev_key_used");
        run(
            "UPDATE rev_key_used SET id = 2, v = 'b'; INSERT INTO rev_key_used VALUES (1, 'other')",
        );
        let raised = refused("rev_key_used", created);
        assert_eq!(
            (
                raised.state.as_str(),
                raised.constraint.as_str(),
                raised.table.as_str()
            ),
            ("23505", "rev_key_used_pkey", "rev_key_used")
        );
        // All but the key can be had.
        run(&format!(
            "SELECT directus_versions.revert({created}, '{{v}}')"
        ));
        shows(
            "SELECT string_agg(id || v, ' ' ORDER BY id) FROM rev_key_used",
            "1other 2a",
        );
    }

    /// A revision tells of its row, wherever the keys went in one statement.
    #[pg_test]
    fn revert_after_all_keys_shifted() {
        let created = keyed("rev_key_shift");
        run("INSERT INTO rev_key_shift VALUES (2, 'b'), (3, 'c');
             UPDATE rev_key_shift SET id = id + 1, v = v || '!';
             DELETE FROM rev_key_shift WHERE id > 3");
        // The row that was created as 1 is 2 now, and 1 is free.
        revert(created);
        shows(
            "SELECT string_agg(id || v, ' ' ORDER BY id) FROM rev_key_shift",
            "1a 3b!",
        );
    }

    #[pg_test]
    fn revert_of_an_item_deleted_under_another_key() {
        let created = keyed("rev_key_del");
        let moved = revision("rev_key_del", "UPDATE rev_key_del SET id = 2, v = 'b'");
        let deleted = revision("rev_key_del", "DELETE FROM rev_key_del");
        for (to, row) in [(deleted, "2b"), (moved, "2b"), (created, "1a")] {
            let done = revert(to).unwrap();
            shows("SELECT string_agg(id || v, ' ') FROM rev_key_del", row);
            assert!(recorded(done).starts_with("create "), "{}", recorded(done));
            run("DELETE FROM rev_key_del");
        }
    }

    /// To a revision after the key changed, from one before.
    #[pg_test]
    fn revert_forwards_over_a_change_of_key() {
        let created = keyed("rev_key_fwd");
        let moved = revision("rev_key_fwd", "UPDATE rev_key_fwd SET id = 2, v = 'b'");
        keep("rev_key_fwd");
        revert(created);
        shows("SELECT string_agg(id || v, ' ') FROM rev_key_fwd", "1a");
        revert(moved);
        is_again("rev_key_fwd");
    }

    #[pg_test]
    fn revert_of_a_key_cascades() {
        run("CREATE TABLE rev_top (id text PRIMARY KEY, v text);
             CREATE TABLE rev_sub (id int PRIMARY KEY, top text REFERENCES rev_top ON UPDATE CASCADE);
             SELECT directus_versions.track('rev_top'), directus_versions.track('rev_sub')");
        let created = revision("rev_top", "INSERT INTO rev_top VALUES ('a', 'v')");
        run("INSERT INTO rev_sub VALUES (1, 'a'), (2, 'a'); UPDATE rev_top SET id = 'b'");
        revert(created);
        shows("SELECT string_agg(DISTINCT top, ' ') FROM rev_sub", "a");
        shows(
            "SELECT string_agg(data ->> 'top', ' ') FROM directus_versions.history('rev_sub', 2)",
            "a b a",
        );
    }

    /// The item's text of such a key is no text of the column's type.
    #[pg_test]
    fn revert_and_undo_by_keys_of_arrays_rows_and_documents() {
        run("CREATE TYPE rev_point AS (x int, y text)");
        for (n, (columns, values)) in [
            ("k text[], n int, PRIMARY KEY (k, n)", "'{\"a b\",NULL}', 1"),
            ("k text[] PRIMARY KEY", "'{a}'"),
            ("k rev_point, n int, PRIMARY KEY (n, k)", "ROW(1, '\"'), 1"),
            ("k rev_point PRIMARY KEY", "ROW(1, NULL)"),
            ("k jsonb, n int, PRIMARY KEY (k, n)", "'\"a\"', 1"),
            ("k jsonb PRIMARY KEY", "'\"a\"'"),
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("rev_awkward_{n}");
            run(&format!(
                "CREATE TABLE {name} ({columns}, v text DEFAULT 'a'); SELECT directus_versions.track('{name}')"
            ));
            let first = revision(&name, &format!("INSERT INTO {name} VALUES ({values})"));
            let second = revision(&name, &format!("UPDATE {name} SET v = 'b'"));
            let revision = int(&format!("SELECT directus_versions.undo({second})"));
            shows(&format!("SELECT v FROM {name}"), "a");
            assert!(revert(second).is_some(), "{columns}");
            assert!(revert(first).is_some(), "{columns}");
            shows(&format!("SELECT v FROM {name}"), "a");
            assert!(revision > second);
            run(&format!("SELECT directus_versions.undo({first})"));
            shows(&format!("SELECT count(*) FROM {name}"), "0");
            assert!(revert(second).is_some(), "{columns}");
            shows(&format!("SELECT v FROM {name}"), "b");
        }
    }
}
