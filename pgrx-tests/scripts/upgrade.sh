#!/usr/bin/env bash
# Update from each released version to the newest beside a writing connection, and compare with a fresh install:
# .ci/cluster run …/upgrade.sh
#
# A released version is its install script in sql/released, kept when it is released. The mechanism itself is tested with
# two made-up versions: one that is updated rightly, and one whose update forgets a few things, which has to be seen.
set -euo pipefail

: "${DV_CTL:?run this with .ci/cluster run}" "${PGDATA:?}"
repo=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
extensions=$(pg_config --sharedir)/extension
newest=$(sed -nE 's/^version = "(.*)"/\1/p' "$repo/Cargo.toml" | head -n 1)
placed=()
trap 'rm -rf "$tmp"; rm -f "${placed[@]}"' EXIT
failed=0

ask() {
    psql -XAtq -v ON_ERROR_STOP=1 -v SHOW_CONTEXT=never -d "$1" -c "$2"
}

# place FILE: make it one of the server's extension scripts for the time of this test.
place() {
    [[ ! -e $extensions/$(basename "$1") ]] || return 0
    placed+=("$extensions/$(basename "$1")")
    cp "$1" "$extensions/"
    chmod 644 "$extensions/$(basename "$1")"
}

# All that the extension consists of: each object with its definition, its privileges and its comment.
objects="
SET search_path = pg_catalog;
WITH member AS (
    SELECT d.classid, d.objid FROM pg_depend d
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'directus_versions')
), relation AS (
    SELECT c.* FROM pg_class c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
)
SELECT replace(line, E'\n', ' ') FROM (
    SELECT concat_ws(' | ', pg_describe_object(classid, objid, 0), 'comment', obj_description(objid, classid::regclass::name)) FROM member
    UNION ALL
    SELECT concat_ws(' | ', p.oid::regprocedure, pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner), (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(COALESCE(p.proacl, acldefault('f', p.proowner))) a))
    FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
    UNION ALL
    SELECT concat_ws(' | ', c.oid::regclass, c.relkind, pg_get_userbyid(c.relowner),
        (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(COALESCE(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", c.relowner))) a),
        c.reloptions, c.relreplident, pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid),
        CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END,
        (SELECT concat_ws(' ', format_type(s.seqtypid, -1), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle) FROM pg_sequence s WHERE s.seqrelid = c.oid),
        c.oid = ANY ((SELECT e.extconfig FROM pg_extension e WHERE e.extname = 'directus_versions')::oid[]))
    FROM relation c
    UNION ALL
    -- In their order: code knows the positions.
    SELECT concat_ws(' | ', c.oid::regclass, 'columns', string_agg(concat_ws(' ', a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),
        a.attcollation::regcollation, a.attnotnull, a.attstorage, a.attcompression, pg_get_expr(d.adbin, d.adrelid), a.attacl, col_description(c.oid, a.attnum)), ', ' ORDER BY a.attnum))
    FROM relation c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    GROUP BY c.oid
    UNION ALL
    SELECT concat_ws(' | ', c.oid::regclass, 'index', pg_get_indexdef(i.indexrelid)) FROM relation c JOIN pg_index i ON i.indrelid = c.oid
    UNION ALL
    SELECT concat_ws(' | ', c.oid::regclass, 'constraint', k.conname, pg_get_constraintdef(k.oid)) FROM relation c JOIN pg_constraint k ON k.conrelid = c.oid
    UNION ALL
    SELECT concat_ws(' | ', c.oid::regclass, 'trigger', pg_get_triggerdef(t.oid), t.tgenabled, obj_description(t.oid, 'pg_trigger')) FROM relation c JOIN pg_trigger t ON t.tgrelid = c.oid
    UNION ALL
    SELECT concat_ws(' | ', 'event trigger', e.evtname, e.evtevent, e.evttags, e.evtenabled, e.evtfoid::regproc) FROM pg_event_trigger e
    UNION ALL
    SELECT concat_ws(' | ', 'type', t.oid::regtype, t.typinput, t.typoutput, t.typreceive, t.typsend, t.typlen, t.typstorage, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(COALESCE(t.typacl, acldefault('T', t.typowner))) a))
    FROM pg_type t JOIN member m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
    UNION ALL
    SELECT concat_ws(' | ', 'operator', o.oid::regoperator, o.oprcode, o.oprcom::regoperator, o.oprnegate::regoperator, o.oprrest, o.oprjoin)
    FROM pg_operator o JOIN member m ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid
    UNION ALL
    SELECT pg_describe_object('pg_amop'::regclass, a.oid, 0) FROM pg_amop a JOIN member m ON m.classid = 'pg_opfamily'::regclass AND m.objid = a.amopfamily
    UNION ALL
    SELECT pg_describe_object('pg_amproc'::regclass, a.oid, 0) FROM pg_amproc a JOIN member m ON m.classid = 'pg_opfamily'::regclass AND m.objid = a.amprocfamily
    UNION ALL
    SELECT concat_ws(' | ', 'schema', n.nspname, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(COALESCE(n.nspacl, acldefault('n', n.nspowner))) a)) FROM pg_namespace n WHERE n.nspname = 'directus_versions'
    UNION ALL
    SELECT concat_ws(' | ', 'version', e.extversion, e.extrelocatable) FROM pg_extension e WHERE e.extname = 'directus_versions'
) AS l (line) ORDER BY line"

history="SELECT * FROM directus_versions.revisions WHERE id <= :last ORDER BY id; SELECT * FROM directus_versions.activity WHERE id <= :last ORDER BY id;
    SELECT collection, target, accountability, exclude, key, snapshot, tracked, since FROM directus_versions.collections WHERE :last > 0; SELECT * FROM directus_versions.log WHERE id <= :last ORDER BY id"

# The number of recorded updates that connection of the name "upgrade writer" has made.
written() {
    ask "$1" "SELECT count(*) FROM directus_versions.activity WHERE application_name = 'upgrade writer' AND action = 'update'"
}

# writes_past DATABASE COUNT: the writer comes to have made more.
writes_past() {
    for _ in $(seq 600); do
        [[ $(written "$1") -le $2 ]] || return 0
        sleep 0.1
    done
    return 1
}

# update DATABASE VERSION: says what is wrong after the update, if anything.
update() {
    local db=$1 last writer rows
    createdb "$db"
    ask "$db" "
        CREATE EXTENSION directus_versions VERSION '$2';
        CREATE TABLE article (id int PRIMARY KEY, n int, title text); SELECT directus_versions.track('article', exclude => '{title}');
        INSERT INTO article VALUES (1, 0, 'a'), (2, 0, 'b'); UPDATE article SET n = 1; DELETE FROM article WHERE id = 2" >/dev/null || return
    last=$(ask "$db" "SELECT max(id) FROM directus_versions.log")
    ask "$db" "${history//:last/$last}" >"$tmp/before"
    (
        while [[ ! -e $tmp/stop ]]; do
            echo "UPDATE article SET n = n + 1;"
        done
    ) | PGAPPNAME='upgrade writer' psql -Xq -v ON_ERROR_STOP=1 -d "$db" >"$tmp/writer" 2>&1 &
    writer=$!
    if ! writes_past "$db" 10; then
        echo "nothing is recorded before the update"
    elif ! ask "$db" "ALTER EXTENSION directus_versions UPDATE" 2>&1; then
        echo "the update failed"
    elif ! writes_past "$db" "$(written "$db")"; then
        echo "nothing is recorded after the update"
    fi
    touch "$tmp/stop"
    wait "$writer" || echo "the writer failed: $(head -n 3 "$tmp/writer")"
    rm "$tmp/stop"
    rows=$(ask "$db" "SELECT n - 1 FROM article")
    [[ $rows == "$(written "$db")" ]] || echo "$rows updates and $(written "$db") recorded"
    ask "$db" "${history//:last/$last}" >"$tmp/after"
    cmp -s "$tmp/before" "$tmp/after" || { echo "history is another" && diff "$tmp/before" "$tmp/after" | head -n 10; }
    ask "$db" "$objects" >"$tmp/found"
    cmp -s "$tmp/fresh" "$tmp/found" || { echo "objects differ from a fresh install" && diff "$tmp/fresh" "$tmp/found" | cut -c 1-200 | head -n 40; }
}

createdb fresh
ask fresh "CREATE EXTENSION directus_versions"
ask fresh "$objects" >"$tmp/fresh"
[[ $(wc -l <"$tmp/fresh") -gt 500 ]] || { echo "not ok - the list of objects is too short" && failed=1; }

# The made-up versions differ from the newest by what an update has to bring.
old() {
    sed -e "/^COMMENT ON VIEW status IS$/,/;$/d" \
        -e 's/^GRANT EXECUTE ON FUNCTION item_of(anyelement) TO PUBLIC;$//' "$extensions/directus_versions--$newest.sql"
    echo "DROP FUNCTION directus_versions._caller(); DROP EVENT TRIGGER directus_versions_partitions;"
}
status_comment=$(sed -n "/^COMMENT ON VIEW status IS$/,/;$/p" "$repo/sql/checking.sql")
caller=$(ask fresh "SELECT pg_get_functiondef('directus_versions._caller()'::regprocedure)")
caller_comment=$(ask fresh "SELECT quote_literal(obj_description('directus_versions._caller()'::regprocedure))")
for kind in right wrong; do
    old >"$tmp/directus_versions--0.0.0$kind.sql"
    {
        echo "$caller;"
        echo "COMMENT ON FUNCTION directus_versions._caller() IS $caller_comment;"
        echo "${status_comment/VIEW status/VIEW directus_versions.status}"
        if [[ $kind == right ]]; then
            echo "REVOKE ALL ON FUNCTION directus_versions._caller() FROM PUBLIC; GRANT EXECUTE ON FUNCTION directus_versions.item_of(anyelement) TO PUBLIC;"
            sed -n "/^CREATE EVENT TRIGGER directus_versions_partitions/,/^COMMENT/p" "$repo/sql/ddl.sql"
            echo "ALTER EVENT TRIGGER directus_versions_partitions ENABLE ALWAYS;"
        fi
    } >"$tmp/directus_versions--0.0.0$kind--$newest.sql"
    place "$tmp/directus_versions--0.0.0$kind.sql"
    place "$tmp/directus_versions--0.0.0$kind--$newest.sql"
done
found=$(update made_up_right 0.0.0right 2>&1) || true
if [[ -z $found ]]; then
    echo "ok - a right update of a made-up version is found right"
else
    echo "not ok - a right update of a made-up version: $found"
    failed=1
fi
found=$(update made_up_wrong 0.0.0wrong 2>&1) || true
for forgotten in 'item_of(anyelement)' '_caller()' 'event trigger | directus_versions_partitions'; do
    if [[ $found == *"$forgotten"* ]]; then
        echo "ok - that an update forgets $forgotten is seen"
    else
        echo "not ok - that an update forgets $forgotten is not seen: $found"
        failed=1
    fi
done

# Each version that the changelog dates is released, and has to be here.
released=0
while read -r version; do
    [[ $version != "$newest" ]] || continue
    released=$((released + 1))
    script=$repo/sql/released/directus_versions--$version.sql
    if [[ ! -f $script ]]; then
        echo "not ok - $version is released, and sql/released has no install script of it"
        failed=1
        continue
    fi
    place "$script"
    found=$(update "from_$released" "$version" 2>&1) || true
    if [[ -z $found ]]; then
        echo "ok - from $version to $newest"
    else
        echo "not ok - from $version to $newest: $found"
        failed=1
    fi
done < <(sed -nE 's/^## \[([0-9][^]]*)\] - [0-9]{4}-.*/\1/p' "$repo/CHANGELOG.md")
[[ $released -gt 0 ]] || echo "no version before $newest is released: nothing to update from"
exit "$failed"
