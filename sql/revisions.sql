-- Putting an item together from what its revisions changed.

CREATE FUNCTION _delta(change) RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_delta';
COMMENT ON FUNCTION _delta(change) IS 'The new values of the fields that an update changed; NULL for other records';
CREATE FUNCTION _prior(change) RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_prior';
COMMENT ON FUNCTION _prior(change) IS 'The values before of the fields that an update changed; NULL for other records';
CREATE FUNCTION _whole(change) RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_whole';
COMMENT ON FUNCTION _whole(change) IS
'The row that was created or deleted, or the one after an update that kept it; NULL for other records';

-- What the views show of a record, which the action decides.
CREATE FUNCTION _delta(action "char", change) RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_delta_of';
COMMENT ON FUNCTION _delta("char", change) IS 'What a create or update made of the fields that it changed; NULL for other actions';
CREATE FUNCTION _prior(action "char", change) RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_prior_of';
COMMENT ON FUNCTION _prior("char", change) IS 'What the fields that an update or delete changed were before; NULL for other actions';

CREATE FUNCTION _overlaid(base anyelement, change, is_new boolean) RETURNS anyelement
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'directus_versions_overlaid';
COMMENT ON FUNCTION _overlaid(anyelement, change, boolean) IS
'A row with the new values of a record laid over it, or the old ones; 42809 for anything but a row of a table';

CREATE FUNCTION _steps(collection int, item text, first bigint, past bigint) RETURNS SETOF log
LANGUAGE sql STABLE ROWS 50 SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.*
    FROM directus_versions.log AS l
    JOIN directus_versions.context AS c ON c.id = l.context
    WHERE l.collection = $1 AND l.item = $2 AND l.action IN ('c', 'u', 'd', 'm')
        AND l.id >= first AND (past IS NULL OR l.id < past)
    -- The row's lock puts transactions in the order of ids; within one, the command decides.
    -- What one command did happened at once: a key is left before it is taken.
    ORDER BY pg_catalog.min(l.id) OVER (PARTITION BY l.transaction, c.cluster), l.command,
        l.action = 'c' OR l.action = 'u' AND l.former IS NOT NULL, l.id
$$;
COMMENT ON FUNCTION _steps(int, text, bigint, bigint) IS
'What was recorded of an item under one key in a range of ids, in the order in which it happened';

-- A range of ids must hold whole transactions, since the order within one is not that of ids.
CREATE FUNCTION _transaction_start(collection int, item text, id bigint) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE((
        SELECT p.id + 1 FROM directus_versions.log AS p
        WHERE p.collection = $1 AND p.item = $2 AND p.id < $3
            AND p.transaction <> (SELECT l.transaction FROM directus_versions.log AS l WHERE l.id = $3)
        ORDER BY p.id DESC LIMIT 1), 0)
$$;
COMMENT ON FUNCTION _transaction_start(int, text, bigint) IS
'An id at or below which an item''s entries of a transaction begin';

CREATE FUNCTION _transaction_end(collection int, item text, id bigint) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT n.id FROM directus_versions.log AS n
    WHERE n.collection = $1 AND n.item = $2 AND n.id > $3
        AND n.transaction <> (SELECT l.transaction FROM directus_versions.log AS l WHERE l.id = $3)
    ORDER BY n.id LIMIT 1
$$;
COMMENT ON FUNCTION _transaction_end(int, text, bigint) IS
'The first id behind an item''s entries of a transaction; NULL where there is none';

CREATE FUNCTION _fields_at(collection int, revision bigint) RETURNS TABLE (attnum smallint, name text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.attnum, f.name
    FROM (
        SELECT DISTINCT ON (f.attnum) f.attnum, f.name, f.dropped
        FROM directus_versions.field AS f
        WHERE f.collection = $1 AND (revision IS NULL OR f.since <= revision)
        ORDER BY f.attnum, f.since DESC
    ) AS f
    WHERE NOT f.dropped
$$;
COMMENT ON FUNCTION _fields_at(int, bigint) IS 'The columns of a collection at a revision; now where that is NULL';

CREATE FUNCTION _has_changed_fields(collection int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.min(f.since) < pg_catalog.max(f.since) FROM directus_versions.field AS f WHERE f.collection = $1
$$;
COMMENT ON FUNCTION _has_changed_fields(int) IS 'Whether columns were added, renamed, retyped or dropped since tracking began';

CREATE FUNCTION _named(collection int, object jsonb, revision bigint, target bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN object IS NOT NULL THEN COALESCE((
        SELECT pg_catalog.jsonb_object_agg(COALESCE(t.name, e.key), e.value)
        FROM pg_catalog.jsonb_each(object) AS e
        LEFT JOIN directus_versions._fields_at(collection, revision) AS f ON f.name = e.key
        LEFT JOIN directus_versions._fields_at(collection, target) AS t ON t.attnum = f.attnum
        -- A field of an inheritance child is none of the table's columns and keeps its name.
        WHERE f.attnum IS NULL OR t.attnum IS NOT NULL
    ), '{}') END
$$;
COMMENT ON FUNCTION _named(int, jsonb, bigint, bigint) IS
'An object of fields as they were named at one revision (NULL: now), by the names they had at another';

CREATE FUNCTION _known_fields(collection int, revision bigint, object jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.jsonb_object_agg(e.key, e.value)
    FROM pg_catalog.jsonb_each(object) AS e JOIN directus_versions._fields_at($1, revision) AS f ON f.name = e.key
$$;
COMMENT ON FUNCTION _known_fields(int, bigint, jsonb) IS 'Those fields of an object that were columns at a revision';

CREATE FUNCTION _has_new_fields(collection int, revision bigint, object jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN directus_versions._has_changed_fields(collection)
        AND EXISTS (SELECT FROM directus_versions._fields_at(collection, revision) AS f WHERE NOT object ? f.name);
END $$;
COMMENT ON FUNCTION _has_new_fields(int, bigint, jsonb) IS 'Whether a column of that time is missing in an object';

CREATE FUNCTION _state_before(collection int, item text, until log) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    renaming CONSTANT boolean := directus_versions._has_changed_fields(collection);
    target CONSTANT bigint := until.id;
    -- Nothing before a gap tells of what came after it.
    gap CONSTANT bigint := COALESCE(
        (SELECT pg_catalog.max(g.since) FROM directus_versions.gap AS g WHERE g.collection = $1 AND g.since <= until.id), 0);
    base_id bigint;
    steps directus_versions.log[];
    step directus_versions.log;
    state jsonb;
    deltas jsonb[] := '{}';
    base jsonb;
BEGIN
    <<lineage>>
    LOOP
        SELECT l.id INTO base_id
        FROM directus_versions.log AS l
        WHERE l.collection = $1 AND l.item = $2 AND l.id < until.id AND l.id >= gap
            AND (l.action IN ('c', 'd', 'm') OR directus_versions._whole(l.change) IS NOT NULL)
        ORDER BY l.id DESC LIMIT 1;
        SELECT pg_catalog.array_agg(numbered.u ORDER BY numbered.n DESC) INTO steps
        FROM (
            SELECT u, pg_catalog.row_number() OVER () AS n
            FROM directus_versions._steps(
                collection, item,
                GREATEST(gap, COALESCE(directus_versions._transaction_start(collection, item, base_id), 0)),
                directus_versions._transaction_end(collection, item, until.id)) AS u
            -- Entries of one command happened at once: none is before the other.
            WHERE u.transaction <> until.transaction AND u.id < until.id
                OR u.transaction = until.transaction AND u.command < until.command
        ) AS numbered;
        FOREACH step IN ARRAY COALESCE(steps, '{}') LOOP
            EXIT lineage WHEN step.action IN ('d', 'm');
            state := directus_versions._whole(step.change);
            IF state IS NOT NULL THEN
                base := CASE WHEN renaming THEN directus_versions._named(collection, state, step.id, target) ELSE state END;
                EXIT lineage;
            END IF;
            EXIT lineage WHEN step.change IS NULL;
            deltas := deltas || CASE
                WHEN renaming THEN directus_versions._named(collection, directus_versions._delta(step.change), step.id, target) ELSE directus_versions._delta(step.change) END;
            IF step.former IS NOT NULL THEN
                item := step.former;
                until := step;
                CONTINUE lineage;
            END IF;
        END LOOP;
        EXIT lineage;
    END LOOP;
    FOR n IN REVERSE pg_catalog.cardinality(deltas)..1 LOOP
        base := base || deltas[n];
    END LOOP;
    RETURN base;
END $$;
COMMENT ON FUNCTION _state_before(int, text, log) IS
'The item before a step, from the nearest create or keyframe; NULL where there is none since the last gap';

CREATE FUNCTION _state_after(collection int, item text, since log) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    renaming CONSTANT boolean := directus_versions._has_changed_fields(collection);
    target CONSTANT bigint := since.id;
    gap CONSTANT bigint := (
        SELECT pg_catalog.min(g.since) FROM directus_versions.gap AS g WHERE g.collection = $1 AND g.since > since.id);
    whole_item text := COALESCE(since.long_item, since.item);
    settings directus_versions.collection;
    base_id bigint;
    step directus_versions.log;
    priors jsonb[] := '{}';
    base jsonb;
BEGIN
    <<lineage>>
    LOOP
        SELECT l.id INTO base_id
        FROM directus_versions.log AS l
        WHERE l.collection = $1 AND l.item = $2 AND l.id > since.id
            AND (l.action IN ('c', 'd', 'm') OR directus_versions._whole(l.change) IS NOT NULL)
        ORDER BY l.id LIMIT 1;
        FOR step IN
            SELECT * FROM directus_versions._steps(
                collection, item, directus_versions._transaction_start(collection, item, since.id),
                LEAST(gap, directus_versions._transaction_end(collection, item, base_id))) AS s
            WHERE s.transaction <> since.transaction AND s.id > since.id
                OR s.transaction = since.transaction AND s.command > since.command
        LOOP
            IF step.action = 'd' THEN
                base := directus_versions._whole(step.change);
                IF renaming THEN
                    base := directus_versions._named(collection, base, step.id, target);
                END IF;
                EXIT lineage;
            ELSIF step.action = 'c' OR step.action = 'u' AND step.change IS NULL THEN
                RETURN NULL;
            ELSIF step.action = 'm' THEN
                SELECT l.* INTO since
                FROM directus_versions.log AS l
                WHERE l.collection = $1 AND l.item = step.former AND l.former = step.item AND l.action = 'u'
                    AND l.transaction = step.transaction AND l.command = step.command;
                IF NOT FOUND OR since.change IS NULL THEN
                    RETURN NULL;
                END IF;
                priors := priors || CASE
                    WHEN renaming THEN directus_versions._named(collection, directus_versions._prior(since.change), since.id, target) ELSE directus_versions._prior(since.change) END;
                item := since.item;
                whole_item := COALESCE(since.long_item, since.item);
                CONTINUE lineage;
            END IF;
            priors := priors || CASE
                WHEN renaming THEN directus_versions._named(collection, directus_versions._prior(step.change), step.id, target) ELSE directus_versions._prior(step.change) END;
            IF directus_versions._whole(step.change) IS NOT NULL THEN
                base := directus_versions._whole(step.change);
                IF renaming THEN
                    base := directus_versions._named(collection, base, step.id, target);
                END IF;
                EXIT lineage;
            END IF;
        END LOOP;
        IF gap IS NOT NULL THEN
            RETURN NULL;
        END IF;
        SELECT * INTO settings FROM directus_versions.collection AS c WHERE c.id = $1;
        base := directus_versions._live_row(settings.relation, settings.last_key, whole_item);
        IF renaming THEN
            base := directus_versions._named(collection, base, NULL, target);
        END IF;
        EXIT lineage;
    END LOOP;
    FOR n IN REVERSE pg_catalog.cardinality(priors)..1 LOOP
        base := base || priors[n];
    END LOOP;
    RETURN base;
END $$;
COMMENT ON FUNCTION _state_after(int, text, log) IS
'The item after a step, backwards from its delete, a later keyframe or the live row; NULL where nothing tells';

CREATE FUNCTION _put_together(revision bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step directus_versions.log;
    former jsonb;
    later jsonb;
BEGIN
    SELECT * INTO step FROM directus_versions.log AS l WHERE l.id = revision;
    IF step.change IS NULL OR directus_versions._whole(step.change) IS NOT NULL THEN
        RETURN directus_versions._whole(step.change);
    END IF;
    former := directus_versions._state_before(step.collection, COALESCE(step.former, step.item), step);
    IF former IS NULL THEN
        RETURN directus_versions._state_after(step.collection, step.item, step);
    END IF;
    former := former || directus_versions._delta(step.change);
    -- A column that was added since, with a default, is in no earlier revision: what comes later tells its value.
    IF directus_versions._has_new_fields(step.collection, revision, former) THEN
        later := directus_versions._state_after(step.collection, step.item, step);
        former := COALESCE(directus_versions._known_fields(step.collection, revision, later), '{}') || former;
    END IF;
    RETURN former;
END $$;
COMMENT ON FUNCTION _put_together(bigint) IS 'The item after a revision, whoever asks; _data checks who does';

-- Where a revision belongs, for _data, which then looks at the caller's rights there.
CREATE FUNCTION _relation_of(revision bigint) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.relation FROM directus_versions.log AS l JOIN directus_versions.collection AS c ON c.id = l.collection
    WHERE l.id = revision
$$;
COMMENT ON FUNCTION _relation_of(bigint) IS 'The table of a revision; NULL once it was dropped';

CREATE FUNCTION _collection_at(revision bigint) RETURNS int
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.collection FROM directus_versions.log AS l WHERE l.id = revision
$$;
COMMENT ON FUNCTION _collection_at(bigint) IS 'The collection of a revision';

CREATE FUNCTION _key_at(revision bigint) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.last_key FROM directus_versions.log AS l JOIN directus_versions.collection AS c ON c.id = l.collection
    WHERE l.id = revision
$$;
COMMENT ON FUNCTION _key_at(bigint) IS 'The columns that name the items of a revision''s table';

CREATE FUNCTION _item_at(revision bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(l.long_item, l.item) FROM directus_versions.log AS l WHERE l.id = revision
$$;
COMMENT ON FUNCTION _item_at(bigint) IS 'The item of a revision';

CREATE FUNCTION _is_live(revision bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER COST 1 SET search_path = pg_catalog, pg_temp AS $$
    SELECT NOT EXISTS (
        SELECT FROM directus_versions.gap AS g WHERE g.collection = l.collection AND g.since > l.id AND g.rekeyed)
    AND NOT EXISTS (
        SELECT FROM directus_versions.log AS n
        WHERE n.collection = l.collection AND n.item = l.item AND n.id >= l.id
            AND (n.action IN ('d', 'm')
                OR n.id > l.id AND (n.action = 'c' OR n.action = 'u' AND n.former IS NOT NULL)))
    FROM directus_versions.log AS l WHERE l.id = revision
$$;
COMMENT ON FUNCTION _is_live(bigint) IS
'Whether the live row under a revision''s key is still the one it is of: a key used again is another item';

CREATE FUNCTION _data(revision bigint) RETURNS jsonb
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp COST 11
AS 'MODULE_PATHNAME', 'directus_versions_data';
COMMENT ON FUNCTION _data(bigint) IS
'The item after a revision, of the fields that the caller may select; NULL where it may not read the item';
