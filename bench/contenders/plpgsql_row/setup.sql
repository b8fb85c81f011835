-- What most people write: a trigger for each row, the whole row before and after as jsonb.
CREATE TABLE audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    actor      text,
    action     text NOT NULL,
    collection text NOT NULL,
    item       text NOT NULL,
    old        jsonb,
    new        jsonb
);
CREATE INDEX ON audit (collection, item);
ALTER DATABASE :database SET app.actor = 'ada';

CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit (actor, action, collection, item, new)
        VALUES (current_setting('app.actor', true), TG_OP, TG_TABLE_NAME, NEW.id, to_jsonb(NEW));
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO audit (actor, action, collection, item, old, new)
        VALUES (current_setting('app.actor', true), TG_OP, TG_TABLE_NAME, NEW.id, to_jsonb(OLD), to_jsonb(NEW));
    ELSE
        INSERT INTO audit (actor, action, collection, item, old)
        VALUES (current_setting('app.actor', true), TG_OP, TG_TABLE_NAME, OLD.id, to_jsonb(OLD));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON :table FOR EACH ROW EXECUTE FUNCTION audit();
