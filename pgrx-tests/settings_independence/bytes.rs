//! A change is a change of bytes, whatever the type's operators say.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{int, run, state};
    use pgrx::prelude::*;

    /// Update `v` from one value to the other, and tell how many revisions that made.
    fn recorded(name: &str, column: &str, from: &str, to: &str) -> i64 {
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, v {column});
             SELECT directus_versions.track('{name}');
             INSERT INTO {name} VALUES (1, {from});
             UPDATE {name} SET v = {to}"
        ));
        int(&format!(
            "SELECT count(*) FROM directus_versions.activity WHERE collection = '{name}' AND action = 'update'"
        ))
    }

    #[pg_test]
    fn settings_independence_a_change_of_bytes_is_a_change() {
        run("CREATE EXTENSION citext;
             CREATE COLLATION settings_any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");
        let changes = [
            ("numeric", "1.0", "1.00"),
            ("numeric", "0", "0.0"),
            ("numeric[]", "'{1.0}'", "'{1.00}'"),
            ("float8", "'0'", "'-0'"),
            ("float8[]", "'{0}'", "'{-0}'"),
            ("interval", "'1 month'", "'30 days'"),
            ("interval", "'1 day'", "'24 hours'"),
            ("timetz", "'12:00+00'", "'13:00+01'"),
            ("json", "'{\"a\":1}'", "'{\"a\": 1}'"),
            ("jsonb", "'1.0'", "'1.00'"),
            ("jsonb", "NULL", "'null'"),
            ("xml", "'<a/>'", "'<a />'"),
            ("point", "'(0,0)'", "'(-0,0)'"),
            ("point", "'(0,0)'", "'(1e-7,0)'"),
            ("box", "'(1,1),(0,0)'", "'(1,1),(1e-8,0)'"),
            ("circle", "'<(0,0),1>'", "'<(5,5),1>'"),
            ("polygon", "'((0,0),(1,1),(1,0))'", "'((1,1),(1,0),(0,0))'"),
            ("citext", "'a'", "'A'"),
            ("text COLLATE settings_any_case", "'a'", "'A'"),
            ("char(5)", "'a'", "'A'"),
            ("numrange", "'[1.0,2)'", "'[1.00,2)'"),
            ("int[]", "'{1,2}'", "'[0:1]={1,2}'"),
            ("text", "NULL", "''"),
        ];
        for (n, (column, from, to)) in changes.iter().enumerate() {
            assert_eq!(
                recorded(&format!("settings_change_{n}"), column, from, to),
                1,
                "{column}: {from} to {to}"
            );
        }
    }

    #[pg_test]
    fn settings_independence_the_same_bytes_are_no_change() {
        run("CREATE TYPE settings_composite AS (a text, b numeric[], p point)");
        let same = [
            ("numeric", "1.00", "v * 1"),
            ("json", "'{\"a\": 1}'", "(v::text)::json"),
            ("jsonb", "'{\"a\": 1, \"b\": 2}'", "'{\"b\": 2, \"a\": 1}'"),
            ("xml", "'<a/>'", "v::text::xml"),
            ("point", "'(1,2)'", "point(v[0], v[1])"),
            ("path", "'((0,0),(1,1))'", "v::text::path"),
            ("text", "'short'", "v || ''"),
            ("text", "repeat('x', 100)", "left(v, 50) || right(v, 50)"),
            (
                "text",
                "repeat('x', 1000000)",
                "left(v, 500000) || right(v, 500000)",
            ),
            ("text", "repeat('x', 100000000)", "v"),
            (
                "text[]",
                "ARRAY['a', NULL, repeat('x', 100000)]",
                "v || '{}'::text[]",
            ),
            (
                "settings_composite",
                "ROW('a', '{1.0,NULL}', '(1,2)')",
                "ROW((v).a, (v).b, (v).p)::settings_composite",
            ),
            (
                "settings_composite",
                "ROW(repeat('x', 100000), '{1.0}', NULL)",
                "ROW(repeat('x', 100000), '{1.0}', NULL)::settings_composite",
            ),
            (
                "bytea",
                "decode(repeat('00', 10000), 'hex')",
                "v || ''::bytea",
            ),
            ("char(5)", "'a'", "'a  '"),
            ("float8", "'NaN'", "'NaN'"),
            ("int", "NULL", "NULL"),
            ("int4range", "'[1,3]'", "'[1,4)'"),
        ];
        for (n, (column, value, again)) in same.iter().enumerate() {
            assert_eq!(
                recorded(&format!("settings_same_{n}"), column, value, again),
                0,
                "{column}: {value} to {again}"
            );
        }
    }

    /// The same content stored in another way, compressed or not, is the same value.
    #[pg_test]
    fn settings_independence_storage_is_no_change() {
        run("CREATE TABLE settings_storage (id int PRIMARY KEY, v text);
             SELECT directus_versions.track('settings_storage');
             INSERT INTO settings_storage
             SELECT 1, string_agg(md5(i::text) || repeat('x', 100), '') FROM generate_series(1, 10000) i");
        for storage in ["EXTERNAL", "MAIN", "EXTENDED", "PLAIN"] {
            if storage == "PLAIN" {
                run("UPDATE settings_storage SET v = left(v, 3000)");
            }
            run(&format!(
                "ALTER TABLE settings_storage ALTER v SET STORAGE {storage}"
            ));
            run("UPDATE settings_storage SET v = v || ''");
        }
        state("ALTER TABLE settings_storage ALTER v SET COMPRESSION lz4");
        run(
            "ALTER TABLE settings_storage ALTER v SET STORAGE EXTENDED; UPDATE settings_storage SET v = v || ''",
        );
        assert_eq!(
            int(
                "SELECT count(*) FROM directus_versions.revisions WHERE collection = 'settings_storage'"
            ),
            2
        );
    }
}
