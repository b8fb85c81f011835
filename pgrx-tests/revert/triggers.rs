//! The table's own triggers apply, each once.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::revert::{newest, revert, revision, tracked};
    use crate::pg_tests::support::{run, shows, state};
    use pgrx::prelude::*;

    #[pg_test]
    fn revert_fires_each_trigger_once() {
        tracked("rev_fires");
        let first = revision("rev_fires", "INSERT INTO rev_fires VALUES (1, 'a', 1)");
        run("CREATE TABLE rev_fired (id int GENERATED ALWAYS AS IDENTITY, what text);
             CREATE FUNCTION rev_fires_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 INSERT INTO rev_fired (what) VALUES (concat_ws(' ', TG_WHEN, TG_LEVEL, TG_OP));
                 RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
             END $$;
             CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON rev_fires FOR EACH ROW EXECUTE FUNCTION rev_fires_fn();
             CREATE TRIGGER b AFTER INSERT OR UPDATE OR DELETE ON rev_fires FOR EACH ROW EXECUTE FUNCTION rev_fires_fn();
             CREATE TRIGGER c BEFORE INSERT OR UPDATE OR DELETE ON rev_fires FOR EACH STATEMENT EXECUTE FUNCTION rev_fires_fn();
             CREATE TRIGGER d AFTER INSERT OR UPDATE OR DELETE ON rev_fires FOR EACH STATEMENT EXECUTE FUNCTION rev_fires_fn()");
        for (change, action) in [
            ("UPDATE rev_fires SET v = 'b'", "UPDATE"),
            ("DELETE FROM rev_fires", "INSERT"),
        ] {
            run(change);
            run("TRUNCATE rev_fired");
            revert(first);
            shows(
                "SELECT string_agg(what, ', ' ORDER BY id) FROM rev_fired",
                &format!(
                    "BEFORE STATEMENT {action}, BEFORE ROW {action}, AFTER ROW {action}, AFTER STATEMENT {action}"
                ),
            );
        }
        // Without a change nothing fires.
        run("TRUNCATE rev_fired");
        assert_eq!(revert(first), None);
        shows("SELECT count(*) FROM rev_fired", "0");
    }

    /// What a trigger makes of the row is what is stored, and what is recorded.
    #[pg_test]
    fn revert_stores_what_a_trigger_makes_of_the_row() {
        tracked("rev_before");
        let first = revision("rev_before", "INSERT INTO rev_before VALUES (1, 'a', 1)");
        run("UPDATE rev_before SET v = 'b', n = 5;
             CREATE FUNCTION rev_before_fn() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN NEW.n := OLD.n + 1; RETURN NEW; END $$;
             CREATE TRIGGER b BEFORE UPDATE ON rev_before FOR EACH ROW EXECUTE FUNCTION rev_before_fn()");
        let done = revert(first).unwrap();
        shows("SELECT concat(v, n) FROM rev_before", "a6");
        shows(
            &format!(
                "SELECT delta::text || data FROM directus_versions.revisions WHERE id = {done}"
            ),
            r#"{"n": 6, "v": "a"}{"n": 6, "v": "a", "id": 1}"#,
        );
    }

    /// The row as it was is stored first, and then changed again; both are told.
    #[pg_test]
    fn revert_of_a_row_that_a_trigger_changes_again() {
        tracked("rev_after");
        let first = revision("rev_after", "INSERT INTO rev_after VALUES (1, 'a', 1)");
        run("UPDATE rev_after SET v = 'b';
             CREATE FUNCTION rev_after_fn() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN UPDATE rev_after SET n = n + 1 WHERE id = NEW.id; RETURN NULL; END $$;
             CREATE TRIGGER \" !\" AFTER INSERT OR UPDATE OF v ON rev_after FOR EACH ROW EXECUTE FUNCTION rev_after_fn()");
        let done = revert(first).unwrap();
        shows("SELECT concat(v, n) FROM rev_after", "a2");
        shows(
            &format!(
                "SELECT concat(delta ->> 'v', source) FROM directus_versions.revisions WHERE id = {done}"
            ),
            &format!("a{first}"),
        );
        shows(
            "SELECT string_agg((data ->> 'v') || (data ->> 'n'), ' ') FROM directus_versions.history('rev_after', 1)",
            "a1 b1 a1 a2",
        );
    }

    /// An update that a trigger stops changes nothing, and is none.
    #[pg_test]
    fn revert_of_a_row_that_a_trigger_holds_fast() {
        tracked("rev_fast");
        let first = revision("rev_fast", "INSERT INTO rev_fast VALUES (1, 'a', 1)");
        let second = revision("rev_fast", "UPDATE rev_fast SET v = 'b'");
        run("CREATE FUNCTION rev_fast_fn() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
             CREATE TRIGGER b BEFORE UPDATE ON rev_fast FOR EACH ROW EXECUTE FUNCTION rev_fast_fn()");
        let call = format!("SELECT directus_versions.revert({first})");
        if state(&call) == "00000" {
            assert_eq!(revert(first), None);
        }
        assert_eq!(newest("rev_fast"), second);
        shows("SELECT v FROM rev_fast", "b");
    }

    /// Disabled triggers stay disabled, and ours are not needed by theirs.
    #[pg_test]
    fn revert_fires_the_triggers_that_are_enabled() {
        tracked("rev_off");
        let first = revision("rev_off", "INSERT INTO rev_off VALUES (1, 'a', 1)");
        run("UPDATE rev_off SET v = 'b';
             CREATE FUNCTION rev_off_fn() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN NEW.n := NEW.n + TG_ARGV[0]::int; RETURN NEW; END $$;
             CREATE TRIGGER off BEFORE UPDATE ON rev_off FOR EACH ROW EXECUTE FUNCTION rev_off_fn(10);
             CREATE TRIGGER replica BEFORE UPDATE ON rev_off FOR EACH ROW EXECUTE FUNCTION rev_off_fn(100);
             CREATE TRIGGER always BEFORE UPDATE ON rev_off FOR EACH ROW EXECUTE FUNCTION rev_off_fn(1000);
             ALTER TABLE rev_off DISABLE TRIGGER off; ALTER TABLE rev_off ENABLE REPLICA TRIGGER replica;
             ALTER TABLE rev_off ENABLE ALWAYS TRIGGER always");
        revert(first);
        shows("SELECT concat(v, ' ', n) FROM rev_off", "a 1001");
    }
}
