-- The same table filled once a statement, from transition tables.
\ir ../plpgsql_row/setup.sql
DROP TRIGGER audit ON :table;

CREATE OR REPLACE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit (actor, action, collection, item, new)
        SELECT current_setting('app.actor', true), TG_OP, TG_TABLE_NAME, n.id, to_jsonb(n) FROM new_rows AS n;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO audit (actor, action, collection, item, old, new)
        SELECT current_setting('app.actor', true), TG_OP, TG_TABLE_NAME, n.id, to_jsonb(o), to_jsonb(n)
        FROM old_rows AS o JOIN new_rows AS n USING (id);
    ELSE
        INSERT INTO audit (actor, action, collection, item, old)
        SELECT current_setting('app.actor', true), TG_OP, TG_TABLE_NAME, o.id, to_jsonb(o) FROM old_rows AS o;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_insert AFTER INSERT ON :table REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit();
CREATE TRIGGER audit_update AFTER UPDATE ON :table REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit();
CREATE TRIGGER audit_delete AFTER DELETE ON :table REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit();
