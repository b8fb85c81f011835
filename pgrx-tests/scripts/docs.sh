#!/usr/bin/env bash
# Runs every SQL block of README.md and docs/ through psql, one database for each file, and compares what psql prints
# with the block of text that follows. A block without one must run without error.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 pgrx-tests/scripts/docs.py README.md docs/*.md
