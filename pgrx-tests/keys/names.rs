//! Names that need quoting, or that look like ours.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{check_history, entries, run, shows};
    use pgrx::prelude::*;

    #[pg_test]
    fn keys_and_names_that_need_quoting() {
        run(r#"CREATE SCHEMA "Odd Schema.x";
             CREATE TABLE "Weird ""Name""" ("Id Column" int PRIMARY KEY, "a ""b"" c" text, "select" int, "x.y" int, "ü" text);
             CREATE TABLE "Odd Schema.x"."dots.in.it" ("k'k" int PRIMARY KEY, "v\v" text);
             SELECT directus_versions.track('"Weird ""Name"""');
             SELECT directus_versions.track('"Odd Schema.x"."dots.in.it"');
             INSERT INTO "Weird ""Name""" VALUES (1, 'a', 1, 2, 'u');
             UPDATE "Weird ""Name""" SET "select" = 5, "x.y" = 6, "a ""b"" c" = 'b';
             INSERT INTO "Odd Schema.x"."dots.in.it" VALUES (1, 'a');
             UPDATE "Odd Schema.x"."dots.in.it" SET "v\v" = 'b', "k'k" = 2;
             DELETE FROM "Odd Schema.x"."dots.in.it""#);
        shows(
            "SELECT collection FROM directus_versions.collections WHERE target = '\"Weird \"\"Name\"\"\"'::regclass",
            "Weird \"Name\"",
        );
        assert_eq!(
            entries("Weird \"Name\"")[1],
            r#"update 1 {"x.y": 6, "select": 5, "a \"b\" c": "b"} was {"x.y": 2, "select": 1, "a \"b\" c": "a"}"#
        );
        shows(
            "SELECT collection FROM directus_versions.collections
             WHERE target = '\"Odd Schema.x\".\"dots.in.it\"'::regclass",
            "Odd Schema.x.dots.in.it",
        );
        assert_eq!(
            entries("Odd Schema.x.dots.in.it")[1],
            r#"update 2 {"k'k": 2, "v\\v": "b"} was {"k'k": 1, "v\\v": "a"}"#
        );
        check_history("\"Weird \"\"Name\"\"\"");
        check_history("\"Odd Schema.x\".\"dots.in.it\"");
    }

    #[pg_test]
    fn keys_and_names_of_the_longest_kind() {
        let (table_name, column) = ("t".repeat(63), "c".repeat(63));
        run(&format!(
            "CREATE TABLE {table_name} ({column} int PRIMARY KEY, v text);
             SELECT directus_versions.track('{table_name}');
             INSERT INTO {table_name} VALUES (1, 'a'); UPDATE {table_name} SET v = 'b'; TRUNCATE {table_name}"
        ));
        assert_eq!(entries(&table_name).len(), 4);
        let schema = "s".repeat(63);
        run(&format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.{table_name} (id int PRIMARY KEY);
             SELECT directus_versions.track('{schema}.{table_name}');
             INSERT INTO {schema}.{table_name} VALUES (1)"
        ));
        assert_eq!(
            entries(&format!("{schema}.{table_name}")),
            [r#"create 1 {"id": 1}"#]
        );
        assert_eq!(entries(&table_name).len(), 4);
    }

    #[pg_test]
    fn keys_in_schemas_keep_same_named_tables_apart() {
        run("CREATE SCHEMA key_s1; CREATE SCHEMA key_s2;
             CREATE TABLE key_same (id int PRIMARY KEY);
             CREATE TABLE key_s1.key_same (id int PRIMARY KEY);
             CREATE TABLE key_s2.key_same (id int PRIMARY KEY);
             SELECT directus_versions.track('key_same'), directus_versions.track('key_s1.key_same');
             SET LOCAL search_path = key_s2, key_s1, public;
             INSERT INTO key_same VALUES (2);
             INSERT INTO key_s1.key_same VALUES (1);
             INSERT INTO public.key_same VALUES (0)");
        assert_eq!(entries("key_same"), [r#"create 0 {"id": 0}"#]);
        assert_eq!(entries("key_s1.key_same"), [r#"create 1 {"id": 1}"#]);
        assert!(entries("key_s2.key_same").is_empty());
    }
}
