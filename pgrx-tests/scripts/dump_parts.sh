#!/usr/bin/env bash
# Dump and restore a log of several partitions, and parts of a database: .ci/cluster run …/dump_parts.sh
set -euo pipefail

: "${DV_CTL:?run this with .ci/cluster run}" "${PGDATA:?}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

ask() {
    psql -XAtq -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -v SHOW_CONTEXT=never -d "$1" -c "$2"
}

# gives NAME DATABASE SQL EXPECTED
gives() {
    local found
    found=$(ask "$2" "$3" 2>&1) || true
    if [[ $found == $4 ]]; then
        echo "ok - $2: $1"
    else
        echo "not ok - $2: $1: $found"
        failed=1
    fi
}

# same NAME DATABASE SQL: as in the database "source", and not nothing.
same() {
    local expected
    expected=$(ask source "$3")
    [[ -n $expected ]] || { echo "not ok - $2: $1: nothing to compare" && failed=1; }
    gives "$1" "$2" "$3" "${expected//\\/\\\\}"
}

# clean NAME COMMAND…: it succeeds without a word of an error or a warning.
clean() {
    local name=$1
    shift
    if "$@" >"$tmp/out" 2>&1 && ! grep -qiE 'error|warning' "$tmp/out"; then
        echo "ok - $name"
    else
        echo "not ok - $name" && head -n 20 "$tmp/out"
        failed=1
    fi
}

createdb source
ask source "
    CREATE EXTENSION directus_versions;
    CREATE TABLE account (gone int, id int PRIMARY KEY, name text, password text);
    ALTER TABLE account DROP gone;
    SELECT directus_versions.track('account', exclude => '{password}');
    CREATE SCHEMA shop;
    CREATE TABLE shop.item (gone int, id int, v text);
    ALTER TABLE shop.item DROP gone;
    SELECT directus_versions.track('shop.item', key => '{id}');
    CREATE TABLE part (id int, v text) PARTITION BY RANGE (id);
    CREATE TABLE part_a PARTITION OF part FOR VALUES FROM (0) TO (10);
    SELECT directus_versions.track('part', key => '{id}');
    INSERT INTO account VALUES (1, 'ada', 's1'), (2, 'bob', 's2');
    INSERT INTO shop.item VALUES (1, 'a'); INSERT INTO part VALUES (1, 'p'), (2, 'q')" >/dev/null
ask source "SELECT directus_versions.maintain()" >/dev/null
ask source "
    SELECT directus_versions.set_retention('account', revisions => '1 year', keep_last => 3);
    UPDATE account SET name = 'eve' WHERE id = 2;
    ALTER TABLE account RENAME name TO title;
    UPDATE account SET title = title || '!'; DELETE FROM account WHERE id = 2;
    UPDATE shop.item SET v = 'b'; UPDATE part SET v = v || '!';
    SELECT directus_versions.create_version('account', 1, 'next', delta => '{\"title\": \"staged\"}')" >/dev/null

everything="
    SELECT md5(string_agg(l::text, E'\n' ORDER BY id)), count(*), count(DISTINCT id) FROM directus_versions.log l;
    SELECT * FROM directus_versions.revisions ORDER BY id;
    SELECT * FROM directus_versions.activity ORDER BY id;
    SELECT * FROM directus_versions.versions ORDER BY id;
    SELECT * FROM directus_versions.retention ORDER BY collection;
    SELECT collection, target, accountability, exclude, tracked, since FROM directus_versions.collections ORDER BY 1;
    SELECT last_value, is_called FROM directus_versions.log_id;
    SELECT * FROM directus_versions.history('account', 1); SELECT * FROM directus_versions.history('shop.item', 1);
    SELECT string_agg(i::text, ',' ORDER BY id) FROM shop.item i; SELECT string_agg(p::text, ',' ORDER BY id) FROM part p"
partitions="
    SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), c.relreplident, obj_description(c.oid), COALESCE(c.relacl, acldefault('r', c.relowner)), c.reloptions,
        (SELECT string_agg(concat_ws(' ', t.tgname, t.tgenabled, obj_description(t.oid)), ', ' ORDER BY t.tgname) FROM pg_trigger t WHERE t.tgrelid = c.oid),
        (SELECT string_agg(x.indexdef, '; ' ORDER BY x.indexdef) FROM pg_indexes x WHERE x.schemaname = 'directus_versions' AND x.tablename = c.relname),
        (SELECT string_agg(a.attcompression, '' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'directus_versions.log'::regclass ORDER BY 1"
# LIKE log … gives the log's own comments and triggers, not its partitions'.
gives "a partition is what the default one is" source "
    SELECT count(DISTINCT (c.relreplident, c.reloptions,
        (SELECT string_agg(concat_ws(' ', t.tgname, t.tgenabled), ', ' ORDER BY t.tgname) FROM pg_trigger t WHERE t.tgrelid = c.oid),
        (SELECT string_agg(replace(x.indexdef, c.relname, ''), '; ' ORDER BY x.indexdef) FROM pg_indexes x WHERE x.schemaname = 'directus_versions' AND x.tablename = c.relname)))
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'directus_versions.log'::regclass" 1

# goes_on DATABASE: what is written now is recorded once, under new ids, in this month's partition.
goes_on() {
    local before
    same "history, versions, scope, retention, numbering" "$1" "$everything"
    before=$(ask "$1" "SELECT max(id) FROM directus_versions.log")
    ask "$1" "INSERT INTO account VALUES (9, 'new', 'secret'); UPDATE shop.item SET v = 'c'; UPDATE part SET v = 'z' WHERE id = 1" || failed=1
    gives "tracking goes on" "$1" "
        SELECT string_agg(concat_ws(' ', a.collection, action, a.item, delta), ', ' ORDER BY id)
        FROM directus_versions.revisions r JOIN directus_versions.activity a USING (id) WHERE id > $before" \
        'account create 9 {"id": 9, "title": "new"}, shop.item update 1 {"v": "c"}, part update 1 {"v": "z"}'
    gives "into this month's partition" "$1" "
        SELECT count(*) FROM directus_versions.log WHERE id > $before AND tableoid = ('directus_versions.log_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMM'))::regclass" 3
    gives "nothing is wrong" "$1" "SELECT * FROM directus_versions.check_tracking()" ""
    gives "nor in the rows" "$1" "SELECT t.* FROM unnest('{account,shop.item,part}'::regclass[]) u, directus_versions.check_tracking(u) t" ""
    gives "maintain finds nothing to do" "$1" "
        SET client_min_messages = warning; SELECT directus_versions.maintain(); SELECT count(*) FROM pg_inherits WHERE inhparent = 'directus_versions.log'::regclass" $'\n5'
    same "partitions" "$1" "$partitions"
    gives "a partition cannot be dropped" "$1" "DO \$\$ BEGIN
        EXECUTE (SELECT 'DROP TABLE ' || min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'directus_versions.log'::regclass); END \$\$" "*42501: recorded history cannot be removed*"
    gives "nor emptied, as a replica" "$1" "SET session_replication_role = replica; DELETE FROM directus_versions.log" "*42501: recorded history cannot be changed*"
    gives "settings of triggers" "$1" "
        SELECT count(*) FROM pg_trigger WHERE tgfoid IN ('directus_versions._guard()'::regprocedure, 'directus_versions._settle_restored()'::regprocedure)
            AND tgenabled <> 'A'" 0
}

pg_dump -d source -f "$tmp/plain.sql"
pg_dump -d source -Fc -f "$tmp/custom"
pg_dump -d source --clean --if-exists -f "$tmp/clean.sql"
pg_dump -d source -s -f "$tmp/schema.sql"
pg_dump -d source -a -f "$tmp/data.sql" 2>"$tmp/warnings"
pg_dump -d source -a --disable-triggers -f "$tmp/disabled.sql" 2>"$tmp/warnings"

createdb plain
clean "plain: restore in one transaction" psql -Xq1 -v ON_ERROR_STOP=1 -d plain -f "$tmp/plain.sql"
goes_on plain
createdb parallel
clean "parallel: restore" pg_restore -j2 -e -d parallel "$tmp/custom"
goes_on parallel
# The second generation: what was restored can be dumped and restored.
pg_dump -d parallel -f "$tmp/second.sql"
createdb second
clean "second: restore" psql -Xq1 -v ON_ERROR_STOP=1 -d second -f "$tmp/second.sql"
gives "as the first" second "SELECT count(*) FROM directus_versions.log" "$(ask parallel "SELECT count(*) FROM directus_versions.log")"

# Over what is there: refused, unless allow_drop is on.
gives "a clean restore is refused" parallel "DROP EXTENSION IF EXISTS directus_versions CASCADE" "*55000: cannot drop extension*"
clean "parallel: --clean" env PGOPTIONS='-c directus_versions.allow_drop=on' psql -Xq1 -v ON_ERROR_STOP=1 -d parallel -f "$tmp/clean.sql"
goes_on parallel
clean "plain: pg_restore --clean" env PGOPTIONS='-c directus_versions.allow_drop=on' pg_restore -e --clean --if-exists -d plain "$tmp/custom"
goes_on plain

for kind in data disabled; do
    createdb "$kind"
    clean "$kind: schema" psql -Xq1 -v ON_ERROR_STOP=1 -d "$kind" -f "$tmp/schema.sql"
    clean "$kind: data" psql -Xq -v ON_ERROR_STOP=1 -d "$kind" -f "$tmp/$kind.sql"
    goes_on "$kind"
done
createdb data_parallel
clean "data_parallel: schema" psql -Xq1 -v ON_ERROR_STOP=1 -d data_parallel -f "$tmp/schema.sql"
clean "data_parallel: data" pg_restore -j2 -e -a --disable-triggers -d data_parallel "$tmp/custom"
goes_on data_parallel

# A schema or a table without the extension: its rows come, its triggers do not.
pg_dump -d source -n shop -f "$tmp/shop.sql"
pg_dump -d source -t account -f "$tmp/account.sql"
createdb bare
psql -Xq -d bare -f "$tmp/shop.sql" >"$tmp/out" 2>&1 || true
gives "one schema, rows" bare "INSERT INTO shop.item VALUES (7, 'x'); SELECT count(*) FROM shop.item" 2
gives "one schema, the reason is told" bare "SELECT '$(grep -c 'schema "directus_versions" does not exist' "$tmp/out")'" 3
# Beside an extension of its own, in which the number of the collection is another table's, or nobody's.
createdb other
ask other "CREATE EXTENSION directus_versions; CREATE TABLE mine (id int PRIMARY KEY); SELECT directus_versions.track('mine')" >/dev/null
clean "other: one table" psql -Xq1 -v ON_ERROR_STOP=1 -d other -f "$tmp/account.sql"
clean "other: one schema" psql -Xq1 -v ON_ERROR_STOP=1 -d other -f "$tmp/shop.sql"
ask other "INSERT INTO account VALUES (5, 'x', 'y'); UPDATE account SET title = 'y'; INSERT INTO shop.item VALUES (7, 'x'); INSERT INTO mine VALUES (1)" || failed=1
gives "nothing is recorded under another's name" other "SELECT string_agg(collection || ' ' || item, ', ') FROM directus_versions.activity" "mine 1"
gives "it is told" other "SELECT count(*) FROM directus_versions.check_tracking() WHERE problem = 'collection missing'" 1
ask other "SELECT directus_versions.track('account'); SELECT directus_versions.track('shop.item', key => '{id}'); UPDATE account SET title = 'z' WHERE id = 5; UPDATE shop.item SET v = 'z' WHERE id = 7" >/dev/null || failed=1
gives "once tracked, each change once" other "
    SELECT string_agg(concat_ws(' ', collection, action, item), ', ' ORDER BY id) FROM directus_versions.activity WHERE collection <> 'mine'" \
    "account update 5, shop.item update 7"
gives "and nothing is wrong" other "SELECT * FROM directus_versions.check_tracking()" ""
# All but some tables, and one schema with the extension: the history of a table that is not there is as that of a dropped one.
# left NAME: what is not there is told of once, and neither lost nor in the way.
left() {
    gives "no error" "$1" "SELECT '$(grep -ciE 'error' "$tmp/out")'" 0
    gives "the missing tables are named" "$1" "SELECT '$(grep -oE 'table "[a-z.]+" was not restored' "$tmp/out" | sort)'" "$2"
    same "history" "$1" "
        SELECT md5(string_agg(l::text, E'\n' ORDER BY id)), count(*) FROM directus_versions.log l;
        SELECT * FROM directus_versions.revisions ORDER BY id;
        SELECT id, key, name, collection, hash, delta, base FROM directus_versions.version ORDER BY id;
        SELECT collection, accountability, exclude, since, rows FROM directus_versions.collections ORDER BY 1;
        SELECT last_value, is_called FROM directus_versions.log_id"
    gives "collections as of dropped tables" "$1" "
        SELECT string_agg(collection, ' ' ORDER BY collection) FROM directus_versions.collections WHERE target IS NULL AND NOT tracked" "$3"
    gives "nothing is wrong" "$1" "SELECT * FROM directus_versions.check_tracking()" ""
    ask "$1" "UPDATE shop.item SET v = 'later'" || failed=1
    gives "the others are tracked on" "$1" "
        SELECT concat_ws(' ', r.collection, a.action, r.delta) FROM directus_versions.revisions r JOIN directus_versions.activity a USING (id)
        ORDER BY id DESC LIMIT 1" 'shop.item update {"v": "later"}'
    ask "$1" "
        CREATE TABLE account (password text, title text, id int PRIMARY KEY);
        SELECT directus_versions.relink('account', 'account')" >/dev/null || failed=1
    same "the table, made again and linked, carries it on" "$1" "SELECT * FROM directus_versions.history('account', 2)"
    gives "and its rows come back" "$1" "
        SET client_min_messages = warning; SELECT count(directus_versions.revert(id)) FROM unnest('{1,2}'::int[]) id;
        SELECT string_agg(a::text, ' ' ORDER BY id) FROM account a" $'2\n(,ada,1) (,bob,2)'
}
both=$'table "account" was not restored\ntable "part" was not restored'
createdb without
pg_dump -d source -T account -f "$tmp/without.sql"
psql -Xq1 -v ON_ERROR_STOP=1 -d without -f "$tmp/without.sql" >"$tmp/out" 2>&1 || true
left without 'table "account" was not restored' account
createdb some
pg_dump -d source -n shop -n directus_versions -e directus_versions -f "$tmp/some.sql"
psql -Xq1 -v ON_ERROR_STOP=1 -d some -f "$tmp/some.sql" >"$tmp/out" 2>&1 || true
left some "$both" "account part"
# In any form of a restore, with triggers enabled or not. pg_restore tells of warnings with -v alone.
createdb without_parallel
pg_dump -d source -Fc -T account -T 'part*' -f "$tmp/without"
pg_restore -v -j2 -e -d without_parallel "$tmp/without" >"$tmp/out" 2>&1 || true
left without_parallel "$both" "account part"
createdb without_triggers
pg_restore -s -e -d without_triggers "$tmp/without"
pg_restore -v -a --disable-triggers -e -d without_triggers "$tmp/without" >"$tmp/out" 2>&1 || true
left without_triggers "$both" "account part"
# As a replica, as some tools restore: its data alone are followed by no command that would be noticed.
createdb without_replica
pg_restore -s -e -d without_replica "$tmp/without"
PGOPTIONS='-c session_replication_role=replica' pg_restore -v -a -e -d without_replica "$tmp/without" >"$tmp/out" 2>&1 || true
gives "columns have the numbers that they have here" without_replica "
    SELECT string_agg(name || ' ' || attnum, ', ' ORDER BY attnum) FROM directus_versions.field
    WHERE collection = (SELECT id FROM directus_versions.collection WHERE name = 'shop.item') AND NOT dropped" "id 1, v 2"
left without_replica "$both" "account part"
# What was left out comes in a second restore, with triggers of a collection without a table.
createdb later
pg_restore -e -d later "$tmp/without"
pg_dump -d source -t account -f "$tmp/account.sql"
clean "later: restore" psql -Xq1 -v ON_ERROR_STOP=1 -d later -f "$tmp/account.sql"
ask later "ALTER TABLE shop.item ADD more int"
gives "it is told" later "SELECT collection, problem FROM directus_versions.check_tracking()" "account|table not tracked"
gives "with what to do" later "
    DO \$\$ BEGIN EXECUTE (SELECT 'SELECT ' || substring(detail FROM 'directus_versions.relink[^)]*.') FROM directus_versions.check_tracking()); END \$\$;
    SELECT * FROM directus_versions.check_tracking(); SELECT * FROM directus_versions.check_tracking('account')" ""
same "history" later "SELECT * FROM directus_versions.history('account', 1)"
gives "its rows are recorded on" later "
    UPDATE account SET title = 'later';
    SELECT count(*), max(data ->> 'title') FROM directus_versions.history('account', 1)
    WHERE revision > (SELECT max(id) FROM directus_versions.activity WHERE action = 'relink')" "1|later"
# A partition without the table that it is of: that it cannot be attached is said by PostgreSQL itself.
createdb orphan
pg_dump -d source -T part -f "$tmp/orphan.sql"
psql -Xq -d orphan -f "$tmp/orphan.sql" >"$tmp/out" 2>&1 || true
gives "no other error" orphan "SELECT '$(grep 'ERROR' "$tmp/out" | sed 's/.*ERROR/ERROR/')'" 'ERROR:  relation "public.part" does not exist'
ask orphan "UPDATE part_a SET v = 'unrecorded'; TRUNCATE part_a" || failed=1
gives "a partition alone is as any table" orphan "SELECT max(id) FROM directus_versions.log" "$(ask source "SELECT max(id) FROM directus_versions.log")"
# All but a table's rows.
pg_dump -d source --exclude-table-data account -f "$tmp/rowless.sql"
createdb rowless
clean "rowless: restore" psql -Xq1 -v ON_ERROR_STOP=1 -d rowless -f "$tmp/rowless.sql"
gives "a row comes back from its history" rowless "
    SET client_min_messages = warning; SELECT directus_versions.revert(8) IS NOT NULL; SELECT a FROM account a" $'t\n(1,ada!,)'
exit "$failed"
