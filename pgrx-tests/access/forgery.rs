//! A table's owner may execute our row trigger's function, so that partitions get it. It cannot be
//! used to write what did not happen, and no code of the owner's runs with rights of others.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::access::as_role;
    use crate::pg_tests::support::{entries, int, run, state, text};
    use pgrx::prelude::*;

    /// An owner of a tracked table `{role}.t`, and a table tracked by another.
    fn owner(role: &str) -> i64 {
        run(&format!(
            "CREATE ROLE {role}; CREATE SCHEMA {role} AUTHORIZATION {role};
             CREATE TABLE {role}_victim (id int PRIMARY KEY, v text);
             SELECT directus_versions.track('{role}_victim');
             INSERT INTO {role}_victim VALUES (1, 'true')"
        ));
        as_role(role, || {
            run(&format!(
                "CREATE TABLE {role}.t (id int PRIMARY KEY, v text)"
            ));
        });
        run(&format!("SELECT directus_versions.track('{role}.t')"));
        int(&format!(
            "SELECT id FROM directus_versions.collection WHERE name = '{role}_victim'"
        ))
    }

    #[pg_test]
    fn access_trigger_made_by_hand_records_for_no_other_table() {
        let victim = owner("access_forge");
        as_role("access_forge", || {
            run(&format!(
                "CREATE TABLE access_forge.fake (id int PRIMARY KEY, v text);
                 CREATE TABLE access_forge.child () INHERITS (access_forge.fake);
                 CREATE TRIGGER forge AFTER INSERT OR UPDATE OR DELETE ON access_forge.fake
                     FOR EACH ROW EXECUTE FUNCTION directus_versions._capture_row('{victim}');
                 CREATE TRIGGER forge AFTER INSERT OR UPDATE OR DELETE ON access_forge.child
                     FOR EACH ROW EXECUTE FUNCTION directus_versions._capture_row('{victim}');
                 CREATE TRIGGER \"000\" AFTER INSERT OR UPDATE OR DELETE ON access_forge.t
                     FOR EACH ROW EXECUTE FUNCTION directus_versions._capture_row('{victim}')"
            ));
            for table in ["fake", "child", "t"] {
                run(&format!("INSERT INTO access_forge.{table} VALUES (1, 'a')"));
                run(&format!("UPDATE access_forge.{table} SET v = 'b'"));
                run(&format!("DELETE FROM access_forge.{table}"));
            }
        });
        assert_eq!(
            entries("access_forge_victim"),
            [r#"create 1 {"v": "true", "id": 1}"#]
        );
        assert_eq!(
            entries("access_forge.t"),
            [
                r#"create 1 {"v": "a", "id": 1}"#,
                r#"update 1 {"v": "b"} was {"v": "a"}"#,
                r#"delete 1 was {"v": "b", "id": 1}"#
            ]
        );
    }

    /// Whatever a trigger of the wrong kind does, it fails at most.
    #[pg_test]
    fn access_trigger_of_another_kind_records_nothing() {
        let victim = owner("access_misuse");
        let own = int("SELECT id FROM directus_versions.collection WHERE name = 'access_misuse.t'");
        as_role("access_misuse", || {
            run(
                "CREATE TABLE access_misuse.loose (id int PRIMARY KEY, v text);
                 CREATE VIEW access_misuse.view AS SELECT * FROM access_misuse.loose",
            );
            for (table, argument) in [
                ("loose", victim.to_string()),
                ("t", victim.to_string()),
                ("t", own.to_string()),
                ("t", String::new()),
                ("t", "x".to_owned()),
                ("t", format!("{own}', '{victim}")),
            ] {
                for when in [
                    "BEFORE INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW",
                    "AFTER INSERT OR UPDATE OR DELETE ON {} FOR EACH STATEMENT",
                    "BEFORE INSERT OR UPDATE OR DELETE ON {} FOR EACH STATEMENT",
                    "BEFORE TRUNCATE ON {} FOR EACH STATEMENT",
                    "AFTER TRUNCATE ON {} FOR EACH STATEMENT",
                ] {
                    let when = when.replace("{}", &format!("access_misuse.{table}"));
                    run(&format!(
                        "CREATE TRIGGER misuse {when} EXECUTE FUNCTION directus_versions._capture_row('{argument}')"
                    ));
                    for sql in [
                        "INSERT INTO {} VALUES (1, 'a') ON CONFLICT DO NOTHING",
                        "UPDATE {} SET v = v || 'b'",
                        "DELETE FROM {}",
                        "TRUNCATE {}",
                    ] {
                        state(&sql.replace("{}", &format!("access_misuse.{table}")));
                    }
                    run(&format!("DROP TRIGGER misuse ON access_misuse.{table}"));
                }
            }
            run(&format!(
                "CREATE TRIGGER misuse INSTEAD OF INSERT ON access_misuse.view
                 FOR EACH ROW EXECUTE FUNCTION directus_versions._capture_row('{victim}')"
            ));
            state("INSERT INTO access_misuse.view VALUES (2, 'a')");
            state("SELECT directus_versions._capture_row()");
        });
        assert_eq!(
            entries("access_misuse_victim"),
            [r#"create 1 {"v": "true", "id": 1}"#]
        );
        // Each insert that went through is there once.
        let own = entries("access_misuse.t");
        let creates = own
            .iter()
            .filter(|entry| entry.starts_with("create"))
            .count();
        let deletes = own
            .iter()
            .filter(|entry| entry.starts_with("delete"))
            .count();
        assert_eq!(creates, deletes, "{own:?}");
    }

    /// Code of the table's owner: in its key's domain, in an index, in a column's default.
    #[pg_test]
    fn access_code_of_a_table_runs_as_its_owner() {
        run(
            "CREATE ROLE access_digger; CREATE SCHEMA access_pit AUTHORIZATION access_digger;
             GRANT USAGE ON SCHEMA access_pit TO PUBLIC;
             SELECT directus_versions.grant_access('access_digger', 'manage')",
        );
        as_role("access_digger", || {
            run(
                "CREATE FUNCTION access_pit.seize(value int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
                 BEGIN
                     PERFORM set_config('access.seized', coalesce(current_setting('access.seized', true), '')
                         || current_user || ' ', true);
                     RETURN value;
                 END $$;
                 CREATE DOMAIN access_pit.key AS int CHECK (access_pit.seize(VALUE) IS NOT NULL);
                 CREATE TABLE access_pit.t (id access_pit.key PRIMARY KEY, v text,
                     n int DEFAULT access_pit.seize(5), g int GENERATED ALWAYS AS (access_pit.seize(length(v))) STORED,
                     CHECK (access_pit.seize(length(v)) > 0));
                 CREATE INDEX ON access_pit.t ((length(v) + access_pit.seize(1)));
                 CREATE STATISTICS access_pit.s ON (length(v) + access_pit.seize(1)), v FROM access_pit.t;
                 INSERT INTO access_pit.t VALUES (1, 'a')",
            );
            run("SELECT directus_versions.track('access_pit.t')");
            run("UPDATE access_pit.t SET v = 'b'");
            run("UPDATE access_pit.t SET v = 'c'");
            run(
                "SELECT * FROM directus_versions.revisions; SELECT * FROM directus_versions.activity",
            );
            run("SELECT directus_versions.comment('access_pit.t', 1, 'seen')");
            run("ALTER TABLE access_pit.t ADD COLUMN w int DEFAULT access_pit.seize(6)");
            run("CREATE INDEX ON access_pit.t ((length(v) * access_pit.seize(1)))");
            run("SELECT directus_versions.set_scope('access_pit.t', exclude => '{n}')");
            run("UPDATE access_pit.t SET v = 'd'");
        });
        // Who reads it gives its rights to nobody either.
        run("SELECT id, data FROM directus_versions.revisions; SELECT * FROM directus_versions.activity;
             SELECT * FROM directus_versions.collections");
        let seized = text("SELECT current_setting('access.seized')").unwrap();
        assert!(!seized.is_empty());
        assert!(
            seized
                .split_whitespace()
                .all(|role| role == "access_digger"),
            "{seized}"
        );
    }

    #[pg_test]
    fn access_trigger_made_by_hand_without_arguments_records_nothing() {
        owner("access_bare");
        as_role("access_bare", || {
            run("CREATE TABLE access_bare.free (id int PRIMARY KEY, v text)");
            for table in ["t", "free"] {
                run(&format!(
                    "CREATE TRIGGER \"000\" AFTER INSERT OR UPDATE OR DELETE ON access_bare.{table}
                         FOR EACH ROW EXECUTE FUNCTION directus_versions._capture_row();
                     CREATE TRIGGER zz AFTER INSERT OR UPDATE OR DELETE ON access_bare.{table}
                         FOR EACH ROW EXECUTE FUNCTION directus_versions._capture_row();
                     INSERT INTO access_bare.{table} VALUES (1, 'a'), (2, 'b');
                     UPDATE access_bare.{table} SET v = 'c' WHERE id = 1;
                     DELETE FROM access_bare.{table} WHERE id = 2"
                ));
            }
        });
        assert_eq!(
            entries("access_bare.t"),
            [
                r#"create 1 {"v": "a", "id": 1}"#,
                r#"create 2 {"v": "b", "id": 2}"#,
                r#"update 1 {"v": "c"} was {"v": "a"}"#,
                r#"delete 2 was {"v": "b", "id": 2}"#
            ]
        );
        assert!(entries("access_bare.free").is_empty());
        assert_eq!(entries("access_bare_victim").len(), 1);
    }
}
