#!/usr/bin/env bash
# Tables whose columns a dump puts into another order, restored into another cluster, changed there, and dumped and restored
# again: what was recorded is read, and gone back to, as where it came from. .ci/cluster run …/dump_columns.sh
set -euo pipefail

: "${DV_CTL:?run this with .ci/cluster run}" "${DV_AS:?}" "${DV_TMP:?}" "${PGDATA:?}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

# in_db DATABASE COMMAND…: a database "cluster/name" is one of the other cluster.
in_db() {
    local db=$1 port=$PGPORT
    shift
    [[ $db != */* ]] || port=$((PGPORT + 1))
    PGPORT=$port PGDATABASE=${db#*/} "$@"
}

ask() {
    in_db "$1" psql -XAtq -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -v SHOW_CONTEXT=never -c "$2"
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

tables="'{article,event,event_b,parent,child,renamed}'::regclass[]"
moments=(begun written dropped changed)

# What is read, and what each table becomes by going back, to each revision and each time; nothing stays done.
battery() {
    local moment table revision kind key
    local at="(SELECT at FROM moment WHERE name = "
    for table in article event parent renamed; do
        key="(SELECT DISTINCT item FROM directus_versions.activity WHERE collection = '$table')"
        cat <<END
\\echo -- $table
SELECT id, activity, collection, item, data, delta, prior FROM directus_versions.revisions WHERE collection = '$table' ORDER BY id;
SELECT i.item, h.revision, h.action, h.delta, h.prior, h.data FROM $key i, directus_versions.history('$table', i.item) h ORDER BY 2, 1;
SELECT i.item, b.field, b.value, b.revision FROM $key i, directus_versions.blame('$table', i.item) b ORDER BY 1, 2;
SELECT d.* FROM $key i, directus_versions.diff((SELECT min(revision) FROM directus_versions.history('$table', i.item))) d ORDER BY 1, 2, 3;
SELECT * FROM directus_versions.check_tracking('$table');
END
        for moment in "${moments[@]}"; do
            cat <<END
\\echo -- $table, $moment
SELECT * FROM directus_versions.as_of(NULL::$table, $at'$moment')) ORDER BY id;
SELECT i.item, directus_versions.item_at('$table', i.item, $at'$moment')) FROM $key i ORDER BY 1;
BEGIN;
SELECT item, action, fields FROM directus_versions.revert_collection('$table', $at'$moment')) ORDER BY 1;
SELECT * FROM $table ORDER BY id;
ROLLBACK;
END
        done
    done
    for revision in $(ask source "SELECT id FROM directus_versions.revisions ORDER BY id"); do
        table=$(ask source "SELECT collection FROM directus_versions.revisions WHERE id = $revision")
        for kind in "revert($revision)" "undo($revision)" "undo($revision, true)"; do
            cat <<END
\\echo -- $kind
BEGIN;
SELECT directus_versions.$kind IS NOT NULL;
SELECT tableoid::regclass, * FROM $table ORDER BY id;
SELECT action, delta, prior, data FROM directus_versions.revisions r JOIN directus_versions.activity a USING (id)
WHERE r.source = $revision AND a.transaction = pg_current_xact_id();
ROLLBACK;
END
        done
    done
    cat <<'END'
SELECT id, delta, base FROM directus_versions.versions ORDER BY id;
SELECT directus_versions.version_data(id), directus_versions.compare_version(id) FROM directus_versions.versions ORDER BY id;
END
}

# told DATABASE: what the battery says there. A message names columns in the order that they have in the table.
told() {
    in_db "$1" psql -XAtq -v SHOW_CONTEXT=never -f "$tmp/battery" 2>&1 |
        perl -pe 's/^psql:\S* //; s/("[^"]*"(, )?){2,}$/join ", ", sort $& =~ m{"[^"]*"}g/e'
}

# same NAME DATABASE DATABASE
same() {
    told "$2" >"$tmp/expected"
    told "$3" >"$tmp/found"
    if [[ $(wc -l <"$tmp/expected") -gt 300 ]] && cmp -s "$tmp/expected" "$tmp/found"; then
        echo "ok - $3: $1"
    else
        echo "not ok - $3: $1"
        diff "$tmp/expected" "$tmp/found" | head -n 40 || true
        failed=1
    fi
}

moment() {
    ask source "INSERT INTO moment VALUES ('$1', clock_timestamp())"
}

createdb source
ask source "
    CREATE EXTENSION directus_versions;
    CREATE TABLE moment (name text, at timestamptz);
    CREATE TABLE article (gone1 int, id int PRIMARY KEY, old text, title text, body jsonb, n int);
    ALTER TABLE article DROP gone1;
    CREATE TABLE event (id int, gone text, n int, v text, PRIMARY KEY (id, n)) PARTITION BY RANGE (n);
    ALTER TABLE event DROP gone;
    CREATE TABLE event_a PARTITION OF event FOR VALUES FROM (0) TO (10);
    CREATE TABLE event_b (v text, junk int, n int NOT NULL, id int NOT NULL);
    ALTER TABLE event_b DROP junk;
    ALTER TABLE event ATTACH PARTITION event_b FOR VALUES FROM (10) TO (20);
    CREATE TABLE parent (junk int, id int PRIMARY KEY, v text);
    ALTER TABLE parent DROP junk;
    CREATE TABLE child (extra text) INHERITS (parent);
    CREATE TABLE renamed (a int, b int, id int PRIMARY KEY, c int);
    SELECT directus_versions.track('article'), directus_versions.track('event'), directus_versions.track('parent'),
        directus_versions.track('renamed')" >/dev/null
moment begun
ask source "
    INSERT INTO article VALUES (1, 'o1', 'One', '{\"a\": 1}', 1), (2, 'o2', 'Two', NULL, 2), (3, 'o3', 'Three', '[]', 3);
    INSERT INTO event SELECT i, i, 'v' || i FROM generate_series(8, 12) i;
    INSERT INTO parent VALUES (1, 'p');
    INSERT INTO child VALUES (2, 'c', 'x');
    INSERT INTO renamed VALUES (1, 2, 1, 3);
    SELECT directus_versions.create_version('article', 1, 'next', delta => '{\"title\": \"Uno\", \"old\": \"staged\"}')" >/dev/null
moment written
ask source "
    UPDATE article SET title = title || '!', old = 'o' WHERE id = 1;
    ALTER TABLE article DROP old;
    ALTER TABLE article ADD old text DEFAULT 'again';
    ALTER TABLE article RENAME title TO headline;
    ALTER TABLE article ADD title int;
    ALTER TABLE parent ADD late text DEFAULT 'late';
    ALTER TABLE parent DROP v;
    ALTER TABLE renamed DROP b;
    ALTER TABLE renamed RENAME a TO b;
    ALTER TABLE renamed RENAME c TO a"
moment dropped
ask source "
    UPDATE article SET old = 'changed', headline = 'Eins', title = 7 WHERE id = 1;
    DELETE FROM article WHERE id = 2;
    UPDATE event SET n = n + 9, v = 'moved' WHERE id = 9;
    UPDATE event_b SET v = 'w' WHERE id = 11;
    DELETE FROM event WHERE id = 12;
    UPDATE parent SET late = 'later';
    DELETE FROM child;
    UPDATE renamed SET a = a + 10, b = b + 20;
    ALTER TABLE article ALTER n TYPE numeric(9,2)"
moment changed
ask source "UPDATE article SET n = n + 0.5, headline = 'One' WHERE id = 3; ALTER TABLE article DROP body, ADD more text"
before=$(ask source "SELECT max(id) FROM directus_versions.log")
transaction=$(ask source "SELECT transaction FROM directus_versions.activity WHERE collection = 'renamed' ORDER BY id DESC LIMIT 1")

# The other cluster, in which other tables have taken the OIDs.
"$DV_AS" "$(command -v initdb)" --no-sync -A trust -U postgres -E UTF8 --locale=C.UTF-8 "$DV_TMP/other" >"$tmp/out" 2>&1
printf '%s\n' "port = $((PGPORT + 1))" "listen_addresses = ''" "unix_socket_directories = '$DV_TMP'" "fsync = off" |
    "$DV_AS" tee -a "$DV_TMP/other/postgresql.conf" >/dev/null
PGDATA=$DV_TMP/other "$DV_CTL" start >/dev/null
for db in first second; do
    in_db "other/postgres" createdb "$db"
    ask "other/$db" "CREATE TABLE before_$db (a int, b text)"
done

battery >"$tmp/battery"
pg_dump -d source | in_db other/first psql -Xq -v ON_ERROR_STOP=1 >"$tmp/out"

numbers="SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '%s'::regclass AND attnum > 0 AND NOT attisdropped"
# What this test is about: without it, nothing would be tested.
gives "numbers without a column" source "SELECT count(*) FROM pg_attribute WHERE attisdropped AND attrelid = ANY ($tables)" 9
gives "which are gone" other/first "SELECT count(*) FROM pg_attribute WHERE attisdropped AND attrelid = ANY ($tables)" 0
gives "an order" source "${numbers//%s/child}" "id extra late"
gives "another order" other/first "${numbers//%s/child}" "id late extra"
same "as in the source" source other/first
gives "a transaction of another cluster is not one of here" other/first "
    SELECT * FROM directus_versions.undo_transaction('$transaction')" "*P0002: *"

# Columns come and go here too, and the numbers of the source's dropped columns are taken by others.
change="
    ALTER TABLE article DROP title, ADD title text DEFAULT 'third', DROP more;
    ALTER TABLE article ADD body int DEFAULT 5, ADD note text;
    UPDATE article SET note = 'noted', title = 'Trois' WHERE id = 1;
    UPDATE event SET v = 'later' WHERE id = 8;
    ALTER TABLE parent ADD v int DEFAULT 1;
    UPDATE parent SET v = 2;
    ALTER TABLE renamed RENAME b TO c;
    UPDATE renamed SET c = 0"
ask source "$change"
ask other/first "$change"
same "after the same changes" source other/first
gives "ids go on" other/first "SELECT min(id) > $before FROM directus_versions.log WHERE at > (SELECT max(at) FROM moment) AND id > $before" t

in_db other/first pg_dump -Fc -f "$tmp/second"
in_db other/second pg_restore -e -j2 -d second "$tmp/second"
same "as in the first" other/first other/second
ask other/second "UPDATE article SET note = 'again'; INSERT INTO article (id) VALUES (9); DELETE FROM parent"
gives "tracking goes on" other/second "
    SELECT string_agg(concat_ws(' ', r.collection, a.action, r.delta ->> 'note', r.prior ->> 'late'), ', ' ORDER BY id)
    FROM directus_versions.revisions r JOIN directus_versions.activity a USING (id)
    WHERE id > (SELECT max(id) FROM directus_versions.log WHERE item IS NOT NULL) - 4" \
    "article update again, article update again, article create, parent delete later"
gives "nothing is wrong" other/second "SELECT t.* FROM unnest('{article,event,parent,renamed}'::regclass[]) u, directus_versions.check_tracking(u) t" ""
exit "$failed"
