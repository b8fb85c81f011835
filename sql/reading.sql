-- Items as they were: each function runs with the rights of its caller, who sees of the log what the views would show.

CREATE FUNCTION history(target regclass, item text) RETURNS TABLE (
    revision bigint, action text, actor text, "timestamp" timestamptz, delta jsonb, prior jsonb, data jsonb, comment text,
    version uuid
)
LANGUAGE c STABLE STRICT ROWS 50 SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'directus_versions_history';
COMMENT ON FUNCTION history(regclass, text) IS
'The revisions of an item, oldest first, across changes of its key: delta is what each changed, prior what that was before, data the item after it, NULL where nothing tells it. 55000 for a table that was never tracked, 42501 unless the caller may select from it, and its key. Under row security of the table, an item is shown while its row is visible. Needs level read';

CREATE FUNCTION history(target regclass, item bigint) RETURNS TABLE (
    revision bigint, action text, actor text, "timestamp" timestamptz, delta jsonb, prior jsonb, data jsonb, comment text,
    version uuid
)
LANGUAGE c STABLE STRICT ROWS 50 SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'directus_versions_history';
COMMENT ON FUNCTION history(regclass, bigint) IS 'As history(regclass, text)';

CREATE FUNCTION history(target regclass, item uuid) RETURNS TABLE (
    revision bigint, action text, actor text, "timestamp" timestamptz, delta jsonb, prior jsonb, data jsonb, comment text,
    version uuid
)
LANGUAGE c STABLE STRICT ROWS 50 SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'directus_versions_history';
COMMENT ON FUNCTION history(regclass, uuid) IS 'As history(regclass, text)';

CREATE FUNCTION item_at(target regclass, item text, at timestamptz) RETURNS jsonb
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'directus_versions_item_at';
COMMENT ON FUNCTION item_at(regclass, text, timestamptz) IS
'An item as it was then; before tracking began, as it was when it did. NULL if it did not exist or nothing tells what it was. Errors and rights as for history. Needs level read';

CREATE FUNCTION item_at(target regclass, item bigint, at timestamptz) RETURNS jsonb
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'directus_versions_item_at';
COMMENT ON FUNCTION item_at(regclass, bigint, timestamptz) IS 'As item_at(regclass, text, timestamptz)';

CREATE FUNCTION item_at(target regclass, item uuid, at timestamptz) RETURNS jsonb
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'directus_versions_item_at';
COMMENT ON FUNCTION item_at(regclass, uuid, timestamptz) IS 'As item_at(regclass, text, timestamptz)';
