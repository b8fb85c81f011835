//! Who may stage, see and promote what.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{error, int, run, shows, state, table, text};
    use crate::pg_tests::versions::{articles, delta, refused, version};
    use pgrx::prelude::*;

    fn role(name: &str, level: &str, grants: &str) {
        run(&format!(
            "CREATE ROLE {name}; {grants}; SELECT directus_versions.grant_access('{name}', '{level}')"
        ));
    }

    fn as_role<T>(role: &str, step: impl FnOnce() -> T) -> T {
        run(&format!("SET ROLE {role}"));
        let result = step();
        run("RESET ROLE");
        result
    }

    const READING: [&str; 4] = [
        "version_data",
        "version_row",
        "read_version",
        "compare_version",
    ];
    const WRITING: [&str; 6] = [
        "create_version",
        "save_version",
        "discard_version_fields",
        "rename_version",
        "drop_version",
        "promote_version",
    ];

    #[pg_test]
    fn versions_functions_belong_to_their_level() {
        role("versions_level_none", "read", "");
        run("SELECT directus_versions.revoke_access('versions_level_none')");
        role("versions_level_read", "read", "");
        role("versions_level_write", "write", "");
        for (functions, allowed) in [
            (&READING[..], [false, true, true]),
            (&WRITING[..], [false, false, true]),
        ] {
            for function in functions {
                for (name, expected) in ["none", "read", "write"].iter().zip(allowed) {
                    shows(
                        &format!(
                            "SELECT bool_and(has_function_privilege('versions_level_{name}', oid, 'EXECUTE')) FROM pg_proc
                             WHERE proname = '{function}' AND pronamespace = 'directus_versions'::regnamespace"
                        ),
                        &expected.to_string(),
                    );
                }
            }
        }
        shows(
            "SELECT has_table_privilege('versions_level_none', 'directus_versions.versions', 'SELECT')",
            "false",
        );
        shows(
            "SELECT has_table_privilege('versions_level_read', 'directus_versions.versions', 'SELECT')",
            "true",
        );
    }

    #[pg_test]
    fn versions_need_select_on_their_table() {
        articles("versions_closed");
        role("versions_outsider", "write", "");
        let id = version("versions_closed", "1", "draft", r#"{"title": "hush"}"#);
        as_role("versions_outsider", || {
            assert_eq!(int("SELECT count(*) FROM directus_versions.versions"), 0);
            for call in [
                "create_version('versions_closed', 1, 'other')".to_owned(),
                format!("save_version('{id}', '{{\"title\": \"x\"}}')"),
                format!("discard_version_fields('{id}', '{{title}}')"),
                format!("rename_version('{id}', 'other')"),
                format!("drop_version('{id}')"),
                format!("promote_version('{id}')"),
                format!("version_data('{id}')"),
                format!("version_row(NULL::versions_closed, '{id}')"),
                format!("compare_version('{id}')"),
            ] {
                let (code, message) = refused(&call);
                assert_eq!(code, "42501", "{call}");
                assert!(!message.contains("hush"), "{call}");
            }
            assert_eq!(
                state(
                    "SELECT * FROM directus_versions.read_version(NULL::versions_closed, 'draft')"
                ),
                "42501"
            );
        });
        assert_eq!(delta(&id), r#"{"title": "hush"}"#);
    }

    #[pg_test]
    fn versions_promote_needs_the_right_to_update_each_promoted_column() {
        articles("versions_updates");
        role(
            "versions_updater",
            "write",
            "GRANT SELECT, UPDATE (title) ON versions_updates TO versions_updater",
        );
        as_role("versions_updater", || {
            let id = version(
                "versions_updates",
                "1",
                "draft",
                r#"{"title": "New", "body": "New"}"#,
            );
            let promote = |rest: &str| {
                state(&format!(
                    "SELECT directus_versions.promote_version('{id}'{rest})"
                ))
            };
            assert_eq!(promote(""), "42501");
            shows("SELECT title FROM versions_updates WHERE id = 1", "One");
            assert_eq!(delta(&id), r#"{"body": "New", "title": "New"}"#);
            assert_eq!(promote(", fields => '{body}'"), "42501");
            assert_eq!(promote(", fields => '{title}'"), "00000");
            shows(
                "SELECT title || body FROM versions_updates WHERE id = 1",
                "NewText",
            );
            assert_eq!(delta(&id), r#"{"body": "New"}"#);
        });
        role(
            "versions_looker",
            "write",
            "GRANT SELECT ON versions_updates TO versions_looker",
        );
        as_role("versions_looker", || {
            let id = version("versions_updates", "2", "draft", r#"{"title": "New"}"#);
            assert_eq!(refused(&format!("promote_version('{id}')")).0, "42501");
            let draft = version(
                "versions_updates",
                "NULL",
                "draft",
                r#"{"id": 3, "title": "New"}"#,
            );
            assert_eq!(refused(&format!("promote_version('{draft}')")).0, "42501");
        });
        shows("SELECT count(*) FROM versions_updates", "2");
    }

    #[pg_test]
    fn versions_hide_columns_that_the_reader_may_not_select() {
        articles("versions_partial");
        role(
            "versions_partial_reader",
            "write",
            "GRANT SELECT (id, title), UPDATE (title) ON versions_partial TO versions_partial_reader",
        );
        run("UPDATE versions_partial SET body = 'hush base' WHERE id = 1");
        let id = version(
            "versions_partial",
            "1",
            "draft",
            r#"{"title": "New", "body": "hush staged"}"#,
        );
        run("UPDATE versions_partial SET body = 'hush main' WHERE id = 1");
        as_role("versions_partial_reader", || {
            for sql in [
                "SELECT string_agg(v::text, '') FROM directus_versions.versions v".to_owned(),
                format!("SELECT directus_versions.version_data('{id}')"),
                format!("SELECT directus_versions.compare_version('{id}')"),
            ] {
                let shown = text(&sql).unwrap();
                assert!(
                    shown.contains("New") && !shown.contains("hush") && !shown.contains("body"),
                    "{shown}"
                );
            }
            // A hash of all columns would let hidden ones be guessed.
            assert_eq!(
                text(&format!(
                    "SELECT hash FROM directus_versions.versions WHERE id = '{id}'"
                )),
                None
            );
            for call in [
                format!("save_version('{id}', '{{\"body\": \"x\"}}')"),
                format!("version_row(NULL::versions_partial, '{id}')"),
            ] {
                assert_eq!(refused(&call).0, "42501", "{call}");
            }
            assert_eq!(
                state(
                    "SELECT * FROM directus_versions.read_version(NULL::versions_partial, 'draft')"
                ),
                "42501"
            );
            let raised = error(&format!("SELECT directus_versions.promote_version('{id}')"));
            assert_eq!(raised.state, "40001");
            assert!(!format!("{raised:?}").contains("hush"));
            // Who sees a part of an item has the hash of that part.
            let hash = text(&format!(
                "SELECT directus_versions.compare_version('{id}') ->> 'mainHash'"
            ))
            .unwrap();
            let promote = |hash: &str| {
                state(&format!(
                    "SELECT directus_versions.promote_version('{id}', '{hash}', fields => '{{title}}')"
                ))
            };
            assert_eq!(promote("0123"), "40001");
            assert_eq!(promote(&hash), "00000");
            shows("SELECT title FROM versions_partial WHERE id = 1", "New");
        });
    }

    fn tenants(name: &str) {
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, tenant name, title text);
             INSERT INTO {name} VALUES (1, '{name}_a', 'One'), (2, '{name}_b', 'Two');
             SELECT directus_versions.track('{name}');
             ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON {name} USING (tenant = current_user)"
        ));
        for end in ["a", "b"] {
            role(
                &format!("{name}_{end}"),
                "write",
                &format!("GRANT ALL ON {name} TO {name}_{end}"),
            );
        }
    }

    #[pg_test]
    fn versions_under_row_security() {
        tenants("versions_rows");
        let ids: Vec<(String, String)> = ["a", "b"]
            .iter()
            .enumerate()
            .map(|(number, end)| {
                as_role(&format!("versions_rows_{end}"), || {
                    let own = (number + 1).to_string();
                    let id = version(
                        "versions_rows",
                        &own,
                        "draft",
                        &format!(r#"{{"title": "hush {end}"}}"#),
                    );
                    let draft = version(
                        "versions_rows",
                        "NULL",
                        "draft",
                        &format!(r#"{{"title": "hush new {end}"}}"#),
                    );
                    (id, draft)
                })
            })
            .collect();
        as_role("versions_rows_a", || {
            let (other, draft) = &ids[1];
            let shown = table("SELECT v::text FROM directus_versions.versions v");
            assert_eq!(shown.len(), 2);
            assert!(
                !format!("{shown:?}").contains("hush b")
                    && !format!("{shown:?}").contains("hush new b")
            );
            shows(
                "SELECT string_agg(title, ',' ORDER BY title) FROM directus_versions.read_version(NULL::versions_rows, 'draft')",
                "hush a,hush new a",
            );
            for id in [other, draft] {
                for call in [
                    format!("version_data('{id}')"),
                    format!("compare_version('{id}')"),
                    format!("version_row(NULL::versions_rows, '{id}')"),
                    format!("save_version('{id}', '{{\"title\": \"x\"}}')"),
                    format!("drop_version('{id}')"),
                    format!("promote_version('{id}')"),
                ] {
                    assert_eq!(refused(&call).0, "P0002", "{call}");
                }
            }
            assert_eq!(
                refused("create_version('versions_rows', 2, 'mine')").0,
                "P0002"
            );
            // What its policy forbids to write stays unwritten.
            let (own, own_draft) = &ids[0];
            run(&format!(
                "SELECT directus_versions.save_version('{own}', '{{\"tenant\": \"versions_rows_b\"}}')"
            ));
            assert_eq!(refused(&format!("promote_version('{own}')")).0, "42501");
            run(&format!(
                "SELECT directus_versions.save_version('{own_draft}', '{{\"id\": 3, \"tenant\": \"versions_rows_b\"}}')"
            ));
            assert_eq!(
                refused(&format!("promote_version('{own_draft}')")).0,
                "42501"
            );
        });
        shows(
            "SELECT count(*) FROM versions_rows WHERE title LIKE 'hush%'",
            "0",
        );
    }

    #[pg_test]
    fn versions_visible_but_not_writable_row() {
        run(
            "CREATE TABLE versions_seen (id int PRIMARY KEY, owner name, title text);
             INSERT INTO versions_seen VALUES (1, 'somebody', 'One');
             SELECT directus_versions.track('versions_seen');
             ALTER TABLE versions_seen ENABLE ROW LEVEL SECURITY;
             CREATE POLICY looks ON versions_seen FOR SELECT USING (true);
             CREATE POLICY writes ON versions_seen FOR UPDATE USING (owner = current_user)",
        );
        role(
            "versions_seen_reader",
            "write",
            "GRANT ALL ON versions_seen TO versions_seen_reader",
        );
        as_role("versions_seen_reader", || {
            let id = version("versions_seen", "1", "draft", r#"{"title": "New"}"#);
            let (code, message) = refused(&format!("promote_version('{id}')"));
            assert_eq!(code, "42501");
            assert!(message.contains("item \"1\""), "{message}");
        });
        shows("SELECT title FROM versions_seen", "One");
    }

    #[pg_test]
    fn versions_policies_and_triggers_see_the_callers_search_path() {
        run("CREATE SCHEMA versions_path;
             CREATE TABLE versions_path.seen (what text);
             CREATE TABLE versions_path.allowed (id int);
             INSERT INTO versions_path.allowed VALUES (1);
             CREATE FUNCTION versions_path.may(int) RETURNS boolean LANGUAGE plpgsql STABLE
                 AS 'BEGIN RETURN EXISTS (SELECT FROM allowed WHERE id = $1); END';
             CREATE FUNCTION versions_path.note() RETURNS trigger LANGUAGE plpgsql
                 AS 'BEGIN INSERT INTO seen VALUES (NEW.title || to_char(NEW.day, ''DD'') || NEW.day); RETURN NEW; END';
             CREATE TABLE versions_path.t (id int PRIMARY KEY, title text, day date);
             CREATE TRIGGER note BEFORE UPDATE ON versions_path.t FOR EACH ROW EXECUTE FUNCTION versions_path.note();
             INSERT INTO versions_path.t VALUES (1, 'One', '2026-01-02');
             SELECT directus_versions.track('versions_path.t');
             ALTER TABLE versions_path.t ENABLE ROW LEVEL SECURITY;
             CREATE POLICY allowed ON versions_path.t USING (versions_path.may(id))");
        role(
            "versions_path_role",
            "write",
            "GRANT USAGE ON SCHEMA versions_path TO versions_path_role; GRANT ALL ON ALL TABLES IN SCHEMA versions_path TO versions_path_role",
        );
        as_role("versions_path_role", || {
            run("SET LOCAL search_path = versions_path; SET LOCAL DateStyle = 'German'");
            let id = version(
                "t",
                "1",
                "draft",
                r#"{"title": "New", "day": "2026-03-04"}"#,
            );
            shows(
                "SELECT title FROM directus_versions.read_version(NULL::t, 'draft')",
                "New",
            );
            shows(
                &format!("SELECT title FROM directus_versions.version_row(NULL::t, '{id}')"),
                "New",
            );
            run(&format!("SELECT directus_versions.promote_version('{id}')"));
        });
        shows("SELECT what FROM versions_path.seen", "New0404.03.2026");
    }

    #[pg_test]
    fn versions_types_of_others_run_as_the_tables_owner() {
        run("CREATE ROLE versions_trap; GRANT CREATE ON SCHEMA public TO versions_trap; CREATE TABLE versions_caught (who name);
             GRANT INSERT ON versions_caught TO PUBLIC;
             SET ROLE versions_trap;
             CREATE FUNCTION versions_spring(int) RETURNS boolean LANGUAGE plpgsql
                 AS 'BEGIN IF current_user <> ''versions_trap'' THEN RAISE EXCEPTION ''caught %'', current_user; END IF; RETURN true; END';
             CREATE DOMAIN versions_bait AS int CHECK (versions_spring(value));
             RESET ROLE;
             CREATE TABLE versions_trapped (id int PRIMARY KEY, n int);
             ALTER TABLE versions_trapped OWNER TO versions_trap;
             SELECT directus_versions.track('versions_trapped');
             INSERT INTO versions_trapped VALUES (1, 1)");
        let id = version("versions_trapped", "1", "draft", r#"{"n": 2}"#);
        run("ALTER TABLE versions_trapped ALTER n TYPE text");
        run(
            "SET ROLE versions_trap; ALTER TABLE versions_trapped ALTER n TYPE versions_bait USING n::int; RESET ROLE",
        );
        shows(
            "SELECT n FROM directus_versions.read_version(NULL::versions_trapped, 'draft')",
            "2",
        );
        shows(
            &format!("SELECT directus_versions.version_data('{id}') ->> 'n'"),
            "2",
        );
        shows(
            &format!("SELECT directus_versions.compare_version('{id}') ->> 'outdated'"),
            "false",
        );
    }
}
