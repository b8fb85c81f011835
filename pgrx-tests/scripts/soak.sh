#!/usr/bin/env bash
# Write and read by one connection for long, and find its memory as it was after a tenth: .ci/cluster run …/soak.sh
# DV_SOAK transactions, of all kinds, those that fail among them.
set -euo pipefail

: "${DV_CTL:?run this with .ci/cluster run}"
total=${DV_SOAK:-20000}
step=$((total / 10))

psql -Xqt -v ON_ERROR_STOP=1 >/dev/null <<END
CREATE EXTENSION directus_versions;
CREATE TABLE soak (id int PRIMARY KEY, v text, n numeric, tags text[], body json, CHECK (n < 1000000));
CREATE TABLE part (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE part_a PARTITION OF part FOR VALUES FROM (0) TO (500);
CREATE TABLE part_b PARTITION OF part FOR VALUES FROM (500) TO (1000);
SELECT directus_versions.track('soak'), directus_versions.track('part');
INSERT INTO soak SELECT i, 'v', i, '{a,b}', '{"a" : 1.0}' FROM generate_series(0, 999) i;
INSERT INTO part SELECT i, 'v' FROM generate_series(0, 499) i;
CREATE TABLE memory (transactions int, contexts bigint, anonymous bigint);
END

# One line each; the memory is the backend's contexts, and what it has of the system that is not shared.
awk -v total="$total" -v step="$step" 'function measure(i) {
    print "INSERT INTO memory SELECT " i ", sum(total_bytes), substring(pg_read_file(\047/proc/self/status\047) FROM \047RssAnon:\\s+(\\d+) kB\047)::bigint * 1024 FROM pg_backend_memory_contexts;"
}
BEGIN {
    measure(0)
    for (i = 1; i <= total; i++) {
        row = int(i / 12) % 1000 # each kind in turn
        kind = i % 12
        if (kind == 0) print "BEGIN; UPDATE soak SET v = " i " WHERE id = " row "; SAVEPOINT s; DELETE FROM soak WHERE id < 10; ROLLBACK TO s; COMMIT;"
        else if (kind == 1) print "DELETE FROM soak WHERE id = " row ";"
        else if (kind == 2) print "INSERT INTO soak VALUES (" row ", repeat(md5(" i "::text), 30), " i ".10, NULL, NULL) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v;"
        else if (kind == 3) print "UPDATE soak SET n = 1000000 WHERE id = " row ";"
        else if (kind == 4) print "BEGIN; UPDATE soak SET v = v || 1 WHERE id < 20; ROLLBACK;"
        else if (kind == 5) print "UPDATE soak SET id = id + 2000 WHERE id = " row "; UPDATE soak SET id = id - 2000 WHERE id >= 2000;"
        else if (kind == 6) print "UPDATE part SET id = (id + 500) % 1000, v = " i " WHERE id IN (" row ");"
        else if (kind == 7) print "SET directus_versions.actor = \047user " i % 50 "\047; UPDATE soak SET body = \047{\"a\": " i "}\047 WHERE id = " row ";"
        else if (kind == 8 && i % 120 == 8) print "SELECT count(*) FROM directus_versions.history(\047soak\047, " row "); SELECT count(*) FROM directus_versions.as_of(NULL::part, now() - interval \0471 s\047);"
        else print "UPDATE soak SET v = " i " WHERE id = " row ";"
        if (i % step == 0) measure(i)
    }
}' | PGOPTIONS='-c log_min_messages=panic -c synchronous_commit=off' psql -Xqt >/dev/null 2>&1

psql -Xc "SELECT transactions, pg_size_pretty(contexts) AS contexts, pg_size_pretty(anonymous) AS anonymous FROM memory ORDER BY 1" \
    -c "SELECT count(*) AS recorded FROM directus_versions.activity"
psql -XAtq -c "
    SELECT CASE WHEN count(*) = 11 AND max(contexts) < first + (2 << 20) AND max(anonymous) < resident + (8 << 20)
        THEN 'ok' ELSE 'not ok' END || ' - memory stays'
    FROM memory, (SELECT contexts AS first, anonymous AS resident FROM memory WHERE transactions = $step) AS f
    GROUP BY first, resident" | tee "$DV_TMP/verdict"
grep -q '^ok' "$DV_TMP/verdict"
