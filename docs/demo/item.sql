-- One item: a change that came by no application, and a comment. Commenting needs level write, changing a table nothing.

\set ECHO queries
UPDATE countries SET common_name = 'Turkey' WHERE alpha_2 = 'TR';
\set ECHO none
SELECT directus_versions.grant_access('atlas', 'write')
\g /dev/null

\c - atlas
BEGIN;
SELECT directus_versions.set_context(actor => 'grace', ip => '198.51.100.23', user_agent => 'Atlas/4 Safari')
\g /dev/null
\set ECHO queries
SELECT directus_versions.comment('countries', 'TR', 'Many still search for Turkey')
\g /dev/null
\set ECHO none
COMMIT;

\c - auditor
\echo
SELECT a.action, a.actor, a.session_user_name AS "session user", field.key AS field,
    r.prior ->> field.key AS before, field.value AS after, a.comment
FROM directus_versions.activity AS a
LEFT JOIN directus_versions.revisions AS r ON r.activity = a.id
LEFT JOIN jsonb_each_text(r.delta) AS field ON true
WHERE a.collection = 'countries' AND a.item = 'TR' ORDER BY a.id, field.key;
