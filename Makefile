# Needs make and Python >= 3.11, nothing else: the tools go into .venv.

PYTHON ?= python3
FILE ?=
ARGS ?=
SEEDS ?= 3000

PACKAGES := p2pfs demo benchmarks tests/soak tests/fuzz tests/chaos tests/daemons

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
OLDEST := .venv-oldest
API := build/docs/api/index.html

# What the caller's own Python projects set must not reach into the environment made here.
# Nor may it keep Python from keeping what it compiled: each process would compile all anew.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PYTHONDONTWRITEBYTECODE
# The recipe of demo reads it from the environment: no quoting problem, whatever the path.
export FILE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-oldest bench crowd crowd-links bench-tools soak fuzz fuzz-tools chaos lint lint-style lint-format lint-types lint-imports lint-docs lint-news docs man clean

help:
	@echo "make demo [FILE=path]  a tracker and four peers on this machine, one of them killed midway"
	@echo "make test [ARGS=...]   all tests; ARGS go to pytest"
	@echo "make test-oldest       the same with the lowest versions of all that p2pfs and its tests depend on"
	@echo "make bench [ARGS=...]  how fast it is, as ratios; ARGS go to the benchmarks (--help)"
	@echo "make crowd [ARGS=...]  simulated crowds of many kinds, beside what is possible (--help)"
	@echo "make crowd-links [ARGS=...]  the same with real processes on links of limited rate; needs root"
	@echo "make soak [SEEDS=n]    random histories of simulated swarms with faults, and some fuzzing"
	@echo "make chaos [ARGS=...]  real processes, killed, frozen and short of disk space for a minute"
	@echo "make fuzz [ARGS=...]   arbitrary bytes against all that reads from the network (--help)"
	@echo "make lint              linter, formatter, type checker; documentation without a warning; news"
	@echo "make man               the manual pages in docs/man, from the definitions of commands and options"
	@echo "make docs              the pages of docs/ and the API reference, in build/docs"
	@echo "make clean             remove the environment and everything generated"
	@echo
	@echo "PYTHON=path chooses the Python that .venv is made with (now: $(PYTHON))."

demo: $(READY)
	@$(BIN)/python -m demo $${FILE:+"$$FILE"}

test: $(READY)
	@$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal $(ARGS)

test-oldest: $(OLDEST)/ready
	@$(OLDEST)/bin/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal $(ARGS)

bench: $(READY) bench-tools
	@$(BIN)/python -m benchmarks $(ARGS)

crowd: $(READY)
	@$(BIN)/python -m benchmarks.crowd $(ARGS)

crowd-links: $(READY) bench-tools
	@$(BIN)/python -m benchmarks.crowd.links $(ARGS)

bench-tools: $(READY)
	@$(BIN)/python -m pip -qq --disable-pip-version-check install --editable '.[bench]'

chaos: $(READY)
	@$(BIN)/python -m tests.chaos $(ARGS)

soak: $(READY) fuzz-tools
	@$(BIN)/python -m tests.soak --seeds $(SEEDS)
	@$(BIN)/python -m tests.fuzz --seconds 20

fuzz: $(READY) fuzz-tools
	@$(BIN)/python -m tests.fuzz $(ARGS)

fuzz-tools: $(READY)
	@$(BIN)/python -m pip -qq --disable-pip-version-check install --editable '.[soak]'

lint: lint-style lint-format lint-types lint-imports lint-docs lint-news

lint-style: $(READY)
	@$(BIN)/ruff check .

lint-format: $(READY)
	@$(BIN)/ruff format --check .

lint-types: $(READY)
	@$(BIN)/mypy $(PACKAGES) docs

lint-imports: $(READY)
	@found=$$($(BIN)/lint-imports --no-cache 2>&1) || { echo "$$found"; false; }

lint-docs: docs

# What it says only matters when a fragment is not named as it should be.
lint-news: $(READY)
	@news=$$($(BIN)/towncrier build --draft 2>&1) || { echo "$$news"; false; }

docs: $(READY) $(API)
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going docs build/docs

man: $(READY)
	@$(BIN)/python docs/man_pages.py

$(API): $(READY) $(shell find p2pfs -name '*.py')
	@$(BIN)/pydoctor --quiet

clean:
	rm -rf $(VENV) $(OLDEST) build dist *.egg-info twisted/plugins/dropin.cache tests/fuzz/found
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(PACKAGES) twisted tests -name __pycache__ -prune -exec rm -rf {} +

$(READY): setup.cfg setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "p2pfs needs Python 3.11 or later; choose one with PYTHON=path.")'
	@echo "Making the environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip --quiet --quiet --disable-pip-version-check install --editable '.[test,lint,docs]'
	@touch $@

$(OLDEST)/ready: setup.cfg setup.py pyproject.toml
	@echo "Making the environment in $(OLDEST) ..."
	@$(PYTHON) -m venv --clear $(OLDEST)
	@$(OLDEST)/bin/python -m pip -qq --disable-pip-version-check install uv
	@$(OLDEST)/bin/uv pip install --quiet --python $(OLDEST)/bin/python \
	    --resolution lowest-direct --upgrade --editable '.[test]'
	@touch $@
