-- Every type that pg_type has and a column can have, with samples of each as SQL expressions.

CREATE TEMP TABLE sample_literals (type text, literals text[]);
INSERT INTO sample_literals VALUES
    ('boolean', '{t,f}'),
    ('bytea', '{"\\x00ff10","","\\x27"}'),
    ('"char"', '{a,""}'),
    ('name', '{plain,"with \"quotes\" and ''ticks''"}'),
    ('bigint', '{9223372036854775807,-9223372036854775808,0}'),
    ('smallint', '{32767,-32768}'),
    ('integer', '{2147483647,-2147483648,0}'),
    ('regproc', '{pg_catalog.now,-}'),
    ('text', E'{"line\nend \\\\\\\\ \\" '' \ttab","","\u00e9\U0001F600"}'),
    ('oid', '{0,4294967295}'),
    ('tid', '{"(0,1)","(4294967295,65535)"}'),
    ('xid', '{3,4294967295}'),
    ('cid', '{0,4294967295}'),
    ('oidvector', '{"1 2 4294967295",""}'),
    ('int2vector', '{"1 -2 3","7"}'),
    ('json', '{"{\"a\" :  1.00, \"a\": 2}","null"," [1e2]"}'),
    ('jsonb', '{"{\"a\": 1.00}","null","[1.50, \"x\"]"}'),
    ('xml', '{"<a b=\"c\">d</a>","text"}'),
    ('point', '{"(-0,1e-300)","(1.1,Infinity)"}'),
    ('lseg', '{"[(0,0),(1,-1e300)]","[(1,1),(1,1)]"}'),
    ('path', '{"((0,0),(1,1),(2,0))","[(0,0),(1,1e-9)]"}'),
    ('box', '{"(1,2),(-0,0)","(3,3),(3,3)"}'),
    ('polygon', '{"((0,0),(1,1),(1,0))","((-0,1e-300))"}'),
    ('line', '{"{1,-1,0}","{0.1,0.2,0.3}"}'),
    ('real', '{1.1,-0,NaN,Infinity,1e-45}'),
    ('double precision', '{0.1,-0,NaN,-Infinity,5e-324,1.7976931348623157e308}'),
    ('circle', '{"<(1,2),3>","<(-0,0),1e-300>"}'),
    ('money', '{12.34,-92233720368547758.08}'),
    ('macaddr', '{08:00:2b:01:02:03}'),
    ('inet', '{192.168.0.1/24,::1,10.0.0.1}'),
    ('cidr', '{10.0.0.0/8,2001:db8::/32}'),
    ('macaddr8', '{08:00:2b:01:02:03:04:05}'),
    ('character', '{"a ",""}'),
    ('bpchar', '{"a ",""}'),
    ('character varying', '{"a ",""}'),
    ('date', '{2024-02-29,"4713-01-01 BC",infinity,-infinity}'),
    ('time without time zone', '{24:00:00,00:00:00.000001}'),
    ('timestamp without time zone', '{"2024-02-29 12:34:56.789","0044-03-15 12:00:00 BC",infinity}'),
    ('timestamp with time zone', '{"2024-02-29 12:34:56.789+05:30",-infinity,"294276-12-31 23:59:59+00"}'),
    ('interval', '{"1 mon -2 days 03:04:05.6","-178000000 years","0"}'),
    ('time with time zone', '{12:34:56.789+05:30:15,00:00:00-15:59:59}'),
    ('bit', '{1,0}'),
    ('bit varying', '{10101,""}'),
    ('numeric', '{1.10,NaN,-Infinity,0.000,1e-40}'),
    ('refcursor', '{"unnamed portal 1"}'),
    ('regprocedure', '{"pg_catalog.lower(text)","-"}'),
    ('regoper', '{"pg_catalog.||/",0}'),
    ('regoperator', '{"pg_catalog.+(integer,integer)",0}'),
    ('regclass', '{pg_catalog.pg_class,-}'),
    ('regtype', '{timestamp with time zone,-}'),
    ('regrole', '{pg_monitor,-}'),
    ('regnamespace', '{pg_catalog,-}'),
    ('regconfig', '{pg_catalog.simple}'),
    ('regdictionary', '{pg_catalog.simple}'),
    ('regcollation', '{"pg_catalog.\"C\""}'),
    ('uuid', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'),
    ('pg_lsn', '{16/B374D848,0/0}'),
    ('tsvector', '{"''fat'':2A,4 ''r a''''t'':5",""}'),
    ('tsquery', '{"''fat'' & !( ''rat'':AB | ''c'':* ) <2> ''d''",""}'),
    ('txid_snapshot', '{10:20:10\,14\,15}'),
    ('pg_snapshot', '{10:20:10\,14\,15}'),
    ('xid8', '{18446744073709551615,0}'),
    ('jsonpath', '{"strict $.\"a\"[*] ? (@ > 1)","$"}'),
    ('int4range', '{"[1,10)",empty,"(,)"}'),
    ('int8range', '{"[1,10)",empty,"[5,)"}'),
    ('numrange', '{"[1.10,1.100]",empty,"(,NaN]"}'),
    ('daterange', '{"[2024-01-01,infinity]","[-infinity,)"}'),
    ('tsrange', '{"[2024-01-01 00:00:00.5,infinity]",empty}'),
    ('tstzrange', '{"[2024-01-01 00:00:00+05,2024-06-01 00:00:00-07)","(,)"}'),
    ('information_schema.yes_or_no', '{YES,NO}'),
    ('public.hstore', '{"a=>NULL, \"b c\"=>1.00",""}'),
    ('public.ean13', '{978-0-11-000222-4}'), ('public.isbn13', '{978-0-11-000222-4}'),
    ('public.ismn13', '{979-0-060-11561-5}'), ('public.issn13', '{977-1436-452-00-8}'),
    ('public.isbn', '{0-11-000222-9}'), ('public.ismn', '{M-060-11561-5}'), ('public.issn', '{1436-4522}'),
    ('public.upc', '{220356483481}'),
    ('pg_ndistinct', NULL), ('pg_dependencies', NULL), ('pg_mcv_list', NULL);

CREATE TABLE sample_source AS
SELECT i AS id, i % 7 AS a, (i % 7)::text AS b FROM generate_series(1, 200) i;
CREATE STATISTICS sample_statistics (ndistinct, dependencies, mcv) ON a, b FROM sample_source;
ANALYZE sample_source;

CREATE TEMP TABLE column_types (
    type oid PRIMARY KEY, name text, kind "char", samples text[], place bigint, no_value boolean
);

-- Tell whether columns of the types can be made; the system refuses for a pseudo-type inside.
CREATE FUNCTION pg_temp.can_be_columns(names text[]) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TEMP TABLE probe (%s)',
        (SELECT string_agg(format('c%s %s', n, name), ', ') FROM unnest(names) WITH ORDINALITY u(name, n)));
    DROP TABLE probe;
    RETURN true;
EXCEPTION WHEN invalid_table_definition THEN
    RETURN false;
END $$;

-- Give an error's code, or NULL where the expression can be a value of the type.
CREATE FUNCTION pg_temp.refused(sample text, name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT (%s)::%s', sample, name);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;

CREATE FUNCTION pg_temp.samples_of(type_id oid) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    t record;
    name text := format_type(type_id, NULL);
    found text[];
BEGIN
    SELECT * INTO t FROM pg_type WHERE oid = type_id;
    SELECT ARRAY(SELECT format('%L::%s', l, name) FROM unnest(literals) l) INTO found
    FROM sample_literals s WHERE s.type = name;
    IF found <> '{}' THEN
        RETURN found;
    ELSIF name IN ('pg_ndistinct', 'pg_dependencies', 'pg_mcv_list') THEN
        RETURN ARRAY[format('(SELECT %s FROM pg_statistic_ext_data d, pg_statistic_ext e WHERE e.oid = d.stxoid
            AND e.stxname = ''sample_statistics'')',
            CASE name WHEN 'pg_mcv_list' THEN 'stxdmcv' ELSE 'stxd' || substr(name, 4) END)];
    ELSIF name = 'pg_node_tree' THEN
        RETURN ARRAY['(SELECT ev_action FROM pg_rewrite ORDER BY oid LIMIT 1)',
            '(SELECT ev_qual FROM pg_rewrite ORDER BY oid LIMIT 1)'];
    ELSIF name = 'aclitem' THEN
        RETURN ARRAY['makeaclitem(10, 10, ''SELECT'', true)', 'makeaclitem(0, 10, ''UPDATE'', false)'];
    ELSIF t.typtype = 'e' THEN
        RETURN ARRAY(SELECT format('%L::%s', enumlabel, name) FROM pg_enum
            WHERE enumtypid = type_id ORDER BY enumsortorder);
    ELSIF t.typtype = 'd' THEN
        RETURN ARRAY(SELECT format('(%s)::%s', s, name) FROM unnest(pg_temp.samples_of(t.typbasetype)) s
            WHERE pg_temp.refused(s, name) IS NULL);
    ELSIF t.typtype = 'r' THEN
        RETURN (SELECT ARRAY[format('''empty''::%s', name)] ||
            ARRAY(SELECT format('%s((%s), (%s), ''[]'')', name, s, s) FROM unnest(pg_temp.samples_of(rngsubtype)) s)
            FROM pg_range WHERE rngtypid = type_id);
    ELSIF t.typtype = 'm' THEN
        RETURN (SELECT ARRAY[format('''{}''::%s', name)] ||
            ARRAY(SELECT format('%s(%s)', name, s) FROM unnest(pg_temp.samples_of(rngtypid)) s)
            FROM pg_range WHERE rngmultitypid = type_id);
    ELSIF t.typtype = 'c' AND (SELECT relkind = 'c' FROM pg_class WHERE oid = t.typrelid) THEN
        RETURN ARRAY[
            (SELECT format('ROW(%s)::%s', string_agg(coalesce((pg_temp.samples_of(atttypid))[1], 'NULL'), ', '
                ORDER BY attnum), name)
             FROM pg_attribute WHERE attrelid = t.typrelid AND NOT attisdropped),
            format('jsonb_populate_record(NULL::%s, ''{}'')', name)];
    ELSIF t.typtype = 'c' THEN
        BEGIN
            EXECUTE format('CREATE TEMP TABLE IF NOT EXISTS sample_of_%s AS SELECT s FROM %s s LIMIT 1', t.typrelid,
                t.typrelid::regclass);
        -- A view of what this machine does not have, such as NUMA.
        EXCEPTION WHEN internal_error THEN
            RETURN ARRAY[format('jsonb_populate_record(NULL::%s, ''{}'')', name)];
        END;
        RETURN ARRAY[format('(SELECT s FROM pg_temp.sample_of_%s)', t.typrelid),
            format('jsonb_populate_record(NULL::%s, ''{}'')', name)];
    ELSIF t.typsubscript = 'array_subscript_handler'::regproc AND t.typelem <> 0 THEN
        found := pg_temp.samples_of(t.typelem);
        RETURN ARRAY[format('''{}''::%s', name), format('''[-1:0]={NULL%sNULL}''::%s', t.typdelim, name),
            format('ARRAY[%s]::%s', array_to_string(found || 'NULL'::text, ', '), name),
            format('ARRAY[ARRAY[NULL, %s], ARRAY[%1$s, NULL]]::%s', coalesce(found[1], 'NULL'), name)];
    END IF;
    RETURN ARRAY(SELECT l FROM unnest(ARRAY['''1''', '''a''', '''{}''', '''1.2''', '''1:1''']) l
        WHERE pg_temp.refused(l, name) IS NULL);
END $$;

-- Tell whether a sample's own text gives it back: not so for types that have no input, and for names of
-- functions that several share.
CREATE FUNCTION pg_temp.comes_back(sample text, name text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    shown text;
BEGIN
    EXECUTE format('SELECT (%s)::text', sample) INTO shown;
    RETURN pg_temp.refused(quote_literal(shown), name) IS NULL;
END $$;

-- Take every type through every sample, 40 columns a table, by a function (table, samples) that gives
-- problems; if it is to restore values, only through what its text gives back.
CREATE FUNCTION pg_temp.every_type(walk text DEFAULT 'pg_temp.round_trip', restores boolean DEFAULT false)
RETURNS SETOF text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target text;
    chunk record;
    samples text[];
BEGIN
    INSERT INTO column_types (type, name, kind)
    SELECT t.oid, format_type(t.oid, NULL), t.typtype
    FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
    WHERE t.typtype <> 'p' AND t.typisdefined AND n.nspname !~ '^(pg_toast|pg_temp|changes_)' AND n.nspname <> 'directus_versions'; -- nor those of tests that run beside
    DELETE FROM column_types WHERE type IN (
        SELECT unnest(types) FROM (
            SELECT array_agg(type) AS types, array_agg(name) AS names FROM column_types GROUP BY type::bigint % 20 OFFSET 0
        ) chunks
        WHERE NOT pg_temp.can_be_columns(names)
    ) AND NOT pg_temp.can_be_columns(ARRAY[name]);
    UPDATE column_types c SET place = p.place, samples = pg_temp.samples_of(c.type)
    FROM (SELECT type, row_number() OVER (ORDER BY type) AS place FROM column_types) p
    WHERE p.type = c.type;
    UPDATE column_types c SET no_value = true
    WHERE c.samples = '{}' AND c.kind = 'b' AND pg_temp.refused('''1''', c.name) IN ('0A000', 'XX000');
    RETURN QUERY SELECT format('no sample of type %s', c.name) FROM column_types c
        WHERE c.samples = '{}' AND c.no_value IS NULL;
    IF restores THEN
        UPDATE column_types c SET samples = ARRAY(
            SELECT s FROM unnest(c.samples) WITH ORDINALITY u(s, n) WHERE pg_temp.comes_back(s, c.name) ORDER BY n);
    END IF;
    FOR chunk IN
        SELECT c.place / 40 AS number, string_agg(format('c%s %s', c.place, c.name), ', ' ORDER BY c.place) AS columns
        FROM column_types c GROUP BY 1 ORDER BY 1
    LOOP
        target := format('public.every_type_%s', chunk.number);
        EXECUTE format('CREATE TABLE %s (id integer PRIMARY KEY, %s)', target, chunk.columns);
        PERFORM directus_versions.track(target::regclass);
        SELECT array_agg(list ORDER BY n) INTO samples FROM (
            SELECT n, string_agg(CASE WHEN c.samples = '{}' THEN 'NULL'
                ELSE c.samples[1 + n % cardinality(c.samples)] END, ', ' ORDER BY c.place) AS list
            FROM column_types c, generate_series(0, (SELECT max(cardinality(d.samples))
                FROM column_types d WHERE d.place / 40 = chunk.number) - 1) n
            WHERE c.place / 40 = chunk.number
            GROUP BY n
        ) lists;
        RETURN QUERY EXECUTE format('SELECT * FROM %s($1, $2)', walk) USING target::regclass, samples;
    END LOOP;
END $$;
