"""What a log of many months costs: to write to, to read, to keep, and how long anybody waits for housekeeping."""

import statistics
import threading
import time

import contender
import measure
import page
from cluster import Cluster, connect
from measure import PREWARM
from report import table
from scale import CLIENTS, fill, progress, updates
from session import facts

# Rows of the table; how often each is changed in a month; months; after which of them it is measured; rows of one
# statement.
FULL = {"small": 100_000, "changes": 10, "months": 10, "stops": (1, 3, 10), "rows": 50_000, "off": 20_000, "calls": 200}
QUICK = {"small": 5_000, "changes": 4, "months": 3, "stops": (1, 3), "rows": 2_000, "off": 500, "calls": 20}

# What lies in the default partition becomes the partition of a month that is over.
AGE = """
DO $age$
DECLARE
    month timestamptz := date_trunc('month', now(), 'UTC') - {ago} * interval '1 month';
    made regclass := directus_versions._make_partition(date_trunc('month', now(), 'UTC') - {ago} * interval '1 month');
BEGIN
    EXECUTE format(
        'INSERT INTO %s SELECT id, $1 + interval ''14 days'' + (at - statement_timestamp()), transaction, collection, context,
            command, action, item, change, former, comment, request_id, label, version, source, parent, long_item
        FROM directus_versions.log_default', made) USING month;
    ALTER TABLE directus_versions.log_default DISABLE TRIGGER guard_truncate;
    TRUNCATE directus_versions.log_default;
    ALTER TABLE directus_versions.log_default ENABLE ALWAYS TRIGGER guard_truncate;
    PERFORM directus_versions._attach_partition(made, month);
END $age$
"""

BYTES = "SELECT bytes, rows FROM directus_versions.status"
READS = {
    "history of an item, with data": "SELECT count(data) FROM directus_versions.history('item', %(id)s)",
    "item_at, two months ago":
        "SELECT directus_versions.item_at('item', %(id)s, now() - interval '2 months')",
    "the latest 50 activities": "SELECT count(*) FROM (SELECT * FROM directus_versions.activity ORDER BY id DESC LIMIT 50) AS a",
    "an item's revisions by the view":
        "SELECT count(data) FROM directus_versions.revisions WHERE collection = 'item' AND item = %(id)s::text",
    "check_tracking()": "SELECT count(*) FROM directus_versions.check_tracking()",
    "status": "SELECT * FROM directus_versions.status",
}


def timed(connection, query, parameters):
    """Milliseconds of each call, the first of which is left out."""
    times = []
    for one in parameters:
        start = time.perf_counter()
        connection.execute(query, one).fetchall()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times[1:])


def reads(name, size, seed):
    with connect(name) as connection:
        connection.execute(PREWARM)
        ids = [{"id": (n * 7919 + seed) % size["small"] + 1} for n in range(size["calls"])]
        for what, query in READS.items():
            yield what, timed(connection, query, ids if "(id)" in query else ids[:5])
        # The statement before changed so many rows.
        at = connection.execute("SELECT max(at) - interval '1 microsecond' FROM directus_versions.log_default").fetchone()
        query = "SELECT count(*) FROM directus_versions.as_of(NULL::item, %s)"
        yield f"as_of, {size['rows']:,} rows changed since", timed(connection, query, [at] * 4)


def stop(cluster, ours, name, size, number):
    """{what: figure} at this size of the log; leaves the log larger by what it wrote."""
    figures = {}
    with connect(name) as connection:
        size_of_log, rows = connection.execute(BYTES).fetchone()
        figures["bytes of a row, with indexes"] = size_of_log / rows
    one = measure.single(cluster, CLIENTS[0], ours, size, name, number)
    figures["single prepared update, CPU µs"] = one.cpu
    texts = updates(size["rows"], size["rows"] * 5)
    figures[f"update of {size['rows']:,} rows, CPU µs a row"] = measure.statements(name, texts, size["rows"]).cpu
    figures.update((f"{what}, ms", value) for what, value in reads(name, size, number))
    return rows, figures


class Writer(threading.Thread):
    """Updates one row after the other, and notes the longest time that one took."""

    def __init__(self, name, rows):
        super().__init__()
        self.name, self.rows, self.longest, self.count, self.over = name, rows, 0, 0, threading.Event()

    def run(self):
        with connect(self.name) as connection:
            while not self.over.is_set():
                start = time.perf_counter()
                connection.execute("UPDATE item SET stock = stock + 1 WHERE id = %s", (self.count % self.rows + 1,))
                self.longest = max(self.longest, time.perf_counter() - start)
                self.count += 1


def beside_a_writer(name, size, query):
    """(seconds, longest wait of a writer in milliseconds, the answer)"""
    writer = Writer(name, size["small"])
    writer.start()
    try:
        with connect(name) as connection:
            start = time.perf_counter()
            answer = connection.execute(query).fetchall()
            seconds = time.perf_counter() - start
    finally:
        writer.over.set()
        writer.join()
    return seconds, writer.longest * 1e3, answer


def keep_house(name, size):
    rows = []

    def one(what, query, tell):
        with connect(name) as connection:
            before = connection.execute(BYTES).fetchone()
        seconds, longest, answer = beside_a_writer(name, size, query)
        with connect(name) as connection:
            connection.execute("VACUUM directus_versions.log")
            after = connection.execute(BYTES).fetchone()
        rows.append([what, tell(answer), f"{seconds:.1f}", f"{longest:.0f}", f"{before[0] / 2**20:,.0f}",
                     f"{after[0] / 2**20:,.0f}"])
        progress(what, time.monotonic() - seconds)

    nothing = lambda _: ""
    counted = lambda answer: "; ".join(f"{a[1]:,} activities, {a[2]:,} revisions" for a in answer)
    keep = "SELECT directus_versions.set_retention(NULL, {})"
    with connect(name) as connection:
        held = connection.execute("SELECT count(*) FROM directus_versions.log_default").fetchone()[0]
    one(f"maintain, {held:,} rows in the default partition", "SELECT directus_versions.maintain()", nothing)
    one("maintain, nothing to do", "SELECT directus_versions.maintain()", nothing)
    over = max(1, size["months"] // 3)
    with connect(name) as connection:
        ago = f"date_trunc('month', now(), 'UTC') - {size['months'] - over} * interval '1 month'"
        ago = f"now() - ({ago})"
        connection.execute(keep.format(f"activity => {ago}, revisions => {ago}"))
    one(f"purge(true), {over} months of {size['months']}", "SELECT * FROM directus_versions.purge(true)", counted)
    one(f"purge, {over} months of {size['months']}: partitions dropped", "SELECT * FROM directus_versions.purge()", counted)
    with connect(name) as connection:
        connection.execute(keep.format("keep_last => 3"))
    one("purge, all but 3 revisions of each item: data taken out of rows", "SELECT * FROM directus_versions.purge()", counted)
    return table(["", "of it", "s", "longest wait of a writer, ms", "log before, MiB", "after and VACUUM, MiB"], rows)


def text(results, house, known):
    size = known["size"]
    sizes = [f"{rows:,} rows" for rows, _ in results]
    lines = [[what, *(f"{figures[what]:,.2f}" for _, figures in results)] for what in results[0][1]]
    return f"""\
Measured on {known["date"]} at commit {known["commit"]} by `{known["command"]}` in {known["minutes"]:.0f} minutes.
{known["server"]} on {known["machine"]}, client and server on the same machine; shared_buffers 2 GB, the rest as for
[the benchmark](benchmarks.md). The table has 5 columns, about 80 bytes a row and {size["small"]:,} rows, of which each
is changed {size["changes"]} times a month: {size["small"] * size["changes"]:,} rows of log a month, in a partition of their own.

### A log that grows

Medians of {size["calls"]} calls, or of 3 where a call reads much.

{table(["", *sizes], lines)}

### Housekeeping

With {results[-1][0]:,} rows, while one writer updates rows as fast as it can.

{house}"""


def run(options, repo, scratch):
    start = time.monotonic()
    size = QUICK if options.quick else FULL
    cluster = Cluster()
    with cluster.unsynced():
        cluster.make_template("small", size["small"])
    ours, = (one for one in contender.select([contender.OURS]) if one.name == contender.OURS)
    results = []
    with cluster.database("small", ours) as name:
        for month in range(1, size["months"] + 1):
            fill(cluster, name, size["changes"])
            with cluster.unsynced(), connect(name) as connection:
                connection.execute(AGE.format(ago=size["months"] + 1 - month))
                connection.execute("VACUUM (FREEZE, ANALYZE)")
            if month in size["stops"]:
                results.append(stop(cluster, ours, name, size, month))
                progress(f"measured after {month} months", start)
        house = keep_house(name, size)
    known = facts(cluster, repo, "bench/run --growth" + (" --quick" if options.quick else ""), size)
    known["minutes"] = (time.monotonic() - start) / 60
    result = text(results, house, known)
    page.write((scratch if options.quick else repo / "docs") / "scale.md", "bench/run --growth", result)
    print(result)
