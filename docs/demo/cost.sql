-- Sizes on disk, indexes included; nothing but the lists has been recorded so far.

SELECT what, rows, bytes / 1024 AS "kB", bytes / rows AS "bytes each"
FROM (
    SELECT 'the three tables' AS what,
        (SELECT count(*) FROM countries) + (SELECT count(*) FROM subdivisions) + (SELECT count(*) FROM languages),
        pg_total_relation_size('countries') + pg_total_relation_size('subdivisions')
            + pg_total_relation_size('languages')
    UNION ALL
    SELECT 'the log', (SELECT count(*) FROM directus_versions.activity),
        (SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('directus_versions.log'))::bigint
) AS size (what, rows, bytes);
