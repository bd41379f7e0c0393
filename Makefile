# Everything here works as the first command on a fresh machine with Python 3.11, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links \
  --python-version 3.11 --custom-compile-command "make lock"
STANDING := canonical connectors pipelines reconcile svod tests benchmarks

.PHONY: help install dev demo test test-soak test-clients lint docs golden format bench bench-region lock clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "svod needs Python 3.11 or newer: call make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "python3 has no venv module: install it (Debian: python3-venv) and call make again" >&2; exit 1; }

$(VENV)/.installed: requirements.txt pyproject.toml | $(BIN)/python
	@echo "installing svod into $(VENV) …"
	@$(PIP) install --require-hashes --requirement requirements.txt
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.developing: requirements-dev.txt $(VENV)/.installed
	@echo "installing the tools of the tests …"
	@$(PIP) install --require-hashes --requirement requirements-dev.txt
	@touch $@

install: $(VENV)/.installed  ## install into .venv; leaves .venv/bin/svod

dev: $(VENV)/.developing  ## install what tests and linters need as well

demo: install  ## start stand-in portals and do the whole job on them
	@$(BIN)/svod demo --dir demo-out

test: dev  ## run the tests (PostgreSQL and Redis come as wheels if the machine has none)
	@$(BIN)/pytest -q -n auto --dist loadfile --no-loadscope-reorder

test-soak: dev  ## long runs: workers killed in loops, servers restarted, every portal taken up again
	@$(BIN)/pytest -q -m soak

test-clients: dev  ## run clients that others wrote, from the package index, against the stand-ins
	@$(BIN)/pytest -q -m clients

lint: dev  ## ruff, mypy --strict, import direction
	@$(BIN)/ruff check $(STANDING)
	@$(BIN)/ruff format --check $(STANDING)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

docs: install  ## write what is made of the manifests: docs/connectors.md
	@$(BIN)/svod connectors list --markdown > docs/connectors.md

golden: dev  ## write the golden files of the connectors anew; review what has changed in them
	@$(BIN)/python -m connectors.conformance golden

format: dev  ## format the code
	@$(BIN)/ruff check --fix --exit-zero $(STANDING)
	@$(BIN)/ruff format $(STANDING)

bench: dev  ## load a million marks and fetch 2,000 answers, beside what people would use instead, in the same run
	@$(BIN)/python benchmarks/load.py
	@$(BIN)/python benchmarks/fetch.py

bench-region: dev  ## import a region in small by 1, 2 and 4 workers; says what there is too little of
	@$(BIN)/python benchmarks/region.py

lock: install  ## renew the locked dependencies; they name no host and no address
	@$(PIP) install uv
	@$(LOCK) --extra build --output-file requirements.txt pyproject.toml
	@$(LOCK) --extra build --extra dev --output-file requirements-dev.txt pyproject.toml
	@$(LOCK) --output-file benchmarks/requirements.txt benchmarks/requirements.in

clean:  ## remove what was installed and made
	rm -rf $(VENV) .venv-* demo-out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
