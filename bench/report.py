"""Results as tables: what was measured, made medians, written as Markdown."""

from dataclasses import dataclass
from statistics import median

import chart
import page
from contender import OURS, RIVAL
from workload import STORED_TARGET, WARM_UP, Bulk, Read, Single


@dataclass
class Figure:
    values: list

    @property
    def median(self):
        return median(self.values)

    @property
    def least(self):
        return min(self.values)

    @property
    def most(self):
        return max(self.values)

    def show(self, digits, sign=""):
        middle, least, most = (f"{v:{sign},.{digits}f}" for v in (self.median, self.least, self.most))
        return middle if len(self.values) == 1 else f"{middle} ({least} to {most})"


@dataclass
class Result:
    cpu: Figure
    wall: Figure
    cpu_ratio: Figure
    wall_ratio: Figure
    added: Figure
    wal: Figure
    stored: Figure

    @property
    def wall_ms(self):
        return Figure([value / 1000 for value in self.wall.values])

    def in_unit(self, unit):
        return getattr(self, unit.figure)

    def show(self, unit):
        return f"{self.in_unit(unit).show(unit.digits, unit.sign)} {unit.name}"

    def keeps(self, target):
        return self.in_unit(target.unit).median <= target.most


def compare(samples, base):
    """Each sample beside the base of its round."""
    both = list(zip(samples, base))
    figure = lambda value: Figure([value(s, b) for s, b in both])
    return Result(
        cpu=figure(lambda s, b: s.cpu),
        wall=figure(lambda s, b: s.wall),
        cpu_ratio=figure(lambda s, b: s.cpu / b.cpu),
        wall_ratio=figure(lambda s, b: s.wall / b.wall),
        added=figure(lambda s, b: s.cpu - b.cpu),
        wal=figure(lambda s, b: s.wal),
        stored=figure(lambda s, b: s.stored),
    )


def summarize(workloads, samples):
    """{workload: {contender: Result}}"""
    return {
        w.name: {name: compare(of, samples[w.name][w.base]) for name, of in samples[w.name].items()}
        for w in workloads
    }


def table(head, rows):
    """A Markdown table whose source is aligned too. All but the first column are numbers."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    line = lambda row: "| " + " | ".join(
        cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))) + " |"
    rule = "|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def rivals(results):
    """The default scope and the usual hand-written trigger, where they were measured."""
    return [name for name in (OURS, RIVAL) if any(name in by for by in results.values())]


def targets(workloads, results):
    rows = []
    for w in workloads:
        by = results[w.name]
        if w.target is None or OURS not in by:
            continue
        unit = w.target.unit
        base = "" if unit.to_base else by[w.base].show(unit)
        cells = [by[name].show(unit) if name in by else "" for name in rivals(results)]
        kept = "held" if by[OURS].keeps(w.target) else "missed"
        rows.append([f"{w.name}: {w.title}", str(w.target), *cells, base, kept])
    name, most = STORED_TARGET
    if OURS in results.get(name, {}):
        stored = {rival: results[name][rival].stored.median for rival in rivals(results)}
        rows.append([f"bytes stored for a change, {name}", f"≤ {most}", *(f"{v:,.0f}" for v in stored.values()), "",
                     "held" if stored[OURS] <= most else "missed"])
    return table(["", "target", *rivals(results), "untracked", ""], rows) if rows else ""


def in_short(results, size):
    """The three figures that matter, as the README shows them."""
    if not all(OURS in results.get(name, {}) for name in ("W2", "W5 1")):
        return ""
    lines = (
        (f"update of 1 column of {size['narrow']:,} rows, CPU time", "W2",
         lambda r: f"{r.cpu_ratio.median:.2f} × untracked"),
        ("single prepared update of 3 columns, CPU time", "W5 1", lambda r: f"{r.added.median:+.1f} µs"),
        ("1 changed field of 20, stored with its indexes", "W2", lambda r: f"{r.stored.median:,.0f} bytes"),
    )
    rows = [[title, *(shown(results[name][rival]) for rival in rivals(results))] for title, name, shown in lines]
    return table(["", *rivals(results)], rows)


def details(w, by):
    first = sorted(by.items(), key=lambda item: (item[0] != "untracked", item[0] != w.base, item[1].cpu.median))
    rows = [
        [name, r.cpu.show(2), r.cpu_ratio.show(2), r.added.show(2, "+"), r.wall.show(2), r.wall_ratio.show(2),
         f"{r.wal.median:,.0f}", f"{r.stored.median:,.0f}"]
        for name, r in first
    ]
    unit = {Bulk: "row", Single: "transaction", Read: "call"}[type(w)]
    head = [f"by {unit}", "CPU µs", f"CPU × {w.base}", "CPU added µs",
            "wall µs", f"wall × {w.base}", "WAL bytes", "stored bytes"]
    return f"### {w.name}: {w.title}\n\n{table(head, rows)}"


def method(facts):
    size = facts["size"]
    return f"""\
Measured on {facts["date"]} at commit {facts["commit"]} by `{facts["command"]}` in {facts["minutes"]:.0f} minutes.
{facts["server"]} on {facts["machine"]}, client and server on the same machine.

- The tables: 20 columns and about 1.9 kB a row with {size["narrow"]:,} rows; 100 columns with {size["wide"]:,} rows.
  Both have a primary key and no other index. One statement changes all rows of a table in W1 to W4, W7 and no-op.
  W5 and W6 are pgbench with prepared statements, {size["off"]:,} transactions of each client without synchronous_commit
  and {size["on"]:,} where it is named, after {WARM_UP} to warm up.
- history, item_at and as_of read a log of {50 * size["log"]:,} revisions: {size["log"]:,} rows of 20 columns, of which
  each of 50 statements updated 3. They are pgbench with one client, {size["calls"]:,} calls for items drawn at random,
  {size["scans"]:,} of as_of, which goes back {10 * size["log"]:,} revisions; all its rows are aggregated. Their base is
  the like query of the table itself.
- undo and revert take back what W2 did, in one call; 5 µs a row are 0.5 s for 100,000. Their base is an
  `UPDATE … FROM` of the untracked table that sets the old values again.
- {size["rounds"]} rounds; contenders other than ours and `{RIVAL}` take part in the first {size["others"]}. Each
  measures every workload with every contender, in another order. Shown are the medians, in brackets the least and the
  greatest. Ratios and differences are taken within a round, to its untracked table; in W4 to `raw_copy`, which copies
  the rows into a table of the same shape with the same primary key and deletes nothing.
- CPU time is the backend's own, user and system, from the scheduler's account. Wall time is what the client waits for a
  statement; pgbench with 1 client and its backend, which take turns, are held to one CPU. Targets marked × and + are
  of CPU time, the others of wall time.
- Before each measurement: a fresh copy of the database, the contender's set-up, `VACUUM (FREEZE, ANALYZE)`,
  `CHECKPOINT`, all pages read into memory. W5 and W6 run one after the other in one copy, with a checkpoint before
  each. WAL bytes therefore include an image of each page at its first change.
- fsync and full_page_writes are on, autovacuum and JIT off, shared_buffers 2 GB, no checkpoint while measuring; the
  rest are PostgreSQL's defaults (`bench/postgresql.conf`). The extension is built with optimisation.
- Stored bytes are those by which all relations but the table itself grew, indexes and TOAST included.
- Each contender is a folder in `bench/contenders/`: a `setup.sql` and, where it needs extensions, a file `requires`."""


def text(workloads, results, facts):
    parts = [
        ("## In short", in_short(results, facts["size"])),
        ("## Targets", targets(workloads, results)),
        ("## All figures", "\n\n".join(details(w, results[w.name]) for w in workloads)),
    ]
    return "\n\n".join([method(facts), *(f"{heading}\n\n{part}" for heading, part in parts if part)])


def write(folder, workloads, results, facts):
    """The page with the chart."""
    chart.draw(folder / "benchmarks.svg", workloads, results)
    chart_link = "![CPU time of each contender](benchmarks.svg)"
    page.write(folder / "benchmarks.md", "make bench", f"{chart_link}\n\n{text(workloads, results, facts)}")
