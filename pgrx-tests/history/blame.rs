//! Who set each field's present value.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::history::{listed, rows, tracked};
    use crate::pg_tests::support::{run, state, table, yes};
    use pgrx::prelude::*;

    /// Give the blame of item 1, a field as `field value actor`, in the order of fields.
    fn blame(target: &str) -> Vec<String> {
        listed(&format!(
            "SELECT concat_ws(' ', field, value, coalesce(actor, '-'))
             FROM directus_versions.blame('{target}', 1) ORDER BY field"
        ))
    }

    fn by(actor: &str, sql: &str) {
        run(&format!(
            "SET LOCAL directus_versions.actor = '{actor}'; {sql}"
        ));
    }

    #[pg_test]
    fn blame_has_its_columns() {
        tracked("bla_columns");
        run(
            "CREATE TEMP VIEW bla_columns_v AS SELECT * FROM directus_versions.blame('bla_columns', 1)",
        );
        assert_eq!(
            table(
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
                 WHERE attrelid = 'bla_columns_v'::regclass AND attnum > 0 ORDER BY attnum"
            ),
            rows(&[
                ["field", "text"],
                ["value", "jsonb"],
                ["revision", "bigint"],
                ["actor", "text"],
                ["timestamp", "timestamp with time zone"],
            ])
        );
    }

    #[pg_test]
    fn blame_names_the_last_to_change_each_field() {
        tracked("bla_last");
        by("ada", "INSERT INTO bla_last VALUES (1, 'a', 1)");
        by("bob", "UPDATE bla_last SET v = 'b'");
        by("cyd", "UPDATE bla_last SET v = 'a'");
        by("dan", "UPDATE bla_last SET v = 'a', n = 2");
        by(
            "eve",
            "UPDATE bla_last SET v = v; INSERT INTO bla_last VALUES (2, 'x', 9)",
        );
        assert_eq!(blame("bla_last"), ["id 1 ada", "n 2 dan", r#"v "a" cyd"#]);
    }

    #[pg_test]
    fn blame_gives_revision_and_time_of_that_change() {
        tracked("bla_when");
        by("ada", "INSERT INTO bla_when VALUES (1, 'a', 1)");
        by("bob", "UPDATE bla_when SET v = 'b'");
        by("cyd", "UPDATE bla_when SET n = 2");
        assert!(yes(
            "SELECT bool_and(a.actor = b.actor AND a.timestamp = b.timestamp AND r.delta -> b.field = b.value)
                    AND count(*) = 3
             FROM directus_versions.blame('bla_when', 1) b
             JOIN directus_versions.revisions r ON r.id = b.revision
             JOIN directus_versions.activity a ON a.id = r.activity"
        ));
    }

    #[pg_test]
    fn blame_begins_anew_when_the_item_is_created_again() {
        tracked("bla_again");
        by("ada", "INSERT INTO bla_again VALUES (1, 'a', 1)");
        by("bob", "UPDATE bla_again SET v = 'b'; DELETE FROM bla_again");
        by("cyd", "INSERT INTO bla_again VALUES (1, 'b', 1)");
        assert_eq!(blame("bla_again"), ["id 1 cyd", "n 1 cyd", r#"v "b" cyd"#]);
    }

    #[pg_test]
    fn blame_follows_the_row_over_its_keys() {
        run(
            "CREATE TABLE bla_key (id int PRIMARY KEY DEFERRABLE, v text, n int);
             SELECT directus_versions.track('bla_key')",
        );
        by(
            "ada",
            "INSERT INTO bla_key VALUES (0, 'a', 1), (1, 'stranger', 7)",
        );
        by("bob", "UPDATE bla_key SET v = 'b' WHERE id = 0");
        by("cyd", "UPDATE bla_key SET id = 1 - id");
        by("dan", "UPDATE bla_key SET n = 2 WHERE id = 1");
        assert_eq!(blame("bla_key"), ["id 1 cyd", "n 2 dan", r#"v "b" bob"#]);
    }

    /// Within a transaction the command decides, not the order in which triggers fired.
    #[pg_test]
    fn blame_of_a_row_that_a_trigger_changes_again() {
        tracked("bla_trg");
        run(
            "CREATE FUNCTION bla_trg_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 SET LOCAL directus_versions.actor = 'trigger';
                 UPDATE bla_trg SET n = NEW.n + 1 WHERE id = NEW.id; RETURN NULL;
             END $$;
             CREATE TRIGGER \" !\" AFTER UPDATE OF v ON bla_trg FOR EACH ROW EXECUTE FUNCTION bla_trg_fn()",
        );
        by("ada", "INSERT INTO bla_trg VALUES (1, 'a', 1)");
        by("bob", "UPDATE bla_trg SET v = 'b', n = 10");
        assert!(yes(
            "SELECT r.delta ->> 'n' = '11' AND b.value = '11'
             FROM directus_versions.blame('bla_trg', 1) b
             JOIN directus_versions.revisions r ON r.id = b.revision WHERE b.field = 'n'"
        ));
    }

    /// Of what is older than the tracking nobody is known.
    #[pg_test]
    fn blame_of_an_older_item() {
        run("CREATE TABLE bla_old (id int PRIMARY KEY, v text, n int);
             INSERT INTO bla_old VALUES (1, 'a', 1);
             SELECT directus_versions.track('bla_old')");
        assert_eq!(blame("bla_old"), ["id 1 -", "n 1 -", r#"v "a" -"#]);
        by("bob", "UPDATE bla_old SET v = 'b'");
        assert_eq!(blame("bla_old"), ["id 1 -", "n 1 -", r#"v "b" bob"#]);
        assert!(yes(
            "SELECT bool_and((revision IS NULL) = (field <> 'v') AND (\"timestamp\" IS NULL) = (field <> 'v'))
             FROM directus_versions.blame('bla_old', 1)"
        ));
    }

    #[pg_test]
    fn blame_knows_columns_and_not_names() {
        tracked("bla_names");
        by("ada", "INSERT INTO bla_names VALUES (1, 'a', 1)");
        by("bob", "UPDATE bla_names SET v = 'b'");
        run(
            "ALTER TABLE bla_names RENAME v TO w; ALTER TABLE bla_names RENAME n TO v;
             ALTER TABLE bla_names ADD n text DEFAULT 'added'",
        );
        assert_eq!(
            blame("bla_names"),
            ["id 1 ada", r#"n "added" -"#, "v 1 ada", r#"w "b" bob"#]
        );
        by("cyd", "UPDATE bla_names SET n = 'set', v = 2");
        assert_eq!(
            blame("bla_names"),
            ["id 1 ada", r#"n "set" cyd"#, "v 2 cyd", r#"w "b" bob"#]
        );
    }

    /// What was set while nothing was recorded is nobody's, and not the one's before.
    #[pg_test]
    fn blame_over_a_gap() {
        tracked("bla_gap");
        by("ada", "INSERT INTO bla_gap VALUES (1, 'a', 1)");
        run("SELECT directus_versions.set_scope('bla_gap', accountability => 'none')");
        by("bob", "UPDATE bla_gap SET v = 'b'");
        run("SELECT directus_versions.set_scope('bla_gap', accountability => 'all')");
        by("cyd", "UPDATE bla_gap SET n = 2");
        let found = blame("bla_gap");
        assert!(found.contains(&"n 2 cyd".to_owned()), "{found:?}");
        assert!(found.contains(&r#"v "b" -"#.to_owned()), "{found:?}");
    }

    #[pg_test]
    fn blame_of_a_masked_field_shows_who_and_not_what() {
        run(
            "CREATE TABLE bla_mask (id int PRIMARY KEY, v text, secret text);
             SELECT directus_versions.track('bla_mask', mask => '{secret}')",
        );
        by("ada", "INSERT INTO bla_mask VALUES (1, 'a', 'hush')");
        by("bob", "UPDATE bla_mask SET secret = 'hush 2'");
        assert_eq!(
            listed(
                "SELECT actor FROM directus_versions.blame('bla_mask', 1) WHERE field = 'secret'"
            ),
            ["bob"]
        );
        assert!(!blame("bla_mask").concat().contains("hush"));
    }

    #[pg_test]
    fn blame_of_a_deleted_item_is_nobody_s() {
        tracked("bla_del");
        by(
            "ada",
            "INSERT INTO bla_del VALUES (1, 'a', 1); DELETE FROM bla_del",
        );
        let sql = "SELECT field FROM directus_versions.blame('bla_del', 1)";
        match state(sql).as_str() {
            "00000" => assert!(table(sql).is_empty()),
            other => assert_eq!(other, "P0002"),
        }
    }
}
