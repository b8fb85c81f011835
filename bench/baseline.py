"""What our contenders cost when it was last found good: ratios of CPU time, and bytes stored by change.

Least times are compared with least times, because what disturbs a measurement only ever adds to it. What waits for the
disk is left out: its CPU time varies by more than a tenth from run to run.
"""

import json
from pathlib import Path

from contender import OURS
from workload import TABLES

FILE = Path(__file__).parent / "baseline.json"
WORSE = 1.1


def measured(workloads, results):
    return {w.name: dict(figures(results[w.name], w.base)) for w in workloads if w.target}


def figures(by, base):
    for name, result in sorted(by.items()):
        if name.startswith(OURS):
            ratio = result.cpu.least / by[base].cpu.least
            yield name, {"cpu": round(ratio, 3), "stored": round(result.stored.median, 1)}


def read():
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def save(workloads, results, facts):
    """Workloads that were not measured keep theirs."""
    old = read().get("results", {})
    known = {key: facts[key] for key in ("commit", "machine", "server", "command", "date")}
    known["rows"] = rows(facts)
    known["results"] = {**old, **measured(workloads, results)}
    FILE.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n")


def rows(facts):
    return {table: facts["size"][table] for table in TABLES}


def check(workloads, results, facts):
    """Print what got worse by more than a tenth; the exit code."""
    known, now = read(), measured(workloads, results)
    if known.get("rows") != rows(facts):
        print(f"{FILE.name} was measured with other numbers of rows: {known.get('command')}")
    then = known.get("results", {})
    worse = compared = 0
    for w, by in now.items():
        if w not in then:
            print(f"{w} is not in {FILE.name}")
        for name, figures in by.items():
            for kind, value in figures.items():
                old = then.get(w, {}).get(name, {}).get(kind)
                if old is None:
                    continue
                compared += 1
                if value > old * WORSE:
                    worse += 1
                    unit = "× CPU time" if kind == "cpu" else "bytes stored"
                    more = f" (+{value / old - 1:.0%})" if old else ""
                    print(f"worse: {w}, {name}: {value:,.2f} {unit}, was {old:,.2f}{more}")
    print(f"{compared} figures compared with {FILE.name}, {worse} worse by more than a tenth")
    return 1 if worse or not compared else 0
