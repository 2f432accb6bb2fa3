# `make help` lists the commands. A fresh machine needs make and Python 3.11 to 3.14, nothing else.

BIN = .venv/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --no-input
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header pyproject.toml
# More words for the command: make test ARGS="-k webhook", make run ARGS="--port 9000"
ARGS =

.PHONY: help run test test-all fuzz check bench model lock openapi .venv
.SUFFIXES:

help: ## list these commands
	@sed -n 's/^\([a-z.-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do \
		printf '  make %-10s %s\n' "$$name" "$$text"; done

run: .venv ## start everything: PostgreSQL, the Stripe sandbox, the API, its worker, the shop
	@exec $(BIN)/python -m app dev $(ARGS)

test: .venv ## run the tests, but for the long suites
	$(BIN)/python -m pytest -n auto -m "not slow" $(ARGS)

test-all: .venv ## run every test
	$(BIN)/python -m pytest -n auto $(ARGS)

fuzz: .venv ## let schemathesis look for faults in the running service for some minutes
	$(BIN)/python -m pytest -m slow tests/http/test_fuzz.py $(ARGS)

check: .venv ## format, lint, types, import rules, drift of openapi.yaml and of the migrations
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m app openapi --check
	$(BIN)/python -m app.dev.drift

bench: .venv ## measure the service beside its peers, an hour; ARGS=--quick, ARGS=report, ARGS="memory --help"
	$(BIN)/python -m bench $(ARGS)

model: .venv ## explore every order in which payments and refunds can be written: some minutes, 4 GiB
	$(BIN)/python -m model $(ARGS)

lock: .venv ## write the versions that pyproject.toml allows into requirements/
	$(LOCK) --output-file requirements/base.txt
	$(LOCK) --group dev --output-file requirements/dev.txt

openapi: .venv ## write openapi.yaml from the code
	$(BIN)/python -m app openapi

# What was installed is noted only after a whole installation. When that is not what the lock says now, the environment
# is made anew, so that nothing of another time is left in it. The lock names every package, so pip looks for
# no other; and it would refuse what pyproject.toml overrides.
.venv: ## the environment alone, from the locked versions
	@$(BIN)/python -c '' 2>/dev/null && cmp -s requirements/dev.txt .venv/installed.txt && exit; \
	for python in python3 python3.14 python3.13 python3.12 python3.11; do \
		if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; \
		then break; fi; python=; done; \
	if [ -z "$$python" ]; then echo "Python 3.11 to 3.14 is needed, and not found on the PATH." >&2; exit 1; fi; \
	echo "Installing the locked versions into .venv, once."; \
	rm -rf .venv && "$$python" -m venv .venv \
	&& $(PIP) install --quiet --no-deps --require-hashes --requirement requirements/dev.txt \
	&& cp requirements/dev.txt .venv/installed.txt
