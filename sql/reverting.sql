-- Making an item, or a whole table, what it was. See sql/writing.sql for how a user's table is written.

CREATE FUNCTION _restored("like" anyelement, revision bigint, fields text[],
    OUT item text, OUT restored anyelement, OUT known text[]) RETURNS record
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_restored';
COMMENT ON FUNCTION _restored(anyelement, bigint, text[]) IS
'These fields of an item after a revision as a row of its table, or before it where it is a delete, and those of them that are known: not masked or excluded ones. P0002 for an unknown revision, 42501 for a field that the caller may not select, 55000 where nothing tells the data';

CREATE FUNCTION _check_fields(target regclass, fields text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unknown text;
BEGIN
    SELECT f INTO unknown FROM pg_catalog.unnest(fields) AS f
    WHERE f IS NULL OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = target AND a.attname = f AND a.attnum > 0 AND NOT a.attisdropped);
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" of table "%" does not exist', unknown, directus_versions._collection_name(target)
            USING ERRCODE = '42703';
    END IF;
END $$;
COMMENT ON FUNCTION _check_fields(regclass, text[]) IS 'Refuses fields that a table has not (42703)';

CREATE FUNCTION _insert_restored(target regclass, revision bigint, fields text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    statement CONSTANT text := pg_catalog.format(
        'INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE SELECT %3$s FROM directus_versions._restored(NULL::%1$s, $1, $2) AS r',
        target,
        (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(f), ', ') FROM pg_catalog.unnest(fields) AS f),
        pg_catalog.array_to_string(directus_versions._assigned(target, fields, '(r.restored)'), ', '));
BEGIN
    PERFORM pg_catalog.set_config('search_path', directus_versions._callers_path(), true);
    EXECUTE statement USING revision, fields;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
END $$;
COMMENT ON FUNCTION _insert_restored(regclass, bigint, text[]) IS 'Creates the item of a revision again, with these fields of it';

CREATE FUNCTION _update_restored(target regclass, revision bigint, item text, fields text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    statement CONSTANT text := pg_catalog.format(
        'UPDATE %1$s AS t SET (%2$s) = ROW(%3$s) FROM directus_versions._restored(NULL::%1$s, $1, $3) AS r WHERE %4$s',
        target,
        (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(f), ', ') FROM pg_catalog.unnest(fields) AS f),
        pg_catalog.array_to_string(directus_versions._assigned(target, fields, '(r.restored)'), ', '),
        directus_versions._key_condition(target, '$2'));
BEGIN
    PERFORM pg_catalog.set_config('search_path', directus_versions._callers_path(), true);
    EXECUTE statement USING revision, item, fields;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
END $$;
COMMENT ON FUNCTION _update_restored(regclass, bigint, text, text[]) IS 'Sets these fields of an item to what they were after a revision';

CREATE FUNCTION _known_fields(target regclass, revision bigint, fields text[], OUT item text, OUT known text[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The key may have been other columns then.
    EXECUTE pg_catalog.format(
        'SELECT CASE WHEN $3 <@ r.known THEN directus_versions.item_of(r.restored) ELSE r.item END, r.known
         FROM directus_versions._restored(NULL::%s, $1, $2) AS r', target)
        INTO item, known USING revision, fields, directus_versions._last_key(target);
END $$;
COMMENT ON FUNCTION _known_fields(regclass, bigint, text[]) IS 'The item of a revision by the table''s present key, as far as that is known, and those fields of it that are known';

CREATE FUNCTION _differing_fields(target regclass, revision bigint, item text, fields text[]) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
    result text[];
BEGIN
    FOR found IN EXECUTE pg_catalog.format(
        'SELECT %s AS differing
         FROM %2$s AS t, directus_versions._restored(NULL::%2$s, $1, $3) AS r WHERE %3$s FOR NO KEY UPDATE OF t',
        directus_versions._list_differing(fields, 't', '(r.restored)'), target,
        directus_versions._key_condition(target, '$2')) USING revision, item, fields
    LOOP
        IF result IS NOT NULL THEN
            RAISE EXCEPTION 'item "%" of table "%" is not the only one of that key',
                item, directus_versions._collection_name(target) USING ERRCODE = '21000';
        END IF;
        result := found.differing;
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION _differing_fields(regclass, bigint, text, text[]) IS
'Those fields of an item that are not what they were after a revision, and locks it; NULL where it is not there';

CREATE FUNCTION __subject(revision bigint, OUT target regclass, OUT collection int, OUT name text, OUT key text[],
    OUT fields text[], OUT lost text[]) RETURNS record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    names text[];
BEGIN
    SELECT k.relation, k.id, k.name, k.last_key INTO target, collection, name, key
    FROM directus_versions.log AS l JOIN directus_versions.collection AS k ON k.id = l.collection
    WHERE l.id = $1 AND l.action IN ('c', 'u', 'd');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'revision % does not exist', $1 USING ERRCODE = 'P0002';
    ELSIF NOT pg_catalog.has_table_privilege(directus_versions._caller(), target, 'SELECT')
        AND NOT pg_catalog.has_any_column_privilege(directus_versions._caller(), target, 'SELECT')
    THEN
        RAISE EXCEPTION 'permission denied for table "%"', name USING ERRCODE = '42501';
    ELSIF NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = target) THEN
        RAISE EXCEPTION 'the table of collection "%" was dropped', name USING ERRCODE = '55000';
    END IF;
    names := ARRAY(SELECT f.name FROM directus_versions.field AS f WHERE f.collection = $3);
    fields := directus_versions._present_fields(collection, $1, names);
    lost := directus_versions._lost_fields(collection, $1, names);
END $$;
COMMENT ON FUNCTION __subject(bigint) IS 'Does the work of _subject as the extension''s owner';

CREATE FUNCTION _subject(revision bigint, OUT target regclass, OUT collection int, OUT name text, OUT key text[],
    OUT fields text[], OUT lost text[]) RETURNS record
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_reader';
COMMENT ON FUNCTION _subject(bigint) IS
'What a revision is of: the table, its key, the revision''s columns that can be written, and those that were dropped since. P0002 for an unknown revision, 42501 for a table that the caller may not select from, 55000 for a dropped one';

CREATE FUNCTION _revert(revision bigint, fields text[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    subject record;
    present text;
    wanted text[];
    then_item text;
    known text[];
    left_out text[];
    changed text[];
    mark bigint;
BEGIN
    IF $1 IS NULL THEN
        RAISE EXCEPTION 'revision must not be NULL' USING ERRCODE = '22023';
    END IF;
    SELECT * INTO subject FROM directus_versions._subject($1);
    IF NOT directus_versions._is_tracked(subject.target) THEN
        RAISE EXCEPTION 'table "%" is not tracked', subject.name USING
            ERRCODE = '55000', HINT = 'Call directus_versions.track first.';
    END IF;
    PERFORM directus_versions._check_fields(subject.target, $2);
    present := directus_versions._present_item($1);
    IF present IS NOT NULL THEN
        wanted := ARRAY(SELECT f FROM pg_catalog.unnest(subject.fields) AS f WHERE $2 IS NULL OR f = ANY ($2));
        SELECT * INTO then_item, known FROM directus_versions._known_fields(subject.target, $1, wanted);
        changed := directus_versions._differing_fields(subject.target, $1, present, known);
        IF changed IS NULL AND directus_versions._row_visible(subject.target, subject.key, present) THEN
            RAISE EXCEPTION 'item "%" of table "%" cannot be changed', present, subject.name USING
                ERRCODE = '42501', DETAIL = 'A policy of row-level security keeps it from that.';
        END IF;
    END IF;
    IF changed IS NULL THEN
        wanted := ARRAY(
            SELECT f FROM pg_catalog.unnest(subject.fields) AS f WHERE $2 IS NULL OR f = ANY ($2) OR f = ANY (subject.key));
        SELECT * INTO then_item, known FROM directus_versions._known_fields(subject.target, $1, wanted);
    END IF;
    left_out := ARRAY(SELECT f FROM pg_catalog.unnest(wanted) AS f WHERE f <> ALL (known))
        || CASE WHEN $2 IS NULL THEN subject.lost
            ELSE ARRAY(SELECT f FROM pg_catalog.unnest($2) AS f WHERE f <> ALL (subject.fields)) END;
    IF left_out <> '{}' THEN
        RAISE NOTICE 'fields of table "%" that are not known or cannot be written are left as they are: %',
            subject.name, directus_versions._quoted(left_out);
    END IF;
    IF changed = '{}' THEN
        RETURN NULL;
    END IF;
    mark := directus_versions._last_id();
    IF changed IS NULL THEN
        PERFORM directus_versions._announce(
            subject.collection, then_item, $1, pg_catalog.format('revert to revision %s', $1));
        PERFORM directus_versions._insert_restored(subject.target, $1, known);
    ELSE
        PERFORM directus_versions._announce(
            subject.collection, CASE WHEN changed && subject.key THEN then_item ELSE present END, $1,
            pg_catalog.format('revert to revision %s', $1));
        PERFORM directus_versions._update_restored(subject.target, $1, present, changed);
    END IF;
    RETURN (SELECT pg_catalog.max(r.id) FROM directus_versions._recorded(mark) AS r WHERE r.source = $1);
END $$;
COMMENT ON FUNCTION _revert(bigint, text[]) IS 'Does the work of revert';

CREATE FUNCTION revert(revision bigint, fields text[] DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_undertake';
COMMENT ON FUNCTION revert(bigint, text[]) IS
'Makes an item what it was after a revision, in all fields or the named ones; a deleted one is created again with its old key. Returns the new revision''s id, NULL where there was nothing to change. P0002 for an unknown revision, 42703 for an unknown field, 42501 without the rights on the table, 55000 where nothing tells the data or the table was dropped; what the table itself refuses raises its own error, and nothing is changed. Needs level write';

-- A whole table.

CREATE FUNCTION _differences("like" anyelement, at timestamptz, fields text[],
    OUT item text, OUT action text, OUT differing text[], OUT was anyelement, OUT now anyelement) RETURNS SETOF record
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_differences';
COMMENT ON FUNCTION _differences(anyelement, timestamptz, text[]) IS
'Each item of a table that is not what as_of tells, what must be done to make it that, and the fields that differ in an update. was has the row as it was, of an update the named fields and the key; now the key of a row that must go. Without names rows are given only where items changed their keys, and then whole: an item can be deleted and created there. Errors and rights as for as_of';

CREATE FUNCTION _collection_differences(target regclass, at timestamptz) RETURNS TABLE (item text, action text, fields text[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fields CONSTANT text[] := directus_versions._settable(target);
    differing CONSTANT text := directus_versions._list_differing(fields, '(n.now)', '(w.was)');
BEGIN
    RETURN QUERY EXECUTE pg_catalog.format(
        'WITH difference AS MATERIALIZED (SELECT * FROM directus_versions._differences(NULL::%s, $1, NULL))
         SELECT d.item, d.action, d.differing FROM difference AS d WHERE d.action = ''update''
         UNION ALL
         SELECT COALESCE(n.item, w.item),
             CASE WHEN w.item IS NULL THEN ''delete'' WHEN n.item IS NULL THEN ''create'' ELSE ''update'' END,
             CASE WHEN w.item IS NULL OR n.item IS NULL THEN $2 ELSE %s END
         FROM (SELECT d.item, d.now FROM difference AS d WHERE d.action = ''delete'') AS n
         FULL JOIN (SELECT d.item, d.was FROM difference AS d WHERE d.action = ''create'') AS w ON w.item = n.item
         WHERE n.item IS NULL OR w.item IS NULL OR pg_catalog.record_image_ne(n.now, w.was)',
        target, differing) USING at, fields;
END $$;
COMMENT ON FUNCTION _collection_differences(regclass, timestamptz) IS 'How a table differs, key by key, from what it was at a time';

CREATE FUNCTION __moved_since(target regclass, at timestamptz, items text[]) RETURNS TABLE (item text, present text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_catalog.has_any_column_privilege(directus_versions._caller(), target, 'SELECT') THEN
        RETURN QUERY
        SELECT i, directus_versions.__present_item(arrival.id)
        FROM directus_versions.collection AS c, pg_catalog.unnest(items) AS i
        CROSS JOIN LATERAL (
            SELECT l.collection, l.item, l.former, l.transaction, l.command FROM directus_versions.log AS l
            WHERE l.collection = c.id AND l.item = directus_versions._item_key(i) AND l.action = 'm' AND l.at > $2
            ORDER BY l.id LIMIT 1
        ) AS departure
        JOIN directus_versions.log AS arrival ON arrival.collection = departure.collection
            AND arrival.item = departure.former AND arrival.former = departure.item AND arrival.action = 'u'
            AND arrival.transaction = departure.transaction AND arrival.command = departure.command
        WHERE c.relation = target;
    END IF;
END $$;
COMMENT ON FUNCTION __moved_since(regclass, timestamptz, text[]) IS 'Does the work of _moved_since as the extension''s owner';

CREATE FUNCTION _moved_since(target regclass, at timestamptz, items text[]) RETURNS TABLE (item text, present text)
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_reader';
COMMENT ON FUNCTION _moved_since(regclass, timestamptz, text[]) IS
'The keys that some items have now, of those that got another one since a time; NULL for an item that is deleted';

CREATE FUNCTION _collection_statement(target regclass, key text[], changed text[], saved text[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- The row t has the key that a row of w has now, or had.
    same_key CONSTANT text := (
        SELECT pg_catalog.string_agg(pg_catalog.format(
            CASE WHEN a.attnotnull THEN '%%1$s.%1$s %2$s t.%1$s' ELSE '(%%1$s.%1$s %2$s t.%1$s OR %%1$s.%1$s IS NULL AND t.%1$s IS NULL)' END,
            pg_catalog.replace(pg_catalog.quote_ident(a.attname), '%', '%%'),
            pg_catalog.replace(directus_versions._equality(a.atttypid), '%', '%%')), ' AND ')
        FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = target AND a.attname = ANY (key) AND NOT a.attisdropped);
    had_key CONSTANT text := pg_catalog.format(same_key, '(w.was)');
    -- To tell the text of a row's key costs more than all else.
    kept CONSTANT text := '(pg_catalog.cardinality($3) OPERATOR(pg_catalog.=) 0 OR directus_versions.item_of(t.*) <> ALL ($3))';
    saved_names CONSTANT text := (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(f), ', ') FROM pg_catalog.unnest(saved) AS f);
    saved_values CONSTANT text := pg_catalog.array_to_string(directus_versions._assigned(target, saved, '(w.was)'), ', ');
    changeable CONSTANT text[] := ARRAY(
        SELECT f.name FROM pg_catalog.unnest(saved) WITH ORDINALITY AS f (name, position)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = target AND a.attname = f.name AND a.attidentity <> 'a'
        ORDER BY f.position);
    updating text := 'SELECT 1 LIMIT 0';
    moving text := 'SELECT 1 LIMIT 0';
BEGIN
    IF changeable <> '{}' THEN
        moving := pg_catalog.format('UPDATE %s AS t SET (%s) = ROW(%s)
                FROM w, ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS p (former, present)
                WHERE w.action = ''create'' AND w.item = p.former AND %s RETURNING 1',
            target, (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(f), ', ') FROM pg_catalog.unnest(changeable) AS f),
            pg_catalog.array_to_string(directus_versions._assigned(target, changeable, '(w.was)'), ', '),
            directus_versions._key_condition(target, 'p.present'));
    END IF;
    IF changed <> '{}' THEN
        updating := pg_catalog.format('UPDATE %s AS t SET (%s) = ROW(%s) FROM w
                WHERE w.action <> ''delete'' AND %s AND NOT %s AND w.item <> ALL ($2) AND %s RETURNING 1',
            target, (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(f), ', ') FROM pg_catalog.unnest(changed) AS f),
            pg_catalog.array_to_string(directus_versions._assigned(target, changed, '(w.was)'), ', '), had_key,
            directus_versions._same_fields(changed, 't', '(w.was)'), kept);
    END IF;
    -- One statement: what refers to what is looked at when all of it is done. Rows go before others take their values, and
    -- rows that have another key now get theirs back.
    RETURN pg_catalog.format(
        'WITH w AS MATERIALIZED (SELECT * FROM directus_versions._differences(NULL::%1$s, $1, %8$L)),
         d AS (DELETE FROM %1$s AS t USING w AS n
               WHERE n.action = ''delete'' AND %9$s AND %6$s
                   AND NOT EXISTS (SELECT FROM w WHERE w.action <> ''delete'' AND %2$s) RETURNING 1),
         m AS (%7$s),
         u AS (%3$s),
         i AS (INSERT INTO %1$s (%4$s) OVERRIDING SYSTEM VALUE
               SELECT %5$s FROM w
               WHERE w.action = ''create'' AND NOT EXISTS (SELECT FROM %1$s AS t WHERE %2$s) AND w.item <> ALL ($2) RETURNING 1)
         SELECT (SELECT pg_catalog.count(*) FROM d), (SELECT pg_catalog.count(*) FROM m), (SELECT pg_catalog.count(*) FROM u),
             (SELECT pg_catalog.count(*) FROM i)',
        target, had_key, updating, saved_names, saved_values, kept, moving, changed, pg_catalog.format(same_key, '(n.now)'));
END $$;
COMMENT ON FUNCTION _collection_statement(regclass, text[], text[], text[]) IS
'SQL that makes a table what it was at $1: the fields that changed, and those that are saved. $2 are items that have the keys $3 now';

CREATE FUNCTION _execute_at(statement text, at timestamptz, former text[], present text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_catalog.set_config('search_path', directus_versions._callers_path(), true);
    EXECUTE statement USING at, former, present;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
END $$;
COMMENT ON FUNCTION _execute_at(text, timestamptz, text[], text[]) IS 'Runs a statement with these parameters under the caller''s search_path';

CREATE FUNCTION _saved_fields(target regclass, OUT collection int, OUT name text, OUT key text[], OUT fields text[]) RETURNS record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.id, c.name, c.last_key, ARRAY(
        SELECT f FROM pg_catalog.unnest(directus_versions._settable(target)) AS f
        WHERE f <> ALL (c.exclude) AND f <> ALL (c.mask) AND (c.fields IS NULL OR f = ANY (c.fields)))
    FROM directus_versions.collection AS c WHERE c.relation = target
$$;
COMMENT ON FUNCTION _saved_fields(regclass) IS 'The collection of a table, its key, and the columns that are saved and can be written';

CREATE FUNCTION _collection_changes(target regclass, at timestamptz)
RETURNS TABLE (item text, action text, fields text[], present text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH difference AS MATERIALIZED (
        SELECT * FROM directus_versions._collection_differences($1, $2)
    ), moved AS MATERIALIZED (
        -- A row under another key is one that changed, not one deleted and one created.
        SELECT m.item, m.present
        FROM directus_versions._moved_since($1, $2, ARRAY(SELECT d.item FROM difference AS d WHERE d.action = 'create')) AS m
        JOIN difference AS gone ON gone.item = m.present AND gone.action = 'delete'
    )
    SELECT d.item, CASE WHEN m.present IS NULL THEN d.action ELSE 'update' END, d.fields, m.present
    FROM difference AS d LEFT JOIN moved AS m USING (item)
    WHERE d.action <> 'delete' OR NOT EXISTS (SELECT FROM moved AS n WHERE n.present = d.item);
END $$;
COMMENT ON FUNCTION _collection_changes(regclass, timestamptz) IS
'What must be done to make a table what it was at a time; present is the key that an item has now where that is another one';

CREATE FUNCTION _revert_collection(target regclass, at timestamptz, dry_run boolean)
RETURNS TABLE (item text, action text, fields text[], revision bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    subject record;
    items text[];
    actions text[];
    presents text[];
    -- Lists of different lengths make no array of arrays.
    lists text[];
    changed text[];
    words text;
    mark bigint;
BEGIN
    IF $1 IS NULL OR $2 IS NULL THEN
        RAISE EXCEPTION 'target and at must not be NULL' USING ERRCODE = '22023';
    ELSIF NOT directus_versions._is_tracked($1) THEN
        RAISE EXCEPTION 'table "%" is not tracked', directus_versions._collection_name($1) USING
            ERRCODE = '55000', HINT = 'Call directus_versions.track first.';
    ELSIF COALESCE($3, false) THEN
        RETURN QUERY SELECT c.item, c.action, c.fields, NULL::bigint FROM directus_versions._collection_changes($1, $2) AS c;
        RETURN;
    END IF;
    SELECT pg_catalog.array_agg(c.item), pg_catalog.array_agg(c.action), pg_catalog.array_agg(c.present),
        pg_catalog.array_agg(c.fields::text)
    INTO items, actions, presents, lists FROM directus_versions._collection_changes($1, $2) AS c;
    IF items IS NULL THEN
        RETURN;
    END IF;
    changed := ARRAY(
        SELECT DISTINCT f
        FROM (
            SELECT DISTINCT c.list
            FROM ROWS FROM (pg_catalog.unnest(actions), pg_catalog.unnest(presents), pg_catalog.unnest(lists)) AS c (action, present, list)
            WHERE c.action = 'update' AND c.present IS NULL
        ) AS c, LATERAL pg_catalog.unnest(c.list::text[]) AS f);
    SELECT * INTO subject FROM directus_versions._saved_fields($1);
    words := pg_catalog.format('revert to %s', pg_catalog.to_char($2 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'));
    PERFORM directus_versions._announce(subject.collection, i, NULL, words) FROM pg_catalog.unnest(items) AS i;
    mark := directus_versions._last_id();
    PERFORM directus_versions._execute_at(
        directus_versions._collection_statement($1, subject.key, changed, subject.fields), $2,
        ARRAY(
            SELECT m.item FROM ROWS FROM (pg_catalog.unnest(items), pg_catalog.unnest(presents)) AS m (item, present)
            WHERE m.present IS NOT NULL ORDER BY m.present),
        ARRAY(SELECT m FROM pg_catalog.unnest(presents) AS m WHERE m IS NOT NULL ORDER BY m));
    RETURN QUERY
    SELECT c.item, c.action, c.list::text[], n.id
    FROM ROWS FROM (pg_catalog.unnest(items), pg_catalog.unnest(actions), pg_catalog.unnest(lists)) AS c (item, action, list)
    LEFT JOIN (
        SELECT r.item, pg_catalog.max(r.id) AS id FROM directus_versions._recorded(mark) AS r
        WHERE r.name = subject.name AND r.comment = words GROUP BY r.item
    ) AS n USING (item);
END $$;
COMMENT ON FUNCTION _revert_collection(regclass, timestamptz, boolean) IS 'Does the work of revert_collection';

CREATE FUNCTION revert_collection(target regclass, at timestamptz, dry_run boolean DEFAULT false)
RETURNS TABLE (item text, action text, fields text[], revision bigint)
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_undertake';
COMMENT ON FUNCTION revert_collection(regclass, timestamptz, boolean) IS
'Makes a whole table what it was at a time: a row for each item with what was done, its fields and the new revision''s id. dry_run shows what would happen and does nothing. 55000 if the table was never tracked, 42501 without the rights on it; what the table itself refuses raises its own error, and nothing is changed. Needs level write';
