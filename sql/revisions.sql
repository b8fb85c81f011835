-- What the records of the log hold.

CREATE FUNCTION _delta(change) RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_delta';
COMMENT ON FUNCTION _delta(change) IS 'The new values of the fields that an update changed; NULL for other records';
CREATE FUNCTION _prior(change) RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_prior';
COMMENT ON FUNCTION _prior(change) IS 'The values before of the fields that an update changed; NULL for other records';
CREATE FUNCTION _whole(change) RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_whole';
COMMENT ON FUNCTION _whole(change) IS
'The row that was created or deleted, or the one after an update that kept it; NULL for other records';

-- What the views show of a record, which the action decides.
CREATE FUNCTION _delta(action "char", change) RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_delta_of';
COMMENT ON FUNCTION _delta("char", change) IS 'What a create or update made of the fields that it changed; NULL for other actions';
CREATE FUNCTION _prior(action "char", change) RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_prior_of';
COMMENT ON FUNCTION _prior("char", change) IS 'What the fields that an update or delete changed were before; NULL for other actions';

CREATE FUNCTION _overlaid(base anyelement, change, is_new boolean) RETURNS anyelement
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'directus_versions_overlaid';
COMMENT ON FUNCTION _overlaid(anyelement, change, boolean) IS
'A row with the new values of a record laid over it, or the old ones; 42809 for anything but a row of a table';

-- Where a revision belongs, for the check of the caller's rights there.
CREATE FUNCTION _key_at(revision bigint) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.last_key FROM directus_versions.log AS l JOIN directus_versions.collection AS c ON c.id = l.collection
    WHERE l.id = revision
$$;
COMMENT ON FUNCTION _key_at(bigint) IS 'The columns that name the items of a revision''s table';

CREATE FUNCTION _item_at(revision bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(l.long_item, l.item) FROM directus_versions.log AS l WHERE l.id = revision
$$;
COMMENT ON FUNCTION _item_at(bigint) IS 'The item of a revision';

CREATE FUNCTION _is_live(revision bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER COST 1 SET search_path = pg_catalog, pg_temp AS $$
    SELECT NOT EXISTS (
        SELECT FROM directus_versions.gap AS g WHERE g.collection = l.collection AND g.since > l.id AND g.rekeyed)
    AND NOT EXISTS (
        SELECT FROM directus_versions.log AS n
        WHERE n.collection = l.collection AND n.item = l.item AND n.id >= l.id
            AND (n.action IN ('d', 'm')
                OR n.id > l.id AND (n.action = 'c' OR n.action = 'u' AND n.former IS NOT NULL)))
    FROM directus_versions.log AS l WHERE l.id = revision
$$;
COMMENT ON FUNCTION _is_live(bigint) IS
'Whether the live row under a revision''s key is still the one it is of: a key used again is another item';

CREATE FUNCTION _data(revision bigint) RETURNS jsonb
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp COST 11
AS 'MODULE_PATHNAME', 'directus_versions_data';
COMMENT ON FUNCTION _data(bigint) IS
'The item after a revision, of the fields that the caller may select; NULL where it may not read the item';
