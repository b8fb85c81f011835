#!/usr/bin/env bash
# Build the Debian package as the Dockerfile does, look into it, and run a server on what it holds: nothing is installed.
# In the profile of the cluster that it runs in; `make package-check` takes release.
set -euo pipefail
cd "$(dirname "$0")/../.."

: "${DV_CTL:?run this with .ci/cluster run}" "${DV_TMP:?}" "${DV_PG:?}"
profile=$DV_BUILT
package=postgresql-$DV_PG-directus-versions
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
libraries=usr/lib/postgresql/$DV_PG/lib
share=usr/share/postgresql/$DV_PG/extension
doc=usr/share/doc/$package
failed=0

# check NAME COMMAND…
check() {
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then
        echo "ok - $name"
    else
        echo "not ok - $name"
        echo "$out"
        failed=1
    fi
}

equal() {
    [[ $1 == "$2" ]] || { printf 'expected: %s\nfound:    %s\n' "$2" "$1" && return 1; }
}

ask() {
    psql -XAtq -v ON_ERROR_STOP=1 -c "$1"
}

before=$(ls -A && ls -A target | grep '^package\.' || true)
mkdir "$DV_TMP/context" "$DV_TMP/one" "$DV_TMP/two" "$DV_TMP/three"
python3 pgrx-tests/scripts/package.py meta || failed=1
python3 pgrx-tests/scripts/package.py dockerfile "$DV_TMP/context" || failed=1

archive() {
    git archive --format=zip --prefix="directus_versions-$version/" -o "$DV_TMP/pgxn.zip" HEAD &&
        python3 -m zipfile -l "$DV_TMP/pgxn.zip" | grep "^directus_versions-$version/META.json "
}
[[ ! -e .git ]] || check "the archive for PGXN" archive

if [[ $DV_PG != 15 && -z ${PG_CONFIG:-} ]]; then
    refused() {
        ! .ci/package "$profile" "$DV_TMP/one" 2>"$DV_TMP/refused" && grep -q 'is not of a Debian package' "$DV_TMP/refused"
    }
    check "a server that is not Debian's gets no package" refused
    exit "$failed"
fi

# What the Dockerfile copies is enough to build from.
export SOURCE_DATE_EPOCH=1700000000
(cd "$DV_TMP/context" && CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$OLDPWD/target} .ci/package "$profile" "$DV_TMP/three") >/dev/null
deb=$(.ci/package "$profile" "$DV_TMP/one")
again=$(.ci/package "$profile" "$DV_TMP/two")
check "packed twice, it is the same to the byte" cmp "$deb" "$again"
names() { dpkg-deb --contents "$1" | awk '{ print $1, $2, $6 }'; }
check "the Dockerfile packs the same files" equal "$(names "$DV_TMP"/three/*.deb)" "$(names "$deb")"
check "nothing is left behind" equal "$(ls -A && ls -A target | grep '^package\.' || true)" "$before"

field() { dpkg-deb --field "$deb" "$1"; }
architecture=$(dpkg --print-architecture)
check "the file's name" equal "$(basename "$deb")" "${package}_$version-1_$architecture.deb"
check "the name" equal "$(field Package)" "$package"
check "the version" equal "$(field Version)" "$version-1"
check "the architecture" equal "$(field Architecture)" "$architecture"
check "it depends on the server and on the C library" \
    grep -qE "^postgresql-$DV_PG, .*libc6 \(>= [0-9.]+\)" <<<"$(field Depends)"
check "a maintainer" grep -qE '^.+ <[^@ ]+@[^@ ]+>$' <<<"$(field Maintainer)"
check "a size" grep -qE '^[1-9][0-9]+$' <<<"$(field Installed-Size)"
check "a description" grep -qE '^ [A-Z]' <<<"$(field Description)"

wanted() {
    echo "$libraries/directus_versions.so"
    printf "$share/%s\n" directus_versions.control "directus_versions--$version.sql"
    (cd sql && find . -name 'directus_versions--*.sql' -printf "$share/%P\n")
    printf "$doc/%s\n" README.md changelog.Debian.gz changelog.gz copyright third-party.gz
    find docs -maxdepth 1 \( -name '*.md' -o -name '*.svg' \) -printf "$doc/docs/%P\n"
}
files=$(dpkg-deb --contents "$deb" | awk '$6 !~ /\/$/ { print substr($6, 3) }' | sort)
check "the files" equal "$files" "$(wanted | sort)"
check "all are root's, and nobody else writes" \
    equal "$(dpkg-deb --contents "$deb" | awk '{ print $2, $1 }' | sort -u)" $'root/root -rw-r--r--\nroot/root drwxr-xr-x'

unpacked=$DV_TMP/unpacked
dpkg-deb -R "$deb" "$unpacked"
sums() { cd "$unpacked" && md5sum --quiet -c DEBIAN/md5sums && [[ $(wc -l <DEBIAN/md5sums) == $(wc -l <<<"$files") ]]; }
check "the sums" sums
check "the control file's version" grep -qx "default_version = '$version'" "$unpacked/$share/directus_versions.control"
check "the licence" grep -q '^License: Expat' "$unpacked/$doc/copyright"
check "its text" equal "$(sed -n '/^License/,$p' "$unpacked/$doc/copyright" | tr -d ' .\n' | sed 's/License:Expat//')" \
    "$(sed '1,/^Copyright/d' LICENSE | tr -d ' .\n')"
third() { zcat "$unpacked/$doc/third-party.gz" >"$DV_TMP/third" && grep -q '^== pgrx-[0-9.]*: MIT' "$DV_TMP/third" &&
    grep -q 'Permission is hereby granted' "$DV_TMP/third"; }
check "the licences of others" third
changes() { zcat "$unpacked/$doc/changelog.Debian.gz" >"$DV_TMP/changes" && dpkg-parsechangelog -l "$DV_TMP/changes" -S Version; }
check "the changelog" equal "$(changes)" "$version-1"
if command -v lintian >/dev/null; then
    check "lintian" lintian --fail-on error "$deb"
fi

# A copy of the server's files in which the package is unpacked: the server finds all from where its program lies.
DV_HOME=$DV_TMP/home .ci/tree package
tree=$DV_TMP/home/pg$DV_PG/package
check "the copy has no other" equal "$(find "$tree" -name 'directus_versions*')" ""
dpkg-deb -x "$deb" "$tree"
"$DV_CTL" stop
bin=$tree/usr/lib/postgresql/$DV_PG/bin
"$DV_AS" "$bin/pg_ctl" -s -w -D "$PGDATA" -l "$DV_LOG" start
check "the extension is created" ask "CREATE EXTENSION directus_versions"
check "in its version" equal "$(ask "SELECT extversion FROM pg_extension WHERE extname = 'directus_versions'")" "$version"
ask "
    CREATE TABLE article (id int PRIMARY KEY, title text);
    SELECT directus_versions.track('article');
    INSERT INTO article VALUES (1, 'old');
    UPDATE article SET title = 'new'" >/dev/null
check "what is written is recorded" equal \
    "$(ask "SELECT string_agg(action || ' ' || (data->>'title'), ', ' ORDER BY revision)
            FROM directus_versions.history('article', 1)")" "create old, update new"
ask "SELECT directus_versions.revert(1)" >/dev/null
check "and can be taken back" equal "$(ask "SELECT title FROM article")" old
check "by the library of the package" equal \
    "$(ask "LOAD 'directus_versions'; SELECT DISTINCT substring(line from '/.*') FROM
            string_to_table(pg_read_file('/proc/self/maps'), E'\n') AS line WHERE line ~ 'directus_versions[.]so'")" \
    "$tree/$libraries/directus_versions.so"
"$DV_AS" "$bin/pg_ctl" -s -w -D "$PGDATA" stop
exit "$failed"
