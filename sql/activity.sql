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
'Records an event of the application''s own, such as login or export, and returns the activity''s id. 22023 for an empty action and for create, update, delete and truncate, which tracked tables record. Needs level write';

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
