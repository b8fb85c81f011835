# Each target sets up by itself what it needs. V=1 shows all output. PG=18 takes PostgreSQL 18, built with assertions;
# PG_CONFIG names another server.
.DEFAULT_GOAL := help
ifdef PG
export DV_PG = $(PG)
endif
.PHONY: help setup demo test valgrind lint bench bench-check bench-scale psql install package package-check clean

help: ## Show this list
	@sed -nE 's/^([a-z-]+): ## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## Install what building and testing need: system packages, cargo-pgrx
	@.ci/setup

demo: ## Show the extension at work in a throw-away cluster
	@.ci/cluster run docs/demo/run

test: ## Run all tests, or with T=text those whose name contains it; with PG=18 on PostgreSQL 18
	@.ci/test "$(T)"

valgrind: ## Run the capture tests, or with T=text those, with PostgreSQL 18 under valgrind (the best part of an hour)
	@.ci/valgrind "$(T)"

lint: ## Check format, clippy, and types for the other PostgreSQL versions
	@.ci/lint

bench: ## Measure the cost of recording, in a throw-away cluster
	@.ci/setup bench
	@bench/run

bench-check: ## Measure, and show what got worse by more than a tenth
	@.ci/setup bench
	@bench/run --check

bench-scale: ## Measure whether cost grows in proportion: with rows, clients, a connection's age, the log
	@.ci/setup bench
	@bench/run --scale

psql: ## Open psql in a throw-away cluster with the extension
	@.ci/cluster run sh -c 'psql -qc "CREATE EXTENSION directus_versions" && exec env -u PSQLRC psql'

install: ## Install into the system's PostgreSQL
	@.ci/install

package: ## Build a Debian package into target/package
	@.ci/package

package-check: ## Build it, and run a server on what it holds; nothing is installed
	@DV_PROFILE=release DV_SHOW_LOG=1 .ci/cluster run pgrx-tests/scripts/package.sh

clean: ## Remove what the other targets made, except for packages and cargo-pgrx
	@.ci/clean
