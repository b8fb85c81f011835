"""One measurement: CPU time, wall time, WAL and stored bytes, each by change."""

import os
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass

from cluster import connect
from workload import WARM_UP, Bulk


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

PREWARM = """
    SELECT sum(pg_prewarm(oid)) FROM pg_class
    WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace
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


def bulk(cluster, workload, contender, size):
    statement = workload.sql
    if contender.name == workload.base and workload.base_sql:
        statement = workload.base_sql
    changes = size[workload.table]
    with cluster.database(workload.table, workload.prepare, contender) as name, connect(name) as connection:
        connection.execute(PREWARM)
        with connect(name) as watcher, growth(watcher) as grown:
            cpu = connection.execute("SELECT bench.cpu()").fetchone()[0]
            wall = time.perf_counter()
            cursor = connection.execute(statement)
            wall = time.perf_counter() - wall
            cpu = connection.execute("SELECT bench.cpu()").fetchone()[0] - cpu
        if cursor.rowcount != changes:
            raise RuntimeError(f"{workload.name} changed {cursor.rowcount} rows")
        wal, stored = grown()
        return Sample(cpu / changes, wall * 1e6 / changes, wal / changes, stored / changes)


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
        connection.execute("TRUNCATE bench.sample")
        connection.execute("CHECKPOINT")
        connection.execute(PREWARM)
        with growth(connection) as grown, pinned(cluster, workload.clients == 1):
            pgbench(PROBED.format(statement=statement), name, workload, [
                "--define=n=0", f"--define=rows={size[workload.table]}", f"--define=first={WARM_UP + 1}",
                f"--define=last={WARM_UP + transactions}", *variables,
                f"--transactions={WARM_UP + transactions}", f"--random-seed={seed}",
            ])
        clients, cpu, wall = connection.execute(
            "SELECT count(*), sum(cpu) / sum(transactions), sum(wall) / sum(transactions) FROM bench.sample").fetchone()
        if clients != workload.clients:
            raise RuntimeError(f"{workload.name}: {clients} clients of {workload.clients} came to the end")
        wal, stored = grown()
        changes = workload.clients * (WARM_UP + transactions)
        return Sample(cpu, wall, wal / changes, stored / changes)


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
    """Each bulk workload alone, the single ones together: they share a database."""
    alone = [[w] for w in workloads if isinstance(w, Bulk)]
    together = [w for w in workloads if not isinstance(w, Bulk)]
    return [*alone, together] if together else alone


def measure(cluster, workloads, contender, size, round_number):
    """(workload, sample) for each workload of a group."""
    if isinstance(workloads[0], Bulk):
        yield workloads[0], bulk(cluster, workloads[0], contender, size)
        return
    with cluster.database(workloads[0].table, "", contender) as name:
        for workload in workloads:
            yield workload, single(cluster, workload, contender, size, name, round_number + 1)
