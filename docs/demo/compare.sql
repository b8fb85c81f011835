-- Compares what the views given_… show with the release that was loaded first: every row, every column.

\ir older.sql
CREATE TEMP TABLE comparison AS
SELECT 'countries' AS collection, (SELECT count(*) FROM old_countries) AS rows,
    (SELECT count(*) FROM (TABLE old_countries EXCEPT TABLE given_countries) AS d) AS missing,
    (SELECT count(*) FROM (TABLE given_countries EXCEPT TABLE old_countries) AS d) AS other
UNION ALL
SELECT 'languages', (SELECT count(*) FROM old_languages),
    (SELECT count(*) FROM (TABLE old_languages EXCEPT TABLE given_languages) AS d),
    (SELECT count(*) FROM (TABLE given_languages EXCEPT TABLE old_languages) AS d)
UNION ALL
SELECT 'subdivisions', (SELECT count(*) FROM old_subdivisions),
    (SELECT count(*) FROM (TABLE old_subdivisions EXCEPT TABLE given_subdivisions) AS d),
    (SELECT count(*) FROM (TABLE given_subdivisions EXCEPT TABLE old_subdivisions) AS d);

\echo All of it beside the files of the older release:
\echo
SELECT collection, rows AS "rows in the file", missing, other AS "other rows" FROM comparison ORDER BY collection;
SELECT sum(missing + other) = 0 AS agree FROM comparison \gset
\if :agree
\echo Tables and files agree.
\echo
\else
DO $$ BEGIN RAISE 'tables and files DISAGREE'; END $$;
\endif
