-- Taking back what one revision or a whole transaction did.
--
-- Functions that write a user's table are called through src/pg/undertake.rs. They run with the caller's rights, under the
-- caller's search_path while they write, since the table's triggers may rely on it.

CREATE FUNCTION _plain_type(type oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE base AS (
        SELECT t.oid, t.typtype, t.typbasetype FROM pg_catalog.pg_type AS t WHERE t.oid = type
        UNION ALL
        SELECT t.oid, t.typtype, t.typbasetype
        FROM base JOIN pg_catalog.pg_type AS t ON t.oid = base.typbasetype WHERE base.typtype = 'd'
    )
    SELECT pg_catalog.format_type(oid, -1) FROM base WHERE typtype <> 'd'
$$;
COMMENT ON FUNCTION _plain_type(oid) IS
'A type below all domains, without length: assigned from it, a value is checked against the column''s own type again';

CREATE FUNCTION _assigned(target regclass, fields text[], source text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.array_agg(
        pg_catalog.format('(%s.%I)::%s', source, f.name, directus_versions._plain_type(a.atttypid)) ORDER BY f.position)
    FROM pg_catalog.unnest(fields) WITH ORDINALITY AS f (name, position)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = target AND a.attname = f.name AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION _assigned(regclass, text[], text) IS 'For each field SQL that takes it from a row of the table';

CREATE FUNCTION _same_fields(fields text[], a text, b text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN fields = '{}' THEN 'true' ELSE (
        SELECT pg_catalog.format('pg_catalog.record_image_eq(ROW(%s), ROW(%s))',
            pg_catalog.string_agg(pg_catalog.format('%s.%I', a, f), ', '),
            pg_catalog.string_agg(pg_catalog.format('%s.%I', b, f), ', '))
        FROM pg_catalog.unnest(fields) AS f) END
$$;
COMMENT ON FUNCTION _same_fields(text[], text, text) IS 'SQL that compares fields of two rows by their stored bytes';

CREATE FUNCTION _key_condition(target regclass, item text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.replace(
        pg_catalog.replace(directus_versions._item_condition(target, directus_versions._last_key(target)), '$1', item),
        ' = ', ' OPERATOR(pg_catalog.=) ')
$$;
COMMENT ON FUNCTION _key_condition(regclass, text) IS 'SQL that finds the row t of a table by SQL that gives its item text';

CREATE FUNCTION _settable(target regclass) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(pg_catalog.array_agg(a.attname::text ORDER BY a.attnum), '{}')
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
$$;
COMMENT ON FUNCTION _settable(regclass) IS 'The columns of a table that can be written';

CREATE FUNCTION _present_fields(collection int, revision bigint, names text[]) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN names IS NOT NULL THEN COALESCE(pg_catalog.array_agg(a.attname::text ORDER BY a.attnum), '{}') END
    FROM (
        SELECT DISTINCT ON (f.attnum) f.attnum, f.name, f.dropped
        FROM directus_versions.field AS f
        WHERE f.collection = $1 AND f.since <= revision
        ORDER BY f.attnum, f.since DESC
    ) AS f
    JOIN directus_versions.collection AS k ON k.id = $1
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid = k.relation AND a.attnum = f.attnum AND NOT a.attisdropped AND a.attgenerated = ''
    WHERE NOT f.dropped AND f.name = ANY (names)
$$;
COMMENT ON FUNCTION _present_fields(int, bigint, text[]) IS
'The columns that can be written now of those that had these names at a revision';

CREATE FUNCTION _lost_fields(collection int, revision bigint, names text[]) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(pg_catalog.array_agg(f.name ORDER BY f.attnum), '{}')
    FROM (
        SELECT DISTINCT ON (f.attnum) f.attnum, f.name
        FROM directus_versions.field AS f
        WHERE f.collection = $1 AND f.since <= revision
        ORDER BY f.attnum, f.since DESC
    ) AS f
    JOIN directus_versions.collection AS k ON k.id = $1
    LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.relation AND a.attnum = f.attnum AND NOT a.attisdropped
    WHERE a.attnum IS NULL AND f.name = ANY (names)
$$;
COMMENT ON FUNCTION _lost_fields(int, bigint, text[]) IS 'Those of a revision''s columns that were dropped since';

CREATE FUNCTION _runs(query text, transaction xid8, cluster bigint, revision bigint)
RETURNS TABLE (collection int, action "char", names text[], revisions bigint[])
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_runs';
COMMENT ON FUNCTION _runs(text, xid8, bigint, bigint) IS
'Puts entries of the log that a query gives together that changed the same fields of different items of a table';

-- What each revision did, newest first: one statement takes back what was done to different items of a table.
CREATE FUNCTION __reversals(transaction xid8, revision bigint)
RETURNS TABLE (target regclass, name text, action "char", fields text[], lost text[], revisions bigint[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entries CONSTANT text := pg_catalog.format(
        -- The name of a column that was renamed meanwhile is not enough to tell it.
        'SELECT l.id, l.collection, l.action, l.item, l.change, (l.id >= r.since)::int::bigint
         FROM directus_versions.log AS l
         JOIN directus_versions.context AS c ON c.id = l.context
         LEFT JOIN (SELECT f.collection, pg_catalog.max(f.since) AS since FROM directus_versions.field AS f GROUP BY f.collection) AS r
             ON r.collection = l.collection
         WHERE l.action IN (''c'', ''u'', ''d'') AND %s
         ORDER BY l.command DESC, (l.action = ''c'' OR l.action = ''u'' AND l.former IS NOT NULL) DESC, l.id DESC',
        CASE WHEN $2 IS NULL
            THEN 'l.transaction = $1 AND c.cluster = $2'
            ELSE 'l.id = $3' END);
    cluster CONSTANT bigint := (SELECT s.system_identifier FROM pg_catalog.pg_control_system() AS s);
    unreadable text;
BEGIN
    SELECT k.name INTO unreadable
    FROM directus_versions.collection AS k
    WHERE NOT pg_catalog.has_table_privilege(directus_versions._caller(), k.relation, 'SELECT')
        AND NOT pg_catalog.has_any_column_privilege(directus_versions._caller(), k.relation, 'SELECT')
        AND EXISTS (
            SELECT FROM directus_versions.log AS l
            WHERE l.collection = k.id AND ($2 IS NULL AND l.transaction = $1 OR l.id = $2));
    IF FOUND THEN
        RAISE EXCEPTION 'permission denied for table "%"', unreadable USING ERRCODE = '42501';
    END IF;
    RETURN QUERY
    SELECT k.relation, k.name, r.action, directus_versions._present_fields(k.id, r.revisions[1], r.names),
        directus_versions._lost_fields(k.id, r.revisions[1], r.names), r.revisions
    FROM directus_versions._runs(entries, $1, cluster, $2) WITH ORDINALITY AS r (collection, action, names, revisions, place)
    JOIN directus_versions.collection AS k ON k.id = r.collection
    ORDER BY r.place;
    IF NOT FOUND AND $2 IS NULL THEN
        RAISE EXCEPTION 'transaction % has no revisions', $1 USING ERRCODE = 'P0002';
    ELSIF NOT FOUND THEN
        RAISE EXCEPTION 'revision % does not exist', $2 USING ERRCODE = 'P0002';
    END IF;
END $$;
COMMENT ON FUNCTION __reversals(xid8, bigint) IS 'Does the work of _reversals as the extension''s owner';

CREATE FUNCTION _reversals(transaction xid8, revision bigint)
RETURNS TABLE (target regclass, name text, action "char", fields text[], lost text[], revisions bigint[])
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_reader';
COMMENT ON FUNCTION _reversals(xid8, bigint) IS
'What a transaction or a revision did, newest first: revisions of one table that can be taken back together, and the fields that can be. P0002 where there is none, 42501 for a table that the caller may not select from';

CREATE FUNCTION _undone("like" anyelement, revisions bigint[], fields text[], item text,
    OUT revision bigint, OUT key text, OUT was anyelement, OUT now anyelement) RETURNS SETOF record
LANGUAGE c SET search_path = pg_catalog, pg_temp ROWS 1000 AS 'MODULE_PATHNAME', 'directus_versions_undone';
COMMENT ON FUNCTION _undone(anyelement, bigint[], text[], text) IS
'For each revision of a table its item, or the one given, and rows that hold the fields before it and after it. Says that the items'' next writes undo them. 42501 but within functions that go back, and for fields that the caller may not select';

CREATE FUNCTION _last_id() RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.last_value FROM directus_versions.log_id AS s
$$;
COMMENT ON FUNCTION _last_id() IS 'The id of the log that was given last';

CREATE FUNCTION _recorded(since bigint) RETURNS TABLE (id bigint, source bigint, name text, item text, comment text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.id, l.source, k.name, COALESCE(l.long_item, l.item), l.comment
    FROM directus_versions.log AS l JOIN directus_versions.collection AS k ON k.id = l.collection
    WHERE l.id > $1 AND l.transaction = pg_catalog.pg_current_xact_id() AND l.action IN ('c', 'u', 'd')
$$;
COMMENT ON FUNCTION _recorded(bigint) IS 'What this transaction recorded behind an id';

CREATE FUNCTION _deferrable(targets regclass[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format('%I.%I', n.nspname, c.conname), ', ')
    FROM pg_catalog.pg_constraint AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.connamespace
    WHERE c.condeferrable AND NOT c.condeferred AND (c.conrelid = ANY (targets) OR c.confrelid = ANY (targets))
$$;
COMMENT ON FUNCTION _deferrable(regclass[]) IS 'The constraints of tables that can wait and by themselves do not';

CREATE FUNCTION _undo_statement(target regclass, action "char", fields text[], force boolean) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    condition CONSTANT text := directus_versions._key_condition(target, 'r.key');
    names CONSTANT text := (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(f), ', ') FROM pg_catalog.unnest(fields) AS f);
    old CONSTANT text := pg_catalog.array_to_string(directus_versions._assigned(target, fields, '(r.was)'), ', ');
    guard text := '';
    done text;
BEGIN
    IF action = 'd' THEN
        IF NOT force THEN
            guard := pg_catalog.format(' WHERE NOT EXISTS (SELECT FROM %s AS t WHERE %s)', target, condition);
        END IF;
        RETURN pg_catalog.format(
            'WITH r AS MATERIALIZED (SELECT * FROM directus_versions._undone(NULL::%1$s, $1, $2, $3) AS r%2$s),
             done AS (INSERT INTO %1$s (%3$s) OVERRIDING SYSTEM VALUE SELECT %4$s FROM r)
             SELECT pg_catalog.array_agg(r.revision), pg_catalog.array_agg(r.key) FROM r',
            target, guard, names, old);
    END IF;
    IF NOT force THEN
        guard := ' AND ' || directus_versions._same_fields(fields, 't', '(r.now)');
    END IF;
    done := CASE action
        WHEN 'c' THEN pg_catalog.format('DELETE FROM %s AS t USING', target)
        ELSE pg_catalog.format('UPDATE %s AS t SET (%s) = ROW(%s) FROM', target, names, old)
    END;
    RETURN pg_catalog.format(
        'WITH done AS (%s directus_versions._undone(NULL::%s, $1, $2, $3) AS r WHERE %s%s RETURNING r.revision, r.key)
         SELECT pg_catalog.array_agg(revision), pg_catalog.array_agg(key) FROM done',
        done, target, condition, guard);
END $$;
COMMENT ON FUNCTION _undo_statement(regclass, "char", text[], boolean) IS
'SQL that takes back the revisions $1 of a table in their fields $2, of the item $3 where that is given, and tells which it did';

CREATE FUNCTION _undo_conflicts(target regclass, action "char", fields text[], revisions bigint[], item text)
RETURNS TABLE (revision bigint, key text, conflict text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    condition CONSTANT text := directus_versions._key_condition(target, 'r.key');
    differing CONSTANT text := (
        SELECT pg_catalog.string_agg(pg_catalog.format(
            'CASE WHEN NOT %s THEN %L END', directus_versions._same_fields(ARRAY[f], 't', '(r.now)'), f), ', ')
        FROM pg_catalog.unnest(fields) AS f);
BEGIN
    IF action = 'd' THEN
        RETURN QUERY EXECUTE pg_catalog.format(
            'SELECT r.revision, r.key, ''the item is there again''
             FROM directus_versions._undone(NULL::%1$s, $1, $2, $3) AS r
             WHERE EXISTS (SELECT FROM %1$s AS t WHERE %2$s)',
            target, condition) USING revisions, fields, item;
        RETURN;
    END IF;
    RETURN QUERY EXECUTE pg_catalog.format(
        'SELECT c.revision, c.key, CASE WHEN c.gone THEN ''the item is gone''
             ELSE ''changed since: '' || pg_catalog.array_to_string(c.fields, '', '') END
         FROM (
             SELECT r.revision, r.key, t.tableoid IS NULL AS gone,
                 pg_catalog.array_remove(ARRAY[%s]::text[], NULL) AS fields
             FROM directus_versions._undone(NULL::%2$s, $1, $2, $3) AS r LEFT JOIN %2$s AS t ON %3$s
         ) AS c
         WHERE c.gone OR c.fields <> ''{}''',
        COALESCE(differing, ''), target, condition) USING revisions, fields, item;
END $$;
COMMENT ON FUNCTION _undo_conflicts(regclass, "char", text[], bigint[], text) IS
'Those of some revisions that cannot be taken back without losing something later, and what that is';

CREATE FUNCTION _undo_run(target regclass, action "char", fields text[], revisions bigint[], item text, force boolean,
    OUT undone bigint[], OUT keys text[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_catalog.set_config('search_path', directus_versions._callers_path(), true);
    EXECUTE directus_versions._undo_statement(target, action, fields, force) INTO undone, keys USING revisions, fields, item;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
END $$;
COMMENT ON FUNCTION _undo_run(regclass, "char", text[], bigint[], text, boolean) IS
'Takes revisions back by one statement, as far as nothing stands in the way, and returns those and their items';

CREATE FUNCTION _undo_each(target regclass, action "char", fields text[], revisions bigint[], force boolean,
    OUT undone bigint[], OUT keys text[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one bigint;
    single record;
BEGIN
    SELECT * INTO undone, keys FROM directus_versions._undo_run(target, action, fields, revisions, NULL, force);
EXCEPTION
    -- Within one statement a unique value can be taken before it is free: one by one, newest first, it is not.
    WHEN unique_violation OR exclusion_violation THEN
        undone := '{}';
        keys := '{}';
        FOREACH one IN ARRAY revisions LOOP
            SELECT * INTO single FROM directus_versions._undo_run(target, action, fields, ARRAY[one], NULL, force);
            undone := undone || single.undone;
            keys := keys || single.keys;
        END LOOP;
END $$;
COMMENT ON FUNCTION _undo_each(regclass, "char", text[], bigint[], boolean) IS
'Takes revisions of different items back, by one statement or, where that meets a unique value, one by one';

CREATE FUNCTION __present_item(revision bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step directus_versions.log;
    later directus_versions.log;
BEGIN
    SELECT l.* INTO step
    FROM directus_versions.log AS l JOIN directus_versions.collection AS k ON k.id = l.collection
    WHERE l.id = $1 AND (
        pg_catalog.has_table_privilege(directus_versions._caller(), k.relation, 'SELECT')
        OR pg_catalog.has_any_column_privilege(directus_versions._caller(), k.relation, 'SELECT'));
    LOOP
        IF step.action = 'd' THEN
            later := step;
        ELSE
            SELECT n.* INTO later
            FROM directus_versions.log AS n
            WHERE n.collection = step.collection AND n.item = step.item AND n.id > step.id AND n.action IN ('d', 'm')
            ORDER BY n.id LIMIT 1;
            IF NOT FOUND THEN
                RETURN COALESCE(step.long_item, step.item);
            END IF;
        END IF;
        IF later.action = 'd' THEN
            -- What came under the key next is the item again if it was brought back; else it is another row.
            SELECT n.* INTO step
            FROM directus_versions.log AS n
            WHERE n.collection = later.collection AND n.item = later.item AND n.id > later.id
                AND (n.action = 'c' OR n.action = 'u' AND n.former IS NOT NULL)
            ORDER BY n.id LIMIT 1;
            IF NOT FOUND OR step.action <> 'c' OR step.source IS NULL THEN
                RETURN NULL;
            END IF;
        ELSE
            SELECT u.* INTO step
            FROM directus_versions.log AS u
            WHERE u.collection = later.collection AND u.item = later.former AND u.former = later.item AND u.action = 'u'
                AND u.transaction = later.transaction AND u.command = later.command;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION __present_item(bigint) IS 'Does the work of _present_item as the extension''s owner';

CREATE FUNCTION _present_item(revision bigint) RETURNS text
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_reader';
COMMENT ON FUNCTION _present_item(bigint) IS 'The key that the item of a revision has now; NULL where it is deleted';

CREATE FUNCTION _undo_steps(transaction xid8, revision bigint, force boolean, dry_run boolean)
RETURNS TABLE (collection text, item text, action text, fields text[], new_revision bigint, conflict text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    present CONSTANT text := directus_versions._present_item($2);
    run record;
    undone bigint[];
    keys text[];
    rest bigint[];
    trouble record;
    troubles text[];
    mark bigint;
    what text;
    waiting text;
    waited text[] := '{}';
BEGIN
    FOR run IN SELECT * FROM directus_versions._reversals($1, $2) LOOP
        what := CASE run.action WHEN 'c' THEN 'delete' WHEN 'd' THEN 'create' ELSE 'update' END;
        troubles := '{}';
        IF run.target IS NULL THEN
            RAISE EXCEPTION 'the table of collection "%" was dropped', run.name USING ERRCODE = '55000';
        ELSIF run.fields IS NULL THEN
            RAISE EXCEPTION 'revision % was recorded without data', run.revisions[1] USING ERRCODE = '55000';
        END IF;
        IF run.lost <> '{}' THEN
            RAISE NOTICE 'columns of table "%" that are gone are left out: %', run.name, pg_catalog.array_to_string(run.lost, ', ');
        END IF;
        CONTINUE WHEN run.fields = '{}';
        waiting := directus_versions._deferrable(ARRAY[run.target]);
        IF waiting IS NOT NULL AND waiting <> ALL (waited) THEN
            EXECUTE 'SET CONSTRAINTS ' || waiting || ' DEFERRED';
            waited := waited || waiting;
        END IF;
        mark := directus_versions._last_id();
        IF pg_catalog.cardinality(run.revisions) > 1 THEN
            SELECT e.undone, e.keys INTO undone, keys
            FROM directus_versions._undo_each(run.target, run.action, run.fields, run.revisions, $3) AS e;
        ELSE
            SELECT e.undone, e.keys INTO undone, keys
            FROM directus_versions._undo_run(run.target, run.action, run.fields, run.revisions,
                CASE WHEN run.action = 'u' THEN present END, $3) AS e;
        END IF;
        IF NOT $3 AND COALESCE(pg_catalog.cardinality(undone), 0) < pg_catalog.cardinality(run.revisions) THEN
            rest := ARRAY(SELECT r FROM pg_catalog.unnest(run.revisions) AS r EXCEPT SELECT u FROM pg_catalog.unnest(undone) AS u);
            FOR trouble IN
                SELECT * FROM directus_versions._undo_conflicts(run.target, run.action, run.fields, rest,
                    CASE WHEN run.action = 'u' THEN present END)
            LOOP
                troubles := troubles || pg_catalog.format('Revision %s, item %s of table "%s": %s.',
                    trouble.revision, trouble.key, run.name, trouble.conflict);
                RETURN QUERY SELECT run.name, trouble.key, what, run.fields, NULL::bigint, trouble.conflict;
            END LOOP;
            IF troubles <> '{}' AND NOT $4 THEN
                RAISE EXCEPTION 'what is to be undone was changed since' USING
                    ERRCODE = '40001',
                    DETAIL = pg_catalog.array_to_string(troubles[1:20], pg_catalog.chr(10)),
                    HINT = 'Undo what came later first, or force it.';
            END IF;
            -- What came before it in the transaction is judged as if it had been undone.
            IF run.action <> 'd' THEN
                PERFORM directus_versions._undo_run(run.target, run.action, run.fields, rest, NULL, true);
            END IF;
        END IF;
        RETURN QUERY
        SELECT run.name, u.key, what, run.fields, CASE WHEN NOT $4 THEN n.id END, NULL::text
        FROM ROWS FROM (pg_catalog.unnest(undone), pg_catalog.unnest(keys)) AS u (revision, key)
        LEFT JOIN (
            SELECT r.source, pg_catalog.max(r.id) AS id FROM directus_versions._recorded(mark) AS r GROUP BY r.source
        ) AS n ON n.source = u.revision;
    END LOOP;
    -- What was put off is checked before this returns.
    FOREACH waiting IN ARRAY waited LOOP
        EXECUTE 'SET CONSTRAINTS ' || waiting || ' IMMEDIATE';
    END LOOP;
END $$;
COMMENT ON FUNCTION _undo_steps(xid8, bigint, boolean, boolean) IS 'Takes back a transaction or a revision, with the caller''s rights';

CREATE FUNCTION _undo_transaction(transaction xid8, force boolean, dry_run boolean)
RETURNS TABLE (collection text, item text, action text, fields text[], revision bigint, conflict text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF $1 IS NULL THEN
        RAISE EXCEPTION 'transaction must not be NULL' USING ERRCODE = '22023';
    ELSIF NOT COALESCE($3, false) THEN
        RETURN QUERY SELECT * FROM directus_versions._undo_steps($1, NULL, COALESCE($2, false), false);
        RETURN;
    END IF;
    -- Nothing shows better what would happen than to do it and go back.
    RETURN QUERY SELECT * FROM directus_versions._undo_steps($1, NULL, COALESCE($2, false), true);
    RAISE EXCEPTION USING ERRCODE = 'DV000';
EXCEPTION
    WHEN SQLSTATE 'DV000' THEN
        RETURN;
END $$;
COMMENT ON FUNCTION _undo_transaction(xid8, boolean, boolean) IS 'Does the work of undo_transaction';

CREATE FUNCTION undo_transaction(transaction xid8, force boolean DEFAULT false, dry_run boolean DEFAULT false)
RETURNS TABLE (collection text, item text, action text, fields text[], revision bigint, conflict text)
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_undertake';
COMMENT ON FUNCTION undo_transaction(xid8, boolean, boolean) IS
'Takes back what a transaction did, over all tables, newest first: a row for each change with what was done, the new revision''s id and what stood in the way. dry_run shows what would happen and does nothing. 40001 with the items in DETAIL where something was changed since, unless force; P0002 for an unknown transaction, 42501 without the rights on the tables, 55000 where no data was recorded. Needs level write';

CREATE FUNCTION _undo(revision bigint, force boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF $1 IS NULL THEN
        RAISE EXCEPTION 'revision must not be NULL' USING ERRCODE = '22023';
    END IF;
    RETURN (SELECT s.new_revision FROM directus_versions._undo_steps(NULL, $1, COALESCE($2, false), false) AS s);
END $$;
COMMENT ON FUNCTION _undo(bigint, boolean) IS 'Does the work of undo';

CREATE FUNCTION undo(revision bigint, force boolean DEFAULT false) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_undertake';
COMMENT ON FUNCTION undo(bigint, boolean) IS
'Takes back one change, in the fields that it changed, and returns the new revision''s id; NULL if there was nothing to take back. 40001 with the fields in DETAIL where they were changed since, unless force; P0002 for an unknown revision, 42501 without the rights on the table, 55000 where no data was recorded. Needs level write';
