# Every target sets itself up: Python 3.11+, make and git are all a machine needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS ?= --extra developers --extra messages --extra tuning --extra tracking
HOME_FOLDER ?= .fivefold
WORKERS ?= auto
STAMP := $(VENV)/.installed

.PHONY: help setup demo test test-fast ui bench experiment lint format clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## create .venv and install the locked dependencies

$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Fivefold needs Python 3.11, 3.12 or 3.13; set PYTHON=/path/to/python3.11")'
	@echo "==> creating $(VENV) and installing the locked dependencies (once; about 600 MB to download)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip --quiet --disable-pip-version-check install "uv>=0.9"
	@UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync $$([ -t 2 ] || echo --quiet) --frozen --inexact --compile-bytecode --python $(BIN)/python $(EXTRAS)
	@touch $(STAMP)

demo: setup ## a month of a small city: ingest, learn, plan tomorrow, run the day
	@$(BIN)/fivefold --home $(HOME_FOLDER) demo

ui: setup ## the Dagster UI on http://127.0.0.1:3000
	@$(BIN)/fivefold --home $(HOME_FOLDER) ui

test: setup ## every test, the slow ones too, on all cores; ARGS="tests/e2e -k ui" for some of them
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-fast: setup ## the tests that take seconds
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

bench: setup ## print what is measured beside its targets (cold and warm demo, overhead, memory, ratios); ~15 minutes
	@$(BIN)/fivefold --home $(HOME_FOLDER) bench all

experiment: setup ## every arm of the compounding experiment in a small city, ~1 minute; ARGS="--workers 2" for the whole
	@$(BIN)/fivefold --home $(HOME_FOLDER) experiment compounding $(or $(ARGS),--smoke)

lint: setup ## ruff, mypy, import contracts, dbt parse, sqlfluff
	@echo "==> ruff" && $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "==> mypy" && $(BIN)/mypy
	@echo "==> import contracts" && $(BIN)/lint-imports --no-cache
	@echo "==> derived files" && $(BIN)/python -m orchestration.derived --check
	@echo "==> dbt parse" && $(BIN)/python -m orchestration.transform.parse
	@echo "==> sqlfluff" && $(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models

format: setup ## put the code in the project's format
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

clean: ## remove the workspace (data, models, reports), keep the environment
	rm -rf $(HOME_FOLDER)
