-- How long what is recorded is kept.

CREATE FUNCTION _set_retention(target regclass, activity interval, revisions interval, keep_last int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    subject int := 0;
BEGIN
    IF activity < interval '0' OR revisions < interval '0' THEN
        RAISE EXCEPTION 'the interval must not be negative' USING ERRCODE = '22023';
    ELSIF keep_last < 1 THEN
        RAISE EXCEPTION 'keep_last must be greater than zero' USING
            ERRCODE = '22023', HINT = 'Without it only age decides.';
    END IF;
    -- An interval that no time is as long ago as is refused here (22008) and not by each purge.
    PERFORM pg_catalog.statement_timestamp() - activity, pg_catalog.statement_timestamp() - revisions;
    IF target IS NOT NULL THEN
        SELECT c.id INTO subject FROM directus_versions.collection AS c WHERE c.relation = target;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'table "%" is not tracked', directus_versions._collection_name(target) USING
                ERRCODE = '55000', HINT = 'Call directus_versions.track first.';
        END IF;
    END IF;
    INSERT INTO directus_versions.retention AS r (collection, activity, revisions, keep_last)
    VALUES (subject, $2, $3, $4)
    ON CONFLICT (collection) DO UPDATE
        SET activity = EXCLUDED.activity, revisions = EXCLUDED.revisions, keep_last = EXCLUDED.keep_last;
    PERFORM directus_versions._log_scope(NULLIF(subject, 0), 'set_retention', pg_catalog.format(
        'activity: %s; revisions: %s; keep_last: %s',
        COALESCE(activity::text, 'for ever'), COALESCE(revisions::text, 'for ever'), COALESCE(keep_last::text, 'none')));
END $$;
COMMENT ON FUNCTION _set_retention(regclass, interval, interval, int) IS 'Does the work of set_retention as the extension''s owner';

CREATE FUNCTION set_retention(
    target regclass, activity interval DEFAULT NULL, revisions interval DEFAULT NULL, keep_last int DEFAULT NULL
) RETURNS void
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_keeper';
COMMENT ON FUNCTION set_retention(regclass, interval, interval, int) IS
'Sets how long what is recorded of a table is kept, which purge and maintain apply; target NULL: of every table that has no retention of its own, and of events of no table. activity: an activity goes when it is older, unless its data is kept; revisions: the data of a revision goes when it is older, the activity stays; NULL: for ever. keep_last: so many of an item''s newest revisions keep their data whatever their age, and without revisions all others lose it. Recorded as an activity. 42501 unless the caller owns the table, or for NULL the extension; 55000 if the table is not tracked, 22023 for a negative interval or a keep_last below 1, 22008 for an interval beyond all times. Needs level manage';

CREATE FUNCTION _limits() RETURNS TABLE (collection int, activity timestamptz, revisions timestamptz, keep_last int)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.id,
        COALESCE(pg_catalog.statement_timestamp() - r.activity, '-infinity'),
        CASE
            WHEN r.revisions IS NOT NULL THEN pg_catalog.statement_timestamp() - r.revisions
            WHEN r.keep_last IS NOT NULL THEN 'infinity'
            ELSE '-infinity'
        END,
        COALESCE(r.keep_last, 0)
    FROM (SELECT k.id FROM directus_versions.collection AS k UNION ALL SELECT 0) AS c
    CROSS JOIN LATERAL (
        SELECT * FROM directus_versions.retention AS r WHERE r.collection IN (c.id, 0) ORDER BY r.collection DESC LIMIT 1
    ) AS r
    WHERE r.activity IS NOT NULL OR r.revisions IS NOT NULL OR r.keep_last IS NOT NULL
$$;
COMMENT ON FUNCTION _limits() IS
'Of each collection, and of events of none as collection 0: activity and data before which time go, and how many revisions of an item are kept';

CREATE FUNCTION _prune(
    partition regclass, collections int[], activity timestamptz[], revisions timestamptz[], keep_last int[],
    cut boolean, remove boolean
) RETURNS TABLE (collection int, activities bigint, datas bigint, bytes bigint, remaining bigint)
LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_prune';
COMMENT ON FUNCTION _prune(regclass, int[], timestamptz[], timestamptz[], int[], boolean, boolean) IS
'Tells of each collection what goes of it in a partition of the log, and how many rows stay there. cut: makes what stays readable without it; remove: takes it out';

CREATE FUNCTION _keep_house(dry_run boolean, provide boolean)
RETURNS TABLE (collection text, activity bigint, revisions bigint, bytes bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids int[];
    activity_before timestamptz[];
    data_before timestamptz[];
    keep_last int[];
    part record;
    found bigint[];
    totals bigint[] := '{}';
    dropped_totals bigint[] := '{}';
    staying bigint;
    is_whole boolean;
    doomed regclass[] := '{}';
    kept regclass;
    months timestamptz[] := '{}';
    versions uuid[];
    version_items text[];
    version_since bigint[];
    seen int := 0;
    parts int;
BEGIN
    IF pg_catalog.current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'the log cannot be kept in a transaction that is %', pg_catalog.current_setting('transaction_isolation') USING
            ERRCODE = '25001',
            DETAIL = 'It would not see what others write meanwhile.',
            HINT = 'Use the isolation level READ COMMITTED.';
    END IF;
    BEGIN
        LOCK TABLE directus_versions.housekeeper IN SHARE ROW EXCLUSIVE MODE NOWAIT;
    EXCEPTION
        WHEN lock_not_available THEN
            RAISE NOTICE 'another session keeps the log at this moment';
            RETURN;
    END;
    SELECT pg_catalog.array_agg(l.collection), pg_catalog.array_agg(l.activity), pg_catalog.array_agg(l.revisions), pg_catalog.array_agg(l.keep_last)
    INTO ids, activity_before, data_before, keep_last
    FROM directus_versions._limits() AS l;
    IF ids IS NOT NULL THEN
        -- The way of a version's item from one key to the next is among what goes.
        SELECT pg_catalog.array_agg(v.id), pg_catalog.array_agg(p.item), pg_catalog.array_agg(p.item_since)
        INTO versions, version_items, version_since
        FROM directus_versions.version AS v JOIN directus_versions._version AS p ON p.id = v.id
        WHERE p.item_since <> v.item_since;
        SELECT pg_catalog.count(*) INTO parts FROM directus_versions._partitions();
        FOR part IN SELECT * FROM directus_versions._partitions() LOOP
            seen := seen + 1;
            CONTINUE WHEN part.since >= (
                SELECT pg_catalog.max(GREATEST(a, r)) FROM unnest(activity_before, data_before) AS l (a, r));
            CONTINUE WHEN part.since > pg_catalog.statement_timestamp();
            RAISE NOTICE 'looking through partition "%" of the log (% of %)', part.relation, seen, parts;
            is_whole := NOT dry_run AND NOT part.is_default
                AND part.until <= (SELECT pg_catalog.max(a) FROM pg_catalog.unnest(activity_before) AS a)
                -- Nobody writes to a time as old; what a transaction has written and not committed is waited for, but not long.
                AND directus_versions._lock_briefly(ARRAY[part.relation], 'SHARE ROW EXCLUSIVE');
            SELECT pg_catalog.array_agg(ARRAY[p.collection::bigint, p.activities, p.datas, p.bytes]), pg_catalog.min(p.remaining)
            INTO found, staying
            FROM directus_versions._prune(
                part.relation, ids, activity_before, data_before, keep_last, NOT dry_run, NOT dry_run AND NOT is_whole) AS p;
            IF is_whole AND staying = 0 THEN
                doomed := doomed || part.relation;
                dropped_totals := dropped_totals || found;
            ELSE
                IF is_whole THEN
                    PERFORM directus_versions._prune(part.relation, ids, activity_before, data_before, keep_last, true, true);
                END IF;
                totals := totals || found;
            END IF;
        END LOOP;
    END IF;
    IF NOT dry_run THEN
        UPDATE directus_versions.version AS v SET item = m.item, item_since = m.since
        FROM unnest(versions, version_items, version_since) AS m (id, item, since)
        WHERE v.id = m.id AND v.item_since < m.since;
    END IF;
    IF provide THEN
        months := ARRAY(SELECT directus_versions._missing_months());
    END IF;
    IF NOT directus_versions._exchange_partitions(months, doomed) THEN
        -- What is older than what went must not stay: it would tell that an item is as it was then.
        FOREACH kept IN ARRAY doomed LOOP
            PERFORM directus_versions._prune(kept, ids, activity_before, data_before, keep_last, true, true);
        END LOOP;
    END IF;
    totals := totals || dropped_totals;
    IF NOT dry_run AND totals <> '{}' THEN
        DELETE FROM directus_versions.long_item AS i
        WHERE NOT EXISTS (SELECT FROM directus_versions.log AS l WHERE l.id = i.id);
    END IF;
    FOR part IN
        SELECT t.collection, k.name, k.relation, pg_catalog.sum(t.activity)::bigint AS activity, pg_catalog.sum(t.revisions)::bigint AS revisions,
            pg_catalog.sum(t.bytes)::bigint AS bytes
        FROM (
            SELECT totals[i][1]::int AS collection, totals[i][2] AS activity, totals[i][3] AS revisions, totals[i][4] AS bytes
            FROM pg_catalog.generate_series(1, COALESCE(pg_catalog.array_length(totals, 1), 0)) AS i
        ) AS t
        LEFT JOIN directus_versions.collection AS k ON k.id = t.collection
        GROUP BY t.collection, k.name, k.relation HAVING pg_catalog.sum(t.activity + t.revisions) > 0
        ORDER BY k.name, t.collection
    LOOP
        IF NOT dry_run THEN
            UPDATE directus_versions.collection AS c SET complete = false
            WHERE c.id = part.collection AND c.complete AND part.activity > 0;
            PERFORM directus_versions._log_scope(NULLIF(part.collection, 0), 'purge', pg_catalog.format(
                '%s activities and the data of %s revisions', part.activity, part.revisions));
        END IF;
        -- What an owner has set is done whoever calls; how much there was is told to who owns the table.
        CONTINUE WHEN NOT pg_catalog.pg_has_role(directus_versions._caller(), COALESCE(
            (SELECT c.relowner FROM pg_catalog.pg_class AS c WHERE c.oid = part.relation), current_user::regrole), 'USAGE');
        collection := part.name;
        activity := part.activity;
        revisions := part.revisions;
        bytes := part.bytes;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION _keep_house(boolean, boolean) IS
'Purges, and provides partitions if that is wanted. What takes long comes first, locks that writers would wait for last';

CREATE FUNCTION _purge(dry_run boolean) RETURNS TABLE (collection text, activity bigint, revisions bigint, bytes bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF dry_run IS NULL THEN
        RAISE EXCEPTION 'dry_run must not be NULL' USING ERRCODE = '22023';
    END IF;
    RETURN QUERY SELECT * FROM directus_versions._keep_house(dry_run, false);
END $$;
COMMENT ON FUNCTION _purge(boolean) IS 'Does the work of purge as the extension''s owner';

CREATE FUNCTION purge(dry_run boolean DEFAULT false) RETURNS TABLE (collection text, activity bigint, revisions bigint, bytes bigint)
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_reader';
COMMENT ON FUNCTION purge(boolean) IS
'Takes away what the retention of set_retention does not keep, and tells of each collection how many activities went, how many revisions lost their data, and how many bytes that was without indexes; the collection is NULL for events of no table. What stays can be read as before. Whole partitions are dropped where nothing in them stays. dry_run: only tells. Shows its progress in notices; stopped, it leaves all as it was. Each collection''s purge is recorded as an activity. It tells only of tables that the caller owns; of events of no table and of dropped tables to the extension''s owner. 25001 in a transaction that is repeatable read or serializable, 22023 for NULL. Needs level manage';

CREATE FUNCTION _maintain() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ranges regclass;
BEGIN
    -- So that what happened since a time is found without a look at all of the log.
    FOR ranges IN
        SELECT c.oid::regclass
        FROM directus_versions._partitions() AS p JOIN pg_catalog.pg_index AS i ON i.indrelid = p.relation
        JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid JOIN pg_catalog.pg_am AS a ON a.oid = c.relam
        WHERE a.amname = 'brin'
    LOOP
        PERFORM directus_versions._summarize(ranges);
    END LOOP;
    PERFORM directus_versions._keep_house(false, true);
END $$;
COMMENT ON FUNCTION _maintain() IS 'Does the work of maintain as the extension''s owner';

CREATE FUNCTION _summarize(ranges regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
BEGIN
    PERFORM pg_catalog.brin_summarize_new_values(ranges);
EXCEPTION
    -- VACUUM is at it.
    WHEN lock_not_available THEN
        RETURN;
END $$;
COMMENT ON FUNCTION _summarize(regclass) IS 'Brings a block range index up to date';

CREATE FUNCTION maintain() RETURNS void
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_reader';
COMMENT ON FUNCTION maintain() IS
'Makes the log''s partitions of this month and the next three, moves what the default partition holds to partitions of its months, and purges. To be called now and then, at best each day, by pg_cron, any scheduler or by hand; at any time and by several at once. No writer waits for it for longer than an instant: what it cannot lock for too long is left for the next time, with a warning. 25001 in a transaction that is repeatable read or serializable. Needs level manage';
