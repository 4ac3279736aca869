# `make` sets everything up in .venv and runs the pipeline; `make test` passes the tests.
PYTHON ?= python3
VENV   := .venv
READY  := $(VENV)/.ready
OPINIONS := $(VENV)/.opinions
ENGINES := $(VENV)/.engines
VIEWER := $(VENV)/.viewer
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export GX_ANALYTICS_ENABLED := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run setup engines viewer chromium test check bench lock clean help

run: $(READY)  ## set up, run the pipeline on the release that params.yaml names, show the card
	ispy1 repro
	@echo "The card is reports/card.md. Try: . $(VENV)/bin/activate && ispy1 report volumes"

setup: $(READY)  ## set up .venv only

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "make: $(PYTHON) is not Python 3.11 to 3.13. Say: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@echo "make: $$(grep -c '==' requirements.lock) packages go into $(VENV); about a minute, longer on a slow line"
	$(VENV)/bin/pip install --quiet --no-deps --require-hashes --requirement requirements.lock
	$(VENV)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	$(VENV)/bin/ispy1 hook
	@touch $@

$(OPINIONS): tests/opinions.lock $(READY)
	@$(VENV)/bin/pip install --quiet --no-deps --require-hashes --requirement $< && touch $@ || \
	  echo "make: the second opinions of some tests cannot be installed here; these tests skip"

engines: $(ENGINES)  ## also Dask, Delta Lake, Spark, a driver for Postgres, a browser: some 900 MB
	@$(MAKE) --no-print-directory viewer || true
	@$(MAKE) --no-print-directory chromium || true

$(ENGINES): engines.lock $(READY)
	$(VENV)/bin/pip install --quiet --no-deps --require-hashes --requirement $<
	@touch $@

viewer: $(VIEWER)  ## also NiiVue, by npm, for the viewer of `ispy1 serve`

$(VIEWER): browser.lock $(READY)
	@command -v npm >/dev/null || { echo "make: no npm here: install it for the viewer"; exit 2; }
	@rm -rf $(VENV)/npm && mkdir $(VENV)/npm
	@npm pack --silent --ignore-scripts --pack-destination $(VENV)/npm $$(sed '/^#/d; s/ .*//' $<) >/dev/null || \
	  { echo "make: npm cannot get what browser.lock names; its own log says why"; exit 2; }
	@$(VENV)/bin/python -m etl.site.serve.vendor $< $(VENV)/npm/*.tgz && rm -r $(VENV)/npm && touch $@

chromium:
	@command -v chromium >/dev/null || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get -qq update && \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends chromium; } >/dev/null || \
	  { echo "make: no chromium, and only root on Debian, with a network, can install it here: tests of pages skip"; exit 2; }

test: $(READY) $(OPINIONS)  ## set up and run the tests
	pytest -q -n 2

check: $(READY)  ## style, SQL, direction of imports, types
	ruff check .
	ruff format --check .
	sqlfluff lint sql expectations etl/site etl/exchange
	pytest -q tests/test_imports.py
	mypy

bench: $(READY)  ## how fast: the floor, the usual script, ours; FULL=1: the table of targets; SCALE=1: how it grows
	python tests/bench/bench.py $(if $(FULL),--full) $(if $(SCALE),--scale)

lock:  ## pin requirements.lock anew: versions and hashes, no addresses
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet uv
	$(VENV)-lock/bin/uv pip compile pyproject.toml --extra dev --extra s3 --extra ssh --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --quiet --upgrade --output-file requirements.lock
	$(VENV)-lock/bin/uv pip compile tests/opinions.in --no-deps --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --quiet --upgrade --output-file tests/opinions.lock
	$(VENV)-lock/bin/python -c 'import tomllib; extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
	  print(*(package for name in ("browser", "cluster", "example", "exchange", "lakehouse", "postgres", "spark") for package in extras[name]), sep="\n")' | \
	  $(VENV)-lock/bin/uv pip compile - --constraint requirements.lock --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --quiet --upgrade --output-file engines.lock

clean:  ## remove the environment; data stay
	rm -rf $(VENV) $(VENV)-lock

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10
