//! Named fields alone.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::revert::{newest, recorded, revision, state_of, tracked};
    use crate::pg_tests::support::{error, int, run, shows, text};
    use pgrx::prelude::*;

    fn revert_fields(revision: i64, fields: &str) -> Option<i64> {
        text(&format!(
            "SELECT directus_versions.revert({revision}, '{fields}')"
        ))
        .map(|id| id.parse().unwrap())
    }

    #[pg_test]
    fn revert_takes_named_fields() {
        run(
            "CREATE TABLE rev_field (id int PRIMARY KEY, v text, n int, \"Odd \"\"one\"\"\" text);
             SELECT directus_versions.track('rev_field')",
        );
        let first = revision("rev_field", "INSERT INTO rev_field VALUES (1, 'a', 1, 'o')");
        run("UPDATE rev_field SET v = 'b', n = 2, \"Odd \"\"one\"\"\" = 'p'");
        let done = revert_fields(first, "{v}").unwrap();
        assert_eq!(
            recorded(done),
            format!(r#"update 1 {{"v": "a"}} {{"v": "b"}} {first}"#)
        );
        shows(
            "SELECT concat(v, n, \"Odd \"\"one\"\"\") FROM rev_field",
            "a2p",
        );
        assert!(revert_fields(first, r#"{n,"Odd \"one\"",n}"#).is_some());
        shows(
            "SELECT concat(v, n, \"Odd \"\"one\"\"\") FROM rev_field",
            "a1o",
        );
    }

    #[pg_test]
    fn revert_of_named_fields_that_did_not_change_is_null() {
        tracked("rev_field_same");
        let first = revision(
            "rev_field_same",
            "INSERT INTO rev_field_same VALUES (1, 'a', 1)",
        );
        let second = revision("rev_field_same", "UPDATE rev_field_same SET v = 'b'");
        assert_eq!(revert_fields(first, "{n}"), None);
        assert_eq!(revert_fields(first, "{n,id}"), None);
        assert_eq!(newest("rev_field_same"), second);
    }

    #[pg_test]
    fn revert_refuses_unknown_fields() {
        tracked("rev_field_none");
        let first = revision(
            "rev_field_none",
            "INSERT INTO rev_field_none VALUES (1, 'a', 1)",
        );
        run("UPDATE rev_field_none SET v = 'b'");
        let before = state_of("rev_field_none");
        for (fields, name) in [
            ("{nope}", "nope"),
            ("{v,nope}", "nope"),
            ("{V}", "V"),
            ("{ctid}", "ctid"),
            ("{\"\"}", ""),
        ] {
            let raised = error(&format!(
                "SELECT directus_versions.revert({first}, '{fields}')"
            ));
            assert_eq!(raised.state, "42703", "{fields}");
            assert!(
                raised.message.contains(&format!("\"{name}\"")),
                "{raised:?}"
            );
        }
        assert_eq!(state_of("rev_field_none"), before);
    }

    /// A generated column by itself has nothing to put back.
    #[pg_test]
    fn revert_of_a_generated_field_alone_changes_nothing() {
        run("CREATE TABLE rev_field_gen (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
             SELECT directus_versions.track('rev_field_gen')");
        let first = revision("rev_field_gen", "INSERT INTO rev_field_gen VALUES (1, 1)");
        let second = revision("rev_field_gen", "UPDATE rev_field_gen SET a = 2");
        assert_eq!(revert_fields(first, "{twice}"), None);
        assert_eq!(newest("rev_field_gen"), second);
        assert!(revert_fields(first, "{a,twice}").is_some());
        shows("SELECT twice FROM rev_field_gen", "2");
    }

    /// The names of now are meant.
    #[pg_test]
    fn revert_of_a_renamed_field() {
        tracked("rev_field_ren");
        let first = revision(
            "rev_field_ren",
            "INSERT INTO rev_field_ren VALUES (1, 'a', 1)",
        );
        run("UPDATE rev_field_ren SET v = 'b', n = 2; ALTER TABLE rev_field_ren RENAME v TO w");
        assert!(revert_fields(first, "{w}").is_some());
        shows("SELECT concat(w, n) FROM rev_field_ren", "a2");
    }

    #[pg_test]
    fn revert_of_a_field_through_every_step_of_its_past() {
        tracked("rev_field_steps");
        run("INSERT INTO rev_field_steps VALUES (1, 'v0', 0);
             DO $$ BEGIN
                 FOR i IN 1..200 LOOP
                     UPDATE rev_field_steps SET v = 'v' || i, n = n + 1;
                 END LOOP;
             END $$");
        for step in [0, 1, 63, 64, 65, 128, 199] {
            let id = int(&format!(
                "SELECT revision FROM directus_versions.history('rev_field_steps', 1)
                 WHERE data ->> 'v' = 'v{step}' ORDER BY revision LIMIT 1"
            ));
            assert!(revert_fields(id, "{v}").is_some(), "{step}");
            shows(
                "SELECT concat(v, ' ', n) FROM rev_field_steps",
                &format!("v{step} 200"),
            );
        }
    }
}
