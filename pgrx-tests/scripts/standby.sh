#!/usr/bin/env bash
# Read history and travel in time on a hot standby, and find there what the primary tells: .ci/cluster run …/standby.sh
set -euo pipefail

: "${DV_CTL:?run this with .ci/cluster run}" "${DV_AS:?}" "${DV_TMP:?}" "${PGHOST:?}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
standby_port=$((PGPORT + 1))
failed=0

ask() {
    psql -XAtq -v ON_ERROR_STOP=1 -c "$1"
}

ask_standby() {
    PGPORT=$standby_port psql -XAtq -v ON_ERROR_STOP=1 -v VERBOSITY=sqlstate "$@"
}

ask "
    CREATE EXTENSION directus_versions;
    CREATE TABLE article (id int PRIMARY KEY, title text, price numeric, note json);
    CREATE TABLE event (id int, n int, v text, PRIMARY KEY (id, n)) PARTITION BY RANGE (n);
    CREATE TABLE event_a PARTITION OF event FOR VALUES FROM (0) TO (10);
    CREATE TABLE event_b PARTITION OF event FOR VALUES FROM (10) TO (20);
    INSERT INTO article SELECT i, 'old ' || i, i, NULL FROM generate_series(1, 20) i;
    SELECT directus_versions.track('article', mask => '{note}');
    SELECT directus_versions.track('event')" >/dev/null
ask "INSERT INTO event SELECT i, i, 'v' FROM generate_series(1, 19) i; UPDATE article SET price = price + 0.00 WHERE id < 10"
ask "
    SELECT directus_versions.create_version('article', i, 'next', delta => jsonb_build_object('title', 'staged ' || i)) FROM generate_series(1, 5) i;
    SELECT directus_versions.create_version('article', NULL, 'next', delta => '{\"id\": 500, \"title\": \"new\"}');
    SELECT directus_versions.create_version('event', '[12, 12]', 'next', delta => '{\"v\": \"staged\"}')" >/dev/null
moment=$(ask "SELECT clock_timestamp()")
ask "UPDATE article SET id = 101, title = 'moved' WHERE id = 1; DELETE FROM article WHERE id % 2 = 0; INSERT INTO article VALUES (2, 'again')"
ask "UPDATE event SET n = (n + 7) % 20; DELETE FROM event_a"

"$DV_AS" "$(command -v pg_basebackup)" -D "$DV_TMP/standby" -R -X stream -h "$PGHOST" -p "$PGPORT" -U postgres
printf 'port = %s\n' "$standby_port" | "$DV_AS" tee -a "$DV_TMP/standby/postgresql.conf" >/dev/null
PGDATA=$DV_TMP/standby "$DV_CTL" start >/dev/null

# Wait until the standby has all that the primary wrote.
catch_up() {
    local lsn
    lsn=$(ask "SELECT pg_current_wal_lsn()")
    for _ in $(seq 300); do
        [[ $(ask_standby -c "SELECT pg_last_wal_replay_lsn() >= '$lsn'") != t ]] || return 0
        sleep 0.1
    done
    echo "not ok - the standby does not catch up"
    exit 1
}

# same NAME SQL: the query gives on both servers the same, and not nothing.
same() {
    ask "$2" >"$tmp/expected" 2>&1 || true
    ask_standby -c "$2" >"$tmp/found" 2>&1 || true
    if [[ -s $tmp/expected ]] && ! grep -q ERROR "$tmp/expected" && cmp -s "$tmp/expected" "$tmp/found"; then
        echo "ok - $1"
    else
        echo "not ok - $1"
        diff "$tmp/expected" "$tmp/found" | head -n 20 || true
        failed=1
    fi
}

readers() {
    local when=$1 item
    for item in 1 2 3 101; do
        same "$when: history of article $item" "SELECT * FROM directus_versions.history('article', $item)"
    done
    same "$when: history of an event" "SELECT * FROM directus_versions.history('event', '[12, 19]')"
    same "$when: differences" "
        SELECT r.id, d.* FROM directus_versions.revisions r, directus_versions.diff(r.id) d
        WHERE r.collection = 'article' AND r.version IS NULL ORDER BY r.id, d.field"
    same "$when: blame" "SELECT * FROM directus_versions.blame('article', 101) ORDER BY field"
    same "$when: an item then" "SELECT i, directus_versions.item_at('article', i, '$moment') FROM generate_series(1, 20) i"
    same "$when: versions" "SELECT * FROM directus_versions.versions ORDER BY id"
    same "$when: versions compared" "SELECT id, directus_versions.compare_version(id) FROM directus_versions.versions ORDER BY id"
    same "$when: data of versions" "SELECT id, directus_versions.version_data(id) FROM directus_versions.versions ORDER BY id"
    same "$when: rows of versions" "
        SELECT id, directus_versions.version_row(NULL::article, id) FROM directus_versions.versions WHERE collection = 'article' ORDER BY id"
    same "$when: articles of a version" "SELECT * FROM directus_versions.read_version(NULL::article, 'next') ORDER BY id"
    same "$when: events of a version" "SELECT * FROM directus_versions.read_version(NULL::event, 'next') ORDER BY id, n"
    same "$when: articles then" "SELECT * FROM directus_versions.as_of(NULL::article, '$moment') ORDER BY id"
    same "$when: events then" "SELECT * FROM directus_versions.as_of(NULL::event, '$moment') ORDER BY id, n"
    same "$when: articles now" "SELECT * FROM directus_versions.as_of(NULL::article, 'infinity') ORDER BY id"
    same "$when: in parallel" "
        SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
        SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
        SELECT * FROM directus_versions.as_of(NULL::article, '$moment') ORDER BY id"
}

catch_up
readers "at first"
ask "UPDATE article SET title = title || '!'; TRUNCATE event; INSERT INTO event VALUES (12, 19, 'new')"
ask "SELECT directus_versions.revert(min(id)) FROM directus_versions.revisions WHERE collection = 'article' AND item = '3'" >/dev/null
ask "SELECT directus_versions.promote_version(id, on_conflict => 'ours') FROM directus_versions.versions WHERE item IN ('3', '101')" >/dev/null
catch_up
readers "later"

for call in "promote_version(id)" "save_version(id, '{}')" "drop_version(id)" "rename_version(id, 'other')" \
    "discard_version_fields(id, '{}')" "create_version('article', 3, 'other')"; do
    found=$(ask_standby -c "SELECT directus_versions.$call FROM directus_versions.versions WHERE item = '5'" 2>&1) || true
    if [[ $found == *25006* ]]; then
        echo "ok - no $call on the standby"
    else
        echo "not ok - no $call on the standby: $found"
        failed=1
    fi
done

found=$(ask_standby -c "SELECT directus_versions.revert(min(id)) FROM directus_versions.revisions WHERE collection = 'article'" 2>&1) || true
if [[ $found == *25006* ]]; then
    echo "ok - nothing is reverted on the standby"
else
    echo "not ok - nothing is reverted on the standby: $found"
    failed=1
fi
exit "$failed"
