//! The views call functions that their readers may call too: those tell nothing that the views do not.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::access::{as_role, readers};
    use crate::pg_tests::support::{int, run, text};
    use pgrx::prelude::*;

    /// Tables with an item 1, of which the caller may see the rows of one, the row 1 of another
    /// and nothing of the third. What it may not see has a value with `hush` in it.
    fn prepare(caller: &str) {
        readers(&[caller]);
        run(&format!(
            "SELECT directus_versions.grant_access('{caller}', 'write');
             CREATE TABLE {caller}_open (id int PRIMARY KEY, v text);
             CREATE TABLE {caller}_closed (id int PRIMARY KEY, v text);
             CREATE TABLE {caller}_rows (id int PRIMARY KEY, v text, belongs name);
             CREATE TABLE {caller}_fields (id int PRIMARY KEY, v text, secret text);
             GRANT SELECT ON {caller}_open, {caller}_rows TO {caller};
             GRANT SELECT (id, v) ON {caller}_fields TO {caller};
             ALTER TABLE {caller}_rows ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON {caller}_rows USING (belongs = current_user);
             SELECT directus_versions.track('{caller}_open');
             SELECT directus_versions.track('{caller}_closed');
             SELECT directus_versions.track('{caller}_rows');
             SELECT directus_versions.track('{caller}_fields');
             INSERT INTO {caller}_open VALUES (1, 'open');
             INSERT INTO {caller}_closed VALUES (1, 'hush closed');
             INSERT INTO {caller}_rows VALUES (1, 'open', '{caller}'), (2, 'hush rows', 'another');
             INSERT INTO {caller}_fields VALUES (1, 'open', 'hush fields');
             UPDATE {caller}_closed SET v = 'hush too';
             UPDATE {caller}_rows SET v = v || ' too';
             UPDATE {caller}_fields SET secret = 'hush too'"
        ));
    }

    /// Literals of each type to call functions with, those of ids looked up by who sees them.
    fn candidates(caller: &str) -> String {
        let listed = |sql: &str| text(sql).unwrap();
        let revisions = listed(&format!(
            "SELECT string_agg(format('(''bigint'', ''%s'')', id), ',') FROM directus_versions.revisions
             WHERE strpos(collection, '{caller}_') = 1"
        ));
        let collections = listed(&format!(
            "SELECT string_agg(format('(''integer'', ''%s'')', id), ',') FROM directus_versions.collection
             WHERE strpos(name, '{caller}_') = 1"
        ));
        format!(
            "VALUES ('regclass', '{caller}_open'), ('regclass', '{caller}_closed'),
                    ('regclass', '{caller}_rows'), ('regclass', '{caller}_fields'),
                    {revisions}, {collections},
                    ('text', '1'), ('text', '2'), ('text', '{caller}_closed'),
                    ('text[]', '{{id}}'), ('text[]', '{{v}}'), ('text[]', '{{secret}}'),
                    ('name', '{caller}'), ('name', 'postgres'), ('jsonb', '{{\"secret\": 1}}'),
                    ('boolean', 'true'), ('timestamp with time zone', 'infinity'), ('xid8', '3'),
                    ('uuid', '00000000-0000-0000-0000-000000000000'), ('anyelement', '')"
        )
    }

    #[pg_test]
    fn access_functions_tell_nothing_hidden() {
        let caller = "access_caller";
        prepare(caller);
        let candidates = candidates(caller);
        run("SELECT set_config('access.told', '', true), set_config('access.calls', '0', true)");
        as_role(caller, || {
            run(&format!(
                r"DO $do$
                DECLARE
                    it record;
                    found text;
                    calls int := 0;
                BEGIN
                    FOR it IN
                        WITH RECURSIVE candidate (type, value) AS ({candidates}),
                        mix (function, rest, call) AS (
                            SELECT p.oid::regproc,
                                   (SELECT array_agg(format_type(t, NULL) ORDER BY n)
                                    FROM unnest(p.proargtypes) WITH ORDINALITY u (t, n)), ''
                            FROM pg_proc p
                            WHERE p.pronamespace = 'directus_versions'::regnamespace
                              AND p.prokind = 'f' AND has_function_privilege(p.oid, 'EXECUTE')
                              AND p.proname NOT IN ('set_context')
                            UNION ALL
                            SELECT m.function, m.rest[2:], m.call
                                   || CASE WHEN m.call <> '' THEN ', ' ELSE '' END
                                   || CASE m.rest[1] WHEN 'anyelement' THEN 'NULL::{caller}_open'
                                      ELSE format('%L::%s', c.value, c.type) END
                            FROM mix m JOIN candidate c ON c.type = m.rest[1]
                        )
                        SELECT function, call FROM mix WHERE coalesce(cardinality(rest), 0) = 0
                    LOOP
                        BEGIN
                            EXECUTE format('SELECT string_agg(x::text, '' '') FROM %s(%s) x',
                                it.function, it.call) INTO found;
                            calls := calls + 1;
                            IF (strpos(found, 'hush') > 0
                                OR found = 'true' AND it.call LIKE '%{caller}_closed%::regclass%')
                                AND length(current_setting('access.told')) < 2000
                            THEN
                                PERFORM set_config('access.told', format(E'%s%s(%s) gives %s\n',
                                    current_setting('access.told'), it.function, it.call, found), true);
                            END IF;
                        EXCEPTION WHEN OTHERS THEN NULL;
                        END;
                    END LOOP;
                    PERFORM set_config('access.calls', calls::text, true);
                END $do$"
            ));
        });
        assert!(int("SELECT current_setting('access.calls')") > 50);
        assert_eq!(
            text("SELECT current_setting('access.told')").as_deref(),
            Some("")
        );
    }
}
