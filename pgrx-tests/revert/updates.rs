//! An item that is there becomes what it was after a revision.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::revert::{
        is_again, keep, newest, recorded, refused, revert, revision, tracked,
    };
    use crate::pg_tests::support::{error, int, run, shows, state, text};
    use pgrx::prelude::*;

    #[pg_test]
    fn revert_makes_the_item_what_it_was() {
        tracked("rev_was");
        let created = revision(
            "rev_was",
            "INSERT INTO rev_was VALUES (1, 'a', 1), (2, 'x', 9)",
        ) - 1;
        keep("rev_was");
        run(
            "UPDATE rev_was SET v = 'b' WHERE id = 1; UPDATE rev_was SET v = NULL, n = 3 WHERE id = 1",
        );
        let done = revert(created).unwrap();
        is_again("rev_was");
        assert_eq!(done, newest("rev_was"));
        assert_eq!(
            recorded(done),
            format!(r#"update 1 {{"n": 1, "v": "a"}} {{"n": 3, "v": null}} {created}"#)
        );
    }

    #[pg_test]
    fn revert_to_any_revision_and_back() {
        tracked("rev_any");
        let first = revision("rev_any", "INSERT INTO rev_any VALUES (1, 'a', 1)");
        let second = revision("rev_any", "UPDATE rev_any SET v = 'b', n = NULL");
        let third = revision("rev_any", "UPDATE rev_any SET v = 'c', n = 3");
        keep("rev_any");
        for (to, v) in [
            (second, "b"),
            (first, "a"),
            (third, "c"),
            (first, "a"),
            (second, "b"),
        ] {
            assert!(revert(to).is_some());
            shows("SELECT v FROM rev_any", v);
        }
        revert(third);
        is_again("rev_any");
    }

    #[pg_test]
    fn revert_of_a_revert() {
        tracked("rev_rev");
        let first = revision("rev_rev", "INSERT INTO rev_rev VALUES (1, 'a', 1)");
        let second = revision("rev_rev", "UPDATE rev_rev SET v = 'b'");
        let back = revert(first).unwrap();
        revert(second);
        keep("rev_rev");
        revert(back);
        shows("SELECT v FROM rev_rev", "a");
        revert(second);
        is_again("rev_rev");
    }

    #[pg_test]
    fn revert_with_nothing_to_change_is_null_and_not_recorded() {
        tracked("rev_noop");
        let first = revision("rev_noop", "INSERT INTO rev_noop VALUES (1, 'a', NULL)");
        let activities =
            "SELECT count(*) FROM directus_versions.activity WHERE collection = 'rev_noop'";
        assert_eq!(revert(first), None);
        assert_eq!(int(activities), 1);
        run("UPDATE rev_noop SET n = 1");
        revert(first);
        let recorded = int(activities);
        let place = text("SELECT ctid FROM rev_noop");
        assert_eq!(revert(first), None);
        assert_eq!(int(activities), recorded);
        assert_eq!(
            text("SELECT ctid FROM rev_noop"),
            place,
            "the row was written"
        );
    }

    /// The very bytes: `1.0` is not `1.00`.
    #[pg_test]
    fn revert_changes_what_only_bytes_tell_apart() {
        run(
            "CREATE TABLE rev_bytes (id int PRIMARY KEY, n numeric, f float8, j json, a int[], c text);
             SELECT directus_versions.track('rev_bytes')",
        );
        let first = revision(
            "rev_bytes",
            "INSERT INTO rev_bytes VALUES (1, 1.0, '-0', '{\"a\" :  1}', '[0:1]={1,2}', NULL)",
        );
        keep("rev_bytes");
        for change in [
            "n = 1.00",
            "f = 0",
            "j = '{\"a\": 1}'",
            "a = '{1,2}'",
            "c = ''",
            "n = 'NaN', f = 'NaN', j = 'null', a = NULL",
        ] {
            run(&format!("UPDATE rev_bytes SET {change}"));
            assert!(revert(first).is_some(), "{change}");
            is_again("rev_bytes");
        }
    }

    #[pg_test]
    fn revert_of_an_item_older_than_its_tracking() {
        run("CREATE TABLE rev_old (id int PRIMARY KEY, v text, n int);
             INSERT INTO rev_old VALUES (1, 'old', 1), (2, 'old', 2);
             SELECT directus_versions.track('rev_old')");
        let first = revision("rev_old", "UPDATE rev_old SET n = 10 WHERE id = 1");
        keep("rev_old");
        run("UPDATE rev_old SET v = 'new', n = 11 WHERE id = 1");
        revert(first);
        is_again("rev_old");
    }

    /// Of the fields that the item had then, those that did not change since are not written.
    #[pg_test]
    fn revert_writes_only_what_differs() {
        run(
            "CREATE TABLE rev_only (id int PRIMARY KEY, v text, n int, written text);
             SELECT directus_versions.track('rev_only', exclude => '{written}');
             CREATE FUNCTION rev_only_fn() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN NEW.written := concat(NEW.written, TG_ARGV[0]); RETURN NEW; END $$",
        );
        let first = revision("rev_only", "INSERT INTO rev_only VALUES (1, 'a', 1)");
        run("UPDATE rev_only SET v = 'b';
             CREATE TRIGGER v BEFORE UPDATE OF v ON rev_only FOR EACH ROW EXECUTE FUNCTION rev_only_fn('v');
             CREATE TRIGGER n BEFORE UPDATE OF n ON rev_only FOR EACH ROW EXECUTE FUNCTION rev_only_fn('n')");
        revert(first);
        shows("SELECT concat(v, n, ' ', written) FROM rev_only", "a1 v");
    }

    #[pg_test]
    fn revert_of_one_item_leaves_all_others() {
        tracked("rev_others");
        run("INSERT INTO rev_others SELECT i, 'a', i FROM generate_series(1, 20) i");
        let seventh = int("SELECT revision FROM directus_versions.history('rev_others', 7)");
        run("UPDATE rev_others SET v = 'b', n = n + 1");
        revert(seventh);
        shows(
            "SELECT string_agg(id || v || n, ',') FROM rev_others WHERE v = 'a' OR n = id",
            "7a7",
        );
        shows(
            "SELECT count(*) FROM rev_others WHERE v = 'b' AND n = id + 1",
            "19",
        );
    }

    /// The key is used again, by a row that is or is not taken for the same item: it becomes what the
    /// item was, or it stands in the way.
    #[pg_test]
    fn revert_when_the_item_was_created_again() {
        tracked("rev_again");
        let first = revision("rev_again", "INSERT INTO rev_again VALUES (1, 'first', 1)");
        keep("rev_again");
        run("DELETE FROM rev_again; INSERT INTO rev_again VALUES (1, 'second', 2)");
        if state(&format!("SELECT directus_versions.revert({first})")) == "00000" {
            is_again("rev_again");
            return;
        }
        let raised = refused("rev_again", first);
        assert_eq!(
            (raised.state.as_str(), raised.constraint.as_str()),
            ("23505", "rev_again_pkey")
        );
        shows("SELECT v FROM rev_again", "second");
    }

    #[pg_test]
    fn revert_of_an_unknown_revision() {
        tracked("rev_none");
        let known = revision("rev_none", "INSERT INTO rev_none VALUES (1, 'a', 1)");
        let beyond = int("SELECT max(id) + 1000000 FROM directus_versions.activity");
        for id in [beyond, 0, -1, i64::MAX] {
            let raised = error(&format!("SELECT directus_versions.revert({id})"));
            assert_eq!(raised.state, "P0002", "{id}");
            assert!(raised.message.contains(&id.to_string()), "{raised:?}");
        }
        let fields = error(&format!(
            "SELECT directus_versions.revert({beyond}, '{{v}}')"
        ));
        assert_eq!(fields.state, "P0002");
        match state("SELECT directus_versions.revert(NULL)").as_str() {
            "00000" => assert_eq!(text("SELECT directus_versions.revert(NULL)"), None),
            other => assert!(["22023", "22004", "P0002"].contains(&other), "{other}"),
        }
        assert_eq!(newest("rev_none"), known);
    }

    /// An event of the application, a comment, a truncate, and a change of which only activity was kept.
    #[pg_test]
    fn revert_of_an_activity_that_is_no_revision() {
        tracked("rev_event");
        run(
            "INSERT INTO rev_event VALUES (1, 'a', 1); TRUNCATE rev_event;
             INSERT INTO rev_event VALUES (1, 'b', 1);
             SELECT directus_versions.set_scope('rev_event', accountability => 'activity');
             UPDATE rev_event SET v = 'c'",
        );
        let activity = |condition: &str| {
            int(&format!(
                "SELECT max(id) FROM directus_versions.activity
                 WHERE collection = 'rev_event' AND {condition}"
            ))
        };
        for id in [
            int("SELECT directus_versions.log_activity('rev_login')"),
            int("SELECT directus_versions.comment('rev_event', 1, 'hello')"),
            activity("action = 'truncate'"),
            activity("action = 'update'"),
        ] {
            assert_eq!(
                error(&format!("SELECT directus_versions.revert({id})")).state,
                "P0002",
                "{id}"
            );
        }
        shows("SELECT v FROM rev_event", "c");
    }
}
