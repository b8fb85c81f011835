//! Strings and bytes: escapes, padding, control characters, the high bit.

#[pgrx::pg_schema]
mod tests {
    use super::super::round_trip;
    use crate::pg_tests::support::{run, text, yes};
    use pgrx::prelude::*;

    #[pg_test]
    fn fidelity_text_with_every_escape() {
        round_trip(
            "fidelity_text",
            "v text",
            &[
                "''",
                r#"'quotes '' " and backslashes \ \\ / \n \u0041'"#,
                "(SELECT string_agg(chr(i), '') FROM generate_series(1, 31) i)",
                "(SELECT string_agg(chr(i), '') FROM generate_series(32, 1000) i)",
                r"E'line\nreturn\r\ttab\b\f \u2028 \u2029 \u00a0 \ufeff'",
                r"E'\U0001F600 \U0010FFFF \uFFFF \uFFFE e\u0301'",
                "repeat(chr(128512), 100000)",
                "(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 40000) i)",
                "'null'",
                "'\"null\"'",
                "' leading and trailing '",
                "'**********'",
            ],
        );
    }

    #[pg_test]
    fn fidelity_padding_and_length() {
        round_trip(
            "fidelity_bpchar",
            "c char(5), b bpchar, v varchar(5), n name, one char, a char(3)[], w varchar(3)[]",
            &[
                "'a', 'a  ', 'a  ', 'a b', 'x', '{a,\"b \",NULL}', '{a,\"b \"}'",
                "'', '', '', '', '', '{}', '{\"\"}'",
                "'  a', ' a ', '   a', 'UPPER \"q\"', ' ', '{\"\"}', '{\"   \"}'",
                "'ééééé', 'é  ', '''''\\', repeat('n', 63), 'é', '{ééé}', '{é}'",
            ],
        );
    }

    #[pg_test]
    fn fidelity_char_of_every_byte() {
        let samples: Vec<String> = (-128..128)
            .step_by(5)
            .chain([-1, 0, 127])
            .map(|n| format!("({n})::\"char\""))
            .collect();
        let samples: Vec<&str> = samples.iter().map(String::as_str).collect();
        round_trip("fidelity_char", "v \"char\"", &samples);
    }

    #[pg_test]
    fn fidelity_bytea_of_every_byte() {
        round_trip(
            "fidelity_bytea",
            "v bytea, a bytea[]",
            &[
                "(SELECT string_agg(set_byte('x', 0, i), '' ORDER BY i) FROM generate_series(0, 255) i), '{}'",
                "'', ARRAY[''::bytea, '\\x00', NULL]",
                r"'\x5c5c27', ARRAY['\x5c'::bytea, '\x22']",
                "(SELECT string_agg(sha256(i::text::bytea), '') FROM generate_series(1, 40000) i), NULL",
            ],
        );
    }

    #[pg_test]
    fn fidelity_escape_output_of_bytea_is_not_followed() {
        run("SET LOCAL bytea_output = 'escape'");
        round_trip(
            "fidelity_bytea_escape",
            "v bytea",
            &[r"'\x00ff5c'", r"'\\xabc'", "'plain'"],
        );
    }

    #[pg_test]
    fn fidelity_enums() {
        run("CREATE TYPE fidelity_mood AS ENUM ('sad', 'so \"so\"', 'it''s', '', 'a,b', 'NULL')");
        round_trip(
            "fidelity_enum",
            "v fidelity_mood, a fidelity_mood[]",
            &[
                "'sad', '{sad,NULL,\"NULL\",\"\"}'",
                "'so \"so\"', ARRAY['so \"so\"', 'a,b']::fidelity_mood[]",
                "'it''s', '{}'",
                "'', '{{sad},{\"a,b\"}}'",
                "'NULL', NULL",
            ],
        );
    }

    /// Names of columns and of the table are data too.
    #[pg_test]
    fn fidelity_odd_names() {
        run(r#"CREATE TYPE "fidelity odd" AS ("a ""b" int, "É" text)"#);
        round_trip(
            r#""fidelity ""odd"" %s""#,
            r#""a b" int, "select" text, "quote "" quote" text, "ünï" text, "back\slash" text,
               "%I" "fidelity odd", "tab	tab" "fidelity odd"[]"#,
            &[
                "1, 'a', 'b', 'c', 'd', ROW(1, 'x'), ARRAY[ROW(2, 'y')::\"fidelity odd\"]",
                "2, 'a', 'c', 'c', 'e', ROW(NULL, NULL), '{NULL}'",
            ],
        );
    }

    #[pg_test]
    fn fidelity_dropped_and_added_columns() {
        run("CREATE TABLE fidelity_dropped (id int PRIMARY KEY, gone text, v numeric, also_gone int, w text);
             INSERT INTO fidelity_dropped VALUES (1, 'gone', 1.10, 3, 'w');
             ALTER TABLE fidelity_dropped DROP gone, DROP also_gone, ADD later numeric DEFAULT 2.50;
             SELECT directus_versions.track('fidelity_dropped');
             UPDATE fidelity_dropped SET later = 2.500;
             DELETE FROM fidelity_dropped");
        let part = |what: &str, action: &str| {
            text(&format!(
                "SELECT r.{what} FROM directus_versions.revisions r
                 JOIN directus_versions.activity a ON a.id = r.activity
                 WHERE r.collection = 'fidelity_dropped' AND a.action = '{action}'"
            ))
        };
        assert_eq!(
            part("delta", "update").as_deref(),
            Some(r#"{"later": 2.500}"#)
        );
        assert_eq!(
            part("prior", "update").as_deref(),
            Some(r#"{"later": 2.50}"#)
        );
        let last = part("prior", "delete");
        assert_eq!(
            last.as_deref(),
            Some(r#"{"v": 1.10, "w": "w", "id": 1, "later": 2.500}"#)
        );
        assert!(yes(
            "SELECT count(*) = 2 FROM directus_versions.revisions r WHERE r.collection = 'fidelity_dropped'"
        ));
    }
}
