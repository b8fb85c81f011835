//! A table whose key becomes another column: items of before are none of after, whatever their text.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{int, run, shows};
    use pgrx::prelude::*;

    /// Rows that were there before tracking, so that data is put together from the live row, and whose
    /// `b` is another one's `a`.
    fn crossed(name: &str, key: &str) {
        run(&format!(
            "CREATE TABLE {name} (a int NOT NULL, b int NOT NULL, v text{});
             INSERT INTO {name} VALUES (1, 2, 'x'), (2, 1, 'y'), (3, 3, 'z');
             SELECT directus_versions.track('{name}'{});
             UPDATE {name} SET v = v || '1';
             INSERT INTO {name} VALUES (4, 5, 'n'), (5, 4, 'm');
             UPDATE {name} SET v = v || '2'",
            if key.is_empty() {
                ", CONSTRAINT key_of PRIMARY KEY (a)"
            } else {
                ""
            },
            key
        ));
    }

    fn check(name: &str) {
        let last = int(&format!(
            "SELECT max(id) FROM directus_versions.revisions WHERE collection = '{name}'"
        ));
        let another = |when: &str| {
            assert_eq!(
                int(&format!(
                    "SELECT count(*) FROM directus_versions.revisions
                     WHERE collection = '{name}' AND (
                         id <= {last} AND data ->> 'a' <> item
                         OR id > {last} AND data ->> 'b' IS DISTINCT FROM item)"
                )),
                0,
                "{when}"
            );
        };
        run(&format!("UPDATE {name} SET v = v || '3'"));
        another("after an update");
        run(&format!(
            "UPDATE {name} SET a = a + 100; DELETE FROM {name} WHERE b = 1"
        ));
        another("after a delete");
        run(&format!("UPDATE {name} SET b = b + 10"));
        shows(
            &format!(
                "SELECT data FROM directus_versions.revisions
                 WHERE collection = '{name}' AND item = '12'"
            ),
            r#"{"a": 101, "b": 12, "v": "x123"}"#,
        );
        assert_eq!(
            int(&format!(
                "SELECT count(*) FROM directus_versions.revisions
                 WHERE collection = '{name}' AND id <= {last} AND data ->> 'a' <> item"
            )),
            0,
            "after the new key changed"
        );
    }

    #[pg_test]
    fn keys_primary_key_moves_to_another_column() {
        crossed("key_replaced", "");
        run("ALTER TABLE key_replaced DROP CONSTRAINT key_of;
             ALTER TABLE key_replaced ADD PRIMARY KEY (b)");
        run("SELECT 1");
        let before = int("SELECT count(*) FROM directus_versions.revisions
             WHERE collection = 'key_replaced' AND data ->> 'a' <> item");
        assert_eq!(before, 0);
        // A write of its own, so that the last id of the old key is known.
        check("key_replaced");
    }

    #[pg_test]
    fn keys_primary_key_moves_in_one_command() {
        crossed("key_replaced1", "");
        run("ALTER TABLE key_replaced1 DROP CONSTRAINT key_of, ADD PRIMARY KEY (b)");
        check("key_replaced1");
    }

    #[pg_test]
    fn keys_named_key_moves_to_another_column() {
        crossed("key_replaced2", ", key => '{a}'");
        run("SELECT directus_versions.set_scope('key_replaced2', key => '{b}')");
        check("key_replaced2");
    }

    #[pg_test]
    fn keys_columns_swap_their_names() {
        crossed("key_replaced3", "");
        run("ALTER TABLE key_replaced3 RENAME a TO c;
             ALTER TABLE key_replaced3 RENAME b TO a;
             ALTER TABLE key_replaced3 RENAME c TO b");
        run("UPDATE key_replaced3 SET v = v || '3'");
        // The key is the same column under another name: nothing is cut off.
        assert_eq!(
            int("SELECT count(*) FROM directus_versions.revisions
                 WHERE collection = 'key_replaced3' AND delta ->> 'v' LIKE '%3'
                   AND data ->> 'b' IS DISTINCT FROM item"),
            0
        );
        assert_eq!(
            int("SELECT count(*) FROM directus_versions.revisions
                 WHERE collection = 'key_replaced3' AND delta ->> 'v' NOT LIKE '%3'
                   AND data ->> 'a' IS DISTINCT FROM item"),
            0
        );
    }
}
