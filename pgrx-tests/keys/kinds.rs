//! Keys of every type, of several columns, given, and missing.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::keys::items_of;
    use crate::pg_tests::support::{
        check_changes, check_history, entries, error, int, literal, run, shows, state, table,
    };
    use pgrx::prelude::*;

    #[pg_test]
    fn keys_of_one_column() {
        assert_eq!(items_of("key_small", "smallint", ["-1", "2"]), ["-1", "2"]);
        assert_eq!(
            items_of(
                "key_big",
                "bigint",
                ["9223372036854775807", "-9223372036854775808"]
            ),
            ["9223372036854775807", "-9223372036854775808"]
        );
        assert_eq!(
            items_of(
                "key_uuid",
                "uuid",
                [
                    "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
                    "'00000000-0000-0000-0000-000000000000'"
                ]
            ),
            [
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                "00000000-0000-0000-0000-000000000000"
            ]
        );
        assert_eq!(
            items_of(
                "key_num",
                "numeric",
                ["1.50", "12345678901234567890.123456789"]
            ),
            ["1.50", "12345678901234567890.123456789"]
        );
        assert_eq!(
            items_of("key_date", "date", ["'2020-02-03'", "'0044-03-15 BC'"])[0],
            "2020-02-03"
        );
        assert_eq!(items_of("key_bpchar", "char(5)", ["'ab'", "'cd'"]).len(), 2);
        run(
            "CREATE TYPE key_mood AS ENUM ('sad', 'so \"so\"'); CREATE DOMAIN key_pos AS int CHECK (value > 0)",
        );
        assert_eq!(
            items_of("key_enum", "key_mood", ["'sad'", "'so \"so\"'"]),
            ["sad", "so \"so\""]
        );
        assert_eq!(items_of("key_domain", "key_pos", ["1", "2"]), ["1", "2"]);
        assert_eq!(
            items_of("key_inet", "inet", ["'10.0.0.1'", "'::1'"]),
            ["10.0.0.1", "::1"]
        );
        for name in [
            "key_small",
            "key_big",
            "key_uuid",
            "key_num",
            "key_enum",
            "key_domain",
        ] {
            check_history(name);
        }
    }

    #[pg_test]
    fn keys_of_odd_text() {
        let odd = [
            "",
            " ",
            "null",
            "a\"b",
            "a\\b",
            "['a', 1]",
            "[\"a\", 1]",
            "ümläut 🦀",
            "a\nb\tc",
            "%s %",
            "NULL",
            "{}",
            "'",
        ];
        run(
            "CREATE TABLE key_odd (k text PRIMARY KEY, v int); SELECT directus_versions.track('key_odd')",
        );
        for value in odd {
            run(&format!(
                "INSERT INTO key_odd VALUES ({}, 1)",
                literal(value)
            ));
        }
        run("UPDATE key_odd SET v = 2");
        let rows = table(
            "SELECT item FROM directus_versions.activity WHERE collection = 'key_odd' ORDER BY id",
        );
        let items: Vec<String> = rows.into_iter().flatten().flatten().collect();
        assert_eq!(items[..odd.len()], odd);
        assert_eq!(items[odd.len()..], odd);
        check_history("key_odd");
    }

    #[pg_test]
    fn keys_are_the_same_under_any_setting() {
        run("CREATE TABLE key_tz (k timestamptz PRIMARY KEY, v int);
             CREATE TABLE key_set (d date, i interval, b bytea, f float8, r daterange, v int, PRIMARY KEY (d, i, b, f, r));
             SELECT directus_versions.track('key_tz'), directus_versions.track('key_set');
             SET LOCAL timezone = 'UTC';
             INSERT INTO key_tz VALUES ('2020-01-02 03:04:05.678+00', 0);
             INSERT INTO key_set VALUES ('2020-02-03', '1 day 2 hours', '\\x00ff', 0.1, '[2020-01-01,2021-02-03)', 0)");
        for settings in [
            "timezone = 'Asia/Kolkata'; SET LOCAL datestyle = 'German'; SET LOCAL intervalstyle = 'sql_standard'",
            "timezone = 'America/New_York'; SET LOCAL datestyle = 'SQL, DMY'; SET LOCAL bytea_output = 'escape'",
            "extra_float_digits = -15; SET LOCAL intervalstyle = 'iso_8601'; SET LOCAL datestyle = 'Postgres, MDY'",
        ] {
            run(&format!(
                "SET LOCAL {settings}; UPDATE key_tz SET v = v + 1; UPDATE key_set SET v = v + 1"
            ));
        }
        for name in ["key_tz", "key_set"] {
            assert_eq!(
                int(&format!(
                    "SELECT count(DISTINCT item) FROM directus_versions.activity WHERE collection = '{name}'"
                )),
                1
            );
            assert_eq!(entries(name).len(), 4);
        }
    }

    #[pg_test]
    fn keys_of_several_columns() {
        run("CREATE TABLE key_two (v int, b int, a text, PRIMARY KEY (a, b));
             SELECT directus_versions.track('key_two');
             INSERT INTO key_two VALUES (0, 1, 'a'), (0, -2, 'q\"uo\\te, ] '), (0, 3, ''), (0, 4, 'é');
             UPDATE key_two SET v = 1 WHERE b = 1;
             UPDATE key_two SET b = 11 WHERE b = 1;
             UPDATE key_two SET a = 'z', v = 2 WHERE b = 11;
             DELETE FROM key_two WHERE b = 11");
        assert_eq!(
            entries("key_two"),
            [
                r#"create ["a", 1] {"a": "a", "b": 1, "v": 0}"#,
                r#"create ["q\"uo\\te, ] ", -2] {"a": "q\"uo\\te, ] ", "b": -2, "v": 0}"#,
                r#"create ["", 3] {"a": "", "b": 3, "v": 0}"#,
                r#"create ["é", 4] {"a": "é", "b": 4, "v": 0}"#,
                r#"update ["a", 1] {"v": 1} was {"v": 0}"#,
                r#"update ["a", 11] {"b": 11} was {"b": 1}"#,
                r#"update ["z", 11] {"a": "z", "v": 2} was {"a": "a", "v": 1}"#,
                r#"delete ["z", 11] was {"a": "z", "b": 11, "v": 2}"#,
            ]
        );
        shows(
            "SELECT bool_and(item::jsonb = jsonb_build_array(data->'a', data->'b'))
             FROM directus_versions.revisions WHERE collection = 'key_two'",
            "true",
        );
        check_history("key_two");
    }

    #[pg_test]
    fn keys_leave_included_columns_out() {
        run(
            "CREATE TABLE key_incl (id int, v text, PRIMARY KEY (id) INCLUDE (v));
             SELECT directus_versions.track('key_incl');
             INSERT INTO key_incl VALUES (1, 'a'); UPDATE key_incl SET v = 'b'",
        );
        assert_eq!(
            entries("key_incl"),
            [
                r#"create 1 {"v": "a", "id": 1}"#,
                r#"update 1 {"v": "b"} was {"v": "a"}"#
            ]
        );
    }

    #[pg_test]
    fn keys_given_for_a_table_without_primary_key() {
        run("CREATE TABLE key_given (a int, b text, v int);
             SELECT directus_versions.track('key_given', key => '{b,a}');
             INSERT INTO key_given VALUES (1, 'x', 0), (NULL, 'y', 0), (2, NULL, 0);
             UPDATE key_given SET v = 1;
             UPDATE key_given SET a = 5 WHERE a IS NULL;
             DELETE FROM key_given WHERE a = 1");
        assert_eq!(
            entries("key_given")[0],
            r#"create ["x", 1] {"a": 1, "b": "x", "v": 0}"#
        );
        assert_eq!(
            entries("key_given")[1],
            r#"create ["y", null] {"a": null, "b": "y", "v": 0}"#
        );
        check_history("key_given");
        assert_eq!(
            state(
                "CREATE TABLE key_given2 (a int); SELECT directus_versions.track('key_given2', key => '{nope}')"
            ),
            "42703"
        );
    }

    #[pg_test]
    fn keys_given_that_are_not_unique_are_in_nobodys_way() {
        run("CREATE TABLE key_dup (a int, v int);
             SELECT directus_versions.track('key_dup', key => '{a}');
             INSERT INTO key_dup VALUES (1, 1), (1, 2), (NULL, 3);
             UPDATE key_dup SET v = v + 10; DELETE FROM key_dup");
        assert_eq!(entries("key_dup").len(), 9);
    }

    #[pg_test]
    fn keys_by_replica_identity() {
        run(
            "CREATE TABLE key_ident (a int NOT NULL, b int, v text, UNIQUE (a));
             ALTER TABLE key_ident REPLICA IDENTITY USING INDEX key_ident_a_key;
             SELECT directus_versions.track('key_ident');
             INSERT INTO key_ident VALUES (1, 2, 'x'); UPDATE key_ident SET v = 'y'",
        );
        assert_eq!(
            entries("key_ident"),
            [
                r#"create 1 {"a": 1, "b": 2, "v": "x"}"#,
                r#"update 1 {"v": "y"} was {"v": "x"}"#
            ]
        );
        check_history("key_ident");
    }

    #[pg_test]
    fn keys_are_required() {
        run("CREATE TABLE key_none (a int, b int UNIQUE);
             CREATE TABLE key_full (a int); ALTER TABLE key_full REPLICA IDENTITY FULL");
        for name in ["key_none", "key_full"] {
            let raised = error(&format!("SELECT directus_versions.track('{name}')"));
            assert_eq!(raised.state, "55000");
            assert!(
                raised.message.contains(&format!("\"{name}\"")),
                "{}",
                raised.message
            );
            assert!(raised.hint.contains("key"), "{}", raised.hint);
            assert!(raised.hint.ends_with('.'), "{}", raised.hint);
            assert!(!raised.message.ends_with('.'), "{}", raised.message);
        }
        assert_eq!(
            int("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'key_none'::regclass"),
            0
        );
        run("INSERT INTO key_none VALUES (1, 1); UPDATE key_none SET a = 2");
        assert!(entries("key_none").is_empty());
    }

    #[pg_test]
    fn keys_and_columns_named_like_ours() {
        run("CREATE TABLE key_activity (id int PRIMARY KEY, action text, collection text, item text, data text,
                 delta text, prior text, \"user\" text, old int, new int, tg_op text, \"timestamp\" text, version int);
             SELECT directus_versions.track('key_activity');
             INSERT INTO key_activity (id, action, delta, new) VALUES (1, 'delete', '{}', 3);
             UPDATE key_activity SET old = 1, tg_op = 'x', item = '7'");
        assert_eq!(
            entries("key_activity")[1],
            r#"update 1 {"old": 1, "item": "7", "tg_op": "x"} was {"old": null, "item": null, "tg_op": null}"#
        );
        check_history("key_activity");
    }

    #[pg_test]
    fn keys_of_tables_tracked_with_rows() {
        run(
            "CREATE TABLE key_late (a text, b int, v int, PRIMARY KEY (b, a));
             INSERT INTO key_late VALUES ('x', 1, 0), ('y', 2, 0);
             SELECT directus_versions.track('key_late');
             UPDATE key_late SET a = 'xx' WHERE b = 1",
        );
        assert_eq!(
            entries("key_late"),
            [r#"update [1, "xx"] {"a": "xx"} was {"a": "x"}"#]
        );
        check_changes("key_late");
    }

    /// Since 18: a virtual column has no value in the row that is written.
    #[pg_test]
    fn keys_of_virtual_columns_are_refused() {
        if int("SELECT current_setting('server_version_num')::int") < 180_000 {
            return;
        }
        run(
            "CREATE TABLE key_virtual (a int, twice int GENERATED ALWAYS AS (a * 2) VIRTUAL, v text);
             CREATE TABLE key_virtual_later (LIKE key_virtual INCLUDING GENERATED);
             SELECT directus_versions.track('key_virtual_later', key => '{a}')",
        );
        for call in [
            "track('key_virtual', key => '{a,twice}')",
            "set_scope('key_virtual_later', key => '{twice}')",
        ] {
            let raised = error(&format!("SELECT directus_versions.{call}"));
            assert_eq!(raised.state, "0A000", "{call}");
            assert_eq!(
                raised.message,
                r#"virtual column "twice" cannot be of the key"#
            );
        }
        // Nothing was begun or changed.
        run("INSERT INTO key_virtual (a) VALUES (1); INSERT INTO key_virtual_later (a) VALUES (1)");
        shows(
            "SELECT string_agg(concat_ws(' ', collection, item), ', ') FROM directus_versions.activity
             WHERE starts_with(collection, 'key_virtual')",
            "key_virtual_later 1",
        );
    }
}
