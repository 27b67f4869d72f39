# Everything here works on a fresh machine with Python >= 3.11 and make; it sets up .venv by itself.
# Another Python:   make test PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
ARGS ?=
PYTEST_ARGS ?=
# Whole files stay on one worker: fixtures of a module are made once.
WORKERS ?= 2

.PHONY: help sandbox test check format run lock bench chaos chaos-mutations readme screenshots clean

help:
	@echo "make sandbox   try everything in the browser: no Slack, no AWS account (ARGS=--once: a story on the terminal)"
	@echo "make test      all tests, and a short run of the chaos suite"
	@echo "make check     format, lint, types, import contracts"
	@echo "make format    put the format right"
	@echo "make run       run the bot with .env and workbench-access.toml"
	@echo "make lock      take newer dependencies into the lock files"
	@echo "make bench     measure, as ratios"
	@echo "make chaos     kill the bot again and again (CHAOS_KILLS=1000, CHAOS_SEED=…)"
	@echo "make chaos-mutations   break the engine in every way that the chaos suite must notice"
	@echo "make readme    put a fresh transcript of the sandbox into README.md"
	@echo "make screenshots   take the README's pictures anew, with the Chromium of this machine"

sandbox: $(INSTALLED)
	@$(BIN)/workbench-access sandbox $(ARGS)

test: $(INSTALLED)
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --ignore tests/chaos/test_mutations.py $(PYTEST_ARGS)

check: $(INSTALLED)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

run: $(INSTALLED)
	@$(BIN)/workbench-access serve

# Each measurement is a module of its own; one alone: make bench BENCH=start
BENCH ?= $(patsubst bench/%.py,%,$(shell grep -lE '^(async )?def measure' bench/*.py 2>/dev/null))

bench: $(INSTALLED)
	@test -n "$(BENCH)" || echo "There is nothing to measure under bench/ yet."
	@for each in $(BENCH); do echo "== $$each"; $(BIN)/python -m bench.$$each || exit 1; done

# Kills are counted per database; PostgreSQL takes part where WORKBENCH_ACCESS_TEST_POSTGRES names a server.
CHAOS_KILLS ?= 1000

chaos: $(INSTALLED)
	CHAOS_KILLS=$(CHAOS_KILLS) $(BIN)/pytest -n $(WORKERS) --dist loadfile -rP \
	  tests/chaos/test_chaos_sqlite.py tests/chaos/test_chaos_postgres.py $(PYTEST_ARGS)

chaos-mutations: $(INSTALLED)
	$(BIN)/pytest -rP tests/chaos/test_mutations.py $(PYTEST_ARGS)

readme: $(INSTALLED)
	$(BIN)/python docs/transcript.py README.md

screenshots: $(INSTALLED)
	$(BIN)/python -m tests.browser.shots

# Hashes of everything, and no address of any registry: whoever installs uses the one that their pip is set up for.
LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
       --no-header --python-version 3.11 pyproject.toml --extra postgres

lock: $(INSTALLED)
	$(BIN)/pip install --quiet uv
	echo 'setuptools>=77' | $(LOCK) - --upgrade --extra sandbox --extra dev --output-file requirements-dev.lock
	echo 'setuptools>=77' | $(LOCK) - --constraint requirements-dev.lock --output-file requirements.lock

# Made once, and again when the lock or the package's metadata changes.
$(INSTALLED): requirements-dev.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	  echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Workbench Access needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	       "Name a newer one: make PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version); this happens once."
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "No virtual environment could be made. On Debian: apt install python3-venv"; rm -rf $(VENV); exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(INSTALLED)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
