-- The triggers of tracked tables, and the guard of the log.

CREATE FUNCTION _capture_row() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_capture_row';
COMMENT ON FUNCTION _capture_row() IS
'AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW: records the change. Argument: the collection''s id. 42501 where directus_versions.require_actor is on and no actor is set';

CREATE FUNCTION _capture_statement() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_capture_statement';
COMMENT ON FUNCTION _capture_statement() IS
'AFTER INSERT OR UPDATE OR DELETE FOR EACH STATEMENT: writes what the rows'' triggers gathered';

CREATE FUNCTION _capture_truncate() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'directus_versions_capture_truncate';
COMMENT ON FUNCTION _capture_truncate() IS
'BEFORE TRUNCATE FOR EACH STATEMENT: records the statement and a delete for each row';

CREATE FUNCTION _guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'recorded history cannot be changed' USING
        ERRCODE = '42501',
        DETAIL = pg_catalog.format('%s on table "%s" was refused.', TG_OP, TG_TABLE_NAME);
END $$;
COMMENT ON FUNCTION _guard() IS 'Refuses to change or delete what is recorded (42501), whoever tries';

CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON log FOR EACH ROW EXECUTE FUNCTION _guard();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON log FOR EACH STATEMENT EXECUTE FUNCTION _guard();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON log_default FOR EACH STATEMENT EXECUTE FUNCTION _guard();
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON context FOR EACH ROW EXECUTE FUNCTION _guard();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON context FOR EACH STATEMENT EXECUTE FUNCTION _guard();
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON layout FOR EACH ROW EXECUTE FUNCTION _guard();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON layout FOR EACH STATEMENT EXECUTE FUNCTION _guard();
ALTER TABLE log ENABLE ALWAYS TRIGGER guard;
ALTER TABLE log ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE log_default ENABLE ALWAYS TRIGGER guard;
ALTER TABLE log_default ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE context ENABLE ALWAYS TRIGGER guard;
ALTER TABLE context ENABLE ALWAYS TRIGGER guard_truncate;
ALTER TABLE layout ENABLE ALWAYS TRIGGER guard;
ALTER TABLE layout ENABLE ALWAYS TRIGGER guard_truncate;

COMMENT ON TRIGGER guard ON log IS 'Recorded history cannot be changed';
COMMENT ON TRIGGER guard_truncate ON log IS 'Recorded history cannot be removed';
COMMENT ON TRIGGER guard_truncate ON log_default IS 'Recorded history cannot be removed';
COMMENT ON TRIGGER guard ON context IS 'Recorded history cannot be changed';
COMMENT ON TRIGGER guard_truncate ON context IS 'Recorded history cannot be removed';
COMMENT ON TRIGGER guard ON layout IS 'Recorded history cannot be changed';
COMMENT ON TRIGGER guard_truncate ON layout IS 'Recorded history cannot be removed';
