-- What the changes were: delta is what a field became, prior what it was before.

SELECT format('Countries: %s added, %s removed, %s changed:',
    count(*) FILTER (WHERE action = 'create'), count(*) FILTER (WHERE action = 'delete'),
    count(*) FILTER (WHERE action = 'update')) AS line
FROM directus_versions.activity WHERE collection = 'countries' \gset
\echo :line
\echo
SELECT item, field.key AS field, COALESCE(prior ->> field.key, '-') AS before, COALESCE(field.value, '-') AS after
FROM directus_versions.revisions, jsonb_each_text(delta) AS field
WHERE collection = 'countries' ORDER BY field.key DESC, item;

\echo Languages whose state changed:
\echo
SELECT before, after, languages,
    array_to_string(names[:4], ', ') || CASE WHEN languages > 4 THEN ', …' ELSE '' END AS names
FROM (
    SELECT r.prior ->> 'type' AS before, r.delta ->> 'type' AS after, count(*) AS languages,
        array_agg(l.name ORDER BY r.item) AS names
    FROM directus_versions.revisions AS r JOIN languages AS l ON l.alpha_3 = r.item
    WHERE r.collection = 'languages' AND r.prior ? 'type' AND r.delta ? 'type'
    GROUP BY 1, 2
) AS changed ORDER BY after DESC, languages DESC;

\echo Some of the languages that were added, renamed or removed:
\echo
SELECT a.action, r.item, COALESCE(r.prior ->> 'name', '-') AS before, COALESCE(r.delta ->> 'name', '-') AS after
FROM directus_versions.revisions AS r JOIN directus_versions.activity AS a ON a.id = r.activity
WHERE r.collection = 'languages'
    AND r.item IN ('cnr', 'tok', 'dgr', 'khm', 'moe', 'new', 'lmz', 'tpw')
ORDER BY a.action, r.item;

SELECT string_agg(format('%s (%s)', name, changes), ', ') AS line
FROM (
    SELECT c.name, count(*) AS changes
    FROM directus_versions.activity AS a JOIN countries AS c ON c.alpha_2 = split_part(a.item, '-', 1)
    WHERE a.collection = 'subdivisions' GROUP BY c.name ORDER BY changes DESC, c.name LIMIT 4
) AS most \gset
\echo Most changes of subdivisions: :line
\echo
