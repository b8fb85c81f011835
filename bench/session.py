"""A run of the benchmark: rounds, in each of them every workload with every contender."""

import json
import os
import platform
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

import baseline
import contender
import measure
import report
import workload
from cluster import Cluster


def output(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout.strip()


def commit(repo):
    try:
        name = output("git", "rev-parse", "--short", "HEAD", cwd=repo)
        changed = output("git", "status", "--porcelain", "--", "src", "sql", "Cargo.toml", "Cargo.lock", cwd=repo)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{name} with changes" if changed else name


def facts(cluster, repo, command, size):
    """What a reader must know to judge the figures or to repeat them."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    memory = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)
    cores = len(os.sched_getaffinity(0))
    return {
        "commit": commit(repo),
        "machine": f"{cpu}, {cores} cores, {memory} GiB of memory, Linux {platform.release()}",
        "server": "PostgreSQL " + cluster.value("SHOW server_version"),
        "command": command,
        "date": time.strftime("%Y-%m-%d"),
        "size": size,
    }


def full(options):
    return not (options.quick or options.only or options.contenders or options.rounds)


def takes_part(one, group, number, size):
    """A base is measured where it is one, most others in the first rounds alone; functions of ours are ours alone."""
    if one.is_base:
        return one.name == "untracked" or any(w.base == one.name for w in group)
    if group[0].needs:
        return one.name == contender.OURS
    return one.is_close or number < size["others"]


def rotated(items, steps):
    steps %= len(items)
    return items[steps:] + items[:steps]


def present(cluster, contenders):
    for one in contenders:
        if cluster.has(one.requires):
            yield one
        else:
            print(f"{one.name} is left out: extension {', '.join(one.requires)} is not installed", file=sys.stderr)


def possible(cluster, workloads, contenders):
    ours = any(one.name == contender.OURS for one in contenders)
    there = cluster.functions() if ours else set()
    for w in workloads:
        if not w.needs or w.needs in there:
            yield w
        elif ours:
            print(f"{w.name} is left out: there is no function directus_versions.{w.needs}", file=sys.stderr)


def rounds(cluster, workloads, contenders, size):
    """{workload: {contender: [sample of each round]}}"""
    samples = defaultdict(lambda: defaultdict(list))
    for number in range(size["rounds"]):
        for group in measure.group(workloads):
            there = [c for c in contenders if takes_part(c, group, number, size)]
            # Half of them away each time, and one more: nobody is always first, or always behind the same one.
            for one in rotated(there, number * (len(there) // 2 + 1)):
                start = time.monotonic()
                for what, sample in measure.measure(cluster, group, one, size, number):
                    samples[what.name][one.name].append(sample)
                title = group[0].name if len(group) == 1 else f"{group[0].name} to {group[-1].name}"
                seconds = time.monotonic() - start
                print(f"round {number + 1} of {size['rounds']}, {title}: {one.name} {seconds:.1f} s", file=sys.stderr)
    return samples


def run(options, repo, scratch):
    start = time.monotonic()
    size = dict(workload.QUICK if options.quick else workload.FULL)
    size["rounds"] = options.rounds or size["rounds"]
    size["others"] = min(size["others"], size["rounds"])
    cluster = Cluster()
    contenders = list(present(cluster, contender.select(options.contenders)))
    workloads = list(possible(cluster, workload.select(options.only), contenders))
    if not workloads:
        sys.exit("nothing to measure")
    with cluster.unsynced():
        for table in sorted({w.table for w in workloads}):
            cluster.make_template(table, size[table])

    samples = rounds(cluster, workloads, contenders, size)
    command = "make bench" if full(options) else "bench/run " + " ".join(sys.argv[1:])
    known = facts(cluster, repo, command, size)
    known["minutes"] = (time.monotonic() - start) / 60
    results = report.summarize(workloads, samples)

    scratch.mkdir(parents=True, exist_ok=True)
    raw = {w: {c: [asdict(s) for s in of] for c, of in by.items()} for w, by in samples.items()}
    (scratch / "samples.json").write_text(json.dumps({"facts": known, "samples": raw}, indent=1))
    # A part of the whole must not take the place of the published results.
    report.write(repo / "docs" if full(options) else scratch, workloads, results, known)
    print(report.text(workloads, results, known))
    if options.save_baseline:
        baseline.save(workloads, results, known)
    return baseline.check(workloads, results, known) if options.check else 0
