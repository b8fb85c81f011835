#!/usr/bin/env bash
# Kill the server under load, start it again, and compare the log with the data: .ci/cluster run …/crash.sh
set -euo pipefail

: "${DV_CTL:?run this with .ci/cluster run}" "${PGDATA:?}"
tmp=$(mktemp -d)
load=
trap '[[ -z $load ]] || kill "$load" 2>/dev/null || true; rm -rf "$tmp"' EXIT
failed=0

ask() {
    psql -XAtq -v ON_ERROR_STOP=1 -c "$1"
}

# check NAME SQL: the query counts what disagrees.
check() {
    local found
    found=$(ask "$2" 2>&1) || true
    if [[ $found == 0 ]]; then
        echo "ok - $1"
    else
        echo "not ok - $1: $found"
        failed=1
    fi
}

# The changes of a balance in the log have to add up to the live one, and the newest to be it.
disagreeing_balances() {
    local table=$1 key=$2 field=$3
    cat <<END
WITH logged AS (
    SELECT item, sum((delta->>'$field')::bigint - (prior->>'$field')::bigint) AS moved,
           (array_agg((delta->>'$field')::bigint ORDER BY id DESC))[1] AS newest
    FROM directus_versions.revisions
    WHERE collection = '$table' AND delta ? '$field' AND prior ? '$field'
    GROUP BY item)
SELECT count(*) FROM $table t FULL JOIN logged l ON l.item = t.$key::text
WHERE t.$field IS DISTINCT FROM coalesce(l.moved, 0)
   OR t.$field IS DISTINCT FROM coalesce(l.newest, 0)
END
}

compare() {
    local when=$1
    check "$when: accounts" "$(disagreeing_balances pgbench_accounts aid abalance)"
    check "$when: tellers" "$(disagreeing_balances pgbench_tellers tid tbalance)"
    check "$when: branches" "$(disagreeing_balances pgbench_branches bid bbalance)"
    check "$when: history has as many rows as the log has creates of it" "
        SELECT (SELECT count(*) FROM pgbench_history) - (SELECT count(*) FROM directus_versions.activity
            WHERE collection = 'pgbench_history' AND action = 'create')"
    check "$when: each create of history is as it is in the table" "
        SELECT count(*) FROM pgbench_history h
        FULL JOIN (SELECT item, delta FROM directus_versions.revisions
                   WHERE collection = 'pgbench_history') r ON r.item = h.id::text
        WHERE (h.aid, h.delta) IS DISTINCT FROM ((r.delta->>'aid')::int, (r.delta->>'delta')::int)"
    check "$when: every id once, every revision with its activity" "
        SELECT (SELECT count(*) - count(DISTINCT id) FROM directus_versions.revisions)
             + (SELECT count(*) FROM directus_versions.revisions r
                LEFT JOIN directus_versions.activity a ON a.id = r.activity WHERE a.id IS NULL)"
    check "$when: every change has its actor" "
        SELECT count(*) FROM directus_versions.activity
        WHERE collection LIKE 'pgbench%' AND actor IS DISTINCT FROM 'banker'"
    check "$when: what a rolled back transaction wrote is not there" "
        SELECT (SELECT count(*) FROM directus_versions.revisions WHERE collection = 'undecided' AND item = '3')
             + (SELECT count(*) FROM undecided WHERE id = 3)"
}

start() {
    local try
    for try in {1..60}; do
        if "$DV_CTL" start &>"$tmp/start"; then
            return
        fi
        sleep 0.5 # backends without their postmaster may still hold its shared memory
    done
    echo "not ok - the server does not start again (try $try)"
    cat "$tmp/start"
    exit 1
}

# Wait until the load has written so many rows of history.
await_history() {
    local goal=$1 try
    for try in {1..600}; do
        [[ $(ask "SELECT count(*) >= $goal FROM pgbench_history") != t ]] || return 0
        kill -0 "$load" 2>/dev/null || break
        sleep 0.1
    done
    echo "not ok - the load does not get on (try $try)"
    cat "$tmp/load"
    exit 1
}

crash() {
    "$DV_CTL" crash
    wait "$load" || true
    load=
    start
}

cat >"$tmp/savepoints.sql" <<'END'
\set aid random(1, 100000)
\set delta random(1, 500)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid BETWEEN :aid AND :aid + 1;
SAVEPOINT s;
UPDATE pgbench_accounts SET abalance = abalance - 7 WHERE aid = :aid;
ROLLBACK TO s;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 1, :aid, :delta, now());
COMMIT;
END
cat >"$tmp/rollback.sql" <<'END'
\set aid random(1, 100000)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + 1000000 WHERE aid = :aid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 1, :aid, 1000000, now());
ROLLBACK;
END

pgbench -i -q -s 1 &>"$tmp/init" || { cat "$tmp/init" && exit 1; }
ask "
    CREATE EXTENSION directus_versions;
    ALTER TABLE pgbench_history ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
    CREATE TABLE undecided (id int PRIMARY KEY, v text);
    SELECT directus_versions.track('undecided');
    SELECT directus_versions.track('pgbench_accounts');
    SELECT directus_versions.track('pgbench_tellers');
    SELECT directus_versions.track('pgbench_branches');
    SELECT directus_versions.track('pgbench_history');
" >/dev/null
prepared=$(ask "SELECT current_setting('max_prepared_transactions')::int > 0")

run_load() {
    PGOPTIONS="-c directus_versions.actor=banker -c synchronous_commit=$1" \
        pgbench -n -c 8 -j 2 -T 120 -M "$2" -b tpcb-like@8 -f "$tmp/savepoints.sql@3" \
        -f "$tmp/rollback.sql@1" >"$tmp/load" 2>&1 &
    load=$!
}

goal=0
for round in 1 2; do
    if [[ $round == 1 ]]; then
        run_load on simple
    else
        run_load off prepared
    fi
    if [[ $prepared == t ]]; then
        ask "BEGIN; INSERT INTO undecided VALUES ($round, 'a');
             UPDATE undecided SET v = 'b' WHERE id = $round; PREPARE TRANSACTION 'undecided $round'"
        ask "BEGIN; INSERT INTO undecided VALUES (3, 'a'); PREPARE TRANSACTION 'refused $round'"
    fi
    goal=$((goal + 1000))
    await_history "$goal"
    ask "CHECKPOINT"
    goal=$((goal + 1000))
    await_history "$goal"
    crash
    if [[ $prepared == t ]]; then
        check "round $round: what is prepared and not committed is not in the log" "
            SELECT count(*) FROM directus_versions.activity WHERE collection = 'undecided' AND item = '$round'"
        ask "COMMIT PREPARED 'undecided $round'"
        ask "ROLLBACK PREPARED 'refused $round'"
        check "round $round: what was prepared before the crash is in the log" "
            SELECT 1 - count(*) FROM directus_versions.revisions r JOIN undecided u ON r.item = u.id::text
            WHERE r.collection = 'undecided' AND u.id = $round AND r.delta = '{\"v\": \"b\"}'
              AND r.prior = '{\"v\": \"a\"}' AND u.v = 'b'"
    fi
    compare "round $round, after the crash"
    PGOPTIONS='-c directus_versions.actor=banker' \
        pgbench -n -c 4 -j 2 -t 50 -b tpcb-like &>"$tmp/load" || { cat "$tmp/load" && exit 1; }
    compare "round $round, after more writes"
    goal=$(ask "SELECT count(*) FROM pgbench_history")
done
exit "$failed"
