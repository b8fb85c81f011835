-- The tables of the extension: run once at installation, never edited after a release.
--
-- Names follow Directus (collection, item, delta, version, accountability) and PostgreSQL (relation, transaction).
-- What is recorded is marked with pg_extension_config_dump, so that pg_dump carries it.

-- A table as regclass says it, by its name: right in another cluster, and followed by pg_upgrade. Unlike regclass it can
-- be restored where the table was left out of the dump.
CREATE TYPE table_ref;
CREATE FUNCTION _table_ref_in(cstring) RETURNS table_ref
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_table_ref_in';
COMMENT ON FUNCTION _table_ref_in(cstring) IS 'The table of that name; 0 where there is none, and for a number. 42602 for what is no name';
CREATE FUNCTION _table_ref_out(table_ref) RETURNS cstring
LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'regclassout';
COMMENT ON FUNCTION _table_ref_out(table_ref) IS 'A table''s name';
CREATE FUNCTION _table_ref_recv(internal) RETURNS table_ref
LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'regclassrecv';
COMMENT ON FUNCTION _table_ref_recv(internal) IS 'A table''s OID';
CREATE FUNCTION _table_ref_send(table_ref) RETURNS bytea
LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'regclasssend';
COMMENT ON FUNCTION _table_ref_send(table_ref) IS 'A table''s OID';
CREATE TYPE table_ref (
    INPUT = _table_ref_in, OUTPUT = _table_ref_out, RECEIVE = _table_ref_recv, SEND = _table_ref_send,
    LIKE = pg_catalog.regclass, CATEGORY = 'N'
);
COMMENT ON TYPE table_ref IS 'A table, by its name where it is written; 0 where it does not exist, and for a number';
CREATE CAST (table_ref AS regclass) WITHOUT FUNCTION AS IMPLICIT;
COMMENT ON CAST (table_ref AS regclass) IS 'The same OID';
CREATE CAST (table_ref AS oid) WITHOUT FUNCTION AS IMPLICIT;
COMMENT ON CAST (table_ref AS oid) IS 'The same OID';
CREATE CAST (regclass AS table_ref) WITHOUT FUNCTION AS ASSIGNMENT;
COMMENT ON CAST (regclass AS table_ref) IS 'The same OID';

CREATE SEQUENCE collection_id AS int;
COMMENT ON SEQUENCE collection_id IS 'Ids of collections';

-- Positions of the columns are known to src/pg/scope.rs.
CREATE TABLE collection (
    id             int PRIMARY KEY,
    name           text NOT NULL,
    relation       table_ref,
    accountability text NOT NULL CHECK (accountability IN ('all', 'activity', 'none')),
    fields         text[],
    exclude        text[] NOT NULL DEFAULT '{}',
    "ignore"       text[] NOT NULL DEFAULT '{}',
    mask           text[] NOT NULL DEFAULT '{}',
    key            text[],
    snapshot       text NOT NULL CHECK (snapshot IN ('keyframes', 'always')),
    replicated     boolean NOT NULL DEFAULT false,
    tracked        boolean NOT NULL DEFAULT true,
    since          timestamptz NOT NULL DEFAULT statement_timestamp(),
    last_key       text[] NOT NULL,
    -- The table's OID as a number and its owner's name. A dump carries the number into a cluster where the table has
    -- another one, and that is how a restore is known; the owner's name outlives the table.
    relid          oid NOT NULL,
    owner          name NOT NULL,
    complete       boolean NOT NULL DEFAULT false
);
-- Known to src/pg/catalog.rs. A restore may bring several tables that are not there, until it is settled.
CREATE UNIQUE INDEX collection_relation_key ON collection (relation) WHERE relation <> 0;
-- For plans that do not know the relation, which cannot use that one.
CREATE INDEX collection_relation ON collection (relation);
COMMENT ON TABLE collection IS 'Each tracked or once tracked table, and what is recorded of it';
COMMENT ON COLUMN collection.name IS 'The table''s name, with its schema unless that is public';
COMMENT ON COLUMN collection.relation IS 'The table; NULL once it was dropped';
COMMENT ON COLUMN collection.fields IS 'The fields that are saved; NULL for all';
COMMENT ON COLUMN collection.exclude IS 'Fields that are never saved';
COMMENT ON COLUMN collection."ignore" IS 'Fields whose change alone records nothing';
COMMENT ON COLUMN collection.mask IS 'Fields saved as asterisks';
COMMENT ON COLUMN collection.key IS 'The fields that name an item, where they are not the primary key';
COMMENT ON COLUMN collection.relid IS 'The table''s OID when its attribute numbers were last noted';
COMMENT ON COLUMN collection.owner IS 'The table''s owner when that was last looked up';
COMMENT ON COLUMN collection.complete IS 'The table was empty when its record began, so each of its rows is in the log';
COMMENT ON COLUMN collection.last_key IS 'The fields that named an item when that was last looked up';

-- The columns of each table over time. A row holds from the log's id `since` on.
CREATE TABLE field (
    collection int NOT NULL,
    attnum     smallint NOT NULL,
    name       text NOT NULL,
    type       text NOT NULL,
    since      bigint NOT NULL,
    dropped    boolean NOT NULL DEFAULT false,
    PRIMARY KEY (collection, attnum, since)
);
COMMENT ON TABLE field IS 'The columns of each tracked table over time, by attribute number';

-- From the log's id `since` on, what was recorded before tells nothing of what comes: recording had stopped, or other
-- fields are saved.
CREATE TABLE gap (
    collection int NOT NULL,
    since      bigint NOT NULL,
    -- Items have other names since.
    rekeyed    boolean NOT NULL DEFAULT false,
    at         timestamptz NOT NULL DEFAULT pg_catalog.statement_timestamp(),
    PRIMARY KEY (collection, since)
);
COMMENT ON TABLE gap IS 'Where the record of a collection was interrupted';

-- Tables created later in these schemas are tracked. A name, since pg_upgrade refuses regnamespace; the OID follows a
-- renamed schema and is looked up anew after a restore.
CREATE TABLE tracked_schema (
    schema         name PRIMARY KEY,
    oid            oid NOT NULL,
    accountability text NOT NULL,
    role           name NOT NULL
);
COMMENT ON TABLE tracked_schema IS 'Schemas whose later tables are tracked as they are created';
COMMENT ON COLUMN tracked_schema.role IS 'Who asked for it: tables that this role does not own are left out';

CREATE SEQUENCE context_id AS int;
COMMENT ON SEQUENCE context_id IS 'Ids of contexts';

-- Positions of the columns are known to src/pg/actor.rs.
CREATE TABLE context (
    id                int PRIMARY KEY,
    hash              bigint NOT NULL,
    actor             text,
    ip                text,
    user_agent        text,
    origin            text,
    session_user_name text,
    role_name         text,
    application_name  text,
    cluster           bigint NOT NULL
);
CREATE INDEX context_hash ON context (hash);
COMMENT ON TABLE context IS 'Who acted and from where, each combination once or a few times';
COMMENT ON COLUMN context.cluster IS 'The cluster''s system identifier: transaction ids of another one mean nothing here';

CREATE SEQUENCE log_id;
COMMENT ON SEQUENCE log_id IS 'Ids of activities and revisions, in the order of writing';

CREATE SEQUENCE layout_id AS int;
COMMENT ON SEQUENCE layout_id IS 'Ids of layouts';

-- Positions of the columns are known to src/pg/layout.rs.
CREATE TABLE layout (
    id    int PRIMARY KEY,
    hash  bigint NOT NULL,
    names text[] NOT NULL,
    types int[] NOT NULL
);
CREATE INDEX layout_hash ON layout (hash);
COMMENT ON TABLE layout IS 'The fields of the records in the log, each combination once or a few times';
COMMENT ON COLUMN layout.types IS
'The type whose stored bytes a record has: its OID, the same in every cluster; 0 for JSON and text; -1 for a masked field';

-- Orders items by length first, so that numbers come in their order and new ones at the end of an index.
CREATE FUNCTION _item_order(text, text) RETURNS int
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_item_order';
COMMENT ON FUNCTION _item_order(text, text) IS 'Compares two items: the shorter one first, then by bytes';
CREATE FUNCTION _item_lt(text, text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT directus_versions._item_order($1, $2) < 0
$$;
COMMENT ON FUNCTION _item_lt(text, text) IS 'Compares two items: the shorter one first, then by bytes';
CREATE OPERATOR <* (LEFTARG = text, RIGHTARG = text, FUNCTION = _item_lt, COMMUTATOR = OPERATOR(directus_versions.>*), NEGATOR = OPERATOR(directus_versions.>=*));
COMMENT ON OPERATOR <* (text, text) IS 'Compares two items: the shorter one first, then by bytes';
CREATE FUNCTION _item_le(text, text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT directus_versions._item_order($1, $2) <= 0
$$;
COMMENT ON FUNCTION _item_le(text, text) IS 'Compares two items: the shorter one first, then by bytes';
CREATE OPERATOR <=* (LEFTARG = text, RIGHTARG = text, FUNCTION = _item_le, COMMUTATOR = OPERATOR(directus_versions.>=*), NEGATOR = OPERATOR(directus_versions.>*));
COMMENT ON OPERATOR <=* (text, text) IS 'Compares two items: the shorter one first, then by bytes';
CREATE FUNCTION _item_ge(text, text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT directus_versions._item_order($1, $2) >= 0
$$;
COMMENT ON FUNCTION _item_ge(text, text) IS 'Compares two items: the shorter one first, then by bytes';
CREATE OPERATOR >=* (LEFTARG = text, RIGHTARG = text, FUNCTION = _item_ge, COMMUTATOR = OPERATOR(directus_versions.<=*), NEGATOR = OPERATOR(directus_versions.<*));
COMMENT ON OPERATOR >=* (text, text) IS 'Compares two items: the shorter one first, then by bytes';
CREATE FUNCTION _item_gt(text, text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT directus_versions._item_order($1, $2) > 0
$$;
COMMENT ON FUNCTION _item_gt(text, text) IS 'Compares two items: the shorter one first, then by bytes';
CREATE OPERATOR >* (LEFTARG = text, RIGHTARG = text, FUNCTION = _item_gt, COMMUTATOR = OPERATOR(directus_versions.<*), NEGATOR = OPERATOR(directus_versions.<=*));
COMMENT ON OPERATOR >* (text, text) IS 'Compares two items: the shorter one first, then by bytes';
CREATE OPERATOR FAMILY item_ops USING btree;
-- All five operators: the server may sort by any that a family has an index order of.
CREATE OPERATOR CLASS item_ops FOR TYPE text USING btree FAMILY item_ops AS
    OPERATOR 1 <*, OPERATOR 2 <=*, OPERATOR 3 pg_catalog.=, OPERATOR 4 >=*, OPERATOR 5 >*, FUNCTION 1 _item_order(text, text);
COMMENT ON OPERATOR FAMILY item_ops USING btree IS 'Items, the shorter ones first';
COMMENT ON OPERATOR CLASS item_ops USING btree IS 'Items, the shorter ones first';

-- What a statement did to a row. A type of its own, since its bytes are trusted: nobody can make a value by hand.
CREATE TYPE change;
CREATE FUNCTION _change_in(cstring) RETURNS change
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'directus_versions_change_in';
COMMENT ON FUNCTION _change_in(cstring) IS 'Restores a record from a dump. 42501 for all but the extension''s owner';
CREATE FUNCTION _change_out(change) RETURNS cstring
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_change_out';
COMMENT ON FUNCTION _change_out(change) IS 'A record''s bytes in hexadecimal';
CREATE FUNCTION _change_recv(internal) RETURNS change
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'directus_versions_change_recv';
COMMENT ON FUNCTION _change_recv(internal) IS 'Restores a record''s bytes. 42501 for all but the extension''s owner';
CREATE FUNCTION _change_send(change) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'directus_versions_change_send';
COMMENT ON FUNCTION _change_send(change) IS 'A record''s bytes';
CREATE TYPE change (
    INPUT = _change_in, OUTPUT = _change_out, RECEIVE = _change_recv, SEND = _change_send,
    LIKE = pg_catalog.bytea, STORAGE = extended
);
COMMENT ON TYPE change IS 'What a statement did to a row: its fields before and after, or all of it';

-- Positions of the columns are known to src/pg/row.rs. Fixed-length columns come first, so that no byte is lost to
-- alignment, and those that are nearly always NULL last, so that a row ends before them. Nothing refers to it by a
-- foreign key: that would cost a look-up and a lock for each row written.
CREATE TABLE log (
    id          bigint NOT NULL,
    at          timestamptz NOT NULL,
    transaction xid8 NOT NULL,
    collection  int,
    context     int NOT NULL,
    command     int NOT NULL,
    action      "char" NOT NULL,
    item        text COLLATE "C",
    change      change,
    former      text COLLATE "C",
    comment     text,
    request_id  text,
    label       text,
    version     uuid,
    source      bigint,
    parent      bigint,
    long_item   text
) PARTITION BY RANGE (at);
-- For a block range index, which has no operators for this type of its own.
CREATE OPERATOR CLASS transaction_ops FOR TYPE xid8 USING brin AS
    OPERATOR 1 pg_catalog.<, OPERATOR 2 pg_catalog.<=, OPERATOR 3 pg_catalog.=, OPERATOR 4 pg_catalog.>=, OPERATOR 5 pg_catalog.>,
    FUNCTION 1 pg_catalog.brin_minmax_opcinfo(internal),
    FUNCTION 2 pg_catalog.brin_minmax_add_value(internal, internal, internal, internal),
    FUNCTION 3 pg_catalog.brin_minmax_consistent(internal, internal, internal),
    FUNCTION 4 pg_catalog.brin_minmax_union(internal, internal, internal);
COMMENT ON OPERATOR CLASS transaction_ops USING brin IS 'The least and the greatest transaction id of a range of pages';
COMMENT ON TABLE log IS 'One row for each recorded change or event; read it through the views activity and revisions';
COMMENT ON COLUMN log.command IS 'The command within the transaction: earlier ones come first whatever their id';
COMMENT ON COLUMN log.action IS 'c create, u update, d delete, t truncate, x see label, m leads from an old key to the new one';
COMMENT ON COLUMN log.item IS 'The item''s key as text; a long one as its beginning and a hash, whole in long_item';
COMMENT ON COLUMN log.change IS
'create and delete: the row; update: the old and new values of the fields that changed, now and then the whole row. See docs/storage.md';
COMMENT ON COLUMN log.former IS 'The item''s key before it changed; for action m the key after';
COMMENT ON COLUMN log.label IS 'The action''s name where it is not one of a table''s';

-- Which rows have an item that is abbreviated; an index on the log for so few would cost every write.
CREATE TABLE long_item (id bigint PRIMARY KEY);
COMMENT ON TABLE long_item IS 'The rows of the log of which long_item holds the whole item';

-- A row that fits twice into a page stays as it is: to compress it would cost more than to write it.
CREATE TABLE log_default PARTITION OF log DEFAULT WITH (toast_tuple_target = 4080);
COMMENT ON TABLE log_default IS 'Rows of the log of a time that has no partition';
-- Each partition has its own (sql/partitions.sql), and the log none: it would give them to a partition that a restore
-- attaches, and the dump's own, of the same names, would fail.
CREATE INDEX log_default_id_idx ON log_default (id);
CREATE INDEX log_default_collection_item_id_idx ON log_default (collection, item item_ops, id);
-- Costs a write next to nothing, and finds what a transaction did, or what happened since some time, without reading the
-- whole log.
CREATE INDEX log_default_transaction_at_id_idx ON log_default USING brin (transaction transaction_ops, at, id) WITH (pages_per_range = 32);
-- What purge takes away or cuts can be told to a subscriber. Costs writes nothing: nothing else changes a row.
ALTER TABLE log REPLICA IDENTITY FULL;
ALTER TABLE log_default REPLICA IDENTITY FULL;

-- lz4 costs a tenth of pglz; where the server was built without it, pglz stays.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        ALTER TABLE directus_versions.log ALTER COLUMN change SET COMPRESSION lz4;
        ALTER TABLE directus_versions.log_default ALTER COLUMN change SET COMPRESSION lz4;
    END IF;
END $$;

-- How long the log keeps what is recorded; see the function set_retention.
CREATE TABLE retention (
    collection int PRIMARY KEY,
    activity   interval,
    revisions  interval,
    keep_last  int
);
COMMENT ON TABLE retention IS 'How long the log keeps what is recorded of each collection; collection 0: of those without a row';
COMMENT ON COLUMN retention.activity IS 'Activity older than this goes; NULL: none';
COMMENT ON COLUMN retention.revisions IS 'Data of revisions older than this goes; NULL: none';
COMMENT ON COLUMN retention.keep_last IS 'So many of an item''s newest revisions keep their data';

-- A lock that only the extension's owner can take, unlike an advisory one.
CREATE TABLE housekeeper ();
COMMENT ON TABLE housekeeper IS 'Empty; locked by the session that keeps house';

-- What is staged beside the live rows. Names of fields are those of the time of the log's id `since`, and the item's key is
-- that of `item_since`; the view _version has the present ones.
CREATE TABLE version (
    id           uuid PRIMARY KEY,
    collection   int NOT NULL,
    item         text COLLATE "C",
    item_since   bigint NOT NULL,
    key          text NOT NULL,
    name         text,
    hash         text,
    date_created timestamptz NOT NULL,
    date_updated timestamptz NOT NULL,
    user_created text,
    user_updated text,
    delta        jsonb NOT NULL DEFAULT '{}',
    base         jsonb NOT NULL DEFAULT '{}',
    lost         jsonb NOT NULL DEFAULT '{}',
    since        bigint NOT NULL,
    saved        bigint,
    role         name NOT NULL
);
COMMENT ON TABLE version IS 'Detached versions; read them through the view versions';
COMMENT ON COLUMN version.item IS 'The item''s key as text; NULL for a draft of an item that does not exist yet';
COMMENT ON COLUMN version.hash IS 'SHA-256 of the item when the version was made or last promoted';
COMMENT ON COLUMN version.delta IS 'The staged fields, as the application gave them';
COMMENT ON COLUMN version.base IS 'What the live row had in them when each was first staged';
COMMENT ON COLUMN version.lost IS 'Fields that were staged for columns dropped since';
COMMENT ON COLUMN version.saved IS 'The revision of the last save, which a promote names as its source';
COMMENT ON COLUMN version.role IS 'Who made it: a draft under row security is for this role alone';

SELECT pg_catalog.pg_extension_config_dump('version', '');
SELECT pg_catalog.pg_extension_config_dump('collection', '');
SELECT pg_catalog.pg_extension_config_dump('field', '');
SELECT pg_catalog.pg_extension_config_dump('gap', '');
SELECT pg_catalog.pg_extension_config_dump('retention', '');
SELECT pg_catalog.pg_extension_config_dump('long_item', '');
SELECT pg_catalog.pg_extension_config_dump('tracked_schema', '');
SELECT pg_catalog.pg_extension_config_dump('context', '');
SELECT pg_catalog.pg_extension_config_dump('layout', '');
SELECT pg_catalog.pg_extension_config_dump('log_default', '');
SELECT pg_catalog.pg_extension_config_dump('collection_id', '');
SELECT pg_catalog.pg_extension_config_dump('context_id', '');
SELECT pg_catalog.pg_extension_config_dump('layout_id', '');
SELECT pg_catalog.pg_extension_config_dump('log_id', '');
