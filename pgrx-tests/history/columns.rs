//! Tables that change their columns: old history stays, and ends at the live row.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::history::{column, tracked};
    use crate::pg_tests::support::{int, run, yes};
    use pgrx::prelude::*;

    /// Check that each live row is the last `data` of its history, written since the columns changed.
    fn ends_alive(target: &str) {
        assert_eq!(
            int(&format!(
                "SELECT count(*) FROM {target} t
                 WHERE to_jsonb(t)::text IS DISTINCT FROM (
                     SELECT (array_agg(h.data ORDER BY h.n DESC))[1]::text
                     FROM directus_versions.history('{target}', directus_versions.item_of(t)) WITH ORDINALITY
                         AS h(revision, action, actor, at, delta, prior, data, comment, version, n))"
            )),
            0,
            "{target}"
        );
    }

    #[pg_test]
    fn history_after_columns_were_added() {
        tracked("his_added");
        run(
            "INSERT INTO his_added VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3);
             UPDATE his_added SET n = 10;
             ALTER TABLE his_added ADD plain int, ADD filled text DEFAULT 'def' NOT NULL;
             UPDATE his_added SET v = v || '!';
             UPDATE his_added SET filled = 'set', plain = 5 WHERE id = 1;
             INSERT INTO his_added VALUES (4, 'd', 4)",
        );
        ends_alive("his_added");
        assert_eq!(
            column("his_added", "1", "concat(data ->> 'v', data ->> 'n')"),
            ["a1", "a10", "a!10", "a!10"]
        );
        assert_eq!(
            column(
                "his_added",
                "1",
                "concat(data ->> 'filled', data ->> 'plain')"
            )[2..],
            ["def", "set5"]
        );
    }

    #[pg_test]
    fn history_after_a_column_was_renamed() {
        tracked("his_rename");
        run(
            "INSERT INTO his_rename VALUES (1, 'a', 1); UPDATE his_rename SET v = 'b';
             ALTER TABLE his_rename RENAME v TO w;
             UPDATE his_rename SET n = 2; UPDATE his_rename SET w = 'c'",
        );
        ends_alive("his_rename");
        assert_eq!(
            column("his_rename", "1", "coalesce(data ->> 'w', data ->> 'v')"),
            ["a", "b", "b", "c"]
        );
        assert!(yes(
            "SELECT bool_and((data ? 'v') <> (data ? 'w')) FROM directus_versions.history('his_rename', 1)"
        ));
    }

    #[pg_test]
    fn history_after_a_column_was_dropped() {
        tracked("his_drop");
        run(
            "INSERT INTO his_drop VALUES (1, 'a', 1); UPDATE his_drop SET v = 'b';
             ALTER TABLE his_drop DROP v;
             UPDATE his_drop SET n = 2",
        );
        ends_alive("his_drop");
        assert_eq!(column("his_drop", "1", "data ->> 'v'"), ["a", "b", "-"]);
    }

    /// Another column of the same name is another column.
    #[pg_test]
    fn history_after_a_column_was_dropped_and_added_again() {
        tracked("his_renew");
        run("INSERT INTO his_renew VALUES (1, 'old', 1), (2, 'old', 1);
             ALTER TABLE his_renew DROP v; ALTER TABLE his_renew ADD v int;
             UPDATE his_renew SET n = 2;
             UPDATE his_renew SET v = 5 WHERE id = 1");
        ends_alive("his_renew");
        assert_eq!(column("his_renew", "1", "data ->> 'v'"), ["old", "-", "5"]);
        assert_eq!(column("his_renew", "2", "data ->> 'v'"), ["old", "-"]);
    }

    #[pg_test]
    fn history_after_columns_swapped_their_names() {
        run("CREATE TABLE his_names (id int PRIMARY KEY, a text, b text);
             SELECT directus_versions.track('his_names');
             INSERT INTO his_names VALUES (1, 'a1', 'b1');
             UPDATE his_names SET a = 'a2';
             ALTER TABLE his_names RENAME a TO c; ALTER TABLE his_names RENAME b TO a; ALTER TABLE his_names RENAME c TO b;
             UPDATE his_names SET a = 'b3';
             UPDATE his_names SET b = 'a4'");
        ends_alive("his_names");
        assert_eq!(
            column("his_names", "1", "concat(data ->> 'a', ' ', data ->> 'b')"),
            ["a1 b1", "a2 b1", "b3 a2", "b3 a4"]
        );
    }

    #[pg_test]
    fn history_after_a_column_changed_its_type() {
        run("CREATE TABLE his_type (id int PRIMARY KEY, v int, w text);
             SELECT directus_versions.track('his_type');
             INSERT INTO his_type VALUES (1, 5, '7');
             UPDATE his_type SET v = 6;
             ALTER TABLE his_type ALTER v TYPE text USING v || '!', ALTER w TYPE int USING w::int;
             UPDATE his_type SET w = 8;
             UPDATE his_type SET v = 'seven'");
        assert_eq!(column("his_type", "1", "data ->> 'v'")[..2], ["5", "6"]);
        assert_eq!(
            column("his_type", "1", "data").last().map(String::as_str),
            Some(r#"{"v": "seven", "w": 8, "id": 1}"#)
        );
    }

    #[pg_test]
    fn history_of_generated_and_identity_columns() {
        run(
            "CREATE TABLE his_made (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int,
                 twice int GENERATED ALWAYS AS (a * 2) STORED, made text DEFAULT 'made');
             SELECT directus_versions.track('his_made');
             INSERT INTO his_made (a) VALUES (1);
             UPDATE his_made SET a = 2",
        );
        assert_eq!(
            column("his_made", "1", "data"),
            [
                r#"{"a": 1, "id": 1, "made": "made", "twice": 2}"#,
                r#"{"a": 2, "id": 1, "made": "made", "twice": 4}"#
            ]
        );
        assert_eq!(
            column("his_made", "1", "delta")[1],
            r#"{"a": 2, "twice": 4}"#
        );
        ends_alive("his_made");
    }

    /// Since 18: a virtual column is made as it is read, so there is nothing to record.
    #[pg_test]
    fn history_of_virtual_columns() {
        if int("SELECT current_setting('server_version_num')::int") < 180_000 {
            return;
        }
        run(
            "CREATE TABLE his_virtual (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) VIRTUAL);
             SELECT directus_versions.track('his_virtual');
             INSERT INTO his_virtual (id, a) VALUES (1, 10);
             UPDATE his_virtual SET a = 11;
             ALTER TABLE his_virtual ADD thrice int GENERATED ALWAYS AS (a * 3) VIRTUAL, ADD b int DEFAULT 7;
             UPDATE his_virtual SET b = 8;
             DELETE FROM his_virtual",
        );
        assert_eq!(
            column("his_virtual", "1", "delta"),
            [r#"{"a": 10, "id": 1}"#, r#"{"a": 11}"#, r#"{"b": 8}"#, "-"]
        );
        assert_eq!(
            column("his_virtual", "1", "data").last().unwrap(),
            r#"{"a": 11, "b": 8, "id": 1}"#
        );
        run(
            "SELECT directus_versions.revert(min(revision)) FROM directus_versions.history('his_virtual', 1)",
        );
        assert_eq!(int("SELECT twice + thrice FROM his_virtual"), 50);
    }

    /// A table made again has a virtual column where the recorded one was stored: no field of the one is the other.
    #[pg_test]
    fn history_of_a_column_that_comes_back_as_virtual() {
        if int("SELECT current_setting('server_version_num')::int") < 180_000 {
            return;
        }
        run(
            "CREATE TABLE his_anew (id int PRIMARY KEY, a int, twice int);
             SELECT directus_versions.track('his_anew');
             INSERT INTO his_anew VALUES (1, 10, 20); UPDATE his_anew SET twice = 21;
             DROP TABLE his_anew;
             CREATE TABLE his_anew (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (a * 2) VIRTUAL, a int);
             SELECT directus_versions.relink('his_anew', 'his_anew')",
        );
        assert_eq!(
            column("his_anew", "1", "data"),
            [
                r#"{"a": 10, "id": 1, "twice": 20}"#,
                r#"{"a": 10, "id": 1, "twice": 21}"#
            ]
        );
        run(
            "SELECT directus_versions.revert(min(revision)) FROM directus_versions.history('his_anew', 1)",
        );
        assert_eq!(int("SELECT twice * 100 + a FROM his_anew"), 2010);
        assert_eq!(
            int("SELECT count(*) FROM directus_versions.field AS f JOIN directus_versions.collection AS c ON c.id = f.collection
                 WHERE c.name = 'his_anew' AND f.name = 'twice' AND NOT f.dropped AND f.attnum > 0"),
            0
        );
    }

    #[pg_test]
    fn history_of_a_table_with_columns_dropped_before() {
        run("CREATE TABLE his_holes (gone int, id int PRIMARY KEY, v text, also_gone text, n int);
             ALTER TABLE his_holes DROP gone, DROP also_gone;
             SELECT directus_versions.track('his_holes');
             INSERT INTO his_holes VALUES (1, 'a', 1); UPDATE his_holes SET n = 2; DELETE FROM his_holes");
        assert_eq!(
            column("his_holes", "1", "data"),
            [
                r#"{"n": 1, "v": "a", "id": 1}"#,
                r#"{"n": 2, "v": "a", "id": 1}"#,
                r#"{"n": 2, "v": "a", "id": 1}"#
            ]
        );
    }
}
