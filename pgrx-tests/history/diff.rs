//! What differs between two revisions, or between one and the live row.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::history::{listed, newest, rows, tracked};
    use crate::pg_tests::support::{error, int, run, state, table};
    use pgrx::prelude::*;

    /// Give the differences, a field as `field: old -> new`, in the order of fields.
    fn diff(arguments: &str) -> Vec<String> {
        listed(&format!(
            "SELECT format('%s: %s -> %s', field, coalesce(old::text, '-'), coalesce(new::text, '-'))
             FROM directus_versions.diff({arguments}) ORDER BY field"
        ))
    }

    /// Give the ids of an item's revisions, oldest first.
    fn revisions(target: &str, item: &str) -> Vec<i64> {
        listed(&format!(
            "SELECT revision FROM directus_versions.history('{target}', '{item}')"
        ))
        .iter()
        .map(|id| id.parse().unwrap())
        .collect()
    }

    #[pg_test]
    fn diff_has_its_columns() {
        tracked("dif_columns");
        run("INSERT INTO dif_columns VALUES (1, 'a', 1); UPDATE dif_columns SET v = 'b'");
        let first = revisions("dif_columns", "1")[0];
        run(&format!(
            "CREATE TEMP VIEW dif_columns_v AS SELECT * FROM directus_versions.diff({first})"
        ));
        assert_eq!(
            table(
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
                 WHERE attrelid = 'dif_columns_v'::regclass AND attnum > 0 ORDER BY attnum"
            ),
            rows(&[["field", "text"], ["old", "jsonb"], ["new", "jsonb"]])
        );
    }

    #[pg_test]
    fn diff_of_two_revisions() {
        tracked("dif_two");
        run("INSERT INTO dif_two VALUES (1, 'a', 1);
             UPDATE dif_two SET v = 'b';
             UPDATE dif_two SET v = 'c', n = NULL;
             UPDATE dif_two SET v = 'a'");
        let ids = revisions("dif_two", "1");
        let (a, b, c, d) = (ids[0], ids[1], ids[2], ids[3]);
        assert_eq!(diff(&format!("{a}, {b}")), [r#"v: "a" -> "b""#]);
        assert_eq!(
            diff(&format!("{a}, {c}")),
            ["n: 1 -> null", r#"v: "a" -> "c""#]
        );
        assert_eq!(
            diff(&format!("{c}, {a}")),
            ["n: null -> 1", r#"v: "c" -> "a""#]
        );
        // What was changed and changed back is no difference.
        assert_eq!(diff(&format!("{a}, {d}")), ["n: 1 -> null"]);
        assert_eq!(diff(&format!("{b}, {b}")), [""; 0]);
    }

    #[pg_test]
    fn diff_with_the_live_row() {
        tracked("dif_live");
        run("INSERT INTO dif_live VALUES (1, 'a', 1); UPDATE dif_live SET v = 'b'");
        let ids = revisions("dif_live", "1");
        assert_eq!(diff(&format!("{}", ids[0])), [r#"v: "a" -> "b""#]);
        assert_eq!(diff(&format!("{}, NULL", ids[0])), [r#"v: "a" -> "b""#]);
        assert_eq!(diff(&format!("{}", ids[1])), [""; 0]);
        run("UPDATE dif_live SET n = 5, id = 9");
        assert_eq!(
            diff(&format!("{}", ids[0])),
            ["id: 1 -> 9", "n: 1 -> 5", r#"v: "a" -> "b""#]
        );
    }

    #[pg_test]
    fn diff_with_a_live_row_that_is_gone() {
        tracked("dif_gone");
        run("INSERT INTO dif_gone VALUES (1, 'a', 1); DELETE FROM dif_gone");
        for id in revisions("dif_gone", "1") {
            assert_eq!(
                diff(&format!("{id}")),
                ["id: 1 -> -", "n: 1 -> -", r#"v: "a" -> -"#]
            );
        }
    }

    #[pg_test]
    fn diff_of_an_item_older_than_its_tracking() {
        run("CREATE TABLE dif_old (id int PRIMARY KEY, v text, n int);
             INSERT INTO dif_old VALUES (1, 'a', 1);
             SELECT directus_versions.track('dif_old');
             UPDATE dif_old SET v = 'b'; UPDATE dif_old SET n = 2");
        let ids = revisions("dif_old", "1");
        assert_eq!(diff(&format!("{}, {}", ids[0], ids[1])), ["n: 1 -> 2"]);
        assert_eq!(diff(&format!("{}", ids[0])), ["n: 1 -> 2"]);
    }

    /// The stored values decide, not what an operator calls equal.
    #[pg_test]
    fn diff_sees_a_scale_and_a_nested_digit() {
        run(
            "CREATE TABLE dif_exact (id int PRIMARY KEY, n numeric, j jsonb, s jsonb);
             SELECT directus_versions.track('dif_exact');
             INSERT INTO dif_exact VALUES (1, 1.0, '{\"a\": 1.0}', NULL);
             UPDATE dif_exact SET n = 1.00, j = '{\"a\": 1.00}', s = 'null'",
        );
        let ids = revisions("dif_exact", "1");
        let found = diff(&format!("{}, {}", ids[0], ids[1]));
        assert_eq!(
            found[..2],
            [r#"j: {"a": 1.0} -> {"a": 1.00}"#, "n: 1.0 -> 1.00"]
        );
    }

    #[pg_test]
    fn diff_follows_a_renamed_column() {
        tracked("dif_ren");
        run("INSERT INTO dif_ren VALUES (1, 'a', 1);
             ALTER TABLE dif_ren RENAME v TO w; UPDATE dif_ren SET n = 2");
        let ids = revisions("dif_ren", "1");
        // The same column with the same value: only the other field differs.
        assert_eq!(diff(&format!("{}, {}", ids[0], ids[1])), ["n: 1 -> 2"]);
        assert_eq!(diff(&format!("{}", ids[0])), ["n: 1 -> 2"]);
    }

    #[pg_test]
    fn diff_leaves_out_what_is_not_saved() {
        run(
            "CREATE TABLE dif_scope (id int PRIMARY KEY, v text, hidden text, code text);
             SELECT directus_versions.track('dif_scope', exclude => '{hidden}', mask => '{code}');
             INSERT INTO dif_scope VALUES (1, 'a', 'hush', 'hush');
             UPDATE dif_scope SET v = 'b', hidden = 'hush 2', code = 'hush 2'",
        );
        let ids = revisions("dif_scope", "1");
        for found in [
            diff(&format!("{}, {}", ids[0], ids[1])),
            diff(&format!("{}", ids[0])),
        ] {
            assert!(found.contains(&r#"v: "a" -> "b""#.to_owned()), "{found:?}");
            assert!(!found.concat().contains("hush"), "{found:?}");
            assert!(!found.concat().contains("hidden"), "{found:?}");
        }
    }

    /// Two items are compared field by field, or refused as arguments that do not fit.
    #[pg_test]
    fn diff_of_two_items() {
        tracked("dif_items");
        run("INSERT INTO dif_items VALUES (1, 'a', 1), (2, 'b', 1)");
        let (a, b) = (
            revisions("dif_items", "1")[0],
            revisions("dif_items", "2")[0],
        );
        let call = format!("{a}, {b}");
        match state(&format!("SELECT * FROM directus_versions.diff({call})")).as_str() {
            "00000" => assert_eq!(diff(&call), ["id: 1 -> 2", r#"v: "a" -> "b""#]),
            other => assert_eq!(other, "22023"),
        }
    }

    #[pg_test]
    fn diff_of_an_unknown_revision() {
        tracked("dif_none");
        run("INSERT INTO dif_none VALUES (1, 'a', 1)");
        let known = newest("dif_none");
        let beyond = int("SELECT max(id) + 1000000 FROM directus_versions.activity");
        for call in [
            format!("{beyond}"),
            format!("{known}, {beyond}"),
            format!("{beyond}, {known}"),
            "0".to_owned(),
            "-1".to_owned(),
        ] {
            let raised = error(&format!("SELECT * FROM directus_versions.diff({call})"));
            assert_eq!(raised.state, "P0002", "{call}");
            assert!(raised.message.contains("revision"), "{raised:?}");
        }
        // An event of the application is no revision.
        let event = int("SELECT directus_versions.log_activity('dif_login')");
        assert_eq!(
            state(&format!("SELECT * FROM directus_versions.diff({event})")),
            "P0002"
        );
    }
}
