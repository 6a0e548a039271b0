# `make study` runs the offline study, `make test` the tests; both first set up .venv from the locks.
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)
SITE := $$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")
# Importing these uncompiled costs ten seconds in every job on machines that write no bytecode.
BIG := transformers torch snakemake pandas scipy sklearn matplotlib numpy numba llvmlite gensim

study: .venv/.ready
	$(BIN)/snakemake

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
	$(BIN)/snakemake acquire

# After a killed run: ends what it left running, here and in Slurm, and unlocks; then `make study` or snakemake again.
recover: .venv/.ready
	PYTHONPATH=workflow/src $(BIN)/python -m expertneurons recover

.venv/.ready: requirements-dev.lock requirements-torch.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip install -q --system-certs --python $(BIN)/python --no-deps --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-torch.txt
	$(BIN)/python -m pip check
	-cd "$(SITE)" && "$(CURDIR)/$(BIN)/python" -m compileall -qq -j0 -x py312_intrinsics $(BIG)
	touch $@

.PHONY: study test setup recover
