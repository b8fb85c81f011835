//! Items whose key changes: their history is that of the row, wherever its key went.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::history::{check, column, listed, steps};
    use crate::pg_tests::support::{int, run, shows, yes};
    use pgrx::prelude::*;

    fn keyed(name: &str, rows: &str) {
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY DEFERRABLE, v text);
             SELECT directus_versions.track('{name}');
             INSERT INTO {name} VALUES {rows}"
        ));
    }

    #[pg_test]
    fn history_of_the_new_key_reaches_back_and_of_the_old_one_ends() {
        keyed("his_moved", "(1, 'a')");
        run("UPDATE his_moved SET v = 'b';
             UPDATE his_moved SET id = 2, v = 'c';
             UPDATE his_moved SET v = 'd';
             DELETE FROM his_moved");
        let first = [
            r#"create {"v": "a", "id": 1}"#,
            r#"update {"v": "b", "id": 1}"#,
            r#"update {"v": "c", "id": 2}"#,
        ];
        assert_eq!(steps("his_moved", "1"), first);
        assert_eq!(steps("his_moved", "2")[..3], first);
        assert_eq!(
            steps("his_moved", "2")[3..],
            [
                r#"update {"v": "d", "id": 2}"#,
                r#"delete {"v": "d", "id": 2}"#
            ]
        );
        assert_eq!(
            column("his_moved", "2", "delta")[2],
            r#"{"v": "c", "id": 2}"#
        );
        assert_eq!(
            column("his_moved", "2", "prior")[2],
            r#"{"v": "b", "id": 1}"#
        );
        check("his_moved");
    }

    #[pg_test]
    fn history_reaches_back_over_many_keys_and_back_to_the_first() {
        keyed("his_round", "(1, 'a')");
        run("UPDATE his_round SET id = 2; UPDATE his_round SET id = 3; UPDATE his_round SET v = 'b';
             UPDATE his_round SET id = 1; UPDATE his_round SET v = 'c'");
        assert_eq!(
            column("his_round", "1", "data ->> 'id'"),
            ["1", "2", "3", "3", "1", "1"]
        );
        assert_eq!(
            column("his_round", "3", "data ->> 'id'"),
            ["1", "2", "3", "3", "1"]
        );
        assert_eq!(column("his_round", "2", "data ->> 'id'"), ["1", "2", "3"]);
        check("his_round");
    }

    #[pg_test]
    fn history_of_a_key_used_again_is_its_own() {
        keyed("his_reused", "(1, 'a')");
        run("UPDATE his_reused SET id = 2;
             INSERT INTO his_reused VALUES (1, 'other');
             UPDATE his_reused SET v = v || '!'");
        assert_eq!(
            steps("his_reused", "1"),
            [
                r#"create {"v": "other", "id": 1}"#,
                r#"update {"v": "other!", "id": 1}"#
            ]
        );
        assert_eq!(
            steps("his_reused", "2"),
            [
                r#"create {"v": "a", "id": 1}"#,
                r#"update {"v": "a", "id": 2}"#,
                r#"update {"v": "a!", "id": 2}"#
            ]
        );
        check("his_reused");
    }

    /// The key was left by a delete, and another row moved to it.
    #[pg_test]
    fn history_of_a_row_that_took_a_deleted_key_is_that_row_s() {
        keyed("his_taken", "(1, 'gone'), (5, 'mover')");
        run("DELETE FROM his_taken WHERE id = 1;
             UPDATE his_taken SET id = 1;
             UPDATE his_taken SET v = 'moved'");
        let told = steps("his_taken", "1");
        assert!(
            told.ends_with(&[
                r#"create {"v": "mover", "id": 5}"#.to_owned(),
                r#"update {"v": "mover", "id": 1}"#.to_owned(),
                r#"update {"v": "moved", "id": 1}"#.to_owned(),
            ]),
            "{told:?}"
        );
        check("his_taken");
    }

    #[pg_test]
    fn history_of_every_row_when_all_keys_shift_at_once() {
        keyed("his_shift", "(1, 'a'), (2, 'b'), (3, 'c')");
        run("UPDATE his_shift SET id = id + 1;
             UPDATE his_shift SET v = upper(v);
             UPDATE his_shift SET id = id + 1");
        assert_eq!(
            steps("his_shift", "3"),
            [
                r#"create {"v": "a", "id": 1}"#,
                r#"update {"v": "a", "id": 2}"#,
                r#"update {"v": "A", "id": 2}"#,
                r#"update {"v": "A", "id": 3}"#,
            ]
        );
        assert_eq!(
            listed(
                "SELECT string_agg(data ->> 'v', '') FROM directus_versions.history('his_shift', 5)"
            ),
            ["ccCC"]
        );
        // Nobody has the first key any more; the row that had it left it.
        assert_eq!(
            steps("his_shift", "1"),
            [
                r#"create {"v": "a", "id": 1}"#,
                r#"update {"v": "a", "id": 2}"#
            ]
        );
        check("his_shift");
    }

    #[pg_test]
    fn history_of_rows_that_swap_and_rotate_their_keys() {
        keyed("his_swap", "(1, 'a'), (2, 'b'), (3, 'c'), (-1, 'minus')");
        run("UPDATE his_swap SET id = 3 - id WHERE id IN (1, 2);
             UPDATE his_swap SET id = -id WHERE abs(id) = 1;
             UPDATE his_swap SET v = v || '!';
             UPDATE his_swap SET id = id % 3 + 1 WHERE id > 0");
        for (item, letters) in [("1", "ccc"), ("-1", "bbbb"), ("2", "mm"), ("3", "aaa")] {
            let told = column("his_swap", item, "left(data ->> 'v', 1)").concat();
            assert!(told.starts_with(letters), "{item}: {told}");
            assert_eq!(
                told.chars().collect::<std::collections::HashSet<_>>().len(),
                1
            );
        }
        check("his_swap");
    }

    #[pg_test]
    fn history_of_keys_handed_round_in_one_transaction() {
        keyed("his_hands", "(1, 'a'), (2, 'b'), (3, 'c')");
        run("UPDATE his_hands SET id = 100 WHERE id = 1;
             UPDATE his_hands SET id = 1 WHERE id = 2;
             UPDATE his_hands SET id = 2 WHERE id = 100;
             DELETE FROM his_hands WHERE id = 3;
             INSERT INTO his_hands VALUES (3, 'd');
             UPDATE his_hands SET id = id + 10;
             INSERT INTO his_hands SELECT id - 10, 'new' FROM his_hands;
             UPDATE his_hands SET v = v || '!'");
        for (item, v) in [("11", "b!"), ("12", "a!"), ("13", "d!"), ("1", "new!")] {
            assert_eq!(
                column("his_hands", item, "data ->> 'v'")
                    .last()
                    .map(String::as_str),
                Some(v),
                "{item}"
            );
        }
        check("his_hands");
    }

    #[pg_test]
    fn history_of_a_key_deleted_and_created_in_one_statement() {
        run(
            "CREATE TABLE his_cte (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text);
             SELECT directus_versions.track('his_cte');
             INSERT INTO his_cte VALUES (1, 'a'), (2, 'b');
             WITH gone AS (DELETE FROM his_cte WHERE id = 1 RETURNING v)
             INSERT INTO his_cte SELECT 1, v || ' reborn' FROM gone",
        );
        assert_eq!(
            column("his_cte", "1", "action"),
            ["create", "delete", "create"]
        );
        check("his_cte");
    }

    #[pg_test]
    fn history_when_a_part_of_the_key_changes() {
        run(
            "CREATE TABLE his_part (b int, v int, a text, PRIMARY KEY (a, b));
             SELECT directus_versions.track('his_part');
             INSERT INTO his_part VALUES (1, 0, 'x'), (2, 0, 'x'), (1, 0, 'y');
             UPDATE his_part SET b = b + 10 WHERE a = 'x';
             UPDATE his_part SET a = 'z', v = 1 WHERE b = 12;
             UPDATE his_part SET a = 'x', b = 2 WHERE a = 'y'",
        );
        assert_eq!(
            steps("his_part", r#"["z", 12]"#),
            [
                r#"create {"a": "x", "b": 2, "v": 0}"#,
                r#"update {"a": "x", "b": 12, "v": 0}"#,
                r#"update {"a": "z", "b": 12, "v": 1}"#,
            ]
        );
        assert_eq!(
            steps("his_part", r#"["x", 2]"#),
            [
                r#"create {"a": "y", "b": 1, "v": 0}"#,
                r#"update {"a": "x", "b": 2, "v": 0}"#
            ]
        );
        check("his_part");
    }

    #[pg_test]
    fn history_when_a_foreign_key_changes_the_key() {
        run("CREATE TABLE his_top (id text PRIMARY KEY);
             CREATE TABLE his_sub (top text REFERENCES his_top ON UPDATE CASCADE, n int, v text, PRIMARY KEY (top, n));
             SELECT directus_versions.track('his_top'), directus_versions.track('his_sub');
             INSERT INTO his_top VALUES ('a'); INSERT INTO his_sub VALUES ('a', 1, 'x'), ('a', 2, 'y');
             UPDATE his_top SET id = 'b'; UPDATE his_top SET id = 'c'");
        assert_eq!(
            column("his_sub", r#"["c", 2]"#, "data ->> 'top'"),
            ["a", "b", "c"]
        );
        check("his_top");
        check("his_sub");
    }

    #[pg_test]
    fn history_of_sixty_turns_of_random_keys() {
        run("SELECT setseed(0.42);
             CREATE TABLE his_turns (id int PRIMARY KEY DEFERRABLE, v text, n int);
             SELECT directus_versions.track('his_turns');
             INSERT INTO his_turns SELECT i, 'v' || i, 0 FROM generate_series(1, 12) i;
             DO $$ BEGIN
                 FOR turn IN 1..60 LOOP
                     WITH mixed AS (
                         SELECT id, row_number() OVER (ORDER BY random()) + turn % 3 AS next FROM his_turns)
                     UPDATE his_turns k SET id = m.next, n = CASE WHEN m.next % 4 = 0 THEN turn ELSE n END
                     FROM mixed m WHERE m.id = k.id;
                     IF turn % 5 = 0 THEN DELETE FROM his_turns WHERE id % 7 = 3; END IF;
                     IF turn % 7 = 0 THEN
                         INSERT INTO his_turns SELECT i, 'new' || turn, 0 FROM generate_series(1, 12) i
                         WHERE NOT EXISTS (SELECT FROM his_turns k WHERE k.id = i);
                     END IF;
                 END LOOP;
             END $$");
        // Each row keeps its `v` for ever, so a history of two of them mixes two rows.
        assert_eq!(
            int("SELECT count(*) FROM his_turns t
                 CROSS JOIN LATERAL (SELECT max(n) AS born
                     FROM directus_versions.history('his_turns', t.id) WITH ORDINALITY
                         AS h(revision, action, actor, at, delta, prior, data, comment, version, n)
                     WHERE h.action = 'create') b
                 CROSS JOIN LATERAL directus_versions.history('his_turns', t.id) WITH ORDINALITY
                     AS h(revision, action, actor, at, delta, prior, data, comment, version, n)
                 WHERE h.n >= b.born AND h.data ->> 'v' <> t.v"),
            0
        );
        check("his_turns");
    }

    /// Items are named by another column from then on: those of before are none of after.
    #[pg_test]
    fn history_after_the_key_became_another_column() {
        run("CREATE TABLE his_rekeyed (a int NOT NULL, b int NOT NULL, v text, CONSTRAINT his_rekeyed_key PRIMARY KEY (a));
             SELECT directus_versions.track('his_rekeyed');
             INSERT INTO his_rekeyed VALUES (1, 2, 'x'), (2, 1, 'y');
             UPDATE his_rekeyed SET v = v || '1';
             ALTER TABLE his_rekeyed DROP CONSTRAINT his_rekeyed_key, ADD PRIMARY KEY (b);
             UPDATE his_rekeyed SET v = v || '2'");
        assert_eq!(
            column("his_rekeyed", "1", "data")
                .last()
                .map(String::as_str),
            Some(r#"{"a": 2, "b": 1, "v": "y12"}"#)
        );
        assert!(yes(
            "SELECT bool_and(data ->> 'b' = '1') FROM directus_versions.history('his_rekeyed', 1)"
        ));
    }

    /// What one table's key is made of hinders no reader of another.
    #[pg_test]
    fn history_of_keys_whose_operators_lie_elsewhere() {
        run(
            "CREATE SCHEMA his_types; CREATE EXTENSION ltree SCHEMA his_types;
             CREATE TABLE his_path (p his_types.ltree PRIMARY KEY, v text);
             CREATE TABLE his_paths (p his_types.ltree, n int, v text, PRIMARY KEY (n, p));
             SELECT directus_versions.track('his_path'), directus_versions.track('his_paths');
             INSERT INTO his_path VALUES ('a.b', 'a'); INSERT INTO his_paths VALUES ('a.b', 1, 'a');
             UPDATE his_path SET v = 'b'; UPDATE his_paths SET v = 'b'",
        );
        for (name, item) in [("his_path", "a.b"), ("his_paths", r#"[1, "a.b"]"#)] {
            shows(
                &format!(
                    "SELECT directus_versions.item_at('{name}', '{item}', 'infinity') ->> 'v'"
                ),
                "b",
            );
            shows(
                &format!(
                    "SELECT value FROM directus_versions.blame('{name}', '{item}') WHERE field = 'v'"
                ),
                "\"b\"",
            );
            let first = int(&format!(
                "SELECT min(revision) FROM directus_versions.history('{name}', '{item}')"
            ));
            shows(
                &format!("SELECT new FROM directus_versions.diff({first})"),
                "\"b\"",
            );
            run(&format!("SELECT directus_versions.revert({first})"));
            shows(&format!("SELECT v FROM {name}"), "a");
            run(&format!(
                "SELECT directus_versions.undo((SELECT max(revision) FROM directus_versions.history('{name}', '{item}')))"
            ));
            shows(&format!("SELECT v FROM {name}"), "b");
        }
        assert!(yes(
            "SELECT count(data) > 3 FROM directus_versions.revisions"
        ));
    }
}
