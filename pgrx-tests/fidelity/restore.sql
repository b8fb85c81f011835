-- What the log kept, made values again, and compared with the stored bytes of the row it tells of.
-- Made anew for each test, in the session's own schema.

-- Give the stored bytes of a value of fixed length, most significant byte first.
CREATE OR REPLACE FUNCTION pg_temp.sent(row_value anyelement, field text, type oid) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    sent text;
BEGIN
    EXECUTE pg_catalog.format('SELECT pg_catalog.encode(%s((($1).%I)::%s), ''hex'')',
        (SELECT typsend::pg_catalog.oid::pg_catalog.regproc FROM pg_catalog.pg_type WHERE oid = type),
        field, pg_catalog.format_type(type, -1)) INTO sent USING row_value;
    RETURN sent;
END $$;

-- The log keeps the bytes as they lie in memory, lowest first in each word of at most eight.
CREATE OR REPLACE FUNCTION pg_temp.reversed_bytes(hex text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_catalog.string_agg(pg_catalog.substr(hex, i, 2), '' ORDER BY (i - 1) / 16, i DESC)
    FROM pg_catalog.generate_series(1, pg_catalog.length(hex), 2) i
$$;

-- Lay a part of a log entry over a row. `truth` is the row that should come out: it is used only
-- for what no input function can give back, after comparing what the log has of it.
CREATE OR REPLACE FUNCTION pg_temp.restored(
    part jsonb, exact jsonb, base anyelement, truth anyelement, OUT result anyelement
) LANGUAGE plpgsql
SET search_path = pg_catalog SET datestyle = 'ISO' SET timezone = 'UTC'
SET intervalstyle = 'postgres' SET bytea_output = 'hex' SET extra_float_digits = 1
SET lc_monetary = 'C' SET quote_all_identifiers = off SET array_nulls = on SET xmloption = content
AS $$
DECLARE
    whole text[] := '{}';
    one text;
    kept jsonb;
    same boolean;
    a record;
BEGIN
    exact := coalesce(exact, '{}');
    FOR a IN
        SELECT attname, atttypid, format_type(atttypid, atttypmod) AS type
        FROM pg_attribute
        WHERE attrelid = (SELECT typrelid FROM pg_type WHERE oid = pg_typeof(truth))
          AND attnum > 0 AND NOT attisdropped
        ORDER BY attnum
    LOOP
        kept := exact -> a.attname;
        IF NOT part ? a.attname THEN
            whole := whole || format('($1).%I', a.attname);
            CONTINUE;
        ELSIF jsonb_typeof(kept) = 'object' AND kept ? 'bytes' THEN
            one := pg_temp.sent(truth, a.attname, a.atttypid);
            whole := whole || CASE WHEN one IN (kept ->> 'bytes', pg_temp.reversed_bytes(kept ->> 'bytes'))
                              THEN format('($3).%I', a.attname) ELSE 'NULL' END;
            CONTINUE;
        ELSIF jsonb_typeof(kept) = 'string' THEN
            one := format('%L::%s', kept #>> '{}', a.type);
        ELSE
            one := format('(jsonb_populate_record($1, jsonb_build_object(%L, $2 -> %1$L))).%1$I',
                a.attname);
        END IF;
        -- Some values have output and no input: there is nothing but what the log shows to compare.
        BEGIN
            EXECUTE 'SELECT ' || one USING base, part;
        EXCEPTION WHEN feature_not_supported OR ambiguous_function THEN
            EXECUTE format('SELECT coalesce(CASE jsonb_typeof($2) WHEN ''string'' THEN ($1).%I::text = $2 #>> ''{}''
                ELSE to_jsonb(($1).%1$I) = $2 END, false)', a.attname) INTO same
            USING truth, coalesce(kept, part -> a.attname);
            one := CASE WHEN same THEN format('($3).%I', a.attname) ELSE 'NULL' END;
        WHEN OTHERS THEN
            one := 'NULL';
        END;
        whole := whole || one;
    END LOOP;
    EXECUTE 'SELECT ' || array_to_string(whole, ', ') INTO result USING base, part, truth;
END $$;

-- Name the fields whose stored bytes differ.
CREATE OR REPLACE FUNCTION pg_temp.changed(a anyelement, b anyelement) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    names text[];
BEGIN
    EXECUTE (
        SELECT format('SELECT ARRAY(SELECT n FROM unnest(ARRAY[%s]::text[]) n WHERE n IS NOT NULL ORDER BY n)',
            string_agg(format('CASE WHEN pg_catalog.record_image_ne(ROW(($1).%I), ROW(($2).%1$I)) THEN %1$L END', attname), ', '))
        FROM pg_catalog.pg_attribute
        WHERE attrelid = (SELECT typrelid FROM pg_catalog.pg_type WHERE oid = pg_typeof(a))
          AND attnum > 0 AND NOT attisdropped
    ) INTO names USING a, b;
    RETURN names;
END $$;

CREATE OR REPLACE FUNCTION pg_temp.field_names(part jsonb) RETURNS text[] LANGUAGE sql AS $$
    SELECT ARRAY(SELECT n FROM pg_catalog.jsonb_object_keys(part) n ORDER BY n)
$$;

-- Compare one part of a log entry with the row that it should restore.
CREATE OR REPLACE FUNCTION pg_temp.restore_problems(label text, part jsonb, exact jsonb, base anyelement, truth anyelement)
RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    IF pg_temp.restored(part, exact, base, truth) OPERATOR(pg_catalog.*<>) truth THEN
        RETURN NEXT format('%s does not restore %s: %s, exact %s', label,
            pg_temp.changed(pg_temp.restored(part, exact, base, truth), truth), left(part::text, 300),
            left(exact::text, 300));
    END IF;
END $$;

-- Compare what was recorded after `mark` with what happened to one row; NULL for no row.
CREATE OR REPLACE FUNCTION pg_temp.entry_problems(label text, of_collection text, mark bigint, was anyelement, became anyelement)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    wanted text;
    fields text[];
    entries bigint;
    entry record;
    data_before jsonb;
BEGIN
    wanted := CASE WHEN was IS NULL THEN 'create' WHEN became IS NULL THEN 'delete' ELSE 'update' END;
    fields := pg_temp.changed(was, became);
    SELECT count(*) INTO entries FROM directus_versions.revisions r
    WHERE r.collection = of_collection AND r.id > mark;
    IF wanted = 'update' AND fields = '{}' THEN
        IF entries <> 0 THEN
            RETURN NEXT format('%s: nothing changed, and %s revisions were recorded', label, entries);
        END IF;
        RETURN;
    END IF;
    IF entries <> 1 THEN
        RETURN NEXT format('%s: %s revisions for one %s of %s', label, entries, wanted, fields);
        RETURN;
    END IF;
    SELECT l.delta, l.prior, l.exact, r.data, v.action INTO entry
    FROM directus_versions.log l
    JOIN directus_versions.revisions r ON r.id = l.id
    JOIN directus_versions.activity v ON v.id = r.activity
    WHERE r.collection = of_collection AND r.id > mark;
    IF entry.action <> wanted THEN
        RETURN NEXT format('%s: recorded as %s, not %s', label, entry.action, wanted);
    END IF;
    IF wanted <> 'update' THEN
        fields := ARRAY(SELECT attname::text AS n FROM pg_catalog.pg_attribute
            WHERE attrelid = (SELECT typrelid FROM pg_catalog.pg_type WHERE oid = pg_typeof(was))
              AND attnum > 0 AND NOT attisdropped ORDER BY n);
    END IF;
    IF wanted <> 'delete' THEN
        IF pg_temp.field_names(entry.delta) <> fields THEN
            RETURN NEXT format('%s: delta has %s, changed were %s', label, pg_temp.field_names(entry.delta), fields);
        END IF;
        RETURN QUERY SELECT pg_temp.restore_problems(label || ', delta', entry.delta, entry.exact -> 'delta', was, became);
    END IF;
    IF wanted <> 'create' THEN
        IF pg_temp.field_names(entry.prior) <> fields THEN
            RETURN NEXT format('%s: prior has %s, changed were %s', label, pg_temp.field_names(entry.prior), fields);
        END IF;
        RETURN QUERY SELECT pg_temp.restore_problems(label || ', prior', entry.prior, entry.exact -> 'prior', became, was);
    END IF;
    SELECT r.data INTO data_before FROM directus_versions.revisions r
    WHERE r.collection = of_collection AND r.id <= mark ORDER BY r.id DESC LIMIT 1;
    IF entry.data::text IS DISTINCT FROM (CASE wanted WHEN 'create' THEN entry.delta
            WHEN 'update' THEN data_before || entry.delta ELSE entry.prior END)::text THEN
        RETURN NEXT format('%s: data is %s', label, left(entry.data::text, 300));
    END IF;
END $$;

-- Take item 1 of a tracked table `(id, …)` through its samples, each an SQL list of the other
-- columns' values, and NULL in all of them; every step twice, the second must record nothing.
CREATE OR REPLACE FUNCTION pg_temp.round_trip(target regclass, samples text[]) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
    columns text;
    nothing text;
    sample text;
    step text;
    steps text[];
    of_collection text;
    mark bigint;
BEGIN
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum), string_agg('NULL', ', ')
    INTO columns, nothing
    FROM pg_attribute WHERE attrelid = target AND attnum > 0 AND NOT attisdropped AND attname <> 'id';
    SELECT CASE nspname WHEN 'public' THEN relname::text ELSE nspname || '.' || relname END
    INTO of_collection
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = target;
    FOREACH sample IN ARRAY samples || nothing || samples[1] LOOP
        step := format('UPDATE %s SET (%s) = ROW(%s)', target, columns, sample);
        IF steps IS NULL THEN
            steps := ARRAY[format('INSERT INTO %s (id, %s) VALUES (1, %s)', target, columns, sample), step];
        ELSE
            steps := steps || step || step;
        END IF;
    END LOOP;
    steps := steps || format('DELETE FROM %s', target)
        || format('INSERT INTO %s (id) VALUES (1)', target) || format('DELETE FROM %s', target);
    EXECUTE format('CREATE TEMP TABLE round_trip_rows (before %s, after %1$s)', target);
    INSERT INTO round_trip_rows DEFAULT VALUES;
    FOREACH step IN ARRAY steps LOOP
        SELECT coalesce(max(id), 0) INTO mark FROM directus_versions.revisions r WHERE r.collection = of_collection;
        UPDATE round_trip_rows SET before = after;
        EXECUTE step;
        EXECUTE format('UPDATE round_trip_rows SET after = (SELECT round_trip_row FROM %s round_trip_row)', target);
        RETURN QUERY SELECT pg_temp.entry_problems(left(step, 120), of_collection, mark, before, after)
            FROM round_trip_rows;
    END LOOP;
    DROP TABLE round_trip_rows;
END $$;
