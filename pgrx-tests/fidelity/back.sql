-- Values put back by reverting, after an update and after a delete, and compared with the bytes that were stored.

-- Name the columns of a table but the key that its values are given for.
CREATE OR REPLACE FUNCTION pg_temp.value_columns(target regclass) RETURNS text LANGUAGE sql AS $$
    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(attname), ', ' ORDER BY attnum)
    FROM pg_catalog.pg_attribute WHERE attrelid = target AND attnum > 0 AND NOT attisdropped AND attname <> 'id'
$$;

-- Take item 1 of a tracked table `(id, …)` through its samples, each an SQL list of the other columns' values, and NULL
-- in all of them; then to each of these revisions again: from the last row, from the one before it, and from no row.
CREATE OR REPLACE FUNCTION pg_temp.there_and_back(target regclass, samples text[]) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
    columns CONSTANT text := pg_temp.value_columns(target);
    nothing CONSTANT text := (
        SELECT string_agg('NULL', ', ') FROM pg_attribute
        WHERE attrelid = target AND attnum > 0 AND NOT attisdropped AND attname <> 'id');
    of_collection CONSTANT text := (
        SELECT c.collection FROM directus_versions.collections c WHERE c.target = $1);
    sample text;
    action text := 'INSERT';
    known bigint;
    done bigint;
BEGIN
    EXECUTE format('CREATE TEMP TABLE back_rows (step int GENERATED ALWAYS AS IDENTITY, revision bigint, r %s)', target);
    FOREACH sample IN ARRAY samples || nothing || samples[1] LOOP
        EXECUTE CASE action
            WHEN 'INSERT' THEN format('INSERT INTO %s (id, %s) VALUES (1, %s)', target, columns, sample)
            ELSE format('UPDATE %s SET (%s) = ROW(%s)', target, columns, sample) END;
        action := 'UPDATE';
        EXECUTE format('INSERT INTO back_rows (revision, r)
            SELECT (SELECT max(id) FROM directus_versions.revisions WHERE collection = $1), back_row FROM %s back_row', target)
        USING of_collection;
    END LOOP;
    FOR known IN EXECUTE 'SELECT revision FROM back_rows ORDER BY step DESC' LOOP
        PERFORM directus_versions.revert(known);
        RETURN QUERY SELECT * FROM pg_temp.back_problems(target, known, 'reverted to');
    END LOOP;
    FOR known IN EXECUTE 'SELECT revision FROM back_rows ORDER BY step' LOOP
        PERFORM directus_versions.revert(known);
        RETURN QUERY SELECT * FROM pg_temp.back_problems(target, known, 'reverted forwards to');
        done := directus_versions.revert(known);
        IF done IS NOT NULL THEN
            RETURN NEXT format('reverted twice to %s: revision %s of no change', known, done);
        END IF;
        EXECUTE format('DELETE FROM %s', target);
        PERFORM directus_versions.revert(known);
        RETURN QUERY SELECT * FROM pg_temp.back_problems(target, known, 'brought back by');
        EXECUTE format('DELETE FROM %s', target);
        -- The delete's own revision is of the same row.
        EXECUTE 'SELECT directus_versions.revert(max(id)) FROM directus_versions.revisions WHERE collection = $1'
            INTO done USING of_collection;
        RETURN QUERY SELECT * FROM pg_temp.back_problems(target, known, 'brought back by the delete after');
    END LOOP;
    EXECUTE format('DELETE FROM %s', target);
    DROP TABLE back_rows;
END $$;

-- Compare the live row with the copy that was taken at a revision.
CREATE OR REPLACE FUNCTION pg_temp.back_problems(target regclass, of_revision bigint, what text) RETURNS SETOF text
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT CASE WHEN live.r IS NULL THEN format(''%%s %%s: there is no row'', $1, $2)
                ELSE format(''%%s %%s: other bytes in %%s'', $1, $2, pg_temp.changed(b.r, live.r)) END
         FROM (SELECT r FROM back_rows WHERE revision = $2 ORDER BY step LIMIT 1) b LEFT JOIN %s live(r) ON true
         WHERE live.r IS NULL OR live.r OPERATOR(pg_catalog.*<>) b.r', format('(SELECT back_row FROM %s back_row)', target))
    USING what, of_revision;
END $$;
