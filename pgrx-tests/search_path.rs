//! What the caller's schemas hold never stands in for what our functions mean.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{check_history, int, run, state, table, text};
    use pgrx::prelude::*;

    fn names(sql: &str) -> Vec<String> {
        table(sql)
            .into_iter()
            .filter_map(|row| row.into_iter().next().flatten())
            .collect()
    }

    /// Fill a schema with every function, aggregate, operator and relation of `pg_catalog` that
    /// can be written by hand. Whoever calls or reads one of them is told.
    fn hostile(schema: &str) {
        run(&format!(
            "CREATE SCHEMA {schema}; GRANT USAGE ON SCHEMA {schema} TO PUBLIC"
        ));
        run(&format!(
            r#"DO $do$
            DECLARE
                it record;
            BEGIN
                FOR it IN
                    SELECT p.proname AS name, pg_get_function_result(p.oid) AS gives,
                           replace(replace(pg_get_function_identity_arguments(p.oid),
                               'VARIADIC "any"', 'VARIADIC text[]'), '"any"', 'text') AS takes
                    FROM pg_proc p
                    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind IN ('f', 'a')
                LOOP
                    BEGIN
                        EXECUTE format('CREATE FUNCTION {schema}.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L',
                            it.name, it.takes, it.gives,
                            format('BEGIN RAISE EXCEPTION ''hijacked by %s''; END', it.name));
                    EXCEPTION WHEN OTHERS THEN NULL; -- a type that PL/pgSQL cannot have
                    END;
                END LOOP;
                FOR it IN
                    SELECT o.oprname AS name, o.oprright::regtype AS takes, p.proname AS calls,
                           CASE WHEN o.oprleft <> 0
                               THEN format('LEFTARG = %s,', o.oprleft::regtype) END AS before
                    FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
                    WHERE o.oprnamespace = 'pg_catalog'::regnamespace
                LOOP
                    BEGIN
                        EXECUTE format('CREATE OPERATOR {schema}.%s (%s RIGHTARG = %s, FUNCTION = {schema}.%I)',
                            it.name, it.before, it.takes, it.calls);
                    EXCEPTION WHEN OTHERS THEN NULL;
                    END;
                END LOOP;
                FOR it IN
                    SELECT c.relname AS name FROM pg_class c
                    WHERE (c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v'))
                       OR (c.relnamespace = 'directus_versions'::regnamespace
                           AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition)
                LOOP
                    BEGIN
                        EXECUTE format('CREATE TABLE {schema}.%I (hijacked int)', it.name);
                    EXCEPTION WHEN OTHERS THEN NULL;
                    END;
                END LOOP;
            END $do$"#
        ));
        let made = int(&format!(
            "SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = '{schema}'::regnamespace)
                  + (SELECT count(*) FROM pg_operator WHERE oprnamespace = '{schema}'::regnamespace)
                  + (SELECT count(*) FROM pg_class WHERE relnamespace = '{schema}'::regnamespace)"
        ));
        assert!(made > 3000, "{made}");
    }

    /// Go once through the surface; every statement is free of functions and operators of its own.
    fn tour(name: &str, role: &str) {
        for sql in [
            "SELECT directus_versions.set_context(actor => 'ada', ip => '10.0.0.1', user_agent => 'psql')"
                .to_owned(),
            format!("SELECT directus_versions.track('{name}', mask => '{{m}}', ignore => '{{i}}')"),
            format!("SELECT directus_versions.set_scope('{name}', exclude => '{{x}}')"),
            format!("INSERT INTO {name} (id, v, m, i, x) VALUES (1, 'a', 'a', 'a', 'a'), (2, 'b', 'b', 'b', 'b')"),
            format!("UPDATE {name} SET v = 'c', m = 'c', x = 'c'"),
            format!("INSERT INTO {name} (id, v) VALUES (1, 'd') ON CONFLICT (id) DO UPDATE SET v = 'e'"),
            format!("DELETE FROM {name}"),
            format!("INSERT INTO {name} (id, v) VALUES (3, 'f')"),
            format!("SELECT directus_versions.comment('{name}', 3, 'seen')"),
            format!("TRUNCATE {name}"),
            format!("SELECT directus_versions.log_activity('{role}_login')"),
            format!("SELECT directus_versions.item_of(t) FROM {name} t"),
            "SELECT * FROM directus_versions.activity ORDER BY id".to_owned(),
            "SELECT * FROM directus_versions.revisions ORDER BY id".to_owned(),
            "SELECT * FROM directus_versions.collections".to_owned(),
            format!("SELECT directus_versions.grant_access('{role}', 'manage')"),
            format!("SELECT directus_versions.revoke_access('{role}')"),
            format!("ALTER TABLE {name} ADD COLUMN added text"),
            format!("ALTER TABLE {name} RENAME COLUMN added TO renamed"),
            format!("INSERT INTO {name} (id, v, renamed) VALUES (4, 'g', 'g')"),
            format!("ALTER TABLE {name} DROP COLUMN renamed"),
            format!("SELECT directus_versions.untrack('{name}')"),
            format!("SELECT directus_versions.track('{name}')"),
            format!("SELECT directus_versions.set_retention('{name}', keep_last => 1000)"),
            "SELECT * FROM directus_versions.purge(true)".to_owned(),
            format!("SELECT * FROM directus_versions.check_tracking('{name}')"),
            "SELECT * FROM directus_versions.status".to_owned(),
        ] {
            run(&sql);
        }
    }

    fn check_tour(name: &str) {
        assert_eq!(
            table(&format!(
                "SELECT action, count(*), min(actor) FROM directus_versions.activity
                 WHERE collection = '{name}' GROUP BY action ORDER BY action"
            )),
            [
                ("comment", "1"),
                ("create", "4"),
                ("delete", "3"),
                ("set_retention", "1"),
                ("set_scope", "1"),
                ("track", "1"),
                ("truncate", "1"),
                ("untrack", "1"),
                ("update", "3")
            ]
            .map(|(action, count)| [action, count, "ada"].map(|part| Some(part.to_owned())))
        );
        assert_eq!(
            int(&format!(
                "SELECT count(*) FROM directus_versions.activity WHERE action = '{name}_role_login'"
            )),
            1
        );
    }

    fn target(name: &str) {
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, v text, m text, i text, x text);
             CREATE ROLE {name}_role"
        ));
    }

    #[pg_test]
    fn search_path_hostile_schema_first() {
        target("search_path_first");
        hostile("search_path_bad");
        run("SET LOCAL search_path = search_path_bad, pg_catalog, public");
        tour("search_path_first", "search_path_first_role");
        run("RESET search_path");
        check_tour("search_path_first");
    }

    #[pg_test]
    fn search_path_hostile_schema_hides_the_catalog() {
        target("search_path_alone");
        hostile("search_path_worse");
        run("SET LOCAL search_path = search_path_worse, public, pg_catalog, directus_versions");
        tour("public.search_path_alone", "search_path_alone_role");
        run("RESET search_path");
        check_tour("search_path_alone");
    }

    #[pg_test]
    fn search_path_hostile_schema_of_a_reader() {
        target("search_path_read");
        hostile("search_path_worst");
        run("SELECT directus_versions.track('search_path_read');
             SELECT directus_versions.set_context(actor => 'ada');
             INSERT INTO search_path_read (id, v) VALUES (1, 'a'), (2, 'b');
             ALTER TABLE search_path_read ENABLE ROW LEVEL SECURITY;
             CREATE POLICY first ON search_path_read USING (id = 1);
             GRANT SELECT (id, v), UPDATE (v) ON search_path_read TO search_path_read_role;
             SELECT directus_versions.grant_access('search_path_read_role', 'write');
             SET LOCAL search_path = search_path_worst, pg_catalog, public;
             SET LOCAL ROLE search_path_read_role");
        run("UPDATE search_path_read SET v = 'c'");
        for relation in ["activity", "revisions", "collections"] {
            run(&format!("SELECT * FROM directus_versions.{relation}"));
        }
        run(
            "SELECT directus_versions.comment('search_path_read', 1, 'seen');
             SET LOCAL search_path = pg_catalog, public",
        );
        assert_eq!(
            names(
                "SELECT DISTINCT data::text FROM directus_versions.revisions
                   WHERE collection = 'search_path_read' ORDER BY 1"
            ),
            [r#"{"v": "a", "id": 1}"#, r#"{"v": "c", "id": 1}"#]
        );
    }

    /// Temporary relations come before all others unless `pg_temp` is named last.
    #[pg_test]
    fn search_path_temporary_tables_hide_nothing() {
        target("search_path_temp");
        run(r"DO $do$
            DECLARE it record;
            BEGIN
                FOR it IN
                    SELECT c.relname AS name, c.oid::regclass AS source FROM pg_catalog.pg_class c
                    WHERE (c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v'))
                       OR (c.relnamespace = 'directus_versions'::regnamespace
                           AND c.relkind IN ('r', 'p', 'v', 'S') AND NOT c.relispartition)
                LOOP
                    BEGIN
                        EXECUTE format('CREATE TEMP TABLE %I (LIKE %s)', it.name, it.source);
                    EXCEPTION WHEN OTHERS THEN NULL; -- a pseudo-type among the columns
                    END;
                END LOOP;
            END $do$");
        assert!(
            int("SELECT count(*) FROM pg_catalog.pg_class c
                     WHERE c.relnamespace = pg_catalog.pg_my_temp_schema()")
                > 100
        );
        tour("search_path_temp", "search_path_temp_role");
        check_tour("search_path_temp");
        for relation in ["log", "context", "collection", "activity", "revisions"] {
            assert_eq!(
                text(&format!("SELECT count(*) FROM pg_temp.{relation}")).unwrap(),
                "0",
                "pg_temp.{relation}"
            );
        }
    }

    /// A type of the caller's schema and a cast of it to json are the caller's code too.
    #[pg_test]
    fn search_path_casts_of_user_types_are_not_called() {
        run("CREATE ROLE search_path_caster;
             CREATE SCHEMA search_path_types AUTHORIZATION search_path_caster;
             SET LOCAL ROLE search_path_caster;
             CREATE TYPE search_path_types.mood AS ENUM ('sad', 'happy');
             CREATE FUNCTION search_path_types.seize(search_path_types.mood) RETURNS json
                 LANGUAGE plpgsql AS $$
             BEGIN
                 PERFORM set_config('search_path.seized', current_user, true);
                 RETURN '\"seized\"';
             END $$;
             CREATE CAST (search_path_types.mood AS json) WITH FUNCTION search_path_types.seize;
             CREATE TABLE search_path_types.t (id int PRIMARY KEY, m search_path_types.mood,
                 ms search_path_types.mood[]);
             RESET ROLE;
             SELECT directus_versions.track('search_path_types.t');
             SELECT set_config('search_path.seized', 'nobody', true)");
        run("INSERT INTO search_path_types.t VALUES (1, 'sad', '{sad}')");
        run("UPDATE search_path_types.t SET m = 'happy', ms = '{happy,sad}'");
        assert_eq!(
            names(
                "SELECT data->>'m' FROM directus_versions.revisions
                   WHERE collection = 'search_path_types.t' ORDER BY id"
            ),
            ["sad", "happy"]
        );
        assert_eq!(
            text("SELECT current_setting('search_path.seized')").unwrap(),
            "nobody"
        );
    }

    #[pg_test]
    fn search_path_is_pinned_on_every_function() {
        let loose = names(
            "SELECT p.oid::regprocedure FROM pg_proc p
             JOIN pg_language l ON l.oid = p.prolang
             WHERE p.pronamespace = 'directus_versions'::regnamespace
               AND (l.lanname IN ('sql', 'plpgsql') OR p.prosecdef)
               AND NOT EXISTS (
                   SELECT FROM unnest(p.proconfig) setting
                   WHERE setting ~ '^search_path=\"?pg_catalog\"?(, .*)?, \"?pg_temp\"?$')",
        );
        assert!(loose.is_empty(), "not pinned: {loose:?}");
        let foreign = names(
            "SELECT DISTINCT part FROM pg_proc p, unnest(p.proconfig) setting,
                 regexp_split_to_table(substr(setting, 13), ' *, *') part
             WHERE p.pronamespace = 'directus_versions'::regnamespace
               AND setting LIKE 'search_path=%'
               AND trim(part, '\"') NOT IN ('pg_catalog', 'directus_versions', 'pg_temp')",
        );
        assert!(foreign.is_empty(), "pinned to {foreign:?}");
    }

    #[pg_test]
    fn search_path_every_object_has_a_comment() {
        let silent = names(
            "SELECT pg_describe_object(d.classid, d.objid, 0)
             FROM pg_depend d
             JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'directus_versions'
             LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
             LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
             WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
               AND (p.pronamespace = 'directus_versions'::regnamespace
                    OR (c.relnamespace = 'directus_versions'::regnamespace
                        AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition)
                    OR d.classid = 'pg_event_trigger'::regclass)
               AND coalesce(obj_description(d.objid, d.classid::regclass::name), '') = ''
             ORDER BY 1",
        );
        assert!(silent.is_empty(), "no comment on {silent:?}");
    }

    #[pg_test]
    fn search_path_event_triggers_survive_a_hostile_schema() {
        hostile("search_path_ddl");
        run("CREATE ROLE search_path_builder;
             CREATE SCHEMA search_path_site AUTHORIZATION search_path_builder;
             SET LOCAL ROLE search_path_builder;
             SET LOCAL search_path = search_path_ddl, pg_catalog");
        for sql in [
            "CREATE TABLE search_path_site.t (id int PRIMARY KEY, v text)",
            "ALTER TABLE search_path_site.t RENAME COLUMN v TO w",
            "ALTER TABLE search_path_site.t ADD COLUMN x int",
            "CREATE TABLE search_path_site.u (LIKE search_path_site.t)",
            "ALTER TABLE search_path_site.t RENAME TO s",
            "DROP TABLE search_path_site.s",
            "DROP TABLE search_path_site.u",
        ] {
            assert_eq!(state(sql), "00000", "{sql}");
        }
        run("RESET ROLE; RESET search_path");
    }

    #[pg_test]
    fn search_path_of_the_writer_changes_nothing_recorded() {
        target("search_path_writer");
        run("SELECT directus_versions.track('search_path_writer');
             SET LOCAL search_path = ''");
        run("INSERT INTO public.search_path_writer (id, v) VALUES (1, 'a')");
        run("UPDATE public.search_path_writer SET v = 'b'");
        run("RESET search_path");
        check_history("search_path_writer");
        assert_eq!(
            names(
                "SELECT collection FROM directus_versions.activity WHERE collection LIKE '%search_path_writer'"
            ),
            ["search_path_writer"; 2]
        );
    }
}
