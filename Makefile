# One folder, .venv, holds everything that is installed; each target sets it up the first time and after a change of
# pyproject.toml or constraints.txt. Variables, given as `make test NAME=value`:
#   PYTHON       the Python that makes the environment, 3.11 to 3.13      (python3)
#   VENV         where the environment goes                               (.venv)
#   TORCH_INDEX  a package index to take torch from, such as PyTorch's own index of CPU builds (unset: pip's setting)
PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=

BIN := $(VENV)/bin
BOOK_READY := $(VENV)/.book-ready
TESTS_READY := $(VENV)/.tests-ready
LESSONS := $(sort $(wildcard notebooks/*.ipynb))

.PHONY: help book test lab clean distclean
.DELETE_ON_ERROR:

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "make %-10s %s\n", $$1, $$2}'

book: $(BOOK_READY)  ## build the book into notebooks/_build/html; a warning is an error
	$(BIN)/sphinx-build -E -W --keep-going -q -b html notebooks notebooks/_build/html
	@echo "The book is built: open notebooks/_build/html/index.html in a browser."

test: $(TESTS_READY)  ## check style, run the tests and, once there are some, the lessons
	$(BIN)/ruff check .
	$(BIN)/pytest -n auto --dist loadfile tests
ifneq ($(LESSONS),)
	$(BIN)/pytest --nbval -n auto --ignore=notebooks/_build notebooks
endif

lab: $(BOOK_READY)  ## open JupyterLab, on the first lesson if there is one
	$(BIN)/jupyter lab $(or $(firstword $(LESSONS)),notebooks)

clean:  ## remove what was built; the environment stays
	rm -rf notebooks/_build build mee.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -path ./.git -prune -o -path './$(VENV)' -prune -o -type d \
		\( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

distclean: clean  ## remove the environment too
	@if [ -f '$(VENV)/pyvenv.cfg' ]; then rm -rf '$(VENV)'; else echo "$(VENV) is no virtual environment: left alone"; fi

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"{sys.executable} is Python \
	{v[0]}.{v[1]}: this needs 3.11 to 3.13. Name one: make PYTHON=python3.12"); v < (3, 14) or print(f"Python \
	{v[0]}.{v[1]} is newer than 3.13, the newest this is tested with")'
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip || echo "pip could not be upgraded; going on with the one there is"

# torch first, from the index that was asked for; without one, pip finds it with the rest.
define install
@echo "Installing into $(VENV) for $(1). The first time this takes some minutes, most of them PyTorch's."
$(if $(TORCH_INDEX),@$(BIN)/python -m pip install --quiet --constraint constraints.txt --index-url $(TORCH_INDEX) torch)
@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(1)]'
endef

$(BOOK_READY): pyproject.toml constraints.txt | $(BIN)/python
	$(call install,book)
	@touch $@

$(TESTS_READY): pyproject.toml constraints.txt | $(BIN)/python
	$(call install,book$(comma)extract$(comma)words$(comma)tests)
	@touch $(BOOK_READY) $@

comma := ,
