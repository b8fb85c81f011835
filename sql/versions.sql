-- Detached versions: values of an item's fields that are staged beside the live row.
--
-- What a caller calls is native (src/pg/version.rs and its neighbours) and checks the caller's rights. What is done to the
-- versions themselves is in sql/staging.sql. Statements on the user's tables are put together here, where the search_path
-- is pinned and so every name comes out qualified, and are run there as the caller, under the caller's own search_path:
-- triggers and policies of the table may rely on it.

CREATE UNIQUE INDEX version_key ON version (collection, key, _item_key(item));

-- Fields have the names that they have now; what a column that was dropped had staged stands in lost.
CREATE VIEW _named_version AS
SELECT
    v.id, v.collection, c.name AS collection_name, c.relation, c.last_key, c.tracked,
    v.item, v.item_since,
    v.key, v.name, v.hash, v.date_created, v.date_updated, v.user_created, v.user_updated,
    CASE WHEN v.since < c.fields_since THEN COALESCE(named.delta, '{}') ELSE v.delta END AS delta,
    CASE WHEN v.since < c.fields_since THEN COALESCE(named.base, '{}') ELSE v.base END AS base,
    CASE WHEN v.since < c.fields_since THEN v.lost || COALESCE(named.lost, '{}') ELSE v.lost END AS lost,
    v.role, v.saved
FROM directus_versions.version AS v
JOIN (
    SELECT c.id, c.name, c.relation, c.last_key, c.tracked,
        (SELECT pg_catalog.max(f.since) FROM directus_versions.field AS f WHERE f.collection = c.id) AS fields_since
    FROM directus_versions.collection AS c
) AS c ON c.id = v.collection
LEFT JOIN LATERAL (
    SELECT
        pg_catalog.jsonb_object_agg(present.name, e.value) FILTER (WHERE NOT present.dropped) AS delta,
        pg_catalog.jsonb_object_agg(present.name, v.base -> e.key)
            FILTER (WHERE NOT present.dropped AND v.base ? e.key) AS base,
        pg_catalog.jsonb_object_agg(e.key, e.value) FILTER (WHERE present.dropped IS NOT FALSE) AS lost
    FROM pg_catalog.jsonb_each(v.delta) AS e
    LEFT JOIN (
        SELECT DISTINCT ON (f.attnum) f.attnum, f.name, f.dropped
        FROM directus_versions.field AS f WHERE f.collection = v.collection AND f.since <= v.since
        ORDER BY f.attnum, f.since DESC
    ) AS former ON former.name = e.key AND NOT former.dropped
    LEFT JOIN LATERAL (
        SELECT f.name, f.dropped FROM directus_versions.field AS f
        WHERE f.collection = v.collection AND f.attnum = former.attnum ORDER BY f.since DESC LIMIT 1
    ) AS present ON true
    WHERE v.since < c.fields_since
) AS named ON true;
COMMENT ON VIEW _named_version IS 'Versions with the present names of their fields, whoever asks';

-- Positions of the columns are known to src/pg/version.rs.
CREATE VIEW _version AS
SELECT
    v.id, v.collection, v.collection_name, v.relation, v.last_key, v.tracked,
    COALESCE(moved.item, v.item) AS item, COALESCE(moved.since, v.item_since) AS item_since,
    v.key, v.name, v.hash, v.date_created, v.date_updated, v.user_created, v.user_updated,
    v.delta, v.base, v.lost, v.role, v.saved
FROM directus_versions._named_version AS v
-- The way from the key that the item had to the one that it has. What one command did happened at once: the way never
-- goes on through another entry of it.
LEFT JOIN LATERAL (
    WITH RECURSIVE way AS (
        (SELECT l.id, l.transaction, l.command, l.former AS item
        FROM directus_versions.log AS l
        WHERE l.collection = v.collection AND l.item = directus_versions._item_key(v.item)
            AND l.id >= v.item_since AND l.action = 'm'
        ORDER BY l.id LIMIT 1)
        UNION ALL
        SELECT n.id, n.transaction, n.command, n.former
        FROM way CROSS JOIN LATERAL (
            SELECT l.id, l.transaction, l.command, l.former
            FROM directus_versions.log AS l
            WHERE l.collection = v.collection AND l.item = way.item AND l.action = 'm'
                AND CASE WHEN l.transaction = way.transaction THEN l.command > way.command ELSE l.id > way.id END
            ORDER BY l.id LIMIT 1
        ) AS n
    )
    SELECT 1 + GREATEST(way.id, (
        SELECT pg_catalog.max(l.id) FROM directus_versions.log AS l
        WHERE l.collection = v.collection AND l.item = way.item AND l.action = 'm'
            AND l.transaction = way.transaction AND l.command = way.command)) AS since, COALESCE((
        -- A long key stands there abbreviated.
        SELECT l.long_item FROM directus_versions.log AS l
        WHERE l.collection = v.collection AND l.item = way.item AND l.long_item IS NOT NULL
            AND pg_catalog.octet_length(way.item) > 400
        LIMIT 1), way.item) AS item
    FROM way ORDER BY way.id DESC LIMIT 1
) AS moved ON true;
COMMENT ON VIEW _version IS 'Versions with the present names of their fields and keys of their items, whoever asks';

CREATE FUNCTION _item_of_version(version uuid) RETURNS text
LANGUAGE c STABLE STRICT COST 1 AS 'MODULE_PATHNAME', 'directus_versions_item_of_version';
COMMENT ON FUNCTION _item_of_version(uuid) IS 'The item of a version by its present key. Errors as for version_data';

CREATE VIEW versions WITH (security_barrier) AS
WITH k AS MATERIALIZED (
    SELECT c.id, c.relation, c.is_there, c.whole, c.is_there AND pg_catalog.row_security_active(c.relation) AS secured
    FROM (
        SELECT c.id, c.relation, t.oid IS NOT NULL AS is_there,
            t.oid IS NULL OR pg_catalog.has_table_privilege(t.oid, 'SELECT') AS whole
        FROM directus_versions.collection AS c LEFT JOIN pg_catalog.pg_class AS t ON t.oid = c.relation
    ) AS c
    WHERE CASE
        WHEN NOT c.is_there THEN directus_versions._is_owner()
        ELSE c.whole OR pg_catalog.has_any_column_privilege(c.relation, 'SELECT')
    END
)
SELECT
    v.id, v.key, v.name, v.collection_name AS collection,
    CASE WHEN k.whole OR directus_versions._selects_all_of(k.relation, v.last_key) THEN present.item END AS item,
    CASE WHEN k.whole THEN v.hash END AS hash,
    v.date_created, v.date_updated, v.user_created, v.user_updated,
    CASE WHEN k.whole THEN v.delta ELSE (
        SELECT COALESCE(pg_catalog.jsonb_object_agg(e.key, e.value), '{}') FROM pg_catalog.jsonb_each(v.delta) AS e
        WHERE directus_versions._selects_all_of(k.relation, ARRAY[e.key])) END AS delta,
    CASE WHEN k.whole THEN v.base ELSE (
        SELECT COALESCE(pg_catalog.jsonb_object_agg(e.key, e.value), '{}') FROM pg_catalog.jsonb_each(v.base) AS e
        WHERE directus_versions._selects_all_of(k.relation, ARRAY[e.key])) END AS base
FROM k JOIN directus_versions._named_version AS v ON v.collection = k.id
-- Few items ever get another key. To look the way up here would be so dear, by the planner's estimate, that the server
-- compiled every query.
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN EXISTS (
            SELECT FROM directus_versions.log AS l
            WHERE l.collection = v.collection AND l.item = directus_versions._item_key(v.item)
                AND l.id >= v.item_since AND l.action = 'm')
        THEN directus_versions._item_of_version(v.id) ELSE v.item END AS item
) AS present
WHERE NOT k.secured OR CASE
    -- Row security cannot tell of a row that does not exist yet: its draft is for who made it.
    WHEN v.item IS NULL THEN EXISTS (
        SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = v.role AND pg_catalog.pg_has_role(r.oid, 'USAGE'))
    ELSE directus_versions._row_visible(k.relation, v.last_key, present.item)
END;
COMMENT ON VIEW versions IS
'Detached versions, as in Directus; base is what main had in the fields of delta when they were saved. Shows versions of the items that the reader may SELECT, and their fields. Needs level read';

CREATE FUNCTION _statement(kind text, relation regclass, key text[], columns text[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    condition CONSTANT text := directus_versions._needed_condition(relation, key, '$1');
    -- $2 is a row of the table.
    row_values CONSTANT text := (
        SELECT pg_catalog.string_agg(pg_catalog.format('($2).%I', c), ', ' ORDER BY n)
        FROM pg_catalog.unnest(columns) WITH ORDINALITY AS u (c, n));
    names CONSTANT text := (
        SELECT pg_catalog.string_agg(pg_catalog.quote_ident(c), ', ' ORDER BY n)
        FROM pg_catalog.unnest(columns) WITH ORDINALITY AS u (c, n));
    returned CONSTANT text := (
        SELECT pg_catalog.string_agg(pg_catalog.format('t.%I', c), ', ' ORDER BY n)
        FROM pg_catalog.unnest(key) WITH ORDINALITY AS u (c, n));
BEGIN
    RETURN CASE kind
        -- A column may be called t too.
        WHEN 'row' THEN pg_catalog.format('SELECT (t.*)::%1$s FROM %1$s AS t WHERE %2$s', relation, condition)
        WHEN 'held row' THEN
            pg_catalog.format('SELECT (t.*)::%1$s FROM %1$s AS t WHERE %2$s FOR KEY SHARE', relation, condition)
        WHEN 'seen' THEN pg_catalog.format('SELECT FROM %s AS t WHERE %s', relation, condition)
        WHEN 'lock' THEN pg_catalog.format('SELECT FROM %s AS t WHERE %s FOR NO KEY UPDATE', relation, condition)
        WHEN 'update' THEN pg_catalog.format(
            'UPDATE %s AS t SET (%s) = ROW(%s) WHERE %s RETURNING %s', relation, names, row_values, condition, returned)
        WHEN 'insert' THEN pg_catalog.format(
            CASE WHEN columns = '{}' THEN 'INSERT INTO %1$s AS t DEFAULT VALUES RETURNING %4$s'
                ELSE 'INSERT INTO %1$s AS t (%2$s) VALUES (%3$s) RETURNING %4$s' END,
            relation, names, row_values, returned)
    END;
END $$;
COMMENT ON FUNCTION _statement(text, regclass, text[], text[]) IS
'A statement on the item $1 of a table; NULL where a column of the key is gone';

CREATE FUNCTION _required(relation regclass, given text[]) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(pg_catalog.array_agg(a.attname::text ORDER BY a.attnum), '{}')
    FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND (a.attnotnull OR t.typnotnull)
        AND (NOT a.atthasdef AND a.attidentity = '' AND t.typdefault IS NULL OR a.attgenerated = '' AND a.attname = ANY (given))
$$;
COMMENT ON FUNCTION _required(regclass, text[]) IS
'The columns of a table in which a new row must have a value, if those given are named when it is written';

CREATE FUNCTION _may_be_filled_in(relation regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_trigger AS g
        WHERE g.tgrelid = relation AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 7 = 7)
$$;
COMMENT ON FUNCTION _may_be_filled_in(regclass) IS 'Whether a trigger may fill in what a new row of a table lacks';

CREATE FUNCTION _laid_over(main anyelement, delta jsonb) RETURNS anyelement
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'directus_versions_laid_over';
COMMENT ON FUNCTION _laid_over(anyelement, jsonb) IS
'A row of a table with the fields of an object laid over it, and generated columns computed anew; NULL stands for a row of NULLs';

CREATE FUNCTION _problems(relation regclass, delta jsonb, lost jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    field record;
    problems jsonb := COALESCE((
        SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'field', l.key, 'version', l.value, 'problem', 'the column was dropped'))
        FROM pg_catalog.jsonb_each(lost) AS l), '[]');
BEGIN
    FOR field IN SELECT * FROM pg_catalog.jsonb_each(delta) LOOP
        BEGIN
            EXECUTE pg_catalog.format('SELECT directus_versions._laid_over(NULL::%s, $1)', relation)
                USING pg_catalog.jsonb_build_object(field.key, field.value);
        EXCEPTION
            -- A domain of the table's owner may raise what it likes.
            WHEN OTHERS THEN
                problems := problems || pg_catalog.jsonb_build_object(
                    'field', field.key, 'version', field.value, 'problem', SQLERRM);
        END;
    END LOOP;
    RETURN problems;
END $$;
COMMENT ON FUNCTION _problems(regclass, jsonb, jsonb) IS
'The staged fields that have no place in a table any more or whose type refuses them, each with what is wrong';

CREATE FUNCTION _fits_key(relation regclass, key text[], item text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE directus_versions._fitting(relation, key, '$1') USING item;
    RETURN true;
EXCEPTION
    WHEN data_exception THEN
        RETURN false;
END $$;
COMMENT ON FUNCTION _fits_key(regclass, text[], text) IS 'Whether an item''s text can be a key of a table';

CREATE FUNCTION _fitting(relation regclass, key text[], item text, source text DEFAULT '') RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT pg_catalog.format('SELECT t FROM (SELECT %s %s OFFSET 0) AS t',
            COALESCE(pg_catalog.string_agg(v.value, ', '), 'NULL'), source)
        FROM directus_versions._key_values(relation, key, item) AS v WHERE v.is_told
    );
END $$;
COMMENT ON FUNCTION _fitting(regclass, text[], text, text) IS 'SQL that fails where an item''s text cannot be a key of a table';

CREATE FUNCTION _staged_rows(relation regclass, version_key text, secured boolean, role name) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    key CONSTANT text[] := (SELECT c.last_key FROM directus_versions.collection AS c WHERE c.relation = $1);
    staged jsonb;
BEGIN
    IF key IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('item', v.item, 'delta', v.delta)) INTO staged
    FROM (
        -- Where an item has the key of a deleted one, its own version goes before the one that was left behind.
        SELECT DISTINCT ON (v.item, CASE WHEN v.item IS NULL THEN v.id END) v.item, v.delta
        FROM directus_versions._version AS v
        WHERE v.collection = (SELECT c.id FROM directus_versions.collection AS c WHERE c.relation = $1)
            AND v.key = version_key
            AND (v.item IS NOT NULL OR NOT secured OR EXISTS (
                SELECT FROM pg_catalog.pg_roles AS r
                WHERE r.rolname = v.role AND pg_catalog.pg_has_role($4, r.oid, 'USAGE')))
        ORDER BY v.item, CASE WHEN v.item IS NULL THEN v.id END, v.item_since DESC
    ) AS v
    WHERE v.delta <> '{}';
    EXECUTE directus_versions._fitting(relation, key, 'e.item', 'FROM pg_catalog.jsonb_to_recordset($1) AS e (item pg_catalog.text)')
        USING staged;
    RETURN COALESCE(staged, '[]');
EXCEPTION
    -- The key has another type than it had: an item that no row can have any more is left out.
    WHEN data_exception THEN
        RETURN (
            SELECT COALESCE(pg_catalog.jsonb_agg(s.version), '[]') FROM pg_catalog.jsonb_array_elements(staged) AS s (version)
            WHERE s.version ->> 'item' IS NULL OR directus_versions._fits_key(relation, key, s.version ->> 'item'));
END $$;
COMMENT ON FUNCTION _staged_rows(regclass, text, boolean, name) IS
'The item and delta of each version of a table with that key, NULL for a table that was never tracked; drafts of new items, where row security applies, for who made them';

CREATE FUNCTION _read_statement(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key CONSTANT text[] := (SELECT c.last_key FROM directus_versions.collection AS c WHERE c.relation = $1);
    live text;
    laid text;
BEGIN
    -- A dropped column keeps its place in the row type.
    SELECT pg_catalog.string_agg(
            CASE WHEN a.attisdropped THEN 'NULL::int' ELSE pg_catalog.format('t.%I', a.attname) END, ', ' ORDER BY a.attnum),
        pg_catalog.string_agg(
            CASE WHEN a.attisdropped THEN 'NULL::int' ELSE pg_catalog.format('(s.r).%I', a.attname) END, ', ' ORDER BY a.attnum)
    INTO live, laid
    FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0;
    RETURN pg_catalog.format(
        'WITH v AS MATERIALIZED (
            SELECT e.item, e.delta FROM pg_catalog.jsonb_to_recordset($1) AS e (item pg_catalog.text, delta pg_catalog.jsonb)
            WHERE e.item IS NOT NULL)
        SELECT %2$s FROM %1$s AS t WHERE NOT EXISTS (SELECT FROM v WHERE %4$s)
        UNION ALL
        SELECT %3$s FROM (
            SELECT directus_versions._laid_over((t.*)::%1$s, v.delta) AS r FROM v JOIN %1$s AS t ON %4$s OFFSET 0) AS s
        UNION ALL
        SELECT %3$s FROM (
            SELECT directus_versions._laid_over(NULL::%1$s, e.delta) AS r
            FROM pg_catalog.jsonb_to_recordset($1) AS e (item pg_catalog.text, delta pg_catalog.jsonb)
            WHERE e.item IS NULL OFFSET 0) AS s',
        relation, live, laid, directus_versions._needed_condition(relation, key, 'v.item'));
END $$;
COMMENT ON FUNCTION _read_statement(regclass) IS
'SQL that reads a table with the versions in $1 laid over it; only rows that have one are touched';

-- What is called.

CREATE FUNCTION create_version(target regclass, item text, key text, name text DEFAULT NULL, delta jsonb DEFAULT NULL)
RETURNS uuid
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_create_version';
COMMENT ON FUNCTION create_version(regclass, text, text, text, jsonb) IS
'Makes a version of an item, or with item NULL a draft of one that does not exist yet, and saves the delta in it if there is one. 55000 if the table is not tracked, 42501 if the caller may not SELECT from it, P0002 if there is no such item, 22023 for an empty or reserved key, 42710 if the item has a version of that key; and the errors of save_version. Needs level write';

CREATE FUNCTION create_version(target regclass, item bigint, key text, name text DEFAULT NULL, delta jsonb DEFAULT NULL)
RETURNS uuid
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_create_version';
COMMENT ON FUNCTION create_version(regclass, bigint, text, text, jsonb) IS 'As create_version(regclass, text, text, text, jsonb)';

CREATE FUNCTION create_version(target regclass, item uuid, key text, name text DEFAULT NULL, delta jsonb DEFAULT NULL)
RETURNS uuid
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_create_version';
COMMENT ON FUNCTION create_version(regclass, uuid, text, text, jsonb) IS 'As create_version(regclass, text, text, text, jsonb)';

CREATE FUNCTION save_version(version uuid, delta jsonb) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_save_version';
COMMENT ON FUNCTION save_version(uuid, jsonb) IS
'Merges fields into a version, each as a whole, and returns the revision; NULL if that changed nothing. P0002 if there is no such version or its item is gone, 42501 if the caller may not SELECT the item or a field, 42703 for an unknown field, 22023 for a masked or generated one, and the errors of a value that is none of the column''s type. Needs level write';

CREATE FUNCTION discard_version_fields(version uuid, fields text[]) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_discard_version_fields';
COMMENT ON FUNCTION discard_version_fields(uuid, text[]) IS
'Takes fields out of a version. P0002 if there is no such version, 42501 if the caller may not SELECT from its table, 42703 for an unknown field. Needs level write';

CREATE FUNCTION rename_version(version uuid, key text DEFAULT NULL, name text DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_rename_version';
COMMENT ON FUNCTION rename_version(uuid, text, text) IS
'Gives a version another key or name; NULL leaves it. P0002 if there is no such version, 42501 if the caller may not SELECT from its table, 22023 for an empty or reserved key, 42710 if the item has another version of that key. Needs level write';

CREATE FUNCTION drop_version(version uuid) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_drop_version';
COMMENT ON FUNCTION drop_version(uuid) IS
'Removes a version; what was saved in it stays in the log. P0002 if there is no such version, 42501 if the caller may not SELECT from its table. Needs level write';

CREATE FUNCTION promote_version(
    version uuid, main_hash text DEFAULT NULL, fields text[] DEFAULT NULL, on_conflict text DEFAULT 'error'
) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_promote_version';
COMMENT ON FUNCTION promote_version(uuid, text, text[], text) IS
'Writes what a version stages, or the named fields of it, into the live row with the caller''s rights, and returns the revision; NULL if there was nothing to write. on_conflict: error, theirs (main''s value stays) or ours (the version''s is taken). 40001 if main_hash is not the item''s hash now or a field changed on both sides, P0002 if there is no such version or its item is gone, 55000 if its table is not tracked or has another key since, 42501 if the caller may not update the item or a field, 42703 for an unknown field or one whose column was dropped, 23502 for a draft without its required fields, 22023 for an unknown on_conflict, and any error of the write itself. Needs level write';

CREATE FUNCTION version_data(version uuid) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_version_data';
COMMENT ON FUNCTION version_data(uuid) IS
'The item with what a version stages laid over it, as far as the caller may SELECT it. P0002 if there is no such version, 42501 if the caller may not SELECT from its table. Needs level read';

CREATE FUNCTION version_row("like" anyelement, version uuid) RETURNS anyelement
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_version_row';
COMMENT ON FUNCTION version_row(anyelement, uuid) IS
'The same as a row of the table, which like names: version_row(NULL::articles, …). 42809 if the version is of another table, P0002 if there is no such version, 42501 if the caller may not SELECT all of the table. Needs level read';

CREATE FUNCTION read_version("like" anyelement, key text) RETURNS SETOF anyelement
LANGUAGE c ROWS 10000 AS 'MODULE_PATHNAME', 'directus_versions_read_version';
COMMENT ON FUNCTION read_version(anyelement, text) IS
'All rows of a table, those with a version of that key as it has them, drafts of new items included: read_version(NULL::articles, ''draft''). 42809 for anything but a table, 55000 if it was never tracked, 42501 if the caller may not SELECT all of it. Needs level read';

CREATE FUNCTION compare_version(version uuid) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_compare_version';
COMMENT ON FUNCTION compare_version(uuid) IS
'What a version stages beside the item as it is: outdated (the item changed since the version was made), mainHash (for promote_version), current (staged fields and the key), main (the item now; null if it is gone) and conflicts (fields that changed on both sides). Where a staged field cannot be promoted as it is, problems tells of it. P0002 if there is no such version, 42501 if the caller may not SELECT from its table. Needs level read';
