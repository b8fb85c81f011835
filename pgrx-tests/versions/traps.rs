//! Code of a table's owner, in the types of its key, that must not run as anybody else.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{run, shows};
    use crate::pg_tests::versions::version;
    use pgrx::prelude::*;

    #[pg_test]
    fn versions_run_no_code_of_a_keys_type() {
        run("CREATE ROLE versions_thief; CREATE TABLE versions_loot (who name); GRANT ALL ON versions_loot TO PUBLIC;
             GRANT CREATE ON SCHEMA public TO versions_thief;
             SELECT directus_versions.grant_access('versions_thief', 'manage');
             SET ROLE versions_thief;
             CREATE FUNCTION versions_steal() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN
                 IF current_user <> ''versions_thief'' THEN INSERT INTO versions_loot VALUES (current_user); END IF;
                 RETURN true; END';
             CREATE FUNCTION versions_stolen(text) RETURNS boolean LANGUAGE sql AS 'SELECT versions_steal()';
             CREATE DOMAIN versions_lure AS text CHECK (versions_stolen(value));
             CREATE TYPE versions_lures AS RANGE (subtype = versions_lure);
             CREATE TYPE versions_mood AS ENUM ('glad');
             CREATE FUNCTION versions_moved(text) RETURNS versions_mood LANGUAGE plpgsql
                 AS 'BEGIN PERFORM versions_steal(); RETURN enum_first(NULL::versions_mood); END';
             CREATE CAST (text AS versions_mood) WITH FUNCTION versions_moved(text)");
        for (name, kind, value) in [
            ("versions_bait_1", "versions_lure", "a"),
            ("versions_bait_2", "versions_lures", "[a,b)"),
            ("versions_bait_3", "versions_mood", "glad"),
            ("versions_bait_4", "versions_lure[]", "{a}"),
        ] {
            run(&format!(
                "CREATE TABLE {name} (id {kind} PRIMARY KEY, t text); SELECT directus_versions.track('{name}');
                 INSERT INTO {name} SELECT ('{{\"id\": \"{value}\"}}'::json ->> 'id')::{kind}, 'main'"
            ));
            let item = format!("(SELECT directus_versions.item_of(k) FROM {name} AS k)");
            let id = version(name, &item, "draft", r#"{"t": "staged"}"#);
            for role in ["versions_thief", "NONE"] {
                run(&format!(
                    "SET ROLE {role};
                     SELECT FROM directus_versions.read_version(NULL::{name}, 'draft');
                     SELECT directus_versions.version_data('{id}'), directus_versions.compare_version('{id}'),
                         directus_versions.version_row(NULL::{name}, '{id}'),
                         directus_versions.save_version('{id}', '{{\"t\": \"{role}\"}}');
                     SELECT FROM directus_versions.versions"
                ));
            }
            run("SET ROLE versions_thief");
            shows(
                &format!("SELECT directus_versions.promote_version('{id}') IS NOT NULL"),
                "true",
            );
        }
        shows("SELECT count(*) FROM versions_loot", "0");
        run("RESET ROLE");
    }
}
