//! Partitions created, attached, detached, written straight or through the parent.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::partitions::{count, elsewhere, partitioned};
    use crate::pg_tests::support::{check_changes, check_history, entries, int, run, shows, state};
    use pgrx::prelude::*;

    #[pg_test]
    fn partitions_written_through_the_parent() {
        partitioned("par_via");
        run(
            "INSERT INTO par_via VALUES (1, 1, 'a'), (2, 12, 'b'), (3, 99, 'c');
             UPDATE par_via SET v = v || '!';
             DELETE FROM par_via WHERE id <> 2;
             INSERT INTO par_via VALUES (2, 12, 'up') ON CONFLICT (id, n) DO UPDATE SET v = 'up';
             MERGE INTO par_via t USING (VALUES (2, 12, 'm'), (5, 5, 'new')) s(id, n, v)
                 ON t.id = s.id AND t.n = s.n
                 WHEN MATCHED THEN UPDATE SET v = s.v
                 WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.n, s.v)",
        );
        assert_eq!(
            entries("par_via")[1],
            r#"create [2, 12] {"n": 12, "v": "b", "id": 2}"#
        );
        assert!(
            entries("par_via").contains(&r#"update [2, 12] {"v": "b!"} was {"v": "b"}"#.into())
        );
        assert_eq!(
            [
                count("par_via", "create"),
                count("par_via", "update"),
                count("par_via", "delete")
            ],
            [4, 5, 2]
        );
        assert_eq!(elsewhere("par_via"), 0);
        check_history("par_via");
    }

    #[pg_test]
    fn partitions_written_straight() {
        partitioned("par_straight");
        run("INSERT INTO par_straight_a VALUES (1, 1, 'a');
             INSERT INTO par_straight_b VALUES ('b', 12, 2);
             INSERT INTO par_straight_d VALUES (3, 99, 'c');
             UPDATE par_straight_a SET v = 'aa';
             UPDATE par_straight_b SET v = 'bb', n = 13;
             UPDATE par_straight_b SET v = v, n = n, id = id;
             DELETE FROM par_straight_d");
        assert_eq!(
            entries("par_straight"),
            [
                r#"create [1, 1] {"n": 1, "v": "a", "id": 1}"#,
                r#"create [2, 12] {"n": 12, "v": "b", "id": 2}"#,
                r#"create [3, 99] {"n": 99, "v": "c", "id": 3}"#,
                r#"update [1, 1] {"v": "aa"} was {"v": "a"}"#,
                r#"update [2, 13] {"n": 13, "v": "bb"} was {"n": 12, "v": "b"}"#,
                r#"delete [3, 99] was {"n": 99, "v": "c", "id": 3}"#,
            ]
        );
        assert_eq!(elsewhere("par_straight"), 0);
        check_history("par_straight");
        assert_eq!(state("UPDATE par_straight_a SET n = 15"), "23514");
        assert_eq!(entries("par_straight").len(), 6);
    }

    #[pg_test]
    fn partitions_created_after_tracking() {
        partitioned("par_new");
        run("DROP TABLE par_new_d;
             CREATE TABLE par_new_c PARTITION OF par_new FOR VALUES FROM (20) TO (30);
             CREATE TABLE par_new_s PARTITION OF par_new FOR VALUES FROM (30) TO (50) PARTITION BY RANGE (n);
             CREATE TABLE par_new_s1 PARTITION OF par_new_s FOR VALUES FROM (30) TO (40);
             INSERT INTO par_new VALUES (1, 25, 'a'), (2, 35, 'b');
             INSERT INTO par_new_c VALUES (3, 26, 'c');
             INSERT INTO par_new_s VALUES (4, 36, 'd');
             INSERT INTO par_new_s1 VALUES (5, 37, 'e');
             CREATE TABLE par_new_s2 PARTITION OF par_new_s FOR VALUES FROM (40) TO (50);
             INSERT INTO par_new_s2 VALUES (6, 47, 'f');
             UPDATE par_new SET v = upper(v); UPDATE par_new_s SET v = v || v;
             DELETE FROM par_new_s2; DELETE FROM par_new_c WHERE id = 1");
        assert_eq!(
            [
                count("par_new", "create"),
                count("par_new", "update"),
                count("par_new", "delete")
            ],
            [6, 10, 2]
        );
        assert_eq!(elsewhere("par_new"), 0);
        check_history("par_new");
        run("TRUNCATE par_new");
        assert_eq!(count("par_new", "truncate"), 1);
        assert_eq!(count("par_new", "delete"), 6);
        check_history("par_new");
    }

    #[pg_test]
    fn partitions_attached_after_tracking_with_columns_in_another_order() {
        partitioned("par_att");
        run("DROP TABLE par_att_d;
             CREATE TABLE par_att_x (extra int, v text, n int NOT NULL, other text, id int NOT NULL);
             INSERT INTO par_att_x VALUES (0, 'old', 25, 'o', 7), (0, 'old', 26, 'o', 8);
             ALTER TABLE par_att_x DROP extra, DROP other;
             ALTER TABLE par_att ATTACH PARTITION par_att_x FOR VALUES FROM (20) TO (30);
             INSERT INTO par_att_x VALUES ('straight', 27, 9);
             INSERT INTO par_att VALUES (10, 28, 'parent');
             UPDATE par_att SET v = v || '!' WHERE n >= 20;
             UPDATE par_att_x SET n = 29 WHERE id = 10;
             DELETE FROM par_att_x WHERE id = 7");
        let all = entries("par_att");
        assert_eq!(
            all[..2],
            [
                r#"create [9, 27] {"n": 27, "v": "straight", "id": 9}"#,
                r#"create [10, 28] {"n": 28, "v": "parent", "id": 10}"#,
            ]
        );
        assert!(
            all.contains(&r#"update [7, 25] {"v": "old!"} was {"v": "old"}"#.into()),
            "{all:?}"
        );
        assert!(
            all.contains(&r#"update [10, 29] {"n": 29} was {"n": 28}"#.into()),
            "{all:?}"
        );
        assert_eq!(
            all.last().unwrap(),
            r#"delete [7, 25] was {"n": 25, "v": "old!", "id": 7}"#
        );
        assert_eq!(all.len(), 2 + 4 + 1 + 1);
        check_changes("par_att");
    }

    #[pg_test]
    fn partitions_detached_are_left_alone() {
        partitioned("par_det");
        run("INSERT INTO par_det VALUES (1, 1, 'a'), (2, 12, 'b');
             ALTER TABLE par_det DETACH PARTITION par_det_a");
        let before = entries("par_det");
        run(
            "UPDATE par_det_a SET v = 'free'; INSERT INTO par_det_a VALUES (5, 5, 'free');
             DELETE FROM par_det_a; TRUNCATE par_det_a",
        );
        assert_eq!(entries("par_det"), before);
        run("INSERT INTO par_det_a VALUES (6, 6, 'back');
             ALTER TABLE par_det ATTACH PARTITION par_det_a FOR VALUES FROM (0) TO (10);
             UPDATE par_det_a SET v = 'seen'");
        assert_eq!(
            entries("par_det")[before.len()..],
            [r#"update [6, 6] {"v": "seen"} was {"v": "back"}"#]
        );
        run("UPDATE par_det SET v = 'z' WHERE id = 2");
        assert_eq!(entries("par_det").len(), before.len() + 2);
    }

    #[pg_test]
    fn partitions_truncated() {
        partitioned("par_trunc");
        run(
            "INSERT INTO par_trunc VALUES (1, 1, 'a'), (2, 12, 'b'), (3, 99, 'c');
             TRUNCATE par_trunc",
        );
        assert_eq!(entries("par_trunc")[3], "truncate");
        assert_eq!(count("par_trunc", "truncate"), 1);
        assert_eq!(count("par_trunc", "delete"), 3);
        check_history("par_trunc");
        run("INSERT INTO par_trunc VALUES (1, 1, 'a'), (2, 12, 'b');
             TRUNCATE par_trunc_b");
        assert_eq!(count("par_trunc", "truncate"), 2);
        assert_eq!(
            entries("par_trunc").last().unwrap(),
            r#"delete [2, 12] was {"n": 12, "v": "b", "id": 2}"#
        );
        check_history("par_trunc");
    }

    #[pg_test]
    fn partitions_copied_into() {
        partitioned("par_copy");
        run(
            r"COPY par_copy FROM PROGRAM 'printf ''1\t1\ta\n2\t12\tb\n3\t2\tc\n4\t99\td\n''';
              COPY par_copy_b FROM PROGRAM 'printf ''e\t13\t5\n'''",
        );
        assert_eq!(count("par_copy", "create"), 5);
        check_history("par_copy");
    }

    #[pg_test]
    fn partitions_parent_gains_and_loses_columns() {
        partitioned("par_cols");
        run("INSERT INTO par_cols VALUES (1, 1, 'a'), (2, 12, 'b');
             ALTER TABLE par_cols ADD extra int DEFAULT 5;
             CREATE TABLE par_cols_x (extra int, id int NOT NULL, v text, n int NOT NULL);
             ALTER TABLE par_cols DETACH PARTITION par_cols_d;
             ALTER TABLE par_cols ATTACH PARTITION par_cols_x FOR VALUES FROM (20) TO (30);
             UPDATE par_cols SET extra = 6;
             ALTER TABLE par_cols DROP v;
             INSERT INTO par_cols_b VALUES (14, 3, 7);
             UPDATE par_cols SET n = 25 WHERE id = 1");
        assert_eq!(
            entries("par_cols")[2..],
            [
                r#"update [1, 1] {"extra": 6} was {"extra": 5}"#,
                r#"update [2, 12] {"extra": 6} was {"extra": 5}"#,
                r#"create [3, 14] {"n": 14, "id": 3, "extra": 7}"#,
                r#"update [1, 25] {"n": 25} was {"n": 1}"#,
            ]
        );
    }

    #[pg_test]
    fn partitions_created_by_an_owner_without_other_rights() {
        run("CREATE ROLE par_owner; GRANT CREATE ON SCHEMA public TO par_owner");
        partitioned("par_own");
        run("ALTER TABLE par_own OWNER TO par_owner;
             DROP TABLE par_own_d;
             SET LOCAL ROLE par_owner;
             CREATE TABLE par_own_n PARTITION OF par_own FOR VALUES FROM (50) TO (60);
             CREATE TABLE par_own_m (v text, n int NOT NULL, id int NOT NULL);
             ALTER TABLE par_own ATTACH PARTITION par_own_m FOR VALUES FROM (60) TO (70);
             INSERT INTO par_own_n VALUES (1, 51, 'a'); INSERT INTO par_own_m VALUES ('b', 61, 2);
             UPDATE par_own_n SET v = 'c';
             RESET ROLE");
        assert_eq!(
            entries("par_own"),
            [
                r#"create [1, 51] {"n": 51, "v": "a", "id": 1}"#,
                r#"create [2, 61] {"n": 61, "v": "b", "id": 2}"#,
                r#"update [1, 51] {"v": "c"} was {"v": "a"}"#,
            ]
        );
    }

    #[pg_test]
    fn partitions_do_not_count_apart() {
        partitioned("par_once");
        run("CREATE TABLE par_once_e PARTITION OF par_once FOR VALUES FROM (1000) TO (2000)");
        shows(
            "SELECT string_agg(collection, ',') FROM directus_versions.collections
             WHERE collection LIKE 'par_once%'",
            "par_once",
        );
        assert_eq!(
            state("SELECT directus_versions.track('par_once_a')"),
            "42809"
        );
    }

    #[pg_test]
    fn partitions_untracked_with_their_parent() {
        partitioned("par_unt");
        run("INSERT INTO par_unt VALUES (1, 1, 'a');
             SELECT directus_versions.untrack('par_unt');
             INSERT INTO par_unt VALUES (2, 12, 'b'); UPDATE par_unt_a SET v = 'x'; TRUNCATE par_unt_b;
             CREATE TABLE par_unt_n PARTITION OF par_unt FOR VALUES FROM (100) TO (101);
             INSERT INTO par_unt_n VALUES (9, 100, 'n')");
        assert_eq!(entries("par_unt").len(), 1);
        assert_eq!(
            int("SELECT count(*) FROM pg_trigger WHERE tgrelid IN
                     (SELECT relid FROM pg_partition_tree('par_unt'))"),
            0
        );
        run("SELECT directus_versions.track('par_unt'); UPDATE par_unt SET v = 'y'");
        assert_eq!(entries("par_unt").len(), 1 + 2);
    }

    #[pg_test]
    fn partitions_that_were_tracked_by_themselves() {
        run("CREATE TABLE par_self_1 (v text, id int PRIMARY KEY);
             SELECT directus_versions.track('par_self_1');
             INSERT INTO par_self_1 VALUES ('a', 1);
             CREATE TABLE par_self (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
             CREATE TABLE par_self_2 PARTITION OF par_self FOR VALUES FROM (100) TO (200);
             ALTER TABLE par_self ATTACH PARTITION par_self_1 FOR VALUES FROM (0) TO (100);
             INSERT INTO par_self VALUES (2, 'b'), (101, 'unseen');
             UPDATE par_self SET v = v || '!'; DELETE FROM par_self_1 WHERE id = 1");
        assert_eq!(
            entries("par_self_1"),
            [
                r#"create 1 {"v": "a", "id": 1}"#,
                r#"create 2 {"v": "b", "id": 2}"#,
                r#"update 1 {"v": "a!"} was {"v": "a"}"#,
                r#"update 2 {"v": "b!"} was {"v": "b"}"#,
                r#"delete 1 was {"v": "a!", "id": 1}"#,
            ]
        );
        assert!(entries("par_self").is_empty());
        check_history("par_self_1");
    }

    #[pg_test]
    fn partitions_that_were_tracked_join_a_tracked_parent() {
        run("CREATE TABLE par_join_x (v text, id int PRIMARY KEY);
             SELECT directus_versions.track('par_join_x');
             INSERT INTO par_join_x VALUES ('a', 1);
             CREATE TABLE par_join (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
             SELECT directus_versions.track('par_join');
             ALTER TABLE par_join ATTACH PARTITION par_join_x FOR VALUES FROM (0) TO (100);
             INSERT INTO par_join VALUES (2, 'b'); UPDATE par_join_x SET v = 'c' WHERE id = 2;
             UPDATE par_join SET v = 'd' WHERE id = 1");
        let (own, parent) = (entries("par_join_x").len(), entries("par_join").len());
        assert_eq!(
            own + parent,
            4,
            "each once: {own} in its own, {parent} in the parent's"
        );
    }

    #[pg_test]
    fn partitions_truncated_by_cascade_and_with_others() {
        partitioned("par_casc");
        run("CREATE TABLE par_casc_top (id int PRIMARY KEY);
             ALTER TABLE par_casc ADD FOREIGN KEY (id) REFERENCES par_casc_top;
             SELECT directus_versions.track('par_casc_top');
             INSERT INTO par_casc_top SELECT i FROM generate_series(1, 30) i;
             INSERT INTO par_casc SELECT i, i, 'v' FROM generate_series(1, 30) i;
             TRUNCATE par_casc_top CASCADE");
        assert_eq!(
            [count("par_casc", "truncate"), count("par_casc", "delete")],
            [1, 30]
        );
        assert_eq!(
            [
                count("par_casc_top", "truncate"),
                count("par_casc_top", "delete")
            ],
            [1, 30]
        );
        run("INSERT INTO par_casc_top VALUES (1); INSERT INTO par_casc VALUES (1, 1, 'v'), (1, 12, 'v');
             TRUNCATE par_casc_a, par_casc_b");
        assert_eq!(count("par_casc", "delete"), 32);
        check_history("par_casc");
        check_history("par_casc_top");
    }
}
