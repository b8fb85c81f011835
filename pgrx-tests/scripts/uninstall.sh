#!/usr/bin/env bash
# Drop the extension, tables and owners: what keeps history, and what is left: .ci/cluster run …/uninstall.sh
set -euo pipefail

: "${DV_CTL:?run this with .ci/cluster run}" "${PGDATA:?}"
failed=0

ask() {
    psql -XAtq -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -v SHOW_CONTEXT=never -c "SET client_min_messages = warning" -c "$1"
}

# gives NAME SQL EXPECTED, a pattern
gives() {
    local found
    found=$(ask "$2" 2>&1) || true
    if [[ $found == $3 ]]; then
        echo "ok - $1"
    else
        echo "not ok - $1: $found"
        failed=1
    fi
}

ask "
    CREATE EXTENSION directus_versions; CREATE ROLE owner;
    CREATE TABLE kept (id int PRIMARY KEY, v text); CREATE TABLE dropped (id int PRIMARY KEY, v text);
    CREATE SCHEMA shop; CREATE TABLE shop.item (id int PRIMARY KEY, v text);
    CREATE TABLE owned (id int PRIMARY KEY, v text); ALTER TABLE owned OWNER TO owner;
    CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE part_a PARTITION OF part FOR VALUES FROM (0) TO (10);
    SELECT directus_versions.track(t) FROM unnest('{kept,dropped,shop.item,owned,part}'::regclass[]) t;
    INSERT INTO kept VALUES (1, 'a'); INSERT INTO dropped VALUES (1, 'a'); INSERT INTO shop.item VALUES (1, 'a');
    INSERT INTO owned VALUES (1, 'a'); INSERT INTO part VALUES (1)" >/dev/null
ask "SELECT directus_versions.maintain()" >/dev/null
ask "UPDATE dropped SET v = 'b'; UPDATE shop.item SET v = 'b'; UPDATE owned SET v = 'b'"
before=$(ask "SELECT string_agg(r::text, E'\n' ORDER BY id) FROM directus_versions.revisions r")
ask "DROP TABLE dropped"
ask "DROP SCHEMA shop CASCADE"
ask "DROP OWNED BY owner"
gives "the history of what was dropped stays" "SELECT string_agg(r::text, E'\n' ORDER BY id) FROM directus_versions.revisions r" "${before//\\/\\\\}"
gives "its collections have no table" "SELECT string_agg(collection, ' ' ORDER BY collection) FROM directus_versions.collections WHERE target IS NULL" "dropped owned shop.item"

partition=$(ask "SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'directus_versions.log'::regclass")
gives "a partition cannot be dropped" "DROP TABLE $partition" "*42501: recorded history cannot be removed*"
ask "ALTER TABLE $partition OWNER TO owner"
gives "nor with its owner" "DROP OWNED BY owner" "*42501: recorded history cannot be removed*"
ask "ALTER TABLE $partition OWNER TO postgres"
for drop in "DROP EXTENSION directus_versions" "DROP EXTENSION directus_versions CASCADE" "DROP SCHEMA directus_versions CASCADE" \
    "DROP EXTENSION plpgsql CASCADE"; do
    gives "$drop is refused" "$drop" "*55000: cannot drop extension*"
done
gives "nothing is missing" "SELECT string_agg(r::text, E'\n' ORDER BY id) FROM directus_versions.revisions r" "${before//\\/\\\\}"
gives "in another session allow_drop is off" "DROP EXTENSION directus_versions CASCADE" "*55000: cannot drop extension*"

ask "SELECT directus_versions.untrack('kept'), directus_versions.untrack('part')" >/dev/null
gives "with allow_drop it goes, and without tracked tables needs no CASCADE" "SET directus_versions.allow_drop = on; DROP EXTENSION directus_versions" ""
ask "CREATE EXTENSION directus_versions"
ask "SELECT directus_versions.track('kept'), directus_versions.track('part'), directus_versions.maintain()" >/dev/null
ask "UPDATE kept SET v = 'b'"
# A connection that has recorded goes on writing after the extension is gone.
gives "a connection goes on" "
    UPDATE kept SET v = 'c'; SET directus_versions.allow_drop = on; DROP EXTENSION directus_versions CASCADE;
    UPDATE kept SET v = 'd' RETURNING v; INSERT INTO part VALUES (2) RETURNING id; DELETE FROM part; TRUNCATE kept; INSERT INTO kept VALUES (3, 'x')" $'d\n2'
gives "so do others" "UPDATE kept SET v = 'e' RETURNING v; ALTER TABLE kept ADD w int; CREATE TABLE part_b PARTITION OF part FOR VALUES FROM (10) TO (20)" e
gives "nothing is left" "
    SELECT tgname FROM pg_trigger WHERE tgname LIKE '%directus%' OR NOT tgisinternal UNION ALL SELECT evtname FROM pg_event_trigger
    UNION ALL SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('directus_versions')
    UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace('directus_versions')
    UNION ALL SELECT typname FROM pg_type WHERE typnamespace = to_regnamespace('directus_versions')" ""
gives "nor is the empty schema in the way" "DROP SCHEMA directus_versions; CREATE EXTENSION directus_versions; SELECT count(*) FROM directus_versions.log" 0
exit "$failed"
