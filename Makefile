# `make study` runs the offline study, `make test` the tests; both first set up .venv from the locks.
OLD := import sys; sys.exit(sys.version_info < (3, 11))
# The first that runs: a shim of a version manager may be on the path without its Python.
PYTHON ?= $(shell for own in python3.11 python3.12 python3.13 python3; do \
	"$$own" -c "$(OLD)" 2>/dev/null && echo "$$own" && break; done)
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Snakemake keeps a cache in the home, which in a container may not be there or not be the user's.
ifneq ($(shell test -w "$(HOME)" && echo yes),yes)
export XDG_CACHE_HOME ?= $(CURDIR)/.snakemake/cache
endif
SITE := $$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")
# Importing these uncompiled costs ten seconds in every job on machines that write no bytecode.
BIG := transformers torch snakemake pandas scipy sklearn matplotlib numpy numba llvmlite gensim
# On a terminal the installers show how far they are; in a log they say what goes wrong and nothing else.
QUIET := $(if $(MAKE_TERMOUT),,--quiet)
INDEX := { echo "Not installed. Offline? Set-up needs a package index, by PIP_INDEX_URL or UV_INDEX_URL if not the usual one." >&2; exit 1; }

help:
	@echo "make study    run the offline study: under an hour on 2 cores, after a set-up of minutes"
	@echo "make setup    only what needs a network: .venv, the model, the norms; the study then runs offline"
	@echo "make test     format, lint, types, tests: about half an hour on 2 cores"
	@echo "make recover  after a killed run: end what is left of it and unlock; then make study again"
	@echo "PYTHON=...    beside any of these: the Python, 3.11 or newer, that .venv is made from"

# As a module, for scripts of an environment know where it was made and not where the project was moved to.
study: .venv/.ready
	$(BIN)/python -m snakemake

# Whole test files go to two processes in their order: the unit tests compile what the small studies then use.
test: .venv/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder

# Everything that needs a network: the environment, the model and the norms. The study then runs offline.
setup: .venv/.ready
	$(BIN)/python -m snakemake acquire

# After a killed run: ends what it left running, here and in Slurm, and unlocks; then `make study` or snakemake again.
recover: .venv/.ready
	PYTHONPATH=workflow/src $(BIN)/python -m expertneurons recover

.venv/.ready: requirements-dev.lock requirements-torch.txt
	@"$(PYTHON)" -c "$(OLD)" 2>/dev/null || { \
	  echo "$(or $(PYTHON),python3) is no Python 3.11 or newer. Install one, or name it: make $(MAKECMDGOALS) PYTHON=/usr/bin/python3.11" >&2; exit 1; }
	@echo "Setting up .venv with $(PYTHON), once: 1 to 5 minutes"
	@"$(PYTHON)" -m venv .venv
	@$(BIN)/python -m pip install $(QUIET) --disable-pip-version-check uv==0.13.9 || $(INDEX)
	@echo "Installing the locked packages"
	@$(BIN)/uv pip install $(QUIET) --system-certs --python $(BIN)/python --no-deps --require-hashes -r requirements-dev.lock || $(INDEX)
	@echo "Installing torch: half a minute to several, by the network"
	@$(BIN)/python -m pip install $(QUIET) --disable-pip-version-check -r requirements-torch.txt || $(INDEX)
	@$(BIN)/python -m pip check
	@echo "Compiling the largest packages: about half a minute"
	-@cd "$(SITE)" && "$(CURDIR)/$(BIN)/python" -m compileall -qq -j0 -x py312_intrinsics $(BIG)
	@echo ".venv is ready. For snakemake as a plain command: source .venv/bin/activate"
	@touch $@

.PHONY: help study test setup recover
