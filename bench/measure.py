"""One measurement: CPU time, wall time, WAL and stored bytes, each by change."""

import os
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass

from cluster import connect
from workload import WARM_UP, Bulk, Read, Single


@dataclass
class Sample:
    cpu: float  # microseconds of the backend, user and system
    wall: float  # microseconds
    wal: float  # bytes
    stored: float  # bytes by which all but the table itself grew


STORED = """
    SELECT sum(pg_total_relation_size(oid)) FROM pg_class
    WHERE relkind IN ('r', 'm') AND oid <> 'item'::regclass
        AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'bench')
"""

# The largest first: should not everything fit, most of what is used stays.
PREWARM = """
    SELECT pg_prewarm(oid) FROM pg_class
    WHERE relkind IN ('r', 'i') AND relnamespace::regnamespace::text IN ('public', 'directus_versions')
    ORDER BY relpages DESC
"""

# Each client notes its own CPU time after the warm-up and at the end.
PROBED = """\\set n :n + 1
\\set id random(1, :rows)
\\if :n = :first
SELECT bench.cpu() AS cpu, bench.now() AS wall \\gset
\\endif
{statement}
\\if :n = :last
INSERT INTO bench.sample VALUES (:last::int - :first::int + 1, bench.cpu() - :cpu, bench.now() - :wall);
\\endif
"""


@contextmanager
def growth(connection):
    """Yields a function that tells by how many bytes the WAL and the contender's tables grew until the end."""
    wal = "SELECT pg_current_wal_insert_lsn() - '0/0'"
    query = lambda text: float(connection.execute(text).fetchone()[0] or 0)
    # Reading sizes can write WAL when it removes dead catalog rows, so it stays outside.
    before = [query(STORED), query(wal)]
    after = []
    yield lambda: (after[0] - before[1], after[1] - before[0])
    after += [query(wal), query(STORED)]


def statement_of(workload, contender):
    """The base may have another one."""
    return workload.base_sql if contender.name == workload.base and workload.base_sql else workload.sql


def bulk(cluster, workload, contender, size):
    copy = cluster.database(workload.table, contender, workload.prepare, workload.change)
    with copy as name:
        return statements(name, [statement_of(workload, contender)], size[workload.table])


def statements(name, texts, changes):
    """What statements cost that make so many changes together."""
    with connect(name) as connection, connect(name) as watcher:
        connection.execute(PREWARM)
        with growth(watcher) as grown:
            cpu = connection.execute("SELECT bench.cpu()").fetchone()[0]
            wall = time.perf_counter()
            changed = sum(number_changed(connection.execute(text)) for text in texts)
            wall = time.perf_counter() - wall
            cpu = connection.execute("SELECT bench.cpu()").fetchone()[0] - cpu
        if changed != changes:
            raise RuntimeError(f"{changed} rows of {changes} were changed by {texts[0]}")
        wal, stored = grown()
        return Sample(cpu / changes, wall * 1e6 / changes, wal / changes, stored / changes)


def number_changed(cursor):
    """A function of ours is asked for the number of rows that it returns."""
    return cursor.fetchone()[0] if cursor.description else cursor.rowcount


def row_as_variables(connection):
    """A row's columns but the key, and pgbench's options that set a variable to each value."""
    cursor = connection.execute("SELECT to_jsonb(i) - 'id' FROM item AS i WHERE id = 1")
    names = list(cursor.fetchone()[0])
    as_text = ", ".join(f"{name}::text" for name in names)
    texts = connection.execute(f"SELECT {as_text} FROM item WHERE id = 1").fetchone()
    return names, [f"--define={name}={text}" for name, text in zip(names, texts)]


def single(cluster, workload, contender, size, name, seed):
    """In a database that is there: the next one finds what this one has left, the same for every contender."""
    transactions = size[workload.synchronous_commit]
    with connect(name) as connection:
        names, variables = row_as_variables(connection)
        statement = workload.script.format(columns=", ".join(names), values=", ".join(f":{n}" for n in names))
        connection.execute("CHECKPOINT")
        connection.execute(PREWARM)
        options = [f"--define=rows={size[workload.table]}", f"--random-seed={seed}", *variables]
        with growth(connection) as grown:
            cpu, wall = repeat(cluster, connection, workload, statement, WARM_UP, transactions, options)
        wal, stored = grown()
        changes = workload.clients * (WARM_UP + transactions)
        return Sample(cpu, wall, wal / changes, stored / changes)


def read(cluster, workload, contender, size, seed):
    """In the template itself: nothing is changed."""
    calls = size[workload.calls]
    with connect(f"template_{workload.table}") as connection:
        if not connection.execute(workload.right).fetchone()[0]:
            raise RuntimeError(f"{workload.name} gives a wrong answer")
        connection.execute(PREWARM)
        at = connection.execute("SELECT at::text FROM bench.mark").fetchone()[0]
        options = [f"--define=rows={size[workload.table]}", f"--define=at={at}", f"--random-seed={seed}"]
        statement = statement_of(workload, contender) + ";"
        cpu, wall = repeat(cluster, connection, workload, statement, calls // 10, calls, options)
        return Sample(cpu, wall, 0, 0)


def repeat(cluster, connection, workload, statement, warm_up, transactions, options):
    """CPU and wall time of one transaction, the mean over all clients."""
    connection.execute("TRUNCATE bench.sample")
    with pinned(cluster, workload.clients == 1):
        pgbench(PROBED.format(statement=statement), connection.info.dbname, workload, [
            "--define=n=0", f"--define=first={warm_up + 1}", f"--define=last={warm_up + transactions}",
            f"--transactions={warm_up + transactions}", *options,
        ])
    clients, cpu, wall = connection.execute(
        "SELECT count(*), sum(cpu) / sum(transactions), sum(wall) / sum(transactions) FROM bench.sample").fetchone()
    if clients != workload.clients:
        raise RuntimeError(f"{workload.name}: {clients} clients of {workload.clients} came to the end")
    return cpu, wall


@contextmanager
def pinned(cluster, to_one):
    """One client and its backend take turns. On two CPUs each would pay for waking the other, now much, now little."""
    everywhere = os.sched_getaffinity(0)
    processes = (0, cluster.postmaster)  # what they start from now on runs where they may
    try:
        for process in processes if to_one else ():
            os.sched_setaffinity(process, {max(everywhere)})
        yield
    finally:
        for process in processes:
            os.sched_setaffinity(process, everywhere)


def pgbench(script, database, workload, options):
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        result = subprocess.run(
            ["pgbench", "--no-vacuum", "--protocol=prepared", f"--file={file.name}", f"--client={workload.clients}",
             f"--jobs={min(workload.clients, os.cpu_count())}", *options, database],
            capture_output=True, text=True,
            env={**os.environ, "PGOPTIONS": f"-c synchronous_commit={workload.synchronous_commit}"},
        )
    if result.returncode:
        raise RuntimeError(f"pgbench, {workload.name}: {result.stderr.strip()}")


def group(workloads):
    """The single ones together, since they share a database; each other alone."""
    alone = [[w] for w in workloads if not isinstance(w, Single)]
    together = [w for w in workloads if isinstance(w, Single)]
    return [*alone, together] if together else alone


def measure(cluster, workloads, contender, size, round_number):
    """(workload, sample) for each workload of a group."""
    first, seed = workloads[0], round_number + 1
    if isinstance(first, Bulk):
        yield first, bulk(cluster, first, contender, size)
    elif isinstance(first, Read):
        yield first, read(cluster, first, contender, size, seed)
    else:
        with cluster.database(first.table, contender) as name:
            for workload in workloads:
                yield workload, single(cluster, workload, contender, size, name, seed)
