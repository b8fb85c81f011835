-- The log is complete and exact if the tables as they are, with `prior` laid over them and without what was created,
-- are the release that was loaded first; and if the `data` of each revision is the row that is there.

\ir older.sql

CREATE TEMP VIEW present AS
SELECT 'countries' AS collection, alpha_2 AS item, to_jsonb(t) AS data FROM countries AS t
UNION ALL SELECT 'subdivisions', code, to_jsonb(t) FROM subdivisions AS t
UNION ALL SELECT 'languages', alpha_3, to_jsonb(t) FROM languages AS t;

CREATE TEMP VIEW loaded AS
SELECT 'countries' AS collection, alpha_2 AS item, to_jsonb(t) AS data FROM old_countries AS t
UNION ALL SELECT 'subdivisions', code, to_jsonb(t) FROM old_subdivisions AS t
UNION ALL SELECT 'languages', alpha_3, to_jsonb(t) FROM old_languages AS t;

CREATE TEMP VIEW undone AS
SELECT collection, item, COALESCE(p.data, '{}') || COALESCE(r.prior, '{}') AS data
FROM present AS p FULL JOIN directus_versions.revisions AS r USING (collection, item)
WHERE r.id IS NULL OR r.prior IS NOT NULL;

CREATE TEMP TABLE result AS
SELECT
    (SELECT count(*) FROM loaded) AS rows,
    (SELECT count(*) FROM (TABLE loaded EXCEPT TABLE undone) AS d)
        + (SELECT count(*) FROM (TABLE undone EXCEPT TABLE loaded) AS d) AS differ,
    (SELECT count(*) FROM directus_versions.revisions AS r LEFT JOIN present AS p USING (collection, item)
        WHERE r.data IS DISTINCT FROM COALESCE(p.data, r.prior)) AS wrong;

SELECT format('%s changes are recorded. Undone, they give the release of 2018 back: %s rows, of which %s differ.',
        (SELECT count(*) FROM directus_versions.revisions), rows, differ) AS line,
    differ + wrong = 0 AS agree
FROM result \gset
\echo :line
\if :agree
\echo Tables and log agree.
\echo
\else
DO $$ BEGIN RAISE 'tables and log DISAGREE'; END $$;
\endif
