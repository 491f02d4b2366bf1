# Two commands matter to a newcomer: `make compare` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NATIVE := node/execution/rust
DIR ?= network
SEED ?= 1
MINUTES ?= 10
SECONDS ?= 12

.DEFAULT_GOAL := help
.PHONY: help compare install test check bench-engine network simulate chaos flood lock clean

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

compare: $(VENV)/.native ## run the same shop in both worlds and write the report
	$(BIN)/chandlery compare

install: $(VENV)/.native ## install into .venv and run nothing

test: $(VENV)/.native ## run the whole test suite
	$(BIN)/pytest -n 2 --dist loadfile

check: $(VENV)/.installed ## lint, types, import directions, sizes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_tidy.py

bench-engine: $(VENV)/.native ## microseconds per order of both executors
	$(BIN)/python -m node.execution.bench_engine

network: $(VENV)/.native ## four validators in the folder DIR, until Ctrl-C
	$(BIN)/chandlery network up $(DIR) --foreground

simulate: $(VENV)/.installed ## one simulated network with the faults of SEED
	$(BIN)/chandlery simulate --seed $(SEED) --shrink

chaos: $(VENV)/.native ## kills, pauses and partitions of real nodes under load, for MINUTES
	$(BIN)/python -m tests.node.network.chaos $(MINUTES)

flood: $(VENV)/.native ## what floods of bad frames cost real nodes, SECONDS a kind
	$(BIN)/python -m tests.node.network.flood $(SECONDS)

$(VENV)/.installed: requirements.lock pyproject.toml
	@echo "installing into $(VENV) (a minute, once)"
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is %d.%d; name another with: make PYTHON=python3.12" % v[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# The native executor is optional: without a Rust toolchain everything runs on py-evm.
NATIVE_SOURCES := $(shell find $(NATIVE) -name target -prune -o -type f \( -name '*.rs' -o -name '*.toml' -o -name 'Cargo.lock' \) -print 2>/dev/null)

$(VENV)/.native: $(VENV)/.installed $(NATIVE_SOURCES)
	@if [ -f $(NATIVE)/Cargo.toml ] && command -v cargo >/dev/null; then \
	  echo "building the native executor (a few minutes, once)"; \
	  MATURIN_NO_INSTALL_RUST=1 $(BIN)/python -m pip install --disable-pip-version-check ./$(NATIVE); \
	else \
	  echo "no Rust toolchain: the nodes run on py-evm (slower, same results)"; \
	fi
	@touch $@

lock: ## renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --all-extras \
	  --generate-hashes --no-header --no-emit-index-url pyproject.toml -o requirements.lock

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
