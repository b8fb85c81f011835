"""What is measured, and how much it may cost: the targets are those of the design."""

from dataclasses import dataclass

# Rows of the tables, transactions of each client without and with synchronous_commit, calls that read an item and that
# read the table, rounds, and in how many of them most others take part: they are far off and take most of the time.
FULL = {
    "narrow": 100_000, "wide": 20_000, "log": 20_000, "off": 8_000, "on": 1_000, "calls": 500, "scans": 10,
    "rounds": 3, "others": 1,
}
QUICK = {
    "narrow": 20_000, "wide": 4_000, "log": 2_000, "off": 2_000, "on": 200, "calls": 200, "scans": 10,
    "rounds": 2, "others": 1,
}
TABLES = ("narrow", "wide", "log")
WARM_UP = 200  # transactions of each client before the measured ones


@dataclass(frozen=True)
class Unit:
    name: str
    figure: str  # of report.Result
    digits: int
    sign: str = ""
    to_base: bool = False


TIMES = Unit("×", "cpu_ratio", 2, to_base=True)
ADDED = Unit("µs", "added", 1, "+", to_base=True)
WAITED = Unit("ms", "wall_ms", 2)
WAITED_BY_ROW = Unit("µs a row", "wall", 2)


@dataclass(frozen=True)
class Target:
    """The most that the default scope may cost."""

    most: float
    unit: Unit = TIMES

    def __str__(self):
        return f"≤ {self.unit.sign}{self.most:g} {self.unit.name}"


@dataclass(frozen=True)
class Bulk:
    """One statement that changes every row of the table."""

    name: str
    title: str
    sql: str
    target: Target
    table: str = "narrow"
    prepare: str = ""  # before the contender is set up
    change: str = ""  # after that
    base: str = "untracked"  # the contender that ratios refer to
    base_sql: str = ""  # its statement, where it is another one
    needs: str = ""  # the function of ours that it calls: no other contender has it


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
    needs: str = ""


@dataclass(frozen=True)
class Read:
    """One prepared query again and again, of a table with 50 revisions of each row."""

    name: str
    title: str
    sql: str
    base_sql: str  # the like of it on the table itself
    right: str  # tells whether what is measured gives the right answer
    target: Target
    needs: str
    calls: str = "calls"  # how many: a key of the sizes
    clients: int = 1
    synchronous_commit: str = "off"
    table: str = "log"
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
    Bulk("no-op", "update every row to what it is", "UPDATE item SET title = title", Target(1, ADDED)),
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
        ("W5", "prepared update of 3 columns", UPDATE, Target(15, ADDED)),
        ("W6", "prepared insert", INSERT, Target(8, ADDED)),
    )
    for commit in ("off", "on")
    for clients in (1, 4)
]

# Every column is looked at, and none of them sent.
ALL_ROWS = "SELECT count(*), sum(stock), sum(octet_length(title)), sum(octet_length(body)), max(updated_at) FROM "

READ = [
    Read(
        "history", "50 revisions of an item, with data",
        "SELECT * FROM directus_versions.history('item', :id)", "SELECT * FROM item WHERE id = :id",
        "SELECT array_agg(data ->> 'title' ORDER BY revision) = "
        "(SELECT array_agg('Title ' || n ORDER BY n) FROM generate_series(1, 50) AS n) "
        "FROM directus_versions.history('item', 1)",
        Target(0.5, WAITED), needs="history",
    ),
    Read(
        "item_at", "such an item, 10 revisions ago",
        "SELECT directus_versions.item_at('item', :id, :at)", "SELECT to_jsonb(i) FROM item AS i WHERE id = :id",
        "SELECT directus_versions.item_at('item', 1, at) ->> 'title' = 'Title 40' FROM bench.mark",
        Target(0.2, WAITED), needs="item_at",
    ),
    Read(
        "as_of", "the table, 10 revisions of each row ago",
        ALL_ROWS + "directus_versions.as_of(NULL::item, :at)", ALL_ROWS + "item",
        "SELECT count(*) = (SELECT count(*) FROM item) AND bool_and(title = 'Title 40') "
        "FROM directus_versions.as_of(NULL::item, (SELECT at FROM bench.mark))",
        Target(60, WAITED), needs="as_of", calls="scans",
    ),
]


def back(name, title, function, argument):
    """Taking back W2, against an update by hand that does the same and records nothing."""
    return Bulk(
        name, title,
        f"SELECT count(*) FROM directus_versions.{function}({argument})", Target(5, WAITED_BY_ROW),
        prepare="CREATE TABLE bench.before AS SELECT id, title FROM item; ANALYZE bench.before",
        change="UPDATE item SET title = title || '!'; CREATE TABLE bench.mark AS "
        "SELECT pg_current_xact_id() AS transaction, statement_timestamp() - interval '1 ms' AS at",
        base_sql="UPDATE item SET title = before.title FROM bench.before WHERE before.id = item.id",
        needs=function,
    )


BACK = [
    back("undo", "a transaction that changed every row", "undo_transaction",
         "(SELECT transaction FROM bench.mark)"),
    back("revert", "the table to what it was before that", "revert_collection",
         "'item', (SELECT at FROM bench.mark)"),
]

WORKLOADS = BULK + SINGLE + READ + BACK

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
