#!/usr/bin/env bash
# Take a cluster of the distribution's PostgreSQL to a later major version by pg_upgrade, compare what was recorded,
# and go on: .ci/cluster run …/pg_upgrade.sh
# The later server is the one that is tested, or else the latest that is built.
set -euo pipefail

: "${DV_AS:?run this with .ci/cluster run}" "${DV_TMP:?}" "${DV_SERVERS:?}" "${DV_PG:?}"
here=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

# server_of [MAJOR]: the version and the programs of a server that can load the extension, which this builds.
server_of() (
    unset PG_CONFIG DV_PG
    [[ -z ${1:-} ]] || export DV_PG=$1
    source "$here/.ci/lib"
    "$here/.ci/build" dev >&2
    echo "$DV_PG" "$(tree_bin dev)"
)

read -r old_major old < <(server_of)
if [[ $DV_PG -gt $old_major ]]; then
    later=$DV_PG
else
    later=$(for file in "$DV_SERVERS"/*/source; do basename "$(dirname "$file")"; done | sort -n | tail -n 1)
fi
if [[ ! $later =~ ^[0-9]+$ || $later -le $old_major ]]; then
    echo "skipped: there is no server later than $old_major; .ci/server 18 builds one"
    exit
fi
read -r _ new < <(server_of "$later")

# ask BIN SQL
ask() {
    "$1/psql" -XAtq -v ON_ERROR_STOP=1 -d upgraded -p 5440 -c "$2"
}

# quietly COMMAND…: show what it says only where it fails.
quietly() {
    "$@" >"$tmp/out" 2>&1 || { cat "$tmp/out" && return 1; }
}

# server BIN DATA start|stop
server() {
    quietly "$DV_AS" "$1/pg_ctl" -s -w -D "$DV_TMP/$2" -l "$DV_TMP/$2.log" \
        -o "-p 5440 -k $DV_TMP -c listen_addresses= -c fsync=off" "$3" || { cat "$DV_TMP/$2.log" && exit 1; }
}

# make BIN DATA [OPTION…]: a new cluster
make() {
    local bin=$1 data=$2
    shift 2
    rm -rf "$DV_TMP/$data"
    quietly "$DV_AS" "$bin/initdb" --no-sync -A trust -U postgres -E UTF8 --locale=C.UTF-8 "$@" "$DV_TMP/$data"
}

# upgrade BIN: the cluster "old" of that server becomes the cluster "new".
upgrade() {
    local options=()
    # Since 18 initdb turns them on, and both clusters must agree.
    [[ $later -lt 18 ]] || options+=(--no-data-checksums)
    make "$new" new "${options[@]}"
    if ! "$DV_AS" "$new/pg_upgrade" -b "$1" -B "$new" -d "$DV_TMP/old" -D "$DV_TMP/new" -U postgres -p 5440 -P 5441 \
        -s "$DV_TMP" >"$tmp/out" 2>&1; then
        tail -n 8 "$tmp/out"
        find "$DV_TMP/new" -name 'pg_upgrade_dump_*.log' -exec grep -h -A 4 'error:' {} +
        return 1
    fi
}

# can_upgrade BIN: whether PostgreSQL itself can, without us.
can_upgrade() {
    make "$1" old && server "$1" old start && "$1/createdb" -p 5440 upgraded
    ask "$1" "CREATE TABLE plain (id int PRIMARY KEY)"
    server "$1" old stop
    upgrade "$1" >"$tmp/reason"
}

# Unpack another release of the distribution's server, with the extension, and print where its programs are: the newest
# may have in its catalogs what a later major version of an earlier day does not know.
other_release() {
    local present version
    present=$(dpkg-query -W -f '${Version}' "postgresql-$old_major" 2>/dev/null) || return
    version=$(apt-cache madison "postgresql-$old_major" | awk -v present="$present" '/Packages/ && $3 != present { print $3; exit }')
    [[ -n $version ]] || return
    mkdir "$DV_TMP/release" "$DV_TMP/release/packages"
    (cd "$DV_TMP/release/packages" && quietly apt-get -o APT::Sandbox::User=root download \
        "postgresql-$old_major=$version" "postgresql-client-$old_major=$version") >&2 || return
    for package in "$DV_TMP/release/packages"/*.deb; do
        dpkg-deb -x "$package" "$DV_TMP/release"
    done
    cp "$("$old/pg_config" --pkglibdir)"/directus_versions.so "$DV_TMP/release/usr/lib/postgresql/$old_major/lib"
    cp "$("$old/pg_config" --sharedir)"/extension/directus_versions* "$DV_TMP/release/usr/share/postgresql/$old_major/extension"
    echo "$DV_TMP/release/usr/lib/postgresql/$old_major/bin"
}

# Everything that can be read, one file a query.
declare -A told=(
    [log]="SELECT count(*), md5(string_agg(l::text, E'\n' ORDER BY id)) FROM directus_versions.log l"
    [contexts]="SELECT * FROM directus_versions.context ORDER BY id"
    [collections]="SELECT * FROM directus_versions.collections ORDER BY 1, 2"
    [activity]="SELECT * FROM directus_versions.activity ORDER BY id"
    [revisions]="SELECT * FROM directus_versions.revisions ORDER BY id"
    [versions]="SELECT * FROM directus_versions.versions ORDER BY id"
    [columns]="SELECT * FROM directus_versions.field ORDER BY 1, 2, since"
    [history]="SELECT * FROM directus_versions.history('article', 1)"
    [blame]="SELECT * FROM directus_versions.blame('article', 1) ORDER BY field"
    [then]="SELECT * FROM directus_versions.as_of(NULL::article, (SELECT at FROM moment)) ORDER BY id"
    [parts]="SELECT * FROM directus_versions.as_of(NULL::event, (SELECT at FROM moment)) ORDER BY id"
    [version]="SELECT * FROM directus_versions.compare_version((SELECT id FROM directus_versions.versions WHERE key = 'spring'))"
    [triggers]="SELECT tgrelid::regclass, tgname, tgenabled, tgparentid <> 0, encode(tgargs, 'escape') FROM pg_trigger ORDER BY 1, 2"
    # Whether a table's row type is a member by itself is up to the server.
    [members]="SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend WHERE deptype = 'e'
        AND classid <> 'pg_type'::regclass ORDER BY 1"
    [rights]="SELECT proname, ARRAY(SELECT unnest(coalesce(proacl, acldefault('f', proowner)))::text ORDER BY 1)
        FROM pg_proc WHERE pronamespace = 'directus_versions'::regnamespace ORDER BY oid::regprocedure::text"
    [numbers]="SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'directus_versions' ORDER BY 1"
)
tell() {
    local name
    mkdir -p "$tmp/$2"
    for name in "${!told[@]}"; do
        ask "$1" "${told[$name]}" >"$tmp/$2/$name" || { echo "not ok - $2: $name" && failed=1; }
    done
}

# gives NAME SQL EXPECTED
gives() {
    local found
    found=$(ask "$new" "$2" 2>&1) || true
    if [[ $found == "$3" ]]; then
        echo "ok - $1"
    else
        echo "not ok - $1: $found"
        failed=1
    fi
}

if ! can_upgrade "$old"; then
    if ! old=$(other_release) || ! can_upgrade "$old"; then
        echo "skipped: PostgreSQL cannot upgrade this release of $old_major to this one of $later even without the extension:"
        cat "$tmp/reason"
        exit
    fi
fi
echo "from $("$old/postgres" --version) to $("$new/postgres" --version)"

make "$old" old
server "$old" old start
"$old/createdb" -p 5440 upgraded
ask "$old" "
    CREATE EXTENSION directus_versions;
    CREATE ROLE upgrade_reader;
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TYPE place AS (street text, since timestamptz[]);
    CREATE TABLE article (
        gone text, id int PRIMARY KEY, title text, body json, mood mood, moods mood[], places place[], secret text, much text);
    ALTER TABLE article DROP gone, ALTER much SET COMPRESSION lz4;
    SELECT directus_versions.track('article', exclude => '{secret}');
    CREATE TABLE event (id int, n int, v text, PRIMARY KEY (id, n)) PARTITION BY RANGE (n);
    CREATE TABLE event_a PARTITION OF event FOR VALUES FROM (0) TO (10);
    CREATE TABLE event_b (v text, gone int, n int NOT NULL, id int NOT NULL);
    ALTER TABLE event_b DROP gone;
    ALTER TABLE event ATTACH PARTITION event_b FOR VALUES FROM (10) TO (20);
    SELECT directus_versions.track('event');
    CREATE TABLE parent (id int PRIMARY KEY, v text);
    CREATE TABLE child (extra text) INHERITS (parent);
    SELECT directus_versions.track('parent');
    CREATE SCHEMA shop;
    CREATE TABLE shop.item (id int PRIMARY KEY, v text);
    SELECT directus_versions.track_schema('shop');
    CREATE TABLE dropped (id int PRIMARY KEY);
    SELECT directus_versions.track('dropped');
    CREATE TABLE moment (at timestamptz)" >/dev/null
ask "$old" "
    SET directus_versions.actor = 'ada';
    INSERT INTO article VALUES (1, 'one', '{\"a\" : 1.0}', 'ok', '{sad,ok}', ARRAY[ROW('x', '{2024-01-01Z}')::place], 's 1', repeat('much ', 5000)),
        (2, 'two', NULL, NULL, NULL, NULL, 's 2', NULL);
    INSERT INTO event SELECT i, i, 'v' FROM generate_series(1, 19) i;
    INSERT INTO parent VALUES (1, 'p');
    INSERT INTO child VALUES (2, 'c', 'x');
    INSERT INTO shop.item VALUES (1, 'a');
    INSERT INTO dropped VALUES (1)" >/dev/null
ask "$old" "INSERT INTO moment VALUES (clock_timestamp())"
ask "$old" "
    SET directus_versions.actor = 'bob';
    SET directus_versions.comment = 'why';
    ALTER TABLE article RENAME title TO name;
    UPDATE article SET name = 'one more', mood = 'sad', secret = 's 3' WHERE id = 1;
    DELETE FROM article WHERE id = 2;
    UPDATE event SET n = n + 10 WHERE id = 1;
    UPDATE parent SET v = v || '!';
    DROP TABLE dropped;
    SELECT directus_versions.create_version('article', 1, 'spring', 'Spring', '{\"name\": \"sprung\"}')" >/dev/null
tell "$old" before
last=$(ask "$old" "SELECT max(id) FROM directus_versions.log")
server "$old" old stop
if upgrade "$old"; then
    echo "ok - pg_upgrade"
else
    echo "not ok - pg_upgrade"
    exit 1
fi
server "$new" new start

tell "$new" after
for name in "${!told[@]}"; do
    if [[ -s $tmp/before/$name ]] && cmp -s "$tmp/before/$name" "$tmp/after/$name"; then
        echo "ok - $name"
    else
        echo "not ok - $name"
        diff "$tmp/before/$name" "$tmp/after/$name" | head -n 20 || true
        failed=1
    fi
done

ask "$new" "
    SET directus_versions.actor = 'joe';
    INSERT INTO article (id, name, secret) VALUES (3, 'three', 's 4');
    UPDATE article SET secret = 's 5' WHERE id = 3;
    UPDATE article SET moods = moods || 'ok'::mood WHERE id = 1;
    UPDATE event SET n = 1 WHERE id = 19;
    CREATE TABLE event_c PARTITION OF event FOR VALUES FROM (30) TO (40);
    INSERT INTO event VALUES (30, 30, 'c');
    UPDATE parent SET v = 'q' WHERE id = 2;
    CREATE TABLE shop.late (id int PRIMARY KEY);
    INSERT INTO shop.late VALUES (1);
    UPDATE shop.item SET v = 'b'" >/dev/null || failed=1
gives "what is written since" "
    SELECT string_agg(concat_ws(' ', actor, collection, action, item), ', ' ORDER BY id)
    FROM directus_versions.activity WHERE id > $last" \
    "joe article create 3, joe article update 1, joe event update [19, 1], joe event create [30, 30], joe parent update 2, joe shop.late create 1, joe shop.item update 1"
gives "ids go on" "SELECT min(id) > $last AND min(id) <= $last + 2 FROM directus_versions.log WHERE id > $last" t
gives "what is excluded stays out" "
    SELECT count(*) FROM directus_versions.log AS l WHERE l::text LIKE '%s 4%' OR l::text LIKE '%s 5%'" 0
gives "going back over the upgrade" "
    SET client_min_messages = warning;
    SELECT directus_versions.revert((SELECT min(revision) FROM directus_versions.history('article', 2))) IS NOT NULL;
    SELECT name FROM article WHERE id = 2" $'t\ntwo'
gives "a version from before is promoted" "
    SELECT directus_versions.promote_version(id) IS NOT NULL FROM directus_versions.versions WHERE key = 'spring';
    SELECT name FROM article WHERE id = 1" $'t\nsprung'
gives "a collection goes back over the upgrade" "
    SELECT count(*) > 0 FROM directus_versions.revert_collection('event', (SELECT at FROM moment));
    SELECT count(*), sum(n) FROM event" $'t\n19|190'
gives "what happened since a time before" "
    SELECT count(*) FROM directus_versions.activity WHERE \"timestamp\" > (SELECT at FROM moment) AND collection = 'event' AND id <= $last" 1
exit "$failed"
