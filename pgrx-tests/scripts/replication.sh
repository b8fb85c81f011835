#!/usr/bin/env bash
# Publish the log with what purge takes away, apply changes by a subscription, go on after a standby's promotion:
# .ci/cluster run …/replication.sh (with wal_level = logical in DV_CONF)
set -euo pipefail

: "${DV_CTL:?run this with .ci/cluster run}" "${DV_AS:?}" "${DV_TMP:?}" "${PGHOST:?}"
failed=0

ask() {
    psql -XAtq -v ON_ERROR_STOP=1 -v SHOW_CONTEXT=never -d "$1" -c "$2"
}

# gives NAME DATABASE SQL EXPECTED
gives() {
    local found
    found=$(ask "$2" "$3" 2>&1) || true
    if [[ $found == "$4" ]]; then
        echo "ok - $1"
    else
        echo "not ok - $1: $found"
        failed=1
    fi
}

# until NAME DATABASE SQL: the query comes to give t.
until_true() {
    for _ in $(seq 600); do
        [[ $(ask "$2" "$3" 2>/dev/null) != t ]] || return 0
        sleep 0.1
    done
    echo "not ok - $1 does not come"
    exit 1
}

# caught_up SLOT: the subscription has confirmed all that was written.
caught_up() {
    local lsn
    lsn=$(ask source "SELECT pg_current_wal_lsn()")
    until_true "what was written, by $1," source "SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = '$1'"
}

# subscribe DATABASE NAME PUBLICATION: the slot is made beforehand, since both databases are of one cluster.
subscribe() {
    ask source "SELECT pg_create_logical_replication_slot('$2', 'pgoutput')" >/dev/null
    ask "$1" "CREATE SUBSCRIPTION $2 CONNECTION 'host=$PGHOST port=$PGPORT user=postgres dbname=source'
        PUBLICATION $3 WITH (create_slot = false, slot_name = $2)"
    until_true "the first copy of $2" "$1" "SELECT count(*) > 0 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel"
}

if [[ $(ask postgres "SHOW wal_level") != logical ]]; then
    ask postgres "ALTER SYSTEM SET wal_level = logical"
    "$DV_CTL" restart >/dev/null
fi

createdb source
ask source "
    CREATE EXTENSION directus_versions;
    CREATE TABLE article (id int PRIMARY KEY, title text);
    SELECT directus_versions.track('article');
    INSERT INTO article SELECT i, 'old' FROM generate_series(1, 5) i" >/dev/null

# A copy of the log as a plain table, with the records as they are dumped.
createdb copy
ask copy "
    CREATE SCHEMA directus_versions;
    CREATE TABLE directus_versions.log (
        id bigint PRIMARY KEY, at timestamptz, transaction xid8, collection int, context int, command int, action \"char\",
        item text, change text, former text, comment text, request_id text, label text, version uuid, source bigint,
        parent bigint, long_item text)"
ask source "CREATE PUBLICATION history FOR TABLE directus_versions.log WITH (publish_via_partition_root = true)"
subscribe copy history history
gives "what was there is copied" copy "SELECT count(*) FROM directus_versions.log" 5
ask source "UPDATE article SET title = repeat('long ', 3000) WHERE id = 1"
# Partitions come, and rows move to them.
ask source "SET client_min_messages = warning; SELECT directus_versions.maintain()" >/dev/null
ask source "UPDATE article SET title = 'new'; DELETE FROM article WHERE id = 5"
caught_up history
whole="SELECT count(*), md5(string_agg(l::text, ' ' ORDER BY id)) FROM directus_versions.log l"
gives "new rows come, once each" copy "$whole" "$(ask source "$whole")"
ask source "SET client_min_messages = warning; SELECT directus_versions.set_retention('article', keep_last => 1)" >/dev/null
ask source "SET client_min_messages = warning; SELECT * FROM directus_versions.purge()" >/dev/null
caught_up history
gives "purge has cut rows" source "SELECT count(*) > 5 FROM directus_versions.log WHERE collection IS NOT NULL AND change IS NULL AND action IN ('c', 'u')" t
gives "what purge cut is cut in the copy" copy "$whole" "$(ask source "$whole")"
ask source "SELECT directus_versions.set_retention('article', activity => '0', revisions => '0')" >/dev/null
ask source "UPDATE article SET title = 'last'"
ask source "SET client_min_messages = warning; SELECT * FROM directus_versions.purge()" >/dev/null
caught_up history
gives "purge has deleted rows" source "SELECT count(*) < 12 FROM directus_versions.log" t
gives "what purge deleted is deleted in the copy" copy "$whole" "$(ask source "$whole")"
gives "the subscription had no error" copy "SELECT sum(apply_error_count + sync_error_count) FROM pg_stat_subscription_stats" 0

# Changes that a subscription applies.
createdb target
ask source "CREATE PUBLICATION articles FOR TABLE article"
ask target "CREATE EXTENSION directus_versions; CREATE TABLE article (id int PRIMARY KEY, title text); SELECT directus_versions.track('article')" >/dev/null
subscribe target articles articles
ask source "INSERT INTO article VALUES (10, 'ten'); UPDATE article SET title = 'ten!' WHERE id = 10"
caught_up articles
gives "they are there" target "SELECT count(*), max(title) FILTER (WHERE id = 10) FROM article" "5|ten!"
gives "they are not recorded by default" target "SELECT count(*) FROM directus_versions.activity" 0
ask target "SELECT directus_versions.set_scope('article', replicated => true)" >/dev/null
ask source "UPDATE article SET title = 'eleven' WHERE id = 10; DELETE FROM article WHERE id = 1; INSERT INTO article VALUES (11, 'x')"
caught_up articles
gives "they are with replicated" target "
    SELECT string_agg(concat_ws(' ', action, item), ', ' ORDER BY id) FROM directus_versions.activity" \
    "set_scope, update 10, delete 1, create 11"
ask source "TRUNCATE article"
caught_up articles
gives "and so is TRUNCATE" target "SELECT string_agg(concat_ws(' ', action, item), ', ' ORDER BY id) FROM directus_versions.activity WHERE id > 4" \
    "truncate, delete 2, delete 3, delete 4, delete 10, delete 11"
ask target "SELECT directus_versions.set_scope('article', replicated => false)" >/dev/null
ask source "INSERT INTO article VALUES (20, 'x')"
caught_up articles
gives "and not any more" target "SELECT action FROM directus_versions.activity ORDER BY id DESC LIMIT 1" set_scope
ask target "INSERT INTO article VALUES (21, 'own')"
gives "own changes are" target "SELECT action || item FROM directus_versions.activity ORDER BY id DESC LIMIT 1" create21

for name in copy:history target:articles; do
    ask "${name%:*}" "ALTER SUBSCRIPTION ${name#*:} DISABLE"
    ask "${name%:*}" "ALTER SUBSCRIPTION ${name#*:} SET (slot_name = NONE)"
    ask "${name%:*}" "DROP SUBSCRIPTION ${name#*:}"
    until_true "the end of ${name#*:}" source "SELECT NOT active FROM pg_replication_slots WHERE slot_name = '${name#*:}'"
    ask source "SELECT pg_drop_replication_slot('${name#*:}')" >/dev/null
done

# A standby that is promoted after the primary crashed.
"$DV_AS" "$(command -v pg_basebackup)" -D "$DV_TMP/standby" -R -X stream -c fast -h "$PGHOST" -p "$PGPORT" -U postgres
printf 'port = %s\n' "$((PGPORT + 1))" | "$DV_AS" tee -a "$DV_TMP/standby/postgresql.conf" >/dev/null
PGDATA=$DV_TMP/standby "$DV_CTL" start >/dev/null
ask source "UPDATE article SET title = title || '!'; INSERT INTO article VALUES (30, 'x')"
lsn=$(ask source "SELECT pg_current_wal_lsn()")
last=$(ask source "SELECT max(id) FROM directus_versions.log")
PGPORT=$((PGPORT + 1)) until_true "the standby" source "SELECT pg_last_wal_replay_lsn() >= '$lsn'"
"$DV_CTL" stop -m immediate >/dev/null
PGDATA=$DV_TMP/standby "$DV_CTL" promote >/dev/null
export PGPORT=$((PGPORT + 1))
ask source "INSERT INTO article VALUES (31, 'y'); UPDATE article SET title = 'after'"
gives "the promoted standby goes on" source "SELECT count(*) FROM directus_versions.log WHERE id > $last" 4
gives "without repeated ids" source "SELECT count(*) - count(DISTINCT id) FROM directus_versions.log" 0
gives "nor contexts" source "SELECT count(*) - count(DISTINCT id) FROM directus_versions.context" 0
gives "and nothing is wrong" source "SELECT * FROM directus_versions.check_tracking()" ""
exit "$failed"
