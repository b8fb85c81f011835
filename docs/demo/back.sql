-- Taking back: one country, and then whole transactions. The application's role may write the tables and has level write.

SELECT revision AS merge FROM directus_versions.history('countries', 'TR') WHERE actor = 'ada' \gset
SELECT transaction AS countries FROM directus_versions.activity WHERE actor = 'ada' LIMIT 1 \gset
SELECT transaction AS languages FROM directus_versions.activity WHERE collection = 'languages' LIMIT 1 \gset
\o /dev/null
SELECT directus_versions.set_context(actor => 'grace', is_local => false);
\o

\echo One country gets the name back that the older release has for it; what came later stays:
\echo
\set ECHO queries
SELECT directus_versions.undo(:merge);
\set ECHO none
SELECT name, official_name, common_name FROM countries WHERE alpha_2 = 'TR';

\echo Now the transaction of the two MERGE statements for ada: what stands in the way of undoing it?
\echo
\set ECHO queries
SELECT collection, count(*) AS changes, count(conflict) AS conflicts, min(conflict) AS conflict
FROM directus_versions.undo_transaction(:'countries', dry_run => true) GROUP BY collection ORDER BY collection;
\set ECHO none

\echo Somebody changed that country since. It becomes again what it was after the MERGE, the others are undone with it:
\echo
\set ECHO queries
SELECT directus_versions.revert(:merge);
SELECT collection, action, count(*) FROM directus_versions.undo_transaction(:'countries')
GROUP BY collection, action ORDER BY collection, action;
SELECT collection, action, count(*) FROM directus_versions.undo_transaction(:'languages')
GROUP BY collection, action ORDER BY collection, action;
\set ECHO none

CREATE TEMP VIEW given_countries AS TABLE countries;
CREATE TEMP VIEW given_subdivisions AS TABLE subdivisions;
CREATE TEMP VIEW given_languages AS TABLE languages;
\ir compare.sql
