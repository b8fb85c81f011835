"""Whether cost grows in proportion: with a statement's rows, with clients, with a connection's age, with the log."""

import sys
import time
from collections import defaultdict

import contender
import measure
import page
from cluster import Cluster, connect
from report import Figure, compare, table
from session import facts, rotated
from workload import UPDATE, WARM_UP, Single

# Rows of the table, rows of one statement, transactions of each client, transactions of one connection, revisions of
# each row in the large log, rounds, and rounds of what takes longest: a connection's age.
FULL = {
    "small": 1_000_000, "rows": (1_000, 100_000, 1_000_000), "off": 20_000, "age": 1_000_000, "revisions": 10,
    "rounds": 5, "lives": 3,
}
QUICK = {
    "small": 100_000, "rows": (1_000, 10_000, 100_000), "off": 2_000, "age": 20_000, "revisions": 10,
    "rounds": 1, "lives": 1,
}

CLIENTS = [Single(f"{n}", "prepared update", UPDATE, n, "off", None, table="small") for n in (1, 2, 4)]

AGED_ROWS = 10_000  # few, so that the images of their pages are soon in the WAL and the rest costs the same
AGED = f"""\\set n :n + 1
\\set id random(1, {AGED_ROWS})
{UPDATE}
\\if :n % :step = 0
SELECT bench.note_age(:n::int);
\\endif
"""
STEPS = 100  # in a connection's age, of which SHOWN are shown with the LATELY before each
SHOWN, LATELY = (10, 40, 70, 100), 9


def rounds(title, number_of_rounds, sides, measured):
    """{case: {side: Result}}; the first side is the base."""
    samples = defaultdict(lambda: defaultdict(list))
    for number in range(number_of_rounds):
        for side in rotated(sides, number):
            start = time.monotonic()
            for case, sample in measured(side, number):
                samples[case][side].append(sample)
            progress(f"round {number + 1} of {number_of_rounds}, {title}: {side}", start)
    return {case: {side: compare(by[side], by[sides[0]]) for side in sides} for case, by in samples.items()}


def progress(what, start):
    print(f"{what} {time.monotonic() - start:.1f} s", file=sys.stderr)


def updates(rows, of):
    """Statements that update so many rows each: of small ones many, to measure more than noise."""
    return [
        f"UPDATE item SET title = title || '!' WHERE id > {n * rows} AND id <= {(n + 1) * rows}"
        for n in range(max(1, of // 5 // rows))
    ]


def by_rows(cluster, contenders, size):
    def measured(side, number):
        for rows in size["rows"]:
            texts = updates(rows, size["small"])
            with cluster.database("small", contenders[side]) as name:
                yield rows, measure.statements(name, texts, rows * len(texts))

    return rounds("rows", size["rounds"], list(contenders), measured)


def by_clients(cluster, contenders, size):
    def measured(side, number):
        with cluster.database("small", contenders[side]) as name:
            for w in CLIENTS:
                yield w.clients, measure.single(cluster, w, contenders[side], size, name, number + 1)

    return rounds("clients", size["rounds"], list(contenders), measured)


def by_age(cluster, contenders, size):
    """{contender: [life of each round]}"""
    lives = {side: [] for side in contenders}
    for number in range(size["lives"]):
        for side in rotated(list(contenders), number):
            lives[side].append(life(cluster, contenders[side], size["age"]))
    return lives


def life(cluster, one, transactions):
    """[(transactions, CPU time of each since the step before, bytes of memory contexts, bytes of private memory)]"""
    start = time.monotonic()
    with cluster.database("small", one) as name, connect(name) as connection:
        connection.execute(measure.PREWARM)
        with measure.pinned(cluster, True):
            measure.pgbench(AGED, name, CLIENTS[0], [
                "--define=n=0", f"--define=step={transactions // STEPS}", f"--transactions={transactions}",
                "--random-seed=1",
            ])
        progress(f"a connection's age: {one.name}", start)
        return connection.execute("""
            SELECT transactions, (cpu - lag(cpu) OVER a) / (transactions - lag(transactions) OVER a), contexts, private
            FROM bench.age WINDOW a AS (ORDER BY transactions)""").fetchall()


def by_log(cluster, ours, size):
    """An empty log beside a large one, of the same table."""
    rows = size["rows"][1]

    def written(name, number):
        # Else the large one's table would have room on its pages.
        with cluster.unsynced(), connect(name) as connection:
            connection.execute("VACUUM (FULL, FREEZE, ANALYZE) item")
            connection.execute("CHECKPOINT")
        texts = updates(rows, size["small"])
        yield f"update of {rows:,} rows, by row", measure.statements(name, texts, rows * len(texts))
        yield "the same again, without a checkpoint", measure.statements(name, texts, rows * len(texts))
        yield "single prepared update", measure.single(cluster, CLIENTS[0], ours, size, name, number + 1)

    with cluster.database("small", ours, name="large") as large:
        fill(cluster, large, size["revisions"])

        def measured(side, number):
            if side == "large":
                yield from written(large, number)
            else:
                with cluster.database("small", ours) as empty:
                    yield from written(empty, number)

        return rounds("log", size["rounds"], ["empty", "large"], measured)


def fill(cluster, name, revisions):
    start = time.monotonic()
    with cluster.unsynced(), connect(name) as connection:
        for _ in range(revisions):
            connection.execute("UPDATE item SET stock = stock + 1")
            connection.execute("VACUUM item")
        connection.execute("VACUUM (FREEZE, ANALYZE)")
    progress("the large log", start)


def cost_table(case, by_case):
    """CPU time and WAL of the base and of the other side."""
    base, other = next(iter(by_case.values()))
    rows = [
        [f"{name:,}" if isinstance(name, int) else name, by[base].cpu.show(2), by[other].cpu.show(2),
         by[other].added.show(2, "+"), by[other].cpu_ratio.show(2), *(f"{by[side].wal.median:,.0f}" for side in by)]
        for name, by in by_case.items()
    ]
    return table([case, f"{base}, CPU µs", f"{other}, CPU µs", "added µs", "×", f"{base}, WAL bytes",
                  f"{other}, WAL bytes"], rows)


def client_table(by_case):
    """Throughput: what all clients do in a second."""
    rate = lambda clients, result: f"{clients * 1e6 / result.wall.median:,.0f}"
    base, other = next(iter(by_case.values()))
    rows = [
        [str(clients), rate(clients, by[base]), rate(clients, by[other]), by[other].wall_ratio.show(2),
         by[other].added.show(2, "+")]
        for clients, by in by_case.items()
    ]
    return table(["clients", f"{base}, transactions a second", f"{other}, transactions a second", "wall ×",
                  "CPU added µs"], rows)


def age_table(lives):
    kib = lambda side, step, what: f"{max(life[step - 1][what] for life in lives[side]) / 1024:,.0f}"
    lately = lambda side, step: Figure([cpu for life in lives[side] for _, cpu, *_ in life[step - LATELY:step]])
    base, other = lives
    rows = []
    for step in SHOWN:
        before, cpu = lately(base, step), lately(other, step)
        rows.append([f"{lives[base][0][step - 1][0]:,}", before.show(2), cpu.show(2),
                     f"{cpu.median - before.median:+.2f}", kib(other, step, 2), kib(other, step, 3)])
    return table(["transactions so far", f"{base}, CPU µs", f"{other}, CPU µs", "added µs", "memory contexts KiB",
                  "private memory KiB"], rows)


def text(results, known):
    size, step = known["size"], known["size"]["age"] // STEPS
    return f"""\
## In proportion

Measured on {known["date"]} at commit {known["commit"]} by `{known["command"]}` in {known["minutes"]:.0f} minutes.
{known["server"]} on {known["machine"]}, client and server on the same machine. The table has 5 columns, about 80 bytes
a row and {size["small"]:,} rows. Medians, in brackets the least and the greatest; {size["rounds"]} rounds, of a
connection's age {size["lives"]}. All else is as for `make bench`.

### Rows of one statement

An update of 1 column, by row. Small statements are repeated until a fifth of the table is changed.

{cost_table("rows of one statement", results["rows"])}

### Clients

Single prepared updates of 3 columns, {size["off"]:,} transactions of each client after {WARM_UP}.

{client_table(results["clients"])}

### Age of a connection

The same update of {AGED_ROWS:,} rows, by one connection. CPU time is that of the {LATELY * step:,} transactions before,
measured in steps of {step:,}. Memory is that of the backend that writes to the tracked table: its memory contexts, and
what it does not share.

{age_table(results["age"])}

### Size of the log

The same table tracked, with an empty log and with one of {size["small"] * size["revisions"]:,} revisions. The first
change of each page after a checkpoint writes its image to the WAL, and a large index has many pages.

{cost_table("", results["log"])}"""


def run(options, repo, scratch):
    start = time.monotonic()
    size = QUICK if options.quick else FULL
    cluster = Cluster()
    with cluster.unsynced():
        cluster.make_template("small", size["small"])
    contenders = {one.name: one for one in contender.select([contender.OURS]) if one.name != "raw_copy"}
    results = {
        "rows": by_rows(cluster, contenders, size),
        "clients": by_clients(cluster, contenders, size),
        "age": by_age(cluster, contenders, size),
        "log": by_log(cluster, contenders[contender.OURS], size),
    }
    known = facts(cluster, repo, "bench/run " + " ".join(sys.argv[1:]), size)
    known["minutes"] = (time.monotonic() - start) / 60
    result = text(results, known)
    # A quick run must not take the place of the published results.
    page.write((scratch if options.quick else repo / "docs") / "benchmarks.md", "bench/run --scale", result)
    print(result)
