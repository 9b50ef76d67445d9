# `make help` lists what there is. PYTHON is used once, to make .venv; everything else runs in .venv.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
# Tests use one thread each; the tests of a file share what takes long to make.
PARALLEL := -n auto --maxprocesses 8 --dist loadfile
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install test check fix demo bench clean

help:     ## list the targets
	@sed -n 's/^\([a-z]*\): .*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

install: $(INSTALLED)  ## make .venv with pinned versions

test: $(INSTALLED)  ## run all tests
	$(BIN)/python -m pytest $(PARALLEL)

check: $(INSTALLED)  ## lint, types, fast tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(PARALLEL) -m 'not slow'

fix: $(INSTALLED)  ## format, and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demo: $(INSTALLED)  ## generate data, train cross entropy and ARB-Loss, compare them
	$(BIN)/python tools/demo.py

bench: $(INSTALLED)  ## measure time and memory against MMSegmentation (20 minutes; ARGS=--quick to see that it runs)
	for name in fused_loss plain_loss region_losses confusion counting training_iteration profile_iteration \
		regularizers training_loop; do \
		$(BIN)/python benchmarks/$$name.py $(ARGS) || exit 1; done

clean:  ## remove .venv and caches; keeps data/ and work_dirs/
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(INSTALLED): requirements.txt requirements-dev.txt setup.py
	@sh tools/check_system.sh $(PYTHON)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -r requirements-dev.txt
	$(BIN)/python -m pip install --no-deps --no-build-isolation -e .
	@touch $@
