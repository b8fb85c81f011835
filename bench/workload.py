"""What is measured, and how much it may cost: the targets are those of the design."""

from dataclasses import dataclass

# Rows of the tables, transactions of each client without and with synchronous_commit, rounds, and in how many of them
# the others take part: they are far off and take most of the time.
FULL = {"narrow": 100_000, "wide": 20_000, "off": 8_000, "on": 1_000, "rounds": 3, "others": 2}
QUICK = {"narrow": 20_000, "wide": 4_000, "off": 2_000, "on": 200, "rounds": 2, "others": 1}
WARM_UP = 200  # transactions of each client before the measured ones


@dataclass(frozen=True)
class Target:
    """The most that the default scope may cost in CPU time: times the base, or microseconds added to it."""

    most: float
    added: bool = False

    def __str__(self):
        return f"≤ +{self.most:g} µs" if self.added else f"≤ {self.most:g} ×"


@dataclass(frozen=True)
class Bulk:
    """One statement that changes every row of the table."""

    name: str
    title: str
    sql: str
    target: Target
    table: str = "narrow"
    prepare: str = ""  # before the contender is set up
    base: str = "untracked"  # the contender that ratios refer to
    base_sql: str = ""  # its statement, where it is another one


@dataclass(frozen=True)
class Single:
    """One prepared statement again and again, each in its own transaction."""

    name: str
    title: str
    script: str
    clients: int
    synchronous_commit: str
    target: Target | None
    table: str = "narrow"
    base: str = "untracked"


BULK = [
    Bulk(
        "W1", "insert rows in one statement", "INSERT INTO item SELECT * FROM source", Target(2.0),
        prepare="ALTER TABLE item RENAME TO source; CREATE TABLE item (LIKE source INCLUDING ALL)",
    ),
    Bulk("W2", "update 1 of 20 columns of every row", "UPDATE item SET title = title || '!'", Target(1.7)),
    Bulk(
        "W3", "update 5 of 20 columns of every row",
        "UPDATE item SET title = title || '!', status = 'archived', price = price + 1, stock = stock + 1, "
        "updated_at = now()",
        Target(2.2),
    ),
    Bulk(
        "W4", "delete every row, against a raw copy of the rows", "DELETE FROM item", Target(1.3),
        base="raw_copy", base_sql="INSERT INTO item_copy SELECT * FROM item",
    ),
    Bulk("W7", "update 1 of 100 columns of every row", "UPDATE item SET c50 = c50 || '!'", Target(2.0), table="wide"),
    Bulk("no-op", "update every row to what it is", "UPDATE item SET title = title", Target(1, added=True)),
]

UPDATE = "UPDATE item SET title = 'A new title', stock = :n, updated_at = now() WHERE id = :id;"
INSERT = "INSERT INTO item ({columns}) VALUES ({values});"

SINGLE = [
    Single(
        f"{name} {clients}{'' if commit == 'off' else ' sync'}",
        f"{title}, {clients} client{'s' if clients > 1 else ''}{'' if commit == 'off' else ', synchronous_commit'}",
        script, clients, commit, target if commit == "off" else None,
    )
    for name, title, script, target in (
        ("W5", "prepared update of 3 columns", UPDATE, Target(15, added=True)),
        ("W6", "prepared insert", INSERT, Target(8, added=True)),
    )
    for commit in ("off", "on")
    for clients in (1, 4)
]

WORKLOADS = BULK + SINGLE

# Bytes, heap and indexes, for one changed field of 20.
STORED_TARGET = ("W2", 200)


def select(names):
    """The workloads whose name, or its first word, is among the names; all for None."""
    if names is None:
        return WORKLOADS
    unknown = set(names) - {w.name for w in WORKLOADS} - {w.name.split()[0] for w in WORKLOADS}
    if unknown:
        raise ValueError(f"no such workload: {', '.join(sorted(unknown))}")
    return [w for w in WORKLOADS if w.name in names or w.name.split()[0] in names]
