//! Reverting is a part of the caller's transaction.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::revert::{is_again, keep, newest, revert, revision, tracked};
    use crate::pg_tests::support::{error, run, shows};
    use pgrx::prelude::*;

    #[pg_test]
    fn revert_rolls_back_with_its_block() {
        tracked("rev_block");
        let first = revision("rev_block", "INSERT INTO rev_block VALUES (1, 'a', 1)");
        let second = revision("rev_block", "UPDATE rev_block SET v = 'b'");
        run(&format!(
            "DO $$ BEGIN
                 BEGIN
                     PERFORM directus_versions.revert({first});
                     IF (SELECT v FROM rev_block) <> 'a' THEN RAISE 'not reverted'; END IF;
                     RAISE EXCEPTION 'back' USING ERRCODE = 'MY001';
                 EXCEPTION WHEN SQLSTATE 'MY001' THEN NULL;
                 END;
             END $$"
        ));
        shows("SELECT v FROM rev_block", "b");
        assert_eq!(newest("rev_block"), second);
        assert!(revert(first).is_some());
        shows("SELECT v FROM rev_block", "a");
    }

    /// Several in one statement, of one item and of many.
    #[pg_test]
    fn revert_many_in_one_statement() {
        tracked("rev_batch");
        run("INSERT INTO rev_batch SELECT i, 'a', i FROM generate_series(1, 50) i");
        keep("rev_batch");
        run(
            "UPDATE rev_batch SET v = 'b'; DELETE FROM rev_batch WHERE id % 2 = 0; UPDATE rev_batch SET n = 0",
        );
        run("SELECT count(directus_versions.revert(revision)) FROM generate_series(1, 50) i,
                 LATERAL (SELECT revision FROM directus_versions.history('rev_batch', i) ORDER BY revision LIMIT 1) h");
        is_again("rev_batch");
    }

    #[pg_test]
    fn revert_of_what_the_same_transaction_did() {
        tracked("rev_same");
        run("DO $$
             DECLARE
                 first bigint;
             BEGIN
                 INSERT INTO rev_same VALUES (1, 'a', 1);
                 SELECT max(id) INTO first FROM directus_versions.revisions WHERE collection = 'rev_same';
                 UPDATE rev_same SET v = 'b';
                 PERFORM directus_versions.revert(first);
                 UPDATE rev_same SET n = 2;
                 PERFORM directus_versions.revert(first);
                 DELETE FROM rev_same;
                 PERFORM directus_versions.revert(first);
             END $$");
        shows("SELECT concat(v, n) FROM rev_same", "a1");
        shows(
            "SELECT string_agg(action || (data ->> 'v') || (data ->> 'n'), ' ')
             FROM directus_versions.history('rev_same', 1)",
            "createa1 updateb1 updatea1 updatea2 updatea1 deletea1 createa1",
        );
    }

    #[pg_test]
    fn revert_in_functions_and_triggers() {
        tracked("rev_from");
        let first = revision("rev_from", "INSERT INTO rev_from VALUES (1, 'a', 1)");
        run(&format!(
            "CREATE FUNCTION rev_from_sql() RETURNS bigint LANGUAGE sql AS 'SELECT directus_versions.revert({first})';
             CREATE TABLE rev_from_button (pressed int);
             CREATE FUNCTION rev_from_trg() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM directus_versions.revert({first}); RETURN NEW; END $$;
             CREATE TRIGGER a AFTER INSERT ON rev_from_button FOR EACH ROW EXECUTE FUNCTION rev_from_trg()"
        ));
        for how in [
            "SELECT rev_from_sql()",
            "INSERT INTO rev_from_button VALUES (1)",
        ] {
            run("UPDATE rev_from SET v = 'b'");
            run(how);
            shows("SELECT v FROM rev_from", "a");
        }
    }

    #[pg_test]
    fn revert_in_a_block_that_catches_its_error() {
        tracked("rev_caught");
        let first = revision("rev_caught", "INSERT INTO rev_caught VALUES (1, 'a', -1)");
        run(
            "UPDATE rev_caught SET v = 'b', n = 1; ALTER TABLE rev_caught ADD CONSTRAINT positive CHECK (n > 0)",
        );
        run(&format!(
            "DO $$ BEGIN
                 FOR i IN 1..20 LOOP
                     BEGIN
                         PERFORM directus_versions.revert({first});
                         RAISE 'no error';
                     EXCEPTION WHEN check_violation THEN
                         PERFORM directus_versions.revert({first}, '{{v}}');
                         UPDATE rev_caught SET v = 'b';
                     END;
                 END LOOP;
             END $$"
        ));
        shows("SELECT concat(v, n) FROM rev_caught", "b1");
        shows(
            "SELECT count(*) FROM directus_versions.history('rev_caught', 1)",
            "42",
        );
        assert_eq!(
            error(&format!("SELECT directus_versions.revert({first})")).constraint,
            "positive"
        );
    }
}
