-- Replays a table's log by what it says alone, and compares with the live rows by their bytes.
-- The entries of one command happen at once: `SET id = id + 1` leaves every key and takes it again.
CREATE OR REPLACE FUNCTION pg_temp.replay_problems(target regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    entry record;
    step text := '';
    old_id text;
    matched bigint;
BEGIN
    DROP TABLE IF EXISTS replay_model, replay_next;
    EXECUTE format('CREATE TEMP TABLE replay_model (id text PRIMARY KEY, state %s)', target);
    EXECUTE format('CREATE TEMP TABLE replay_next (id text, state %s)', target);
    FOR entry IN
        SELECT r.id, v.action, r.item, r.prior, l.change, v.transaction || '/' || l.command AS step
        FROM directus_versions.revisions r
        JOIN directus_versions.activity v ON v.id = r.activity
        JOIN directus_versions.log l ON l.id = r.id
        WHERE r.collection = (SELECT relname FROM pg_class WHERE oid = target)
        ORDER BY min(r.id) OVER (PARTITION BY v.transaction, l.command), r.id
    LOOP
        IF entry.step <> step THEN
            INSERT INTO replay_model TABLE replay_next;
            TRUNCATE replay_next;
            step := entry.step;
        END IF;
        old_id := CASE WHEN entry.action <> 'create' THEN coalesce(entry.prior ->> 'id', entry.item) END;
        IF entry.action = 'create' THEN
            EXECUTE format('INSERT INTO replay_next
                SELECT $2, directus_versions._overlaid(NULL::%s, $1, true)', target)
            USING entry.change, entry.item;
            CONTINUE;
        END IF;
        EXECUTE format('SELECT count(*) FROM replay_model
            WHERE id = $2 AND directus_versions._overlaid(state, $1, false) *= state')
        INTO matched USING entry.change, old_id;
        IF matched <> 1 THEN
            RETURN NEXT format('revision %s, %s of %s: prior is not the state before', entry.id, entry.action, old_id);
        END IF;
        IF entry.action = 'update' THEN
            EXECUTE format('INSERT INTO replay_next
                SELECT $2, directus_versions._overlaid(state, $1, true) FROM replay_model WHERE id = $3')
            USING entry.change, entry.item, old_id;
        END IF;
        DELETE FROM replay_model WHERE id = old_id;
    END LOOP;
    INSERT INTO replay_model TABLE replay_next;
    RETURN QUERY EXECUTE format(
        'SELECT format(''item %%s is %%s, the log says %%s'', coalesce(m.id, live.id::text), left(live::text, 500), left(state::text, 500))
         FROM replay_model m FULL JOIN %s live ON live.id::text = m.id
         WHERE m.id IS NULL OR live.id IS NULL OR state *<> live', target);
    DROP TABLE replay_model, replay_next;
END $$;

-- Text that no compression makes small.
CREATE OR REPLACE FUNCTION pg_temp.long(seed int) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(md5((seed * i)::text), '') FROM generate_series(1, 200) i
$$;
