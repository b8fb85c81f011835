//! An undo is recorded as the write that it is, with where it came from, and by the caller's rights.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{error, run, shows, yes};
    use crate::pg_tests::undo::{revision, tracked, undo};
    use pgrx::prelude::*;

    #[pg_test]
    fn undo_records_its_source_and_says_so() {
        tracked("und_src");
        let created = revision("und_src", "INSERT INTO und_src VALUES (1, 'a', 1)");
        let updated = revision("und_src", "UPDATE und_src SET v = 'b'");
        run(
            "SET LOCAL directus_versions.actor = 'ada'; SET LOCAL directus_versions.comment = 'mine'",
        );
        let back = undo(updated).unwrap();
        let gone = undo(created).unwrap();
        let again = undo(gone).unwrap();
        for (done, source, action) in [
            (back, updated, "update"),
            (gone, created, "delete"),
            (again, gone, "create"),
        ] {
            assert!(
                yes(&format!(
                    "SELECT r.source = {source} AND a.action = '{action}' AND a.item = '1' AND a.actor = 'ada'
                        AND a.comment ILIKE '%{source}%' AND a.comment <> 'mine'
                     FROM directus_versions.revisions r JOIN directus_versions.activity a ON a.id = r.activity
                     WHERE r.id = {done}"
                )),
                "{action}"
            );
        }
        run("UPDATE und_src SET v = 'c'");
        shows(
            "SELECT comment FROM directus_versions.history('und_src', 1) ORDER BY revision DESC LIMIT 1",
            "mine",
        );
    }

    #[pg_test]
    fn undo_records_only_what_it_changed() {
        tracked("und_delta");
        run("INSERT INTO und_delta VALUES (1, 'a', 1)");
        let updated = revision("und_delta", "UPDATE und_delta SET v = 'b', n = 2");
        run("UPDATE und_delta SET n = 1");
        run(&format!("SELECT directus_versions.undo({updated}, true)"));
        shows(
            "SELECT delta::text || prior FROM directus_versions.history('und_delta', 1) ORDER BY revision DESC LIMIT 1",
            r#"{"v": "a"}{"v": "b"}"#,
        );
    }

    #[pg_test]
    fn undo_fires_each_trigger_once() {
        tracked("und_fires");
        run("CREATE TABLE und_fired (id int GENERATED ALWAYS AS IDENTITY, what text);
             CREATE FUNCTION und_fires_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 INSERT INTO und_fired (what) VALUES (concat_ws(' ', TG_WHEN, TG_LEVEL, TG_OP));
                 RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
             END $$;
             CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON und_fires FOR EACH ROW EXECUTE FUNCTION und_fires_fn();
             CREATE TRIGGER d AFTER INSERT OR UPDATE OR DELETE ON und_fires FOR EACH STATEMENT EXECUTE FUNCTION und_fires_fn()");
        let created = revision("und_fires", "INSERT INTO und_fires VALUES (1, 'a', 1)");
        let updated = revision("und_fires", "UPDATE und_fires SET v = 'b'");
        for (id, action) in [(updated, "UPDATE"), (created, "DELETE")] {
            run("TRUNCATE und_fired");
            undo(id);
            shows(
                "SELECT string_agg(what, ', ' ORDER BY id) FROM und_fired",
                &format!("BEFORE ROW {action}, AFTER STATEMENT {action}"),
            );
        }
    }

    /// A trigger's refusal comes with its own code and names.
    #[pg_test]
    fn undo_that_the_table_refuses() {
        run("CREATE TABLE und_up (id int PRIMARY KEY);
             CREATE TABLE und_down (id int PRIMARY KEY, up int CONSTRAINT holds REFERENCES und_up);
             SELECT directus_versions.track('und_up'), directus_versions.track('und_down')");
        let created = revision("und_up", "INSERT INTO und_up VALUES (1)");
        let child = revision("und_down", "INSERT INTO und_down VALUES (1, 1)");
        let raised = error(&format!("SELECT directus_versions.undo({created})"));
        assert_eq!(
            (
                raised.state.as_str(),
                raised.constraint.as_str(),
                raised.table.as_str()
            ),
            ("23503", "holds", "und_down")
        );
        undo(child);
        let gone = undo(created).unwrap();
        let orphan = revision("und_down", "SELECT 1");
        let raised = error(&format!("SELECT directus_versions.undo({orphan})"));
        assert_eq!(
            (raised.state.as_str(), raised.constraint.as_str()),
            ("23503", "holds")
        );
        undo(gone);
        assert!(undo(orphan).is_some());
    }

    #[pg_test]
    fn undo_needs_the_caller_s_rights_on_the_table() {
        tracked("und_rights");
        let created = revision("und_rights", "INSERT INTO und_rights VALUES (1, 'a', 1)");
        let updated = revision("und_rights", "UPDATE und_rights SET v = 'b'");
        run(
            "CREATE ROLE und_writer; SELECT directus_versions.grant_access('und_writer', 'write');
             GRANT SELECT ON und_rights TO und_writer",
        );
        for (grant, may) in [
            ("SELECT", [false, false]),
            ("UPDATE", [true, false]),
            ("DELETE", [true, true]),
        ] {
            run(&format!(
                "GRANT {grant} ON und_rights TO und_writer; SET ROLE und_writer"
            ));
            for (id, may) in [(updated, may[0]), (created, may[1])] {
                let call = format!("SELECT directus_versions.undo({id}, true)");
                if may {
                    run(&call);
                } else {
                    assert_eq!(error(&call).state, "42501", "{grant}: {id}");
                }
            }
            run("RESET ROLE");
        }
        shows("SELECT count(*) FROM und_rights", "0");
        shows(
            "SELECT role_name FROM directus_versions.activity WHERE collection = 'und_rights' ORDER BY id DESC LIMIT 1",
            "und_writer",
        );
    }

    /// A superuser can call what works within others by itself.
    #[pg_test]
    fn undo_reads_no_entries_where_there_are_none() {
        for query in [
            "SELECT 1",
            "SELECT 1::bigint, 1, ''c''::\"char\", ''1''::text, ''1''::text, ''x''::bytea",
            "SELECT 1::bigint, 1, ''c''::\"char\", 1::bigint, ''1''::text, ''x''::bytea, 1",
            "SELECT 1::bigint, 1, ''c''::\"char\", ''1''::text, 1, ''x''::bytea, 1",
            "SELECT 1::bigint, 1, ''c''::\"char\", ''1''::text, ''1''::text, 1, 1",
            "SELECT 1::bigint, 1, ''c''::\"char\", NULL::text, ''1''::text, ''x''::bytea, 1",
        ] {
            let sql = format!("SELECT directus_versions._net('{query}', '', NULL, NULL, NULL)");
            assert_eq!(error(&sql).state, "42501", "{query}");
        }
        let broken = "SELECT directus_versions._net(
            'SELECT 1::bigint, 1, ''c''::\"char\", ''1''::text, NULL::text, ''\\xffff''::bytea, 1', '', NULL, NULL, NULL)";
        assert_eq!(error(broken).state, "XX000");
    }
}
