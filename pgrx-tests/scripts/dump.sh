#!/usr/bin/env bash
# Dump a database with tracked tables and restore it into new ones, as SQL and in parallel; compare, and go on writing:
# .ci/cluster run …/dump.sh
set -euo pipefail

: "${DV_CTL:?run this with .ci/cluster run}" "${PGDATA:?}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

ask() {
    psql -XAtq -v ON_ERROR_STOP=1 -d "$1" -c "$2"
}

# same NAME DATABASE SQL: the query gives in both databases the same, and not nothing.
same() {
    ask source "$3" >"$tmp/expected" 2>&1 || true
    ask "$2" "$3" >"$tmp/found" 2>&1 || true
    if [[ -s $tmp/expected ]] && cmp -s "$tmp/expected" "$tmp/found"; then
        echo "ok - $2: $1"
    else
        echo "not ok - $2: $1"
        diff "$tmp/expected" "$tmp/found" | head -n 20 || true
        failed=1
    fi
}

# gives NAME DATABASE SQL EXPECTED
gives() {
    local found
    found=$(ask "$2" "$3" 2>&1) || true
    if [[ $found == "$4" ]]; then
        echo "ok - $2: $1"
    else
        echo "not ok - $2: $1: $found"
        failed=1
    fi
}

createdb source
ask source "
    CREATE EXTENSION directus_versions;
    CREATE ROLE dump_reader;
    CREATE TABLE account (gone1 text, id int PRIMARY KEY, gone2 int, name text, password text, note json);
    ALTER TABLE account DROP gone1, DROP gone2;
    SELECT directus_versions.track('account', exclude => '{password}');
    INSERT INTO account VALUES (1, 'ada', 'secret 1', '{\"a\" : 1.0}'), (2, 'bob', 'secret 2', NULL);
    UPDATE account SET name = 'eve', password = 'secret 3' WHERE id = 2;
    ALTER TABLE account ADD email text DEFAULT 'none';
    ALTER TABLE account RENAME name TO title;
    UPDATE account SET title = 'ada l.' WHERE id = 1;
    DELETE FROM account WHERE id = 2;

    CREATE TABLE event (id int, n int, v text, PRIMARY KEY (id, n)) PARTITION BY RANGE (n);
    CREATE TABLE event_a PARTITION OF event FOR VALUES FROM (0) TO (10);
    CREATE TABLE event_b (v text, gone int, n int NOT NULL, id int NOT NULL);
    ALTER TABLE event_b DROP gone;
    ALTER TABLE event ATTACH PARTITION event_b FOR VALUES FROM (10) TO (20);
    SELECT directus_versions.track('event');
    INSERT INTO event SELECT i, i, 'v' FROM generate_series(1, 19) i;
    UPDATE event SET n = n + 10 WHERE id = 1;

    CREATE TABLE parent (id int PRIMARY KEY, v text);
    CREATE TABLE child (extra text) INHERITS (parent);
    SELECT directus_versions.track('parent');
    INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (2, 'c', 'x');
    UPDATE parent SET v = v || '!';

    CREATE SCHEMA shop;
    CREATE TABLE shop.item (id int PRIMARY KEY, v text);
    SELECT directus_versions.track_schema('shop');
    CREATE TABLE shop.late (id int PRIMARY KEY, v text);
    CREATE TABLE shop.keyless (id int);
    INSERT INTO shop.item VALUES (1, 'a'); INSERT INTO shop.late VALUES (1, repeat('x', 5000));
    UPDATE shop.late SET v = 'short';

    CREATE TABLE dropped (id int PRIMARY KEY); SELECT directus_versions.track('dropped');
    INSERT INTO dropped VALUES (1); DROP TABLE dropped;
    CREATE TABLE stopped (id int PRIMARY KEY); SELECT directus_versions.track('stopped');
    INSERT INTO stopped VALUES (1); SELECT directus_versions.untrack('stopped');
    CREATE TABLE long (k text PRIMARY KEY, v int); SELECT directus_versions.track('long');
    INSERT INTO long VALUES (repeat('k', 100000), 1); UPDATE long SET v = 2;
    SELECT directus_versions.log_activity('login');
" >/dev/null
ask source "SET directus_versions.actor = 'ada'; SET directus_versions.comment = 'why';
    UPDATE account SET title = 'again'" >/dev/null

pg_dump -d source -f "$tmp/plain.sql"
pg_dump -d source -Fc -f "$tmp/custom"
createdb plain
psql -Xq -v ON_ERROR_STOP=1 -d plain -f "$tmp/plain.sql" >"$tmp/out" 2>&1 && [[ ! -s "$tmp/out" || -z $(grep -E 'ERROR|WARNING' "$tmp/out") ]] ||
    { echo "not ok - plain: restore" && head -n 20 "$tmp/out" && failed=1; }
createdb parallel
pg_restore -j2 -e -d parallel "$tmp/custom" >"$tmp/out" 2>&1 && [[ -z $(grep -E 'error|warning' -i "$tmp/out") ]] ||
    { echo "not ok - parallel: restore" && head -n 20 "$tmp/out" && failed=1; }
# As a parallel restore may do it: a child's rows and triggers come after all of its parent's.
pg_restore -l "$tmp/custom" >"$tmp/list"
late='TABLE DATA public child |TRIGGER public (child|parent) |CONSTRAINT public parent '
{
    grep -vE "$late" "$tmp/list"
    for entry in 'TRIGGER public parent ' 'CONSTRAINT public parent ' 'TABLE DATA public child ' 'TRIGGER public child '; do
        grep -E "$entry" "$tmp/list"
    done
} >"$tmp/late"
createdb ordered
pg_restore -L "$tmp/late" -e -d ordered "$tmp/custom" >"$tmp/out" 2>&1 && [[ -z $(grep -E 'error|warning' -i "$tmp/out") ]] ||
    { echo "not ok - ordered: restore" && head -n 20 "$tmp/out" && failed=1; }

triggers="SELECT tgrelid::regclass::text, tgfoid::regproc::text, tgenabled, encode(tgargs, 'escape'), tgname, tgparentid <> 0
    FROM pg_trigger WHERE NOT tgisinternal OR tgparentid <> 0 ORDER BY 1, 2, 4, 5"
for db in plain parallel ordered; do
    same "log" "$db" "SELECT count(*), md5(string_agg(l::text, E'\n' ORDER BY id)) FROM directus_versions.log l"
    same "contexts" "$db" "SELECT * FROM directus_versions.context ORDER BY id"
    same "collections" "$db" "SELECT * FROM directus_versions.collections ORDER BY 1, 2"
    same "activity" "$db" "SELECT * FROM directus_versions.activity ORDER BY id"
    same "revisions" "$db" "SELECT * FROM directus_versions.revisions ORDER BY id"
    same "gaps, schemas" "$db" "
        SELECT (SELECT count(*) FROM directus_versions.gap), (SELECT count(*) FROM directus_versions.long_item), schema,
            accountability, role FROM directus_versions.tracked_schema"
    same "triggers" "$db" "$triggers"
    gives "no trigger twice" "$db" "
        SELECT count(*) FROM (SELECT FROM pg_trigger WHERE tgname LIKE '00_directus%'
            GROUP BY tgrelid, tgfoid, tgargs HAVING count(*) > 1) t" 0
done

for db in plain parallel ordered; do
    before=$(ask "$db" "SELECT max(id) FROM directus_versions.log")
    ask "$db" "
        INSERT INTO account VALUES (3, 'joe', 'secret 4');
        UPDATE account SET password = 'secret 5', title = 'joe b.' WHERE id = 3;
        UPDATE account SET password = 'secret 6' WHERE id = 3;
        INSERT INTO event VALUES (99, 19, 'v'); UPDATE event SET n = 1 WHERE id = 99; UPDATE event_b SET v = 'w' WHERE id = 12;
        UPDATE parent SET v = 'q' WHERE id = 2; INSERT INTO child VALUES (3, 'd', 'y');
        CREATE TABLE event_c PARTITION OF event FOR VALUES FROM (20) TO (30); INSERT INTO event VALUES (100, 25, 'c');
        UPDATE shop.item SET v = 'b'; UPDATE shop.late SET v = 'c';
        CREATE TABLE shop.later (id int PRIMARY KEY); INSERT INTO shop.later VALUES (1);
        INSERT INTO stopped VALUES (2);
        UPDATE long SET v = 3" >/dev/null || failed=1
    gives "what is written since" "$db" "
        SELECT string_agg(concat_ws(' ', collection, action, left(item, 9)), ', ' ORDER BY id)
        FROM directus_versions.activity WHERE id > $before" \
        "account create 3, account update 3, event create [99, 19], event update [99, 1], event update [12, 12], parent update 2, parent create 3, event create [100, 25], shop.item update 1, shop.late update 1, shop.later create 1, long update kkkkkkkkk"
    gives "ids go on" "$db" "SELECT min(id) > $before AND min(id) <= $before + 2 FROM directus_versions.log WHERE id > $before" t
    gives "no id twice" "$db" "SELECT count(*) - count(DISTINCT id) FROM directus_versions.log" 0
    gives "the password stays out" "$db" "
        SELECT count(*) FROM directus_versions.log l LEFT JOIN directus_versions.revisions r USING (id)
        WHERE strpos(concat(l::text, r::text), 'secret') > 0" 0
    gives "data of what is written since" "$db" "
        SELECT data FROM directus_versions.revisions WHERE collection = 'account' ORDER BY id DESC LIMIT 1" \
        '{"id": 3, "note": null, "email": "none", "title": "joe b."}'
    gives "old data stays" "$db" "
        SELECT data FROM directus_versions.revisions WHERE collection = 'account' ORDER BY id LIMIT 1" \
        '{"id": 1, "name": "ada", "note": {"a": 1.0}}'
    gives "contexts not twice" "$db" "SELECT count(*) - count(DISTINCT id) FROM directus_versions.context" 0
    gives "no trigger twice, after DDL" "$db" "
        SELECT count(*) FROM (SELECT FROM pg_trigger WHERE tgname LIKE '00_directus%'
            GROUP BY tgrelid, tgfoid, tgargs HAVING count(*) > 1) t" 0
done
exit "$failed"
