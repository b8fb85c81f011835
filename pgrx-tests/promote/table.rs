//! The table's own constraints, triggers and kinds stand as for any write.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{check_history, error, int, run, shows};
    use crate::pg_tests::versions::{articles, delta, refused, version};
    use pgrx::prelude::*;

    #[pg_test]
    fn promote_keeps_the_tables_errors_whole() {
        run("CREATE TABLE promote_parent (id int PRIMARY KEY);
             CREATE TABLE promote_strict (id int PRIMARY KEY, n int CONSTRAINT promote_positive CHECK (n > 0),
                 code text NOT NULL CONSTRAINT promote_code UNIQUE, parent int CONSTRAINT promote_fk REFERENCES promote_parent);
             SELECT directus_versions.track('promote_strict');
             INSERT INTO promote_strict VALUES (1, 1, 'a', NULL), (2, 2, 'b', NULL)");
        for (given, code, constraint, column) in [
            (r#"{"n": -1}"#, "23514", "promote_positive", ""),
            (r#"{"code": "b"}"#, "23505", "promote_code", ""),
            (r#"{"parent": 7}"#, "23503", "promote_fk", ""),
            (r#"{"code": null}"#, "23502", "", "code"),
        ] {
            let id = version("promote_strict", "1", "draft", given);
            let raised = error(&format!("SELECT directus_versions.promote_version('{id}')"));
            assert_eq!(
                (
                    raised.state.as_str(),
                    raised.constraint.as_str(),
                    raised.column.as_str(),
                    raised.table.as_str()
                ),
                (code, constraint, column, "promote_strict"),
                "{given}"
            );
            assert_eq!(delta(&id), given);
            run(&format!("SELECT directus_versions.drop_version('{id}')"));
        }
        check_history("promote_strict");
    }

    #[pg_test]
    fn promote_fires_the_tables_triggers_once_and_names_its_own_write_alone() {
        run("CREATE TABLE promote_fired (id int PRIMARY KEY, title text, changes int NOT NULL DEFAULT 0);
             CREATE TABLE promote_side (id int PRIMARY KEY, n int);
             INSERT INTO promote_side VALUES (1, 0);
             CREATE FUNCTION promote_before() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 UPDATE promote_side SET n = n + 1;
                 BEGIN
                     PERFORM 1 / 0;
                 EXCEPTION WHEN division_by_zero THEN NULL;
                 END;
                 INSERT INTO promote_fired VALUES (100 + NEW.changes, 'made by a trigger') ON CONFLICT DO NOTHING;
                 NEW.changes := OLD.changes + 1;
                 RETURN NEW;
             END $$;
             CREATE FUNCTION promote_after() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 UPDATE promote_side SET n = n + 10;
                 IF NEW.id = 1 AND NEW.changes < 2 THEN
                     UPDATE promote_fired SET title = title || '!' WHERE id = 1;
                 END IF;
                 RETURN NULL;
             END $$;
             CREATE TRIGGER b BEFORE UPDATE ON promote_fired FOR EACH ROW EXECUTE FUNCTION promote_before();
             CREATE TRIGGER a AFTER UPDATE ON promote_fired FOR EACH ROW EXECUTE FUNCTION promote_after();
             SELECT directus_versions.track('promote_fired'), directus_versions.track('promote_side');
             INSERT INTO promote_fired VALUES (1, 'One')");
        let id = version("promote_fired", "1", "draft", r#"{"title": "New"}"#);
        let revision = int(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows(
            "SELECT title || changes FROM promote_fired WHERE id = 1",
            "New!2",
        );
        shows("SELECT n FROM promote_side", "22");
        shows(
            "SELECT string_agg(concat_ws(' ', id, collection, delta), ', ') FROM directus_versions.revisions
             WHERE source IS NOT NULL AND collection IN ('promote_fired', 'promote_side') AND prior IS NOT NULL",
            &format!(r#"{revision} promote_fired {{"title": "New", "changes": 1}}"#),
        );
        shows(
            "SELECT count(*) FROM directus_versions.activity WHERE comment LIKE 'promoted%' AND collection IN ('promote_fired', 'promote_side')",
            "1",
        );
        check_history("promote_fired");
    }

    #[pg_test]
    fn promote_that_a_trigger_suppresses_is_an_error() {
        articles("promote_suppressed");
        run("CREATE FUNCTION promote_suppress() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
             CREATE TRIGGER s BEFORE UPDATE OR INSERT ON promote_suppressed FOR EACH ROW EXECUTE FUNCTION promote_suppress()");
        let id = version("promote_suppressed", "1", "draft", r#"{"title": "New"}"#);
        let draft = version(
            "promote_suppressed",
            "NULL",
            "draft",
            r#"{"id": 5, "title": "New"}"#,
        );
        for id in [&id, &draft] {
            assert_eq!(refused(&format!("promote_version('{id}')")).0, "55000");
        }
        assert_eq!(delta(&id), r#"{"title": "New"}"#);
    }

    #[pg_test]
    fn promote_needs_a_tracked_table() {
        articles("promote_untracked");
        let id = version("promote_untracked", "1", "draft", r#"{"title": "New"}"#);
        run("SELECT directus_versions.untrack('promote_untracked')");
        assert_eq!(refused(&format!("promote_version('{id}')")).0, "55000");
        shows(
            &format!("SELECT directus_versions.version_data('{id}') ->> 'title'"),
            "New",
        );
        shows(
            "SELECT count(*) FROM directus_versions.read_version(NULL::promote_untracked, 'draft') WHERE title = 'New'",
            "1",
        );
        run("SELECT directus_versions.track('promote_untracked')");
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows("SELECT title FROM promote_untracked WHERE id = 1", "New");
    }

    #[pg_test]
    fn promote_where_an_actor_is_required() {
        articles("promote_actor");
        let id = version("promote_actor", "1", "draft", r#"{"title": "New"}"#);
        run("SET LOCAL directus_versions.require_actor = on");
        assert_eq!(refused(&format!("promote_version('{id}')")).0, "42501");
        run("SET LOCAL directus_versions.actor = 'ada'");
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows("SELECT title FROM promote_actor WHERE id = 1", "New");
    }
}
