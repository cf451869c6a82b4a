# Everything runs from .venv, which is made on first use. `make help` explains the targets.
PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
BIN := $(VENV)/bin
SCALE ?= small
BENCH ?= 100k

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-lowest lint bench projects docs kills mutation system-packages wheels clean

define checked-python
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed and $(PYTHON) is older: run make PYTHON=python3.11" >&2; exit 2; }
@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		echo "Python's venv is missing: install it (Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 2; }
endef

help: ## explain the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.installed ## make .venv with both packages and the tools, from constraints.txt

demo: $(VENV)/.installed ## replay the journey from phase 2 to head and print the measured table (SCALE=small|100k|full)
	@$(BIN)/intowork demo --scale $(SCALE)

serve: $(VENV)/.installed ## answer requests at port 8000, on DATABASE_URL or on made-up data of its own
	@$(BIN)/intowork serve $(if $(DATABASE_URL),,--demo)

test: lint ## lint, then run all tests on every PostgreSQL there is
	@$(BIN)/python -m pytest -n 3

test-lowest: $(LOWEST)/.installed ## what depends on a project's own packages, with the oldest that are supported
	@$(LOWEST)/bin/python -m pytest -n 2 --dist loadfile --confcutdir pgproof/tests -p pgproof.testing \
		pgproof/tests/facts pgproof/tests/rules pgproof/tests/recorder pgproof/tests/commands

lint: $(VENV)/.installed ## ruff, mypy --strict and import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/.installed ## measure the numbers of the README into benchmarks/results/ (BENCH=small|100k|1m)
	@$(BIN)/python -m benchmarks --scale $(BENCH)
	@$(BIN)/python -m benchmarks.audit
	@$(BIN)/python -m benchmarks.scores
	@$(BIN)/python -m benchmarks.recorder
	@$(BIN)/python -m benchmarks.synthetic
	@$(BIN)/python -m benchmarks.prove
	@$(BIN)/python -m benchmarks.roundtrip

projects: $(VENV)/.installed ## fix and prove on the schemas of published projects, into benchmarks/results/projects.md (2 GB of packages)
	@$(BIN)/python -m benchmarks.projects

docs: $(VENV)/.installed ## build the documentation into docs/_build/html; a warning is an error
	@$(BIN)/python -m sphinx -q -W --keep-going docs docs/_build/html
	@echo "docs/_build/html/index.html"

kills: $(VENV)/.installed ## kill every migration at every statement in both ways on every server; the tests do a part of it
	@EVERY_KILL=1 $(BIN)/python -m pytest -n 2 intowork/tests/migrations/test_kills.py

mutation: $(VENV)/.installed ## judge every rule that changed by its mutants, into benchmarks/results/mutation.md
	@$(BIN)/python -m benchmarks.mutation

system-packages: ## install the Debian packages of the optional tests (pgbouncer, openssl, chromium, curl, jq); asks for root
	@$(if $(filter 0,$(shell id -u)),,sudo) sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends pgbouncer openssl chromium curl jq'

clean: ## remove .venv, the built documentation and what the demo wrote
	rm -rf $(VENV) $(LOWEST) docs/_build docs/_generated demo-report performance-report

$(VENV)/.installed: constraints.txt requirements-dev.txt pgproof/pyproject.toml intowork/pyproject.toml
	$(checked-python)
	@echo "Making $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--requirement requirements-dev.txt --editable ./pgproof --editable ./intowork
	@touch $@

$(LOWEST)/.installed: constraints-lowest.txt pgproof/pyproject.toml
	$(checked-python)
	@echo "Making $(LOWEST) (once) ..."
	@$(PYTHON) -m venv $(LOWEST)
	@$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-lowest.txt \
		--editable ./pgproof 'sqlalchemy[asyncio]' alembic asyncpg pg8000 psycopg2-binary psycopg-pool \
		pydantic-settings pytest pytest-asyncio pytest-xdist hypothesis jsonschema
	@touch $@
