//! Whole schemas: whose tables are tracked, and what a new name of the schema changes.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::scope::activities;
    use crate::pg_tests::support::{int, run, text, yes};
    use pgrx::prelude::*;

    fn tracked_tables(schema: &str) -> Option<String> {
        text(&format!(
            "SELECT string_agg(c.relname, ',' ORDER BY c.relname)
             FROM directus_versions.collections k JOIN pg_class c ON c.oid = k.target
             WHERE k.tracked AND c.relnamespace = '{schema}'::regnamespace"
        ))
    }

    #[pg_test]
    fn scope_schema_owner_tracks_no_tables_of_others() {
        run("CREATE ROLE sco_house; CREATE ROLE sco_guest;
             SELECT directus_versions.grant_access('sco_house', 'manage');
             CREATE SCHEMA sco_home AUTHORIZATION sco_house;
             GRANT ALL ON SCHEMA sco_home TO sco_guest;
             SET LOCAL ROLE sco_guest;
             CREATE TABLE sco_home.guest_before (id int PRIMARY KEY);
             SET LOCAL ROLE sco_house;
             CREATE TABLE sco_home.own_before (id int PRIMARY KEY)");
        assert_eq!(int("SELECT directus_versions.track_schema('sco_home')"), 1);
        run("CREATE TABLE sco_home.own_after (id int PRIMARY KEY);
             SET LOCAL ROLE sco_guest;
             CREATE TABLE sco_home.guest_after (id int PRIMARY KEY);
             INSERT INTO sco_home.guest_after VALUES (1);
             INSERT INTO sco_home.guest_before VALUES (1);
             ALTER TABLE sco_home.guest_before ADD v text;
             UPDATE sco_home.guest_before SET v = 'a';
             SET LOCAL ROLE sco_house;
             INSERT INTO sco_home.own_after VALUES (1);
             RESET ROLE;
             CREATE TABLE sco_home.super_after (id int PRIMARY KEY)");
        assert_eq!(
            tracked_tables("sco_home").as_deref(),
            Some("own_after,own_before")
        );
        assert_eq!(activities("sco_home.own_after"), 1);
        assert_eq!(
            activities("sco_home.guest_before") + activities("sco_home.guest_after"),
            0
        );
        assert_eq!(
            int("SELECT count(*) FROM pg_trigger
                 WHERE tgrelid IN ('sco_home.guest_before'::regclass, 'sco_home.guest_after'::regclass)"),
            0
        );
    }

    #[pg_test]
    fn scope_schema_is_renamed() {
        run("CREATE SCHEMA sco_old;
             CREATE TABLE sco_old.before (id int PRIMARY KEY);
             SELECT directus_versions.track_schema('sco_old');
             ALTER SCHEMA sco_old RENAME TO sco_new;
             CREATE TABLE sco_new.after (id int PRIMARY KEY);
             INSERT INTO sco_new.before VALUES (1); INSERT INTO sco_new.after VALUES (1)");
        assert_eq!(tracked_tables("sco_new").as_deref(), Some("after,before"));
        assert_eq!(
            activities("sco_new.before") + activities("sco_new.after"),
            2
        );
        // The old name is free for a schema that nobody asked for.
        run(
            "CREATE SCHEMA sco_old; CREATE TABLE sco_old.stranger (id int PRIMARY KEY);
             INSERT INTO sco_old.stranger VALUES (1)",
        );
        assert_eq!(tracked_tables("sco_old"), None);
        run("DROP SCHEMA sco_new CASCADE; CREATE SCHEMA sco_new;
             CREATE TABLE sco_new.later (id int PRIMARY KEY)");
        assert_eq!(tracked_tables("sco_new"), None);
        assert!(yes(
            "SELECT count(*) = 2 FROM directus_versions.activity WHERE collection LIKE 'sco\\_new.%'"
        ));
    }
}
