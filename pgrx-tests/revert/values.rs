//! Values: put back as they were, whatever the session's settings, however large.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::revert::{is_again, keep, newest, revert, revision, tracked};
    use crate::pg_tests::support::{error, run, shows, state, yes};
    use pgrx::prelude::*;

    #[pg_test]
    fn revert_does_not_follow_the_session_s_settings() {
        run("CREATE TABLE rev_settings (id int PRIMARY KEY, d date, w timestamptz, i interval, f float8, r real,
                 b bytea, m money, k tstzrange, a timestamptz[], c regclass, x xml, j json);
             SELECT directus_versions.track('rev_settings')");
        let first = revision(
            "rev_settings",
            "INSERT INTO rev_settings VALUES (1, '2024-02-03', '2024-02-03 04:05:06.789+05:30', '1 mon -2 days 03:04:05.6',
                 0.1::float8 + 0.2, 0.1, '\\x00ff5c', 1234.5, '[2024-02-03 04:05:06+05,)', '{2024-05-06 00:00-07}',
                 'rev_settings', '<a/>', '{\"a\" :  1}')",
        );
        keep("rev_settings");
        for settings in [
            "timezone = 'Asia/Kolkata'; SET LOCAL datestyle = 'German'; SET LOCAL intervalstyle = 'sql_standard'",
            "timezone = 'America/New_York'; SET LOCAL datestyle = 'SQL, DMY'; SET LOCAL bytea_output = 'escape'",
            "extra_float_digits = -15; SET LOCAL intervalstyle = 'iso_8601'; SET LOCAL datestyle = 'Postgres, MDY'",
            "search_path = pg_catalog; SET LOCAL xmloption = 'document'; SET LOCAL standard_conforming_strings = off",
            "array_nulls = off; SET LOCAL quote_all_identifiers = on; SET LOCAL transform_null_equals = on",
        ] {
            run(&format!("SET LOCAL {settings}"));
            for change in [
                "UPDATE public.rev_settings SET d = NULL, w = NULL, i = NULL, f = NULL, r = NULL, b = NULL, m = NULL,
                     k = NULL, a = NULL, c = NULL, x = NULL, j = NULL",
                "DELETE FROM public.rev_settings",
            ] {
                run(change);
                assert!(revert(first).is_some(), "{settings}");
                run("SET LOCAL search_path = public");
                is_again("rev_settings");
            }
        }
    }

    /// Nor does it leave any of them changed.
    #[pg_test]
    fn revert_leaves_the_session_s_settings_as_they_are() {
        tracked("rev_left");
        let first = revision("rev_left", "INSERT INTO rev_left VALUES (1, 'a', 1)");
        run("SET LOCAL datestyle = 'German'; SET LOCAL timezone = 'Asia/Kolkata'; SET LOCAL extra_float_digits = -3;
             SET LOCAL directus_versions.comment = 'mine'; SET LOCAL directus_versions.actor = 'ada';
             UPDATE rev_left SET v = 'b';
             CREATE TEMP TABLE rev_left_settings AS SELECT name, setting FROM pg_settings;
             CREATE TEMP TABLE rev_left_ours AS SELECT n AS name, current_setting('directus_versions.' || n) AS setting
                 FROM unnest('{actor,comment,ip,origin,user_agent,request_id}'::text[]) n");
        revert(first);
        assert!(yes(
            "SELECT count(*) = 0 FROM rev_left_settings s JOIN pg_settings p USING (name) WHERE s.setting <> p.setting"
        ));
        assert!(yes(
            "SELECT count(*) = 0 FROM rev_left_ours WHERE setting IS DISTINCT FROM current_setting('directus_versions.' || name)"
        ));
    }

    #[pg_test]
    fn revert_of_large_values() {
        run(
            "CREATE TABLE rev_large (id int PRIMARY KEY, v text, b bytea, j jsonb, small int);
             SELECT directus_versions.track('rev_large')",
        );
        let first = revision(
            "rev_large",
            "INSERT INTO rev_large
             SELECT 1, string_agg(md5(i::text), ''), string_agg(sha256(i::text::bytea), ''), jsonb_agg(md5(i::text)), 1
             FROM generate_series(1, 50000) i",
        );
        keep("rev_large");
        run("UPDATE rev_large SET small = 2");
        revert(first);
        is_again("rev_large");
        run("UPDATE rev_large SET v = 'x', b = 'x', j = '1'");
        revert(first);
        is_again("rev_large");
        run("DELETE FROM rev_large");
        revert(first);
        is_again("rev_large");
    }

    /// A value that was too large to be kept is not known: the note of it is no value.
    #[pg_test]
    fn revert_never_writes_the_marker_of_a_value_that_was_too_large() {
        run(
            "CREATE TABLE rev_marker (id int PRIMARY KEY, body text, j jsonb, v text);
             SELECT directus_versions.track('rev_marker')",
        );
        let first = revision(
            "rev_marker",
            "INSERT INTO rev_marker VALUES (1, repeat('x', 300 * 1024 * 1024), NULL, 'a')",
        );
        run("UPDATE rev_marker SET body = 'small', v = 'b'");
        let call = format!("SELECT directus_versions.revert({first})");
        if state(&call) != "00000" {
            let raised = error(&call);
            assert!(
                raised.message.contains("\"body\"") || raised.column == "body",
                "{raised:?}"
            );
        }
        assert!(!yes(
            "SELECT body LIKE '%sha256%' OR length(body) NOT IN (5, 300 * 1024 * 1024) FROM rev_marker"
        ));
        run(&format!(
            "SELECT directus_versions.revert({first}, '{{v}}')"
        ));
        shows("SELECT v FROM rev_marker", "a");
    }

    /// Objects that look like what the log uses of itself.
    #[pg_test]
    fn revert_of_values_that_look_like_markers_and_masks() {
        run(
            "CREATE TABLE rev_looks (id int PRIMARY KEY, v text, j jsonb, k json);
             SELECT directus_versions.track('rev_looks')",
        );
        let first = revision(
            "rev_looks",
            r#"INSERT INTO rev_looks VALUES (1, '**********', '{"length": 1, "sha256": "00", "omitted": true}',
                   '{"bytes": "00ff"}')"#,
        );
        keep("rev_looks");
        run("UPDATE rev_looks SET v = 'x', j = '{\"bytes\": \"00\"}', k = '\"exact\"'");
        let second = newest("rev_looks");
        revert(first);
        is_again("rev_looks");
        revert(second);
        run("DELETE FROM rev_looks");
        revert(first);
        is_again("rev_looks");
    }

    #[pg_test]
    fn revert_of_names_that_need_quoting() {
        run(r#"CREATE SCHEMA "Rev Schema.x";
             CREATE TABLE "Rev Schema.x"."rev ""odd"" 'name' %s $1" ("Id Column" int PRIMARY KEY, "a ""b"" c" text, "select" int,
                 "x.y" int, "%I" text, "back\slash" text, "$1" text, "ü" text);
             SELECT directus_versions.track('"Rev Schema.x"."rev ""odd"" ''name'' %s $1"');
             INSERT INTO "Rev Schema.x"."rev ""odd"" 'name' %s $1" VALUES (1, 'a', 2, 3, '%s', 'e\', '$1', 'ü');
             CREATE TEMP TABLE rev_odd_kept AS SELECT t AS r FROM "Rev Schema.x"."rev ""odd"" 'name' %s $1" t"#);
        let first = newest("Rev Schema.x.rev \"odd\" 'name' %s $1");
        for change in [
            r#"UPDATE "Rev Schema.x"."rev ""odd"" 'name' %s $1" SET "a ""b"" c" = '''', "select" = 0, "x.y" = 0, "%I" = '',
               "back\slash" = '', "$1" = '', "ü" = ''"#,
            r#"DELETE FROM "Rev Schema.x"."rev ""odd"" 'name' %s $1""#,
        ] {
            run(change);
            assert!(revert(first).is_some());
            crate::pg_tests::support::same_rows(
                r#"SELECT t FROM "Rev Schema.x"."rev ""odd"" 'name' %s $1" t"#,
                "SELECT r FROM rev_odd_kept",
            );
        }
    }
}
