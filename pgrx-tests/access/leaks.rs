//! What a reader may not see does not reach it through functions and operators in its conditions.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::access::{as_role, readers};
    use crate::pg_tests::support::{run, table, text};
    use pgrx::prelude::*;

    /// Tables with rows and fields that the reader may see (`open`) and may not (`hush`), and a
    /// function so cheap that the planner would call it first, which keeps what it is shown.
    fn prepare(reader: &str) {
        readers(&[reader]);
        run(&format!(
            "CREATE TABLE {reader}_closed (id text PRIMARY KEY, v text);
             CREATE TABLE {reader}_fields (id text PRIMARY KEY, v text, secret text);
             CREATE TABLE {reader}_rows (id text PRIMARY KEY, v text, belongs name);
             GRANT SELECT (id, v) ON {reader}_fields TO {reader};
             GRANT SELECT ON {reader}_rows TO {reader};
             ALTER TABLE {reader}_rows ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON {reader}_rows USING (belongs = current_user);
             SELECT directus_versions.track('{reader}_closed');
             SELECT directus_versions.track('{reader}_fields');
             SELECT directus_versions.track('{reader}_rows');
             SELECT directus_versions.set_context(comment => 'hush');
             INSERT INTO {reader}_closed VALUES ('hush 1', 'hush');
             INSERT INTO {reader}_rows VALUES ('hush 2', 'hush', 'another');
             SELECT directus_versions.set_context(comment => 'open');
             INSERT INTO {reader}_fields VALUES ('open 1', 'open', 'hush');
             INSERT INTO {reader}_rows VALUES ('open 2', 'open', '{reader}');
             UPDATE {reader}_fields SET v = 'open too', secret = 'hush too';
             CREATE FUNCTION {reader}_keep(value text) RETURNS boolean
                 LANGUAGE plpgsql COST 0.0000001 AS $$
             BEGIN
                 PERFORM set_config('access.kept',
                     current_setting('access.kept', true) || coalesce(value, '-') || E'\\n', true);
                 RETURN true;
             END $$;
             SELECT set_config('access.kept', '', true)"
        ));
    }

    fn check_kept(source: &str) {
        let kept = text("SELECT current_setting('access.kept')").unwrap();
        assert!(!kept.contains("hush"), "{source} let through {kept}");
        assert!(kept.contains("open"), "{source} called nothing: {kept}");
        run("SELECT set_config('access.kept', '', true)");
    }

    #[pg_test]
    fn access_leaky_conditions_are_called_for_visible_rows_alone() {
        let reader = "access_leaky";
        prepare(reader);
        as_role(reader, || {
            for (relation, column) in [
                ("revisions", "item"),
                ("revisions", "data::text"),
                ("revisions", "delta::text"),
                ("revisions", "v::text"),
                ("activity", "item"),
                ("activity", "comment"),
                ("activity", "v::text"),
            ] {
                table(&format!(
                    "SELECT 1 FROM directus_versions.{relation} v WHERE {reader}_keep({column})"
                ));
                check_kept(&format!("{relation}.{column}"));
            }
            table(&format!(
                "SELECT 1 FROM directus_versions.collections v
                 WHERE {reader}_keep(replace(collection, '{reader}_closed', 'hush'))
                   AND {reader}_keep('open')"
            ));
            check_kept("collections");
        });
    }

    #[pg_test]
    fn access_leaky_joins_are_called_for_visible_rows_alone() {
        let reader = "access_joiner";
        prepare(reader);
        as_role(reader, || {
            table(&format!(
                "SELECT 1 FROM directus_versions.revisions r
                 JOIN directus_versions.activity a
                   ON {reader}_keep(a.comment || r.item || r.data::text || r.delta::text)"
            ));
            check_kept("a join");
            table(&format!(
                "SELECT 1 FROM (SELECT item, data FROM directus_versions.revisions OFFSET 0) r
                 WHERE {reader}_keep(item || data::text)"
            ));
            check_kept("a subquery");
        });
    }

    /// Errors of built-in functions leak as well as our own: a division by zero or a bad cast.
    #[pg_test]
    fn access_leaky_errors_need_a_visible_row() {
        let reader = "access_thrower";
        prepare(reader);
        as_role(reader, || {
            table(
                "SELECT 1 FROM directus_versions.revisions
                 WHERE 1 / (CASE WHEN item = 'hush 1' THEN 0 ELSE 1 END) = 1
                   AND 1 / (CASE WHEN data->>'v' = 'hush' THEN 0 ELSE 1 END) = 1
                   AND 1 / (CASE WHEN delta->>'secret' = 'hush' THEN 0 ELSE 1 END) = 1",
            );
            table(
                "SELECT 1 FROM directus_versions.activity
                 WHERE 1 / (CASE WHEN item = 'hush 1' THEN 0 ELSE 1 END) = 1
                   AND 1 / (CASE WHEN comment = 'hush' THEN 0 ELSE 1 END) = 1",
            );
        });
    }
}
