"""Runs the SQL blocks of Markdown files and compares their output. Called by docs.sh."""

import pathlib
import re
import subprocess
import sys

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def psql(database, sql):
    """What psql prints for the statements, errors where they occur."""
    done = subprocess.run(
        ["psql", "-Xq", "-v", "SHOW_CONTEXT=never", "-d", database], input=sql, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True,
    )
    return done.stdout


def lines(output):
    """The lines that count: without the width of columns, and without functions that return nothing."""
    kept = [re.sub(r"\s+", " ", line).strip() for line in output.splitlines()]
    kept = [line for line in kept if line and not re.fullmatch(r"[-+]+", line)]
    text = "\n".join(kept)
    text = re.sub(r"^(?:track|untrack|set_scope|set_context|grant_access|revoke_access|relink)\n\(1 row\)\n?", "", text, flags=re.M)
    # Results of statements that only return an id, as the calls of log_activity and comment do.
    text = re.sub(r"^(?:log_activity|comment|track_schema)\n\d+\n\(1 row\)\n?", "", text, flags=re.M)
    return text.splitlines()


def check(path, number):
    """Runs one file's blocks in a database of their own; returns how many ran and what went wrong."""
    database = f"docs_{number}"
    psql("postgres", f"CREATE DATABASE {database};")
    blocks = BLOCK.findall(path.read_text())
    wrong = []
    count = 0
    for (kind, body), (next_kind, expected) in zip(blocks, blocks[1:] + [("", "")]):
        if kind != "sql":
            continue
        count += 1
        printed = psql(database, body)
        if next_kind == "text":
            if lines(printed) != lines(expected):
                wrong.append(f"{path}: this block printed something else:\n{body}\n{printed}")
        elif "ERROR:" in printed:
            wrong.append(f"{path}: this block failed:\n{body}\n{printed}")
    return count, wrong


def main():
    count = 0
    wrong = []
    for number, name in enumerate(sys.argv[1:]):
        ran, failures = check(pathlib.Path(name), number)
        count += ran
        wrong += failures
    print("\n".join(wrong))
    print(f"{count} blocks ran")
    return 1 if wrong or count == 0 else 0


sys.exit(main())
