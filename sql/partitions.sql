-- The partitions of the log: one for each month, made ahead of time.
--
-- They are no members of the extension, so that a dump carries them with their rows. The default partition takes what has
-- no partition of its own, so no write ever waits for one to be made.

CREATE FUNCTION _partitions() RETURNS TABLE (relation regclass, is_default boolean, since timestamptz, until timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' AS $$
    SELECT p.oid::regclass, p.bound = 'DEFAULT',
        (pg_catalog.regexp_match(p.bound, $re$FROM \('([^']*)'\)$re$))[1]::timestamptz,
        (pg_catalog.regexp_match(p.bound, $re$TO \('([^']*)'\)$re$))[1]::timestamptz
    FROM (
        SELECT c.oid, pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound
        FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'directus_versions.log'::regclass AND NOT i.inhdetachpending
    ) AS p
    ORDER BY 2, 3 NULLS FIRST
$$;
COMMENT ON FUNCTION _partitions() IS 'The partitions of the log and their bounds, the oldest first, the default one last';

CREATE FUNCTION _missing_months() RETURNS SETOF timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    SELECT m.month
    FROM (
        SELECT pg_catalog.date_trunc('month', pg_catalog.statement_timestamp()) + ahead * interval '1 month'
        FROM pg_catalog.generate_series(0, 3) AS ahead
        UNION
        SELECT DISTINCT pg_catalog.date_trunc('month', d.at) FROM directus_versions.log_default AS d
    ) AS m (month)
    WHERE NOT EXISTS (
        SELECT FROM directus_versions._partitions() AS p
        WHERE NOT p.is_default AND COALESCE(p.since < m.month + interval '1 month', true)
            AND COALESCE(p.until > m.month, true))
    ORDER BY m.month
$$;
COMMENT ON FUNCTION _missing_months() IS
'The months (UTC) that should have a partition and have none: this one, the next three, and those of rows in the default partition';

CREATE FUNCTION _make_partition(month timestamptz) RETURNS regclass
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD'
SET default_tablespace = '' SET default_table_access_method = heap AS $$
DECLARE
    made name := 'log_' || pg_catalog.to_char(month, 'YYYYMM');
    catch_all pg_catalog.pg_class;
    grantee regrole;
BEGIN
    SELECT * INTO catch_all FROM pg_catalog.pg_class AS c WHERE c.oid = 'directus_versions.log_default'::regclass;
    -- A partition that was detached keeps its name.
    WHILE pg_catalog.to_regclass('directus_versions.' || made) IS NOT NULL LOOP
        made := made || '_';
    END LOOP;
    -- The check spares ATTACH the look at every row, under a lock; here and in a restore.
    EXECUTE pg_catalog.format(
        'CREATE TABLE directus_versions.%I (LIKE directus_versions.log INCLUDING ALL, CONSTRAINT bounds CHECK (at >= %L AND at < %L)) %s %s',
        made, month, month + interval '1 month',
        'WITH (' || pg_catalog.array_to_string(catch_all.reloptions, ', ') || ')',
        (SELECT pg_catalog.format('TABLESPACE %I', t.spcname) FROM pg_catalog.pg_tablespace AS t WHERE t.oid = catch_all.reltablespace));
    EXECUTE pg_catalog.format('CREATE INDEX ON directus_versions.%I (id)', made);
    EXECUTE pg_catalog.format('CREATE INDEX ON directus_versions.%I (collection, item directus_versions.item_ops, id)', made);
    EXECUTE pg_catalog.format(
        'CREATE INDEX ON directus_versions.%I USING brin (transaction directus_versions.transaction_ops, at, id) WITH (pages_per_range = 32)', made);
    EXECUTE pg_catalog.format('ALTER TABLE directus_versions.%I REPLICA IDENTITY FULL', made);
    EXECUTE pg_catalog.format('COMMENT ON TABLE directus_versions.%I IS %L', made,
        'Rows of the log of ' || pg_catalog.to_char(month, 'YYYY-MM') || ' (UTC)');
    -- The guard of each row comes with ATTACH; one of a statement does not.
    EXECUTE pg_catalog.format(
        'CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON directus_versions.%I FOR EACH STATEMENT EXECUTE FUNCTION directus_versions._guard()', made);
    EXECUTE pg_catalog.format('ALTER TABLE directus_versions.%I ENABLE ALWAYS TRIGGER guard_truncate', made);
    EXECUTE pg_catalog.format('COMMENT ON TRIGGER guard_truncate ON directus_versions.%I IS %L', made, 'Recorded history cannot be removed');
    -- What the owner's default privileges may have given.
    FOR grantee IN
        SELECT DISTINCT a.grantee::regrole
        FROM pg_catalog.pg_class AS c, LATERAL pg_catalog.aclexplode(c.relacl) AS a
        WHERE c.oid = ('directus_versions.' || made)::regclass AND a.grantee NOT IN (0, c.relowner)
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON directus_versions.%I FROM %s', made, grantee);
    END LOOP;
    EXECUTE pg_catalog.format('REVOKE ALL ON directus_versions.%I FROM PUBLIC', made);
    RETURN ('directus_versions.' || made)::regclass;
END $$;
COMMENT ON FUNCTION _make_partition(timestamptz) IS 'Makes the table that is to be the log''s partition of a month (UTC), empty and not attached';

CREATE FUNCTION _attach_partition(made regclass, month timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
BEGIN
    EXECUTE pg_catalog.format('ALTER TABLE directus_versions.log ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
        made, month, month + interval '1 month');
END $$;
COMMENT ON FUNCTION _attach_partition(regclass, timestamptz) IS 'Makes a table the log''s partition of a month (UTC)';

CREATE FUNCTION _fill_partition(made regclass, month timestamptz, since xid) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET synchronize_seqscans = off AS $$
DECLARE
    copied bigint;
BEGIN
    IF since IS NULL THEN
        EXECUTE pg_catalog.format(
            'INSERT INTO %s SELECT d.* FROM directus_versions.log_default AS d WHERE d.at >= $1 AND d.at < $2', made)
        USING month, month + interval '1 month';
    ELSE
        EXECUTE pg_catalog.format(
            'INSERT INTO %s SELECT d.* FROM directus_versions.log_default AS d
            WHERE d.at >= $1 AND d.at < $2 AND pg_catalog.age(d.xmin) <= pg_catalog.age($3)
                AND NOT EXISTS (SELECT FROM %1$s AS l WHERE l.id = d.id)',
            made)
        USING month, month + interval '1 month', since;
    END IF;
    GET DIAGNOSTICS copied = ROW_COUNT;
    RETURN copied;
END $$;
COMMENT ON FUNCTION _fill_partition(regclass, timestamptz, xid) IS
'Copies a month of the default partition, or what transactions from that one on have written of it and is not there yet; returns how many rows';

-- Locks that would make writers wait behind them are asked for again and again, and never for longer than an instant. All
-- or none: nobody waits for one while another is waited for.
CREATE FUNCTION _lock_briefly(relations regclass[], mode text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
    relation regclass;
BEGIN
    FOR attempt IN 1..40 LOOP
        BEGIN
            FOREACH relation IN ARRAY relations LOOP
                EXECUTE pg_catalog.format('LOCK TABLE ONLY %s IN %s MODE', relation, mode);
            END LOOP;
            RETURN true;
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected THEN
                PERFORM pg_catalog.pg_sleep(0.02 * attempt * (0.5 + pg_catalog.random()));
        END;
    END LOOP;
    RETURN false;
END $$;
COMMENT ON FUNCTION _lock_briefly(regclass[], text) IS
'Locks tables as soon as nobody is in the way, without ever waiting for longer than 50 ms; false when that did not come in about 16 s';

CREATE FUNCTION _exchange_partitions(months timestamptz[], doomed regclass[]) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET directus_versions.allow_drop = on AS $$
DECLARE
    month timestamptz;
    partition regclass;
    made regclass[] := '{}';
    seen pg_snapshot := pg_catalog.pg_current_snapshot();
    copied bigint := 0;
    present bigint := 0;
    locked regclass[] := '{}';
BEGIN
    IF months = '{}' AND doomed = '{}' THEN
        RETURN true;
    END IF;
    -- All of this is undone where the locks do not come.
    BEGIN
        IF NOT directus_versions._lock_briefly(ARRAY['directus_versions.log'::regclass], 'SHARE UPDATE EXCLUSIVE') THEN
            RAISE lock_not_available;
        END IF;
        -- First what takes long, while the default partition may still be written to.
        FOREACH month IN ARRAY months LOOP
            partition := directus_versions._make_partition(month);
            made := made || partition;
            copied := copied + directus_versions._fill_partition(partition, month, NULL);
        END LOOP;
        IF doomed <> '{}' THEN
            locked := locked || 'directus_versions.log'::regclass;
        END IF;
        IF months <> '{}' THEN
            locked := locked || 'directus_versions.log_default'::regclass;
        END IF;
        IF NOT directus_versions._lock_briefly(locked, 'ACCESS EXCLUSIVE') THEN
            RAISE lock_not_available;
        END IF;
        IF months <> '{}' THEN
            SELECT pg_catalog.count(*) INTO present FROM directus_versions.log_default;
            IF present > copied THEN
                -- What came meanwhile: rows of transactions that had not ended when the first look began.
                FOR i IN 1..pg_catalog.cardinality(months) LOOP
                    copied := copied + directus_versions._fill_partition(
                        made[i], months[i], pg_catalog.pg_snapshot_xmin(seen)::xid);
                END LOOP;
            END IF;
            -- Nothing is taken away that was not copied, as a row of a month of which another partition has a part.
            IF present <> copied THEN
                RAISE EXCEPTION USING ERRCODE = 'DV001';
            END IF;
            IF pg_catalog.pg_relation_size('directus_versions.log_default') > 0 THEN
                ALTER TABLE directus_versions.log_default DISABLE TRIGGER guard_truncate;
                TRUNCATE ONLY directus_versions.log_default;
                ALTER TABLE directus_versions.log_default ENABLE ALWAYS TRIGGER guard_truncate;
            END IF;
            FOR i IN 1..pg_catalog.cardinality(months) LOOP
                PERFORM directus_versions._attach_partition(made[i], months[i]);
            END LOOP;
        END IF;
        FOREACH partition IN ARRAY doomed LOOP
            EXECUTE pg_catalog.format('DROP TABLE %s', partition);
        END LOOP;
        RETURN true;
    EXCEPTION
        WHEN lock_not_available THEN
            RAISE WARNING 'the log is in use' USING
                ERRCODE = '55P03',
                DETAIL = 'A transaction that has written to its default partition, or reads it, goes on. What it holds stays there, and is found there.',
                HINT = 'Call directus_versions.maintain again later.';
            RETURN false;
        WHEN SQLSTATE 'DV001' THEN
            RAISE WARNING 'the default partition of the log has rows of a month of which another partition has a part' USING
                ERRCODE = '55000',
                DETAIL = 'What it holds stays there, and is found there.',
                HINT = 'Partitions that were made by hand have to hold whole months (UTC).';
            RETURN false;
    END;
END $$;
COMMENT ON FUNCTION _exchange_partitions(timestamptz[], regclass[]) IS
'Makes the partitions of these months, moves what the default partition holds to them, and drops others; false, and nothing done, where the log is in use for too long';
