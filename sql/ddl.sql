-- Following what happens to tables: partitions and children that come and go, names, keys, drops.

CREATE FUNCTION _follow_table(changed regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    settings directus_versions.collection;
    stale record;
BEGIN
    -- Triggers of a collection that the table does not belong to any more.
    FOR stale IN
        SELECT DISTINCT t.collection
        FROM directus_versions._triggers(changed) AS t
        LEFT JOIN directus_versions.collection AS c ON c.id = t.collection AND c.tracked
        WHERE NOT t.cloned
            AND changed NOT IN (SELECT directus_versions._tree(c.relation))
    LOOP
        PERFORM directus_versions._uncover(changed, stale.collection);
    END LOOP;
    FOR settings IN
        SELECT c.* FROM directus_versions.collection AS c
        WHERE c.tracked AND changed IN (SELECT directus_versions._tree(c.relation))
    LOOP
        PERFORM directus_versions._cover(settings.id);
        IF settings.relation = changed THEN
            UPDATE directus_versions.collection AS c
            SET last_key = COALESCE(c.key, directus_versions._key_of(changed), c.last_key)
            WHERE c.id = settings.id
                AND c.last_key IS DISTINCT FROM COALESCE(c.key, directus_versions._key_of(changed), c.last_key);
            PERFORM directus_versions._follow_names(settings.id);
            PERFORM directus_versions._note_fields(settings.id);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION _follow_table(regclass) IS 'Brings the triggers, key and columns of a table that was altered up to date';

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
BEGIN
    IF NOT EXISTS (SELECT FROM directus_versions.collection) AND NOT EXISTS (SELECT FROM directus_versions.tracked_schema) THEN
        RETURN;
    END IF;
    UPDATE directus_versions.collection AS c
    SET name = directus_versions._collection_name(c.relation)
    WHERE c.relation IS NOT NULL AND c.name <> directus_versions._collection_name(c.relation);
    FOR changed IN
        SELECT DISTINCT CASE WHEN c.relkind IN ('i', 'I') THEN i.indrelid ELSE d.objid END AS relid, d.command_tag
        FROM pg_catalog.pg_event_trigger_ddl_commands() AS d
        JOIN pg_catalog.pg_class AS c ON c.oid = d.objid
        LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = d.objid
        WHERE d.classid = 'pg_catalog.pg_class'::regclass
    LOOP
        PERFORM directus_versions._follow_table(changed.relid);
        -- A partition that was attached or detached is named by its parent's command alone.
        IF changed.command_tag = 'ALTER TABLE' THEN
            PERFORM directus_versions._follow_table(m)
            FROM (
                SELECT t.tgrelid::regclass AS m FROM pg_catalog.pg_trigger AS t
                WHERE t.tgfoid = 'directus_versions._capture_statement()'::regprocedure
                UNION
                SELECT directus_versions._tree(changed.relid)
            ) AS members
            WHERE m <> changed.relid;
        END IF;
        IF EXISTS (
                SELECT FROM directus_versions.tracked_schema AS s JOIN pg_catalog.pg_class AS c ON c.relnamespace = s.schema
                WHERE c.oid = changed.relid)
            AND directus_versions._is_trackable(changed.relid)
            AND NOT EXISTS (SELECT FROM directus_versions.collection AS k WHERE k.relation = changed.relid)
        THEN
            PERFORM directus_versions._track(changed.relid, s.accountability, NULL, '{}', '{}', '{}', NULL, 'keyframes')
            FROM directus_versions.tracked_schema AS s JOIN pg_catalog.pg_class AS c ON c.relnamespace = s.schema
            WHERE c.oid = changed.relid;
        END IF;
    END LOOP;
    PERFORM directus_versions._take_back();
EXCEPTION
    -- The user's own command must not fail for what is ours.
    WHEN OTHERS THEN
        RAISE WARNING 'directus_versions could not follow a change of a table: %', SQLERRM USING
            ERRCODE = '01000', HINT = 'Call directus_versions.check_tracking() to see what is not recorded.';
END $$;
COMMENT ON FUNCTION _follow_ddl() IS 'Covers new partitions and children, follows names and keys, tracks new tables of tracked schemas';

CREATE FUNCTION _follow_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE directus_versions.collection AS c
    SET relation = NULL, tracked = false
    FROM pg_catalog.pg_event_trigger_dropped_objects() AS d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0 AND c.relation = d.objid;
    PERFORM directus_versions._take_back();
    DELETE FROM directus_versions.tracked_schema AS s
    USING pg_catalog.pg_event_trigger_dropped_objects() AS d
    WHERE d.classid = 'pg_catalog.pg_namespace'::regclass AND s.schema = d.objid;
    PERFORM directus_versions._note_fields(c.id)
    FROM pg_catalog.pg_event_trigger_dropped_objects() AS d
    JOIN directus_versions.collection AS c ON c.relation = d.objid
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objsubid > 0;
EXCEPTION
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
    WHEN TAG IN ('DROP EXTENSION', 'DROP SCHEMA', 'DROP OWNED')
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

ALTER EVENT TRIGGER directus_versions_lend ENABLE ALWAYS;
ALTER EVENT TRIGGER directus_versions_ddl ENABLE ALWAYS;
ALTER EVENT TRIGGER directus_versions_drop ENABLE ALWAYS;
ALTER EVENT TRIGGER directus_versions_keep ENABLE ALWAYS;
