//! Readers need the level and SELECT, and are shown what they may select.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::history::{listed, tracked};
    use crate::pg_tests::support::{int, run, state, text, yes};
    use pgrx::prelude::*;

    const READING: [&str; 6] = ["history", "diff", "blame", "item_at", "as_of", "item_of"];
    const WRITING: [&str; 4] = ["revert", "undo", "undo_transaction", "revert_collection"];

    fn role(name: &str, level: &str) {
        run(&format!(
            "CREATE ROLE {name}; SELECT directus_versions.grant_access('{name}', '{level}')"
        ));
    }

    fn as_role(role: &str, step: impl FnOnce()) {
        run(&format!("SET ROLE {role}"));
        step();
        run("RESET ROLE");
    }

    /// Tell whether a role may call all functions of this name; to may call a part of them is a failure.
    fn may_call(role: &str, function: &str) -> bool {
        let sql = format!(
            "SELECT CASE WHEN bool_and(may) THEN 'all' WHEN bool_or(may) THEN 'some' ELSE 'none' END
             FROM (SELECT has_function_privilege('{role}', oid, 'EXECUTE') AS may FROM pg_proc
                   WHERE pronamespace = 'directus_versions'::regnamespace AND proname = '{function}') p
             HAVING count(*) > 0"
        );
        match text(&sql).as_deref() {
            Some("all") => true,
            Some("none") => false,
            other => panic!("{function}: {other:?}"),
        }
    }

    #[pg_test]
    fn history_functions_are_granted_by_level() {
        run("CREATE ROLE his_level_nobody");
        for (name, reads, writes) in [
            ("his_level_nobody", false, false),
            ("his_level_read", true, false),
            ("his_level_write", true, true),
            ("his_level_manage", true, true),
        ] {
            let level = name.trim_start_matches("his_level_");
            if level != "nobody" {
                role(name, level);
            }
            for function in READING {
                assert_eq!(
                    may_call(name, function),
                    reads || function == "item_of",
                    "{name} {function}"
                );
            }
            for function in WRITING {
                assert_eq!(may_call(name, function), writes, "{name} {function}");
            }
        }
    }

    #[pg_test]
    fn history_functions_have_comments() {
        for function in READING.iter().chain(&WRITING) {
            assert!(
                yes(&format!(
                    "SELECT bool_and(obj_description(oid, 'pg_proc') <> '') AND count(*) > 0 FROM pg_proc
                     WHERE pronamespace = 'directus_versions'::regnamespace AND proname = '{function}'"
                )),
                "{function}"
            );
        }
    }

    #[pg_test]
    fn history_is_for_who_may_select_the_table() {
        role("his_reader", "read");
        tracked("his_closed");
        run("INSERT INTO his_closed VALUES (1, 'hush', 1); UPDATE his_closed SET v = 'hush 2'");
        let first =
            int("SELECT min(id) FROM directus_versions.revisions WHERE collection = 'his_closed'");
        let calls = [
            "SELECT h::text FROM directus_versions.history('his_closed', 1) h".to_owned(),
            "SELECT b::text FROM directus_versions.blame('his_closed', 1) b".to_owned(),
            "SELECT directus_versions.item_at('his_closed', 1, statement_timestamp())::text".to_owned(),
            "SELECT a::text FROM directus_versions.as_of(NULL::his_closed, statement_timestamp()) a".to_owned(),
            format!("SELECT d::text FROM directus_versions.diff({first}) d"),
        ];
        as_role("his_reader", || {
            for call in &calls {
                // Nothing to see may be an error, or nothing.
                match state(call).as_str() {
                    "00000" => assert_eq!(listed(call), [""; 0], "{call}"),
                    other => assert!(
                        ["42501", "P0002", "55000"].contains(&other),
                        "{other}: {call}"
                    ),
                }
            }
        });
        run("GRANT SELECT ON his_closed TO his_reader");
        as_role("his_reader", || {
            for call in &calls {
                assert!(listed(call).concat().contains("hush 2"), "{call}");
            }
        });
    }

    #[pg_test]
    fn history_shows_the_columns_that_may_be_selected() {
        role("his_columns_reader", "read");
        run(
            "CREATE TABLE his_secret (id int PRIMARY KEY, v text, secret text);
             GRANT SELECT (id, v) ON his_secret TO his_columns_reader;
             SELECT directus_versions.track('his_secret');
             INSERT INTO his_secret VALUES (1, 'a', 'hush'), (2, 'b', 'hush');
             UPDATE his_secret SET v = 'open', secret = 'hush 2';
             DELETE FROM his_secret WHERE id = 2",
        );
        let first =
            int("SELECT min(id) FROM directus_versions.revisions WHERE collection = 'his_secret'");
        as_role("his_columns_reader", || {
            for (call, open) in [
                ("SELECT h::text FROM directus_versions.history('his_secret', 1) h".to_owned(), true),
                ("SELECT h::text FROM directus_versions.history('his_secret', 2) h".to_owned(), true),
                ("SELECT b::text FROM directus_versions.blame('his_secret', 1) b".to_owned(), true),
                ("SELECT directus_versions.item_at('his_secret', 1, statement_timestamp())::text".to_owned(), true),
                ("SELECT a::text FROM directus_versions.as_of(NULL::his_secret, statement_timestamp()) a".to_owned(), false),
                (format!("SELECT d::text FROM directus_versions.diff({first}) d"), true),
            ] {
                match state(&call).as_str() {
                    "00000" => {
                        let shown = listed(&call).concat();
                        assert!(!shown.contains("hush"), "{call}: {shown}");
                        assert!(!open || shown.contains("open"), "{call}: {shown}");
                    }
                    // A whole row needs SELECT on all of its columns.
                    other => assert!(other == "42501" && !open, "{other}: {call}"),
                }
            }
        });
    }

    #[pg_test]
    fn history_shows_the_items_that_row_security_shows() {
        role("his_rows_reader", "read");
        run("CREATE TABLE his_rows (id int PRIMARY KEY, belongs name, v text);
             ALTER TABLE his_rows ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON his_rows USING (belongs = current_user);
             GRANT SELECT ON his_rows TO his_rows_reader;
             SELECT directus_versions.track('his_rows');
             INSERT INTO his_rows VALUES (1, 'his_rows_reader', 'mine'), (2, 'another', 'hush'), (3, 'another', 'hush');
             UPDATE his_rows SET v = v || ' 2';
             DELETE FROM his_rows WHERE id = 3");
        let theirs = int("SELECT max(id) FROM directus_versions.revisions
                          WHERE collection = 'his_rows' AND item = '2'");
        as_role("his_rows_reader", || {
            assert_eq!(
                listed("SELECT data ->> 'v' FROM directus_versions.history('his_rows', 1)"),
                ["mine", "mine 2"]
            );
            for call in [
                "SELECT h::text FROM generate_series(2, 3) i, directus_versions.history('his_rows', i) h".to_owned(),
                "SELECT b::text FROM generate_series(2, 3) i, directus_versions.blame('his_rows', i) b".to_owned(),
                "SELECT directus_versions.item_at('his_rows', i, statement_timestamp())::text FROM generate_series(2, 3) i".to_owned(),
                "SELECT a::text FROM directus_versions.as_of(NULL::his_rows, statement_timestamp()) a WHERE id <> 1".to_owned(),
                "SELECT a::text FROM directus_versions.as_of(NULL::his_rows, '-infinity') a WHERE id <> 1".to_owned(),
                format!("SELECT d::text FROM directus_versions.diff({theirs}) d"),
            ] {
                match state(&call).as_str() {
                    "00000" => assert_eq!(listed(&call), [""; 0], "{call}"),
                    other => assert!(["P0002", "42501"].contains(&other), "{other}: {call}"),
                }
            }
            assert_eq!(
                listed(
                    "SELECT v FROM directus_versions.as_of(NULL::his_rows, statement_timestamp())"
                ),
                ["mine 2"]
            );
        });
    }

    /// The row moved away from the key that the reader may see now.
    #[pg_test]
    fn history_of_a_key_used_again_shows_nothing_of_the_row_before() {
        role("his_reuse_reader", "read");
        run(
            "CREATE TABLE his_reuse (id int PRIMARY KEY, belongs name, v text);
             ALTER TABLE his_reuse ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON his_reuse USING (belongs = current_user);
             GRANT SELECT ON his_reuse TO his_reuse_reader;
             SELECT directus_versions.track('his_reuse');
             INSERT INTO his_reuse VALUES (1, 'another', 'hush');
             UPDATE his_reuse SET id = 2;
             INSERT INTO his_reuse VALUES (1, 'his_reuse_reader', 'mine')",
        );
        as_role("his_reuse_reader", || {
            assert_eq!(
                listed("SELECT data ->> 'v' FROM directus_versions.history('his_reuse', 1)"),
                ["mine"]
            );
        });
    }
}
