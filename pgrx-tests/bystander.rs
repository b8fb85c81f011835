//! A table we do not track never notices us, nor does its DDL.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{entries, int, run, shows, state, table};
    use pgrx::prelude::*;

    fn activities() -> i64 {
        int(
            "SELECT count(*) FROM directus_versions.activity WHERE transaction = pg_current_xact_id_if_assigned()",
        )
    }

    #[pg_test]
    fn bystander_table_has_no_triggers_and_leaves_no_trace() {
        run("CREATE TABLE by_plain (id int PRIMARY KEY, v text);
             CREATE TABLE by_tracked (id int PRIMARY KEY, p int REFERENCES by_plain ON DELETE CASCADE);
             SELECT directus_versions.track('by_tracked');
             CREATE TABLE by_like (LIKE by_tracked INCLUDING ALL);
             CREATE TABLE by_as AS SELECT * FROM by_tracked;
             CREATE TABLE by_root (id int PRIMARY KEY) PARTITION BY RANGE (id);
             CREATE TABLE by_root_1 PARTITION OF by_root FOR VALUES FROM (0) TO (10);
             CREATE TABLE by_child () INHERITS (by_plain)");
        let count = activities();
        run("INSERT INTO by_plain VALUES (1, 'a'); UPDATE by_plain SET v = 'b'; DELETE FROM by_plain; TRUNCATE by_child;
             INSERT INTO by_like VALUES (1, 1); UPDATE by_like SET p = 2; TRUNCATE by_like;
             INSERT INTO by_as VALUES (1, 1); INSERT INTO by_root VALUES (1); DELETE FROM by_root_1");
        assert_eq!(activities(), count);
        let triggers = table(
            "SELECT tgrelid::regclass, tgname FROM pg_trigger
             WHERE NOT tgisinternal AND tgrelid::regclass::text ~ '^by_' AND tgrelid <> 'by_tracked'::regclass",
        );
        assert!(triggers.is_empty(), "{triggers:?}");
    }

    #[pg_test]
    fn bystander_ddl_of_every_kind() {
        run("CREATE SCHEMA by_kinds;
             CREATE TABLE by_kinds.a (id int PRIMARY KEY, v text);
             ALTER TABLE by_kinds.a ADD w int DEFAULT 3, ALTER v TYPE varchar(20);
             ALTER TABLE by_kinds.a RENAME v TO vv; ALTER TABLE by_kinds.a RENAME TO b;
             CREATE INDEX ON by_kinds.b (vv); CLUSTER by_kinds.b USING b_vv_idx;
             CREATE VIEW by_kinds.w AS SELECT * FROM by_kinds.b;
             CREATE MATERIALIZED VIEW by_kinds.m AS SELECT * FROM by_kinds.b; REFRESH MATERIALIZED VIEW by_kinds.m;
             CREATE TEMP TABLE by_tmp (id int PRIMARY KEY) ON COMMIT DROP; INSERT INTO by_tmp VALUES (1); TRUNCATE by_tmp;
             CREATE UNLOGGED TABLE by_kinds.u (id int PRIMARY KEY);
             CREATE TABLE by_kinds.p (id int PRIMARY KEY) PARTITION BY LIST (id);
             CREATE TABLE by_kinds.p1 PARTITION OF by_kinds.p FOR VALUES IN (1);
             ALTER TABLE by_kinds.p DETACH PARTITION by_kinds.p1;
             ALTER TABLE by_kinds.p ATTACH PARTITION by_kinds.p1 FOR VALUES IN (1);
             SELECT 1 AS x INTO by_kinds.into_t;
             CREATE FUNCTION by_kinds.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
             CREATE TYPE by_kinds.e AS ENUM ('a'); CREATE SEQUENCE by_kinds.s;
             COMMENT ON TABLE by_kinds.b IS 'c';
             ALTER TABLE by_kinds.b SET SCHEMA public; ALTER TABLE public.b SET SCHEMA by_kinds;
             DROP TABLE by_kinds.u, by_kinds.into_t; DROP SCHEMA by_kinds CASCADE");
        shows("SELECT to_regclass('by_kinds.b') IS NULL", "true");
    }

    #[pg_test]
    fn bystander_ddl_by_a_role_without_rights() {
        run(
            "CREATE ROLE by_dev; CREATE SCHEMA by_home AUTHORIZATION by_dev;
             REVOKE ALL ON SCHEMA directus_versions FROM PUBLIC;
             SET LOCAL ROLE by_dev;
             SET LOCAL search_path = by_home;
             CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'a');
             CREATE TABLE p (id int PRIMARY KEY) PARTITION BY LIST (id);
             CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
             ALTER TABLE a ADD w int; ALTER TABLE a RENAME TO b; ALTER TABLE b DROP COLUMN v;
             CREATE TEMP TABLE by_dev_tmp (id int);
             DROP TABLE b; DROP TABLE by_dev_tmp; DROP TABLE p; DROP OWNED BY by_dev;
             RESET ROLE",
        );
        assert_eq!(
            state("SELECT count(*) FROM directus_versions.activity"),
            "00000"
        );
    }

    #[pg_test]
    fn bystander_ddl_under_a_hostile_search_path() {
        run("CREATE SCHEMA by_evil;
             CREATE FUNCTION by_evil.count() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RAISE ''evil''; END';
             CREATE FUNCTION by_evil.evil(a oid, b oid) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE ''evil''; END';
             CREATE OPERATOR by_evil.= (leftarg = oid, rightarg = oid, function = by_evil.evil);
             CREATE FUNCTION by_evil.evil(a text, b text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE ''evil''; END';
             CREATE OPERATOR by_evil.= (leftarg = text, rightarg = text, function = by_evil.evil);
             CREATE TABLE by_evil.pg_class (oid oid, relname name);
             CREATE TABLE by_hostile (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
             CREATE TABLE by_hostile_1 PARTITION OF by_hostile FOR VALUES FROM (0) TO (100);
             SET LOCAL search_path = by_evil, pg_catalog, public;
             SELECT directus_versions.track('public.by_hostile');
             CREATE TABLE public.by_hostile_2 PARTITION OF public.by_hostile FOR VALUES FROM (100) TO (200);
             CREATE TABLE public.by_free (id int PRIMARY KEY);
             INSERT INTO public.by_hostile VALUES (1, 'a'), (101, 'b');
             UPDATE public.by_hostile SET v = 'c'; TRUNCATE public.by_hostile;
             SELECT directus_versions.untrack('public.by_hostile');
             DROP TABLE public.by_free;
             SET LOCAL search_path = public");
        assert_eq!(entries("by_hostile").len(), 2 + 2 + 3);
    }

    #[pg_test]
    fn bystander_dropping_a_tracked_table_keeps_its_history() {
        run("CREATE TABLE by_gone (id int PRIMARY KEY, v text);
             SELECT directus_versions.track('by_gone');
             INSERT INTO by_gone VALUES (1, 'a'); UPDATE by_gone SET v = 'b';
             DROP TABLE by_gone");
        assert_eq!(entries("by_gone").len(), 2);
        run("CREATE TABLE by_gone (id int PRIMARY KEY); INSERT INTO by_gone VALUES (1)");
        assert_eq!(
            entries("by_gone").len(),
            2,
            "a table of the same name is another table"
        );
    }

    #[pg_test]
    fn bystander_tracked_table_keeps_its_own_ddl() {
        run("CREATE TABLE by_own (id int PRIMARY KEY, v text);
             SELECT directus_versions.track('by_own');
             INSERT INTO by_own VALUES (1, 'a');
             ALTER TABLE by_own ADD w text DEFAULT 'x'; ALTER TABLE by_own RENAME v TO vv;
             ALTER TABLE by_own ALTER id TYPE bigint; CREATE INDEX ON by_own (vv);
             ALTER TABLE by_own DISABLE TRIGGER USER; ALTER TABLE by_own ENABLE TRIGGER USER;
             ALTER TABLE by_own SET (fillfactor = 70); CLUSTER by_own USING by_own_pkey;
             UPDATE by_own SET vv = 'b';
             ALTER TABLE by_own RENAME TO by_own2; UPDATE by_own2 SET vv = 'c'");
        shows(
            "SELECT count(*) FROM directus_versions.revisions r JOIN directus_versions.collections c USING (collection)
             WHERE c.target = 'by_own2'::regclass",
            "3",
        );
    }

    #[pg_test]
    fn bystander_activity_is_not_needed_for_reading() {
        run("CREATE TABLE by_read (id int PRIMARY KEY, v text); SELECT directus_versions.track('by_read');
             INSERT INTO by_read VALUES (1, 'a'); CREATE TABLE by_copy AS SELECT * FROM by_read;
             SELECT count(*) FROM by_read; ANALYZE by_read; LOCK by_read");
        assert_eq!(entries("by_read").len(), 1);
    }
}

#[cfg(test)]
mod over_connections {
    use crate::pg_tests::support::client;

    #[test]
    fn bystander_reading_assigns_no_transaction_id() {
        let mut db = client();
        db.run("CREATE TABLE byc_read (id int PRIMARY KEY, v text); SELECT directus_versions.track('byc_read');
             INSERT INTO byc_read VALUES (1, 'a')");
        db.run("BEGIN READ ONLY; SELECT * FROM byc_read; SELECT * FROM directus_versions.activity;
             SELECT * FROM directus_versions.revisions; SELECT * FROM directus_versions.collections");
        db.shows("SELECT pg_current_xact_id_if_assigned() IS NULL", "true");
        db.run("COMMIT");
    }

    #[test]
    fn bystander_update_that_changes_nothing_leaves_the_log_alone() {
        let mut db = client();
        db.run(
            "CREATE TABLE byc_noop (id int PRIMARY KEY, v text); SELECT directus_versions.track('byc_noop');
             INSERT INTO byc_noop SELECT i, 'v' FROM generate_series(1, 100) i",
        );
        let size = "SELECT count(*) FROM directus_versions.activity WHERE collection = 'byc_noop'";
        let before = db.int(size);
        db.run("UPDATE byc_noop SET v = v; UPDATE byc_noop SET v = 'v'");
        assert_eq!(db.int(size), before);
    }

    #[test]
    fn bystander_databases_and_maintenance() {
        let mut db = client();
        db.run("CREATE TABLE byc_vac (id int PRIMARY KEY, v text); SELECT directus_versions.track('byc_vac')");
        db.run("INSERT INTO byc_vac SELECT i, 'v' FROM generate_series(1, 100) i");
        db.run("UPDATE byc_vac SET v = 'w'");
        for statement in [
            "VACUUM FULL byc_vac",
            "REINDEX TABLE byc_vac",
            "CREATE INDEX CONCURRENTLY byc_vac_v ON byc_vac (v)",
            "VACUUM ANALYZE byc_vac",
            "DROP INDEX CONCURRENTLY byc_vac_v",
        ] {
            db.run(statement);
        }
        db.run("DELETE FROM byc_vac WHERE id = 1");
        assert_eq!(db.entries("byc_vac").len(), 201);
        db.check_history("byc_vac");
    }
}
