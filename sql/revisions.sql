-- Putting an item together from what its revisions changed.

CREATE FUNCTION _steps(collection int, item text) RETURNS SETOF log
LANGUAGE sql STABLE ROWS 50 SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.*
    FROM directus_versions.log AS l
    JOIN directus_versions.context AS c ON c.id = l.context
    WHERE l.collection = $1 AND l.item = $2 AND l.action IN ('c', 'u', 'd', 'm')
    -- The row's lock puts transactions in the order of ids; within one, the command decides.
    -- What one command did happened at once: a key is left before it is taken.
    ORDER BY pg_catalog.min(l.id) OVER (PARTITION BY l.transaction, c.cluster), l.command,
        l.action = 'c' OR l.action = 'u' AND l.former IS NOT NULL, l.id
$$;
COMMENT ON FUNCTION _steps(int, text) IS 'What was recorded of an item under one key, in the order in which it happened';

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
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF object IS NULL OR NOT directus_versions._has_changed_fields(collection) THEN
        RETURN object;
    END IF;
    RETURN COALESCE((
        SELECT pg_catalog.jsonb_object_agg(COALESCE(t.name, e.key), e.value)
        FROM pg_catalog.jsonb_each(object) AS e
        LEFT JOIN directus_versions._fields_at(collection, revision) AS f ON f.name = e.key
        LEFT JOIN directus_versions._fields_at(collection, target) AS t ON t.attnum = f.attnum
        -- A field of an inheritance child is none of the table's columns and keeps its name.
        WHERE f.attnum IS NULL OR t.attnum IS NOT NULL
    ), '{}');
END $$;
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
    steps directus_versions.log[];
    step directus_versions.log;
    deltas jsonb[] := '{}';
    base jsonb;
    target CONSTANT bigint := until.id;
BEGIN
    <<lineage>>
    LOOP
        SELECT pg_catalog.array_agg(s.step ORDER BY s.position DESC) INTO steps
        FROM (
            SELECT l AS step, n AS position, pg_catalog.bool_or((l).id = until.id) OVER (ORDER BY n DESC) AS reached
            FROM (
                SELECT l, pg_catalog.row_number() OVER () AS n
                FROM directus_versions._steps($1, $2) AS l
            ) AS numbered
        ) AS s
        WHERE s.reached OR until.item <> $2;
        steps := COALESCE(steps, '{}');
        FOREACH step IN ARRAY steps LOOP
            -- Entries of one command happened at once: none is before the other.
            CONTINUE WHEN step.transaction = until.transaction AND step.command = until.command
                OR until.item <> $2 AND (step.transaction = until.transaction AND step.command > until.command
                    OR step.transaction <> until.transaction AND step.id > until.id);
            EXIT lineage WHEN step.action IN ('d', 'm');
            IF step.action = 'c' THEN
                base := directus_versions._named(collection, step.delta, step.id, target);
                EXIT lineage;
            ELSIF step.keyframe IS NOT NULL THEN
                base := directus_versions._named(collection, step.keyframe, step.id, target);
                EXIT lineage;
            END IF;
            deltas := deltas || directus_versions._named(collection, step.delta, step.id, target);
            IF step.former IS NOT NULL THEN
                item := step.former;
                until := step;
                CONTINUE lineage;
            END IF;
        END LOOP;
        EXIT lineage;
    END LOOP;
    IF base IS NOT NULL THEN
        FOR n IN REVERSE pg_catalog.cardinality(deltas)..1 LOOP
            base := base || deltas[n];
        END LOOP;
    END IF;
    RETURN base;
END $$;
COMMENT ON FUNCTION _state_before(int, text, log) IS
'The item before a step, from the nearest create or keyframe; NULL where there is none';

CREATE FUNCTION _state_after(collection int, item text, since log) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step directus_versions.log;
    priors jsonb[] := '{}';
    base jsonb;
    passed boolean := false;
    whole_item text := COALESCE(since.long_item, since.item);
    settings directus_versions.collection;
    moved boolean;
    target CONSTANT bigint := since.id;
BEGIN
    <<lineage>>
    LOOP
        moved := false;
        FOR step IN SELECT * FROM directus_versions._steps($1, $2) LOOP
            IF step.id = since.id THEN
                passed := true;
                CONTINUE;
            END IF;
            CONTINUE WHEN NOT passed OR step.transaction = since.transaction AND step.command = since.command;
            IF step.action = 'd' THEN
                base := directus_versions._named(collection, step.prior, step.id, target);
                EXIT lineage;
            ELSIF step.action = 'c' THEN
                RETURN NULL;
            ELSIF step.action = 'm' THEN
                SELECT l.* INTO since
                FROM directus_versions.log AS l
                WHERE l.collection = $1 AND l.item = step.former AND l.former = step.item AND l.action = 'u'
                    AND l.transaction = step.transaction AND l.command = step.command;
                EXIT lineage WHEN NOT FOUND;
                priors := priors || directus_versions._named(collection, since.prior, since.id, target);
                item := since.item;
                whole_item := COALESCE(since.long_item, since.item);
                passed := false;
                moved := true;
                EXIT;
            END IF;
            priors := priors || directus_versions._named(collection, step.prior, step.id, target);
            IF step.keyframe IS NOT NULL THEN
                base := directus_versions._named(collection, step.keyframe, step.id, target);
                EXIT lineage;
            END IF;
        END LOOP;
        CONTINUE lineage WHEN moved;
        SELECT * INTO settings FROM directus_versions.collection AS c WHERE c.id = $1;
        base := directus_versions._named(
            collection, directus_versions._live_row(settings.relation, settings.last_key, whole_item), NULL, target);
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
    IF step.action = 'c' THEN
        RETURN step.delta;
    ELSIF step.action = 'd' THEN
        RETURN step.prior;
    ELSIF step.action IS DISTINCT FROM 'u' OR step.delta IS NULL THEN
        RETURN NULL;
    ELSIF step.keyframe IS NOT NULL THEN
        RETURN step.keyframe;
    END IF;
    former := directus_versions._state_before(step.collection, COALESCE(step.former, step.item), step);
    IF former IS NULL THEN
        RETURN directus_versions._state_after(step.collection, step.item, step);
    END IF;
    former := former || step.delta;
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
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT NOT EXISTS (
        SELECT FROM directus_versions.log AS n
        WHERE n.collection = l.collection AND n.item = l.item AND n.id >= l.id
            AND (n.action IN ('d', 'm')
                OR n.id > l.id AND (n.action = 'c' OR n.action = 'u' AND n.former IS NOT NULL)))
    FROM directus_versions.log AS l WHERE l.id = revision
$$;
COMMENT ON FUNCTION _is_live(bigint) IS
'Whether the live row under a revision''s key is still the one it is of: a key used again is another item';

CREATE FUNCTION _data(revision bigint) RETURNS jsonb
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp COST 1000
AS 'MODULE_PATHNAME', 'directus_versions_data';
COMMENT ON FUNCTION _data(bigint) IS
'The item after a revision, of the fields that the caller may select; NULL where it may not read the item';
