//! A version belongs to an item that is there, under a key that is free.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{run, shows, state, table, text};
    use crate::pg_tests::versions::{articles, refused, version};
    use pgrx::prelude::*;

    #[pg_test]
    fn versions_columns_are_those_of_directus_and_base() {
        let columns = table(
            "SELECT attname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute
             WHERE attrelid = 'directus_versions.versions'::regclass AND attnum > 0 ORDER BY attnum",
        );
        let columns: Vec<_> = columns.into_iter().flatten().flatten().collect();
        assert_eq!(
            columns.join(", "),
            "id uuid, key text, name text, collection text, item text, hash text, date_created timestamp with time zone, \
             date_updated timestamp with time zone, user_created text, user_updated text, delta jsonb, base jsonb"
        );
    }

    #[pg_test]
    fn versions_create_takes_items_without_a_cast_and_names_them_canonically() {
        articles("versions_made");
        run("CREATE TABLE versions_made_uuid (id uuid PRIMARY KEY);
             SELECT directus_versions.track('versions_made_uuid');
             INSERT INTO versions_made_uuid VALUES ('aaaaaaaa-0000-0000-0000-000000000001');
             CREATE TABLE versions_made_pair (a text, b int, PRIMARY KEY (a, b));
             SELECT directus_versions.track('versions_made_pair');
             INSERT INTO versions_made_pair VALUES ('x', 1)");
        for (call, item) in [
            ("create_version('versions_made', 1, 'draft')", "1"),
            ("create_version('versions_made', ' 02 ', 'draft')", "2"),
            (
                "create_version('versions_made_uuid', 'AAAAAAAA-0000-0000-0000-000000000001'::uuid, 'draft')",
                "aaaaaaaa-0000-0000-0000-000000000001",
            ),
            (
                "create_version('versions_made_uuid', '{AAAAAAAA000000000000000000000001}', 'other')",
                "aaaaaaaa-0000-0000-0000-000000000001",
            ),
            (
                r#"create_version('versions_made_pair', '["x",1]', 'draft')"#,
                r#"["x", 1]"#,
            ),
        ] {
            let id = text(&format!("SELECT directus_versions.{call}")).unwrap();
            shows(
                &format!("SELECT item FROM directus_versions.versions WHERE id = '{id}'"),
                item,
            );
        }
        assert_eq!(
            refused("create_version('versions_made', '2', 'draft')").0,
            "42710"
        );
    }

    #[pg_test]
    fn versions_create_refuses_what_is_not_there() {
        articles("versions_absent");
        run("CREATE TABLE versions_untracked (id int PRIMARY KEY)");
        for (call, code) in [
            ("create_version('versions_absent', 3, 'draft')", "P0002"),
            ("create_version('versions_absent', 'x', 'draft')", "P0002"),
            ("create_version('versions_untracked', 1, 'draft')", "55000"),
            ("create_version(NULL, 1, 'draft')", "22023"),
            ("create_version('versions_absent', 1, '')", "22023"),
            ("create_version('versions_absent', 1, NULL)", "22023"),
            ("create_version('versions_absent', 1, 'main')", "22023"),
            ("create_version('versions_absent', 1, 'published')", "22023"),
            (
                "create_version('versions_absent', 1, repeat('k', 129))",
                "22023",
            ),
            (
                "create_version('versions_absent', 1, 'd', delta => '[1]')",
                "22023",
            ),
            (
                "create_version('versions_absent', 1, 'd', delta => '{\"nope\": 1}')",
                "42703",
            ),
            (
                "version_data('00000000-0000-0000-0000-000000000000')",
                "P0002",
            ),
            ("version_data(NULL)", "22023"),
            ("save_version(gen_random_uuid(), '{}')", "P0002"),
            ("promote_version(gen_random_uuid())", "P0002"),
            ("drop_version(gen_random_uuid())", "P0002"),
        ] {
            assert_eq!(refused(call).0, code, "{call}");
        }
        // Nothing is left of one that was refused for its delta.
        shows(
            "SELECT count(*) FROM directus_versions.versions WHERE collection = 'versions_absent'",
            "0",
        );
    }

    #[pg_test]
    fn versions_key_is_unique_for_an_item_alone() {
        articles("versions_keys");
        let first = version("versions_keys", "1", "draft", "");
        version("versions_keys", "2", "draft", "");
        version("versions_keys", "1", "Draft", "");
        for _ in 0..2 {
            version("versions_keys", "NULL", "draft", "");
        }
        let (code, message) = refused("create_version('versions_keys', 1, 'draft')");
        assert_eq!(
            (code.as_str(), message.as_str()),
            ("42710", "version \"draft\" of item \"1\" exists already")
        );
        run(&format!(
            "SELECT directus_versions.rename_version('{first}', 'final')"
        ));
        version("versions_keys", "1", "draft", "");
        let (code, _) = refused(&format!("rename_version('{first}', 'draft')"));
        assert_eq!(code, "42710");
        assert_eq!(
            refused(&format!("rename_version('{first}', 'main')")).0,
            "22023"
        );
    }

    #[pg_test]
    fn versions_rename_leaves_what_is_not_given() {
        articles("versions_renamed");
        let id = version("versions_renamed", "1", "draft", r#"{"title": "New"}"#);
        let shown = format!(
            "SELECT concat_ws(' ', key, name, delta) FROM directus_versions.versions WHERE id = '{id}'"
        );
        run(&format!(
            "SELECT directus_versions.rename_version('{id}', name => 'For May')"
        ));
        shows(&shown, r#"draft For May {"title": "New"}"#);
        run(&format!(
            "SELECT directus_versions.rename_version('{id}', 'may')"
        ));
        shows(&shown, r#"may For May {"title": "New"}"#);
        run(&format!("SELECT directus_versions.rename_version('{id}')"));
        shows(&shown, r#"may For May {"title": "New"}"#);
    }

    #[pg_test]
    fn versions_drop_takes_the_version_and_leaves_the_item() {
        articles("versions_dropped");
        let id = version("versions_dropped", "1", "draft", r#"{"title": "New"}"#);
        run(&format!("SELECT directus_versions.drop_version('{id}')"));
        assert_eq!(refused(&format!("version_data('{id}')")).0, "P0002");
        shows("SELECT title FROM versions_dropped WHERE id = 1", "One");
        version("versions_dropped", "1", "draft", "");
    }

    #[pg_test]
    fn versions_of_a_long_key() {
        run("CREATE TABLE versions_long (id text PRIMARY KEY, v text);
             SELECT directus_versions.track('versions_long');
             INSERT INTO versions_long VALUES (repeat('k', 5000) || 'a', '1'), (repeat('k', 5000) || 'b', '2')");
        for end in ["a", "b"] {
            let id = version(
                "versions_long",
                &format!("repeat('k', 5000) || '{end}'"),
                "draft",
                r#"{"v": "new"}"#,
            );
            shows(
                &format!(
                    "SELECT item = repeat('k', 5000) || '{end}' FROM directus_versions.versions WHERE id = '{id}'"
                ),
                "true",
            );
        }
        shows(
            "SELECT count(*) FROM directus_versions.read_version(NULL::versions_long, 'draft') WHERE v = 'new'",
            "2",
        );
    }

    #[pg_test]
    fn versions_user_and_hash_are_told() {
        articles("versions_told");
        run("SET LOCAL directus_versions.actor = 'ada'");
        let id = version("versions_told", "1", "draft", "");
        run("SET LOCAL directus_versions.actor = 'grace'");
        run(&format!(
            "SELECT directus_versions.save_version('{id}', '{{\"title\": \"x\"}}')"
        ));
        shows(
            &format!(
                "SELECT user_created || ' ' || user_updated FROM directus_versions.versions WHERE id = '{id}'"
            ),
            "ada grace",
        );
        // Of the item as revisions hold it, so that anybody can check it.
        shows(
            &format!(
                "SELECT v.hash = encode(sha256(convert_to(r.data::text, 'UTF8')), 'hex')
                 FROM directus_versions.versions v JOIN directus_versions.revisions r USING (collection, item)
                 WHERE v.id = '{id}' AND r.prior IS NULL AND r.version IS NULL"
            ),
            "true",
        );
    }

    #[pg_test]
    fn versions_may_not_be_written_directly() {
        articles("versions_direct");
        run("CREATE ROLE versions_direct_manager;
             GRANT ALL ON versions_direct TO versions_direct_manager;
             SELECT directus_versions.grant_access('versions_direct_manager', 'manage')");
        let id = version("versions_direct", "1", "draft", r#"{"title": "New"}"#);
        run("SET ROLE versions_direct_manager");
        for sql in [
            format!("UPDATE directus_versions.versions SET delta = '{{}}' WHERE id = '{id}'"),
            "DELETE FROM directus_versions.versions".to_owned(),
            "DELETE FROM directus_versions.version".to_owned(),
            "SELECT * FROM directus_versions.version".to_owned(),
            "SELECT * FROM directus_versions._version".to_owned(),
            format!("SELECT directus_versions._drop_version('{id}')"),
            format!("SELECT directus_versions._stage('{id}', '{{}}', NULL, NULL)"),
            format!(
                "SELECT directus_versions._promoted('{id}', '{{}}', '1', NULL, NULL, NULL, NULL)"
            ),
            format!("SELECT directus_versions._find_version('{id}')"),
        ] {
            assert!(["42501", "55000"].contains(&state(&sql).as_str()), "{sql}");
        }
        run("RESET ROLE");
    }
}
