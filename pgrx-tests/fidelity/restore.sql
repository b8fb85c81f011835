-- What the log kept, made values again, and compared with the stored bytes of the row it tells of.
-- Made anew for each test, in the session's own schema.

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

-- Compare one side of a log entry, laid over what the row was on the other, with the row that it should give.
CREATE OR REPLACE FUNCTION pg_temp.restore_problems(
    label text, shown jsonb, record directus_versions.change, is_new boolean, base anyelement, truth anyelement)
RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    IF directus_versions._overlaid(base, record, is_new) OPERATOR(pg_catalog.*<>) truth THEN
        RETURN NEXT format('%s does not restore %s: %s', label,
            pg_temp.changed(directus_versions._overlaid(base, record, is_new), truth), left(shown::text, 300));
    END IF;
-- Some values have output and no input: there is nothing but what the log shows to compare.
EXCEPTION WHEN feature_not_supported OR ambiguous_function THEN
    IF (directus_versions._row(truth) || shown)::text <> directus_versions._row(truth)::text THEN
        RETURN NEXT format('%s shows %s', label, left(shown::text, 300));
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
    SELECT r.delta, r.prior, l.change, r.data, v.action INTO entry
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
        RETURN QUERY SELECT pg_temp.restore_problems(label || ', delta', entry.delta, entry.change, true, was, became);
    END IF;
    IF wanted <> 'create' THEN
        IF pg_temp.field_names(entry.prior) <> fields THEN
            RETURN NEXT format('%s: prior has %s, changed were %s', label, pg_temp.field_names(entry.prior), fields);
        END IF;
        RETURN QUERY SELECT pg_temp.restore_problems(label || ', prior', entry.prior, entry.change, false, became, was);
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
