//! Nobody changes or removes what is in the log by SQL, superuser and owner included.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{int, run, state, table, text, yes};
    use pgrx::prelude::*;

    /// Record something, so that there are rows to guard.
    fn recorded(name: &str) {
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, v text);
             SELECT directus_versions.track('{name}');
             SELECT directus_versions.set_context(actor => '{name}');
             INSERT INTO {name} VALUES (1, 'a');
             UPDATE {name} SET v = 'b'"
        ));
    }

    fn names(sql: &str) -> Vec<String> {
        table(sql)
            .into_iter()
            .filter_map(|row| row.into_iter().next().flatten())
            .collect()
    }

    /// Name the log, the partitions of it that hold rows, and the contexts.
    fn guarded() -> Vec<String> {
        let mut found = names("SELECT DISTINCT tableoid::regclass FROM directus_versions.log");
        assert!(!found.is_empty());
        found.push("directus_versions.log".to_owned());
        found.push("directus_versions.context".to_owned());
        found
    }

    fn columns(relation: &str) -> Vec<String> {
        names(&format!(
            "SELECT quote_ident(attname) FROM pg_attribute
             WHERE attrelid = '{relation}'::regclass AND attnum > 0 AND NOT attisdropped
               AND attgenerated = '' AND attidentity <> 'a'"
        ))
    }

    /// Other tests commit meanwhile: look at what this transaction wrote.
    fn own_rows(relation: &str) -> Option<String> {
        text(&format!(
            "SELECT md5(string_agg(r::text, ',' ORDER BY r::text)) FROM directus_versions.{relation} r
             WHERE r.xmin = pg_current_xact_id()::xid"
        ))
    }

    fn check_refused(sql: &str) {
        assert_eq!(state(sql), "42501", "{sql}");
    }

    /// TRUNCATE waits for every other test that has the log open; give way rather than deadlock.
    fn check_truncate_refused(relation: &str) {
        run("SET LOCAL lock_timeout = '300ms'");
        let sql = format!("TRUNCATE {relation}");
        for _ in 0..400 {
            let found = state(&sql);
            if !["55P03", "40P01"].contains(&found.as_str()) {
                assert_eq!(found, "42501", "{sql}");
                return;
            }
        }
        panic!("no lock for {sql}");
    }

    fn check_all_refused() {
        let before = ["log", "context"].map(own_rows);
        for relation in guarded() {
            for column in columns(&relation) {
                check_refused(&format!("UPDATE {relation} SET {column} = {column}"));
            }
            check_refused(&format!("DELETE FROM {relation}"));
        }
        assert!(
            before.iter().all(Option::is_some),
            "nothing to guard: {before:?}"
        );
        assert_eq!(["log", "context"].map(own_rows), before);
    }

    #[pg_test]
    fn readonly_superuser_changes_nothing() {
        recorded("readonly_super");
        check_all_refused();
    }

    #[pg_test]
    fn readonly_replica_role_changes_nothing() {
        recorded("readonly_replica");
        run("SET LOCAL session_replication_role = replica");
        check_all_refused();
    }

    #[pg_test]
    fn readonly_holds_whatever_our_settings_say() {
        recorded("readonly_settings");
        run("SET LOCAL directus_versions.allow_drop = on;
             SET LOCAL directus_versions.enabled = off");
        check_all_refused();
    }

    #[pg_test]
    fn readonly_truncate_is_refused_on_every_part() {
        recorded("readonly_truncated");
        let parts = names(
            "SELECT relid FROM pg_partition_tree('directus_versions.log')
             UNION ALL SELECT 'directus_versions.context'::regclass",
        );
        assert!(parts.len() > 2, "{parts:?}");
        for part in &parts {
            check_truncate_refused(part);
            check_truncate_refused(&format!("{part} CASCADE"));
        }
        run("SET LOCAL session_replication_role = replica");
        for part in &parts {
            check_truncate_refused(part);
        }
        assert_eq!(
            int("SELECT count(*) FROM directus_versions.revisions
                 WHERE collection = 'readonly_truncated'"),
            2
        );
    }

    #[pg_test]
    fn readonly_other_ways_to_write_are_refused() {
        recorded("readonly_ways");
        check_refused(
            "MERGE INTO directus_versions.log l USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
        );
        check_refused(
            "MERGE INTO directus_versions.log l USING (SELECT 1) s ON true
             WHEN MATCHED THEN UPDATE SET item = 'x'",
        );
        check_refused(
            "WITH gone AS (DELETE FROM directus_versions.log RETURNING *) SELECT count(*) FROM gone",
        );
        check_refused("UPDATE directus_versions.log SET at = at + interval '10 years'");
        check_refused("DELETE FROM directus_versions.log USING directus_versions.context");
        check_refused(
            "DO $$ DECLARE c CURSOR FOR SELECT * FROM directus_versions.context FOR UPDATE; r record;
             BEGIN OPEN c; FETCH c INTO r; DELETE FROM directus_versions.context WHERE CURRENT OF c; END $$",
        );
    }

    #[pg_test]
    fn readonly_other_roles_write_nothing() {
        recorded("readonly_roles");
        for level in ["read", "write", "manage"] {
            run(&format!(
                "CREATE ROLE readonly_{level};
                 SELECT directus_versions.grant_access('readonly_{level}', '{level}');
                 SET LOCAL ROLE readonly_{level}"
            ));
            for relation in ["log", "context"] {
                for sql in [
                    format!("INSERT INTO directus_versions.{relation} DEFAULT VALUES"),
                    format!(
                        "INSERT INTO directus_versions.{relation} SELECT * FROM directus_versions.{relation}"
                    ),
                    format!("DELETE FROM directus_versions.{relation}"),
                    format!("TRUNCATE directus_versions.{relation}"),
                ] {
                    check_refused(&sql);
                }
            }
            run("RESET ROLE");
        }
        let open = names(
            "SELECT format('%s of %s to %s', a.privilege_type, c.oid::regclass, a.grantee)
             FROM pg_class c, aclexplode(c.relacl) a
             WHERE (c.oid IN (SELECT relid FROM pg_partition_tree('directus_versions.log'))
                    OR c.oid = 'directus_versions.context'::regclass)
               AND a.grantee <> c.relowner",
        );
        assert!(open.is_empty(), "{open:?}");
    }

    #[pg_test]
    fn readonly_views_take_no_writes() {
        recorded("readonly_views");
        run("CREATE ROLE readonly_viewer;
             GRANT SELECT ON readonly_views TO readonly_viewer;
             SELECT directus_versions.grant_access('readonly_viewer', 'manage')");
        for role in ["NONE", "readonly_viewer"] {
            run(&format!("SET LOCAL ROLE {role}"));
            for (view, column) in [
                ("activity", "comment"),
                ("revisions", "item"),
                ("collections", "collection"),
            ] {
                for sql in [
                    format!("UPDATE directus_versions.{view} SET {column} = 'x'"),
                    format!("DELETE FROM directus_versions.{view}"),
                    format!("INSERT INTO directus_versions.{view} ({column}) VALUES ('x')"),
                ] {
                    let found = state(&sql);
                    assert!(
                        ["42501", "55000"].contains(&found.as_str()),
                        "{found} from {sql}"
                    );
                }
            }
        }
        run("RESET ROLE");
        assert!(!yes(
            "SELECT EXISTS (SELECT FROM directus_versions.revisions WHERE item = 'x' AND collection = 'readonly_views')"
        ));
    }
}
