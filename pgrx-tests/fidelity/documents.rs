//! json, jsonb and xml: the text of json, null against NULL, what jsonb cannot hold.

#[pgrx::pg_schema]
mod tests {
    use super::super::round_trip;
    use crate::pg_tests::support::{run, table, text};
    use pgrx::prelude::*;

    #[pg_test]
    fn fidelity_json_keeps_its_text() {
        round_trip(
            "fidelity_json",
            "v json",
            &[
                r#"'{"a" :  1.00,  "b":[ ]}'"#,
                r#"'{"a":1.00,"b":[]}'"#,
                r#"'{"a": 1, "a": 2}'"#,
                r#"'{"b": 1, "a": 2}'"#,
                r#"'{"aa": 1, "b": 2}'"#,
                "' null '",
                "'null'",
                "' \"x\"\n'",
                "'1E2'",
                "'1.0'",
                "'-0'",
                "'1e999999'",
                "'1e-999999'",
                r#"'"\u0000"'"#,
                r#"'{"\u0000": "a\u0000b"}'"#,
                r#"'"\ud800"'"#,
                r#"'["\udc00\ud800", "\ud83d\ude00"]'"#,
                r#"'"\u00e9 é \/ \/"'"#,
                "'[]'",
                "'{}'",
                "(repeat('[', 2000) || repeat(']', 2000))::json",
                "(repeat('{\"a\":', 2000) || '1' || repeat('}', 2000))::json",
                "('[' || repeat('1,', 200000) || '1]')::json",
            ],
        );
    }

    #[pg_test]
    fn fidelity_jsonb() {
        round_trip(
            "fidelity_jsonb",
            "v jsonb",
            &[
                r#"'{"a": 1.00, "b": [], "c": {}}'"#,
                r#"'{"a": 1.0, "b": [], "c": {}}'"#,
                "'null'",
                "'[null]'",
                "'\"null\"'",
                "'true'",
                "'\"\"'",
                "'1.10'",
                "'0.000'",
                "'1e1000'",
                "'1e-1000'",
                r#"'{"": {"": ""}, "é": "\u00e9\ud83d\ude00", "q\"": "\\ \u0001"}'"#,
                r#"'{"length": 1, "sha256": "x", "omitted": true}'"#,
                r#"'{"bytes": "ff"}'"#,
                "'[]'",
                "'{}'",
                "(repeat('[', 2000) || repeat(']', 2000))::jsonb",
                "(repeat('{\"a\":', 2000) || '1' || repeat('}', 2000))::jsonb",
                "(SELECT jsonb_object_agg(i, md5(i::text)) FROM generate_series(1, 20000) i)",
                "'\"**********\"'",
            ],
        );
    }

    /// The deepest json that the server takes is written by the application without an error.
    #[pg_test]
    fn fidelity_json_of_any_depth_can_be_written() {
        run(
            "CREATE TABLE fidelity_depth (id int PRIMARY KEY, v json, w jsonb);
             SELECT directus_versions.track('fidelity_depth')",
        );
        for depth in [4000, 6000, 8000, 9000, 10_000, 11_000, 12_000] {
            run(&format!(
                "DO $$
                 DECLARE
                     deep json;
                 BEGIN
                     BEGIN
                         deep := (repeat('[', {depth}) || repeat(']', {depth}))::json;
                         PERFORM deep::jsonb;
                     EXCEPTION WHEN statement_too_complex THEN
                         RETURN;
                     END;
                     INSERT INTO fidelity_depth VALUES ({depth}, deep, deep);
                     UPDATE fidelity_depth SET v = '0', w = '0' WHERE id = {depth};
                     DELETE FROM fidelity_depth WHERE id = {depth};
                 END $$"
            ));
        }
    }

    #[pg_test]
    fn fidelity_null_of_sql_is_not_null_of_json() {
        run(
            "CREATE TABLE fidelity_nulls (id int PRIMARY KEY, v jsonb, j json);
             SELECT directus_versions.track('fidelity_nulls');
             INSERT INTO fidelity_nulls VALUES (1, NULL, NULL);
             UPDATE fidelity_nulls SET v = 'null';
             UPDATE fidelity_nulls SET v = 'null', j = 'null';
             UPDATE fidelity_nulls SET v = NULL",
        );
        let rows = table(
            "SELECT delta, prior FROM directus_versions.revisions r
             WHERE r.collection = 'fidelity_nulls' ORDER BY r.id",
        );
        let null = |field: &str| Some(format!(r#"{{"{field}": null}}"#));
        assert_eq!(rows.len(), 4);
        assert_eq!(
            rows[0][0].as_deref(),
            Some(r#"{"j": null, "v": null, "id": 1}"#)
        );
        assert_eq!(rows[1], [null("v"), null("v")]);
        assert_eq!(rows[2], [null("j"), null("j")]);
        assert_eq!(rows[3], [null("v"), null("v")]);
    }

    #[pg_test]
    fn fidelity_json_inside_other_types() {
        run("CREATE TYPE fidelity_with_json AS (j json, b jsonb);
             CREATE DOMAIN fidelity_document AS jsonb CHECK (VALUE IS NOT NULL OR VALUE IS NULL)");
        round_trip(
            "fidelity_json_inside",
            "a json[], b jsonb[], c fidelity_with_json, d fidelity_document, e fidelity_with_json[]",
            &[
                r#"ARRAY['{"a" : 1}'::json, 'null', NULL], ARRAY['null'::jsonb, NULL, '1.00'],
                   ROW(' 1', 'null'), 'null', ARRAY[ROW(' [1]', NULL)::fidelity_with_json]"#,
                r#"ARRAY['{"a":1}'::json, 'null', NULL], ARRAY[NULL, 'null'::jsonb, '1.0'],
                   ROW('1', NULL), '{"a": null}', ARRAY[ROW('[1]', 'null')::fidelity_with_json]"#,
                r#"ARRAY['"\u0000"'::json, '1e999999'], '{}', ROW('"\u0000"', '[]'), '1.00',
                   ARRAY[ROW('1e999999', NULL)::fidelity_with_json, NULL]"#,
                "ARRAY['[1, 2]'::json, '[3]'], ARRAY['[1, 2]'::jsonb, '[3, 4]'], ROW('[]', '[[]]'), '[[null]]',
                   ARRAY[ROW('[1]', '[2]')::fidelity_with_json]",
                "ARRAY['[]'::json], ARRAY['[]'::jsonb, '[[]]', '{}'], ROW('{}', '{}'), '[]', '{}'",
            ],
        );
    }

    #[pg_test]
    fn fidelity_xml() {
        run("SET LOCAL xmloption = content");
        round_trip(
            "fidelity_xml",
            "v xml, a xml[]",
            &[
                "'<a b=\"c\">d &amp; e</a>', '{}'",
                "'<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>é</a>', '{}'",
                "'<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>e</a>', NULL",
                "'<?xml version=\"1.0\" standalone=\"yes\"?><a>e</a>', NULL",
                "'<?xml version=\"1.1\" encoding=\"UTF-8\" standalone=\"no\"?><a>e</a>', NULL",
                "'two <b>parts</b>', ARRAY['x'::xml, NULL]",
                "'', NULL",
                "'<!DOCTYPE a [<!ELEMENT a (#PCDATA)>]><a>doc</a>', NULL",
            ],
        );
    }

    /// The output of xml leaves out the declaration, wherever the xml stands.
    #[pg_test]
    fn fidelity_xml_declaration_inside_other_types() {
        run("CREATE TYPE fidelity_with_xml AS (x xml)");
        round_trip(
            "fidelity_xml_inside",
            "a xml[], c fidelity_with_xml",
            &[
                "ARRAY['<?xml version=\"1.0\"?><a/>'::xml], ROW('<?xml version=\"1.0\" encoding=\"UTF-8\"?><a/>')",
                "ARRAY['<a/>'::xml], ROW('<a/>')",
            ],
        );
    }

    /// A log entry of JSON that jsonb refuses is still JSON that a reader can use.
    #[pg_test]
    fn fidelity_json_that_jsonb_refuses_stands_as_something() {
        run(
            r#"CREATE TABLE fidelity_refused (id int PRIMARY KEY, v json, w text);
               SELECT directus_versions.track('fidelity_refused');
               INSERT INTO fidelity_refused VALUES (1, '"\u0000"', 'seen')"#,
        );
        let seen = text(
            "SELECT delta ->> 'w' FROM directus_versions.revisions r WHERE r.collection = 'fidelity_refused'",
        );
        assert_eq!(seen.as_deref(), Some("seen"));
    }
}
