//! What each event of an item looks like in its history.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::history::{check, column, listed, rows, steps, tracked};
    use crate::pg_tests::support::{int, run, table, yes};
    use pgrx::prelude::*;

    #[pg_test]
    fn history_has_its_columns() {
        tracked("his_columns");
        run(
            "CREATE TEMP VIEW his_columns_v AS SELECT * FROM directus_versions.history('his_columns', 1)",
        );
        assert_eq!(
            listed(
                "SELECT attname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute
                 WHERE attrelid = 'his_columns_v'::regclass AND attnum > 0 ORDER BY attnum"
            ),
            [
                "revision bigint",
                "action text",
                "actor text",
                "timestamp timestamp with time zone",
                "delta jsonb",
                "prior jsonb",
                "data jsonb",
                "comment text",
                "version uuid",
            ]
        );
    }

    #[pg_test]
    fn history_tells_create_update_and_delete() {
        tracked("his_life");
        run("INSERT INTO his_life VALUES (1, 'a', NULL);
             UPDATE his_life SET v = 'b', n = 2;
             UPDATE his_life SET n = NULL;
             DELETE FROM his_life");
        assert_eq!(
            table(
                "SELECT action, coalesce(delta::text, '-'), coalesce(prior::text, '-'), data
                 FROM directus_versions.history('his_life', 1)"
            ),
            rows(&[
                [
                    "create",
                    r#"{"n": null, "v": "a", "id": 1}"#,
                    "-",
                    r#"{"n": null, "v": "a", "id": 1}"#,
                ],
                [
                    "update",
                    r#"{"n": 2, "v": "b"}"#,
                    r#"{"n": null, "v": "a"}"#,
                    r#"{"n": 2, "v": "b", "id": 1}"#,
                ],
                [
                    "update",
                    r#"{"n": null}"#,
                    r#"{"n": 2}"#,
                    r#"{"n": null, "v": "b", "id": 1}"#,
                ],
                [
                    "delete",
                    "-",
                    r#"{"n": null, "v": "b", "id": 1}"#,
                    r#"{"n": null, "v": "b", "id": 1}"#,
                ],
            ])
        );
        check("his_life");
    }

    #[pg_test]
    fn history_goes_on_when_an_item_is_created_again() {
        tracked("his_again");
        run("INSERT INTO his_again VALUES (1, 'first', 1);
             DELETE FROM his_again;
             INSERT INTO his_again VALUES (1, 'second', NULL);
             UPDATE his_again SET v = 'third';
             DELETE FROM his_again;
             INSERT INTO his_again VALUES (1, 'fourth', 4)");
        assert_eq!(
            steps("his_again", "1"),
            [
                r#"create {"n": 1, "v": "first", "id": 1}"#,
                r#"delete {"n": 1, "v": "first", "id": 1}"#,
                r#"create {"n": null, "v": "second", "id": 1}"#,
                r#"update {"n": null, "v": "third", "id": 1}"#,
                r#"delete {"n": null, "v": "third", "id": 1}"#,
                r#"create {"n": 4, "v": "fourth", "id": 1}"#,
            ]
        );
        check("his_again");
    }

    #[pg_test]
    fn history_is_of_one_item() {
        run(
            "CREATE TABLE his_one (id text PRIMARY KEY, v int);
             SELECT directus_versions.track('his_one');
             INSERT INTO his_one VALUES ('1', 1), ('01', 2), ('1 ', 3), ('', 4), ('%', 5), ('É', 6), ('é', 7);
             UPDATE his_one SET v = v + 10",
        );
        for (item, v) in [
            ("1", 1),
            ("01", 2),
            ("1 ", 3),
            ("", 4),
            ("%", 5),
            ("É", 6),
            ("é", 7),
        ] {
            assert_eq!(
                column("his_one", item, "data ->> 'v'"),
                [v.to_string(), (v + 10).to_string()],
                "{item:?}"
            );
        }
        check("his_one");
    }

    /// Keys too long for the log's index, alike where they are cut off.
    #[pg_test]
    fn history_tells_long_keys_apart() {
        run("CREATE TABLE his_long (id text PRIMARY KEY, v int);
             SELECT directus_versions.track('his_long');
             INSERT INTO his_long SELECT repeat('x', 3000) || i, i FROM generate_series(1, 3) i;
             UPDATE his_long SET v = v + 10;
             UPDATE his_long SET id = id || '!' WHERE v = 12");
        assert_eq!(
            listed(
                "SELECT h.data ->> 'v' FROM directus_versions.history('his_long', repeat('x', 3000) || '1') h"
            ),
            ["1", "11"]
        );
        assert_eq!(
            listed(
                "SELECT h.data ->> 'v' FROM directus_versions.history('his_long', repeat('x', 3000) || '2!') h"
            ),
            ["2", "12", "12"]
        );
        check("his_long");
    }

    #[pg_test]
    fn history_leaves_out_what_changed_nothing() {
        tracked("his_nothing");
        run("INSERT INTO his_nothing VALUES (1, 'a', 1);
             UPDATE his_nothing SET v = v;
             UPDATE his_nothing SET v = 'a', n = 1;
             UPDATE his_nothing SET n = 2");
        assert_eq!(column("his_nothing", "1", "action"), ["create", "update"]);
    }

    #[pg_test]
    fn history_says_who_and_why() {
        tracked("his_who");
        run("SET LOCAL directus_versions.actor = 'ada';
             INSERT INTO his_who VALUES (1, 'a', 1);
             SET LOCAL directus_versions.actor = 'bob'; SET LOCAL directus_versions.comment = 'a \"reason\"';
             UPDATE his_who SET v = 'b';
             SET LOCAL directus_versions.actor = ''; SET LOCAL directus_versions.comment = '';
             DELETE FROM his_who");
        assert_eq!(
            table(
                "SELECT action, coalesce(actor, '-'), coalesce(comment, '-'), coalesce(version::text, '-')
                 FROM directus_versions.history('his_who', 1)"
            ),
            rows(&[
                ["create", "ada", "-", "-"],
                ["update", "bob", "a \"reason\"", "-"],
                ["delete", "-", "-", "-"],
            ])
        );
    }

    #[pg_test]
    fn history_agrees_with_the_views() {
        tracked("his_views");
        run("SET LOCAL directus_versions.actor = 'ada';
             INSERT INTO his_views VALUES (1, 'a', 1), (2, 'b', 2);
             UPDATE his_views SET v = v || '!';
             DELETE FROM his_views WHERE id = 1;
             INSERT INTO his_views VALUES (1, 'c', 3)");
        for item in [1, 2] {
            assert!(yes(&format!(
                "SELECT array_agg(ROW(h.revision, h.action, h.actor, h.timestamp, h.delta, h.prior, h.data,
                                      h.comment, h.version)::text ORDER BY h.n)
                      = (SELECT array_agg(ROW(r.id, a.action, a.actor, a.timestamp, r.delta, r.prior, r.data,
                                              a.comment, r.version)::text ORDER BY r.id)
                         FROM directus_versions.revisions r
                         JOIN directus_versions.activity a ON a.id = r.activity
                         WHERE r.collection = 'his_views' AND r.item = '{item}')
                 FROM directus_versions.history('his_views', {item}) WITH ORDINALITY
                     AS h(revision, action, actor, \"timestamp\", delta, prior, data, comment, version, n)"
            )));
        }
    }

    #[pg_test]
    fn history_keeps_every_digit() {
        run(
            "CREATE TABLE his_digits (id int PRIMARY KEY, v numeric, j jsonb, f float8);
             SELECT directus_versions.track('his_digits');
             INSERT INTO his_digits VALUES (1, 1.0, '{\"a\": 1.0}', 0.1);
             UPDATE his_digits SET v = 1.00;
             UPDATE his_digits SET j = '{\"a\": 1.00}';
             UPDATE his_digits SET v = 12345678901234567890.123456789, j = '18446744073709551616';
             UPDATE his_digits SET v = 'NaN', j = 'null', f = '5e-324'",
        );
        let told = column("his_digits", "1", "data");
        assert_eq!(
            told[..4],
            [
                r#"{"f": 0.1, "j": {"a": 1.0}, "v": 1.0, "id": 1}"#,
                r#"{"f": 0.1, "j": {"a": 1.0}, "v": 1.00, "id": 1}"#,
                r#"{"f": 0.1, "j": {"a": 1.00}, "v": 1.00, "id": 1}"#,
                r#"{"f": 0.1, "j": 18446744073709551616, "v": 12345678901234567890.123456789, "id": 1}"#,
            ]
        );
        assert!(yes(&format!(
            "SELECT d ->> 'v' = 'NaN' AND d -> 'j' = 'null' AND (d ->> 'f')::float8 = 5e-324
             FROM (SELECT '{}'::jsonb AS d) t",
            told[4]
        )));
    }

    #[pg_test]
    fn history_has_every_field_of_the_row() {
        tracked("his_fields");
        run("INSERT INTO his_fields (id) SELECT i FROM generate_series(1, 5) i;
             UPDATE his_fields SET v = 'x' WHERE id > 2; UPDATE his_fields SET v = NULL WHERE id > 3");
        assert_eq!(
            int("SELECT count(*) FROM generate_series(1, 5) i, directus_versions.history('his_fields', i) h
                 WHERE ARRAY(SELECT jsonb_object_keys(h.data)) <> '{n,v,id}'"),
            0
        );
        check("his_fields");
    }
}
