-- What functions that write a user's table put their statements together from.
--
-- They are called through src/pg/undertake.rs. They run with the caller's rights, under the caller's search_path while they
-- write, since the table's triggers may rely on it. So all that they say in SQL is qualified, types and operators too.

CREATE FUNCTION _taken(value anyelement, target regclass, attribute smallint) RETURNS anyelement
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_taken';
COMMENT ON FUNCTION _taken(anyelement, regclass, smallint) IS
'A value for a column of a domain type, which takes it; else the domain''s error, with the names of table and column, and the value in its detail';

CREATE FUNCTION _assigned(target regclass, fields text[], source text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.array_agg(
        pg_catalog.format(
            CASE WHEN t.typtype = 'd' THEN 'directus_versions._taken((%s.%I)::%s, %L::pg_catalog.regclass, %s::pg_catalog.int2)'
                ELSE '(%s.%I)::%s' END,
            source, f.name, directus_versions._plain_type(a.atttypid), target::oid, a.attnum) ORDER BY f.position)
    FROM pg_catalog.unnest(fields) WITH ORDINALITY AS f (name, position)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = target AND a.attname = f.name AND NOT a.attisdropped
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
$$;
COMMENT ON FUNCTION _assigned(regclass, text[], text) IS 'For each field SQL that takes it from a row of the table';

CREATE FUNCTION _same_fields(fields text[], a text, b text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN fields = '{}' THEN 'true' ELSE (
        SELECT pg_catalog.format('pg_catalog.record_image_eq(ROW(%s), ROW(%s))',
            pg_catalog.string_agg(pg_catalog.format('%s.%I', a, f), ', '),
            pg_catalog.string_agg(pg_catalog.format('%s.%I', b, f), ', '))
        FROM pg_catalog.unnest(fields) AS f) END
$$;
COMMENT ON FUNCTION _same_fields(text[], text, text) IS 'SQL that compares fields of two rows by their stored bytes';

CREATE FUNCTION _list_differing(fields text[], a text, b text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.format('pg_catalog.array_remove(ARRAY[%s]::pg_catalog.text[], NULL)', COALESCE(pg_catalog.string_agg(
        pg_catalog.format('CASE WHEN NOT %s THEN %L END', directus_versions._same_fields(ARRAY[f], a, b), f), ', '), ''))
    FROM pg_catalog.unnest(fields) AS f
$$;
COMMENT ON FUNCTION _list_differing(text[], text, text) IS 'SQL that lists those fields of two rows that differ in their stored bytes';

CREATE FUNCTION _quoted(fields text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.string_agg(pg_catalog.format('"%s"', f), ', ') FROM pg_catalog.unnest(fields) AS f
$$;
COMMENT ON FUNCTION _quoted(text[]) IS 'Names for a message';

CREATE FUNCTION _key_condition(target regclass, item text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT directus_versions._needed_condition(target, directus_versions._last_key(target), item)
$$;
COMMENT ON FUNCTION _key_condition(regclass, text) IS 'SQL that finds the row t of a table by SQL that gives its item text';

CREATE FUNCTION _settable(target regclass) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(pg_catalog.array_agg(a.attname::text ORDER BY a.attnum), '{}')
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
$$;
COMMENT ON FUNCTION _settable(regclass) IS 'The columns of a table that can be written';

CREATE FUNCTION _last_id() RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.last_value FROM directus_versions.log_id AS s
$$;
COMMENT ON FUNCTION _last_id() IS 'The id of the log that was given last';

CREATE FUNCTION __recorded(since bigint) RETURNS TABLE (id bigint, source bigint, name text, item text, comment text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    -- Rights are looked up for each table and not for each row.
    WITH readable AS MATERIALIZED (
        SELECT k.id, k.name FROM directus_versions.collection AS k
        WHERE pg_catalog.has_any_column_privilege(directus_versions._caller(), k.relation, 'SELECT')
    )
    SELECT l.id, l.source, k.name, COALESCE(l.long_item, l.item), l.comment
    FROM directus_versions.log AS l JOIN readable AS k ON k.id = l.collection
    WHERE l.id > $1 AND l.transaction = pg_catalog.pg_current_xact_id() AND l.action IN ('c', 'u', 'd')
        AND (l.source IS NOT NULL OR l.comment LIKE 'revert to %');
END $$;
COMMENT ON FUNCTION __recorded(bigint) IS 'Does the work of _recorded as the extension''s owner';

CREATE FUNCTION _recorded(since bigint) RETURNS TABLE (id bigint, source bigint, name text, item text, comment text)
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_reader';
COMMENT ON FUNCTION _recorded(bigint) IS
'What this transaction recorded behind an id by going back, of tables that the caller may select from';

CREATE FUNCTION _present_fields(collection int, revision bigint, names text[]) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN names IS NOT NULL THEN COALESCE(pg_catalog.array_agg(a.attname::text ORDER BY a.attnum), '{}') END
    FROM (
        SELECT DISTINCT ON (f.attnum) f.attnum, f.name, f.dropped
        FROM directus_versions.field AS f
        WHERE f.collection = $1 AND f.since <= revision
        ORDER BY f.attnum, f.since DESC
    ) AS f
    JOIN directus_versions.collection AS k ON k.id = $1
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid = k.relation AND a.attnum = f.attnum AND NOT a.attisdropped AND a.attgenerated = ''
    WHERE NOT f.dropped AND f.name = ANY (names)
$$;
COMMENT ON FUNCTION _present_fields(int, bigint, text[]) IS
'The columns that can be written now of those that had these names at a revision';

CREATE FUNCTION _lost_fields(collection int, revision bigint, names text[]) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(pg_catalog.array_agg(f.name ORDER BY f.attnum), '{}')
    FROM (
        SELECT DISTINCT ON (f.attnum) f.attnum, f.name
        FROM directus_versions.field AS f
        WHERE f.collection = $1 AND f.since <= revision
        ORDER BY f.attnum, f.since DESC
    ) AS f
    JOIN directus_versions.collection AS k ON k.id = $1
    LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.relation AND a.attnum = f.attnum AND NOT a.attisdropped
    WHERE a.attnum IS NULL AND f.name = ANY (names)
$$;
COMMENT ON FUNCTION _lost_fields(int, bigint, text[]) IS 'Those of a revision''s columns that were dropped since';

CREATE FUNCTION _item_at_cut(collection int, item text, cut bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    settings directus_versions.collection;
    known text[];
    result text;
BEGIN
    -- Rows without a key, all under one name.
    IF item = '[]' THEN
        RETURN NULL;
    END IF;
    SELECT * INTO settings FROM directus_versions.collection AS c WHERE c.id = $1;
    EXECUTE pg_catalog.format(
        'SELECT r.known, directus_versions.item_of(r.restored) FROM directus_versions._restored(NULL::%s, $1, $2) AS r',
        settings.relation)
    INTO known, result USING (
        SELECT l.id FROM directus_versions.log AS l
        WHERE l.collection = $1 AND l.item = $2 AND l.action IN ('c', 'u') AND l.id < cut
        ORDER BY l.id DESC LIMIT 1), settings.last_key;
    RETURN CASE WHEN settings.last_key <@ known THEN result END;
END $$;
COMMENT ON FUNCTION _item_at_cut(int, text, bigint) IS
'The key that an item got when the table''s key moved to other columns; NULL where the record does not tell';

CREATE FUNCTION __present_item(revision bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step directus_versions.log;
    later directus_versions.log;
    -- Where the key moved to other columns: beyond, texts of items are of these.
    cut bigint;
    moves int;
    present text;
BEGIN
    SELECT l.* INTO step FROM directus_versions.log AS l WHERE l.id = $1;
    SELECT pg_catalog.min(g.since), pg_catalog.count(*) INTO cut, moves
    FROM directus_versions.gap AS g WHERE g.collection = step.collection AND g.rekeyed AND g.since > step.id;
    LOOP
        IF step.action = 'd' THEN
            later := step;
        ELSE
            SELECT n.* INTO later
            FROM directus_versions.log AS n
            WHERE n.collection = step.collection AND n.item = step.item AND n.action IN ('d', 'm')
                AND (cut IS NULL OR n.id < cut)
                -- What one command did happened at once: a row does not go on by it where it came by it.
                AND CASE WHEN n.transaction = step.transaction THEN n.command > step.command ELSE n.id > step.id END
            ORDER BY n.transaction = step.transaction DESC, n.command * (n.transaction = step.transaction)::int, n.id
            LIMIT 1;
            IF NOT FOUND THEN
                IF cut IS NULL THEN
                    RETURN COALESCE(step.long_item, step.item);
                ELSIF moves = 1 THEN
                    present := directus_versions._item_at_cut(step.collection, step.item, cut);
                END IF;
                IF present IS NULL THEN
                    RAISE EXCEPTION 'the key of table "%" was changed to other columns since',
                        (SELECT c.name FROM directus_versions.collection AS c WHERE c.id = step.collection)
                        USING ERRCODE = '55000', DETAIL = 'Which row the item is now is not known.';
                END IF;
                step.item := directus_versions._item_key(present);
                step.long_item := present;
                step.id := cut;
                step.transaction := NULL;
                cut := NULL;
                CONTINUE;
            END IF;
        END IF;
        IF later.action = 'd' THEN
            -- Created again it is the item again; a row that came from another key is another one.
            SELECT n.* INTO step
            FROM directus_versions.log AS n
            WHERE n.collection = later.collection AND n.item = later.item AND n.id > later.id
                AND (cut IS NULL OR n.id < cut)
                AND (n.action = 'c' OR n.action = 'u' AND n.former IS NOT NULL)
            ORDER BY n.id LIMIT 1;
            IF NOT FOUND OR step.action <> 'c' THEN
                RETURN NULL;
            END IF;
        ELSE
            SELECT u.* INTO step
            FROM directus_versions.log AS u
            WHERE u.collection = later.collection AND u.item = later.former AND u.former = later.item AND u.action = 'u'
                AND u.transaction = later.transaction AND u.command = later.command;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION __present_item(bigint) IS 'Does the work of _present_item as the extension''s owner';

CREATE FUNCTION _present_item(revision bigint) RETURNS text
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_present_item';
COMMENT ON FUNCTION _present_item(bigint) IS
'The key that the item of a revision has now; NULL where it is deleted. P0002 for a revision that the caller may not read, 42501 where it may not select the key';

CREATE FUNCTION __is_tracked(target regclass) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_catalog.has_any_column_privilege(directus_versions._caller(), target, 'SELECT') THEN
        RETURN EXISTS (SELECT FROM directus_versions.collection AS c WHERE c.relation = target AND c.tracked);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION __is_tracked(regclass) IS 'Does the work of _is_tracked as the extension''s owner';

CREATE FUNCTION _is_tracked(target regclass) RETURNS boolean
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_reader';
COMMENT ON FUNCTION _is_tracked(regclass) IS 'Whether a table is tracked now; NULL where the caller may not select from it';
