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

CREATE FUNCTION _state_before(collection int, item text, until log) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    steps directus_versions.log[];
    step directus_versions.log;
    deltas jsonb[] := '{}';
    base jsonb;
    delta jsonb;
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
                base := step.delta;
                EXIT lineage;
            ELSIF step.keyframe IS NOT NULL THEN
                base := step.keyframe;
                EXIT lineage;
            END IF;
            deltas := deltas || step.delta;
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
                base := step.prior;
                EXIT lineage;
            ELSIF step.action = 'c' THEN
                RETURN NULL;
            ELSIF step.action = 'm' THEN
                SELECT l.* INTO since
                FROM directus_versions.log AS l
                WHERE l.collection = $1 AND l.item = step.former AND l.former = step.item AND l.action = 'u'
                    AND l.transaction = step.transaction AND l.command = step.command;
                EXIT lineage WHEN NOT FOUND;
                priors := priors || since.prior;
                item := since.item;
                whole_item := COALESCE(since.long_item, since.item);
                passed := false;
                moved := true;
                EXIT;
            END IF;
            priors := priors || step.prior;
            IF step.keyframe IS NOT NULL THEN
                base := step.keyframe;
                EXIT lineage;
            END IF;
        END LOOP;
        CONTINUE lineage WHEN moved;
        SELECT * INTO settings FROM directus_versions.collection AS c WHERE c.id = $1;
        base := directus_versions._live_row(settings.relation, settings.last_key, whole_item);
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
    IF former IS NOT NULL THEN
        RETURN former || step.delta;
    END IF;
    RETURN directus_versions._state_after(step.collection, step.item, step);
END $$;
COMMENT ON FUNCTION _put_together(bigint) IS 'The item after a revision, whoever asks; _data checks who does';

CREATE FUNCTION _data(relation regclass, key text[], item text, collection int, revision bigint) RETURNS jsonb
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp COST 1000
AS 'MODULE_PATHNAME', 'directus_versions_data';
COMMENT ON FUNCTION _data(regclass, text[], text, int, bigint) IS
'The item after a revision, of the fields that the caller may select; NULL where it may not read the item';
