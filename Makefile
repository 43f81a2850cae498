PYTHON ?= python3.11
BIN ?= .venv/bin

.PHONY: setup check test fuzz results benchmark format

setup:  ## a virtual environment with everything that development needs
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -c constraints.txt -e ".[dev]"

check:  ## all that a change has to pass
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -n 2

test:
	$(BIN)/pytest -n 2

COUNT ?= 100000
SEED ?= 0

fuzz:  ## compare the backends on random networks; in parts with SEED= and COUNT=
	$(BIN)/python -m netspec.testing.fuzz --count $(COUNT) --seed $(SEED) --jobs 2 --save fuzzed

results:  ## train every network of docs/results.md again
	$(BIN)/python -m benchmarks.results

benchmark:  ## time against peers
	$(BIN)/python -m benchmarks

format:
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
