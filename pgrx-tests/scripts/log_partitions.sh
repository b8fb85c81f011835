#!/usr/bin/env bash
# as_of over a log of several partitions: .ci/cluster run pgrx-tests/scripts/log_partitions.sh
#
# A long statement that began before a time may write behind a later one, so its row lies in an older partition under a
# later id. Such rows are made by hand here, as is their time.
set -euo pipefail

run() { psql -XAtq -v ON_ERROR_STOP=1 -c "$1"; }

run "CREATE EXTENSION directus_versions"
run "CREATE TABLE t (id int PRIMARY KEY, v int, w int); SELECT directus_versions.track('t')"
run "CREATE TABLE directus_versions.log_old PARTITION OF directus_versions.log FOR VALUES FROM (MINVALUE) TO ('2020-01-01')"
run "CREATE INDEX ON directus_versions.log_old (id); CREATE INDEX ON directus_versions.log_old (collection, item directus_versions.item_ops, id);
     CREATE INDEX ON directus_versions.log_old USING brin (transaction directus_versions.transaction_ops, at, id)"
run "INSERT INTO t VALUES (1, 0, 0), (2, 0, 0)"
run "UPDATE t SET v = 1 WHERE id = 1"
run "UPDATE t SET w = 5"
# The rows were created in 2018, and the last statement began in 2019.
run "ALTER TABLE directus_versions.log_default DISABLE TRIGGER ALL; ALTER TABLE directus_versions.log DISABLE TRIGGER ALL;
     UPDATE directus_versions.log SET at = '2018-06-01' WHERE action = 'c';
     UPDATE directus_versions.log SET at = '2019-06-01' WHERE action = 'u' AND id >= (SELECT max(id) - 1 FROM directus_versions.log)"
[[ $(run "SELECT count(*) FROM directus_versions.log_old") == 4 ]]

check() {
    local found
    found=$(run "SELECT string_agg(concat_ws(' ', id, v, w), ', ' ORDER BY id) FROM directus_versions.as_of(NULL::t, '$1')")
    [[ $found == "$2" ]] || { echo "$when, as of $1: '$found' instead of '$2'" && exit 1; }
}

# The block range index knows the first pages, as a new one does; then none; then all.
for when in "at first" "desummarized" "after VACUUM"; do
    case $when in
        desummarized)
            run "SELECT brin_desummarize_range(i.indexrelid, 0) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
                 WHERE c.relkind = 'i' AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'brin')" >/dev/null
            ;;
        "after VACUUM") run "VACUUM directus_versions.log" ;;
    esac
    check 2018-01-01 ""
    check 2019-01-01 "1 0 0, 2 0 0"
    # Of row 1 the statement of 2019 followed a later one; of row 2 it did not.
    check 2019-12-31 "1 0 0, 2 0 5"
    check 2020-01-01 "1 0 0, 2 0 5"
    check 2021-01-01 "1 0 0, 2 0 5"
    check infinity "1 1 5, 2 0 5"
done
