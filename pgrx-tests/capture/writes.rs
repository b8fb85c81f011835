//! INSERT, UPDATE, DELETE: what is kept of each, and when nothing is.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::capture::{count, tracked};
    use crate::pg_tests::support::{check_changes, check_history, entries, run, shows, table, yes};
    use pgrx::prelude::*;

    #[pg_test]
    fn capture_insert_keeps_the_row_as_stored() {
        run("CREATE SEQUENCE cap_insert_seq START 70;
             CREATE TABLE cap_insert (
                 id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                 v text DEFAULT 'def', s int DEFAULT nextval('cap_insert_seq'),
                 nothing text, twice text GENERATED ALWAYS AS (v || v) STORED);
             SELECT directus_versions.track('cap_insert');
             INSERT INTO cap_insert DEFAULT VALUES;
             INSERT INTO cap_insert (id, v) OVERRIDING SYSTEM VALUE VALUES (9, 'x')");
        assert_eq!(
            entries("cap_insert"),
            [
                r#"create 1 {"s": 70, "v": "def", "id": 1, "twice": "defdef", "nothing": null}"#,
                r#"create 9 {"s": 71, "v": "x", "id": 9, "twice": "xx", "nothing": null}"#,
            ]
        );
        assert!(yes(
            "SELECT bool_and(data = delta) FROM directus_versions.revisions
                     WHERE collection = 'cap_insert'"
        ));
        check_history("cap_insert");
    }

    #[pg_test]
    fn capture_update_keeps_changed_fields_alone() {
        tracked("cap_update");
        run("INSERT INTO cap_update VALUES (1, 'a', 1);
             UPDATE cap_update SET v = 'b', n = n;
             UPDATE cap_update SET v = NULL;
             UPDATE cap_update SET v = '';
             UPDATE cap_update SET v = 'c', n = NULL WHERE id = 1");
        assert_eq!(
            entries("cap_update"),
            [
                r#"create 1 {"n": 1, "v": "a", "id": 1}"#,
                r#"update 1 {"v": "b"} was {"v": "a"}"#,
                r#"update 1 {"v": null} was {"v": "b"}"#,
                r#"update 1 {"v": ""} was {"v": null}"#,
                r#"update 1 {"n": null, "v": "c"} was {"n": 1, "v": ""}"#,
            ]
        );
        check_history("cap_update");
    }

    #[pg_test]
    fn capture_delete_keeps_the_last_row() {
        tracked("cap_delete");
        run("INSERT INTO cap_delete VALUES (1, 'a', 1), (2, NULL, NULL);
             DELETE FROM cap_delete");
        assert_eq!(
            entries("cap_delete")[2..],
            [
                r#"delete 1 was {"n": 1, "v": "a", "id": 1}"#,
                r#"delete 2 was {"n": null, "v": null, "id": 2}"#,
            ]
        );
        assert!(yes("SELECT bool_and(data = prior AND delta IS NULL)
                     FROM directus_versions.revisions r JOIN directus_versions.activity a
                     ON a.id = r.activity WHERE a.collection = 'cap_delete' AND a.action = 'delete'"));
        check_history("cap_delete");
    }

    #[pg_test]
    fn capture_data_is_the_item_after_each_event() {
        tracked("cap_data");
        run("INSERT INTO cap_data VALUES (1, 'a', 1);
             UPDATE cap_data SET v = 'b';
             UPDATE cap_data SET n = 2;
             DELETE FROM cap_data;
             INSERT INTO cap_data VALUES (1, 'new', 5);
             UPDATE cap_data SET v = 'newer'");
        let data = table(
            "SELECT data FROM directus_versions.revisions WHERE collection = 'cap_data' ORDER BY id",
        );
        let data: Vec<String> = data.into_iter().flatten().flatten().collect();
        assert_eq!(
            data,
            [
                r#"{"n": 1, "v": "a", "id": 1}"#,
                r#"{"n": 1, "v": "b", "id": 1}"#,
                r#"{"n": 2, "v": "b", "id": 1}"#,
                r#"{"n": 2, "v": "b", "id": 1}"#,
                r#"{"n": 5, "v": "new", "id": 1}"#,
                r#"{"n": 5, "v": "newer", "id": 1}"#,
            ]
        );
    }

    #[pg_test]
    fn capture_write_that_changes_nothing_records_nothing() {
        tracked("cap_noop");
        run("ALTER TABLE cap_noop ADD big text, ADD num numeric, ADD doc jsonb, ADD raw json;
             INSERT INTO cap_noop VALUES (1, 'a', NULL, repeat(md5('x'), 4000), 1.10, '{\"a\": 1}', '{\"a\":1}');
             INSERT INTO cap_noop VALUES (2, NULL, 3)");
        let before = entries("cap_noop");
        run("UPDATE cap_noop SET v = v, n = n, big = big, num = num, doc = doc, raw = raw;
             UPDATE cap_noop SET id = id;
             UPDATE cap_noop SET big = repeat(md5('x'), 4000), num = 1.10, raw = '{\"a\":1}' WHERE id = 1;
             UPDATE cap_noop SET doc = '{\"a\":    1}' WHERE id = 1;
             UPDATE cap_noop SET v = NULL WHERE v IS NULL;
             UPDATE cap_noop SET v = 'z' WHERE false;
             DELETE FROM cap_noop WHERE false;
             SELECT * FROM cap_noop FOR UPDATE;
             ALTER TABLE cap_noop ALTER n TYPE bigint;
             ALTER TABLE cap_noop ADD extra int DEFAULT 5");
        assert_eq!(entries("cap_noop"), before);
        run("UPDATE cap_noop SET num = 1.1 WHERE id = 1;
             UPDATE cap_noop SET raw = '{\"a\": 1}' WHERE id = 1");
        assert_eq!(
            entries("cap_noop")[before.len()..=before.len()],
            [r#"update 1 {"num": 1.1} was {"num": 1.10}"#],
            "another scale is another value"
        );
        assert_eq!(
            entries("cap_noop").len(),
            before.len() + 2,
            "so is another json text"
        );
    }

    #[pg_test]
    fn capture_types_without_equality_are_compared() {
        run(
            "CREATE TABLE cap_noeq (id int PRIMARY KEY, p point, j json, b box, v text);
             SELECT directus_versions.track('cap_noeq');
             INSERT INTO cap_noeq VALUES (1, '(1,2)', '{}', '(1,1),(0,0)', 'a');
             UPDATE cap_noeq SET p = p, j = j, b = b;
             UPDATE cap_noeq SET v = 'b';
             UPDATE cap_noeq SET b = '(2,0.5),(0,0)'",
        );
        assert_eq!(
            entries("cap_noeq").len(),
            3,
            "the box has the same area, yet is another"
        );
        assert_eq!(
            entries("cap_noeq")[1],
            r#"update 1 {"v": "b"} was {"v": "a"}"#
        );
    }

    #[pg_test]
    fn capture_rows_of_only_a_key_and_of_all_nulls() {
        run("CREATE TABLE cap_bare (id int PRIMARY KEY);
             SELECT directus_versions.track('cap_bare');
             INSERT INTO cap_bare VALUES (1), (2);
             UPDATE cap_bare SET id = 3 WHERE id = 1;
             DELETE FROM cap_bare WHERE id = 2");
        assert_eq!(
            entries("cap_bare"),
            [
                r#"create 1 {"id": 1}"#,
                r#"create 2 {"id": 2}"#,
                r#"update 3 {"id": 3} was {"id": 1}"#,
                r#"delete 2 was {"id": 2}"#,
            ]
        );
        check_history("cap_bare");
    }

    #[pg_test]
    fn capture_statement_over_many_rows() {
        tracked("cap_many");
        run(
            "INSERT INTO cap_many SELECT i, 'v' || i, i FROM generate_series(1, 5000) i;
             UPDATE cap_many SET n = n + 1 WHERE id % 2 = 0;
             DELETE FROM cap_many WHERE id % 5 = 0",
        );
        assert_eq!(count("cap_many", "create"), 5000);
        assert_eq!(count("cap_many", "update"), 2500);
        assert_eq!(count("cap_many", "delete"), 1000);
        check_history("cap_many");
    }

    #[pg_test]
    fn capture_rows_from_before_tracking() {
        run(
            "CREATE TABLE cap_before (id int PRIMARY KEY, v text, n int);
             INSERT INTO cap_before VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3);
             SELECT directus_versions.track('cap_before');
             UPDATE cap_before SET v = 'aa' WHERE id = 1;
             UPDATE cap_before SET n = 11 WHERE id = 1;
             UPDATE cap_before SET id = 33 WHERE id = 3;
             DELETE FROM cap_before WHERE id = 2",
        );
        assert_eq!(
            entries("cap_before"),
            [
                r#"update 1 {"v": "aa"} was {"v": "a"}"#,
                r#"update 1 {"n": 11} was {"n": 1}"#,
                r#"update 33 {"id": 33} was {"id": 3}"#,
                r#"delete 2 was {"n": 2, "v": "b", "id": 2}"#,
            ]
        );
        shows(
            "SELECT data FROM directus_versions.revisions
             WHERE collection = 'cap_before' ORDER BY id LIMIT 1",
            r#"{"n": 1, "v": "aa", "id": 1}"#,
        );
        check_changes("cap_before");
    }

    #[pg_test]
    fn capture_columns_added_and_dropped_leave_no_phantom_change() {
        run(
            "CREATE TABLE cap_holes (gone1 int, id int PRIMARY KEY, gone2 text, v text);
             INSERT INTO cap_holes VALUES (0, 1, 'x', 'a'), (0, 2, 'x', 'b'), (0, 3, 'x', 'c');
             ALTER TABLE cap_holes DROP gone1, DROP gone2;
             SELECT directus_versions.track('cap_holes');
             ALTER TABLE cap_holes ADD n int DEFAULT 7, ADD later text;
             UPDATE cap_holes SET v = 'aa' WHERE id = 1;
             UPDATE cap_holes SET n = 7, later = NULL WHERE id = 3;
             UPDATE cap_holes SET n = 8 WHERE id = 3;
             DELETE FROM cap_holes WHERE id = 2;
             INSERT INTO cap_holes VALUES (4, 'd', 9, 'e')",
        );
        assert_eq!(
            entries("cap_holes"),
            [
                r#"update 1 {"v": "aa"} was {"v": "a"}"#,
                r#"update 3 {"n": 8} was {"n": 7}"#,
                r#"delete 2 was {"n": 7, "v": "b", "id": 2, "later": null}"#,
                r#"create 4 {"n": 9, "v": "d", "id": 4, "later": "e"}"#,
            ]
        );
        check_changes("cap_holes");
    }

    #[pg_test]
    fn capture_column_dropped_after_tracking() {
        tracked("cap_dropped");
        run("INSERT INTO cap_dropped VALUES (1, 'a', 1);
             UPDATE cap_dropped SET v = 'b';
             ALTER TABLE cap_dropped DROP v;
             UPDATE cap_dropped SET n = 2;
             INSERT INTO cap_dropped VALUES (2, 5)");
        let all = entries("cap_dropped");
        assert_eq!(
            all[1..3],
            [
                r#"update 1 {"v": "b"} was {"v": "a"}"#,
                r#"update 1 {"n": 2} was {"n": 1}"#,
            ]
        );
        assert_eq!(all[3], r#"create 2 {"n": 5, "id": 2}"#);
    }

    #[pg_test]
    fn capture_unchanged_toasted_value_stays_out_of_the_delta() {
        run(
            "CREATE TABLE cap_toast (id int PRIMARY KEY, v text, big text);
             ALTER TABLE cap_toast ALTER big SET STORAGE EXTERNAL;
             SELECT directus_versions.track('cap_toast');
             INSERT INTO cap_toast VALUES (1, 'a', repeat('0123456789', 20000));
             UPDATE cap_toast SET v = 'b';
             UPDATE cap_toast SET big = repeat('0123456789', 20000)",
        );
        assert_eq!(entries("cap_toast").len(), 2);
        assert_eq!(
            entries("cap_toast")[1],
            r#"update 1 {"v": "b"} was {"v": "a"}"#
        );
        run("UPDATE cap_toast SET big = big || '!'; DELETE FROM cap_toast");
        assert!(yes(
            "SELECT length(prior->>'big') = 200000 AND length(delta->>'big') = 200001
                     FROM directus_versions.revisions WHERE collection = 'cap_toast'
                     ORDER BY id OFFSET 2 LIMIT 1"
        ));
        check_history("cap_toast");
    }

    #[pg_test]
    fn capture_leaves_the_statement_as_it_was() {
        tracked("cap_tag");
        run("CREATE SEQUENCE cap_tag_seq START 500");
        shows("SELECT nextval('cap_tag_seq')", "500");
        run("INSERT INTO cap_tag VALUES (1, 'a', 1), (2, 'b', 2)");
        shows("SELECT lastval()", "500");
        shows("SELECT currval('cap_tag_seq')", "500");
        run("UPDATE cap_tag SET n = 0; TRUNCATE cap_tag");
        shows("SELECT lastval()", "500");
        run("DO $$ DECLARE rows int; BEGIN
                 INSERT INTO cap_tag VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3);
                 GET DIAGNOSTICS rows = ROW_COUNT; ASSERT rows = 3;
                 UPDATE cap_tag SET v = v; GET DIAGNOSTICS rows = ROW_COUNT; ASSERT rows = 3;
                 DELETE FROM cap_tag WHERE id = 99; ASSERT NOT FOUND;
                 DELETE FROM cap_tag WHERE id = 3; ASSERT FOUND;
             END $$");
        shows("UPDATE cap_tag SET v = 'z' WHERE id = 2 RETURNING v", "z");
    }

    #[pg_test]
    fn capture_serial_table_keeps_its_own_lastval() {
        run("CREATE TABLE cap_serial (id serial PRIMARY KEY, v text);
             SELECT directus_versions.track('cap_serial');
             INSERT INTO cap_serial (v) VALUES ('a'), ('b'), ('c')");
        shows("SELECT lastval()", "3");
        shows(
            "SELECT currval(pg_get_serial_sequence('cap_serial', 'id'))",
            "3",
        );
    }
}
