-- What functions that write a user's table say of their writes (src/pg/undertake.rs).

CREATE FUNCTION _announce(collection int, item text, source bigint, comment text) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_announce';
COMMENT ON FUNCTION _announce(int, text, bigint, text) IS
'The next write of an item is recorded with this source and comment. 42501 but within functions that go back or promote';

CREATE FUNCTION _callers_path() RETURNS text
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'directus_versions_callers_path';
COMMENT ON FUNCTION _callers_path() IS
'The search_path of whoever called, which the triggers of a user''s table see. 42501 but within functions that go back or promote';
