-- What an administrator must know.

CREATE FUNCTION _has_lost_label(value jsonb, type oid) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind record;
BEGIN
    SELECT t.typtype, t.typbasetype, t.typrelid,
        CASE WHEN t.typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc THEN t.typelem ELSE 0 END AS element
    INTO kind FROM pg_catalog.pg_type AS t WHERE t.oid = type;
    IF kind.typtype = 'd' THEN
        RETURN directus_versions._has_lost_label(value, kind.typbasetype);
    ELSIF kind.typtype = 'e' THEN
        RETURN pg_catalog.jsonb_typeof(value) = 'string' AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = type AND e.enumlabel = value #>> '{}');
    ELSIF kind.typtype = 'c' AND pg_catalog.jsonb_typeof(value) = 'object' THEN
        RETURN EXISTS (
            SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = kind.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                AND directus_versions._has_lost_label(value -> a.attname::text, a.atttypid));
    ELSIF kind.element <> 0 AND pg_catalog.jsonb_typeof(value) = 'array' THEN
        RETURN EXISTS (
            SELECT FROM pg_catalog.jsonb_array_elements(value) AS e
            -- Arrays of several dimensions are of one type.
            WHERE directus_versions._has_lost_label(
                e, CASE WHEN pg_catalog.jsonb_typeof(e) = 'array' THEN type ELSE kind.element END));
    END IF;
    RETURN false;
END $$;
COMMENT ON FUNCTION _has_lost_label(jsonb, oid) IS
'Whether the JSON form of a value holds, at the place of an enum, what is no label of it any more';

CREATE FUNCTION _mismatch(target regclass, item text) RETURNS text
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_mismatch';
COMMENT ON FUNCTION _mismatch(regclass, text) IS
'Whether an item''s live row is not what was recorded: "deleted" where the log says so of a row that is there, "missing" the other way round, "differs: " and the fields; NULL where nothing differs';

CREATE FUNCTION _unknown(target regclass) RETURNS SETOF text
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_unknown';
COMMENT ON FUNCTION _unknown(regclass) IS 'The items of a table''s rows of which nothing was ever recorded';

CREATE FUNCTION _trigger_problems(owned int[]) RETURNS TABLE (collection text, item text, problem text, detail text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH part AS (
        SELECT c.id, c.name, c.replicated, c.relation, t.relid, k.relispartition
        FROM directus_versions.collection AS c
        CROSS JOIN LATERAL directus_versions._tree(c.relation) AS t (relid)
        JOIN pg_catalog.pg_class AS k ON k.oid = t.relid
        WHERE c.tracked AND c.id = ANY (owned) AND k.relkind IN ('r', 'p')
            AND NOT pg_catalog.pg_is_other_temp_schema(k.relnamespace)
    ), wanted AS (
        SELECT part.*, kind, directus_versions._trigger_name(part.id, kind) AS trigger_name
        FROM part CROSS JOIN pg_catalog.unnest(ARRAY['row', 'statement', 'truncate']) AS kind
    ), seen AS (
        SELECT w.*, (
            SELECT t.tgenabled FROM pg_catalog.pg_trigger AS t
            WHERE t.tgrelid = w.relid
                AND EXISTS (
                    SELECT FROM directus_versions._triggers(w.relid) AS o
                    WHERE o.name = t.tgname AND o.collection = w.id AND o.kind = w.kind)
            ORDER BY t.tgenabled = 'D' LIMIT 1) AS enabled
        FROM wanted AS w
    )
    SELECT s.name, NULL::text,
        CASE
            WHEN s.enabled IS NULL AND s.relid <> s.relation THEN 'partition not covered'
            WHEN s.enabled IS NULL THEN 'trigger missing'
            ELSE 'trigger disabled'
        END,
        pg_catalog.format(
            CASE
                WHEN s.enabled IS NULL THEN 'Table %s has no trigger %I: what its absence keeps from being recorded is lost. Call directus_versions.set_scope(%L) to put it back.'
                WHEN s.enabled = 'O' THEN 'Trigger %2$I on table %1$s does not fire for replicated changes, which are to be recorded. Call directus_versions.set_scope(%3$L) to enable it.'
                ELSE 'Trigger %2$I on table %1$s is disabled: what is written meanwhile is not recorded. Call directus_versions.set_scope(%3$L) to enable it.'
            END,
            s.relid, s.trigger_name, s.relation::text)
    FROM seen AS s
    WHERE s.enabled IS NULL OR s.enabled IN ('D', 'R') OR s.enabled = 'O' AND s.replicated
    ORDER BY s.name, s.relid::text, s.kind
$$;
COMMENT ON FUNCTION _trigger_problems(int[]) IS 'Triggers of ours that are missing or disabled, on tables, partitions and children of these collections';

CREATE FUNCTION _table_problems(owned int[]) RETURNS TABLE (collection text, item text, problem text, detail text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.name, NULL::text, 'no key',
        pg_catalog.format(
            CASE
                WHEN c.last_key = '{}'
                THEN 'Table %s has lost the key that names its items: its rows are recorded under one name, "[]", and cannot be gone back to.'
                ELSE 'Table %s has lost the key that names its items: they go on under the values of its columns (%3$s), which several may share now.'
            END || ' Add a primary key, or name the columns with directus_versions.set_scope(%2$L, key => …).',
            c.relation, c.relation::text, pg_catalog.array_to_string(c.last_key, ', '))
    FROM directus_versions.collection AS c
    WHERE c.tracked AND c.id = ANY (owned)
        AND (c.last_key = '{}' OR c.key IS NULL AND directus_versions._key_of(c.relation) IS NULL)
    UNION ALL
    SELECT directus_versions._collection_name(t.oid), NULL, 'table not tracked',
        pg_catalog.format('Table %s is in schema %I, which is tracked. Call directus_versions.track(%L).', t.oid::regclass, s.schema, t.oid::regclass::text)
    FROM directus_versions.tracked_schema AS s
    JOIN pg_catalog.pg_class AS t ON t.relnamespace = s.oid
    JOIN pg_catalog.pg_roles AS r ON r.rolname = s.role
    WHERE directus_versions._is_trackable(t.oid) AND pg_catalog.pg_has_role(r.oid, t.relowner, 'USAGE')
        -- One that was untracked by hand is left alone.
        AND NOT EXISTS (SELECT FROM directus_versions.collection AS k WHERE k.relation = t.oid)
        AND pg_catalog.pg_has_role(directus_versions._caller(), t.relowner, 'USAGE')
    UNION ALL
    SELECT directus_versions._collection_name(t.tgrelid), NULL, 'collection missing',
        pg_catalog.format('Trigger %I on table %s is of a collection that is not there, as after the restore of a part of a dump, so nothing is recorded. Restore the extension''s tables, or drop the trigger and call directus_versions.track(%L).', t.tgname, t.tgrelid::regclass, t.tgrelid::regclass::text)
    FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS k ON k.oid = t.tgrelid
    WHERE t.tgfoid = 'directus_versions._capture_statement()'::regprocedure AND t.tgnargs = 1
        AND pg_catalog.pg_has_role(directus_versions._caller(), k.relowner, 'USAGE')
        AND NOT EXISTS (
            SELECT FROM directus_versions.collection AS c
            WHERE c.id = pg_catalog.split_part(pg_catalog.encode(t.tgargs, 'escape'), '\000', 1)::int)
    UNION ALL
    SELECT directus_versions._collection_name(t.tgrelid), NULL, 'table not tracked',
        pg_catalog.format('Trigger %I on table %s is of collection "%s", whose table was not there yet when what was recorded was restored. Call directus_versions.relink(%L, %L) to carry that on.', t.tgname, t.tgrelid::regclass, c.name, t.tgrelid::regclass::text, c.name)
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_class AS k ON k.oid = t.tgrelid
    JOIN directus_versions.collection AS c
        ON c.id = pg_catalog.split_part(pg_catalog.encode(t.tgargs, 'escape'), '\000', 1)::int AND c.relation IS NULL
            AND c.name = directus_versions._collection_name(t.tgrelid)
    WHERE t.tgfoid = 'directus_versions._capture_statement()'::regprocedure AND t.tgnargs = 1
        AND NOT EXISTS (SELECT FROM directus_versions._collections_of(t.tgrelid))
        -- relink refuses a history of its own.
        AND NOT EXISTS (SELECT FROM directus_versions.collection AS own WHERE own.relation = t.tgrelid)
        AND pg_catalog.pg_has_role(directus_versions._caller(), k.relowner, 'USAGE')
        -- Whom relink lets.
        AND EXISTS (
            SELECT FROM pg_catalog.pg_roles AS r
            WHERE (r.rolname = c.owner OR r.rolname = current_user)
                AND pg_catalog.pg_has_role(directus_versions._caller(), r.oid, 'USAGE'))
$$;
COMMENT ON FUNCTION _table_problems(int[]) IS 'Tables that are not recorded though they should be';

CREATE FUNCTION _log_problems(owned int[]) RETURNS TABLE (collection text, item text, problem text, detail text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    -- Until maintain was called for the first time, the default partition is the whole log, and good for a month.
    SELECT NULL::text, NULL::text, 'default partition in use',
        'The log''s default partition holds rows, and grows. Call directus_versions.maintain(), and have a scheduler call it each day.'
    WHERE EXISTS (
        SELECT FROM directus_versions.log_default AS d
        WHERE d.at < pg_catalog.date_trunc('month', pg_catalog.statement_timestamp())
            OR (SELECT pg_catalog.count(*) > 1 FROM directus_versions._partitions()))
    UNION ALL
    SELECT c.name, NULL, 'retention behind',
        'The log holds more than the retention allows, for over a day. Call directus_versions.maintain(), and have a scheduler call it each day.'
    FROM directus_versions._limits() AS l
    LEFT JOIN directus_versions.collection AS c ON c.id = l.collection
    WHERE (l.collection = ANY (owned) OR l.collection = 0) AND EXISTS (
        SELECT FROM directus_versions.log AS r
        WHERE r.at < GREATEST(l.activity, NULLIF(l.revisions, 'infinity')) - interval '1 day'
            AND r.collection IS NOT DISTINCT FROM NULLIF(l.collection, 0)
            AND CASE
                WHEN r.change IS NOT NULL THEN l.keep_last = 0 AND r.at < l.revisions - interval '1 day'
                WHEN r.action IN ('t', 'x') THEN r.at < l.activity - interval '1 day'
                -- Rows of an item go behind its data.
                ELSE l.keep_last = 0 AND r.at < LEAST(l.activity, l.revisions) - interval '1 day'
            END)
    UNION ALL
    SELECT NULL, NULL, 'event trigger disabled',
        pg_catalog.format('Event trigger %I is disabled: the extension does not follow what happens to tables. Use ALTER EVENT TRIGGER %1$I ENABLE ALWAYS.', e.name)
    FROM pg_catalog.unnest(ARRAY['directus_versions_ddl', 'directus_versions_drop', 'directus_versions_keep',
        'directus_versions_lend', 'directus_versions_partitions']) AS e (name)
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger AS t WHERE t.evtname = e.name AND t.evtenabled = 'A')
$$;
COMMENT ON FUNCTION _log_problems(int[]) IS 'What is wrong with the log itself';

CREATE FUNCTION _row_problems(target regclass) RETURNS TABLE (collection text, item text, problem text, detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    settings directus_versions.collection;
    mismatch text;
    seen bigint := 0;
BEGIN
    SELECT * INTO settings FROM directus_versions.collection AS c WHERE c.relation = target;
    collection := settings.name;
    FOR item IN
        SELECT DISTINCT COALESCE(l.long_item, l.item) FROM directus_versions.log AS l
        WHERE l.collection = settings.id AND l.action IN ('c', 'u', 'd')
            AND l.id >= COALESCE((SELECT pg_catalog.max(g.since) FROM directus_versions.gap AS g WHERE g.collection = settings.id), 0)
    LOOP
        seen := seen + 1;
        IF seen % 100000 = 0 THEN
            RAISE NOTICE 'compared % items of table "%" with the log', seen, settings.name;
        END IF;
        mismatch := directus_versions._mismatch(target, item);
        CONTINUE WHEN mismatch IS NULL;
        problem := 'row not recorded';
        detail := CASE mismatch
            WHEN 'deleted' THEN 'The log says that the row was deleted, and it is there: it was inserted while recording was off. Delete it'
            WHEN 'missing' THEN 'The log knows the row, and it is not there: it was deleted while recording was off. Bring it back with directus_versions.revert and its last revision'
            ELSE pg_catalog.format('The row is not what the log says: it was changed while recording was off (%s). Take it back with directus_versions.revert and its last revision', pg_catalog.substr(mismatch, 10))
        END || ', or accept all rows as they are with directus_versions.untrack and directus_versions.track.';
        RETURN NEXT;
    END LOOP;
    IF settings.complete AND settings.accountability <> 'none' THEN
        FOR item IN SELECT u FROM directus_versions._unknown(target) AS u LOOP
            problem := 'row not recorded';
            detail := 'The log knows nothing of the row, and the table was empty when its record began: it was inserted while recording was off. Delete it, or accept all rows as they are with directus_versions.untrack and directus_versions.track.';
            RETURN NEXT;
        END LOOP;
    END IF;
END $$;
COMMENT ON FUNCTION _row_problems(regclass) IS 'Items whose live row is not what was recorded of them';

CREATE FUNCTION _check_tracking(target regclass) RETURNS TABLE (collection text, item text, problem text, detail text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owned int[] := ARRAY(
        SELECT c.id FROM directus_versions.collection AS c LEFT JOIN pg_catalog.pg_class AS t ON t.oid = c.relation
        WHERE (target IS NULL OR c.relation = target)
            AND CASE WHEN t.oid IS NOT NULL THEN pg_catalog.pg_has_role(directus_versions._caller(), t.relowner, 'USAGE')
                ELSE pg_catalog.pg_has_role(directus_versions._caller(), current_user, 'USAGE') END);
BEGIN
    IF target IS NOT NULL AND NOT EXISTS (SELECT FROM directus_versions.collection AS c WHERE c.relation = target AND c.tracked) THEN
        RAISE EXCEPTION 'table "%" is not tracked', directus_versions._collection_name(target) USING
            ERRCODE = '55000', HINT = 'Call directus_versions.track first.';
    ELSIF target IS NOT NULL AND owned = '{}' THEN
        RAISE EXCEPTION 'must be owner of table "%"', directus_versions._collection_name(target) USING ERRCODE = '42501';
    END IF;
    RETURN QUERY SELECT * FROM directus_versions._trigger_problems(owned);
    IF target IS NOT NULL THEN
        RETURN QUERY SELECT p.* FROM directus_versions._table_problems(owned) AS p
            WHERE p.collection = directus_versions._collection_name(target);
        RETURN QUERY SELECT p.* FROM directus_versions._log_problems(owned) AS p
            WHERE p.collection = directus_versions._collection_name(target);
        RETURN QUERY SELECT * FROM directus_versions._row_problems(target);
    ELSE
        RETURN QUERY SELECT * FROM directus_versions._table_problems(owned);
        RETURN QUERY SELECT * FROM directus_versions._log_problems(owned);
    END IF;
END $$;
COMMENT ON FUNCTION _check_tracking(regclass) IS 'Does the work of check_tracking as the extension''s owner';

CREATE FUNCTION check_tracking(target regclass DEFAULT NULL)
RETURNS TABLE (collection text, item text, problem text, detail text)
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_reader';
COMMENT ON FUNCTION check_tracking(regclass) IS
'What an administrator must know, each problem with a sentence that says what to do: trigger missing, trigger disabled, partition not covered, no key, table not tracked, collection missing, default partition in use, retention behind, event trigger disabled; for all tables that the caller owns, or for one. Of one table, each item that was recorded is compared with its live row too: row not recorded. That reads all of its history, and tells its progress in notices. No rows: all is well. 42501 unless the caller owns the table, 55000 if it is not tracked. Needs level manage';

CREATE VIEW status AS
SELECT
    s.is_exact,
    CASE WHEN s.is_exact THEN (SELECT pg_catalog.count(*) FROM directus_versions.log) ELSE s.estimate END AS rows,
    s.bytes,
    s.partitions,
    EXISTS (SELECT FROM directus_versions.log_default) AS default_partition_in_use,
    s.oldest,
    (s.bytes / GREATEST(EXTRACT(epoch FROM pg_catalog.statement_timestamp() - s.oldest) / 86400, 1))::bigint AS bytes_per_day,
    (SELECT pg_catalog.count(*) FROM directus_versions.context) AS contexts,
    (SELECT pg_catalog.count(*) FROM directus_versions.collection AS c WHERE c.tracked) AS tracked_tables,
    (SELECT pg_catalog.count(*) FROM directus_versions.version) AS versions
FROM (
    SELECT
        pg_catalog.sum(pg_catalog.pg_total_relation_size(c.oid))::bigint AS bytes,
        pg_catalog.count(*)::int AS partitions,
        pg_catalog.sum(GREATEST(c.reltuples, 0))::bigint AS estimate,
        pg_catalog.sum(pg_catalog.pg_relation_size(c.oid)) < 256 * 1024 * 1024 AS is_exact,
        (SELECT l.at FROM directus_versions.log AS l ORDER BY l.id LIMIT 1) AS oldest
    FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'directus_versions.log'::regclass
) AS s;
COMMENT ON VIEW status IS
'For monitoring: rows of the log (is_exact: counted; else estimated from the last ANALYZE), its bytes with indexes, how many partitions it has, whether the default one holds rows, the time of its oldest row, by how many bytes a day it grew since then, how many different contexts are kept, and how many tables and versions. Needs level manage, or SELECT on it';
