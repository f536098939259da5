# Everything runs in .venv, made from the project's own files; a second call installs nothing.
# Works with GNU Make 3.81, which macOS ships.

PYTHON ?= python3
WORKERS ?= 2
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
MADE := $(VENV)/.made
KERAS := $(VENV)/.installed-keras
DEV := $(VENV)/.installed-dev

.PHONY: help demo test test-long test-all check conformance clean

help:
	@echo 'make demo         watch a grid search over a convolutional network (ARGS="--jobs 1" passes options)'
	@echo 'make test         lint, types, import contracts and the fast tests'
	@echo 'make test-all     the same and the long tests'
	@echo 'make check        lint, types and import contracts'
	@echo "make conformance  scikit-learn's tests of its searches and Hyperopt's own, run on tunesmith's"
	@echo 'make clean        remove .venv and whatever the tools left behind'

demo: $(KERAS)
	@$(BIN)/tunesmith demo $(ARGS)

# Tests that measure time or memory run after the others, with nothing beside them.
test: check
	$(BIN)/pytest -n $(WORKERS) --dist loadfile -m 'not long and not measures'
	$(BIN)/pytest -m 'measures and not long'

test-long: $(DEV)
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m 'long and not measures'
	$(BIN)/pytest -m 'long and measures'

test-all: test
	$(MAKE) test-long

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# An empty configuration: others' tests know nothing of ours, such as warnings as errors.
SUITE := tests/conformance/sklearn_suite
HYPEROPT_SUITE := tests/conformance/hyperopt_suite
HYPEROPT_TESTS := test_fmin test_randint test_pchoice test_pyll_utils test_plotting test_progress

conformance: $(DEV)
	PYTHONPATH=$(SUITE) $(BIN)/pytest -n $(WORKERS) -c /dev/null --rootdir=$(SUITE) -p no:cacheprovider \
	    -p swap --pyargs sklearn.model_selection.tests.test_search
	PYTHONPATH=$(HYPEROPT_SUITE) MPLBACKEND=svg $(BIN)/pytest -n $(WORKERS) -c /dev/null \
	    --rootdir=$(HYPEROPT_SUITE) -p no:cacheprovider -p swap_hyperopt \
	    --pyargs $(addprefix hyperopt.tests.unit.,$(HYPEROPT_TESTS))

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@command -v $(PYTHON) >/dev/null || { \
	    echo 'No $(PYTHON) here. Install Python 3.11 or newer (Debian: apt install python3 python3-venv),'; \
	    echo 'or name one: make PYTHON=/path/to/python3'; exit 1; } >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "tunesmith needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1)."; \
	    echo 'Name a newer one: make PYTHON=python3.12'; exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo '$(PYTHON) cannot make virtual environments. On Debian: apt install python3-venv'; exit 1; } >&2
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(KERAS): pyproject.toml $(MADE)
	@echo 'Installing tunesmith, Keras and JAX into $(VENV), once.'
	$(BIN)/python -m pip install --quiet -e '.[keras]'
	@touch $@

$(DEV): pyproject.toml $(MADE)
	@echo 'Installing tunesmith, Keras, JAX and the tools for tests into $(VENV), once.'
	$(BIN)/python -m pip install --quiet -e '.[keras,dev]'
	@touch $(KERAS) $@
