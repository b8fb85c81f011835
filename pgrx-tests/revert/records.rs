//! A revert is recorded as the write that it is, with where it came from.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::revert::{newest, revert, revision, tracked};
    use crate::pg_tests::support::{error, int, run, shows, text, yes};
    use pgrx::prelude::*;

    #[pg_test]
    fn revert_records_its_source_and_says_so() {
        tracked("rev_src");
        let first = revision("rev_src", "INSERT INTO rev_src VALUES (1, 'a', 1)");
        run("UPDATE rev_src SET v = 'b'");
        for (change, action) in [("SELECT 1", "update"), ("DELETE FROM rev_src", "create")] {
            run(change);
            let done = revert(first).unwrap();
            assert!(
                yes(&format!(
                    "SELECT r.source = {first} AND a.action = '{action}' AND a.item = '1'
                        AND a.comment ILIKE '%revert%{first}%' AND r.parent IS NULL AND r.version IS NULL
                     FROM directus_versions.revisions r JOIN directus_versions.activity a ON a.id = r.activity
                     WHERE r.id = {done}"
                )),
                "{change}"
            );
        }
        // Nothing else has a source.
        shows(
            "SELECT count(*) FROM directus_versions.revisions WHERE collection = 'rev_src' AND source IS NOT NULL",
            "2",
        );
        shows(
            "SELECT count(*) FROM directus_versions.history('rev_src', 1) WHERE comment ILIKE '%revert%'",
            "2",
        );
    }

    #[pg_test]
    fn revert_comments_its_own_write_alone() {
        tracked("rev_com");
        let first = revision("rev_com", "INSERT INTO rev_com VALUES (1, 'a', 1)");
        run("SET LOCAL directus_versions.comment = 'mine'; UPDATE rev_com SET v = 'b'");
        revert(first);
        run(
            "UPDATE rev_com SET v = 'c'; SET LOCAL directus_versions.comment = ''; UPDATE rev_com SET v = 'd'",
        );
        assert!(revert(first).is_some());
        run("UPDATE rev_com SET v = 'e'");
        shows(
            "SELECT string_agg(CASE WHEN comment ILIKE '%revert%' THEN 'ours' ELSE coalesce(comment, '-') END, ' ' ORDER BY revision)
             FROM directus_versions.history('rev_com', 1)",
            "- mine ours mine - ours -",
        );
        shows("SELECT current_setting('directus_versions.comment')", "");
    }

    /// A write that fails leaves its comment nowhere.
    #[pg_test]
    fn revert_that_fails_leaves_no_comment_behind() {
        tracked("rev_com_fail");
        let first = revision(
            "rev_com_fail",
            "INSERT INTO rev_com_fail VALUES (1, 'a', -1)",
        );
        run("SET LOCAL directus_versions.comment = 'mine';
             UPDATE rev_com_fail SET n = 1; ALTER TABLE rev_com_fail ADD CHECK (n > 0)");
        assert_eq!(
            error(&format!("SELECT directus_versions.revert({first})")).state,
            "23514"
        );
        shows(
            "SELECT current_setting('directus_versions.comment')",
            "mine",
        );
        run("UPDATE rev_com_fail SET n = 2");
        shows(
            "SELECT comment || coalesce(source::text, '') FROM directus_versions.revisions
             JOIN directus_versions.activity USING (id) WHERE id = (SELECT max(id) FROM directus_versions.revisions
                 WHERE collection = 'rev_com_fail')",
            "mine",
        );
    }

    /// What the table's triggers write elsewhere is theirs.
    #[pg_test]
    fn revert_lends_neither_source_nor_comment_to_what_triggers_write() {
        tracked("rev_main");
        tracked("rev_side");
        run(
            "CREATE FUNCTION rev_main_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 INSERT INTO rev_side VALUES ((SELECT count(*) FROM rev_side), NEW.v, 0); RETURN NEW;
             END $$;
             CREATE TRIGGER a BEFORE INSERT OR UPDATE ON rev_main FOR EACH ROW EXECUTE FUNCTION rev_main_fn();
             CREATE TRIGGER b AFTER INSERT OR UPDATE ON rev_main FOR EACH ROW EXECUTE FUNCTION rev_main_fn()",
        );
        let first = revision("rev_main", "INSERT INTO rev_main VALUES (1, 'a', 1)");
        run("UPDATE rev_main SET v = 'b'");
        revert(first);
        run("DELETE FROM rev_main");
        revert(first);
        shows("SELECT count(*) FROM rev_side", "8");
        shows(
            "SELECT count(*) FROM directus_versions.revisions r JOIN directus_versions.activity a USING (id)
             WHERE r.collection = 'rev_side' AND (r.source IS NOT NULL OR a.comment IS NOT NULL)",
            "0",
        );
    }

    #[pg_test]
    fn revert_is_the_caller_s() {
        tracked("rev_actor");
        run(
            "SET LOCAL directus_versions.actor = 'ada'; SET LOCAL directus_versions.ip = '10.0.0.1'",
        );
        let first = revision("rev_actor", "INSERT INTO rev_actor VALUES (1, 'a', 1)");
        run("UPDATE rev_actor SET v = 'b';
             SET LOCAL directus_versions.actor = 'bob'; SET LOCAL directus_versions.ip = '10.0.0.2';
             SET LOCAL directus_versions.user_agent = 'agent'; SET LOCAL directus_versions.origin = 'origin';
             SET LOCAL directus_versions.request_id = 'r-1'");
        let done = revert(first).unwrap();
        shows(
            &format!(
                "SELECT concat_ws(' ', actor, ip, user_agent, origin, request_id)
                 FROM directus_versions.activity WHERE id = {done}"
            ),
            "bob 10.0.0.2 agent origin r-1",
        );
        shows(
            "SELECT string_agg(actor, ' ') FROM directus_versions.history('rev_actor', 1)",
            "ada ada bob",
        );
    }

    #[pg_test]
    fn revert_needs_an_actor_where_writes_do() {
        tracked("rev_require");
        let first = revision("rev_require", "INSERT INTO rev_require VALUES (1, 'a', 1)");
        let second = revision("rev_require", "UPDATE rev_require SET v = 'b'");
        run("SET LOCAL directus_versions.require_actor = on");
        assert_eq!(
            error(&format!("SELECT directus_versions.revert({first})")).state,
            "42501"
        );
        shows("SELECT v FROM rev_require", "b");
        assert_eq!(newest("rev_require"), second);
        run("SET LOCAL directus_versions.actor = 'ada'");
        assert!(revert(first).is_some());
    }

    #[pg_test]
    fn revert_gives_the_revision_of_its_own_item() {
        tracked("rev_given");
        let first = revision("rev_given", "INSERT INTO rev_given VALUES (1, 'a', 1)");
        // A trigger that changes other rows of the table, before and after this one.
        run("INSERT INTO rev_given VALUES (2, 'x', 0), (3, 'x', 0);
             CREATE FUNCTION rev_given_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF NEW.id = 1 THEN UPDATE rev_given SET n = n + 1 WHERE id = TG_ARGV[0]::int; END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER a BEFORE INSERT OR UPDATE OF v ON rev_given FOR EACH ROW EXECUTE FUNCTION rev_given_fn(2);
             CREATE TRIGGER \" !\" AFTER INSERT OR UPDATE OF v ON rev_given FOR EACH ROW EXECUTE FUNCTION rev_given_fn(3);
             UPDATE rev_given SET v = 'b' WHERE id = 1");
        for change in ["SELECT 1", "DELETE FROM rev_given WHERE id = 1"] {
            run(change);
            let done = revert(first).unwrap();
            shows(
                &format!(
                    "SELECT item || ' ' || source FROM directus_versions.revisions WHERE id = {done}"
                ),
                &format!("1 {first}"),
            );
        }
    }

    /// Rows of a table whose name or whose items are like the words of a comment.
    #[pg_test]
    fn revert_of_a_table_with_columns_like_those_of_the_views() {
        run("CREATE TABLE rev_like (id int PRIMARY KEY, source bigint, comment text, revision int, item text, data jsonb,
                 delta jsonb, fields text[], target text, action text);
             SELECT directus_versions.track('rev_like')");
        let first = revision(
            "rev_like",
            "INSERT INTO rev_like VALUES (1, 5, 'c', 7, 'i', '{}', '[]', '{a}', 't', 'delete')",
        );
        let before = text("SELECT t::text FROM rev_like t");
        for change in [
            "UPDATE rev_like SET source = NULL, comment = NULL, revision = 0, item = '', data = NULL, delta = NULL,
                 fields = NULL, target = NULL, action = 'update'",
            "DELETE FROM rev_like",
        ] {
            run(change);
            revert(first);
            assert_eq!(text("SELECT t::text FROM rev_like t"), before, "{change}");
        }
        assert_eq!(
            int(
                "SELECT count(DISTINCT source) FROM directus_versions.revisions WHERE collection = 'rev_like'"
            ),
            1
        );
    }
}
