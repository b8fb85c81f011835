-- 50 revisions of each row, 10 of them after the mark; the table was filled before it was tracked.
\ir narrow.sql
\set table item
\ir ../contenders/directus_versions/setup.sql
\connect

SELECT format('UPDATE item SET title = %L, stock = stock + 1, updated_at = now()', 'Title ' || n), 'VACUUM item'
FROM generate_series(1, 40) AS n \gexec
CREATE TABLE bench.mark AS SELECT clock_timestamp() AS at;
SELECT format('UPDATE item SET title = %L, stock = stock + 1, updated_at = now()', 'Title ' || n), 'VACUUM item'
FROM generate_series(41, 50) AS n \gexec
