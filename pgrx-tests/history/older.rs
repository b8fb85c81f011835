//! Items older than their tracking: what they were is told backwards from the live row.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::history::{column, listed, steps};
    use crate::pg_tests::support::{int, run};
    use pgrx::prelude::*;

    /// A table with rows, tracked when they were there.
    fn older(name: &str) {
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY DEFERRABLE, v text, n int);
             INSERT INTO {name} SELECT i, 'old' || i, i FROM generate_series(1, 9) i;
             SELECT directus_versions.track('{name}')"
        ));
    }

    #[pg_test]
    fn history_of_an_older_item_is_whole() {
        older("his_older");
        run("UPDATE his_older SET n = 10 WHERE id = 1;
             UPDATE his_older SET v = 'new' WHERE id = 1;
             UPDATE his_older SET n = NULL WHERE id = 1");
        assert_eq!(
            steps("his_older", "1"),
            [
                r#"update {"n": 10, "v": "old1", "id": 1}"#,
                r#"update {"n": 10, "v": "new", "id": 1}"#,
                r#"update {"n": null, "v": "new", "id": 1}"#,
            ]
        );
        assert!(steps("his_older", "2").is_empty());
    }

    #[pg_test]
    fn history_of_an_older_item_that_was_deleted() {
        older("his_older_del");
        run("UPDATE his_older_del SET n = 20 WHERE id = 2;
             DELETE FROM his_older_del WHERE id = 2;
             INSERT INTO his_older_del VALUES (2, 'again', 0);
             DELETE FROM his_older_del WHERE id = 3");
        assert_eq!(
            steps("his_older_del", "2"),
            [
                r#"update {"n": 20, "v": "old2", "id": 2}"#,
                r#"delete {"n": 20, "v": "old2", "id": 2}"#,
                r#"create {"n": 0, "v": "again", "id": 2}"#,
            ]
        );
        assert_eq!(
            steps("his_older_del", "3"),
            [r#"delete {"n": 3, "v": "old3", "id": 3}"#]
        );
    }

    #[pg_test]
    fn history_of_an_older_item_whose_key_changed() {
        older("his_older_key");
        run("UPDATE his_older_key SET v = 'x' WHERE id = 1;
             UPDATE his_older_key SET id = id + 1;
             UPDATE his_older_key SET n = 0 WHERE id = 2");
        let first = [
            r#"update {"n": 1, "v": "x", "id": 1}"#,
            r#"update {"n": 1, "v": "x", "id": 2}"#,
        ];
        assert_eq!(steps("his_older_key", "2")[..2], first);
        assert_eq!(
            steps("his_older_key", "2")[2..],
            [r#"update {"n": 0, "v": "x", "id": 2}"#]
        );
        assert_eq!(steps("his_older_key", "1"), first);
        assert_eq!(
            steps("his_older_key", "10"),
            [r#"update {"n": 9, "v": "old9", "id": 10}"#]
        );
    }

    #[pg_test]
    fn history_of_an_older_item_whose_key_another_row_took() {
        older("his_older_took");
        run("UPDATE his_older_took SET v = 'x' WHERE id = 1;
             UPDATE his_older_took SET id = 100 WHERE id = 1;
             INSERT INTO his_older_took VALUES (1, 'stranger', 0);
             UPDATE his_older_took SET v = 'stranger too' WHERE id = 1");
        assert_eq!(
            listed("SELECT data ->> 'v' FROM directus_versions.history('his_older_took', 100)"),
            ["x", "x"]
        );
        assert_eq!(
            column("his_older_took", "1", "data ->> 'v'"),
            ["stranger", "stranger too"]
        );
    }

    #[pg_test]
    fn history_of_an_older_item_when_a_trigger_changes_it_again() {
        older("his_older_trg");
        run(
            "CREATE FUNCTION his_older_trg_fn() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN UPDATE his_older_trg SET n = n + 1 WHERE id = NEW.id; RETURN NULL; END $$;
             CREATE TRIGGER \" !\" AFTER UPDATE OF v ON his_older_trg
                 FOR EACH ROW EXECUTE FUNCTION his_older_trg_fn();
             UPDATE his_older_trg SET v = 'x' WHERE id < 3; UPDATE his_older_trg SET v = 'y' WHERE id < 3",
        );
        assert_eq!(
            column("his_older_trg", "2", "concat(data ->> 'v', data ->> 'n')"),
            ["x2", "x3", "y3", "y4"]
        );
    }

    #[pg_test]
    fn history_of_an_older_item_after_columns_changed() {
        older("his_older_col");
        run("UPDATE his_older_col SET n = 10 WHERE id = 1;
             ALTER TABLE his_older_col RENAME v TO w;
             ALTER TABLE his_older_col ADD late text DEFAULT 'late';
             UPDATE his_older_col SET n = 20 WHERE id = 1;
             ALTER TABLE his_older_col DROP n;
             UPDATE his_older_col SET late = 'later' WHERE id = 1");
        assert_eq!(
            column("his_older_col", "1", "coalesce(data ->> 'w', data ->> 'v')"),
            ["old1", "old1", "old1"]
        );
        assert_eq!(
            column("his_older_col", "1", "data ->> 'n'"),
            ["10", "20", "-"]
        );
        assert_eq!(
            column("his_older_col", "1", "data")
                .last()
                .map(String::as_str),
            Some(r#"{"w": "old1", "id": 1, "late": "later"}"#)
        );
    }

    /// Many revisions, so that some hold the whole row and others do not.
    #[pg_test]
    fn history_of_an_older_item_over_hundreds_of_revisions() {
        older("his_older_many");
        run("DO $$ BEGIN
                 FOR i IN 1..500 LOOP
                     UPDATE his_older_many SET n = i, v = CASE WHEN i % 7 = 0 THEN 'v' || i ELSE v END WHERE id = 5;
                 END LOOP;
             END $$");
        assert_eq!(
            int("SELECT count(*) FROM directus_versions.history('his_older_many', 5) WITH ORDINALITY
                     AS h(revision, action, actor, at, delta, prior, data, comment, version, n)
                 WHERE h.data = jsonb_build_object('id', 5, 'n', h.n,
                     'v', CASE WHEN h.n < 7 THEN 'old5' ELSE 'v' || h.n / 7 * 7 END)"),
            500
        );
    }
}
