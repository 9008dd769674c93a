# Two commands do everything on a machine that has Python 3.11+ and pip:
#   make demo    sets up and runs a scenario against the embedded simulator
#   make test    sets up and passes the tests
# PYTHON chooses the interpreter: make test PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test setup setup-dev style types layers unit bench clean

demo: setup
	$(BIN)/llmload run quickstart

test: setup-dev style types layers unit

setup: $(VENV)/.installed
setup-dev: $(VENV)/.installed-dev

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@ $(VENV)/.installed

style: setup-dev
	$(BIN)/ruff check llmload tests benchmarks
	$(BIN)/ruff format --check llmload tests benchmarks

types: setup-dev
	$(BIN)/mypy

layers: setup-dev
	$(BIN)/lint-imports --no-logo

unit: setup-dev
	$(BIN)/pytest

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
