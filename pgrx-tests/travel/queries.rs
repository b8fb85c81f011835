//! The rows of then are rows as any others: in every place of a query where a table may stand.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{int, run, same_rows, shows, table};
    use crate::pg_tests::travel::{now, then};
    use pgrx::prelude::*;

    /// Items 1 to 5 of before tracking, of which 1 changed, 2 was deleted and 6 came later. What was
    /// before is at any time before now, since all of a test happens at one time.
    fn past(name: &str) {
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, v text, n numeric);
             INSERT INTO {name} SELECT i, 'old', i FROM generate_series(1, 5) i;
             SELECT directus_versions.track('{name}');
             CREATE TEMP TABLE {name}_copy AS SELECT t AS r FROM {name} t;
             UPDATE {name} SET v = 'new' WHERE id = 1;
             DELETE FROM {name} WHERE id = 2;
             INSERT INTO {name} VALUES (6, 'new', 6)"
        ));
    }

    #[pg_test]
    fn travel_to_all_that_one_statement_s_time_holds() {
        past("tra_one");
        same_rows(
            &then("tra_one", "'-infinity'"),
            "SELECT r FROM tra_one_copy",
        );
        same_rows(
            &then(
                "tra_one",
                "statement_timestamp() - interval '1 microsecond'",
            ),
            "SELECT r FROM tra_one_copy",
        );
        same_rows(&then("tra_one", "statement_timestamp()"), &now("tra_one"));
        same_rows(&then("tra_one", "clock_timestamp()"), &now("tra_one"));
    }

    #[pg_test]
    fn travel_in_parts_of_a_query() {
        past("tra_query");
        let then = "directus_versions.as_of(NULL::tra_query, '-infinity')";
        for (sql, expected) in [
            (format!("SELECT string_agg(id::text, ',' ORDER BY n DESC) FROM {then} WHERE n > 1.5 AND id <> 4"), "5,3,2"),
            (format!("SELECT v FROM {then} a WHERE a.id = 1"), "old"),
            (format!("SELECT count(*) || ' ' || sum(n) || ' ' || pg_typeof(min(n)) FROM {then}"), "5 15 numeric"),
            (format!("SELECT string_agg(id::text, ',') FROM (SELECT id FROM {then} ORDER BY id LIMIT 2 OFFSET 1) q"), "2,3"),
            (format!("SELECT pg_typeof(a)::text FROM {then} a LIMIT 1"), "tra_query"),
            (format!(
                "SELECT string_agg(concat(coalesce(o.id, t.id), o.v, '>', t.v), ' ' ORDER BY coalesce(o.id, t.id))
                 FROM {then} o FULL JOIN tra_query t USING (id) WHERE o IS DISTINCT FROM t"
            ), "1old>new 2old> 6>new"),
            (format!("SELECT string_agg(id::text, ',' ORDER BY id) FROM (SELECT * FROM {then} EXCEPT TABLE tra_query) q"), "1,2"),
            (format!("SELECT string_agg(id::text, ',' ORDER BY id) FROM tra_query WHERE id NOT IN (SELECT id FROM {then})"), "6"),
            (format!("SELECT string_agg(id::text, ',' ORDER BY id) FROM tra_query t
                      WHERE EXISTS (SELECT FROM {then} a WHERE a.id = t.id AND a.v <> t.v)"), "1"),
            (format!("WITH o AS (SELECT * FROM {then}) SELECT count(*)::text FROM o a, o b"), "25"),
            (format!("SELECT string_agg((q.a).id::text, ',') FROM (SELECT {then} AS a) q WHERE (q.a).id = 1"), "1"),
            ("SELECT string_agg(counted::text, ' ' ORDER BY at)
              FROM (VALUES ('-infinity'::timestamptz), ('infinity')) m(at),
                   LATERAL (SELECT count(*) FILTER (WHERE v = 'old') AS counted
                            FROM directus_versions.as_of(NULL::tra_query, m.at)) a".to_owned(), "5 3"),
            ("SELECT count(*)::text FROM directus_versions.as_of(NULL::tra_query, '-infinity') a
              JOIN directus_versions.as_of(NULL::tra_query, 'infinity') b USING (id)".to_owned(), "4"),
        ] {
            shows(&sql, expected);
        }
    }

    #[pg_test]
    fn travel_in_views_functions_and_prepared_statements() {
        past("tra_stored");
        run("CREATE VIEW tra_stored_view AS SELECT * FROM directus_versions.as_of(NULL::tra_stored, '-infinity');
             CREATE MATERIALIZED VIEW tra_stored_mat AS SELECT * FROM tra_stored_view;
             CREATE FUNCTION tra_stored_fn(at timestamptz) RETURNS SETOF tra_stored LANGUAGE sql STABLE
                 AS 'SELECT * FROM directus_versions.as_of(NULL::tra_stored, at)';
             CREATE FUNCTION tra_stored_loop(at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
             DECLARE r tra_stored; found text := '';
             BEGIN
                 FOR r IN SELECT * FROM directus_versions.as_of(NULL::tra_stored, at) ORDER BY id LOOP
                     found := found || r.id || r.v;
                 END LOOP;
                 RETURN found;
             END $$;
             PREPARE tra_stored_plan (timestamptz) AS
                 SELECT count(*) FILTER (WHERE v = 'old') FROM directus_versions.as_of(NULL::tra_stored, $1)");
        shows("SELECT count(*) FROM tra_stored_view WHERE v = 'old'", "5");
        shows("SELECT count(*) FROM tra_stored_mat WHERE v = 'old'", "5");
        shows(
            "SELECT count(*) FROM tra_stored_fn('infinity') WHERE v = 'old'",
            "3",
        );
        shows(
            "SELECT tra_stored_loop('-infinity')",
            "1old2old3old4old5old",
        );
        // Beyond five executions a plan for any parameter is taken.
        run(
            "CREATE TEMP TABLE tra_stored_counts (turn int GENERATED ALWAYS AS IDENTITY, counted bigint)",
        );
        for at in ["'-infinity'", "'infinity'"].repeat(5) {
            run(&format!("DO $$ DECLARE c bigint; BEGIN
                 EXECUTE 'EXECUTE tra_stored_plan({})' INTO c; INSERT INTO tra_stored_counts (counted) VALUES (c); END $$",
                at.replace('\'', "''")));
        }
        assert_eq!(
            int(
                "SELECT count(*) FROM tra_stored_counts WHERE counted = CASE turn % 2 WHEN 1 THEN 5 ELSE 3 END"
            ),
            10
        );
        // What is written later is seen by what was prepared before.
        run("UPDATE tra_stored SET v = 'new' WHERE id = 3; ALTER TABLE tra_stored ADD w int");
        shows(
            "SELECT count(*) FROM tra_stored_fn('infinity') WHERE v = 'old'",
            "2",
        );
        shows("SELECT count(*) FROM tra_stored_view WHERE v = 'old'", "5");
    }

    #[pg_test]
    fn travel_with_a_cursor_that_writes_meanwhile() {
        past("tra_cursor");
        run("DECLARE tra_cursor_c CURSOR FOR
                 SELECT id, v FROM directus_versions.as_of(NULL::tra_cursor, '-infinity') ORDER BY id");
        run(
            "MOVE 2 FROM tra_cursor_c; UPDATE tra_cursor SET v = 'meanwhile'; DELETE FROM tra_cursor WHERE id > 3",
        );
        run("CREATE TEMP TABLE tra_cursor_rest (id int, v text);
             DO $$ DECLARE c refcursor := 'tra_cursor_c'; r record; BEGIN
                 LOOP
                     FETCH c INTO r; EXIT WHEN NOT FOUND; INSERT INTO tra_cursor_rest VALUES (r.id, r.v);
                 END LOOP;
             END $$");
        shows(
            "SELECT string_agg(id || v, ' ' ORDER BY id) FROM tra_cursor_rest",
            "3old 4old 5old",
        );
    }

    /// What anybody would do by hand.
    #[pg_test]
    fn travel_to_write_from_what_was() {
        past("tra_write");
        run("UPDATE tra_write t SET v = a.v FROM directus_versions.as_of(NULL::tra_write, '-infinity') a
             WHERE a.id = t.id AND a.v <> t.v;
             INSERT INTO tra_write SELECT a.* FROM directus_versions.as_of(NULL::tra_write, '-infinity') a
             WHERE NOT EXISTS (SELECT FROM tra_write t WHERE t.id = a.id);
             DELETE FROM tra_write t WHERE NOT EXISTS (
                 SELECT FROM directus_versions.as_of(NULL::tra_write, '-infinity') a WHERE a.id = t.id)");
        same_rows(&now("tra_write"), "SELECT r FROM tra_write_copy");
        same_rows(
            &then("tra_write", "'-infinity'"),
            "SELECT r FROM tra_write_copy",
        );
    }

    #[pg_test]
    fn travel_is_explained() {
        past("tra_explain");
        run(
            "EXPLAIN SELECT * FROM directus_versions.as_of(NULL::tra_explain, '-infinity') WHERE id = 1",
        );
        assert_eq!(
            table(
                "SELECT provolatile::text, proretset::text FROM pg_proc
                   WHERE pronamespace = 'directus_versions'::regnamespace AND proname = 'as_of'"
            ),
            [[Some("s".to_owned()), Some("true".to_owned())]]
        );
    }
}
