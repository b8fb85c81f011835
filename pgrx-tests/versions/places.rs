//! Versions of one name whose items take each other's keys, and keys that are no plain text.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{run, shows, text};
    use crate::pg_tests::versions::{refused, version};
    use pgrx::prelude::*;

    fn items(name: &str) {
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY DEFERRABLE, t text);
             SELECT directus_versions.track('{name}');
             INSERT INTO {name} VALUES (1, 'one'), (2, 'two')"
        ));
    }

    #[pg_test]
    fn versions_of_items_that_changed_places_are_saved_renamed_and_promoted() {
        items("versions_swap");
        let one = version("versions_swap", "1", "draft", r#"{"t": "a"}"#);
        let two = version("versions_swap", "2", "draft", r#"{"t": "b"}"#);
        run("UPDATE versions_swap SET id = 3 - id");
        run(&format!(
            "SELECT directus_versions.save_version('{one}', '{{\"t\": \"aa\"}}');
             SELECT directus_versions.rename_version('{one}', name => 'One');
             SELECT directus_versions.promote_version('{one}');
             SELECT directus_versions.promote_version('{two}')"
        ));
        shows(
            "SELECT string_agg(id || t, ' ' ORDER BY id) FROM versions_swap",
            "1b 2aa",
        );
        for item in ["1", "2"] {
            let refusal = refused(&format!("create_version('versions_swap', {item}, 'draft')"));
            assert_eq!(refusal.0, "42710");
        }
    }

    #[pg_test]
    fn versions_make_room_for_one_of_a_new_item() {
        items("versions_room");
        let one = version("versions_room", "1", "draft", r#"{"t": "a"}"#);
        let two = version("versions_room", "2", "draft", r#"{"t": "b"}"#);
        run("UPDATE versions_room SET id = id + 1; INSERT INTO versions_room VALUES (1, 'new')");
        let new = version("versions_room", "1", "draft", r#"{"t": "c"}"#);
        shows(
            "SELECT string_agg(id || t, ' ' ORDER BY id) FROM directus_versions.read_version(NULL::versions_room, 'draft')",
            "1c 2a 3b",
        );
        run("UPDATE versions_room SET id = CASE id WHEN 1 THEN 2 WHEN 2 THEN 1 ELSE 4 END");
        run(&format!(
            "SELECT directus_versions.rename_version('{new}', 'other');
             SELECT directus_versions.rename_version('{new}', 'draft')"
        ));
        shows(
            &format!(
                "SELECT string_agg(item, ' ' ORDER BY array_position('{{{one},{two},{new}}}'::uuid[], id))
                 FROM directus_versions.versions WHERE collection = 'versions_room'"
            ),
            "1 4 2",
        );
    }

    #[pg_test]
    fn versions_of_a_deleted_item_give_way_to_the_one_that_has_its_key() {
        items("versions_left");
        let one = version("versions_left", "1", "draft", r#"{"t": "a"}"#);
        version("versions_left", "2", "draft", r#"{"t": "b"}"#);
        run("DELETE FROM versions_left WHERE id = 2; UPDATE versions_left SET id = 2");
        let read = "SELECT string_agg(id || t, ' ') FROM directus_versions.read_version(NULL::versions_left, 'draft')";
        shows(read, "2a");
        run(&format!(
            "SELECT directus_versions.save_version('{one}', '{{\"t\": \"aa\"}}')"
        ));
        shows(read, "2aa");
        run(&format!(
            "SELECT directus_versions.discard_version_fields('{one}', '{{t}}')"
        ));
        shows(read, "2one");
        run("INSERT INTO versions_left VALUES (1, 'new')");
        assert_eq!(
            refused("create_version('versions_left', 1, 'draft')").0,
            "42710"
        );
    }

    #[pg_test]
    fn versions_of_items_whose_key_is_no_plain_text() {
        run(
            "CREATE TYPE versions_pair AS (x int, y text); CREATE DOMAIN versions_code AS text CHECK (value <> '');
             CREATE TYPE versions_codes AS RANGE (subtype = versions_code)",
        );
        for (number, (kind, value)) in [
            ("int[]", "ARRAY[1, 2]"),
            ("jsonb", r#"'{"a": 1}'"#),
            ("jsonb", r#"'"text"'"#),
            ("jsonb", "'[1]'"),
            ("versions_pair", "(1, 'a')::versions_pair"),
            ("versions_code", "'a'"),
            ("versions_codes", "'[a,b)'"),
            ("char(4)", "'ab'"),
            ("interval", "'1 day -2 hours'"),
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("versions_kind_{number}");
            run(&format!(
                "CREATE TABLE {name} (id {kind} PRIMARY KEY, t text); SELECT directus_versions.track('{name}');
                 INSERT INTO {name} VALUES ({value}, 'main')"
            ));
            let item = format!("(SELECT directus_versions.item_of(k) FROM {name} AS k)");
            let id = version(&name, &item, "draft", r#"{"t": "staged"}"#);
            shows(
                &format!("SELECT t FROM directus_versions.read_version(NULL::{name}, 'draft')"),
                "staged",
            );
            let main = format!("SELECT directus_versions.compare_version('{id}') #>> '{{main,t}}'");
            shows(&main, "main");
            text(&format!("SELECT directus_versions.promote_version('{id}')")).unwrap();
            shows(&format!("SELECT t FROM {name}"), "staged");
        }
        shows(
            "SELECT item FROM directus_versions.versions WHERE collection = 'versions_kind_0'",
            "[1, 2]",
        );
        shows(
            "SELECT item FROM directus_versions.versions WHERE collection = 'versions_kind_3'",
            "[1]",
        );
    }
}
