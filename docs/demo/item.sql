-- One item: a change that came by no application, and a comment. Commenting needs level write; changing a tracked
-- table needs no right of ours.

\set ECHO queries
UPDATE countries SET common_name = 'Turkey' WHERE alpha_2 = 'TR';
\set ECHO none
\o /dev/null
SELECT directus_versions.grant_access('atlas', 'write');

\c - atlas
BEGIN;
SELECT directus_versions.set_context(actor => 'grace', ip => '198.51.100.23', user_agent => 'Atlas/4 Safari');
\set ECHO queries
SELECT directus_versions.comment('countries', 'TR', 'Many still search for Turkey');
\set ECHO none
COMMIT;
\o

\c - auditor
\echo
SELECT to_char(a."timestamp", 'HH24:MI:SS') AS time, a.action, a.actor, a.session_user_name AS "session user",
    COALESCE(a.comment, format('%s: %s → %s', field.key, COALESCE(r.prior ->> field.key, '-'), field.value)) AS what
FROM directus_versions.activity AS a
LEFT JOIN directus_versions.revisions AS r ON r.activity = a.id
LEFT JOIN jsonb_each_text(r.delta) AS field ON true
WHERE a.collection = 'countries' AND a.item = 'TR' ORDER BY a.id, field.key;
