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

CREATE FUNCTION _item_condition(relation regclass, key text[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    types text[];
BEGIN
    SELECT pg_catalog.array_agg(pg_catalog.format_type(a.atttypid, a.atttypmod) ORDER BY k.position) INTO types
    FROM pg_catalog.unnest(key) WITH ORDINALITY AS k (name, position)
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid = relation AND a.attname = k.name AND NOT a.attisdropped AND a.attnum > 0;
    IF pg_catalog.cardinality(types) IS DISTINCT FROM pg_catalog.cardinality(key) THEN
        RETURN NULL;
    END IF;
    IF pg_catalog.cardinality(key) = 1 THEN
        RETURN pg_catalog.format('t.%I OPERATOR(pg_catalog.=) $1::%s', key[1], types[1]);
    END IF;
    RETURN (
        SELECT pg_catalog.string_agg(
            pg_catalog.format(
                't.%I OPERATOR(pg_catalog.=) ($1::pg_catalog.jsonb OPERATOR(pg_catalog.->>) %s)::%s', key[n], n - 1, types[n]), ' AND ')
        FROM pg_catalog.generate_subscripts(key, 1) AS n
    );
END $$;
COMMENT ON FUNCTION _item_condition(regclass, text[]) IS
'SQL that finds the row t of a table by its item text $1; NULL where a column of the key is gone';

CREATE FUNCTION _find_query(relation regclass, key text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_catalog.format('SELECT t.* FROM %s AS t WHERE ', relation) || directus_versions._item_condition(relation, key)
$$;
COMMENT ON FUNCTION _find_query(regclass, text[]) IS
'SQL that gives the row of a table by its item text $1; NULL where a column of the key is gone';

CREATE FUNCTION _row_visible(relation regclass, key text[], item text) RETURNS boolean
LANGUAGE plpgsql STABLE COST 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    condition text := directus_versions._item_condition(relation, key);
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
