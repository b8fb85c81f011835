//! Values beyond jsonb's limits: the write succeeds, the log keeps their length and hash.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{Row, int, run, table, text};
    use pgrx::prelude::*;

    const MEGABYTE: usize = 1 << 20;

    fn digest(value: &str) -> String {
        text(&format!("SELECT encode(sha256({value}), 'hex')")).unwrap()
    }

    /// Give action and one field of delta and prior of each revision.
    fn field(name: &str, field: &str) -> Vec<Row> {
        table(&format!(
            "SELECT a.action,
                    r.delta -> '{field}', r.prior -> '{field}'
             FROM directus_versions.revisions r
             JOIN directus_versions.activity a ON a.id = r.activity
             WHERE r.collection = '{name}' ORDER BY r.id"
        ))
    }

    /// Check that an entry is a marker of this length and hash.
    fn marks(entry: Option<&String>, length: usize, sha256: &str) {
        let entry = entry.map(String::as_str).unwrap_or_default();
        let value: serde_json::Value = serde_json::from_str(entry).unwrap_or_else(|_| {
            panic!(
                "not a marker: {}",
                entry.chars().take(100).collect::<String>()
            )
        });
        assert_eq!(value["length"].to_string(), length.to_string(), "{entry}");
        assert_eq!(value["sha256"].as_str(), Some(sha256), "{entry}");
        assert!(
            value.get("omitted").is_some() || entry.len() < 200,
            "{entry}"
        );
    }

    #[pg_test]
    fn huge_text_leaves_a_marker() {
        let length = 300 * MEGABYTE;
        let value = |letter: &str| format!("repeat('{letter}', {length})");
        run(&format!(
            "CREATE TABLE huge_text (id int PRIMARY KEY, body text, note text);
             SELECT directus_versions.track('huge_text');
             INSERT INTO huge_text VALUES (1, {}, 'a');
             UPDATE huge_text SET note = 'b';
             UPDATE huge_text SET body = {};
             DELETE FROM huge_text",
            value("x"),
            value("y")
        ));
        let [x, y] =
            ["x", "y"].map(|letter| digest(&format!("convert_to({}, 'UTF8')", value(letter))));
        let rows = field("huge_text", "body");
        let actions: Vec<&str> = rows.iter().map(|row| row[0].as_deref().unwrap()).collect();
        assert_eq!(actions, ["create", "update", "update", "delete"]);
        marks(rows[0][1].as_ref(), length, &x);
        marks(rows[2][1].as_ref(), length, &y);
        assert_eq!(rows[1][1..], [None, None]);
        marks(rows[2][2].as_ref(), length, &x);
        marks(rows[3][2].as_ref(), length, &y);
        assert!(table("SELECT data -> 'body' ? 'omitted' FROM directus_versions.revisions WHERE collection = 'huge_text'")
            .iter()
            .all(|row| row[0].as_deref() == Some("true")));
        assert_eq!(
            text(
                "SELECT prior ->> 'note' FROM directus_versions.revisions r WHERE collection = 'huge_text' ORDER BY id DESC LIMIT 1"
            ),
            Some("b".to_owned())
        );
    }

    #[pg_test]
    fn huge_bytea_leaves_a_marker() {
        let length = 200 * MEGABYTE;
        let value = format!("convert_to(repeat('z', {length}), 'UTF8')");
        run(&format!(
            "CREATE TABLE huge_bytea (id int PRIMARY KEY, body bytea);
             SELECT directus_versions.track('huge_bytea');
             INSERT INTO huge_bytea VALUES (1, {value});
             UPDATE huge_bytea SET body = 'small';
             UPDATE huge_bytea SET body = {value};
             DELETE FROM huge_bytea"
        ));
        let z = digest(&value);
        let rows = field("huge_bytea", "body");
        assert_eq!(rows.len(), 4);
        for (row, column) in [(0, 1), (1, 2), (2, 1), (3, 2)] {
            marks(rows[row][column].as_ref(), length, &z);
        }
        assert_eq!(rows[1][1].as_deref(), Some(r#""\\x736d616c6c""#));
        assert_eq!(rows[2][2].as_deref(), Some(r#""\\x736d616c6c""#));
    }

    /// Each fits by itself, all of them in one object do not.
    #[pg_test]
    fn huge_values_that_only_together_are_too_large() {
        run(&format!(
            "CREATE TABLE huge_together (id int PRIMARY KEY, a text, b text, c jsonb, d text);
             SELECT directus_versions.track('huge_together');
             INSERT INTO huge_together
             VALUES (1, repeat('a', {size}), repeat('b', {size}), to_jsonb(repeat('c', {size})), 'small');
             UPDATE huge_together SET a = b, b = a, d = 'little';
             DELETE FROM huge_together",
            size = 100 * MEGABYTE
        ));
        let kinds = table(
            "SELECT count(*) FILTER (WHERE value ? 'omitted'), count(*) FILTER (WHERE length(value::text) > 1000000),
                    count(*)
             FROM directus_versions.revisions r, jsonb_each(coalesce(r.delta, r.prior))
             WHERE collection = 'huge_together' GROUP BY r.id ORDER BY r.id",
        );
        assert_eq!(kinds.len(), 3);
        for (kind, large) in kinds.iter().zip([3, 2, 3]) {
            let count = |at: usize| kind[at].as_deref().unwrap().parse::<i64>().unwrap();
            assert_eq!(count(0) + count(1), large, "{kind:?}");
            assert!(count(1) >= 1, "nothing of it is kept: {kind:?}");
        }
        let small = table(
            "SELECT coalesce(delta, prior) ->> 'd' FROM directus_versions.revisions
             WHERE collection = 'huge_together' ORDER BY id",
        );
        let small: Vec<&str> = small.iter().map(|row| row[0].as_deref().unwrap()).collect();
        assert_eq!(small, ["small", "little", "little"]);
    }

    /// What is too large may stand inside another value, or have a text larger than itself.
    #[pg_test]
    fn huge_values_of_other_types() {
        let large = |n: usize| format!("repeat('x', {})", n * MEGABYTE);
        let samples = [
            ("text[]", format!("ARRAY['a', {}]", large(260))),
            ("json", format!("('\"' || {} || '\"')::json", large(260))),
            (
                "json",
                format!("('[\"\\u0000\", \"' || {} || '\"]')::json", large(140)),
            ),
            (
                "huge_composite",
                format!("ROW(1, {})::huge_composite", large(260)),
            ),
            ("text", format!("repeat(chr(1), {})", 60 * MEGABYTE)),
            ("bytea", format!("convert_to({}, 'UTF8')", large(130))),
            (
                "bit varying",
                format!("repeat('10', {})::bit varying", 130 * MEGABYTE),
            ),
            (
                "smallint[]",
                "array_fill(1::int2, ARRAY[25000000])".to_owned(),
            ),
        ];
        run("CREATE TYPE huge_composite AS (n int, body text)");
        for (n, (column, value)) in samples.iter().enumerate() {
            run(&format!(
                "CREATE TABLE huge_other_{n} (id int PRIMARY KEY, v {column}, note text);
                 SELECT directus_versions.track('huge_other_{n}');
                 INSERT INTO huge_other_{n} VALUES (1, {value}, 'kept');
                 UPDATE huge_other_{n} SET note = 'changed';
                 DELETE FROM huge_other_{n}"
            ));
            let rows = table(&format!(
                "SELECT coalesce(delta, prior) ->> 'note' FROM directus_versions.revisions
                 WHERE collection = 'huge_other_{n}' ORDER BY id"
            ));
            let notes: Vec<&str> = rows.iter().map(|row| row[0].as_deref().unwrap()).collect();
            assert_eq!(notes, ["kept", "changed", "changed"], "{column}");
        }
    }

    /// A large value that fits is kept whole.
    #[pg_test]
    fn huge_value_within_the_limits_is_kept() {
        run(&format!(
            "CREATE TABLE huge_kept (id int PRIMARY KEY, v text);
             SELECT directus_versions.track('huge_kept');
             INSERT INTO huge_kept VALUES (1, repeat('x', {}));
             DELETE FROM huge_kept",
            50 * MEGABYTE
        ));
        let kept = int(
            "SELECT count(*) FROM directus_versions.revisions
             WHERE collection = 'huge_kept' AND length(coalesce(delta, prior) ->> 'v') = 50 * 1048576",
        );
        assert_eq!(kept, 2);
    }
}
