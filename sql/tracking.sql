-- Which tables are recorded, and the triggers that do it.
--
-- Functions with a leading underscore do the work as the extension's owner. Their namesakes without it are the ones
-- to call: they check that the caller owns the table (src/pg/gate.rs).

CREATE FUNCTION _invalidate(relation regclass) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'directus_versions_invalidate';
COMMENT ON FUNCTION _invalidate(regclass) IS 'Lets every session look up anew what is recorded of a table';

CREATE FUNCTION _collection_name(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN n.nspname = 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = relation
$$;
COMMENT ON FUNCTION _collection_name(regclass) IS 'A table''s name, with its schema unless that is public';

CREATE FUNCTION _tree(root regclass) RETURNS SETOF regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE tree AS (
        SELECT root::oid AS relid
        UNION
        SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i JOIN tree ON i.inhparent = tree.relid
        WHERE NOT i.inhdetachpending
    )
    SELECT relid::regclass FROM tree
$$;
COMMENT ON FUNCTION _tree(regclass) IS 'A table with its partitions and inheritance children, at any depth';

CREATE FUNCTION _triggers(relation regclass) RETURNS TABLE (name name, collection int, kind text, cloned boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.tgname, pg_catalog.split_part(pg_catalog.encode(t.tgargs, 'escape'), '\000', 1)::int,
        pg_catalog.substr(p.proname, 10), t.tgparentid <> 0
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
    WHERE t.tgrelid = relation AND t.tgnargs = 1
        AND t.tgfoid IN (
            'directus_versions._capture_row()'::regprocedure,
            'directus_versions._capture_statement()'::regprocedure,
            'directus_versions._capture_truncate()'::regprocedure)
$$;
COMMENT ON FUNCTION _triggers(regclass) IS 'Our triggers on a table: row, statement and truncate, of each collection';

-- The names sort before any other, so that ours fire first; with the collection's id they are unique also on a table
-- that was tracked by itself before it became a partition of a tracked one.
CREATE FUNCTION _trigger_name(collection int, kind text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.format('00_directus_versions_%s_%s', kind, collection)
$$;
COMMENT ON FUNCTION _trigger_name(int, text) IS 'The name of a trigger of ours';

-- PostgreSQL clones row triggers to a new partition with the rights of whoever creates it, who must therefore be able
-- to execute their function. Nothing else can be done with it.
CREATE FUNCTION _lend(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner regrole := (SELECT c.relowner FROM pg_catalog.pg_class AS c WHERE c.oid = relation);
BEGIN
    IF pg_catalog.has_function_privilege(owner, 'directus_versions._capture_row()', 'EXECUTE') THEN
        RETURN;
    END IF;
    -- Two sessions cannot change the rights of one function at once.
    PERFORM pg_catalog.pg_advisory_xact_lock('directus_versions._capture_row()'::regprocedure::oid::bigint);
    IF NOT pg_catalog.has_function_privilege(owner, 'directus_versions._capture_row()', 'EXECUTE') THEN
        EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION directus_versions._capture_row() TO %s', owner);
    END IF;
END $$;
COMMENT ON FUNCTION _lend(regclass) IS 'Lets a table''s owner make partitions of it, which get a clone of its trigger';

CREATE FUNCTION _take_back() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    former regrole;
BEGIN
    FOR former IN
        SELECT a.grantee FROM pg_catalog.pg_proc AS p, LATERAL pg_catalog.aclexplode(p.proacl) AS a
        WHERE p.oid = 'directus_versions._capture_row()'::regprocedure AND a.grantee NOT IN (0, p.proowner)
            AND NOT EXISTS (
                SELECT FROM directus_versions.collection AS c JOIN pg_catalog.pg_class AS t ON t.oid = c.relation
                WHERE c.tracked AND t.relowner = a.grantee)
    LOOP
        PERFORM pg_catalog.pg_advisory_xact_lock('directus_versions._capture_row()'::regprocedure::oid::bigint);
        EXECUTE pg_catalog.format('REVOKE EXECUTE ON FUNCTION directus_versions._capture_row() FROM %s', former);
    END LOOP;
END $$;
COMMENT ON FUNCTION _take_back() IS 'Takes that from roles that own no tracked table any more';

CREATE FUNCTION _cover(collection int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    settings directus_versions.collection;
    wanted text;
    part record;
    enabling text;
BEGIN
    SELECT * INTO settings FROM directus_versions.collection AS c WHERE c.id = $1;
    PERFORM directus_versions._lend(settings.relation);
    UPDATE directus_versions.collection AS c SET owner = pg_catalog.pg_get_userbyid(t.relowner)
    FROM pg_catalog.pg_class AS t
    WHERE c.id = $1 AND t.oid = c.relation AND c.owner <> pg_catalog.pg_get_userbyid(t.relowner);
    enabling := CASE WHEN settings.replicated THEN 'ALWAYS ' ELSE '' END;
    FOR part IN
        SELECT c.oid::regclass AS relation, c.relispartition, c.relkind
        FROM directus_versions._tree(settings.relation) AS t JOIN pg_catalog.pg_class AS c ON c.oid = t
        -- Temporary children of other sessions cannot be altered, nor written to by anyone else.
        WHERE c.relkind IN ('r', 'p') AND NOT pg_catalog.pg_is_other_temp_schema(c.relnamespace)
    LOOP
        FOREACH wanted IN ARRAY ARRAY['row', 'statement', 'truncate'] LOOP
            -- PostgreSQL clones row triggers to partitions itself.
            IF NOT (wanted = 'row' AND part.relispartition)
                AND NOT EXISTS (
                    SELECT FROM directus_versions._triggers(part.relation) AS t
                    WHERE t.collection = $1 AND t.kind = wanted)
            THEN
                EXECUTE pg_catalog.format(
                    CASE wanted
                        WHEN 'row' THEN 'CREATE TRIGGER %I AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION directus_versions._capture_row(%L)'
                        WHEN 'statement' THEN 'CREATE TRIGGER %I AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT EXECUTE FUNCTION directus_versions._capture_statement(%L)'
                        ELSE 'CREATE TRIGGER %I BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION directus_versions._capture_truncate(%L)'
                    END,
                    directus_versions._trigger_name($1, wanted), part.relation, $1);
            END IF;
            IF settings.replicated IS DISTINCT FROM (
                SELECT t.tgenabled = 'A' FROM pg_catalog.pg_trigger AS t
                WHERE t.tgrelid = part.relation AND t.tgname = directus_versions._trigger_name($1, wanted))
            THEN
                EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE %sTRIGGER %I',
                    part.relation, enabling, directus_versions._trigger_name($1, wanted));
            END IF;
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION _cover(int) IS
'Puts the triggers of a collection on its table and on each partition and inheritance child that lacks them';

CREATE FUNCTION _uncover(relation regclass, collection int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    doomed name;
BEGIN
    FOR doomed IN
        SELECT t.name FROM directus_versions._triggers($1) AS t WHERE t.collection = $2 AND NOT t.cloned
    LOOP
        EXECUTE pg_catalog.format('DROP TRIGGER IF EXISTS %I ON %s', doomed, $1);
    END LOOP;
END $$;
COMMENT ON FUNCTION _uncover(regclass, int) IS 'Takes the triggers of a collection off a table';

CREATE FUNCTION _check_table(target regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    class pg_catalog.pg_class;
BEGIN
    SELECT * INTO class FROM pg_catalog.pg_class AS c WHERE c.oid = target;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table with OID % does not exist', target::oid USING ERRCODE = '42P01';
    ELSIF class.relkind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION '"%" is not a table', class.relname USING
            ERRCODE = '42809', DETAIL = 'Ordinary and partitioned tables can be tracked.';
    ELSIF class.relispartition THEN
        RAISE EXCEPTION '"%" is a partition', class.relname USING
            ERRCODE = '42809', HINT = 'Track the partitioned table; its partitions are covered with it.';
    ELSIF class.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'directus_versions'::regnamespace) THEN
        RAISE EXCEPTION '"%" is not a table that can be tracked', class.relname USING
            ERRCODE = '42809', DETAIL = 'System catalogs and the tables of this extension are not recorded.';
    ELSIF class.relpersistence = 't' THEN
        RAISE EXCEPTION 'temporary table "%" cannot be tracked', class.relname USING
            ERRCODE = '0A000', DETAIL = 'Its history would outlive it.';
    END IF;
END $$;
COMMENT ON FUNCTION _check_table(regclass) IS 'Refuses what is not a table that can be tracked (42809, 0A000)';

CREATE FUNCTION _check_scope(settings collection, given text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unknown text;
    unrecorded text;
    masked text;
BEGIN
    IF settings.accountability IS NULL OR settings.accountability NOT IN ('all', 'activity', 'none') THEN
        RAISE EXCEPTION 'accountability "%" is not known', settings.accountability USING
            ERRCODE = '22023', HINT = 'Use all, activity or none.';
    ELSIF settings.snapshot IS NULL OR settings.snapshot NOT IN ('keyframes', 'always') THEN
        RAISE EXCEPTION 'snapshot "%" is not known', settings.snapshot USING
            ERRCODE = '22023', HINT = 'Use keyframes or always.';
    END IF;
    SELECT f INTO unknown
    FROM pg_catalog.unnest(given) AS f
    WHERE f IS NULL OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = settings.relation AND a.attname = f AND a.attnum > 0 AND NOT a.attisdropped)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" of table "%" does not exist', unknown, settings.name USING ERRCODE = '42703';
    END IF;
    IF settings.last_key IS NULL OR settings.last_key = '{}' THEN
        RAISE EXCEPTION 'table "%" has no key', settings.name USING
            ERRCODE = '55000',
            DETAIL = 'Without a primary key or a replica identity index its rows have no name.',
            HINT = 'Add a primary key, or name the columns that identify a row with the argument "key".';
    END IF;
    SELECT a.attname INTO unrecorded FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = settings.relation AND a.attname = ANY (settings.last_key) AND a.attgenerated = 'v' AND NOT a.attisdropped
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'virtual column "%" cannot be of the key', unrecorded USING
            ERRCODE = '0A000', DETAIL = 'It is made as it is read, so a row that is written has no value of it.';
    END IF;
    SELECT m INTO masked FROM pg_catalog.unnest(settings.mask) AS m WHERE m = ANY (settings.last_key) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" of the key cannot be masked', masked USING
            ERRCODE = '22023', DETAIL = 'The key names the item in every activity.';
    END IF;
END $$;
COMMENT ON FUNCTION _check_scope(collection, text[]) IS
'Refuses unknown options (22023), unknown columns among those given (42703), a table without key (55000) and a virtual column in it (0A000)';

CREATE FUNCTION _next_id() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.last_value + s.is_called::int FROM directus_versions.log_id AS s
$$;
COMMENT ON FUNCTION _next_id() IS 'The id that the log gives next';

CREATE FUNCTION _note_gap(collection int, rekeyed boolean) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO directus_versions.gap (collection, since, rekeyed) VALUES ($1, directus_versions._next_id(), $2)
    ON CONFLICT (collection, since) DO UPDATE SET rekeyed = gap.rekeyed OR EXCLUDED.rekeyed;
    UPDATE directus_versions.collection AS c SET complete = false WHERE c.id = $1 AND c.complete
$$;
COMMENT ON FUNCTION _note_gap(int, boolean) IS 'Notes that the record of a collection is interrupted here';

-- Attribute numbers are those of one table. After a restore, or for a table made again, the columns known so far get the
-- numbers of the present ones of the same name; those that are gone get numbers that no column has.
CREATE FUNCTION _renumber_fields(collection int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    renumbered directus_versions.field[];
BEGIN
    -- In this order, as every session of a restore: the table of fields, the collection, its fields.
    LOCK TABLE directus_versions.field IN ROW EXCLUSIVE MODE;
    UPDATE directus_versions.collection AS c SET relid = c.relation::oid WHERE c.id = $1;
    WITH latest AS (
        SELECT DISTINCT ON (l.attnum) l.attnum, l.name, l.dropped
        FROM directus_versions.field AS l WHERE l.collection = $1 ORDER BY l.attnum, l.since DESC
    ), known AS (
        SELECT latest.attnum, a.attnum AS present
        FROM latest
        JOIN directus_versions.collection AS c ON c.id = $1
        LEFT JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid = c.relation AND a.attname = latest.name AND NOT a.attisdropped AND a.attnum > 0
                AND a.attgenerated <> 'v' AND NOT latest.dropped
    ), numbered AS (
        -- Counted anew: what was left behind by an earlier restore has such numbers already.
        SELECT k.attnum, COALESCE(k.present, -1000
            - pg_catalog.row_number() OVER (PARTITION BY k.present IS NULL ORDER BY k.attnum))::smallint AS number
        FROM known AS k
    )
    SELECT pg_catalog.array_agg(ROW(f.collection, n.number, f.name, f.type, f.since, f.dropped)::directus_versions.field)
    INTO renumbered
    FROM directus_versions.field AS f JOIN numbered AS n USING (attnum)
    WHERE f.collection = $1;
    DELETE FROM directus_versions.field AS f WHERE f.collection = $1;
    INSERT INTO directus_versions.field SELECT r.* FROM pg_catalog.unnest(renumbered) AS r ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION _renumber_fields(int) IS 'Gives the known columns of a collection the attribute numbers of its present table, by name';

CREATE FUNCTION _note_fields(collection int) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    WITH known AS (
        SELECT DISTINCT ON (f.attnum) f.attnum, f.name, f.type, f.dropped
        FROM directus_versions.field AS f WHERE f.collection = $1
        ORDER BY f.attnum, f.since DESC
    ), present AS (
        SELECT a.attnum, a.attname::text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, false AS dropped
        FROM directus_versions.collection AS c
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.relation
        -- A virtual column has no values to record.
        WHERE c.id = $1 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
        UNION ALL
        SELECT k.attnum, k.name, k.type, true FROM known AS k
        WHERE NOT EXISTS (
            SELECT FROM directus_versions.collection AS c
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.relation
            WHERE c.id = $1 AND a.attnum = k.attnum AND NOT a.attisdropped)
    )
    INSERT INTO directus_versions.field (collection, attnum, name, type, dropped, since)
    SELECT $1, p.attnum, p.name, p.type, p.dropped, directus_versions._next_id()
    FROM (SELECT * FROM present EXCEPT SELECT * FROM known) AS p
    ON CONFLICT (collection, attnum, since) DO UPDATE
        SET name = EXCLUDED.name, type = EXCLUDED.type, dropped = EXCLUDED.dropped
$$;
COMMENT ON FUNCTION _note_fields(int) IS 'Notes the columns of a collection''s table where they differ from what is known';

CREATE FUNCTION _scope_changes(former collection, present collection) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.string_agg(pg_catalog.format('%s: %s -> %s', o.name, o.former, o.present), '; ' ORDER BY o.place)
    FROM (VALUES
        (1, 'accountability', former.accountability, present.accountability),
        (2, 'fields', COALESCE(former.fields, '{}')::text, COALESCE(present.fields, '{}')::text),
        (3, 'exclude', former.exclude::text, present.exclude::text),
        (4, 'ignore', former."ignore"::text, present."ignore"::text),
        (5, 'mask', former.mask::text, present.mask::text),
        (6, 'key', COALESCE(former.key, '{}')::text, COALESCE(present.key, '{}')::text),
        (7, 'snapshot', former.snapshot, present.snapshot),
        (8, 'replicated', former.replicated::text, present.replicated::text)
    ) AS o (place, name, former, present)
    WHERE o.former <> o.present
$$;
COMMENT ON FUNCTION _scope_changes(collection, collection) IS
'The options in which two scopes differ, in words: mask: {} -> {email}; NULL where they are the same';

CREATE FUNCTION _log_scope(collection int, action text, words text) RETURNS void
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_log_scope';
COMMENT ON FUNCTION _log_scope(int, text, text) IS
'Records that what is recorded of a collection changed, by the role that called the function whose work is done as the extension''s owner; without words the comment is the application''s';

CREATE FUNCTION _start(
    target regclass, accountability text, fields text[], exclude text[], "ignore" text[], mask text[],
    key text[], snapshot text
) RETURNS collection
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    former directus_versions.collection;
    settings directus_versions.collection;
    parent text;
BEGIN
    PERFORM directus_versions._check_table(target);
    -- One at a time: two sessions that track the same table must not both make a collection of it.
    EXECUTE pg_catalog.format('LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE', target);
    SELECT * INTO former FROM directus_versions.collection AS c WHERE c.relation = target;
    settings := former;
    IF settings.tracked THEN
        RAISE EXCEPTION 'table "%" is already tracked', settings.name USING
            ERRCODE = '42710', HINT = 'Use directus_versions.set_scope to change what is recorded.';
    END IF;
    SELECT c.name INTO parent
    FROM directus_versions.collection AS c
    WHERE c.tracked AND c.relation <> target AND target IN (SELECT directus_versions._tree(c.relation)) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'table "%" is already tracked as a part of "%"', directus_versions._collection_name(target), parent
            USING ERRCODE = '42710';
    END IF;
    settings.id := COALESCE(settings.id, pg_catalog.nextval('directus_versions.collection_id')::int);
    settings.name := directus_versions._collection_name(target);
    settings.relation := target;
    settings.accountability := accountability;
    settings.fields := NULLIF(fields, '{}');
    settings.exclude := COALESCE(exclude, '{}');
    settings."ignore" := COALESCE("ignore", '{}');
    settings.mask := COALESCE(mask, '{}');
    settings.key := NULLIF(key, '{}');
    settings.snapshot := snapshot;
    settings.replicated := COALESCE(settings.replicated, false);
    settings.tracked := true;
    settings.since := pg_catalog.statement_timestamp();
    settings.last_key := COALESCE(settings.key, directus_versions._key_of(target));
    settings.relid := COALESCE(settings.relid, target::oid);
    settings.complete := accountability <> 'none' AND (
        SELECT COALESCE(pg_catalog.sum(pg_catalog.pg_relation_size(t)), 0) = 0 FROM directus_versions._tree(target) AS t);
    settings.owner := (SELECT pg_catalog.pg_get_userbyid(t.relowner) FROM pg_catalog.pg_class AS t WHERE t.oid = target);
    PERFORM directus_versions._check_scope(settings, fields || exclude || "ignore" || mask || key);
    -- What happened while the table was not tracked is not known.
    IF EXISTS (SELECT FROM directus_versions.collection AS c WHERE c.id = settings.id) THEN
        PERFORM directus_versions._note_gap(settings.id, EXISTS (
            SELECT FROM directus_versions.collection AS c WHERE c.id = settings.id AND c.last_key <> settings.last_key));
    END IF;
    DELETE FROM directus_versions.collection AS c WHERE c.id = settings.id;
    INSERT INTO directus_versions.collection SELECT settings.*;
    -- The trigger of a restore may have done it.
    IF EXISTS (SELECT FROM directus_versions.collection AS c WHERE c.id = settings.id AND c.relid <> target::oid) THEN
        PERFORM directus_versions._renumber_fields(settings.id);
    END IF;
    PERFORM directus_versions._note_fields(settings.id);
    PERFORM directus_versions._unstage_masked(settings.id);
    PERFORM directus_versions._cover(settings.id);
    RETURN former;
END $$;
COMMENT ON FUNCTION _start(regclass, text, text[], text[], text[], text[], text[], text) IS
'Starts recording a table; returns what was recorded of it when it was tracked before';

CREATE FUNCTION _track(
    target regclass, accountability text, fields text[], exclude text[], "ignore" text[], mask text[],
    key text[], snapshot text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    former directus_versions.collection;
BEGIN
    SELECT * INTO former
    FROM directus_versions._start(target, accountability, fields, exclude, "ignore", mask, key, snapshot);
    -- That a history begins is told by its beginning; that it goes on after a gap is not.
    IF former.id IS NOT NULL THEN
        PERFORM directus_versions._log_scope(c.id, 'track', directus_versions._scope_changes(former, c))
        FROM directus_versions.collection AS c WHERE c.id = former.id;
    END IF;
END $$;
COMMENT ON FUNCTION _track(regclass, text, text[], text[], text[], text[], text[], text) IS
'Does the work of track as the extension''s owner';

CREATE FUNCTION track(
    target regclass, accountability text DEFAULT 'all', fields text[] DEFAULT NULL, exclude text[] DEFAULT '{}',
    "ignore" text[] DEFAULT '{}', mask text[] DEFAULT '{}', key text[] DEFAULT NULL, snapshot text DEFAULT 'keyframes'
) RETURNS void
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_owner';
COMMENT ON FUNCTION track(regclass, text, text[], text[], text[], text[], text[], text) IS
'Starts recording a table. accountability: all, activity or none; fields: only these are saved; exclude: never saved; ignore: a change of only these records nothing; mask: saved as asterisks; key: columns that name a row of a table without primary key; snapshot: keyframes or always. Of a table that was tracked before, it is recorded as an activity "track". 42501 unless the caller owns the table, 42809 for anything but a table, 55000 without key, 0A000 for a temporary table or a virtual column in the key, 42710 if it is tracked already, 42703 for an unknown column, 22023 for an unknown option';

CREATE FUNCTION _untrack(target regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    settings directus_versions.collection;
    member regclass;
BEGIN
    SELECT * INTO settings FROM directus_versions.collection AS c WHERE c.relation = target AND c.tracked;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table "%" is not tracked', directus_versions._collection_name(target) USING
            ERRCODE = '55000', HINT = 'Call directus_versions.track first.';
    END IF;
    UPDATE directus_versions.collection AS c SET tracked = false WHERE c.id = settings.id;
    PERFORM directus_versions._log_scope(settings.id, 'untrack', NULL);
    FOR member IN SELECT directus_versions._tree(target) LOOP
        PERFORM directus_versions._uncover(member, settings.id);
    END LOOP;
    PERFORM directus_versions._take_back();
END $$;
COMMENT ON FUNCTION _untrack(regclass) IS 'Does the work of untrack as the extension''s owner';

CREATE FUNCTION untrack(target regclass) RETURNS void
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_owner';
COMMENT ON FUNCTION untrack(regclass) IS
'Stops recording a table; its history stays. It is recorded as an activity "untrack". 42501 unless the caller owns the table, 55000 if it is not tracked';
