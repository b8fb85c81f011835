-- Three countries get a common name in versions `next-release`; one of them gets another in main meanwhile.

\o /dev/null
BEGIN;
SELECT directus_versions.set_context(actor => 'grace', ip => '198.51.100.23', user_agent => 'Atlas/4 Safari');
\set ECHO queries
SELECT directus_versions.create_version('countries', staged.item, 'next-release', delta => jsonb_build_object('common_name', name))
FROM (VALUES ('CI', 'Ivory Coast'), ('CV', 'Cape Verde'), ('TL', 'East Timor')) AS staged (item, name);
\set ECHO none
COMMIT;

BEGIN;
SELECT directus_versions.set_context(actor => 'ada', ip => '203.0.113.7', user_agent => 'Atlas/4 Firefox');
\set ECHO queries
UPDATE countries SET common_name = 'Timor Leste' WHERE alpha_2 = 'TL';
\set ECHO none
COMMIT;
\o

\echo
\echo The table as it is, and as the versions have it:
\echo
SELECT alpha_2, main.common_name AS main, next.common_name AS "next-release"
FROM countries AS main JOIN directus_versions.read_version(NULL::countries, 'next-release') AS next USING (alpha_2)
WHERE main.common_name IS DISTINCT FROM next.common_name ORDER BY alpha_2;

SELECT v.item, c ->> 'outdated' AS outdated, c -> 'current' ->> 'common_name' AS staged,
    COALESCE(c #> '{conflicts,0}' ->> 'main', '-') AS "conflict with main"
FROM directus_versions.versions AS v, directus_versions.compare_version(v.id) AS c
WHERE v.key = 'next-release' ORDER BY v.item;

\echo Promoted, the conflict settled in favour of the version:
\o /dev/null
BEGIN;
SELECT directus_versions.set_context(actor => 'linus', ip => '192.0.2.44', user_agent => 'Atlas/4 Firefox');
\set ECHO queries
SELECT directus_versions.promote_version(id, on_conflict => CASE item WHEN 'TL' THEN 'ours' ELSE 'error' END)
FROM directus_versions.versions WHERE key = 'next-release';
\set ECHO none
COMMIT;
\o

\c - auditor
\echo
SELECT a.item, a.action, a.actor, a.comment,
    COALESCE((r.prior ->> 'common_name') || ' → ', '') || (r.delta ->> 'common_name') AS "common name"
FROM directus_versions.activity AS a LEFT JOIN directus_versions.revisions AS r ON r.activity = a.id
WHERE a.collection = 'countries' AND a.item IN ('CI', 'CV', 'TL')
    AND (a.item, a.id) > (a.item, (SELECT max(id) FROM directus_versions.activity WHERE action = 'comment'))
ORDER BY a.item, a.id;

-- The demo ends with an error unless main has what was staged and nothing is staged any more.
SELECT count(*) = 3 AND (
        SELECT count(*) = 3 FROM directus_versions.versions WHERE key = 'next-release' AND delta = '{}') AS promoted
FROM countries WHERE (alpha_2, common_name) IN (('CI', 'Ivory Coast'), ('CV', 'Cape Verde'), ('TL', 'East Timor')) \gset
\if :promoted
\echo Main has what was staged.
\else
DO $$ BEGIN RAISE 'main has NOT what was staged'; END $$;
\endif
