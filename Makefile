# Everything a checkout is asked to do. Each target makes the environment that it needs, once: stamps in it
# say what is installed, and a changed pyproject.toml installs again.

PYTHON ?= python3
VENV   ?= .venv
DEMO   ?= examples/tiny/arithmetic.yaml

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: demo test lint bench clean

# A study on the embedded models, from the proof of its task to its verdict. Offline once installed.
demo: $(VENV)/local
	$(BIN)/underdog study $(DEMO)

test: lint
	$(BIN)/python -m pytest

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/mypy

# How fast, and whether the intervals, tests and certificates keep what they promise. Takes its time.
bench: $(VENV)/dev
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done
	$(BIN)/python -m benchmarks.truth

# Leaves .underdog/ and runs/ alone: they hold calls that were paid for.
clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/local: pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[local]'
	touch $@

$(VENV)/dev: pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[train,data,dev]'
	touch $@ $(VENV)/local
