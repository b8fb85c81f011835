//! What stands in the way is named as the server names it, and nothing is changed.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::revert::{newest, refused, revert, revision, tracked};
    use crate::pg_tests::support::{Raised, error, run, shows};
    use pgrx::prelude::*;

    #[pg_test]
    fn revert_without_the_parent() {
        run("CREATE TABLE rev_parent (id int PRIMARY KEY);
             CREATE TABLE rev_child (id int PRIMARY KEY, parent int CONSTRAINT its_parent REFERENCES rev_parent);
             SELECT directus_versions.track('rev_child');
             INSERT INTO rev_parent VALUES (1), (2)");
        let created = revision("rev_child", "INSERT INTO rev_child VALUES (10, 1)");
        let named = |raised: Raised| {
            assert_eq!(
                (
                    raised.state.as_str(),
                    raised.constraint.as_str(),
                    raised.table.as_str()
                ),
                ("23503", "its_parent", "rev_child")
            );
            assert!(raised.detail.contains("rev_parent"), "{raised:?}");
        };
        run("UPDATE rev_child SET parent = 2; DELETE FROM rev_parent WHERE id = 1");
        named(refused("rev_child", created));
        run("DELETE FROM rev_child");
        named(refused("rev_child", created));
        run("INSERT INTO rev_parent VALUES (1)");
        assert!(revert(created).is_some());
    }

    #[pg_test]
    fn revert_of_a_key_that_children_hold() {
        run("CREATE TABLE rev_held (id int PRIMARY KEY);
             CREATE TABLE rev_holder (id int PRIMARY KEY, up int CONSTRAINT holds REFERENCES rev_held);
             SELECT directus_versions.track('rev_held')");
        let created = revision("rev_held", "INSERT INTO rev_held VALUES (1)");
        run("UPDATE rev_held SET id = 2; INSERT INTO rev_holder VALUES (1, 2)");
        let raised = refused("rev_held", created);
        assert_eq!(
            (
                raised.state.as_str(),
                raised.constraint.as_str(),
                raised.table.as_str()
            ),
            ("23503", "holds", "rev_holder")
        );
    }

    #[pg_test]
    fn revert_to_null_in_a_column_that_refuses_it() {
        tracked("rev_notnull");
        let created = revision("rev_notnull", "INSERT INTO rev_notnull VALUES (1, NULL, 1)");
        run("UPDATE rev_notnull SET v = 'a'; ALTER TABLE rev_notnull ALTER v SET NOT NULL");
        let raised = refused("rev_notnull", created);
        assert_eq!(
            (
                raised.state.as_str(),
                raised.column.as_str(),
                raised.table.as_str()
            ),
            ("23502", "v", "rev_notnull")
        );
        run("DELETE FROM rev_notnull");
        assert_eq!(refused("rev_notnull", created).column, "v");
    }

    #[pg_test]
    fn revert_to_what_a_check_refuses() {
        tracked("rev_check");
        let created = revision("rev_check", "INSERT INTO rev_check VALUES (1, 'a', -1)");
        run(
            "UPDATE rev_check SET n = 1; ALTER TABLE rev_check ADD CONSTRAINT positive CHECK (n > 0)",
        );
        let raised = refused("rev_check", created);
        assert_eq!(
            (
                raised.state.as_str(),
                raised.constraint.as_str(),
                raised.table.as_str()
            ),
            ("23514", "positive", "rev_check")
        );
    }

    #[pg_test]
    fn revert_to_what_an_exclusion_refuses() {
        run("CREATE TABLE rev_excl (id int PRIMARY KEY, span int4range,
                 CONSTRAINT apart EXCLUDE USING gist (span WITH &&));
             SELECT directus_versions.track('rev_excl')");
        let created = revision("rev_excl", "INSERT INTO rev_excl VALUES (1, '[1,10)')");
        run("DELETE FROM rev_excl; INSERT INTO rev_excl VALUES (2, '[5,6)')");
        let raised = refused("rev_excl", created);
        assert_eq!(
            (raised.state.as_str(), raised.constraint.as_str()),
            ("23P01", "apart")
        );
    }

    #[pg_test]
    fn revert_to_what_a_domain_refuses() {
        run(
            "CREATE DOMAIN rev_price AS numeric; CREATE DOMAIN rev_list AS int[];
             CREATE TABLE rev_domain (id int PRIMARY KEY, p rev_price, l rev_list);
             SELECT directus_versions.track('rev_domain')",
        );
        let price = revision("rev_domain", "INSERT INTO rev_domain VALUES (1, -1, '{1}')");
        let list = revision("rev_domain", "UPDATE rev_domain SET p = 1, l = '{1,2,3}'");
        run("UPDATE rev_domain SET l = '{}';
             ALTER DOMAIN rev_price ADD CONSTRAINT rev_positive CHECK (VALUE > 0);
             ALTER DOMAIN rev_list ADD CONSTRAINT rev_short CHECK (cardinality(VALUE) < 3)");
        for (to, constraint) in [(price, "rev_positive"), (list, "rev_short")] {
            let raised = refused("rev_domain", to);
            assert_eq!(
                (raised.state.as_str(), raised.constraint.as_str()),
                ("23514", constraint)
            );
        }
    }

    #[pg_test]
    fn revert_to_a_label_that_its_enum_has_lost() {
        run("CREATE TYPE rev_mood AS ENUM ('sad', 'happy');
             CREATE TABLE rev_enum (id int PRIMARY KEY, m rev_mood, v text);
             SELECT directus_versions.track('rev_enum')");
        let created = revision("rev_enum", "INSERT INTO rev_enum VALUES (1, 'sad', 'a')");
        run("UPDATE rev_enum SET m = 'happy', v = 'b';
             ALTER TABLE rev_enum ALTER m TYPE text; DROP TYPE rev_mood; CREATE TYPE rev_mood AS ENUM ('happy');
             ALTER TABLE rev_enum ALTER m TYPE rev_mood USING m::rev_mood");
        let raised = refused("rev_enum", created);
        assert_eq!(raised.state, "22P02", "{raised:?}");
        assert!(raised.message.contains("\"sad\""), "{raised:?}");
        run(&format!(
            "SELECT directus_versions.revert({created}, '{{v}}')"
        ));
        shows("SELECT m || v FROM rev_enum", "happya");
    }

    #[pg_test]
    fn revert_to_what_does_not_fit_its_type_any_more() {
        run("CREATE TABLE rev_fit (id int PRIMARY KEY, v text, n int);
             SELECT directus_versions.track('rev_fit')");
        let long = revision(
            "rev_fit",
            "INSERT INTO rev_fit VALUES (1, 'much too long', 1)",
        );
        let word = revision("rev_fit", "UPDATE rev_fit SET v = 'word'");
        run("UPDATE rev_fit SET v = '7'; ALTER TABLE rev_fit ALTER v TYPE varchar(4)");
        assert_eq!(refused("rev_fit", long).state, "22001");
        assert!(revert(word).is_some());
        run("UPDATE rev_fit SET v = '7'; ALTER TABLE rev_fit ALTER v TYPE int USING v::int");
        assert_eq!(refused("rev_fit", word).state, "22P02");
    }

    /// The table's own word is passed on, with the code and the names that it chose.
    #[pg_test]
    fn revert_that_a_trigger_refuses() {
        tracked("rev_trg");
        let created = revision("rev_trg", "INSERT INTO rev_trg VALUES (1, 'a', 1)");
        run("UPDATE rev_trg SET v = 'b';
             CREATE FUNCTION rev_trg_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 RAISE EXCEPTION 'closed for today' USING ERRCODE = 'MY001', CONSTRAINT = 'mine', COLUMN = 'col',
                     TABLE = 'tab', DETAIL = 'A detail.', HINT = 'A hint.';
             END $$;
             CREATE TRIGGER b BEFORE UPDATE ON rev_trg FOR EACH ROW EXECUTE FUNCTION rev_trg_fn()");
        let raised = refused("rev_trg", created);
        assert_eq!(
            [
                raised.state,
                raised.message,
                raised.constraint,
                raised.column,
                raised.table,
                raised.hint
            ],
            ["MY001", "closed for today", "mine", "col", "tab", "A hint."]
        );
        assert!(raised.detail.starts_with("A detail."), "{}", raised.detail);
    }

    /// A deferred constraint speaks when it is asked.
    #[pg_test]
    fn revert_leaves_deferred_constraints_to_the_end() {
        run("CREATE TABLE rev_late_up (id int PRIMARY KEY);
             CREATE TABLE rev_late (id int PRIMARY KEY,
                 up int CONSTRAINT late REFERENCES rev_late_up DEFERRABLE INITIALLY DEFERRED);
             SELECT directus_versions.track('rev_late'), directus_versions.track('rev_late_up');
             INSERT INTO rev_late_up VALUES (1)");
        let parent = newest("rev_late_up");
        let child = revision("rev_late", "INSERT INTO rev_late VALUES (1, 1)");
        run(
            "DELETE FROM rev_late; DELETE FROM rev_late_up; SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED",
        );
        // The child may come first.
        revert(child);
        revert(parent);
        run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED");
        run(
            "DELETE FROM rev_late; DELETE FROM rev_late_up; SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED",
        );
        revert(child);
        let raised = error("SET CONSTRAINTS ALL IMMEDIATE");
        assert_eq!(
            (raised.state.as_str(), raised.constraint.as_str()),
            ("23503", "late")
        );
    }
}
