-- What is done to detached versions, as the extension's owner. Nobody is granted these functions; the native ones in
-- sql/versions.sql check the caller's rights and call them.

CREATE FUNCTION _lock_version(version uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Who masks a column waits for those who stage by what was allowed before, and they for it; the scope is locked before
    -- versions are.
    PERFORM FROM directus_versions.collection AS c
    WHERE c.id = (SELECT v.collection FROM directus_versions.version AS v WHERE v.id = $1) FOR SHARE;
    PERFORM FROM directus_versions.version AS v WHERE v.id = $1 FOR UPDATE;
END $$;
COMMENT ON FUNCTION _lock_version(uuid) IS 'Locks a version for a change, and what is recorded of its table against one';

CREATE FUNCTION _find_version(version uuid) RETURNS _version
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    staged directus_versions._version;
BEGIN
    SELECT * INTO staged FROM directus_versions._version AS v WHERE v.id = $1;
    IF FOUND THEN
        RETURN staged;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION _find_version(uuid) IS 'A version; NULL where there is none';

CREATE FUNCTION _check_version_key(key text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF key IS NULL OR key = '' THEN
        RAISE EXCEPTION 'key must not be empty' USING ERRCODE = '22023';
    ELSIF key IN ('main', 'published') THEN
        RAISE EXCEPTION 'key "%" is reserved', key USING
            ERRCODE = '22023', DETAIL = 'It stands for the live row.', HINT = 'Choose another key.';
    ELSIF pg_catalog.octet_length(key) > 128 THEN
        RAISE EXCEPTION 'key of a version is too long' USING ERRCODE = '22023', DETAIL = 'It may have 128 bytes.';
    END IF;
END $$;
COMMENT ON FUNCTION _check_version_key(text) IS 'Refuses an empty, reserved or long key of a version (22023)';

CREATE FUNCTION _namesakes(collection int, item text, key text)
RETURNS TABLE (id uuid, present_item text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE former AS (
        SELECT directus_versions._item_key($2) COLLATE "C" AS item
        UNION
        SELECT directus_versions._item_key(l.former)
        FROM former AS f JOIN directus_versions.log AS l ON l.collection = $1 AND l.item = f.item
        WHERE l.action = 'u' AND l.former IS NOT NULL
    )
    SELECT v.id, p.item
    FROM former AS f
    JOIN directus_versions.version AS v ON v.collection = $1 AND v.key = $3 AND directus_versions._item_key(v.item) = f.item
    JOIN directus_versions._version AS p ON p.id = v.id;
END $$;
COMMENT ON FUNCTION _namesakes(int, text, text) IS
'The versions of that key which stand under a key that the item has or had, each with the item that it is of by now';

CREATE FUNCTION _settle_key(collection int, item text, key text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    ids uuid[];
    items text[];
    arrivals bigint[];
BEGIN
    IF EXISTS (SELECT FROM directus_versions._namesakes(collection, item, key) AS n WHERE n.present_item = $2) THEN
        RAISE EXCEPTION 'version "%" of item "%" exists already', key, item USING ERRCODE = '42710';
    END IF;
    -- A version whose item has another key by now may still stand under this one, and another of that kind where it is to go.
    WITH RECURSIVE chain AS (
        SELECT p.id, p.item, p.item_since
        FROM directus_versions.version AS v JOIN directus_versions._version AS p ON p.id = v.id
        WHERE v.collection = $1 AND v.key = $3 AND directus_versions._item_key(v.item) = directus_versions._item_key($2)
            AND p.item <> v.item
        UNION
        SELECT p.id, p.item, p.item_since
        FROM chain AS c
        JOIN directus_versions.version AS v
            ON v.collection = $1 AND v.key = $3 AND directus_versions._item_key(v.item) = directus_versions._item_key(c.item)
        JOIN directus_versions._version AS p ON p.id = v.id
        WHERE p.item <> v.item
    )
    SELECT pg_catalog.array_agg(c.id), pg_catalog.array_agg(c.item), pg_catalog.array_agg(c.item_since)
    INTO ids, items, arrivals FROM chain AS c;
    IF ids IS NULL THEN
        RETURN;
    END IF;
    -- Two items may have changed places, and no two versions may stand in one place even for a moment.
    UPDATE directus_versions.version AS v SET item = NULL WHERE v.id = ANY (ids);
    UPDATE directus_versions.version AS v SET item = m.item, item_since = m.item_since
    FROM ROWS FROM (pg_catalog.unnest(ids), pg_catalog.unnest(items), pg_catalog.unnest(arrivals)) AS m (id, item, item_since)
    WHERE v.id = m.id;
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'version "%" of item "%" exists already', key, item USING
            ERRCODE = '42710', DETAIL = 'It is of an item that has another key by now, which a deleted item with such a version had.',
            HINT = 'Rename or drop one of the two versions.';
END $$;
COMMENT ON FUNCTION _settle_key(int, text, text) IS 'Makes sure that an item has no version of that key (42710)';

CREATE FUNCTION _create_version(
    collection int, item text, key text, name text, hash text, actor text, role name
) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    created uuid;
BEGIN
    PERFORM directus_versions._check_version_key(key);
    -- As _lock_version does.
    PERFORM FROM directus_versions.collection AS c WHERE c.id = $1 FOR SHARE;
    PERFORM directus_versions._settle_key(collection, item, key);
    INSERT INTO directus_versions.version (
        id, collection, item, item_since, key, name, hash, date_created, date_updated, user_created, user_updated, since, role)
    VALUES (
        pg_catalog.gen_random_uuid(), $1, $2, directus_versions._next_id(), $3, $4, $5,
        pg_catalog.statement_timestamp(), pg_catalog.statement_timestamp(), $6, $6, directus_versions._next_id(), $7)
    ON CONFLICT DO NOTHING
    RETURNING id INTO created;
    IF created IS NULL THEN
        RAISE EXCEPTION 'version "%" of item "%" exists already', key, item USING ERRCODE = '42710';
    END IF;
    RETURN created;
END $$;
COMMENT ON FUNCTION _create_version(int, text, text, text, text, text, name) IS
'Does the work of create_version as the extension''s owner';

CREATE FUNCTION _check_delta(collection int, delta jsonb, mask text[], role name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    settings directus_versions.collection;
    field text;
    col pg_catalog.pg_attribute;
BEGIN
    SELECT * INTO settings FROM directus_versions.collection AS c WHERE c.id = $1;
    FOR field IN SELECT pg_catalog.jsonb_object_keys(delta) LOOP
        SELECT * INTO col FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = settings.relation AND a.attname = field AND a.attnum > 0 AND NOT a.attisdropped;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'column "%" of table "%" does not exist', field, settings.name USING
                ERRCODE = '42703', TABLE = settings.name, COLUMN = field;
        ELSIF field = ANY (mask) THEN
            RAISE EXCEPTION 'column "%" of table "%" is masked', field, settings.name USING
                ERRCODE = '22023', DETAIL = 'Its values are not to be kept outside the table.',
                HINT = 'Change it in the table itself.', TABLE = settings.name, COLUMN = field;
        ELSIF col.attgenerated <> '' THEN
            RAISE EXCEPTION 'column "%" of table "%" is generated', field, settings.name USING
                ERRCODE = '22023', DETAIL = 'It follows from the other columns.', TABLE = settings.name, COLUMN = field;
        ELSIF NOT pg_catalog.has_column_privilege(role, settings.relation, col.attnum, 'SELECT') THEN
            RAISE EXCEPTION 'permission denied for column "%" of table "%"', field, settings.name USING
                ERRCODE = '42501', TABLE = settings.name, COLUMN = field;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION _check_delta(int, jsonb, text[], name) IS
'Refuses unknown (42703), masked and generated columns (22023) and those that a role may not SELECT (42501)';

CREATE FUNCTION _stage(version uuid, delta jsonb, main jsonb, actor text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    staged directus_versions._version;
    settings directus_versions.collection;
    fields CONSTANT text[] := ARRAY(SELECT pg_catalog.jsonb_object_keys(delta));
BEGIN
    SELECT * INTO staged FROM directus_versions._version AS v WHERE v.id = $1;
    SELECT * INTO settings FROM directus_versions.collection AS c WHERE c.id = staged.collection;
    IF (staged.delta || delta)::text = staged.delta::text AND NOT staged.lost ?| fields THEN
        RETURN NULL;
    END IF;
    UPDATE directus_versions.version AS v
    SET delta = staged.delta || $2,
        -- The first one stays: it is what main had when work on the field began.
        base = COALESCE((
            SELECT pg_catalog.jsonb_object_agg(m.key, m.value) FROM pg_catalog.jsonb_each(main) AS m
            WHERE m.key = ANY (fields)), '{}') || staged.base,
        lost = staged.lost - fields,
        since = directus_versions._next_id(),
        date_updated = pg_catalog.statement_timestamp(), user_updated = actor
    WHERE v.id = $1;
    -- What is never saved in the log is not saved there by way of a version.
    RETURN (
        SELECT COALESCE(pg_catalog.jsonb_object_agg(e.key, e.value), '{}') FROM pg_catalog.jsonb_each(delta) AS e
        WHERE e.key <> ALL (settings.exclude) AND (settings.fields IS NULL OR e.key = ANY (settings.fields)));
END $$;
COMMENT ON FUNCTION _stage(uuid, jsonb, jsonb, text) IS
'Merges a delta into a version and returns what the log may have of it; NULL where that changed nothing';

CREATE FUNCTION _saved(version uuid, revision bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE directus_versions.version AS v SET saved = $2 WHERE v.id = $1
$$;
COMMENT ON FUNCTION _saved(uuid, bigint) IS 'Notes the revision of a version''s last save';

CREATE FUNCTION _unstage(version uuid, fields text[], actor text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    staged directus_versions._version;
    unknown text;
    gone text[];
BEGIN
    SELECT * INTO staged FROM directus_versions._version AS v WHERE v.id = $1;
    SELECT f INTO unknown FROM pg_catalog.unnest(fields) AS f
    WHERE f IS NULL OR NOT (staged.delta ? f OR staged.lost ? f) AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = staged.relation AND a.attname = f AND a.attnum > 0 AND NOT a.attisdropped)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" of table "%" does not exist', unknown, staged.collection_name USING
            ERRCODE = '42703', TABLE = staged.collection_name, COLUMN = unknown;
    END IF;
    SELECT pg_catalog.array_agg(DISTINCT f) INTO gone
    FROM pg_catalog.unnest(fields) AS f WHERE staged.delta ? f OR staged.lost ? f;
    IF gone IS NULL THEN
        RETURN NULL;
    END IF;
    UPDATE directus_versions.version AS v
    SET delta = staged.delta - gone, base = staged.base - gone, lost = staged.lost - gone,
        since = directus_versions._next_id(), date_updated = pg_catalog.statement_timestamp(), user_updated = actor
    WHERE v.id = $1;
    RETURN pg_catalog.array_to_string(ARRAY(SELECT pg_catalog.format('"%s"', g) FROM pg_catalog.unnest(gone) AS g), ', ');
END $$;
COMMENT ON FUNCTION _unstage(uuid, text[], text) IS
'Takes fields out of a version and returns the names of those that were in it; NULL for none. 42703 for a field that is no column';

CREATE FUNCTION _unstage_masked(collection int) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    UPDATE directus_versions.version AS v
    SET delta = p.delta - c.mask, base = p.base - c.mask, lost = p.lost - c.mask,
        since = pg_catalog.nextval('directus_versions.log_id')
    FROM directus_versions._version AS p, directus_versions.collection AS c
    WHERE v.collection = $1 AND p.id = v.id AND c.id = $1
        AND (p.delta ?| c.mask OR p.base ?| c.mask OR p.lost ?| c.mask)
$$;
COMMENT ON FUNCTION _unstage_masked(int) IS
'Takes what was staged for fields that are masked now out of the versions of a collection';

CREATE FUNCTION _rename_version(version uuid, key text, name text, actor text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    staged directus_versions._version;
BEGIN
    SELECT * INTO staged FROM directus_versions._version AS v WHERE v.id = $1;
    IF key IS NOT NULL AND key <> staged.key THEN
        PERFORM directus_versions._check_version_key(key);
        PERFORM directus_versions._settle_key(staged.collection, staged.item, key);
        -- There is room for it where its item is now.
        UPDATE directus_versions.version AS v SET item = staged.item, item_since = staged.item_since, key = $2 WHERE v.id = $1;
    END IF;
    UPDATE directus_versions.version AS v
    SET name = COALESCE($3, v.name),
        date_updated = pg_catalog.statement_timestamp(), user_updated = actor
    WHERE v.id = $1;
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'version "%" of item "%" exists already', key, staged.item USING ERRCODE = '42710';
END $$;
COMMENT ON FUNCTION _rename_version(uuid, text, text, text) IS 'Does the work of rename_version as the extension''s owner';

CREATE FUNCTION _drop_version(version uuid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM directus_versions.version AS v WHERE v.id = $1
$$;
COMMENT ON FUNCTION _drop_version(uuid) IS 'Does the work of drop_version as the extension''s owner';

CREATE FUNCTION _promoted(
    version uuid, fields text[], item text, hash text, main jsonb, actor text, command int
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    staged directus_versions._version;
    left_over jsonb;
    revision bigint;
BEGIN
    SELECT * INTO staged FROM directus_versions._version AS v WHERE v.id = $1;
    left_over := staged.delta - fields;
    -- The way to a new key leads through the log, unless nothing is recorded.
    IF staged.item IS DISTINCT FROM item THEN
        PERFORM directus_versions._settle_key(staged.collection, item, staged.key);
    END IF;
    SELECT l.id INTO revision
    FROM directus_versions.log AS l
    WHERE l.collection = staged.collection AND l.item = directus_versions._item_key($3) AND l.action IN ('c', 'u')
        AND l.transaction = pg_catalog.pg_current_xact_id() AND l.command = $7
    ORDER BY l.id DESC LIMIT 1;
    UPDATE directus_versions.version AS v
    SET item = CASE WHEN staged.item = $3 THEN v.item ELSE $3 END,
        item_since = CASE WHEN staged.item = $3 THEN v.item_since ELSE directus_versions._next_id() END,
        delta = left_over, lost = staged.lost - fields,
        -- What stays of a draft has main's values for a base now that there are any.
        base = CASE WHEN staged.item IS NULL THEN COALESCE((
                SELECT pg_catalog.jsonb_object_agg(m.key, m.value)
                FROM pg_catalog.jsonb_each(main) AS m WHERE left_over ? m.key), '{}')
            ELSE staged.base - fields END,
        -- Names of fields are told apart by the log's ids, so this has one.
        hash = $4, since = COALESCE(revision, pg_catalog.nextval('directus_versions.log_id')),
        date_updated = pg_catalog.statement_timestamp(), user_updated = actor
    WHERE v.id = $1;
    RETURN revision;
END $$;
COMMENT ON FUNCTION _promoted(uuid, text[], text, text, jsonb, text, int) IS
'Notes that fields of a version were promoted and returns the revision that a command of this transaction made of it; NULL where there is none';
