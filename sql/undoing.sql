-- Taking back what one revision or a whole transaction did.

CREATE FUNCTION _net(query text, in_order text, transaction xid8, cluster bigint, revision bigint)
RETURNS TABLE (collection int, action "char", attnums smallint[], recorded boolean, revisions bigint[])
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_net';
COMMENT ON FUNCTION _net(text, text, xid8, bigint, bigint) IS
'What entries of the log that a query gives did to each item, put together where it is the same; in_order is added to the query where it does not give them in the order in which they happened';

CREATE FUNCTION __reversals(transaction xid8, revision bigint)
RETURNS TABLE (target regclass, name text, action "char", fields text[], lost text[], recorded boolean, revisions bigint[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entries CONSTANT text := pg_catalog.format(
        'SELECT l.id, l.collection, l.action, l.item, l.former, l.change, l.command
         FROM directus_versions.log AS l JOIN directus_versions.context AS c ON c.id = l.context
         WHERE l.action IN (''c'', ''u'', ''d'') AND %s',
        CASE WHEN $2 IS NULL THEN 'l.transaction = $1 AND c.cluster = $2' ELSE 'l.id = $3' END);
    in_order CONSTANT text :=
        ' ORDER BY l.command, l.action = ''c'' OR l.action = ''u'' AND l.former IS NOT NULL, l.id';
    this_cluster CONSTANT bigint := (SELECT s.system_identifier FROM pg_catalog.pg_control_system() AS s);
    unreadable text;
    rekeyed text;
BEGIN
    SELECT k.name INTO unreadable
    FROM directus_versions.collection AS k
    WHERE pg_catalog.has_any_column_privilege(directus_versions._caller(), k.relation, 'SELECT') IS NOT TRUE
        AND NOT pg_catalog.pg_has_role(directus_versions._caller(), current_user, 'USAGE')
        AND EXISTS (
            SELECT FROM directus_versions.log AS l JOIN directus_versions.context AS c ON c.id = l.context
            WHERE l.collection = k.id
                AND ($2 IS NULL AND l.transaction = $1 AND c.cluster = this_cluster OR l.id = $2));
    IF FOUND THEN
        RAISE EXCEPTION 'permission denied for table "%"', unreadable USING ERRCODE = '42501';
    END IF;
    -- The text of an item is of the columns that were the key then, and may be another row's by now.
    SELECT k.name INTO rekeyed
    FROM directus_versions.gap AS g JOIN directus_versions.collection AS k ON k.id = g.collection
    WHERE g.rekeyed AND EXISTS (
        SELECT FROM directus_versions.log AS l JOIN directus_versions.context AS c ON c.id = l.context
        WHERE l.collection = g.collection AND l.id < g.since
            AND CASE WHEN $2 IS NULL THEN l.transaction = $1 AND c.cluster = this_cluster AND l.action IN ('c', 'u', 'd')
                ELSE l.id = $2 AND l.action IN ('c', 'd') END);
    IF FOUND THEN
        RAISE EXCEPTION 'the key of table "%" was changed to other columns since', rekeyed
            USING ERRCODE = '55000', HINT = 'Use directus_versions.revert for each item.';
    END IF;
    RETURN QUERY
    SELECT k.relation::regclass, k.name, n.action,
        ARRAY(
            SELECT a.attname::text FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = k.relation AND a.attnum = ANY (n.attnums) AND NOT a.attisdropped AND a.attgenerated = ''
            ORDER BY a.attnum),
        ARRAY(
            SELECT DISTINCT ON (f.attnum) f.name FROM directus_versions.field AS f
            WHERE f.collection = k.id AND f.attnum = ANY (n.attnums) AND NOT f.dropped AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_attribute AS a
                WHERE a.attrelid = k.relation AND a.attnum = f.attnum AND NOT a.attisdropped)
            ORDER BY f.attnum, f.since DESC),
        n.recorded, n.revisions
    FROM directus_versions._net(entries, in_order, $1, this_cluster, $2)
        WITH ORDINALITY AS n (collection, action, attnums, recorded, revisions, place)
    JOIN directus_versions.collection AS k ON k.id = n.collection
    ORDER BY n.place;
    -- What a transaction created and deleted leaves nothing, and is known all the same.
    IF NOT FOUND AND NOT EXISTS (
        SELECT FROM directus_versions.log AS l JOIN directus_versions.context AS c ON c.id = l.context
        WHERE l.action IN ('c', 'u', 'd')
            AND ($2 IS NULL AND l.transaction = $1 AND c.cluster = this_cluster OR l.id = $2))
    THEN
        IF $2 IS NULL THEN
            RAISE EXCEPTION 'transaction % has no revisions', $1 USING ERRCODE = 'P0002';
        END IF;
        RAISE EXCEPTION 'revision % does not exist', $2 USING ERRCODE = 'P0002';
    END IF;
END $$;
COMMENT ON FUNCTION __reversals(xid8, bigint) IS 'Does the work of _reversals as the extension''s owner';

CREATE FUNCTION _reversals(transaction xid8, revision bigint)
RETURNS TABLE (target regclass, name text, action "char", fields text[], lost text[], recorded boolean, revisions bigint[])
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_as_reader';
COMMENT ON FUNCTION _reversals(xid8, bigint) IS
'What a transaction or a revision did, for the items of a table to which it did the same: the fields that can be taken back, those whose columns are gone, and for each item its revisions, oldest first, and a 0. P0002 where there is none, 42501 for a table that the caller may not select from';

CREATE FUNCTION _undone("like" anyelement, revisions bigint[], fields text[], item text,
    OUT revision bigint, OUT key text, OUT was anyelement, OUT now anyelement) RETURNS SETOF record
LANGUAGE c SET search_path = pg_catalog, pg_temp ROWS 1000 AS 'MODULE_PATHNAME', 'directus_versions_undone';
COMMENT ON FUNCTION _undone(anyelement, bigint[], text[], text) IS
'For each item of a table, given by its revisions, oldest first, and a 0 behind them: the last revision, the item''s key or the one given, and rows that hold the fields before and after. Says that the items'' next writes undo them. 42501 but within functions that go back, and for fields that the caller may not select';

CREATE FUNCTION _undoing(action "char") RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE action WHEN 'c' THEN 'delete' WHEN 'd' THEN 'create' ELSE 'update' END
$$;
COMMENT ON FUNCTION _undoing("char") IS 'What takes an action back';

CREATE FUNCTION _unless_there(target regclass, others int[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.format(' WHERE NOT EXISTS (SELECT FROM %s AS t WHERE %s%s)', target,
        directus_versions._key_condition(target, 'r.key'),
        pg_catalog.string_agg(pg_catalog.format(
            ' AND NOT EXISTS (SELECT FROM r%s AS x WHERE x.key OPERATOR(pg_catalog.=) directus_versions.item_of(t.*))', o), ''))
    FROM pg_catalog.unnest(others) AS o
$$;
COMMENT ON FUNCTION _unless_there(regclass, int[]) IS
'SQL that leaves out rows r of which the item is there, but for rows that other plans of the statement remove or give another key';

CREATE FUNCTION _undo_statement(target regclass, action "char", fields text[], force boolean, others int[], rows text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    condition CONSTANT text := directus_versions._key_condition(target, 'r.key');
    names CONSTANT text := (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(f), ', ') FROM pg_catalog.unnest(fields) AS f);
    old CONSTANT text := pg_catalog.array_to_string(directus_versions._assigned(target, fields, '(r.was)'), ', ');
    guard CONSTANT text := CASE WHEN force THEN '' ELSE ' AND ' || directus_versions._same_fields(fields, 't', '(r.now)') END;
BEGIN
    RETURN CASE action
        WHEN 'c' THEN pg_catalog.format('DELETE FROM %s AS t USING %s AS r WHERE %s%s RETURNING r.revision, r.key',
            target, rows, condition, guard)
        WHEN 'd' THEN pg_catalog.format(
            'INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s AS r%s', target, names, old, rows,
            CASE WHEN NOT force THEN directus_versions._unless_there(target, others) END)
        ELSE pg_catalog.format('UPDATE %s AS t SET (%s) = ROW(%s) FROM %s AS r WHERE %s%s RETURNING r.revision, r.key',
            target, names, old, rows, condition, guard)
    END;
END $$;
COMMENT ON FUNCTION _undo_statement(regclass, "char", text[], boolean, int[], text) IS
'SQL that takes back what rows r of _undone tell, as far as nothing stands in the way unless it is forced';

CREATE FUNCTION _undo_conflicts(target regclass, action "char", fields text[], revisions bigint[], item text)
RETURNS TABLE (revision bigint, key text, conflict text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE pg_catalog.format(
        'SELECT c.revision, c.key, CASE
             WHEN $4 = ''d'' THEN CASE WHEN NOT c.gone THEN ''the item is there again'' END
             WHEN c.gone THEN ''the item is gone''
             WHEN c.fields <> ''{}'' THEN ''changed since: '' || directus_versions._quoted(c.fields) END
         FROM (
             SELECT r.revision, r.key, t.tableoid IS NULL AS gone, %s AS fields
             FROM directus_versions._undone(NULL::%2$s, $1, $2, $3) AS r LEFT JOIN %2$s AS t ON %3$s
         ) AS c',
        directus_versions._list_differing(fields, 't', '(r.now)'), target, directus_versions._key_condition(target, 'r.key'))
        USING revisions, fields, item, action;
END $$;
COMMENT ON FUNCTION _undo_conflicts(regclass, "char", text[], bigint[], text) IS
'What stands in the way of taking back what was done to each item; NULL where nothing does';

CREATE FUNCTION _undo_together(plans jsonb, revisions bigint[], item text, force boolean)
RETURNS TABLE (plan int, undone bigint[], keys text[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    statement text;
BEGIN
    -- One statement over all tables: what refers to what is looked at when all of it is done. Rows go before others take
    -- their keys and values.
    SELECT 'WITH ' || pg_catalog.string_agg(pg_catalog.format(
            'r%s AS MATERIALIZED (SELECT * FROM directus_versions._undone(NULL::%s, ($1)[%s:%s], %L::pg_catalog.text[], $2))',
            p.n, p.target, p.first, p.last, p.fields), ', ' ORDER BY p.n)
        || pg_catalog.string_agg(pg_catalog.format(', w%s AS (%s)', p.n,
            directus_versions._undo_statement(p.target, p.action, p.fields, $4, p.others, 'r' || p.n)), '' ORDER BY p.n)
        || pg_catalog.string_agg(pg_catalog.format(
            ' %s SELECT %s AS plan, pg_catalog.array_agg(r.revision) AS undone, pg_catalog.array_agg(r.key) AS keys FROM %s AS r%s',
            CASE WHEN p.place > 1 THEN 'UNION ALL' ELSE '' END, p.n,
            CASE WHEN p.action = 'd' THEN 'r' ELSE 'w' END || p.n,
            CASE WHEN p.action = 'd' AND NOT $4 THEN directus_versions._unless_there(p.target, p.others) END), '' ORDER BY p.place)
    INTO statement
    FROM (
        SELECT p.*, pg_catalog.row_number() OVER (ORDER BY pg_catalog.strpos('cud', p.action::text), p.n) AS place,
            ARRAY(
                SELECT o.n FROM pg_catalog.jsonb_to_recordset(plans) AS o (n int, target regclass, action "char")
                WHERE o.target = p.target AND o.action <> 'd') AS others
        FROM pg_catalog.jsonb_to_recordset(plans)
            AS p (n int, target regclass, action "char", fields text[], first int, last int)
    ) AS p;
    PERFORM pg_catalog.set_config('search_path', directus_versions._callers_path(), true);
    RETURN QUERY EXECUTE statement USING revisions, item;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
END $$;
COMMENT ON FUNCTION _undo_together(jsonb, bigint[], text, boolean) IS
'Takes back what was done to items of several tables by one statement, as far as nothing stands in the way, and tells which it did';

CREATE FUNCTION _newest_first(revisions bigint[]) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.id FROM directus_versions.log AS l
    WHERE l.id = ANY (revisions)
    ORDER BY l.command DESC, (l.action = 'c' OR l.action = 'u' AND l.former IS NOT NULL) DESC, l.id DESC
$$;
COMMENT ON FUNCTION _newest_first(bigint[]) IS 'Revisions of one transaction in the reverse of the order in which they happened';

CREATE FUNCTION _undo_each(plans jsonb, revisions bigint[], force boolean)
RETURNS TABLE (plan int, undone bigint[], keys text[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    one bigint;
    place int;
    step record;
    single jsonb;
    done record;
BEGIN
    FOR one IN SELECT * FROM directus_versions._newest_first(revisions) LOOP
        SELECT * INTO step FROM directus_versions._reversals(NULL, one);
        CONTINUE WHEN step.fields = '{}';
        single := pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object(
            'n', 1, 'target', step.target, 'action', step.action, 'fields', step.fields, 'first', 1, 'last', 2));
        SELECT * INTO done FROM directus_versions._undo_together(single, ARRAY[one, 0], NULL, force);
        place := pg_catalog.array_position(revisions, one);
        -- An item is told of once, by its last revision.
        IF done.undone IS NOT NULL AND revisions[place + 1] = 0 THEN
            RETURN QUERY
            SELECT p.n, done.undone, done.keys
            FROM pg_catalog.jsonb_to_recordset(plans) AS p (n int, first int, last int) WHERE place BETWEEN p.first AND p.last;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION _undo_each(jsonb, bigint[], boolean) IS
'Takes back one revision after the other, newest first, where a unique value is free only between';

CREATE FUNCTION _undo_either(plans jsonb, revisions bigint[], force boolean)
RETURNS TABLE (plan int, undone bigint[], keys text[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM directus_versions._undo_together(plans, revisions, NULL, force);
EXCEPTION
    WHEN unique_violation OR exclusion_violation THEN
        RETURN QUERY SELECT * FROM directus_versions._undo_each(plans, revisions, force);
END $$;
COMMENT ON FUNCTION _undo_either(jsonb, bigint[], boolean) IS 'Takes back by one statement, or by one for each revision';

CREATE FUNCTION _undo_steps(transaction xid8, revision bigint, force boolean, dry_run boolean)
RETURNS TABLE (collection text, item text, action text, fields text[], new_revision bigint, conflict text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    run record;
    plan record;
    plans jsonb := '[]';
    revisions bigint[] := '{}';
    count int := 0;
    present text;
    mark bigint;
    done record;
    -- Of each item that was taken back: its plan, its last revision and its key.
    numbers int[] := '{}';
    undone bigint[] := '{}';
    keys text[] := '{}';
    troubles text[];
BEGIN
    FOR run IN SELECT * FROM directus_versions._reversals($1, $2) LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = run.target) THEN
            RAISE EXCEPTION 'the table of collection "%" was dropped', run.name USING ERRCODE = '55000';
        ELSIF NOT directus_versions._is_tracked(run.target) THEN
            RAISE EXCEPTION 'table "%" is not tracked', run.name USING
                ERRCODE = '55000', HINT = 'Call directus_versions.track first.';
        ELSIF NOT run.recorded AND $2 IS NOT NULL THEN
            RAISE EXCEPTION 'revision % does not exist', $2 USING ERRCODE = 'P0002';
        ELSIF NOT run.recorded THEN
            RAISE EXCEPTION 'revision % was recorded without data', run.revisions[1] USING ERRCODE = '55000';
        ELSIF run.lost <> '{}' THEN
            RAISE NOTICE 'columns of table "%" that are gone are left out: %', run.name, directus_versions._quoted(run.lost);
        END IF;
        CONTINUE WHEN run.fields = '{}';
        count := count + 1;
        plans := plans || pg_catalog.jsonb_build_object('n', count, 'target', run.target, 'name', run.name,
            'action', run.action, 'what', directus_versions._undoing(run.action), 'fields', run.fields, 'first', pg_catalog.cardinality(revisions) + 1,
            'last', pg_catalog.cardinality(revisions) + pg_catalog.cardinality(run.revisions));
        revisions := revisions || run.revisions;
        IF $2 IS NOT NULL AND run.action = 'u' THEN
            present := directus_versions._present_item($2);
        END IF;
    END LOOP;
    IF count = 0 THEN
        RETURN;
    END IF;
    IF $4 THEN
        FOR plan IN
            SELECT * FROM pg_catalog.jsonb_to_recordset(plans)
                AS p (n int, target regclass, name text, action "char", what text, fields text[], first int, last int)
        LOOP
            RETURN QUERY
            SELECT plan.name, c.key, plan.what, plan.fields, NULL::bigint, c.conflict
            FROM directus_versions._undo_conflicts(
                plan.target, plan.action, plan.fields, revisions[plan.first:plan.last], present) AS c;
        END LOOP;
        RETURN;
    END IF;
    mark := directus_versions._last_id();
    FOR done IN
        SELECT * FROM directus_versions._undo_together(plans, revisions, present, $3) WHERE $2 IS NOT NULL
        UNION ALL
        SELECT * FROM directus_versions._undo_either(plans, revisions, $3) WHERE $2 IS NULL
    LOOP
        undone := undone || done.undone;
        keys := keys || done.keys;
        numbers := numbers || pg_catalog.array_fill(done.plan, ARRAY[COALESCE(pg_catalog.cardinality(done.undone), 0)]);
    END LOOP;
    IF NOT $3 AND pg_catalog.cardinality(undone)
        < pg_catalog.cardinality(pg_catalog.array_positions(revisions, 0::bigint))
    THEN
        troubles := ARRAY(
            SELECT pg_catalog.format('Item "%s" of table "%s": %s.', c.key, p.name, c.conflict)
            FROM pg_catalog.jsonb_to_recordset(plans)
                AS p (n int, target regclass, name text, action "char", fields text[], first int, last int),
                LATERAL directus_versions._undo_conflicts(p.target, p.action, p.fields, revisions[p.first:p.last], present) AS c
            WHERE c.conflict IS NOT NULL AND c.revision <> ALL (undone));
        IF troubles = '{}' AND EXISTS (
            SELECT FROM pg_catalog.jsonb_to_recordset(plans) AS p (target regclass)
            WHERE pg_catalog.row_security_active(p.target))
        THEN
            RAISE EXCEPTION 'not every row can be changed' USING
                ERRCODE = '42501', DETAIL = 'A policy of row-level security keeps some from it.';
        ELSIF troubles <> '{}' THEN
            RAISE EXCEPTION 'what is to be undone was changed since' USING
                ERRCODE = '40001',
                DETAIL = pg_catalog.array_to_string(troubles[1:100], pg_catalog.chr(10)),
                HINT = 'Undo what came later first, or force it.';
        END IF;
    END IF;
    RETURN QUERY
    SELECT p.name, u.key, p.what, p.fields, n.id, NULL::text
    FROM ROWS FROM (pg_catalog.unnest(numbers), pg_catalog.unnest(undone), pg_catalog.unnest(keys))
        AS u (plan, revision, key)
    JOIN pg_catalog.jsonb_to_recordset(plans) AS p (n int, name text, what text, fields text[]) ON p.n = u.plan
    LEFT JOIN (
        SELECT r.source, pg_catalog.max(r.id) AS id FROM directus_versions._recorded(mark) AS r GROUP BY r.source
    ) AS n ON n.source = u.revision;
END $$;
COMMENT ON FUNCTION _undo_steps(xid8, bigint, boolean, boolean) IS 'Takes back a transaction or a revision, with the caller''s rights';

CREATE FUNCTION _undo_transaction(transaction xid8, force boolean, dry_run boolean)
RETURNS TABLE (collection text, item text, action text, fields text[], revision bigint, conflict text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF $1 IS NULL THEN
        RAISE EXCEPTION 'transaction must not be NULL' USING ERRCODE = '22023';
    END IF;
    RETURN QUERY SELECT * FROM directus_versions._undo_steps($1, NULL, COALESCE($2, false), COALESCE($3, false));
END $$;
COMMENT ON FUNCTION _undo_transaction(xid8, boolean, boolean) IS 'Does the work of undo_transaction';

CREATE FUNCTION undo_transaction(transaction xid8, force boolean DEFAULT false, dry_run boolean DEFAULT false)
RETURNS TABLE (collection text, item text, action text, fields text[], revision bigint, conflict text)
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_undertake';
COMMENT ON FUNCTION undo_transaction(xid8, boolean, boolean) IS
'Takes back what a transaction did, over all tables: a row for each item with what was done, its fields, the new revision''s id and, in a dry run, what stands in the way. dry_run shows what would happen and does nothing. 40001 with the items in DETAIL where something was changed since, unless force; P0002 for an unknown transaction, 42501 without the rights on the tables, 55000 where no data was recorded. Needs level write';

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
