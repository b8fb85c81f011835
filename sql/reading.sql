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

CREATE FUNCTION _as_of_support(request internal) RETURNS internal
LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'directus_versions_as_of_support';
COMMENT ON FUNCTION _as_of_support(internal) IS 'Tells the planner how many rows as_of gives';

CREATE FUNCTION as_of("like" anyelement, at timestamptz) RETURNS SETOF anyelement
LANGUAGE c STABLE SUPPORT directus_versions._as_of_support
AS 'MODULE_PATHNAME', 'directus_versions_as_of';
COMMENT ON FUNCTION as_of(anyelement, timestamptz) IS
'A whole table as it was then, as rows of its own type: as_of(NULL::articles, ''2026-01-01''). What changed later is taken back from the live rows; before tracking began, from the earliest that is known. Excluded and masked fields have their live value. 42809 for anything but a row of a table, 55000 for a table that was never tracked, 42501 unless the caller may select every column. Row security of the table applies, and rows deleted since are not shown under it. Needs level read';

CREATE FUNCTION diff(from_revision bigint, to_revision bigint DEFAULT NULL)
RETURNS TABLE (field text, old jsonb, new jsonb)
LANGUAGE c STABLE ROWS 10 SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'directus_versions_diff';
COMMENT ON FUNCTION diff(bigint, bigint) IS
'The fields that differ between two revisions, or between one and the live row where the second is NULL; a column that was not there at one of the times, and a row that is gone, is NULL. P0002 for a revision that does not exist or that the caller may not see, 22023 for revisions of different tables. Needs level read';

CREATE FUNCTION blame(target regclass, item text)
RETURNS TABLE (field text, value jsonb, revision bigint, actor text, "timestamp" timestamptz)
LANGUAGE c STABLE STRICT ROWS 10 SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'directus_versions_blame';
COMMENT ON FUNCTION blame(regclass, text) IS
'Who set each field''s present value: the last revision that changed it, who acted and when; NULL where that was not recorded. No rows for an item that is not there. Errors and rights as for history. Needs level read';

CREATE FUNCTION blame(target regclass, item bigint)
RETURNS TABLE (field text, value jsonb, revision bigint, actor text, "timestamp" timestamptz)
LANGUAGE c STABLE STRICT ROWS 10 SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'directus_versions_blame';
COMMENT ON FUNCTION blame(regclass, bigint) IS
'As blame(regclass, text)';

CREATE FUNCTION blame(target regclass, item uuid)
RETURNS TABLE (field text, value jsonb, revision bigint, actor text, "timestamp" timestamptz)
LANGUAGE c STABLE STRICT ROWS 10 SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'directus_versions_blame';
COMMENT ON FUNCTION blame(regclass, uuid) IS
'As blame(regclass, text)';
