//! Rows of 1,600 columns and keys as long as an index takes them.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{check_history, int, run, table, text, yes};
    use pgrx::prelude::*;

    fn wide(name: &str, kind: &str) -> String {
        let columns: Vec<String> = (1..1600).map(|n| format!("c{n} {kind}")).collect();
        format!(
            "CREATE TABLE {name} (id int2 PRIMARY KEY, {})",
            columns.join(", ")
        )
    }

    #[pg_test]
    fn huge_row_of_1600_columns() {
        let values: Vec<String> = (1..1600).map(|n| n.to_string()).collect();
        run(&wide("huge_wide", "int2"));
        run(&format!(
            "SELECT directus_versions.track('huge_wide');
             INSERT INTO huge_wide VALUES (1, {});
             UPDATE huge_wide SET c1599 = -7;
             UPDATE huge_wide SET c1599 = -7;
             DELETE FROM huge_wide",
            values.join(", ")
        ));
        let rows = table(
            "SELECT a.action, (SELECT count(*) FROM jsonb_object_keys(r.delta)),
                    (SELECT count(*) FROM jsonb_object_keys(r.prior)), r.delta ->> 'c1599', r.prior ->> 'c1599',
                    (SELECT count(*) FROM jsonb_object_keys(r.data))
             FROM directus_versions.revisions r JOIN directus_versions.activity a ON a.id = r.activity
             WHERE r.collection = 'huge_wide' ORDER BY r.id",
        );
        let row = |values: [Option<&str>; 6]| values.map(|value| value.map(str::to_owned)).to_vec();
        assert_eq!(
            rows,
            [
                row([
                    Some("create"),
                    Some("1600"),
                    Some("0"),
                    Some("1599"),
                    None,
                    Some("1600")
                ]),
                row([
                    Some("update"),
                    Some("1"),
                    Some("1"),
                    Some("-7"),
                    Some("1599"),
                    Some("1600")
                ]),
                row([
                    Some("delete"),
                    Some("0"),
                    Some("1600"),
                    None,
                    Some("-7"),
                    Some("1600")
                ]),
            ]
        );
    }

    #[pg_test]
    fn huge_row_of_nulls() {
        run(&wide("huge_nulls", "text"));
        run("SELECT directus_versions.track('huge_nulls');
             INSERT INTO huge_nulls (id) VALUES (1);
             UPDATE huge_nulls SET c800 = repeat('x', 100000);
             DELETE FROM huge_nulls");
        let keys = table(
            "SELECT (SELECT count(*) FROM jsonb_object_keys(coalesce(r.delta, r.prior)))
             FROM directus_versions.revisions r WHERE r.collection = 'huge_nulls' ORDER BY r.id",
        );
        let keys: Vec<&str> = keys.iter().map(|row| row[0].as_deref().unwrap()).collect();
        assert_eq!(keys, ["1600", "1", "1600"]);
    }

    /// Random enough that no compression makes it shorter; half of it needs a backslash in JSON.
    const LONG_KEY: &str = "CREATE FUNCTION pg_temp.long_key(seed text, size int, quotes boolean) RETURNS text LANGUAGE sql AS $$
        SELECT substr(string_agg(
            CASE WHEN quotes AND get_byte(h, 0) < 128 THEN (ARRAY['\"', '\\'])[1 + get_byte(h, 1) % 2]
                 ELSE chr(35 + get_byte(h, 2) % 57) END, '' ORDER BY i), 1, size)
        FROM generate_series(1, size) i, LATERAL (SELECT sha256((seed || i)::bytea)) s(h)
        $$";

    #[pg_test]
    fn huge_text_keys() {
        run(LONG_KEY);
        run("CREATE TABLE huge_keys (k text PRIMARY KEY, v int);
             SELECT directus_versions.track('huge_keys')");
        for size in [2600, 2680, 2690] {
            run(&format!(
                "INSERT INTO huge_keys VALUES (pg_temp.long_key('a{size}', {size}, false), 1);
                 UPDATE huge_keys SET v = v + 1;
                 UPDATE huge_keys SET k = pg_temp.long_key('b{size}', {size}, true), v = v + 1
                 WHERE k = pg_temp.long_key('a{size}', {size}, false)"
            ));
        }
        check_history("huge_keys");
        run(
            "DELETE FROM huge_keys WHERE length(k) = 2600; INSERT INTO huge_keys VALUES ('short', 0)",
        );
        check_history("huge_keys");
        assert!(yes(
            "SELECT item = pg_temp.long_key('b2600', 2600, true) FROM directus_versions.revisions
             WHERE collection = 'huge_keys' AND delta IS NULL"
        ));
    }

    #[pg_test]
    fn huge_keys_of_several_columns() {
        run(LONG_KEY);
        run(
            "CREATE TABLE huge_pairs (a int, k text, v int, PRIMARY KEY (a, k));
             SELECT directus_versions.track('huge_pairs');
             INSERT INTO huge_pairs VALUES (1, pg_temp.long_key('a', 2600, true), 1);
             UPDATE huge_pairs SET v = 2;
             UPDATE huge_pairs SET a = 2, k = pg_temp.long_key('b', 2600, true);
             DELETE FROM huge_pairs",
        );
        check_history("huge_pairs");
        let item = text(
            "SELECT item FROM directus_versions.revisions WHERE collection = 'huge_pairs' ORDER BY id LIMIT 1",
        );
        let item: serde_json::Value = serde_json::from_str(&item.unwrap()).unwrap();
        assert_eq!(
            item[1].as_str(),
            text("SELECT pg_temp.long_key('a', 2600, true)").as_deref()
        );
        assert_eq!(
            int("SELECT count(*) FROM directus_versions.revisions WHERE collection = 'huge_pairs'"),
            4
        );
    }

    /// A key that compresses may be far longer than what an index keeps of it.
    #[pg_test]
    fn huge_keys_that_compress() {
        run("CREATE TABLE huge_compressed (k text PRIMARY KEY, v int);
             SELECT directus_versions.track('huge_compressed');
             INSERT INTO huge_compressed VALUES (repeat('k', 200000), 1);
             UPDATE huge_compressed SET v = 2;
             DELETE FROM huge_compressed");
        check_history("huge_compressed");
        assert_eq!(
            int(
                "SELECT max(length(item)) FROM directus_versions.revisions WHERE collection = 'huge_compressed'"
            ),
            200_000
        );
    }
}
