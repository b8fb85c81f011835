//! Every statement that can write a row, besides the plain ones.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::capture::{count, tracked};
    use crate::pg_tests::support::{check_history, entries, int, run, shows, state, yes};
    use pgrx::prelude::*;

    #[pg_test]
    fn capture_merge_with_every_arm() {
        tracked("cap_merge");
        run("INSERT INTO cap_merge VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4), (5, 'e', 5);
             MERGE INTO cap_merge t
             USING (VALUES (1, 'upd'), (2, 'del'), (3, 'keep'), (5, 'same'), (6, 'new'), (7, 'skip')) s(id, what)
             ON t.id = s.id
             WHEN MATCHED AND what = 'upd' THEN UPDATE SET v = what, n = 10
             WHEN MATCHED AND what = 'same' THEN UPDATE SET v = v
             WHEN MATCHED AND what = 'del' THEN DELETE
             WHEN MATCHED THEN DO NOTHING
             WHEN NOT MATCHED AND what = 'skip' THEN DO NOTHING
             WHEN NOT MATCHED THEN INSERT VALUES (s.id, what, 6)");
        let mut new = entries("cap_merge").split_off(5);
        new.sort();
        assert_eq!(
            new,
            [
                r#"create 6 {"n": 6, "v": "new", "id": 6}"#,
                r#"delete 2 was {"n": 2, "v": "b", "id": 2}"#,
                r#"update 1 {"n": 10, "v": "upd"} was {"n": 1, "v": "a"}"#,
            ]
        );
        check_history("cap_merge");
    }

    #[pg_test]
    fn capture_on_conflict() {
        tracked("cap_conflict");
        run("INSERT INTO cap_conflict VALUES (1, 'a', 1);
             INSERT INTO cap_conflict VALUES (1, 'x', 9), (2, 'b', 2) ON CONFLICT DO NOTHING;
             INSERT INTO cap_conflict VALUES (1, 'c', 3), (3, 'd', 4)
                 ON CONFLICT (id) DO UPDATE SET v = excluded.v;
             INSERT INTO cap_conflict VALUES (1, 'c', 1) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
             INSERT INTO cap_conflict VALUES (1, 'y', 1) ON CONFLICT (id) DO UPDATE SET v = 'y' WHERE false");
        assert_eq!(
            entries("cap_conflict"),
            [
                r#"create 1 {"n": 1, "v": "a", "id": 1}"#,
                r#"create 2 {"n": 2, "v": "b", "id": 2}"#,
                r#"update 1 {"v": "c"} was {"v": "a"}"#,
                r#"create 3 {"n": 4, "v": "d", "id": 3}"#,
            ]
        );
        check_history("cap_conflict");
    }

    #[pg_test]
    fn capture_truncate_comes_first_then_each_row() {
        run(
            "CREATE TABLE cap_trunc (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);
             SELECT directus_versions.track('cap_trunc');
             INSERT INTO cap_trunc (v) VALUES ('a'), ('b');
             TRUNCATE cap_trunc RESTART IDENTITY;
             INSERT INTO cap_trunc (v) VALUES ('again')",
        );
        assert_eq!(
            entries("cap_trunc")[2..],
            [
                "truncate",
                r#"delete 1 was {"v": "a", "id": 1}"#,
                r#"delete 2 was {"v": "b", "id": 2}"#,
                r#"create 1 {"v": "again", "id": 1}"#,
            ]
        );
        assert!(yes(
            "SELECT item IS NULL FROM directus_versions.activity
                     WHERE collection = 'cap_trunc' AND action = 'truncate'"
        ));
        check_history("cap_trunc");
    }

    #[pg_test]
    fn capture_truncate_twice_and_of_an_empty_table() {
        tracked("cap_trunc_empty");
        run("TRUNCATE cap_trunc_empty;
             INSERT INTO cap_trunc_empty SELECT i FROM generate_series(1, 300) i;
             DELETE FROM cap_trunc_empty WHERE id <= 100;
             UPDATE cap_trunc_empty SET v = 'x' WHERE id > 200;
             TRUNCATE cap_trunc_empty; TRUNCATE cap_trunc_empty");
        assert_eq!(count("cap_trunc_empty", "truncate"), 3);
        assert_eq!(count("cap_trunc_empty", "delete"), 300);
        check_history("cap_trunc_empty");
    }

    #[pg_test]
    fn capture_truncate_of_two_tables_and_cascade() {
        tracked("cap_trunc_parent");
        run(
            "CREATE TABLE cap_trunc_child (id int PRIMARY KEY, p int REFERENCES cap_trunc_parent);
             SELECT directus_versions.track('cap_trunc_child');
             INSERT INTO cap_trunc_parent VALUES (1), (2);
             INSERT INTO cap_trunc_child VALUES (10, 1), (11, 2);
             TRUNCATE cap_trunc_parent CASCADE",
        );
        assert_eq!(entries("cap_trunc_parent")[2..].len(), 3);
        assert_eq!(
            entries("cap_trunc_child")[2..],
            [
                "truncate",
                r#"delete 10 was {"p": 1, "id": 10}"#,
                r#"delete 11 was {"p": 2, "id": 11}"#
            ]
        );
        run(
            "INSERT INTO cap_trunc_parent VALUES (3); INSERT INTO cap_trunc_child VALUES (12, 3);
             TRUNCATE cap_trunc_child, cap_trunc_parent",
        );
        check_history("cap_trunc_parent");
        check_history("cap_trunc_child");
        assert_eq!(count("cap_trunc_child", "truncate"), 2);
    }

    #[pg_test]
    fn capture_truncate_cascading_from_an_untracked_table() {
        run("CREATE TABLE cap_trunc_free (id int PRIMARY KEY);
             CREATE TABLE cap_trunc_dep (id int PRIMARY KEY, p int REFERENCES cap_trunc_free);
             SELECT directus_versions.track('cap_trunc_dep');
             INSERT INTO cap_trunc_free VALUES (1); INSERT INTO cap_trunc_dep VALUES (5, 1);
             TRUNCATE cap_trunc_free CASCADE");
        assert_eq!(
            entries("cap_trunc_dep")[1..],
            ["truncate", r#"delete 5 was {"p": 1, "id": 5}"#]
        );
        check_history("cap_trunc_dep");
    }

    #[pg_test]
    fn capture_foreign_key_actions_from_tracked_and_untracked_parents() {
        for (parent, track) in [("cap_fk_t", true), ("cap_fk_u", false)] {
            run(&format!(
                "CREATE TABLE {parent} (id int PRIMARY KEY);
                 CREATE TABLE {parent}_casc (id int PRIMARY KEY,
                     p int REFERENCES {parent} ON DELETE CASCADE ON UPDATE CASCADE);
                 CREATE TABLE {parent}_null (id int PRIMARY KEY,
                     p int REFERENCES {parent} ON DELETE SET NULL ON UPDATE SET NULL);
                 CREATE TABLE {parent}_def (id int PRIMARY KEY,
                     p int DEFAULT 0 REFERENCES {parent} ON DELETE SET DEFAULT ON UPDATE SET DEFAULT);
                 SELECT directus_versions.track(t::regclass)
                 FROM unnest(ARRAY['{parent}_casc', '{parent}_null', '{parent}_def']) t"
            ));
            if track {
                run(&format!("SELECT directus_versions.track('{parent}')"));
            }
            run(&format!(
                "INSERT INTO {parent} VALUES (0), (1), (2);
                 INSERT INTO {parent}_casc VALUES (1, 1), (2, 2);
                 INSERT INTO {parent}_null VALUES (1, 1), (2, 2);
                 INSERT INTO {parent}_def VALUES (1, 1), (2, 2);
                 DELETE FROM {parent} WHERE id = 1;
                 UPDATE {parent} SET id = 22 WHERE id = 2"
            ));
            let tail = |kind: &str| entries(&format!("{parent}_{kind}")).split_off(2);
            assert_eq!(
                tail("casc"),
                [
                    r#"delete 1 was {"p": 1, "id": 1}"#,
                    r#"update 2 {"p": 22} was {"p": 2}"#
                ]
            );
            assert_eq!(
                tail("null"),
                [
                    r#"update 1 {"p": null} was {"p": 1}"#,
                    r#"update 2 {"p": null} was {"p": 2}"#
                ]
            );
            assert_eq!(
                tail("def"),
                [
                    r#"update 1 {"p": 0} was {"p": 1}"#,
                    r#"update 2 {"p": 0} was {"p": 2}"#
                ]
            );
            for kind in ["casc", "null", "def"] {
                check_history(&format!("{parent}_{kind}"));
            }
            assert_eq!(entries(parent).len(), if track { 5 } else { 0 });
        }
    }

    #[pg_test]
    fn capture_foreign_key_within_the_table() {
        run(
            "CREATE TABLE cap_tree (id int PRIMARY KEY, up int REFERENCES cap_tree
                 ON UPDATE CASCADE ON DELETE CASCADE, v text);
             SELECT directus_versions.track('cap_tree');
             INSERT INTO cap_tree VALUES (1, 1, 'self'), (2, 1, 'child'), (3, 2, 'grandchild');
             UPDATE cap_tree SET id = 10, v = 'moved' WHERE id = 1",
        );
        check_history("cap_tree");
        shows("SELECT up FROM cap_tree WHERE id = 10", "10");
        run("UPDATE cap_tree SET id = 102 WHERE id = 2");
        check_history("cap_tree");
        run("DELETE FROM cap_tree WHERE id = 10");
        assert_eq!(int("SELECT count(*) FROM cap_tree"), 0);
        assert_eq!(count("cap_tree", "delete"), 3);
        check_history("cap_tree");
    }

    #[pg_test]
    fn capture_cte_that_writes_two_tables() {
        tracked("cap_cte_a");
        tracked("cap_cte_b");
        run(
            "INSERT INTO cap_cte_a VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3);
             WITH moved AS (DELETE FROM cap_cte_a WHERE id = 1 RETURNING *),
                  bumped AS (UPDATE cap_cte_a SET n = 20 WHERE id = 2 RETURNING *),
                  unread AS (INSERT INTO cap_cte_a VALUES (4, 'd', 4))
             INSERT INTO cap_cte_b SELECT * FROM moved UNION ALL SELECT * FROM bumped",
        );
        let mut a = entries("cap_cte_a").split_off(3);
        a.sort();
        assert_eq!(
            a,
            [
                r#"create 4 {"n": 4, "v": "d", "id": 4}"#,
                r#"delete 1 was {"n": 1, "v": "a", "id": 1}"#,
                r#"update 2 {"n": 20} was {"n": 2}"#,
            ]
        );
        assert_eq!(entries("cap_cte_b").len(), 2);
        check_history("cap_cte_a");
        check_history("cap_cte_b");
    }

    #[pg_test]
    fn capture_through_views() {
        tracked("cap_viewed");
        run("CREATE VIEW cap_view AS SELECT id, v AS label FROM cap_viewed WHERE id < 100 WITH CHECK OPTION;
             CREATE VIEW cap_view2 AS SELECT label, id FROM cap_view;
             INSERT INTO cap_view VALUES (1, 'a');
             UPDATE cap_view2 SET label = 'b';
             DELETE FROM cap_view2 WHERE id = 1;
             CREATE VIEW cap_joined AS SELECT id, upper(v) AS shout FROM cap_viewed;
             CREATE FUNCTION cap_instead() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF TG_OP = 'INSERT' THEN INSERT INTO cap_viewed VALUES (NEW.id, lower(NEW.shout), 0); RETURN NEW; END IF;
                 IF TG_OP = 'UPDATE' THEN UPDATE cap_viewed SET v = lower(NEW.shout) WHERE id = OLD.id; RETURN NEW; END IF;
                 DELETE FROM cap_viewed WHERE id = OLD.id; RETURN OLD;
             END $$;
             CREATE TRIGGER t INSTEAD OF INSERT OR UPDATE OR DELETE ON cap_joined
                 FOR EACH ROW EXECUTE FUNCTION cap_instead();
             INSERT INTO cap_joined VALUES (2, 'LOUD');
             UPDATE cap_joined SET shout = 'LOUDER';
             DELETE FROM cap_joined");
        assert_eq!(
            entries("cap_viewed"),
            [
                r#"create 1 {"n": null, "v": "a", "id": 1}"#,
                r#"update 1 {"v": "b"} was {"v": "a"}"#,
                r#"delete 1 was {"n": null, "v": "b", "id": 1}"#,
                r#"create 2 {"n": 0, "v": "loud", "id": 2}"#,
                r#"update 2 {"v": "louder"} was {"v": "loud"}"#,
                r#"delete 2 was {"n": 0, "v": "louder", "id": 2}"#,
            ]
        );
        assert_eq!(state("INSERT INTO cap_view VALUES (200, 'out')"), "44000");
        check_history("cap_viewed");
    }

    #[pg_test]
    fn capture_rules_rewrite() {
        tracked("cap_ruled");
        run("CREATE VIEW cap_ruled_view AS SELECT * FROM cap_ruled;
             CREATE RULE r AS ON INSERT TO cap_ruled_view DO INSTEAD INSERT INTO cap_ruled VALUES (NEW.id, 'rule', 1);
             INSERT INTO cap_ruled_view VALUES (1, 'ignored')");
        assert_eq!(
            entries("cap_ruled"),
            [r#"create 1 {"n": 1, "v": "rule", "id": 1}"#]
        );
    }

    #[pg_test]
    fn capture_where_current_of() {
        tracked("cap_cursor");
        run(
            "INSERT INTO cap_cursor SELECT i, 'v', i FROM generate_series(1, 4) i;
             DO $$ DECLARE c CURSOR FOR SELECT * FROM cap_cursor ORDER BY id FOR UPDATE; r record;
             BEGIN
                 OPEN c;
                 LOOP
                     FETCH c INTO r; EXIT WHEN NOT FOUND;
                     IF r.id % 2 = 0 THEN UPDATE cap_cursor SET n = 100 WHERE CURRENT OF c;
                     ELSE DELETE FROM cap_cursor WHERE CURRENT OF c; END IF;
                 END LOOP;
             END $$",
        );
        assert_eq!(
            entries("cap_cursor")[4..],
            [
                r#"delete 1 was {"n": 1, "v": "v", "id": 1}"#,
                r#"update 2 {"n": 100} was {"n": 2}"#,
                r#"delete 3 was {"n": 3, "v": "v", "id": 3}"#,
                r#"update 4 {"n": 100} was {"n": 4}"#,
            ]
        );
        check_history("cap_cursor");
    }

    #[pg_test]
    fn capture_explain_analyze_writes_and_explain_does_not() {
        tracked("cap_explain");
        run("EXPLAIN INSERT INTO cap_explain VALUES (1, 'a', 1);
             EXPLAIN (ANALYZE) INSERT INTO cap_explain VALUES (2, 'b', 2);
             EXPLAIN (ANALYZE, VERBOSE, FORMAT json) UPDATE cap_explain SET n = 3");
        assert_eq!(
            entries("cap_explain"),
            [
                r#"create 2 {"n": 2, "v": "b", "id": 2}"#,
                r#"update 2 {"n": 3} was {"n": 2}"#
            ]
        );
    }

    #[pg_test]
    fn capture_copy_from_a_program() {
        tracked("cap_copy_prog");
        run(r"COPY cap_copy_prog FROM PROGRAM 'printf ''1\ta\t1\n2\t\\N\t2\n'''");
        assert_eq!(
            entries("cap_copy_prog"),
            [
                r#"create 1 {"n": 1, "v": "a", "id": 1}"#,
                r#"create 2 {"n": 2, "v": null, "id": 2}"#
            ]
        );
    }

    #[pg_test]
    fn capture_writes_from_functions_called_in_a_query() {
        tracked("cap_called");
        run("CREATE FUNCTION cap_bump(i int) RETURNS int LANGUAGE sql AS
                 $$ UPDATE cap_called SET n = n + 1 WHERE id = i RETURNING n $$;
             INSERT INTO cap_called VALUES (1, 'a', 0), (2, 'b', 0);
             SELECT cap_bump(id), cap_bump(id) FROM cap_called ORDER BY id");
        assert_eq!(count("cap_called", "update"), 4);
        check_history("cap_called");
    }

    #[pg_test]
    fn capture_generated_and_identity_columns() {
        run(
            "CREATE TABLE cap_gen (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
                 price numeric, qty int, total numeric GENERATED ALWAYS AS (price * qty) STORED,
                 parity int GENERATED ALWAYS AS (qty % 2) STORED);
             SELECT directus_versions.track('cap_gen');
             INSERT INTO cap_gen (price, qty) VALUES (1.50, 2);
             UPDATE cap_gen SET qty = 4;
             UPDATE cap_gen SET price = 1.50;
             UPDATE cap_gen SET id = DEFAULT",
        );
        assert_eq!(
            entries("cap_gen"),
            [
                r#"create 1 {"id": 1, "qty": 2, "price": 1.50, "total": 3.00, "parity": 0}"#,
                r#"update 1 {"qty": 4, "total": 6.00} was {"qty": 2, "total": 3.00}"#,
                r#"update 2 {"id": 2} was {"id": 1}"#,
            ]
        );
        check_history("cap_gen");
    }

    #[pg_test]
    fn capture_writes_of_a_function_read_in_part() {
        tracked("cap_srf");
        run(
            "INSERT INTO cap_srf SELECT i, 'v', 0 FROM generate_series(1, 5) i;
             CREATE FUNCTION cap_srf_fn() RETURNS SETOF int LANGUAGE sql AS
                 $$ UPDATE cap_srf SET n = n + 1 RETURNING id $$;
             SELECT cap_srf_fn() LIMIT 1; SELECT * FROM cap_srf_fn() LIMIT 1",
        );
        assert_eq!(count("cap_srf", "update"), 10);
        check_history("cap_srf");
    }
}
