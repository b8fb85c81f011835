-- What is recorded of a table that is tracked.

CREATE FUNCTION _caller() RETURNS oid
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'directus_versions_caller';
COMMENT ON FUNCTION _caller() IS 'The role that called the function whose work is done as the extension''s owner';

CREATE FUNCTION _enable(collection int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    disabled record;
BEGIN
    FOR disabled IN
        SELECT t.tgrelid::regclass AS relation, t.tgname, c.replicated
        FROM directus_versions.collection AS c
        CROSS JOIN LATERAL directus_versions._tree(c.relation) AS part (relid)
        CROSS JOIN LATERAL directus_versions._triggers(part.relid) AS o
        JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = part.relid AND t.tgname = o.name
        WHERE c.id = $1 AND o.collection = $1 AND t.tgenabled IN ('D', 'R')
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE %s TRIGGER %I',
            disabled.relation, CASE WHEN disabled.replicated THEN 'ALWAYS' END, disabled.tgname);
    END LOOP;
END $$;
COMMENT ON FUNCTION _enable(int) IS 'Enables the triggers of a collection that somebody disabled';

CREATE FUNCTION _set_scope(
    target regclass, accountability text, fields text[], exclude text[], "ignore" text[], mask text[],
    key text[], snapshot text, replicated boolean
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    former directus_versions.collection;
    settings directus_versions.collection;
    changes text;
    member regclass;
BEGIN
    SELECT * INTO former FROM directus_versions.collection AS c WHERE c.relation = target AND c.tracked FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table "%" is not tracked', directus_versions._collection_name(target) USING
            ERRCODE = '55000', HINT = 'Call directus_versions.track first.';
    END IF;
    settings := former;
    settings.accountability := COALESCE(accountability, settings.accountability);
    settings.fields := NULLIF(COALESCE(fields, settings.fields), '{}');
    settings.exclude := COALESCE(exclude, settings.exclude);
    settings."ignore" := COALESCE("ignore", settings."ignore");
    settings.mask := COALESCE(mask, settings.mask);
    settings.key := NULLIF(COALESCE(key, settings.key), '{}');
    settings.snapshot := COALESCE(snapshot, settings.snapshot);
    settings.replicated := COALESCE(replicated, settings.replicated);
    settings.last_key := COALESCE(settings.key, directus_versions._key_of(target));
    PERFORM directus_versions._check_scope(settings, fields || exclude || "ignore" || mask || key);
    IF (former.accountability, former.fields, former.exclude, former.mask, former.last_key)
        IS DISTINCT FROM (settings.accountability, settings.fields, settings.exclude, settings.mask, settings.last_key)
    THEN
        PERFORM directus_versions._note_gap(settings.id, former.last_key <> settings.last_key);
    END IF;
    UPDATE directus_versions.collection AS c
    SET (accountability, fields, exclude, "ignore", mask, key, snapshot, replicated, last_key)
        = (settings.accountability, settings.fields, settings.exclude, settings."ignore", settings.mask, settings.key,
           settings.snapshot, settings.replicated, settings.last_key)
    WHERE c.id = settings.id;
    changes := directus_versions._scope_changes(former, settings);
    IF changes IS NOT NULL THEN
        PERFORM directus_versions._log_scope(settings.id, 'set_scope', changes);
    END IF;
    PERFORM directus_versions._unstage_masked(settings.id);
    PERFORM directus_versions._cover(settings.id);
    PERFORM directus_versions._enable(settings.id);
    FOR member IN SELECT directus_versions._tree(target) LOOP
        PERFORM directus_versions._invalidate(member);
    END LOOP;
END $$;
COMMENT ON FUNCTION _set_scope(regclass, text, text[], text[], text[], text[], text[], text, boolean) IS
'Does the work of set_scope as the extension''s owner';

CREATE FUNCTION set_scope(
    target regclass, accountability text DEFAULT NULL, fields text[] DEFAULT NULL, exclude text[] DEFAULT NULL,
    "ignore" text[] DEFAULT NULL, mask text[] DEFAULT NULL, key text[] DEFAULT NULL, snapshot text DEFAULT NULL,
    replicated boolean DEFAULT NULL
) RETURNS void
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_owner';
COMMENT ON FUNCTION set_scope(regclass, text, text[], text[], text[], text[], text[], text, boolean) IS
'Changes what is recorded of a tracked table, from the next statement of every session on. NULL leaves an option as it is; fields => ''{}'' means all fields again; replicated: whether changes applied by a replication subscription are recorded. Triggers of ours that are missing or disabled are put back. What it changes is recorded as an activity "set_scope", with the comment telling it. Errors as for track, 55000 if the table is not tracked';

CREATE FUNCTION _relink(target regclass, collection text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present directus_versions.collection;
    former directus_versions.collection;
    present_key text[];
    member regclass;
BEGIN
    PERFORM directus_versions._check_table(target);
    UPDATE directus_versions.collection AS c SET relation = NULL, tracked = false WHERE c.relation = 0 AND c.name = $2;
    SELECT * INTO former FROM directus_versions.collection AS c
    WHERE c.name = $2 AND c.relation IS NULL ORDER BY c.id DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'collection "%" of a dropped table does not exist', $2 USING ERRCODE = 'P0002';
    ELSIF NOT EXISTS (
        SELECT FROM pg_catalog.pg_roles AS r
        WHERE (r.rolname = former.owner OR r.rolname = current_user)
            AND pg_catalog.pg_has_role(directus_versions._caller(), r.oid, 'USAGE'))
    THEN
        RAISE EXCEPTION 'permission denied for the history of collection "%"', $2 USING
            ERRCODE = '42501', DETAIL = 'It belongs to the owner of the table that was dropped, and to the extension''s owner.';
    END IF;
    SELECT * INTO present FROM directus_versions.collection AS c WHERE c.relation = target;
    IF EXISTS (SELECT FROM directus_versions.log AS l WHERE l.collection = present.id) THEN
        RAISE EXCEPTION 'table "%" has a history of its own', present.name USING ERRCODE = '42710';
    END IF;
    present_key := COALESCE(former.key, directus_versions._key_of(target));
    IF present.tracked THEN
        FOR member IN SELECT directus_versions._tree(target) LOOP
            PERFORM directus_versions._uncover(member, present.id);
        END LOOP;
    END IF;
    DELETE FROM directus_versions.collection AS c WHERE c.id = present.id;
    DELETE FROM directus_versions.field AS f WHERE f.collection = present.id;
    DELETE FROM directus_versions.gap AS g WHERE g.collection = present.id;
    UPDATE directus_versions.collection AS c
    SET relation = target, tracked = false, relid = 0, last_key = COALESCE(present_key, c.last_key) WHERE c.id = former.id;
    PERFORM directus_versions._start(
        target, former.accountability, former.fields, former.exclude, former."ignore", former.mask, former.key,
        former.snapshot);
    PERFORM directus_versions._log_scope(
        former.id, 'relink', pg_catalog.format('collection: %s -> %s', former.name, directus_versions._collection_name(target)));
END $$;
COMMENT ON FUNCTION _relink(regclass, text) IS 'Does the work of relink as the extension''s owner';

CREATE FUNCTION relink(target regclass, collection text) RETURNS void
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_owner';
COMMENT ON FUNCTION relink(regclass, text) IS
'Lets a table that was dropped and created again carry on the history of a collection, with its scope; recorded as an activity "relink". 42501 unless the caller owns the table, P0002 where no dropped table was of that name, 42710 if the table has a history of its own, and the errors of track';

CREATE FUNCTION _track_schema(target regnamespace, accountability text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    member regclass;
    count int := 0;
BEGIN
    IF accountability IS NULL OR accountability NOT IN ('all', 'activity', 'none') THEN
        RAISE EXCEPTION 'accountability "%" is not known', accountability USING
            ERRCODE = '22023', HINT = 'Use all, activity or none.';
    END IF;
    FOR member IN
        SELECT c.oid::regclass FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = target AND directus_versions._is_trackable(c.oid)
            AND pg_catalog.pg_has_role(directus_versions._caller(), c.relowner, 'USAGE')
        ORDER BY c.relname
    LOOP
        PERFORM directus_versions._track(member, accountability, NULL, '{}', '{}', '{}', NULL, 'keyframes');
        count := count + 1;
    END LOOP;
    INSERT INTO directus_versions.tracked_schema (schema, oid, accountability, role)
    SELECT n.nspname, n.oid, accountability, pg_catalog.pg_get_userbyid(directus_versions._caller())
    FROM pg_catalog.pg_namespace AS n WHERE n.oid = target
    ON CONFLICT (schema) DO UPDATE
        SET oid = EXCLUDED.oid, accountability = EXCLUDED.accountability, role = EXCLUDED.role;
    RETURN count;
END $$;
COMMENT ON FUNCTION _track_schema(regnamespace, text) IS 'Does the work of track_schema as the extension''s owner';

CREATE FUNCTION _is_trackable(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND NOT c.relispartition
        AND EXISTS (SELECT FROM pg_catalog.pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary)
        AND NOT EXISTS (SELECT FROM directus_versions.collection AS k WHERE k.relation = c.oid AND k.tracked)
        AND NOT EXISTS (
            SELECT FROM directus_versions.collection AS k
            WHERE k.tracked AND k.relation <> c.oid AND c.oid IN (SELECT directus_versions._tree(k.relation)))
        AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'directus_versions'::regnamespace)
    FROM pg_catalog.pg_class AS c WHERE c.oid = relation
$$;
COMMENT ON FUNCTION _is_trackable(oid) IS 'Whether a table has a primary key and is not tracked yet';

CREATE FUNCTION track_schema(target regnamespace, accountability text DEFAULT 'all') RETURNS int
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_owner';
COMMENT ON FUNCTION track_schema(regnamespace, text) IS
'Tracks every ordinary and partitioned table of a schema that has a primary key and that the caller owns, and those created there later; returns how many were added now. 42501 unless the caller owns the schema, 22023 for an unknown accountability';
