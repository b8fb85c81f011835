"""The throw-away cluster: its settings, its templates, and a fresh database for each measurement."""

import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg

BENCH = Path(__file__).parent


def psql(file, database, **variables):
    variables.update(ON_ERROR_STOP=1, database=database)
    settings = [f"--set={name}={value}" for name, value in variables.items()]
    result = subprocess.run(["psql", "-X", "-q", *settings, "-f", file, database], capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{file}: {result.stderr.strip()}")


def connect(database="postgres"):
    return psycopg.connect(dbname=database, autocommit=True)


class Cluster:
    def __init__(self):
        data = Path(os.environ["PGDATA"])
        with open(data / "postgresql.conf", "a") as conf:
            conf.write((BENCH / "postgresql.conf").read_text())
        subprocess.run([os.environ["DV_CTL"], "restart"], check=True)
        self.postmaster = int((data / "postmaster.pid").read_text().split()[0])
        self.admin = connect()

    def value(self, query, *parameters):
        return self.admin.execute(query, parameters).fetchone()[0]

    def has(self, extensions):
        return all(self.value("SELECT count(*) FROM pg_available_extensions WHERE name = %s", e) for e in extensions)

    def functions(self):
        """The names of ours that are there."""
        with self.admin.transaction(force_rollback=True):
            self.admin.execute("CREATE EXTENSION directus_versions")
            names = "SELECT proname FROM pg_proc WHERE pronamespace = 'directus_versions'::regnamespace"
            return {name for name, in self.admin.execute(names)}

    def make_template(self, table, rows):
        """A database with the table filled, frozen and analysed."""
        self.admin.execute(f"CREATE DATABASE template_{table}")
        for file in ("common", table):
            psql(BENCH / f"tables/{file}.sql", f"template_{table}", rows=rows)
        with connect(f"template_{table}") as connection:
            connection.execute("VACUUM (FREEZE, ANALYZE)")

    @contextmanager
    def unsynced(self):
        """What is prepared here need not survive a crash, and each database is a thousand files to flush."""
        self.set_fsync("off")
        try:
            yield
        finally:
            self.set_fsync("on")

    def set_fsync(self, wanted):
        self.admin.execute(f"ALTER SYSTEM SET fsync = {wanted}")
        self.admin.execute("SELECT pg_reload_conf()")
        while True:
            with connect() as new:
                if new.execute("SHOW fsync").fetchone()[0] == wanted:
                    return
            time.sleep(0.01)

    @contextmanager
    def database(self, table, contender, prepare="", change="", name="measured"):
        """The name of a copy of the template in which the contender is set up, flushed to disk."""
        with self.unsynced():
            self.admin.execute(f"CREATE DATABASE {name} TEMPLATE template_{table} STRATEGY file_copy")
            if prepare:
                with connect(name) as connection:
                    connection.execute(prepare)
            psql(contender.setup, name, table="item")
            with connect(name) as connection:
                if change:
                    connection.execute(change)
                # Some contenders rewrite the table; a change fills others.
                connection.execute(f"VACUUM (FREEZE, ANALYZE) {'' if change else 'item'}")
            self.admin.execute("CHECKPOINT")
        os.sync()
        yield name
        with self.unsynced():
            self.admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
