//! A reader is shown the collections it may SELECT, and of them the fields it may SELECT.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::access::{as_role, readers};
    use crate::pg_tests::support::{Row, int, run, state, table, yes};
    use pgrx::prelude::*;

    /// Count the rows of our views that show a text anywhere.
    fn shown(part: &str) -> i64 {
        int(&format!(
            "SELECT (SELECT count(*) FROM directus_versions.activity v WHERE strpos(v::text, '{part}') > 0)
                  + (SELECT count(*) FROM directus_versions.revisions v WHERE strpos(v::text, '{part}') > 0)
                  + (SELECT count(*) FROM directus_versions.collections v WHERE strpos(v::text, '{part}') > 0)"
        ))
    }

    fn collections(relation: &str, like: &str) -> Vec<Row> {
        table(&format!(
            "SELECT DISTINCT collection FROM directus_versions.{relation}
             WHERE collection LIKE '{like}' ORDER BY collection"
        ))
    }

    fn one(name: &str) -> Vec<Row> {
        vec![vec![Some(name.to_owned())]]
    }

    #[pg_test]
    fn access_reader_sees_the_tables_it_may_select() {
        readers(&["access_reader"]);
        run(
            "CREATE ROLE access_readers; GRANT access_readers TO access_reader;
             CREATE TABLE access_seen_own (id int PRIMARY KEY);
             CREATE TABLE access_seen_group (id int PRIMARY KEY);
             CREATE TABLE access_seen_not (id int PRIMARY KEY);
             CREATE TABLE access_seen_written (id int PRIMARY KEY);
             GRANT SELECT ON access_seen_own TO access_reader;
             GRANT SELECT ON access_seen_group TO access_readers;
             GRANT INSERT, UPDATE, DELETE ON access_seen_written TO access_reader",
        );
        for name in ["own", "group", "not", "written"] {
            run(&format!(
                "SELECT directus_versions.track('access_seen_{name}');
                 INSERT INTO access_seen_{name} VALUES (1);
                 DELETE FROM access_seen_{name}"
            ));
        }
        for relation in ["activity", "revisions", "collections"] {
            assert_eq!(
                collections(relation, "access_seen_%").len(),
                4,
                "{relation}"
            );
        }
        as_role("access_reader", || {
            for relation in ["activity", "revisions", "collections"] {
                let seen: Vec<Row> = ["access_seen_group", "access_seen_own"].map(one).concat();
                assert_eq!(collections(relation, "access_seen_%"), seen, "{relation}");
            }
        });
        run("REVOKE SELECT ON access_seen_own FROM access_reader");
        as_role("access_reader", || {
            assert_eq!(
                collections("revisions", "access_seen_%"),
                one("access_seen_group")
            );
        });
    }

    fn two_fields(name: &str, role: &str) {
        readers(&[role]);
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, title text, secret text);
             GRANT SELECT (id, title) ON {name} TO {role};
             SELECT directus_versions.track('{name}');
             INSERT INTO {name} VALUES (1, 'open a', 'hush a');
             UPDATE {name} SET title = 'open b', secret = 'hush b';
             UPDATE {name} SET secret = 'hush c';
             UPDATE {name} SET title = 'open c';
             INSERT INTO {name} VALUES (2, 'open d', 'hush d');
             DELETE FROM {name} WHERE id = 2"
        ));
        assert!(shown("hush") > 0);
    }

    #[pg_test]
    fn access_fields_of_other_columns_are_absent() {
        two_fields("access_fields", "access_fields_reader");
        as_role("access_fields_reader", || {
            assert_eq!(shown("hush"), 0);
            assert_eq!(shown("secret"), 0);
            assert!(yes("SELECT array_agg(DISTINCT k ORDER BY k) = '{id,title}'
                 FROM directus_versions.revisions r, jsonb_object_keys(r.data) k
                 WHERE collection = 'access_fields'"));
            let deltas = table(
                "SELECT delta, prior FROM directus_versions.revisions
                 WHERE collection = 'access_fields' AND item = '1' AND delta ? 'title' ORDER BY id",
            );
            let some = |json: &str| Some(json.to_owned());
            assert_eq!(
                deltas,
                [
                    [some(r#"{"id": 1, "title": "open a"}"#), None],
                    [
                        some(r#"{"title": "open b"}"#),
                        some(r#"{"title": "open a"}"#)
                    ],
                    [
                        some(r#"{"title": "open c"}"#),
                        some(r#"{"title": "open b"}"#)
                    ],
                ]
            );
        });
        run("GRANT SELECT (secret) ON access_fields TO access_fields_reader");
        as_role("access_fields_reader", || assert!(shown("hush") > 0));
    }

    #[pg_test]
    fn access_fields_stay_hidden_through_a_rename() {
        two_fields("access_renamed", "access_renamed_reader");
        run("ALTER TABLE access_renamed RENAME secret TO hidden;
             ALTER TABLE access_renamed RENAME title TO secret");
        // One at a time: what is put together has fields of before and after the rename.
        for change in ["hidden = 'hush e'", "secret = 'open e'"] {
            run(&format!("UPDATE access_renamed SET {change}"));
            as_role("access_renamed_reader", || assert_eq!(shown("hush"), 0));
        }
        run("UPDATE access_renamed SET hidden = 'hush f', secret = 'open f'");
        as_role("access_renamed_reader", || {
            assert_eq!(shown("hush"), 0);
            assert!(shown("open e") > 0);
        });
    }

    #[pg_test]
    fn access_fields_of_dropped_columns_are_absent() {
        two_fields("access_dropped", "access_dropped_reader");
        run("ALTER TABLE access_dropped DROP COLUMN secret");
        as_role("access_dropped_reader", || {
            assert_eq!(shown("hush"), 0);
            assert!(shown("open c") > 0);
        });
        run("ALTER TABLE access_dropped ADD COLUMN secret text;
             GRANT SELECT (secret) ON access_dropped TO access_dropped_reader");
        as_role("access_dropped_reader", || assert_eq!(shown("hush"), 0));
    }

    #[pg_test]
    fn access_item_needs_the_key_column() {
        readers(&["access_key_reader"]);
        run(
            "CREATE TABLE access_keyed (code text PRIMARY KEY, title text);
             GRANT SELECT (title) ON access_keyed TO access_key_reader;
             SELECT directus_versions.track('access_keyed');
             INSERT INTO access_keyed VALUES ('hush key', 'open a');
             UPDATE access_keyed SET title = 'open b'",
        );
        as_role("access_key_reader", || assert_eq!(shown("hush key"), 0));
        run("GRANT SELECT (code) ON access_keyed TO access_key_reader");
        as_role("access_key_reader", || assert!(shown("hush key") > 0));
    }

    #[pg_test]
    fn access_history_of_a_dropped_table_is_for_superusers() {
        readers(&["access_heir"]);
        run("GRANT CREATE ON SCHEMA public TO access_heir;
             SELECT directus_versions.grant_access('access_heir', 'manage');
             CREATE TABLE access_gone (id int PRIMARY KEY, v text);
             GRANT SELECT ON access_gone TO access_heir;
             SELECT directus_versions.track('access_gone');
             INSERT INTO access_gone VALUES (1, 'hush gone')");
        as_role("access_heir", || assert!(shown("hush gone") > 0));
        run("DROP TABLE access_gone");
        assert!(shown("hush gone") > 0);
        as_role("access_heir", || {
            assert_eq!(shown("hush gone"), 0);
            run("CREATE TABLE access_gone (id int PRIMARY KEY, v text)");
            assert_eq!(shown("hush gone"), 0);
            // Whether the name may be taken again is not what is tested here.
            state("SELECT directus_versions.track('access_gone')");
            run("INSERT INTO access_gone VALUES (1, 'new')");
            assert_eq!(shown("hush gone"), 0);
            let taken = "SELECT directus_versions.relink('access_gone', 'access_gone')";
            state(taken);
            assert_eq!(shown("hush gone"), 0);
        });
        assert!(shown("hush gone") > 0);
    }
}
