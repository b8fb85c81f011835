-- Following what happens to tables: partitions and children that come and go, names, keys, drops.

CREATE FUNCTION _collections_of(changed regclass) RETURNS SETOF collection
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE ancestry AS (
        SELECT changed::oid AS relid
        UNION
        SELECT i.inhparent FROM pg_catalog.pg_inherits AS i JOIN ancestry ON i.inhrelid = ancestry.relid
        WHERE NOT i.inhdetachpending
    )
    SELECT c.* FROM directus_versions.collection AS c JOIN ancestry ON c.relation = ancestry.relid WHERE c.tracked
$$;
COMMENT ON FUNCTION _collections_of(regclass) IS 'The tracked collections that a table is of, itself or as a partition or child';

CREATE FUNCTION _uncover_strays() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stray record;
BEGIN
    -- Tables with triggers of a collection that they are not of any more, as a partition that was detached.
    FOR stray IN
        WITH RECURSIVE member AS (
            SELECT c.id AS collection, c.relation::oid AS relid FROM directus_versions.collection AS c WHERE c.tracked
            UNION
            SELECT member.collection, i.inhrelid
            FROM pg_catalog.pg_inherits AS i JOIN member ON i.inhparent = member.relid WHERE NOT i.inhdetachpending
        )
        SELECT t.relid::regclass AS relation, t.collection
        FROM (
            SELECT DISTINCT t.tgrelid AS relid,
                pg_catalog.split_part(pg_catalog.encode(t.tgargs, 'escape'), '\000', 1)::int AS collection
            FROM pg_catalog.pg_trigger AS t
            WHERE t.tgfoid = 'directus_versions._capture_statement()'::regprocedure AND t.tgnargs = 1
        ) AS t
        LEFT JOIN member USING (collection, relid)
        WHERE member.relid IS NULL
            -- Restored after the log was: check_tracking tells of it as long as its trigger does.
            AND (EXISTS (SELECT FROM directus_versions._collections_of(t.relid))
                OR NOT EXISTS (
                    SELECT FROM directus_versions.collection AS c
                    WHERE c.id = t.collection AND c.relation IS NULL
                        AND c.name = directus_versions._collection_name(t.relid)))
    LOOP
        PERFORM directus_versions._uncover(stray.relation, stray.collection);
    END LOOP;
END $$;
COMMENT ON FUNCTION _uncover_strays() IS 'Takes our triggers off tables that left their collection';

CREATE FUNCTION _follow_table(changed regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    settings directus_versions.collection;
BEGIN
    FOR settings IN SELECT * FROM directus_versions._collections_of(changed) LOOP
        -- In the middle of a restore the triggers of the table, or of a member of some time, are still to come, by the
        -- dump's own statements; and by then so may be the rows, which must not be recorded again.
        IF (SELECT pg_catalog.count(*) = 3 FROM directus_versions._triggers(settings.relation) AS t
            WHERE t.collection = settings.id)
            AND NOT EXISTS (
                SELECT FROM directus_versions._tree(settings.relation) AS m
                JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = m
                JOIN pg_catalog.pg_class AS k ON k.oid = m
                WHERE k.relkind IN ('r', 'p') AND NOT pg_catalog.pg_is_other_temp_schema(k.relnamespace)
                    -- Not of this transaction.
                    AND pg_catalog.age(i.xmin) > 0
                    AND (SELECT pg_catalog.count(*) < 3 FROM directus_versions._triggers(m) AS t
                         WHERE t.collection = settings.id))
        THEN
            PERFORM directus_versions._cover(settings.id);
        END IF;
        CONTINUE WHEN settings.relation <> changed;
        -- Another session of the restore is still to bring its columns, and settles them.
        CONTINUE WHEN settings.relid <> changed::oid
            AND NOT EXISTS (SELECT FROM directus_versions.field AS f WHERE f.collection = settings.id);
        IF settings.relid <> changed::oid THEN
            -- Restored: the columns have other numbers and the names they had.
            PERFORM directus_versions._renumber_fields(settings.id);
        ELSE
            PERFORM directus_versions._follow_names(settings.id);
        END IF;
        PERFORM directus_versions._follow_key(settings.id);
        PERFORM directus_versions._note_fields(settings.id);
    END LOOP;
END $$;
COMMENT ON FUNCTION _follow_table(regclass) IS 'Brings the triggers, key and columns of a table that was altered up to date';

CREATE FUNCTION _follow_key(collection int, lost boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    settings directus_versions.collection;
    present_key text[];
BEGIN
    SELECT * INTO settings FROM directus_versions.collection AS c WHERE c.id = $1;
    present_key := COALESCE(settings.key, directus_versions._key_of(settings.relation), settings.last_key);
    -- An item is told in clear, and by all columns of its key.
    IF present_key && settings.mask OR EXISTS (
        SELECT FROM pg_catalog.unnest(present_key) AS k (name)
        WHERE NOT EXISTS (
            SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = settings.relation AND a.attname = k.name AND a.attnum > 0 AND NOT a.attisdropped))
    THEN
        present_key := '{}';
    END IF;
    IF lost OR settings.last_key <> present_key THEN
        UPDATE directus_versions.collection AS c SET last_key = present_key WHERE c.id = $1;
        PERFORM directus_versions._note_gap($1, true);
    END IF;
END $$;
COMMENT ON FUNCTION _follow_key(int, boolean) IS
'Notes which columns name the items of a collection, and since when, where others did before or one was lost';

CREATE FUNCTION _follow_names(collection int) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    -- The scope names columns, so it follows when one is renamed: the same attribute number, another name.
    WITH renamed AS (
        SELECT k.name AS former, a.attname::text AS name
        FROM (
            SELECT DISTINCT ON (f.attnum) f.attnum, f.name, f.dropped
            FROM directus_versions.field AS f WHERE f.collection = $1
            ORDER BY f.attnum, f.since DESC
        ) AS k
        JOIN directus_versions.collection AS c ON c.id = $1
        JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid = c.relation AND a.attnum = k.attnum AND NOT a.attisdropped AND a.attname <> k.name
        WHERE NOT k.dropped
    )
    UPDATE directus_versions.collection AS c
    SET fields = directus_versions._renamed(c.fields, r.former, r.name),
        exclude = directus_versions._renamed(c.exclude, r.former, r.name),
        "ignore" = directus_versions._renamed(c."ignore", r.former, r.name),
        mask = directus_versions._renamed(c.mask, r.former, r.name),
        key = directus_versions._renamed(c.key, r.former, r.name),
        last_key = directus_versions._renamed(c.last_key, r.former, r.name)
    FROM (SELECT pg_catalog.array_agg(former) AS former, pg_catalog.array_agg(name) AS name FROM renamed) AS r
    WHERE c.id = $1 AND r.former IS NOT NULL
$$;

CREATE FUNCTION _settle_missing() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing text;
BEGIN
    FOR missing IN
        UPDATE directus_versions.collection AS c SET relation = NULL, tracked = false
        WHERE c.relation = 0
        RETURNING c.name
    LOOP
        RAISE WARNING 'table "%" was not restored', missing USING
            ERRCODE = '01000',
            DETAIL = 'What was recorded of it stays, as of a table that was dropped.',
            HINT = 'Once it is there, directus_versions.relink lets it carry that on.';
    END LOOP;
END $$;
COMMENT ON FUNCTION _settle_missing() IS 'Makes collections whose tables a dump left out those of dropped tables';

CREATE FUNCTION _settle_fields() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT directus_versions._renumber_fields(c.id)
    FROM directus_versions.collection AS c
    WHERE c.relid <> c.relation::oid AND c.relation <> 0
        AND EXISTS (SELECT FROM directus_versions.field AS f WHERE f.collection = c.id)
    ORDER BY c.id
$$;
COMMENT ON FUNCTION _settle_fields() IS
'Gives columns that a restore has brought the attribute numbers that they have here, once both they and their collections are there';

-- Sessions of a parallel restore fill collection and field side by side, and each holds its own when it comes here. One has
-- to see what the other brought, without either waiting for the other: so the one with collection waits and then looks, and
-- the one with field looks only if it need not wait. If it must, the other is yet to look.
CREATE FUNCTION _settle_beside(filled regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF filled = 'directus_versions.collection'::regclass THEN
        PERFORM directus_versions._settle_missing();
        IF EXISTS (SELECT FROM directus_versions.collection AS c WHERE c.relid <> c.relation::oid) THEN
            LOCK TABLE directus_versions.field IN SHARE ROW EXCLUSIVE MODE;
            PERFORM directus_versions._settle_fields();
        END IF;
    ELSIF filled = 'directus_versions.field'::regclass THEN
        LOCK TABLE directus_versions.collection IN ROW EXCLUSIVE MODE NOWAIT;
        PERFORM directus_versions._settle_fields();
    END IF;
EXCEPTION
    WHEN lock_not_available THEN
        NULL;
END $$;
COMMENT ON FUNCTION _settle_beside(regclass) IS 'Makes what a restore has brought fit this database, beside other sessions of that restore';

-- A dump of data alone is followed by no command that would be noticed.
CREATE FUNCTION _settle_restored() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    restored boolean;
BEGIN
    -- Not for what is written as a collection is settled or followed, which others may be doing with the next one.
    IF TG_RELID = 'directus_versions.collection'::regclass THEN
        restored := EXISTS (SELECT FROM filled WHERE filled.relid <> filled.relation::oid);
    ELSE
        restored := EXISTS (
            SELECT FROM filled JOIN directus_versions.collection AS c ON c.id = filled.collection
            WHERE c.relid <> c.relation::oid);
    END IF;
    IF restored THEN
        PERFORM directus_versions._settle_beside(TG_RELID);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION _settle_restored() IS 'Settles what a restore has brought';
CREATE TRIGGER settle AFTER INSERT ON collection REFERENCING NEW TABLE AS filled
    FOR EACH STATEMENT EXECUTE FUNCTION _settle_restored();
COMMENT ON TRIGGER settle ON collection IS 'Makes what a restore has brought fit this database';
CREATE TRIGGER settle AFTER INSERT ON field REFERENCING NEW TABLE AS filled
    FOR EACH STATEMENT EXECUTE FUNCTION _settle_restored();
COMMENT ON TRIGGER settle ON field IS 'Makes what a restore has brought fit this database';
-- A restore may run as a replica.
ALTER TABLE collection ENABLE ALWAYS TRIGGER settle;
ALTER TABLE field ENABLE ALWAYS TRIGGER settle;

CREATE FUNCTION _renamed(names text[], former text[], present text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN names IS NULL THEN NULL ELSE COALESCE(
        pg_catalog.array_agg(
            COALESCE(present[pg_catalog.array_position(former, n)], n) ORDER BY position), '{}') END
    FROM pg_catalog.unnest(names) WITH ORDINALITY AS u (n, position)
$$;
COMMENT ON FUNCTION _renamed(text[], text[], text[]) IS 'A list of columns with some names replaced';
COMMENT ON FUNCTION _follow_names(int) IS 'Puts the new names of renamed columns into a collection''s scope';

CREATE FUNCTION _follow_ddl() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed record;
    ours regclass[];
BEGIN
    -- pg_restore --disable-triggers enables them again as ordinary ones.
    FOR changed IN
        SELECT DISTINCT t.tgrelid::regclass AS relation, t.tgname AS name
        FROM pg_catalog.pg_event_trigger_ddl_commands() AS d
        JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = d.objid
        WHERE d.classid = 'pg_catalog.pg_class'::regclass
            AND t.tgfoid IN (
                'directus_versions._guard()'::regprocedure, 'directus_versions._settle_restored()'::regprocedure)
            AND t.tgenabled = 'O'
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', changed.relation, changed.name);
    END LOOP;
    IF pg_catalog.current_setting('transaction_read_only')::boolean
        OR NOT EXISTS (SELECT FROM directus_versions.collection)
            AND NOT EXISTS (SELECT FROM directus_versions.tracked_schema)
    THEN
        RETURN;
    END IF;
    SELECT pg_catalog.array_agg(DISTINCT c.oid::regclass) INTO ours
    FROM pg_catalog.pg_event_trigger_ddl_commands() AS d JOIN pg_catalog.pg_class AS c ON c.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_class'::regclass
    HAVING pg_catalog.bool_and(c.relnamespace = 'directus_versions'::regnamespace);
    -- As of a restore that disables triggers. What else there is to follow is not for who holds one of these.
    IF FOUND THEN
        PERFORM directus_versions._settle_beside(relation) FROM pg_catalog.unnest(ours) AS o (relation);
        RETURN;
    END IF;
    PERFORM directus_versions._settle_missing();
    UPDATE directus_versions.tracked_schema AS s SET schema = n.nspname
    FROM pg_catalog.pg_event_trigger_ddl_commands() AS d JOIN pg_catalog.pg_namespace AS n ON n.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_namespace'::regclass AND s.oid = n.oid AND s.schema <> n.nspname;
    UPDATE directus_versions.tracked_schema AS s SET oid = n.oid
    FROM pg_catalog.pg_namespace AS n WHERE n.nspname = s.schema AND s.oid <> n.oid;
    IF TG_TAG LIKE 'ALTER%' THEN
        UPDATE directus_versions.collection AS c
        SET name = directus_versions._collection_name(c.relation)
        WHERE c.relation IS NOT NULL AND c.name <> directus_versions._collection_name(c.relation);
    END IF;
    FOR changed IN
        SELECT DISTINCT c.oid::regclass AS relation, c.relowner, s.accountability, s.role
        FROM pg_catalog.pg_event_trigger_ddl_commands() AS d
        LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = d.objid
        JOIN pg_catalog.pg_class AS c ON c.oid = COALESCE(i.indrelid, d.objid)
        LEFT JOIN directus_versions.tracked_schema AS s ON s.oid = c.relnamespace
        WHERE d.classid = 'pg_catalog.pg_class'::regclass
    LOOP
        PERFORM directus_versions._follow_table(changed.relation);
        IF changed.role IS NOT NULL AND directus_versions._is_trackable(changed.relation)
            AND NOT EXISTS (SELECT FROM directus_versions.collection AS k WHERE k.relation = changed.relation)
            AND EXISTS (
                SELECT FROM pg_catalog.pg_roles AS r
                WHERE r.rolname = changed.role AND pg_catalog.pg_has_role(r.oid, changed.relowner, 'USAGE'))
        THEN
            PERFORM directus_versions._track(
                changed.relation, changed.accountability, NULL, '{}', '{}', '{}', NULL, 'keyframes');
        END IF;
    END LOOP;
    IF TG_TAG LIKE 'ALTER%' THEN
        PERFORM directus_versions._uncover_strays();
        PERFORM directus_versions._take_back();
    END IF;
EXCEPTION
    -- A client that meets these tries again.
    WHEN serialization_failure OR deadlock_detected THEN
        RAISE;
    -- The user's own command must not fail for what is ours.
    WHEN OTHERS THEN
        RAISE WARNING 'directus_versions could not follow a change of a table: %', SQLERRM USING ERRCODE = '01000';
END $$;
COMMENT ON FUNCTION _follow_ddl() IS 'Covers new partitions and children, follows names and keys, tracks new tables of tracked schemas';

CREATE FUNCTION _without(names text[], gone text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN names IS NULL THEN NULL ELSE COALESCE(pg_catalog.array_agg(n ORDER BY position), '{}') END
    FROM pg_catalog.unnest(names) WITH ORDINALITY AS u (n, position) WHERE n <> ALL (gone)
$$;
COMMENT ON FUNCTION _without(text[], text[]) IS 'A list of columns without some';

CREATE FUNCTION _follow_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A list of fields that loses its last one must not come to mean all.
    UPDATE directus_versions.collection AS c
    SET fields = CASE WHEN c.fields <@ g.names THEN ARRAY[''] ELSE directus_versions._without(c.fields, g.names) END,
        exclude = directus_versions._without(c.exclude, g.names),
        "ignore" = directus_versions._without(c."ignore", g.names),
        mask = directus_versions._without(c.mask, g.names),
        -- As an index goes with any of its columns.
        key = CASE WHEN c.key && g.names THEN NULL ELSE c.key END
    FROM (
        SELECT d.objid, pg_catalog.array_agg(d.address_names[3]) AS names
        FROM pg_catalog.pg_event_trigger_dropped_objects() AS d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objsubid > 0
        GROUP BY d.objid
    ) AS g
    WHERE c.relation = g.objid;
    UPDATE directus_versions.collection AS c
    SET relation = NULL, tracked = false
    FROM pg_catalog.pg_event_trigger_dropped_objects() AS d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0 AND c.relation = d.objid;
    PERFORM directus_versions._take_back();
    DELETE FROM directus_versions.tracked_schema AS s
    USING pg_catalog.pg_event_trigger_dropped_objects() AS d
    WHERE d.classid = 'pg_catalog.pg_namespace'::regclass AND s.oid = d.objid;
    PERFORM directus_versions._follow_key(c.id, c.last_key && g.names), directus_versions._note_fields(c.id)
    FROM (
        SELECT d.objid, pg_catalog.array_agg(d.address_names[3]) AS names
        FROM pg_catalog.pg_event_trigger_dropped_objects() AS d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objsubid > 0
        GROUP BY d.objid
    ) AS g
    JOIN directus_versions.collection AS c ON c.relation = g.objid;
EXCEPTION
    WHEN serialization_failure OR deadlock_detected THEN
        RAISE;
    WHEN OTHERS THEN
        RAISE WARNING 'directus_versions could not follow a drop: %', SQLERRM USING ERRCODE = '01000';
END $$;
COMMENT ON FUNCTION _follow_drop() IS 'Keeps the history of a dropped table under its name';

CREATE EVENT TRIGGER directus_versions_ddl ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'ALTER SCHEMA', 'CREATE SCHEMA',
        'CREATE INDEX', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE')
    EXECUTE FUNCTION directus_versions._follow_ddl();
COMMENT ON EVENT TRIGGER directus_versions_ddl IS 'Follows what happens to tracked tables';
CREATE EVENT TRIGGER directus_versions_drop ON sql_drop EXECUTE FUNCTION directus_versions._follow_drop();
COMMENT ON EVENT TRIGGER directus_versions_drop IS 'Keeps the history of dropped tables';

CREATE FUNCTION _keep_history() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_keep_history';
COMMENT ON FUNCTION _keep_history() IS
'Refuses to drop the extension while it holds history (55000), unless directus_versions.allow_drop is on';
CREATE EVENT TRIGGER directus_versions_keep ON ddl_command_start
    WHEN TAG IN ('DROP EXTENSION', 'DROP SCHEMA', 'DROP OWNED', 'DROP LANGUAGE')
    EXECUTE FUNCTION directus_versions._keep_history();
COMMENT ON EVENT TRIGGER directus_versions_keep IS 'Keeps DROP EXTENSION from taking history along';

-- REASSIGN OWNED fires no event trigger, so owners are looked at again before a partition can be made.
CREATE FUNCTION _lend_to_owners() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM directus_versions._lend(c.relation) FROM directus_versions.collection AS c WHERE c.tracked;
EXCEPTION
    WHEN OTHERS THEN
        RAISE WARNING 'directus_versions could not prepare a change of a table: %', SQLERRM USING ERRCODE = '01000';
END $$;
COMMENT ON FUNCTION _lend_to_owners() IS 'Lets the owners of tracked tables make partitions of them';
CREATE EVENT TRIGGER directus_versions_lend ON ddl_command_start WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
    EXECUTE FUNCTION directus_versions._lend_to_owners();
COMMENT ON EVENT TRIGGER directus_versions_lend IS 'Lets the owners of tracked tables make partitions of them';

-- The partitions of the log are no members of the extension, which would keep them.
CREATE FUNCTION _keep_partitions() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept name;
BEGIN
    SELECT d.object_name INTO kept
    FROM pg_catalog.pg_event_trigger_dropped_objects() AS d
    WHERE d.object_type = 'table' AND d.schema_name = 'directus_versions' AND d.object_name LIKE 'log\_%'
    LIMIT 1;
    -- Until the library is loaded the session does not know the setting.
    IF FOUND AND NOT COALESCE(NULLIF(pg_catalog.current_setting('directus_versions.allow_drop', true), '')::boolean, false) THEN
        RAISE EXCEPTION 'recorded history cannot be removed' USING
            ERRCODE = '42501',
            DETAIL = pg_catalog.format('%s was refused for table "%s".', TG_TAG, kept),
            HINT = 'Use directus_versions.set_retention and directus_versions.purge.';
    END IF;
END $$;
COMMENT ON FUNCTION _keep_partitions() IS
'Refuses to drop a partition of the log (42501), unless directus_versions.allow_drop is on';
CREATE EVENT TRIGGER directus_versions_partitions ON sql_drop WHEN TAG IN ('DROP TABLE', 'DROP OWNED')
    EXECUTE FUNCTION directus_versions._keep_partitions();
COMMENT ON EVENT TRIGGER directus_versions_partitions IS 'Keeps the partitions of the log';

ALTER EVENT TRIGGER directus_versions_partitions ENABLE ALWAYS;
ALTER EVENT TRIGGER directus_versions_lend ENABLE ALWAYS;
ALTER EVENT TRIGGER directus_versions_ddl ENABLE ALWAYS;
ALTER EVENT TRIGGER directus_versions_drop ENABLE ALWAYS;
ALTER EVENT TRIGGER directus_versions_keep ENABLE ALWAYS;
