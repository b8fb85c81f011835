//! Values of every kind of type: staged as JSON, promoted to the very value, whatever the session's settings.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{run, shows, state, text};
    use crate::pg_tests::versions::version;
    use pgrx::prelude::*;

    #[pg_test]
    fn versions_of_every_kind_of_type() {
        run("CREATE TYPE versions_mood AS ENUM ('sad', 'happy');
             CREATE TYPE versions_place AS (street text, nr int, since date);
             CREATE DOMAIN versions_positive AS numeric(6,2) CHECK (value > 0);
             CREATE TABLE versions_all (
                 id int PRIMARY KEY, big bigint, num numeric, scaled numeric(12,4), real8 float8, flag bool, t text,
                 c char(4), v varchar(8), b bytea, u uuid, d date, ts timestamp, tz timestamptz, i interval, m money,
                 j json, jb jsonb, ints int[], words text[][], r int4range, mood versions_mood, moods versions_mood[],
                 place versions_place, places versions_place[], p versions_positive, net inet, x xml);
             SELECT directus_versions.track('versions_all');
             INSERT INTO versions_all (id) VALUES (1)");
        // What each is staged as, and the text of the value that it must become.
        let values = [
            ("big", "9007199254740993", "9007199254740993"),
            (
                "num",
                "12345678901234567890.123456789012345678900",
                "12345678901234567890.123456789012345678900",
            ),
            ("scaled", "1.5", "1.5000"),
            ("real8", "0.1", "0.1"),
            ("flag", "true", "true"),
            ("t", r#""a \"b\" \\ ü""#, "a \"b\" \\ ü"),
            ("c", r#""ab""#, "ab"),
            ("v", r#""short""#, "short"),
            ("b", r#""\\x01ff00""#, "\\x01ff00"),
            (
                "u",
                r#""AAAAAAAA-0000-0000-0000-000000000001""#,
                "aaaaaaaa-0000-0000-0000-000000000001",
            ),
            ("d", r#""2026-02-03""#, "2026-02-03"),
            (
                "ts",
                r#""2026-02-03T04:05:06.789""#,
                "2026-02-03 04:05:06.789",
            ),
            (
                "tz",
                r#""2026-02-03T04:05:06+02:00""#,
                "2026-02-03 02:05:06+00",
            ),
            ("i", r#""1 mon -2 days""#, "1 mon -2 days"),
            ("m", "\"12.5\"", "$12.50"),
            (
                "j",
                r#"{"b": 1, "a": [1, null]}"#,
                r#"{"b": 1, "a": [1, null]}"#,
            ),
            ("jb", "[1.10, {}]", "[1.10, {}]"),
            ("ints", "[1, null, 3]", "{1,NULL,3}"),
            (
                "words",
                r#"[["a", "b c"], ["d", null]]"#,
                r#"{{a,"b c"},{d,NULL}}"#,
            ),
            ("r", r#""[1,5)""#, "[1,5)"),
            ("mood", r#""sad""#, "sad"),
            ("moods", r#"["happy", "sad"]"#, "{happy,sad}"),
            (
                "place",
                r#"{"street": "Main", "nr": 3, "since": "2026-01-02"}"#,
                "(Main,3,2026-01-02)",
            ),
            (
                "places",
                r#"[{"street": "A b", "nr": null}]"#,
                r#"{"(\"A b\",,)"}"#,
            ),
            ("p", "3", "3.00"),
            ("net", r#""10.0.0.0/8""#, "10.0.0.0/8"),
            ("x", r#""<a/>""#, "<a/>"),
        ];
        let delta: Vec<String> = values
            .iter()
            .map(|(name, json, _)| format!("\"{name}\": {json}"))
            .collect();
        run("SET LOCAL DateStyle = 'German'; SET LOCAL TimeZone = 'Asia/Tokyo'; SET LOCAL IntervalStyle = 'iso_8601';
             SET LOCAL bytea_output = 'escape'; SET LOCAL extra_float_digits = -5");
        let id = version(
            "versions_all",
            "1",
            "draft",
            &format!("{{{}}}", delta.join(", ")),
        );
        // JSON's text keeps no order of keys or spaces in a jsonb, so the expected text is that of a jsonb.
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        run("SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL TimeZone = 'UTC'; SET LOCAL IntervalStyle = 'postgres';
             SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; SET LOCAL lc_monetary = 'C'");
        for (name, _, expected) in values {
            let found = text(&format!("SELECT {name}::text FROM versions_all")).unwrap();
            let found = found.trim_end();
            if name == "j" {
                assert_eq!(found.len(), expected.len(), "{found}");
            } else {
                assert_eq!(found, expected, "{name}");
            }
        }
        // Promoting what main has already writes nothing.
        let again = version(
            "versions_all",
            "1",
            "again",
            &format!("{{{}}}", delta.join(", ")),
        );
        shows(
            &format!("SELECT directus_versions.promote_version('{again}') IS NULL"),
            "true",
        );
    }

    #[pg_test]
    fn versions_null_is_staged_as_null() {
        run(
            "CREATE TABLE versions_null (id int PRIMARY KEY, n int, j json, jb jsonb, a int[]);
             SELECT directus_versions.track('versions_null');
             INSERT INTO versions_null VALUES (1, 1, '1', '1', '{1}')",
        );
        let id = version(
            "versions_null",
            "1",
            "draft",
            r#"{"n": null, "j": null, "jb": null, "a": null}"#,
        );
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows("SELECT num_nulls(n, j, jb, a) FROM versions_null", "4");
    }

    #[pg_test]
    fn versions_json_null_is_staged_as_it_is() {
        run(
            "CREATE DOMAIN versions_sure AS jsonb CHECK (value <> 'null');
             CREATE TABLE versions_json_null (id int PRIMARY KEY, j json, jb jsonb, d versions_sure, t text);
             SELECT directus_versions.track('versions_json_null');
             INSERT INTO versions_json_null VALUES (1, '1', '1', '1', 'x')",
        );
        let null = r#"{"directus_versions.json": null}"#;
        let id = version(
            "versions_json_null",
            "1",
            "draft",
            &format!(
                r#"{{"j": {null}, "jb": {null}, "d": {{"directus_versions.json": {{"a": 1}}}}}}"#
            ),
        );
        shows(
            "SELECT concat_ws(' ', j, jb, d) FROM directus_versions.read_version(NULL::versions_json_null, 'draft')",
            r#"null null {"a": 1}"#,
        );
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows(
            "SELECT concat_ws(' ', j, jb, d) FROM versions_json_null",
            r#"null null {"a": 1}"#,
        );
        for (delta, expected) in [
            (format!(r#"{{"d": {null}}}"#), "23514"),
            (format!(r#"{{"t": {null}}}"#), "00000"),
            (
                format!(r#"{{"jb": {{"directus_versions.json": {null}}}}}"#),
                "00000",
            ),
        ] {
            let save = format!("SELECT directus_versions.save_version('{id}', '{delta}')");
            assert_eq!(state(&save), expected, "{delta}");
        }
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows(
            "SELECT concat_ws(' ', jb, t) FROM versions_json_null",
            &format!("{null} {null}"),
        );
    }

    #[pg_test]
    fn versions_json_null_in_main_is_no_sql_null() {
        run(
            "CREATE TABLE versions_two_nulls (id int PRIMARY KEY, jb jsonb); SELECT directus_versions.track('versions_two_nulls');
             INSERT INTO versions_two_nulls VALUES (1, 'null')",
        );
        let id = version("versions_two_nulls", "1", "draft", r#"{"jb": {"a": 1}}"#);
        run("UPDATE versions_two_nulls SET jb = NULL");
        shows(
            &format!(
                "SELECT directus_versions.compare_version('{id}') -> 'conflicts' -> 0 -> 'base'"
            ),
            r#"{"directus_versions.json": null}"#,
        );
        let id = version(
            "versions_two_nulls",
            "1",
            "null",
            r#"{"jb": {"directus_versions.json": null}}"#,
        );
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows("SELECT jb FROM versions_two_nulls", "null");
        let id = version("versions_two_nulls", "1", "none", r#"{"jb": null}"#);
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows("SELECT jb IS NULL FROM versions_two_nulls", "true");
    }

    #[pg_test]
    fn versions_large_values() {
        run(
            "CREATE TABLE versions_large (id int PRIMARY KEY, t text, jb jsonb);
             SELECT directus_versions.track('versions_large');
             INSERT INTO versions_large VALUES (1, 'small', '{}')",
        );
        let id = version("versions_large", "1", "draft", r#"{"t": "x"}"#);
        run(&format!(
            "SELECT directus_versions.save_version('{id}', jsonb_build_object('t', repeat('long ', 1000000),
                 'jb', (SELECT jsonb_object_agg('k' || g, g) FROM generate_series(1, 50000) g)));
             SELECT directus_versions.promote_version('{id}')"
        ));
        shows(
            "SELECT length(t) || ' ' || (jb ->> 'k50000') FROM versions_large",
            "5000000 50000",
        );
    }

    #[pg_test]
    fn versions_documents_nested_deeply() {
        run("CREATE TABLE versions_deep (id int PRIMARY KEY, jb jsonb);
             SELECT directus_versions.track('versions_deep');
             INSERT INTO versions_deep VALUES (1, '{}')");
        let id = version("versions_deep", "1", "draft", "");
        run(&format!(
            "SELECT directus_versions.save_version('{id}', jsonb_build_object('jb', (repeat('[', 2000) || repeat(']', 2000))::jsonb));
             SELECT directus_versions.promote_version('{id}')"
        ));
        shows("SELECT length(jb::text) FROM versions_deep", "4000");
        shows(
            &format!("SELECT directus_versions.compare_version('{id}') ->> 'outdated'"),
            "false",
        );
    }
}
