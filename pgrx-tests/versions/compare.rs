//! What a client of Directus' compare relies on, and what it lacks there.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{run, shows, text};
    use crate::pg_tests::versions::{articles, version};
    use pgrx::prelude::*;

    fn compared(id: &str, path: &str) -> String {
        text(&format!(
            "SELECT directus_versions.compare_version('{id}') #> '{path}'"
        ))
        .unwrap()
    }

    #[pg_test]
    fn versions_compare_has_the_keys_of_directus() {
        articles("versions_compared");
        let id = version(
            "versions_compared",
            "1",
            "draft",
            r#"{"title": "New", "price": 2}"#,
        );
        shows(
            &format!(
                "SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(directus_versions.compare_version('{id}')) k"
            ),
            "conflicts current main mainHash outdated",
        );
        assert_eq!(compared(&id, "{outdated}"), "false");
        assert_eq!(
            compared(&id, "{current}"),
            r#"{"id": 1, "price": 2, "title": "New"}"#
        );
        assert_eq!(
            compared(&id, "{main}"),
            r#"{"id": 1, "doc": {"a": 1, "b": 1}, "body": "Text", "price": 1.50, "title": "One"}"#
        );
        shows(
            &format!(
                "SELECT directus_versions.compare_version('{id}') ->> 'mainHash' = hash
                 FROM directus_versions.versions WHERE id = '{id}'"
            ),
            "true",
        );
    }

    #[pg_test]
    fn versions_compare_tells_what_changed_on_both_sides() {
        articles("versions_both");
        let id = version(
            "versions_both",
            "1",
            "draft",
            r#"{"title": "Mine", "body": "Same", "price": 9, "doc": {"a": 2, "b": 1}}"#,
        );
        run(
            "UPDATE versions_both SET title = 'Theirs', body = 'Same', doc = '{\"a\": 1, \"b\": 2}' WHERE id = 1",
        );
        assert_eq!(compared(&id, "{outdated}"), "true");
        assert_eq!(
            compared(&id, "{conflicts}"),
            r#"[{"base": "One", "main": "Theirs", "field": "title", "version": "Mine"}]"#
        );
        run("UPDATE versions_both SET title = 'One' WHERE id = 1");
        assert_eq!(compared(&id, "{conflicts}"), "[]");
        run("UPDATE versions_both SET body = 'Text', doc = '{\"a\": 1, \"b\": 1}' WHERE id = 1");
        assert_eq!(compared(&id, "{outdated}"), "false", "main is what it was");
    }

    #[pg_test]
    fn versions_compare_of_a_draft() {
        articles("versions_compared_draft");
        let id = version(
            "versions_compared_draft",
            "NULL",
            "draft",
            r#"{"title": "New"}"#,
        );
        for (path, value) in [
            ("{outdated}", "false"),
            ("{main}", "null"),
            ("{mainHash}", "null"),
            ("{current}", r#"{"title": "New"}"#),
            ("{conflicts}", "[]"),
        ] {
            assert_eq!(compared(&id, path), value, "{path}");
        }
    }

    #[pg_test]
    fn versions_hash_is_the_same_under_any_setting() {
        run("CREATE TABLE versions_hashed (id timestamptz PRIMARY KEY, d date, i interval, f float8, b bytea, m money, r tstzrange);
             SELECT directus_versions.track('versions_hashed');
             INSERT INTO versions_hashed VALUES ('2026-01-01 12:00+00', '2026-02-03', '1 mon -2 days', 0.1, '\\x01ff', 1.5, '[2026-01-01,)')");
        let id = version(
            "versions_hashed",
            "'2026-01-01T12:00:00+00:00'",
            "draft",
            r#"{"f": 2}"#,
        );
        let hash = compared(&id, "{mainHash}");
        run("SET LOCAL TimeZone = 'Asia/Tokyo'; SET LOCAL DateStyle = 'German'; SET LOCAL IntervalStyle = 'sql_standard';
             SET LOCAL extra_float_digits = -10; SET LOCAL bytea_output = 'escape'; SET LOCAL search_path = 'pg_temp'");
        assert_eq!(compared(&id, "{mainHash}"), hash);
        assert_eq!(compared(&id, "{outdated}"), "false");
    }
}
