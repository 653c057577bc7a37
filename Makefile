# Every target installs what it needs into .venv on first use and again when pyproject.toml changes.

PYTHON ?= python3
VENV ?= .venv
# Which CUDA `make gpu` installs for: cuda12 or cuda13.
CUDA ?= cuda12
# `make gpu GPU_PYTHON=...` uses an interpreter that has everything already, and installs nothing.
GPU_PYTHON ?= $(VENV)/bin/python

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check
TORCH := $(shell sed -n 's/.*"\(torch==[^"]*\)".*/\1/p' pyproject.toml)

# One thread a process: pytest runs two workers, and a result must not depend on a thread count.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: help demo test lint type pyright bench conformance sample mutants gpu clean

help:
	@echo "targets: demo test lint type pyright bench conformance sample mutants gpu clean"

demo: $(VENV)/.demo
	$(ONE_THREAD) $(BIN)/franken demo

# franken/backends/cupy is left out: a doctest run imports every module, and a CPU machine has no CuPy.
test: $(VENV)/.test
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist worksteal -q --doctest-modules \
	    --ignore=franken/backends/cupy tests franken

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(VENV)/.dev
	$(BIN)/mypy

# Typical programs seen by mypy and by pyright (which loads its own program on first use).
pyright: $(VENV)/.dev
	$(BIN)/python -m conformance programs

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

conformance: $(VENV)/.test
	$(ONE_THREAD) $(BIN)/python -m conformance differential

# A quarter of all ops against torch; the rest takes minutes.
sample: $(VENV)/.test
	$(ONE_THREAD) $(BIN)/python -m conformance differential --sample

# Minutes to hours: 200 faults, each judged by the tests that execute its line.
mutants: $(VENV)/.mutants
	$(ONE_THREAD) $(BIN)/python -m conformance mutants

gpu: $(if $(filter $(VENV)/%,$(GPU_PYTHON)),$(VENV)/.$(CUDA))
	$(GPU_PYTHON) -m conformance gpu

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.runtime: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	@touch $@

$(VENV)/.demo: $(VENV)/.runtime
	$(PIP) -e ".[cli,demo]"
	@touch $@

# torch by itself first, so that its exact version is settled before anything else is resolved.
$(VENV)/.test: $(VENV)/.runtime
	$(PIP) "$(TORCH)"
	$(PIP) -e ".[test]"
	@touch $@

$(VENV)/.mutants: $(VENV)/.test
	$(PIP) -e ".[mutants]"
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	$(PIP) -e ".[dev]"
	@touch $@

$(VENV)/.cuda12 $(VENV)/.cuda13: $(VENV)/.test
	$(PIP) -e ".[$(subst .,,$(@F)),test]"
	@touch $@
