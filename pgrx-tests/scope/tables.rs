//! Which tables are tracked, and how far.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::scope::{activities, create, revisions, tracked};
    use crate::pg_tests::support::{
        check_history, entries, error, int, run, shows, state, table, text, yes,
    };
    use pgrx::prelude::*;

    #[pg_test]
    fn scope_track_twice_and_again() {
        tracked("sco_twice", "");
        let raised = error("SELECT directus_versions.track('sco_twice')");
        assert_eq!(raised.state, "42710");
        assert!(
            raised.message.contains("\"sco_twice\""),
            "{}",
            raised.message
        );
        run("INSERT INTO sco_twice VALUES (1, 'a');
             SELECT directus_versions.untrack('sco_twice');
             UPDATE sco_twice SET v = 'unseen'; TRUNCATE sco_twice; INSERT INTO sco_twice VALUES (1, 'c')");
        assert_eq!(
            entries("sco_twice").len(),
            1,
            "history stays, nothing is added"
        );
        assert_eq!(
            int("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'sco_twice'::regclass"),
            0
        );
        assert!(!yes(
            "SELECT tracked FROM directus_versions.collections WHERE collection = 'sco_twice'"
        ));
        run("SELECT directus_versions.track('sco_twice'); UPDATE sco_twice SET v = 'd'");
        assert_eq!(
            entries("sco_twice")[1..],
            [r#"update 1 {"v": "d"} was {"v": "c"}"#]
        );
        shows(
            "SELECT count(*) || ' ' || bool_and(tracked) FROM directus_versions.collections
             WHERE target = 'sco_twice'::regclass",
            "1 true",
        );
    }

    #[pg_test]
    fn scope_calls_on_a_table_that_is_not_tracked() {
        create("sco_not");
        for call in [
            "untrack('sco_not')",
            "set_scope('sco_not', accountability => 'activity')",
            "comment('sco_not', 1, 'hello')",
        ] {
            let raised = error(&format!("SELECT directus_versions.{call}"));
            assert_eq!(raised.state, "55000", "{call}: {raised:?}");
            assert!(raised.message.contains("\"sco_not\""), "{raised:?}");
        }
    }

    #[pg_test]
    fn scope_track_refuses_what_is_not_a_table() {
        run("CREATE TABLE sco_base (id int PRIMARY KEY);
             CREATE VIEW sco_view AS SELECT * FROM sco_base;
             CREATE MATERIALIZED VIEW sco_mat AS SELECT * FROM sco_base;
             CREATE SEQUENCE sco_seq; CREATE INDEX sco_idx ON sco_base (id);
             CREATE TYPE sco_type AS (a int);
             CREATE TABLE sco_part (id int PRIMARY KEY) PARTITION BY RANGE (id);
             CREATE TABLE sco_part_1 PARTITION OF sco_part FOR VALUES FROM (0) TO (10)");
        for name in [
            "sco_view",
            "sco_mat",
            "sco_seq",
            "sco_idx",
            "sco_type",
            "sco_part_1",
        ] {
            let raised = error(&format!("SELECT directus_versions.track('{name}')"));
            assert_eq!(raised.state, "42809", "{raised:?}");
            assert!(
                raised.message.contains(&format!("\"{name}\"")),
                "{raised:?}"
            );
        }
        assert_eq!(
            state("SELECT directus_versions.track('sco_missing')"),
            "42P01"
        );
        let system = state("SELECT directus_versions.track('pg_catalog.pg_class')");
        assert!(
            ["42809", "42501", "0A000"].contains(&system.as_str()),
            "{system}"
        );
        run("CREATE TEMP TABLE sco_temp (id int PRIMARY KEY)");
        let temporary = state("SELECT directus_versions.track('sco_temp')");
        assert!(
            ["42809", "0A000"].contains(&temporary.as_str()),
            "{temporary}"
        );
        let own = state("SELECT directus_versions.track('directus_versions.versions')");
        assert_ne!(own, "00000", "our own tables are not tracked");
    }

    #[pg_test]
    fn scope_arguments_are_checked() {
        create("sco_args");
        for (call, code) in [
            ("track('sco_args', accountability => 'everything')", "22023"),
            ("track('sco_args', snapshot => 'sometimes')", "22023"),
            ("track('sco_args', fields => '{v,nope}')", "42703"),
            ("track('sco_args', exclude => '{nope}')", "42703"),
            ("track('sco_args', ignore => '{nope}')", "42703"),
            ("track('sco_args', mask => '{nope}')", "42703"),
            ("track('sco_args', key => '{nope}')", "42703"),
            ("track('sco_args', mask => '{xmin}')", "42703"),
        ] {
            let raised = error(&format!("SELECT directus_versions.{call}"));
            assert_eq!(raised.state, code, "{call}: {raised:?}");
        }
        assert_eq!(
            int("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'sco_args'::regclass"),
            0
        );
        run("SELECT directus_versions.track('sco_args')");
        for (call, code) in [
            ("accountability => 'some'", "22023"),
            ("snapshot => ''", "22023"),
            ("fields => '{nope}'", "42703"),
            ("exclude => '{nope}'", "42703"),
            ("ignore => '{id,nope}'", "42703"),
            ("mask => '{nope}'", "42703"),
        ] {
            let raised = error(&format!(
                "SELECT directus_versions.set_scope('sco_args', {call})"
            ));
            assert_eq!(raised.state, code, "{call}: {raised:?}");
        }
    }

    #[pg_test]
    fn scope_accountability_activity_keeps_no_values() {
        tracked("sco_act", ", accountability => 'activity'");
        run("INSERT INTO sco_act VALUES (1, 'confidential', 1);
             UPDATE sco_act SET v = 'b'; UPDATE sco_act SET v = v; UPDATE sco_act SET id = 2; DELETE FROM sco_act;
             INSERT INTO sco_act VALUES (3, 'c'); TRUNCATE sco_act");
        assert_eq!(
            entries("sco_act"),
            [
                "create 1", "update 1", "update 2", "delete 2", "create 3", "truncate", "delete 3"
            ]
        );
        assert_eq!(revisions("sco_act"), 0);
        assert!(!yes(
            "SELECT coalesce(bool_or(strpos(l::text, 'confidential') > 0), false)
                      FROM directus_versions.log l WHERE transaction = pg_current_xact_id()"
        ));
    }

    #[pg_test]
    fn scope_accountability_none_records_nothing() {
        tracked("sco_none", ", accountability => 'none'");
        run("INSERT INTO sco_none VALUES (1, 'a'); UPDATE sco_none SET v = 'b'; TRUNCATE sco_none");
        assert_eq!(activities("sco_none"), 0);
        assert!(yes(
            "SELECT tracked AND accountability = 'none' FROM directus_versions.collections
                     WHERE collection = 'sco_none'"
        ));
        run(
            "SELECT directus_versions.set_scope('sco_none', accountability => 'all');
             INSERT INTO sco_none VALUES (2, 'c')",
        );
        assert_eq!(revisions("sco_none"), 1);
    }

    #[pg_test]
    fn scope_accountability_changes_midway() {
        tracked("sco_mid", "");
        run("INSERT INTO sco_mid VALUES (1, 'a', 1);
             SELECT directus_versions.set_scope('sco_mid', accountability => 'activity');
             UPDATE sco_mid SET v = 'unseen';
             SELECT directus_versions.set_scope('sco_mid', accountability => 'none');
             UPDATE sco_mid SET v = 'unseen too';
             SELECT directus_versions.set_scope('sco_mid', accountability => 'all');
             UPDATE sco_mid SET n = 2");
        assert_eq!(
            entries("sco_mid"),
            [
                r#"create 1 {"n": 1, "v": "a", "id": 1, "secret": null}"#,
                "update 1",
                r#"update 1 {"n": 2} was {"n": 1}"#,
            ]
        );
    }

    #[pg_test]
    fn scope_many_updates_of_one_item_pass_every_keyframe() {
        tracked("sco_frames", "");
        run("INSERT INTO sco_frames VALUES (1, 'a', 0), (2, 'b', 0);
             DO $$ BEGIN FOR i IN 1..300 LOOP
                 UPDATE sco_frames SET n = i WHERE id = 1;
                 IF i % 7 = 0 THEN UPDATE sco_frames SET v = 'v' || i WHERE id = 1; END IF;
             END LOOP; END $$");
        check_history("sco_frames");
    }

    #[pg_test]
    fn scope_takes_effect_at_the_next_statement_of_a_function() {
        tracked("sco_now", "");
        run("DO $$ BEGIN
                 INSERT INTO sco_now VALUES (1, 'a', 1);
                 PERFORM directus_versions.set_scope('sco_now', accountability => 'none');
                 INSERT INTO sco_now VALUES (2, 'b', 1);
                 PERFORM directus_versions.set_scope('sco_now', accountability => 'all', exclude => '{secret,n}');
                 INSERT INTO sco_now VALUES (3, 'c', 1);
                 PERFORM directus_versions.untrack('sco_now');
                 INSERT INTO sco_now VALUES (4, 'd', 1);
                 PERFORM directus_versions.track('sco_now');
                 INSERT INTO sco_now VALUES (5, 'e', 1);
             END $$");
        assert_eq!(
            entries("sco_now")[..2],
            [
                r#"create 1 {"n": 1, "v": "a", "id": 1, "secret": null}"#,
                r#"create 3 {"v": "c", "id": 3}"#,
            ]
        );
        assert_eq!(entries("sco_now").len(), 3);
        shows(
            "SELECT string_agg(item, ',' ORDER BY id) FROM directus_versions.activity
             WHERE collection = 'sco_now'",
            "1,3,5",
        );
    }

    #[pg_test]
    fn scope_track_schema() {
        run("CREATE SCHEMA sco_all;
             CREATE TABLE sco_all.one (id int PRIMARY KEY, v text);
             CREATE TABLE sco_all.none (v text);
             CREATE VIEW sco_all.looking AS SELECT * FROM sco_all.one;
             CREATE TABLE sco_all.split (id int PRIMARY KEY) PARTITION BY RANGE (id);
             CREATE TABLE sco_all.split_1 PARTITION OF sco_all.split FOR VALUES FROM (0) TO (10);
             CREATE TABLE sco_all.already (id int PRIMARY KEY);
             SELECT directus_versions.track('sco_all.already', accountability => 'activity')");
        let new = int("SELECT directus_versions.track_schema('sco_all')");
        assert!(new == 2 || new == 3, "{new}");
        run("CREATE TABLE sco_all.later (id int PRIMARY KEY, v text);
             CREATE TABLE sco_all.later_none (v text);
             CREATE TABLE sco_all.later_split (id int PRIMARY KEY) PARTITION BY RANGE (id);
             CREATE TABLE sco_all.later_split_1 PARTITION OF sco_all.later_split FOR VALUES FROM (0) TO (10);
             CREATE TABLE sco_all.later_as AS SELECT 1 AS id;
             CREATE TABLE sco_outside (id int PRIMARY KEY);
             INSERT INTO sco_all.one VALUES (1, 'a'); INSERT INTO sco_all.later VALUES (1, 'a');
             INSERT INTO sco_all.split VALUES (1); INSERT INTO sco_all.later_split_1 VALUES (2);
             INSERT INTO sco_all.none VALUES ('x'); INSERT INTO sco_all.later_none VALUES ('x');
             INSERT INTO sco_outside VALUES (1); INSERT INTO sco_all.already VALUES (1)");
        let found = table(
            "SELECT collection, accountability FROM directus_versions.collections
             WHERE collection LIKE 'sco\\_%' AND tracked ORDER BY collection",
        );
        let found: Vec<String> = found
            .into_iter()
            .map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            found,
            [
                "sco_all.already activity",
                "sco_all.later all",
                "sco_all.later_split all",
                "sco_all.one all",
                "sco_all.split all",
            ]
        );
        for collection in [
            "sco_all.one",
            "sco_all.later",
            "sco_all.split",
            "sco_all.later_split",
        ] {
            assert_eq!(entries(collection).len(), 1, "{collection}");
        }
        run("INSERT INTO sco_all.later_as SELECT 2");
    }

    #[pg_test]
    fn scope_track_schema_with_activity_and_refusals() {
        run("CREATE SCHEMA sco_light; CREATE TABLE sco_light.a (id int PRIMARY KEY)");
        assert_eq!(
            int("SELECT directus_versions.track_schema('sco_light', 'activity')"),
            1
        );
        run("CREATE TABLE sco_light.b (id int PRIMARY KEY); INSERT INTO sco_light.b VALUES (1)");
        assert_eq!(entries("sco_light.b"), ["create 1"]);
        assert_eq!(
            state("SELECT directus_versions.track_schema('sco_nowhere')"),
            "3F000"
        );
        assert_ne!(
            state("SELECT directus_versions.track_schema('sco_light', 'weird')"),
            "00000"
        );
    }

    #[pg_test]
    fn scope_collections_view() {
        create("sco_coll");
        assert_eq!(
            text(
                "SELECT collection FROM directus_versions.collections WHERE target = 'sco_coll'::regclass"
            ),
            None
        );
        run("SELECT directus_versions.track('sco_coll', fields => '{id,v}', mask => '{v}', snapshot => 'always');
             INSERT INTO sco_coll VALUES (1, 'a'), (2, 'b')");
        assert_eq!(
            table("SELECT collection, target, accountability, fields, exclude, ignore, mask, snapshot, tracked,
                          since <= clock_timestamp(), rows > 0 OR rows IS NOT NULL, bytes IS NOT NULL
                   FROM directus_versions.collections WHERE target = 'sco_coll'::regclass"),
            [["sco_coll", "sco_coll", "all", "{id,v}", "{}", "{}", "{v}", "always", "true", "true", "true", "true"]
                .map(|value| Some(value.to_owned()))]
        );
    }

    #[pg_test]
    fn scope_views_have_the_columns_of_the_contract() {
        let columns = |name: &str| {
            text(&format!(
                "SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, NULL), ', ' ORDER BY attnum)
                 FROM pg_attribute a WHERE attrelid = 'directus_versions.{name}'::regclass
                   AND attnum > 0 AND NOT attisdropped"
            ))
            .unwrap()
        };
        assert_eq!(
            columns("activity"),
            "id bigint, action text, actor text, timestamp timestamp with time zone, ip text, user_agent text, \
             collection text, item text, comment text, origin text, request_id text, session_user_name text, \
             role_name text, application_name text, transaction xid8"
        );
        assert_eq!(
            columns("revisions"),
            "id bigint, activity bigint, collection text, item text, data jsonb, delta jsonb, parent bigint, \
             version uuid, prior jsonb, source bigint"
        );
        assert!(
            columns("collections")
                .starts_with("collection text, target regclass, accountability text")
        );
    }

    #[pg_test]
    fn scope_every_function_is_described_and_pins_its_search_path() {
        let bare = table(
            "SELECT p.oid::regprocedure FROM pg_proc p
             WHERE pronamespace = 'directus_versions'::regnamespace
               AND (obj_description(p.oid, 'pg_proc') IS NULL
                    OR NOT coalesce(array_to_string(proconfig, ' ') LIKE '%search_path=%', false)
                       AND prolang NOT IN (SELECT oid FROM pg_language WHERE lanname IN ('c', 'internal')))
               AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)",
        );
        assert!(bare.is_empty(), "{bare:?}");
    }
}
