-- What is shown of the log, and to whom.
--
-- A reader needs the grant on the view and SELECT on the table that a row came from; where row security of the table
-- applies to the reader, a row is shown while the reader sees the item's live row. security_barrier keeps functions of
-- the reader's from seeing a row before that is decided.

-- What the views call is declared cheap: it is called for few rows, and an honest estimate for each row of a large log
-- would make the server compile every query of it.
CREATE FUNCTION _is_owner() RETURNS boolean
LANGUAGE sql STABLE COST 1 SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class AS c
    WHERE c.oid = 'directus_versions.log'::regclass
$$;
COMMENT ON FUNCTION _is_owner() IS 'Whether the caller is the extension''s owner, a member of it, or a superuser';

CREATE FUNCTION _selectable(role name, relation regclass, collection int, revision bigint, object jsonb) RETURNS jsonb
LANGUAGE sql STABLE STRICT SECURITY DEFINER COST 1 SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(pg_catalog.jsonb_object_agg(e.key, e.value), '{}')
    FROM pg_catalog.jsonb_each(object) AS e
    WHERE EXISTS (
        SELECT FROM (
            SELECT DISTINCT ON (f.attnum) f.attnum, f.name, f.dropped
            FROM directus_versions.field AS f
            WHERE f.collection = $3 AND f.since <= revision
            ORDER BY f.attnum, f.since DESC
        ) AS f
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = relation AND a.attnum = f.attnum AND NOT a.attisdropped
        WHERE f.name = e.key AND NOT f.dropped
            AND pg_catalog.has_column_privilege(role, relation, a.attnum, 'SELECT'))
$$;
COMMENT ON FUNCTION _selectable(name, regclass, int, bigint, jsonb) IS
'The fields of an object that a role may select, by the columns they were when the revision was made';

CREATE FUNCTION _selects_all_of(relation regclass, names text[]) RETURNS boolean
LANGUAGE sql STABLE COST 1 SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(pg_catalog.bool_and(pg_catalog.has_column_privilege(relation, a.attnum, 'SELECT')), false)
    FROM pg_catalog.unnest(names) AS n
    LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = relation AND a.attname = n AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION _selects_all_of(regclass, text[]) IS 'Whether the caller may select each of these columns';

-- Two barriers, joined by the views below: tables of which the reader may SELECT all, where conditions on collection,
-- item and id reach the log's indexes, and the others. Each is in order of id, so that the latest few are found without a
-- sort, and `data` is put together outside them, for the rows that are really shown. Which tables the reader may SELECT is
-- asked once, as a list: a join with a condition would be taken for so few rows that the whole log is sorted.
CREATE VIEW _open WITH (security_barrier) AS
SELECT
    l.id, l.at, l.transaction, l.context, l.action, l.label, l.comment, l.request_id, l.version, l.source, l.parent,
    l.item, l.change, true AS whole, NULL::jsonb AS delta, NULL::jsonb AS prior, k.name
FROM directus_versions.log AS l JOIN directus_versions.collection AS k ON k.id = l.collection
WHERE l.action <> 'm' AND l.long_item IS NULL AND l.collection = ANY (ARRAY(
        SELECT c.id FROM directus_versions.collection AS c
        WHERE pg_catalog.has_table_privilege(c.relation, 'SELECT') AND NOT pg_catalog.row_security_active(c.relation)))
ORDER BY l.id DESC;
COMMENT ON VIEW _open IS 'What was recorded of tables of which the reader may SELECT everything';

CREATE VIEW _open_long WITH (security_barrier) AS
SELECT
    l.id, l.at, l.transaction, l.context, l.action, l.label, l.comment, l.request_id, l.version, l.source, l.parent,
    l.long_item AS item, l.change, true AS whole, NULL::jsonb AS delta, NULL::jsonb AS prior, k.name
FROM directus_versions.long_item AS i
JOIN directus_versions.log AS l ON l.id = i.id
JOIN directus_versions.collection AS k ON k.id = l.collection
WHERE l.action <> 'm' AND l.collection = ANY (ARRAY(
        SELECT c.id FROM directus_versions.collection AS c
        WHERE pg_catalog.has_table_privilege(c.relation, 'SELECT') AND NOT pg_catalog.row_security_active(c.relation)))
ORDER BY l.id DESC;
COMMENT ON VIEW _open_long IS 'The same, of items with a long key';

CREATE VIEW _restricted WITH (security_barrier) AS
WITH k AS MATERIALIZED (
    SELECT c.id, c.name, c.relation, c.last_key, c.whole, c.is_there AND pg_catalog.row_security_active(c.relation) AS secured
    FROM (
        SELECT c.*, t.oid IS NOT NULL AS is_there,
            t.oid IS NULL OR pg_catalog.has_table_privilege(t.oid, 'SELECT') AS whole
        FROM directus_versions.collection AS c LEFT JOIN pg_catalog.pg_class AS t ON t.oid = c.relation
    ) AS c
    WHERE CASE
        WHEN NOT c.is_there THEN directus_versions._is_owner()
        WHEN c.whole THEN pg_catalog.row_security_active(c.relation)
        ELSE pg_catalog.has_any_column_privilege(c.relation, 'SELECT')
    END
)
SELECT
    l.id, l.at, l.transaction, l.context, l.action, l.label, l.comment, l.request_id, l.version, l.source, l.parent,
    CASE WHEN k.whole OR directus_versions._selects_all_of(k.relation, k.last_key) THEN COALESCE(l.long_item, l.item) END AS item,
    l.change,
    CASE WHEN NOT k.whole THEN directus_versions._selectable(
        current_user, k.relation, l.collection, l.id, directus_versions._delta(l.action, l.change)) END AS delta,
    CASE WHEN NOT k.whole THEN directus_versions._selectable(
        current_user, k.relation, l.collection, l.id, directus_versions._prior(l.action, l.change)) END AS prior,
    k.whole,
    k.name
FROM k JOIN directus_versions.log AS l ON l.collection = k.id
-- Asked once: most readers have no such table, and the log need not be looked through.
WHERE EXISTS (SELECT FROM k)
    AND l.action <> 'm'
    -- Under row security an item is shown while its live row is, and what is live is still that item.
    AND (NOT k.secured OR l.item IS NULL
        OR directus_versions._is_live(l.id)
            AND directus_versions._row_visible(k.relation, k.last_key, COALESCE(l.long_item, l.item)))
ORDER BY l.id DESC;
COMMENT ON VIEW _restricted IS
'What was recorded of other tables, as far as the reader may SELECT their columns and sees their rows; of dropped ones for the extension''s owner';

CREATE VIEW _own_events WITH (security_barrier) AS
SELECT l.id, l.at, l.transaction, l.context, l.action, l.label, l.comment, l.request_id,
    COALESCE(l.long_item, l.item) AS item, l.former COLLATE "default" AS name
FROM directus_versions.log AS l
WHERE l.collection IS NULL
ORDER BY l.id DESC;
COMMENT ON VIEW _own_events IS 'Events of the application''s own that belong to no table';

CREATE VIEW activity AS
SELECT
    l.id,
    CASE l.action
        WHEN 'c' THEN 'create' WHEN 'u' THEN 'update' WHEN 'd' THEN 'delete' WHEN 't' THEN 'truncate' ELSE l.label
    END AS action,
    c.actor,
    l.at AS "timestamp",
    c.ip,
    c.user_agent,
    l.name AS collection,
    l.item,
    l.comment,
    c.origin,
    l.request_id,
    c.session_user_name,
    c.role_name,
    c.application_name,
    l.transaction
FROM (
    SELECT o.id, o.at, o.transaction, o.context, o.action, o.label, o.comment, o.request_id, o.name, o.item
    FROM directus_versions._open AS o
    UNION ALL
    SELECT o.id, o.at, o.transaction, o.context, o.action, o.label, o.comment, o.request_id, o.name, o.item
    FROM directus_versions._open_long AS o
    UNION ALL
    SELECT r.id, r.at, r.transaction, r.context, r.action, r.label, r.comment, r.request_id, r.name, r.item
    FROM directus_versions._restricted AS r
    UNION ALL
    SELECT e.id, e.at, e.transaction, e.context, e.action, e.label, e.comment, e.request_id, e.name, e.item
    FROM directus_versions._own_events AS e
) AS l
LEFT JOIN directus_versions.context AS c ON c.id = l.context;
COMMENT ON VIEW activity IS
'Who did what, when and from where, as in Directus (its user is actor). Shows what the reader may SELECT. Needs level read';

CREATE VIEW revisions AS
SELECT
    l.id,
    l.id AS activity,
    l.name AS collection,
    l.item,
    CASE
        WHEN l.action <> 'u' AND NOT l.whole THEN COALESCE(l.delta, l.prior)
        WHEN l.action = 'c' THEN directus_versions._delta(l.action, l.change)
        WHEN l.action = 'd' THEN directus_versions._prior(l.action, l.change)
        WHEN l.action = 'u' THEN directus_versions._data(l.id)
    END AS data,
    CASE WHEN l.whole THEN directus_versions._delta(l.action, l.change) ELSE l.delta END AS delta,
    l.parent,
    l.version,
    CASE WHEN l.whole THEN directus_versions._prior(l.action, l.change) ELSE l.prior END AS prior,
    l.source
FROM (
    SELECT o.id, o.name, o.item, o.action, o.change, o.whole, o.delta, o.prior, o.parent, o.version, o.source
    FROM directus_versions._open AS o
    UNION ALL
    SELECT o.id, o.name, o.item, o.action, o.change, o.whole, o.delta, o.prior, o.parent, o.version, o.source
    FROM directus_versions._open_long AS o
    UNION ALL
    SELECT r.id, r.name, r.item, r.action, r.change, r.whole, r.delta, r.prior, r.parent, r.version, r.source
    FROM directus_versions._restricted AS r
) AS l
WHERE l.change IS NOT NULL;
COMMENT ON VIEW revisions IS
'What each event did to an item, as in Directus: data is the item after it, delta what it changed, prior what that was before. Shows what the reader may SELECT. Needs level read';

CREATE VIEW collections WITH (security_barrier) AS
SELECT
    k.name AS collection, k.relation::regclass AS target, k.accountability, k.fields, k.exclude, k."ignore", k.mask, k.key,
    k.snapshot, k.tracked, k.since, recorded.rows, recorded.bytes
FROM directus_versions.collection AS k
CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) AS rows,
        COALESCE(pg_catalog.sum(
            64 + COALESCE(pg_catalog.pg_column_size(l.item), 0)
            + COALESCE(pg_catalog.pg_column_size(l.change), 0)), 0)::bigint AS bytes
    FROM directus_versions.log AS l WHERE l.collection = k.id AND l.action <> 'm'
) AS recorded
WHERE CASE
    WHEN k.relation IS NULL OR NOT EXISTS (SELECT FROM pg_catalog.pg_class AS t WHERE t.oid = k.relation)
    THEN directus_versions._is_owner()
    ELSE pg_catalog.has_table_privilege(k.relation, 'SELECT') OR pg_catalog.has_any_column_privilege(k.relation, 'SELECT')
END;
COMMENT ON VIEW collections IS
'Each tracked or once tracked table that the reader may SELECT, what is recorded of it, and how much that is. Needs level read';
