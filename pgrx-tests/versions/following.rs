//! What happens to a version when its item or its table changes under it.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{error, run, shows, state, text};
    use crate::pg_tests::versions::{articles, delta, refused, version};
    use pgrx::prelude::*;

    fn compared(id: &str, path: &str) -> String {
        text(&format!(
            "SELECT directus_versions.compare_version('{id}') #> '{path}'"
        ))
        .unwrap()
    }

    #[pg_test]
    fn versions_follow_a_changed_key() {
        articles("versions_moved");
        let id = version("versions_moved", "1", "draft", r#"{"title": "New"}"#);
        run("UPDATE versions_moved SET id = 10 WHERE id = 1");
        let item = format!("SELECT item FROM directus_versions.versions WHERE id = '{id}'");
        shows(&item, "10");
        run(
            "UPDATE versions_moved SET id = 11 WHERE id = 10; UPDATE versions_moved SET id = 12 WHERE id = 11",
        );
        shows(&item, "12");
        // The old key names another item now, which may have a version of the same key.
        run("INSERT INTO versions_moved VALUES (1, 'Other')");
        version("versions_moved", "1", "draft", r#"{"title": "Newer"}"#);
        shows(
            "SELECT string_agg(id || ' ' || title, ', ' ORDER BY id) FROM directus_versions.read_version(NULL::versions_moved, 'draft')",
            "1 Newer, 2 Two, 12 New",
        );
        assert_eq!(
            refused("create_version('versions_moved', 12, 'draft')").0,
            "42710"
        );
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows("SELECT title FROM versions_moved WHERE id = 12", "New");
        shows("SELECT title FROM versions_moved WHERE id = 1", "Other");
    }

    #[pg_test]
    fn versions_follow_when_all_keys_move_on_by_one() {
        run(
            "CREATE TABLE versions_shifted (id int PRIMARY KEY DEFERRABLE, v text, UNIQUE (v));
             SELECT directus_versions.track('versions_shifted');
             INSERT INTO versions_shifted SELECT g, 'v' || g FROM generate_series(1, 5) g",
        );
        let ids: Vec<String> = (1..=5)
            .map(|item| {
                version(
                    "versions_shifted",
                    &item.to_string(),
                    "draft",
                    &format!(r#"{{"v": "new{item}"}}"#),
                )
            })
            .collect();
        run("UPDATE versions_shifted SET id = id + 1");
        for (number, id) in ids.iter().enumerate() {
            shows(
                &format!("SELECT item FROM directus_versions.versions WHERE id = '{id}'"),
                &(number + 2).to_string(),
            );
        }
        run("UPDATE versions_shifted SET id = id - 1");
        for (number, id) in ids.iter().enumerate() {
            run(&format!(
                "SELECT directus_versions.save_version('{id}', '{{\"v\": \"newer{number}\"}}')"
            ));
            run(&format!("SELECT directus_versions.promote_version('{id}')"));
        }
        shows(
            "SELECT string_agg(id || v, ' ' ORDER BY id) FROM versions_shifted",
            "1newer0 2newer1 3newer2 4newer3 5newer4",
        );
    }

    #[pg_test]
    fn versions_follow_a_key_of_several_columns() {
        run(
            "CREATE TABLE versions_pairs (a text, b int, v text, PRIMARY KEY (a, b));
             SELECT directus_versions.track('versions_pairs');
             INSERT INTO versions_pairs VALUES ('x', 1, 'old'), ('x', 2, 'old')",
        );
        let id = version(
            "versions_pairs",
            r#"'["x", 1]'"#,
            "draft",
            r#"{"v": "new"}"#,
        );
        run("UPDATE versions_pairs SET a = 'y' WHERE b = 1");
        shows(
            "SELECT string_agg(a || b || v, ' ' ORDER BY b) FROM directus_versions.read_version(NULL::versions_pairs, 'draft')",
            "y1new x2old",
        );
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows(
            "SELECT string_agg(a || b || v, ' ' ORDER BY b) FROM versions_pairs",
            "y1new x2old",
        );
    }

    #[pg_test]
    fn versions_of_a_deleted_item_stay_and_are_not_promoted() {
        articles("versions_deleted");
        let id = version("versions_deleted", "1", "draft", r#"{"title": "New"}"#);
        run("DELETE FROM versions_deleted WHERE id = 1");
        assert_eq!(refused(&format!("promote_version('{id}')")).0, "P0002");
        assert_eq!(
            refused(&format!("promote_version('{id}', on_conflict => 'ours')")).0,
            "P0002"
        );
        shows("SELECT count(*) FROM versions_deleted WHERE id = 1", "0");
        for (path, value) in [
            ("{outdated}", "true"),
            ("{main}", "null"),
            ("{mainHash}", "null"),
            ("{conflicts}", "[]"),
            ("{current}", r#"{"title": "New"}"#),
        ] {
            assert_eq!(compared(&id, path), value, "{path}");
        }
        shows(
            &format!("SELECT directus_versions.version_data('{id}')"),
            r#"{"title": "New"}"#,
        );
        shows(
            &format!(
                "SELECT title FROM directus_versions.version_row(NULL::versions_deleted, '{id}')"
            ),
            "New",
        );
        shows(
            "SELECT string_agg(title, ' ') FROM directus_versions.read_version(NULL::versions_deleted, 'draft')",
            "Two",
        );
        assert_eq!(
            refused("create_version('versions_deleted', 1, 'other')").0,
            "P0002"
        );
        run("INSERT INTO versions_deleted VALUES (1, 'One')");
        assert_eq!(
            state(&format!("SELECT directus_versions.promote_version('{id}')")),
            "00000"
        );
        shows("SELECT title FROM versions_deleted WHERE id = 1", "New");
    }

    #[pg_test]
    fn versions_follow_renamed_columns() {
        articles("versions_columns");
        let id = version(
            "versions_columns",
            "1",
            "draft",
            r#"{"title": "New", "body": "Newer"}"#,
        );
        run("ALTER TABLE versions_columns RENAME title TO headline;
             ALTER TABLE versions_columns RENAME body TO title");
        assert_eq!(delta(&id), r#"{"title": "Newer", "headline": "New"}"#);
        shows(
            &format!("SELECT base FROM directus_versions.versions WHERE id = '{id}'"),
            r#"{"title": "Text", "headline": "One"}"#,
        );
        assert_eq!(compared(&id, "{conflicts}"), "[]");
        run(&format!(
            "SELECT directus_versions.save_version('{id}', '{{\"headline\": \"Newest\"}}')"
        ));
        assert_eq!(delta(&id), r#"{"title": "Newer", "headline": "Newest"}"#);
        run(&format!(
            "SELECT directus_versions.promote_version('{id}', fields => '{{headline}}')"
        ));
        shows(
            "SELECT headline || ' ' || title FROM versions_columns WHERE id = 1",
            "Newest Text",
        );
        run("ALTER TABLE versions_columns RENAME title TO body");
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows(
            "SELECT headline || ' ' || body FROM versions_columns WHERE id = 1",
            "Newest Newer",
        );
    }

    #[pg_test]
    fn versions_follow_a_renamed_table_and_key() {
        articles("versions_named");
        let id = version("versions_named", "1", "draft", r#"{"title": "New"}"#);
        run("ALTER TABLE versions_named RENAME TO versions_named_anew;
             ALTER TABLE versions_named_anew RENAME id TO nr;
             CREATE SCHEMA versions_elsewhere;
             ALTER TABLE versions_named_anew SET SCHEMA versions_elsewhere");
        shows(
            &format!("SELECT collection FROM directus_versions.versions WHERE id = '{id}'"),
            "versions_elsewhere.versions_named_anew",
        );
        assert_eq!(compared(&id, "{current}"), r#"{"nr": 1, "title": "New"}"#);
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows(
            "SELECT title FROM versions_elsewhere.versions_named_anew WHERE nr = 1",
            "New",
        );
    }

    #[pg_test]
    fn versions_of_a_dropped_column_are_told_and_refused() {
        articles("versions_less_columns");
        let id = version(
            "versions_less_columns",
            "1",
            "draft",
            r#"{"title": "New", "body": "Lost"}"#,
        );
        run("ALTER TABLE versions_less_columns DROP COLUMN body");
        assert_eq!(delta(&id), r#"{"title": "New"}"#);
        assert_eq!(
            compared(&id, "{problems}"),
            r#"[{"field": "body", "problem": "the column was dropped", "version": "Lost"}]"#
        );
        let raised = error(&format!("SELECT directus_versions.promote_version('{id}')"));
        assert_eq!(raised.state, "42703");
        assert_eq!(
            raised.message,
            "column \"body\" of table \"versions_less_columns\" was dropped"
        );
        shows(
            "SELECT title FROM versions_less_columns WHERE id = 1",
            "One",
        );
        // A new column of that name is another one.
        run("ALTER TABLE versions_less_columns ADD COLUMN body text");
        assert_eq!(delta(&id), r#"{"title": "New"}"#);
        assert_eq!(
            state(&format!(
                "SELECT directus_versions.promote_version('{id}', fields => '{{title}}')"
            )),
            "00000"
        );
        shows(
            "SELECT title || coalesce(body, '-') FROM versions_less_columns WHERE id = 1",
            "New-",
        );
        run(&format!(
            "SELECT directus_versions.save_version('{id}', '{{\"title\": \"Newer\"}}')"
        ));
        assert_eq!(refused(&format!("promote_version('{id}')")).0, "42703");
        run(&format!(
            "SELECT directus_versions.discard_version_fields('{id}', '{{body}}')"
        ));
        assert_eq!(
            state(&format!("SELECT directus_versions.promote_version('{id}')")),
            "00000"
        );
        shows(
            "SELECT title || coalesce(body, '-') FROM versions_less_columns WHERE id = 1",
            "Newer-",
        );
    }

    #[pg_test]
    fn versions_of_a_dropped_column_go_with_theirs() {
        articles("versions_theirs_dropped");
        let id = version(
            "versions_theirs_dropped",
            "1",
            "draft",
            r#"{"title": "New", "body": "Lost"}"#,
        );
        run("ALTER TABLE versions_theirs_dropped DROP COLUMN body");
        run(&format!(
            "SELECT directus_versions.promote_version('{id}', on_conflict => 'theirs')"
        ));
        shows(
            "SELECT title FROM versions_theirs_dropped WHERE id = 1",
            "New",
        );
        assert_eq!(compared(&id, "{current}"), r#"{"id": 1}"#);
        shows(
            &format!("SELECT directus_versions.compare_version('{id}') ? 'problems'"),
            "false",
        );
    }

    #[pg_test]
    fn versions_of_a_retyped_column_are_converted_or_refused() {
        run(
            "CREATE TABLE versions_retyped (id int PRIMARY KEY, wide int, narrow text, same text);
             SELECT directus_versions.track('versions_retyped');
             INSERT INTO versions_retyped VALUES (1, 5, '7', 'a')",
        );
        let id = version(
            "versions_retyped",
            "1",
            "draft",
            r#"{"wide": 6, "narrow": "eight", "same": "b"}"#,
        );
        run("ALTER TABLE versions_retyped ALTER wide TYPE numeric(8,2), ALTER narrow TYPE int USING narrow::int,
                 ALTER same TYPE varchar(10)");
        let problems = compared(&id, "{problems}");
        assert_eq!(
            problems,
            r#"[{"field": "narrow", "problem": "invalid input syntax for type integer: \"eight\"", "version": "eight"}]"#
        );
        let raised = error(&format!("SELECT directus_versions.promote_version('{id}')"));
        assert_eq!(
            (raised.state.as_str(), raised.column.as_str()),
            ("22P02", "narrow")
        );
        assert!(raised.message.contains("eight"));
        shows(
            "SELECT concat(wide, narrow, same) FROM versions_retyped",
            "5.007a",
        );
        run(&format!(
            "SELECT directus_versions.promote_version('{id}', fields => '{{wide,same}}')"
        ));
        shows(
            "SELECT concat(wide, narrow, same) FROM versions_retyped",
            "6.007b",
        );
    }

    #[pg_test]
    fn versions_outlive_a_key_of_another_type() {
        run(
            "CREATE TABLE versions_rekeyed (id text PRIMARY KEY, v text);
             SELECT directus_versions.track('versions_rekeyed');
             INSERT INTO versions_rekeyed VALUES ('a', '1'), ('2', '2')",
        );
        let lost = version("versions_rekeyed", "'a'", "draft", r#"{"v": "new"}"#);
        version("versions_rekeyed", "'2'", "draft", r#"{"v": "new"}"#);
        run("DELETE FROM versions_rekeyed WHERE id = 'a';
             ALTER TABLE versions_rekeyed ALTER id TYPE int USING id::int");
        shows(
            "SELECT string_agg(id || v, ' ') FROM directus_versions.read_version(NULL::versions_rekeyed, 'draft')",
            "2new",
        );
        assert_eq!(refused(&format!("promote_version('{lost}')")).0, "P0002");
        shows(
            &format!("SELECT directus_versions.version_data('{lost}')"),
            r#"{"v": "new"}"#,
        );
    }

    /// The text that named the one row may name another now.
    #[pg_test]
    fn versions_are_not_promoted_into_the_row_of_another_key() {
        run(
            "CREATE TABLE versions_other_key (id int PRIMARY KEY, code text NOT NULL, v text);
             SELECT directus_versions.track('versions_other_key', key => '{code}');
             INSERT INTO versions_other_key VALUES (1, '2', 'a'), (2, '1', 'a')",
        );
        let former = version("versions_other_key", "'1'", "draft", r#"{"v": "new"}"#);
        run("SELECT directus_versions.set_scope('versions_other_key', key => '{}')");
        let raised = refused(&format!("promote_version('{former}')"));
        assert_eq!(raised.0, "55000", "{raised:?}");
        shows("SELECT string_agg(v, '') FROM versions_other_key", "aa");
        shows(
            &format!("SELECT directus_versions.version_data('{former}') ->> 'v'"),
            "new",
        );
        let later = version("versions_other_key", "'1'", "later", r#"{"v": "new"}"#);
        run(&format!(
            "SELECT directus_versions.promote_version('{later}')"
        ));
        shows(
            "SELECT string_agg(id || v, ' ' ORDER BY id) FROM versions_other_key",
            "1new 2a",
        );
    }

    #[pg_test]
    fn versions_of_a_dropped_table_are_for_the_owner() {
        articles("versions_gone");
        run(
            "CREATE ROLE versions_gone_reader; GRANT ALL ON versions_gone TO versions_gone_reader;
             SELECT directus_versions.grant_access('versions_gone_reader', 'write')",
        );
        let id = version("versions_gone", "1", "draft", r#"{"title": "New"}"#);
        run("DROP TABLE versions_gone");
        shows(
            &format!("SELECT delta FROM directus_versions.versions WHERE id = '{id}'"),
            r#"{"title": "New"}"#,
        );
        for call in ["promote_version", "version_data", "compare_version"] {
            assert_eq!(refused(&format!("{call}('{id}')")).0, "55000", "{call}");
        }
        run("SET ROLE versions_gone_reader");
        shows("SELECT count(*) FROM directus_versions.versions", "0");
        for call in ["promote_version", "version_data", "drop_version"] {
            assert_eq!(refused(&format!("{call}('{id}')")).0, "P0002", "{call}");
        }
        run("RESET ROLE");
        run(&format!("SELECT directus_versions.drop_version('{id}')"));
    }

    #[pg_test]
    fn versions_go_on_with_a_table_that_was_made_again() {
        articles("versions_again");
        let id = version(
            "versions_again",
            "1",
            "draft",
            r#"{"title": "New", "price": 2}"#,
        );
        run("DROP TABLE versions_again;
             CREATE TABLE versions_again (price numeric(8,2), title text, id int PRIMARY KEY);
             INSERT INTO versions_again VALUES (1.5, 'One', 1);
             SELECT directus_versions.relink('versions_again', 'versions_again')");
        assert_eq!(delta(&id), r#"{"price": 2, "title": "New"}"#);
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows("SELECT title || price FROM versions_again", "New2.00");
    }
}
