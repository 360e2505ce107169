# Everything a newcomer needs, from Python 3.11, make and a package index.

PYTHON ?= python3
SETUP  ?= yes
TESTS  ?=
NODES  ?= 1
ARGS   ?=
# Half as many again as there are cores: the tests wait for servers much of the time.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(max(2, min(8, 3 * os.cpu_count() // 2)))')

VENV := .venv
PIP  := $(VENV)/bin/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help venv setup demo test crash chaos fuzz lint bench kafka-up kafka-down schemas commands clean
MAKEFLAGS += --no-print-directory

help:  ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile
	@echo "Options: PYTHON=python3.12 (or newer), ARGS='…' for evctl, pytest or the benchmarks,"
	@echo "         and of test: TESTS=path, REQUIRE=all (a skip is a failure),"
	@echo "         SETUP=no (install no system packages), NODES=3 for kafka-up"

venv: $(VENV)/.installed  ## Install evctl into .venv

setup: $(VENV)/.installed-dev  ## Install all that the tests need, system packages too
	@SETUP='$(SETUP)' sh infra/setup/system-packages.sh
	@$(VENV)/bin/python -m infra.kafka install --if-possible
	@$(VENV)/bin/python -m infra.apicurio install --if-possible

demo: $(VENV)/.installed  ## See a night go through the log and come out as tables
	@$(VENV)/bin/evctl demo $(ARGS)

test: setup lint  ## Run all checks and tests
	@REQUIRE='$(REQUIRE)' $(VENV)/bin/python -m pytest \
		-n $(WORKERS) --dist worksteal $(ARGS) $(TESTS)

crash: setup  ## Kill the broker under load (SEED=, ROUNDS=)
	@$(VENV)/bin/python -m tests.crash.campaign $(if $(SEED),--seed $(SEED)) \
		$(if $(ROUNDS),--rounds $(ROUNDS)) $(ARGS)

chaos: setup  ## Kill everything under load, a thousand times (SEED=, ROUNDS=)
	@$(VENV)/bin/python -m tests.crash.chaos $(if $(SEED),--seed $(SEED)) \
		$(if $(ROUNDS),--rounds $(ROUNDS)) $(ARGS)

fuzz: setup  ## Throw frames at the broker (SEED=, FRAMES=)
	@$(VENV)/bin/python -m tests.crash.fuzz $(if $(SEED),--seed $(SEED)) \
		$(if $(FRAMES),--frames $(FRAMES)) $(ARGS)

lint: $(VENV)/.installed-dev  ## Check style, types and import contracts
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

bench: setup  ## Measure, with bare loops beside
	@$(VENV)/bin/python -m benchmarks $(ARGS)

kafka-up: $(VENV)/.installed  ## Start Apache Kafka here, of one node or NODES=3, until kafka-down
	@$(VENV)/bin/python -m infra.kafka up --nodes $(NODES)

kafka-down: $(VENV)/.installed  ## Stop it, and remove its records
	@$(VENV)/bin/python -m infra.kafka down

schemas: $(VENV)/.installed  ## Publish the schemas of new and changed events, as files
	@$(VENV)/bin/python -m infra.setup.publish_schemas

commands: $(VENV)/.installed  ## Write docs/reference/commands.md anew from the help texts
	@$(VENV)/bin/python -m infra.setup.commands_page docs/reference/commands.md

clean:  ## Remove .venv and caches
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# The stamps, touched only when a step has succeeded: a second run does nothing.

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else sys.executable \
		+ " is too old: evctl needs Python 3.11 or newer; name one, as in make PYTHON=python3.12")'
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml
	@echo "Installing evctl and what it imports into $(VENV)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.made pyproject.toml
	@echo "Installing evctl and what its tests import into $(VENV)"
	@$(PIP) --editable '.[dev]'
	@touch $(VENV)/.installed $@
