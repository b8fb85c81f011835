//! The JSON form of values, as a reader of the log sees it.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{run, table, text};
    use pgrx::prelude::*;

    /// Record one value and give its JSON form in delta, prior and data, which must agree.
    fn form(n: usize, column: &str, value: &str) -> String {
        let name = format!("fidelity_form_{n}");
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, v {column});
             SELECT directus_versions.track('{name}');
             INSERT INTO {name} VALUES (1, {value});
             UPDATE {name} SET v = NULL;
             UPDATE {name} SET v = {value};
             DELETE FROM {name}"
        ));
        let forms = table(&format!(
            "SELECT DISTINCT (part -> 'v')::text FROM (
                SELECT delta FROM directus_versions.revisions WHERE collection = '{name}'
                UNION ALL SELECT prior FROM directus_versions.revisions WHERE collection = '{name}'
                UNION ALL SELECT data FROM directus_versions.revisions WHERE collection = '{name}'
             ) parts(part)
             WHERE part -> 'v' <> 'null'"
        ));
        assert_eq!(forms.len(), 1, "{column} {value}: {forms:?}");
        forms[0][0].clone().unwrap()
    }

    #[pg_test]
    fn fidelity_form_of_each_kind_of_value() {
        run("CREATE TYPE fidelity_form_mood AS ENUM ('sad');
             CREATE DOMAIN fidelity_form_price AS numeric(10, 3);
             CREATE DOMAIN fidelity_form_document AS jsonb;
             CREATE EXTENSION hstore; CREATE EXTENSION citext;
             SET LOCAL timezone = 'Asia/Tokyo'; SET LOCAL datestyle = 'SQL, DMY'");
        let forms = [
            ("smallint", "-7", "-7"),
            ("integer", "2147483647", "2147483647"),
            ("bigint", "9223372036854775807", "9223372036854775807"),
            ("numeric", "1.10", "1.10"),
            ("numeric", "0.000", "0.000"),
            (
                "numeric",
                "123456789012345678901234567890.1234567890",
                "123456789012345678901234567890.1234567890",
            ),
            ("numeric", "1e20", "100000000000000000000"),
            ("numeric", "'NaN'", r#""NaN""#),
            ("numeric", "'Infinity'", r#""Infinity""#),
            ("numeric", "'-Infinity'", r#""-Infinity""#),
            ("real", "0.1", "0.1"),
            ("double precision", "0.1", "0.1"),
            (
                "double precision",
                "0.1::float8 + 0.2::float8",
                "0.30000000000000004",
            ),
            ("double precision", "1e-7", "0.0000001"),
            ("double precision", "1e22", "10000000000000000000000"),
            ("double precision", "'NaN'", r#""NaN""#),
            ("double precision", "'-inf'", r#""-Infinity""#),
            ("boolean", "true", "true"),
            ("boolean", "false", "false"),
            ("text", r#"'a "b" \ é'"#, r#""a \"b\" \\ é""#),
            ("text", r"E'\n\t\u0001'", r#""\n\t\u0001""#),
            ("citext", "'Ab'", r#""Ab""#),
            ("char(3)", "'a'", r#""a  ""#),
            ("name", "'n'", r#""n""#),
            (
                "uuid",
                "'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'",
                r#""a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11""#,
            ),
            ("bytea", r"'\x00ff'", r#""\\x00ff""#),
            ("date", "'2024-02-03'", r#""2024-02-03""#),
            ("date", "'infinity'", r#""infinity""#),
            ("time", "'04:05:06.7'", r#""04:05:06.7""#),
            ("timetz", "'04:05:06+05:30'", r#""04:05:06+05:30""#),
            (
                "timestamp",
                "'2024-02-03 04:05:06.789'",
                r#""2024-02-03T04:05:06.789""#,
            ),
            ("timestamp", "'infinity'", r#""infinity""#),
            ("timestamptz", "'-infinity'", r#""-infinity""#),
            (
                "interval",
                "'1 mon -2 days 03:04:05'",
                r#""1 mon -2 days +03:04:05""#,
            ),
            (
                "json",
                r#"'{"b" :  1.0, "a": [1, null]}'"#,
                r#"{"a": [1, null], "b": 1.0}"#,
            ),
            (
                "jsonb",
                r#"'{"b": 1.0, "a": [1, null]}'"#,
                r#"{"a": [1, null], "b": 1.0}"#,
            ),
            ("jsonb", r#"'"text"'"#, r#""text""#),
            ("fidelity_form_mood", "'sad'", r#""sad""#),
            ("fidelity_form_price", "1.5", "1.500"),
            ("fidelity_form_document", "'[1.0]'", "[1.0]"),
            ("integer[]", "'{1,NULL,3}'", "[1, null, 3]"),
            ("integer[]", "'{}'", "[]"),
            ("integer[]", "'{{1,2},{3,4}}'", "[[1, 2], [3, 4]]"),
            ("integer[]", "'[5:6]={1,2}'", "[1, 2]"),
            ("numeric[]", "'{1.10,NaN}'", r#"[1.10, "NaN"]"#),
            (
                "text[]",
                r#"'{"a,b",NULL,"NULL",""}'"#,
                r#"["a,b", null, "NULL", ""]"#,
            ),
            (
                "jsonb[]",
                "ARRAY['{\"a\": 1}'::jsonb, 'null']",
                r#"[{"a": 1}, null]"#,
            ),
            ("boolean[]", "'{t,f}'", "[true, false]"),
            ("date[]", "'{2024-02-03}'", r#"["2024-02-03"]"#),
            ("int4range", "'[1,3]'", r#""[1,4)""#),
            ("int4multirange", "'{[1,3]}'", r#""{[1,4)}""#),
            ("daterange", "'[2024-02-03,)'", r#""[2024-02-03,)""#),
            ("inet", "'10.0.0.1/8'", r#""10.0.0.1/8""#),
            ("point", "'(1,2.5)'", r#""(1,2.5)""#),
            ("money", "1234.5", r#""$1,234.50""#),
            ("xml", "'<a/>'", r#""<a/>""#),
            ("bit(3)", "B'101'", r#""101""#),
            ("tsvector", "'b a:1'", r#""'a':1 'b'""#),
            ("hstore", "'a=>1'", r#""\"a\"=>\"1\"""#),
            ("oid", "4294967295", r#""4294967295""#),
            (
                "xid8",
                "'18446744073709551615'",
                r#""18446744073709551615""#,
            ),
            ("regtype", "'timestamptz'", r#""timestamp with time zone""#),
            ("pg_lsn", "'16/B374D848'", r#""16/B374D848""#),
            ("jsonpath", "'$.a'", r#""$.\"a\"""#),
        ];
        for (n, (column, value, expected)) in forms.iter().enumerate() {
            assert_eq!(&form(n, column, value), expected, "{column} {value}");
        }
    }

    /// Times are in UTC, whatever way the form writes that zone.
    #[pg_test]
    fn fidelity_form_of_times_is_utc() {
        run(
            "CREATE TYPE fidelity_form_event AS (\"At time\" timestamptz, n numeric, l int[]);
             CREATE DOMAIN fidelity_form_moments AS timestamptz[];
             SET LOCAL timezone = 'Asia/Tokyo'; SET LOCAL datestyle = 'SQL, DMY'",
        );
        let utc = |form: String| form.replace("+00:00\"", "Z\"").replace("+00\"", "Z\"");
        assert_eq!(
            utc(form(100, "timestamptz", "'2024-02-03 04:05:06.789+05:30'")),
            r#""2024-02-02T22:35:06.789Z""#
        );
        assert_eq!(
            utc(form(
                101,
                "timestamptz[]",
                "'{2024-02-03 04:05:06+00,infinity,NULL}'"
            )),
            r#"["2024-02-03T04:05:06Z", "infinity", null]"#
        );
        assert_eq!(
            utc(form(
                102,
                "fidelity_form_event",
                "ROW('2024-02-03 04:05:06+00', 1.10, '{1,2}')"
            )),
            r#"{"l": [1, 2], "n": 1.10, "At time": "2024-02-03T04:05:06Z"}"#
        );
        assert_eq!(
            utc(form(
                103,
                "fidelity_form_event[]",
                "ARRAY[ROW(NULL, NULL, '{}')::fidelity_form_event, NULL]"
            )),
            r#"[{"l": [], "n": null, "At time": null}, null]"#
        );
        assert_eq!(
            utc(form(
                104,
                "fidelity_form_moments",
                "'{2024-02-03 04:05:06+09}'"
            )),
            r#"["2024-02-02T19:05:06Z"]"#
        );
        assert_eq!(
            utc(form(105, "tstzrange", "'[2024-02-03 04:05:06+00,)'")),
            r#""[\"2024-02-03 04:05:06+00\",)""#
        );
    }

    /// Every field of the row is there, NULL among them, generated columns and defaults too.
    #[pg_test]
    fn fidelity_form_of_a_row() {
        run("CREATE TABLE fidelity_form_row (
                 id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n numeric DEFAULT 1.50,
                 twice numeric GENERATED ALWAYS AS (n * 2) STORED, nothing text, \"Odd name\" boolean DEFAULT true);
             SELECT directus_versions.track('fidelity_form_row');
             INSERT INTO fidelity_form_row DEFAULT VALUES;
             UPDATE fidelity_form_row SET n = 2.0");
        let created = text(
            "SELECT delta FROM directus_versions.revisions r WHERE r.collection = 'fidelity_form_row' ORDER BY r.id",
        );
        assert_eq!(
            created.as_deref(),
            Some(r#"{"n": 1.50, "id": 1, "twice": 3.00, "nothing": null, "Odd name": true}"#)
        );
        let updated = table(
            "SELECT delta, prior, data FROM directus_versions.revisions r
             WHERE r.collection = 'fidelity_form_row' ORDER BY r.id DESC",
        );
        let expect = |text: &str| Some(text.to_owned());
        assert_eq!(
            updated[0],
            [
                expect(r#"{"n": 2.0, "twice": 4.0}"#),
                expect(r#"{"n": 1.50, "twice": 3.00}"#),
                expect(r#"{"n": 2.0, "id": 1, "twice": 4.0, "nothing": null, "Odd name": true}"#),
            ]
        );
    }
}
