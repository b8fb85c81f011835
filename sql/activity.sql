-- Who acts, and events of the application's own.

CREATE FUNCTION set_context(
    actor text DEFAULT NULL, ip text DEFAULT NULL, user_agent text DEFAULT NULL, origin text DEFAULT NULL,
    comment text DEFAULT NULL, request_id text DEFAULT NULL, is_local boolean DEFAULT true
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_catalog.set_config('directus_versions.' || setting.name, setting.value, COALESCE(is_local, true))
    FROM (VALUES
        ('actor', actor), ('ip', ip), ('user_agent', user_agent), ('origin', origin),
        ('comment', comment), ('request_id', request_id)
    ) AS setting (name, value)
    WHERE setting.value IS NOT NULL;
END $$;
COMMENT ON FUNCTION set_context(text, text, text, text, text, text, boolean) IS
'Sets who the application is acting for and from where; what is not given stays as it is. is_local: until the end of the transaction, else of the session. Anyone may call it';

CREATE FUNCTION log_activity(
    action text, collection text DEFAULT NULL, item text DEFAULT NULL, comment text DEFAULT NULL
) RETURNS bigint
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_log_activity';
COMMENT ON FUNCTION log_activity(text, text, text, text) IS
'Records an event of the application''s own, such as login or export, and returns the activity''s id. 22023 for an empty action and for those that this extension records itself: create, update, delete, truncate, comment, revert, promote, version_create, version_save, version_discard, version_rename, version_drop, track, set_scope, untrack, relink, set_retention and purge; 42501 where the collection is a table that the caller may not select from. Needs level write';

CREATE FUNCTION _last_key(target regclass) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.last_key FROM directus_versions.collection AS c WHERE c.relation = target
$$;
COMMENT ON FUNCTION _last_key(regclass) IS 'The columns that name an item of a table; NULL if it was never tracked';

CREATE FUNCTION __has_history(target regclass, item text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM directus_versions.log AS l JOIN directus_versions.collection AS c ON c.id = l.collection
        WHERE c.relation = target AND l.item = directus_versions._item_key($2))
$$;
COMMENT ON FUNCTION __has_history(regclass, text) IS 'Whether anything was recorded of an item, whoever asks';

CREATE FUNCTION _has_history(target regclass, item text) RETURNS boolean
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_has_history';
COMMENT ON FUNCTION _has_history(regclass, text) IS
'Whether anything was recorded of an item, for a caller who may see all of the table; false for others';

CREATE FUNCTION _check_item(target regclass, item text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Where row security hides the live row, that the item has a history is hidden too.
    IF NOT directus_versions._has_history(target, item)
        AND NOT directus_versions._row_visible(target, directus_versions._last_key(target), item)
    THEN
        RAISE EXCEPTION 'item "%" of table "%" does not exist', item, directus_versions._collection_name(target)
            USING ERRCODE = 'P0002';
    END IF;
END $$;
COMMENT ON FUNCTION _check_item(regclass, text) IS 'Refuses an item that is not and never was there, as far as the caller may see (P0002)';

CREATE FUNCTION comment(target regclass, item text, comment text) RETURNS bigint
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'directus_versions_comment';
COMMENT ON FUNCTION comment(regclass, text, text) IS
'Records a comment on an item and returns the activity''s id. 55000 if the table is not tracked, 42501 if the caller may not select from it, P0002 if the item was never there, 22023 for an empty comment. Needs level write';

CREATE FUNCTION comment(target regclass, item bigint, comment text) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$ SELECT directus_versions.comment($1, $2::text, $3) $$;
COMMENT ON FUNCTION comment(regclass, bigint, text) IS 'As comment(regclass, text, text)';

CREATE FUNCTION comment(target regclass, item uuid, comment text) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$ SELECT directus_versions.comment($1, $2::text, $3) $$;
COMMENT ON FUNCTION comment(regclass, uuid, text) IS 'As comment(regclass, text, text)';
