# A bare machine needs Python 3.11 (with venv) and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# The pages of the last demo, where there was one; else those of this folder.
HOME_DIR ?= $(if $(wildcard demo/.env),demo,.)

.DEFAULT_GOAL := help
.PHONY: help setup demo run test unit check format bench lock build clean

help: ## Say what can be done
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## Install everything into .venv

$(READY): requirements-dev.lock pyproject.toml
	@echo "Setting up .venv (about a minute, the first time) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY) ## Send an example brief to the outbox of this machine, and watch
	@$(BIN)/flashmail demo

run: $(READY) ## Serve the pages at http://127.0.0.1:8000/
	@test -f $(HOME_DIR)/.env || $(BIN)/flashmail --home $(HOME_DIR) init
	@$(BIN)/flashmail --home $(HOME_DIR) serve

test: $(READY) ## Run all the tests
	@$(BIN)/python -m pytest -q -n auto

unit: $(READY) ## Run the quick tests only
	@QUICK=1 $(BIN)/python -m pytest -q -n auto -m "not slow and not browser and not edge"

check: $(READY) ## Check format, lint, types and who imports whom
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(READY) ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) ## Measure the hot paths against their references
	@$(BIN)/python -m benchmarks

lock: $(READY) ## Pin the dependencies anew (needs uv)
	@uv pip compile -q pyproject.toml --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --python-version 3.11 -o requirements.lock
	@uv pip compile -q pyproject.toml --group dev --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --python-version 3.11 -o requirements-dev.lock

build: $(READY) ## Build wheel and sdist into dist/
	@$(BIN)/python -m build --no-isolation

clean: ## Remove what was made here
	rm -rf $(VENV) dist build demo .hypothesis .mypy_cache .pytest_cache .ruff_cache
