//! Keys that change: one revision, however the keys are handed round.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{check_history, entries, run, shows};
    use pgrx::prelude::*;

    #[pg_test]
    fn keys_change_in_one_revision() {
        run("CREATE TABLE key_change (id int PRIMARY KEY, v text);
             SELECT directus_versions.track('key_change');
             INSERT INTO key_change VALUES (1, 'a');
             UPDATE key_change SET id = 2;
             UPDATE key_change SET id = 3, v = 'b';
             INSERT INTO key_change VALUES (1, 'reused');
             DELETE FROM key_change WHERE id = 3");
        assert_eq!(
            entries("key_change"),
            [
                r#"create 1 {"v": "a", "id": 1}"#,
                r#"update 2 {"id": 2} was {"id": 1}"#,
                r#"update 3 {"v": "b", "id": 3} was {"v": "a", "id": 2}"#,
                r#"create 1 {"v": "reused", "id": 1}"#,
                r#"delete 3 was {"v": "b", "id": 3}"#,
            ]
        );
        shows(
            "SELECT string_agg(data::text, ' ' ORDER BY id) FROM directus_versions.revisions
             WHERE collection = 'key_change' AND item = '2'",
            r#"{"v": "a", "id": 2}"#,
        );
        check_history("key_change");
    }

    #[pg_test]
    fn keys_shift_over_all_rows() {
        run(
            "CREATE TABLE key_shift (id int PRIMARY KEY DEFERRABLE, v text);
             SELECT directus_versions.track('key_shift');
             INSERT INTO key_shift SELECT i, 'v' || i FROM generate_series(1, 50) i;
             UPDATE key_shift SET id = id + 1;
             UPDATE key_shift SET id = id - 1;
             UPDATE key_shift SET id = id + 2, v = v || '!' WHERE id % 2 = 0;
             UPDATE key_shift SET id = 53 - id",
        );
        shows(
            "SELECT string_agg(concat_ws(' ', action, n), ', ' ORDER BY action) FROM (
                 SELECT action, count(*) AS n FROM directus_versions.activity
                 WHERE collection = 'key_shift' GROUP BY action) AS a",
            "create 50, update 175",
        );
        check_history("key_shift");
        shows(
            "SELECT bool_and(data->>'id' = item) FROM directus_versions.revisions
             WHERE collection = 'key_shift'",
            "true",
        );
    }

    #[pg_test]
    fn keys_swap_and_rotate() {
        run(
            "CREATE TABLE key_swap (id int PRIMARY KEY DEFERRABLE, v text);
             SELECT directus_versions.track('key_swap');
             INSERT INTO key_swap VALUES (1, 'a'), (2, 'b'), (3, 'c');
             UPDATE key_swap SET id = 3 - id WHERE id < 3;
             UPDATE key_swap SET id = id % 3 + 1",
        );
        check_history("key_swap");
        shows(
            "SELECT string_agg(data->>'v', '' ORDER BY id) FROM directus_versions.revisions
             WHERE collection = 'key_swap' AND item = '1'",
            "abc",
        );
    }

    #[pg_test]
    fn keys_left_and_taken_in_one_statement_by_cte() {
        run(
            "CREATE TABLE key_cte (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text);
             SELECT directus_versions.track('key_cte');
             INSERT INTO key_cte VALUES (1, 'a'), (2, 'b');
             WITH gone AS (DELETE FROM key_cte WHERE id = 1 RETURNING v)
             INSERT INTO key_cte SELECT 1, v || ' reborn' FROM gone",
        );
        check_history("key_cte");
        shows("SELECT v FROM key_cte WHERE id = 1", "a reborn");
    }

    #[pg_test]
    fn keys_cascade_to_tracked_tables() {
        run("CREATE TABLE key_top (id text PRIMARY KEY);
             CREATE TABLE key_sub (top text REFERENCES key_top ON UPDATE CASCADE, n int, v text, PRIMARY KEY (top, n));
             SELECT directus_versions.track('key_top'), directus_versions.track('key_sub');
             INSERT INTO key_top VALUES ('a'); INSERT INTO key_sub VALUES ('a', 1, 'x'), ('a', 2, 'y');
             UPDATE key_top SET id = 'b'");
        assert_eq!(
            entries("key_sub")[2..],
            [
                r#"update ["b", 1] {"top": "b"} was {"top": "a"}"#,
                r#"update ["b", 2] {"top": "b"} was {"top": "a"}"#
            ]
        );
        check_history("key_sub");
    }

    #[pg_test]
    fn keys_handed_round_many_times() {
        run("SELECT setseed(0.42);
             CREATE TABLE key_round (id int PRIMARY KEY DEFERRABLE, v text, n int);
             SELECT directus_versions.track('key_round');
             INSERT INTO key_round SELECT i, 'v' || i, 0 FROM generate_series(1, 12) i;
             DO $$ BEGIN
                 FOR turn IN 1..60 LOOP
                     WITH mixed AS (
                         SELECT id, row_number() OVER (ORDER BY random()) + turn % 3 AS next FROM key_round)
                     UPDATE key_round k SET id = m.next, n = CASE WHEN m.next % 4 = 0 THEN turn ELSE n END
                     FROM mixed m WHERE m.id = k.id;
                     IF turn % 5 = 0 THEN DELETE FROM key_round WHERE id % 7 = 3; END IF;
                     IF turn % 7 = 0 THEN
                         INSERT INTO key_round SELECT i, 'new' || turn, 0 FROM generate_series(1, 12) i
                         WHERE NOT EXISTS (SELECT FROM key_round k WHERE k.id = i);
                     END IF;
                 END LOOP;
             END $$");
        check_history("key_round");
    }
}
