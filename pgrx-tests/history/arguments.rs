//! How a table and an item of it are named, and what is no table or no item.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::history::{column, listed, steps, tracked};
    use crate::pg_tests::support::{error, int, literal, run, state, table};
    use pgrx::prelude::*;

    /// Require that a query finds nothing, or says that there is nothing.
    fn nothing(sql: &str) {
        match state(sql).as_str() {
            "00000" => assert_eq!(
                table(sql).concat().into_iter().flatten().count(),
                0,
                "{sql}"
            ),
            "P0002" | "22023" | "22004" => (),
            other => panic!("{other} from {sql}"),
        }
    }

    #[pg_test]
    fn history_takes_items_of_any_type_without_a_cast() {
        tracked("his_arg");
        run("INSERT INTO his_arg VALUES (42, 'a', 1), (4, 'b', 1)");
        for item in [
            "42",
            "42::smallint",
            "42::bigint",
            "'42'",
            "'42'::text",
            "'42'::varchar",
            "(SELECT id FROM his_arg WHERE v = 'a')",
            "directus_versions.item_of((SELECT t FROM his_arg t WHERE v = 'a'))",
        ] {
            assert_eq!(
                int(&format!(
                    "SELECT count(*) FROM directus_versions.history('his_arg', {item}) WHERE data ->> 'v' = 'a'"
                )),
                1,
                "{item}"
            );
        }
        for target in [
            "'his_arg'::regclass",
            "'public.his_arg'",
            "'his_arg'::regclass::oid",
        ] {
            assert_eq!(
                int(&format!(
                    "SELECT count(*) FROM directus_versions.history({target}, 42)"
                )),
                1,
                "{target}"
            );
        }
    }

    #[pg_test]
    fn history_takes_a_uuid_without_a_cast() {
        run("CREATE TABLE his_uuid (id uuid PRIMARY KEY, v int);
             SELECT directus_versions.track('his_uuid');
             INSERT INTO his_uuid VALUES ('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 1)");
        for item in [
            "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
            "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid",
            "(SELECT id FROM his_uuid)",
        ] {
            assert_eq!(
                int(&format!(
                    "SELECT count(*) FROM directus_versions.history('his_uuid', {item})"
                )),
                1,
                "{item}"
            );
        }
    }

    #[pg_test]
    fn history_takes_keys_of_several_columns() {
        run("CREATE TABLE his_pair (v int, b int, a text, PRIMARY KEY (a, b));
             SELECT directus_versions.track('his_pair');
             INSERT INTO his_pair VALUES (0, 1, 'a'), (0, -2, 'q\"uo\\te, ] '), (0, 3, ''), (0, 11, 'a');
             UPDATE his_pair SET v = 1");
        for item in [
            r#"["a", 1]"#,
            r#"["q\"uo\\te, ] ", -2]"#,
            r#"["", 3]"#,
            r#"["a", 11]"#,
        ] {
            assert_eq!(
                column("his_pair", item, "data ->> 'v'"),
                ["0", "1"],
                "{item}"
            );
        }
        assert_eq!(
            listed(
                "SELECT string_agg(h.data ->> 'v', '')
                 FROM his_pair t, directus_versions.history('his_pair', directus_versions.item_of(t)) h
                 GROUP BY directus_versions.item_of(t)"
            ),
            ["01"; 4]
        );
    }

    #[pg_test]
    fn history_takes_names_that_need_quoting() {
        run(r#"CREATE SCHEMA "His Schema.x";
             CREATE TABLE "His Schema.x"."his ""odd"" 'name'" ("Id Column" int PRIMARY KEY, "select" int, "x.y" int);
             SELECT directus_versions.track('"His Schema.x"."his ""odd"" ''name''"');
             INSERT INTO "His Schema.x"."his ""odd"" 'name'" VALUES (1, 2, 3);
             UPDATE "His Schema.x"."his ""odd"" 'name'" SET "select" = 4, "Id Column" = 5"#);
        assert_eq!(
            steps(r#""His Schema.x"."his ""odd"" 'name'""#, "5"),
            [
                r#"create {"x.y": 3, "select": 2, "Id Column": 1}"#,
                r#"update {"x.y": 3, "select": 4, "Id Column": 5}"#,
            ]
        );
    }

    #[pg_test]
    fn history_follows_the_search_path_to_the_table() {
        run("CREATE SCHEMA his_s1; CREATE SCHEMA his_s2;
             CREATE TABLE his_s1.his_same (id int PRIMARY KEY);
             CREATE TABLE his_s2.his_same (id int PRIMARY KEY);
             SELECT directus_versions.track('his_s1.his_same'), directus_versions.track('his_s2.his_same');
             INSERT INTO his_s1.his_same VALUES (1); INSERT INTO his_s2.his_same VALUES (1), (2)");
        run("SET LOCAL search_path = his_s1, his_s2");
        nothing("SELECT revision FROM directus_versions.history('his_same', 2)");
        run("SET LOCAL search_path = his_s2, his_s1");
        assert_eq!(column("his_same", "2", "action"), ["create"]);
    }

    /// The text of a key is the same under any setting, and so is what it finds.
    #[pg_test]
    fn history_takes_keys_of_every_kind_under_any_setting() {
        run("CREATE TYPE his_mood AS ENUM ('sad', 'so \"so\"')");
        for (name, kind, value) in [
            ("his_key_numeric", "numeric", "1.50"),
            ("his_key_date", "date", "2020-02-03"),
            ("his_key_moment", "timestamptz", "2020-02-03 04:05:06.7+05"),
            ("his_key_span", "interval", "1 mon -2 days 03:04:05"),
            ("his_key_bytes", "bytea", r"\x00ff5c"),
            ("his_key_inet", "inet", "10.0.0.1/8"),
            ("his_key_mood", "his_mood", "so \"so\""),
            ("his_key_bool", "boolean", "true"),
            ("his_key_float", "float8", "0.1"),
            ("his_key_char", "char(5)", "ab"),
            ("his_key_array", "int[]", "{1,2}"),
        ] {
            run(&format!(
                "CREATE TABLE {name} (k {kind} PRIMARY KEY, v int);
                 SELECT directus_versions.track('{name}');
                 INSERT INTO {name} VALUES ({}, 1); UPDATE {name} SET v = 2",
                literal(value)
            ));
        }
        for settings in [
            "timezone = 'UTC'",
            "timezone = 'Asia/Kolkata'; SET LOCAL datestyle = 'German'; SET LOCAL intervalstyle = 'sql_standard'",
            "timezone = 'America/New_York'; SET LOCAL bytea_output = 'escape'; SET LOCAL extra_float_digits = -15",
        ] {
            run(&format!("SET LOCAL {settings}"));
            for name in listed("SELECT relname FROM pg_class WHERE relname ~ '^his_key_[a-z]*$'") {
                assert_eq!(
                    listed(&format!(
                        "SELECT h.data ->> 'v' FROM {name} t,
                             directus_versions.history('{name}', directus_versions.item_of(t)) h"
                    )),
                    ["1", "2"],
                    "{name} under {settings}"
                );
            }
        }
    }

    #[pg_test]
    fn history_of_what_never_was_is_nothing() {
        tracked("his_none");
        run("INSERT INTO his_none VALUES (1, 'a', 1)");
        for item in [
            "2",
            "'x'",
            "''",
            "NULL::text",
            "NULL::bigint",
            "NULL::uuid",
            "repeat('1', 100000)",
        ] {
            nothing(&format!(
                "SELECT revision FROM directus_versions.history('his_none', {item})"
            ));
            nothing(&format!(
                "SELECT field FROM directus_versions.blame('his_none', {item})"
            ));
            nothing(&format!(
                "SELECT directus_versions.item_at('his_none', {item}, statement_timestamp())"
            ));
        }
        nothing("SELECT revision FROM directus_versions.history(NULL, 1)");
        nothing("SELECT directus_versions.item_at('his_none', 1, NULL)");
    }

    #[pg_test]
    fn history_needs_a_table_that_is_or_was_tracked() {
        run("CREATE TABLE his_untracked (id int PRIMARY KEY)");
        for call in [
            "history('his_untracked', 1)",
            "blame('his_untracked', 1)",
            "item_at('his_untracked', 1, now())",
        ] {
            let raised = error(&format!("SELECT * FROM directus_versions.{call}"));
            assert_eq!(raised.state, "55000", "{call}");
            assert!(
                raised.message.contains("\"his_untracked\""),
                "{call}: {raised:?}"
            );
        }
        for call in ["history('his_nowhere', 1)", "blame('his_nowhere', 1)"] {
            assert_eq!(
                state(&format!("SELECT * FROM directus_versions.{call}")),
                "42P01",
                "{call}"
            );
        }
    }

    #[pg_test]
    fn history_stays_when_tracking_ends() {
        tracked("his_ended");
        run(
            "INSERT INTO his_ended VALUES (1, 'a', 1); UPDATE his_ended SET v = 'b';
             SELECT directus_versions.untrack('his_ended');
             UPDATE his_ended SET v = 'c'",
        );
        assert_eq!(column("his_ended", "1", "data ->> 'v'"), ["a", "b"]);
    }

    #[pg_test]
    fn history_follows_a_renamed_and_moved_table() {
        tracked("his_renamed");
        run("INSERT INTO his_renamed VALUES (1, 'a', 1);
             ALTER TABLE his_renamed RENAME TO his_new_name;
             UPDATE his_new_name SET v = 'b';
             CREATE SCHEMA his_elsewhere; ALTER TABLE his_new_name SET SCHEMA his_elsewhere;
             UPDATE his_elsewhere.his_new_name SET v = 'c'");
        assert_eq!(
            column("his_elsewhere.his_new_name", "1", "data ->> 'v'"),
            ["a", "b", "c"]
        );
    }

    #[pg_test]
    fn history_goes_on_in_a_table_that_was_linked_again() {
        tracked("his_relinked");
        run(
            "INSERT INTO his_relinked VALUES (1, 'a', 1); UPDATE his_relinked SET v = 'b';
             DROP TABLE his_relinked;
             CREATE TABLE his_relinked (id int PRIMARY KEY, v text, n int);
             SELECT directus_versions.relink('his_relinked', 'his_relinked');
             INSERT INTO his_relinked VALUES (1, 'c', 1)",
        );
        let told = column("his_relinked", "1", "delta ->> 'v'");
        assert_eq!(told.first().map(String::as_str), Some("a"));
        assert_eq!(told.last().map(String::as_str), Some("c"));
        assert_eq!(
            column("his_relinked", "1", "data ->> 'v'")
                .last()
                .map(String::as_str),
            Some("c")
        );
    }
}
