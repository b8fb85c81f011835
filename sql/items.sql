-- Rows and the text that names them.

CREATE FUNCTION item_of(anyelement) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_item_of';
COMMENT ON FUNCTION item_of(anyelement) IS
'The text that names a row of a table: its key, or for a key of several columns the jsonb array of their values. 42809 for anything but a row of a table, 55000 for a table without key. Anyone may call it';

CREATE FUNCTION _row(anyelement) RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_row';
COMMENT ON FUNCTION _row(anyelement) IS
'A row of a table as revisions hold it: the fields that are saved, in their JSON form';

CREATE FUNCTION _item_key(text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_item_key';
COMMENT ON FUNCTION _item_key(text) IS 'An item''s text as the log''s column item has it: a long one as its beginning and a hash';

CREATE FUNCTION _key_of(relation regclass) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.array_agg(a.attname::text ORDER BY k.position)
    FROM (
        SELECT i.indkey, i.indnkeyatts
        FROM pg_catalog.pg_index AS i
        WHERE i.indrelid = relation AND (i.indisprimary OR i.indisreplident) AND i.indisvalid
        ORDER BY i.indisprimary DESC
        LIMIT 1
    ) AS i,
    LATERAL pg_catalog.unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, position)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = relation AND a.attnum = k.attnum
$$;
COMMENT ON FUNCTION _key_of(regclass) IS
'The columns of a table''s primary key, else of its replica identity index; NULL without either';

CREATE FUNCTION _plain_type(type oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        WITH RECURSIVE base AS (
            SELECT t.oid, t.typtype, t.typbasetype FROM pg_catalog.pg_type AS t WHERE t.oid = type
            UNION ALL
            SELECT t.oid, t.typtype, t.typbasetype
            FROM base JOIN pg_catalog.pg_type AS t ON t.oid = base.typbasetype WHERE base.typtype = 'd'
        )
        SELECT pg_catalog.format('%I.%I', n.nspname, t.typname)
        FROM base JOIN pg_catalog.pg_type AS t ON t.oid = base.oid JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
        WHERE base.typtype <> 'd'
    );
END $$;
COMMENT ON FUNCTION _plain_type(oid) IS
'A type below all domains, without length: assigned from it, a value is checked against the column''s own type again';

CREATE FUNCTION _equality(type oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT COALESCE((
            SELECT pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname)
            FROM pg_catalog.pg_opclass AS c
            JOIN pg_catalog.pg_am AS m ON m.oid = c.opcmethod AND m.amname = 'btree'
            JOIN pg_catalog.pg_amop AS p ON p.amopfamily = c.opcfamily AND p.amoplefttype = c.opcintype
                AND p.amoprighttype = c.opcintype AND p.amopstrategy = 3
            JOIN pg_catalog.pg_operator AS o ON o.oid = p.amopopr
            JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace
            -- Found out once, not for each class.
            WHERE c.opcdefault AND c.opcintype = (SELECT directus_versions._plain_type(type)::regtype)), 'OPERATOR(pg_catalog.=)')
    );
END $$;
COMMENT ON FUNCTION _equality(oid) IS 'The operator by which the primary key of such a type compares';

CREATE FUNCTION _is_told_by_text(type oid, alone boolean, nullable boolean) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN t.typtype IN ('r', 'm') THEN EXISTS (
                SELECT FROM pg_catalog.pg_range AS r JOIN pg_catalog.pg_type AS s ON s.oid = r.rngsubtype
                WHERE t.oid IN (r.rngtypid, r.rngmultitypid) AND s.typtype = 'b' AND s.typelem = 0)
            WHEN t.typtype = 'e' THEN true
            WHEN t.typtype <> 'b' OR t.oid = 'json'::regtype OR t.typelem <> 0 AND t.typlen = -1 THEN false
            WHEN t.oid = 'jsonb'::regtype THEN NOT alone AND NOT nullable
            WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN true
            ELSE EXISTS (
                SELECT FROM pg_catalog.pg_opclass AS c JOIN pg_catalog.pg_am AS m ON m.oid = c.opcmethod AND m.amname = 'btree'
                WHERE c.opcdefault AND c.opcintype = t.oid)
        END
        -- Whoever reads a key by its text runs no code but that of superusers, who alone make base types: not that of a domain
        -- within a range, nor of a cast that a type's owner made.
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_cast AS c
            JOIN pg_catalog.pg_proc AS p ON p.oid = c.castfunc
            JOIN pg_catalog.pg_roles AS r ON r.oid = p.proowner AND NOT r.rolsuper
            WHERE c.castsource = 'text'::regtype AND c.casttarget = t.oid)
        FROM pg_catalog.pg_type AS t WHERE t.oid = (SELECT directus_versions._plain_type(type)::regtype)
    );
END $$;
COMMENT ON FUNCTION _is_told_by_text(oid, boolean, boolean) IS
'Whether a value of a key can be made from the item text, and compared by an operator: of an array or row that text is JSON, and of a JSON string alone it is no JSON';

CREATE FUNCTION _key_values(relation regclass, key text[], item text)
RETURNS TABLE (name text, "position" bigint, attnotnull boolean, equality text, is_told boolean, value text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT k.name, k.position, a.attnotnull, directus_versions._equality(a.atttypid),
        directus_versions._is_told_by_text(a.atttypid, pg_catalog.cardinality(key) = 1, NOT a.attnotnull),
        pg_catalog.format('(%s)::%s',
            CASE WHEN pg_catalog.cardinality(key) = 1 THEN item
                ELSE pg_catalog.format('(%s)::pg_catalog.jsonb OPERATOR(pg_catalog.%s) %s', item,
                    CASE WHEN p.type = 'pg_catalog.jsonb' THEN '->' ELSE '->>' END, k.position - 1) END,
            p.type)
    FROM pg_catalog.unnest(key) WITH ORDINALITY AS k (name, position)
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid = relation AND a.attname = k.name AND NOT a.attisdropped AND a.attnum > 0,
    directus_versions._plain_type(a.atttypid) AS p (type);
END $$;
COMMENT ON FUNCTION _key_values(regclass, text[], text) IS
'The columns of a key, each with SQL that makes its value of SQL that gives an item''s text, where the text tells it';

CREATE FUNCTION _item_condition(relation regclass, key text[], item text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    conditions text[];
    is_whole boolean;
    found int;
BEGIN
    SELECT pg_catalog.count(*), pg_catalog.bool_and(k.is_told), pg_catalog.array_agg(
        CASE WHEN pg_catalog.cardinality(key) = 1 OR k.attnotnull
            THEN pg_catalog.format('t.%I %s %s', k.name, k.equality, k.value)
        ELSE pg_catalog.format('(t.%1$I %2$s %3$s OR t.%1$I IS NULL AND %3$s IS NULL)', k.name, k.equality, k.value) END
        ORDER BY k.position) FILTER (WHERE k.is_told)
    INTO found, is_whole, conditions
    FROM directus_versions._key_values(relation, key, item) AS k;
    IF found IS DISTINCT FROM pg_catalog.cardinality(key) THEN
        RETURN NULL;
    ELSIF NOT is_whole THEN
        conditions := conditions || pg_catalog.format(
            'directus_versions.item_of((t.*)::%s) OPERATOR(pg_catalog.=) (%s)::pg_catalog.text', relation, item);
    END IF;
    RETURN pg_catalog.array_to_string(conditions, ' AND ');
END $$;
COMMENT ON FUNCTION _item_condition(regclass, text[], text) IS
'SQL that finds the row t of a table by SQL that gives its item text; NULL where a column of the key is gone';

CREATE FUNCTION _needed_condition(relation regclass, key text[], item text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    condition CONSTANT text := directus_versions._item_condition(relation, key, item);
BEGIN
    IF condition IS NULL THEN
        RAISE EXCEPTION 'table "%" has no key', directus_versions._collection_name(relation) USING
            ERRCODE = '55000', HINT = 'Add a primary key, or name columns with directus_versions.set_scope.';
    END IF;
    RETURN condition;
END $$;
COMMENT ON FUNCTION _needed_condition(regclass, text[], text) IS '_item_condition, but 55000 where it is NULL';

CREATE FUNCTION _find_query(relation regclass, key text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.format('SELECT t.* FROM %s AS t WHERE ', relation) || directus_versions._item_condition(relation, key, '$1')
$$;
COMMENT ON FUNCTION _find_query(regclass, text[]) IS
'SQL that gives the row of a table by its item text $1; NULL where a column of the key is gone';

CREATE FUNCTION _row_visible(relation regclass, key text[], item text) RETURNS boolean
LANGUAGE plpgsql STABLE COST 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    condition text := directus_versions._item_condition(relation, key, '$1');
    found boolean := false;
BEGIN
    IF condition IS NOT NULL THEN
        EXECUTE pg_catalog.format('SELECT EXISTS (SELECT FROM %s AS t WHERE %s)', relation, condition)
            INTO found USING item;
    END IF;
    RETURN found;
EXCEPTION
    -- The item's text may not be of the key's type any more, and a domain of the table's owner may raise what it likes.
    WHEN OTHERS THEN
        RETURN false;
END $$;
COMMENT ON FUNCTION _row_visible(regclass, text[], text) IS
'Whether the caller sees the live row of an item under row security';

CREATE FUNCTION _input_role(type oid, owner oid) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owners oid[];
BEGIN
    WITH RECURSIVE part AS (
        SELECT type AS oid
        UNION
        SELECT inner_type.oid
        FROM part JOIN pg_catalog.pg_type AS t ON t.oid = part.oid,
        LATERAL (
            SELECT t.typelem
            UNION ALL SELECT t.typbasetype
            UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute AS a
            WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range AS r WHERE r.rngtypid = t.oid
            UNION ALL SELECT r.rngtypid FROM pg_catalog.pg_range AS r WHERE r.rngmultitypid = t.oid
        ) AS inner_type (oid)
        WHERE inner_type.oid <> 0
    )
    SELECT pg_catalog.array_agg(DISTINCT t.typowner) INTO owners
    FROM part JOIN pg_catalog.pg_type AS t ON t.oid = part.oid JOIN pg_catalog.pg_roles AS r ON r.oid = t.typowner
    WHERE NOT r.rolsuper
        AND (t.typtype = 'd' OR EXISTS (SELECT FROM pg_catalog.pg_range AS g WHERE g.rngtypid = t.oid AND g.rngcanonical <> 0));
    -- Nobody's code may run with the rights of anybody else, but a superuser's.
    IF pg_catalog.cardinality(owners) > 1 THEN
        RAISE EXCEPTION 'type "%" is made of types of several owners', type::regtype USING ERRCODE = '42501',
            HINT = 'Its values can be read again once its domains have one owner.';
    END IF;
    RETURN COALESCE(owners[1], owner);
END $$;
COMMENT ON FUNCTION _input_role(oid, oid) IS
'As whom the input function of a type runs: the owner of the domains and ranges within, whose code it calls, else the given one';
