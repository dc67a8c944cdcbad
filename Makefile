# Everything happens in this folder: .venv for Python, .env for settings, *.db for data.
PYTHON ?= python3
PORT ?= 8000
export PORT

BIN := .venv/bin

.PHONY: help run test test-later lint bench mutants

help:
	@echo "make run    install, load sample data, serve on 127.0.0.1:8000 (another port: PORT=8123 make run)"
	@echo "make test   lint, types, import rules and every test"
	@echo "make lint   the same without the tests"
	@echo "make bench  what a lookup costs beside a bare Flask route"
	@echo "make test-later   the tests that touch time, with the clock two years ahead"
	@echo "make mutants      plant faults in the code and list those that no test notices"

run: .venv/installed
	@$(BIN)/provider demo
	@exec $(BIN)/provider serve

test: lint
	$(BIN)/pytest --numprocesses auto

# tests/later moves the clock of every Python program that finds it in its path. It imports time-machine before pytest
# can, and pytest warns of that. PIECES are the folders that touch time.
PIECES := unit api oauth people callbacks push ingestion simulator

test-later: .venv/installed-dev
	PYTHONPATH=$(CURDIR)/tests/later $(BIN)/pytest --numprocesses auto -W 'ignore:Module already imported' $(PIECES:%=tests/%)

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# ROOM is the beginning of the names of modules or functions: ROOM=provider.lookup
mutants: .venv/installed-mutants
	$(BIN)/mutmut run $(if $(ROOM),'$(ROOM)*')
	@$(BIN)/mutmut results

bench: .venv/installed-dev
	$(BIN)/python benchmarks/lookup.py

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed. Have it elsewhere? make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@ .venv/installed

.venv/installed-mutants: .venv/installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,mutants]'
	@touch $@
