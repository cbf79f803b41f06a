# One folder, .venv, holds everything that is installed; each target sets it up the first time and after a change of
# pyproject.toml or constraints.txt. Variables, given as `make test NAME=value`:
#   PYTHON       the Python that makes the environment, 3.11 to 3.13      (python3)
#   VENV         where the environment goes                               (.venv)
#   TORCH_INDEX  a package index to take torch from, such as PyTorch's own index of CPU builds (unset: pip's setting)
#   WORKERS      how many tests run side by side                 (one more than there are cores, as tests often wait)
PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
WORKERS ?= $(shell expr `getconf _NPROCESSORS_ONLN` + 1)

BIN := $(VENV)/bin
BOOK_READY := $(VENV)/.book-ready
TESTS_READY := $(VENV)/.tests-ready
DEMO_READY := $(VENV)/.demo-ready
LESSONS := $(sort $(wildcard notebooks/*.ipynb))

.PHONY: help book lessons slides test bench faults demo lab tinyclips model msrvtt clean distclean
.DELETE_ON_ERROR:

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "make %-10s %s\n", $$1, $$2}'

# The lessons are executed into a copy: a picture's bytes differ from machine to machine, and building the book is not
# to change files of a clone. `make lessons` does, for those who write them.
book: $(BOOK_READY)  ## run all lessons and build the book into notebooks/_build/html; a warning is an error
	$(BIN)/python notebooks/build.py --book
	$(BIN)/sphinx-build -E -W --keep-going -q -b html notebooks/_build/source notebooks/_build/html
	@echo "The book is built: open notebooks/_build/html/index.html in a browser."

lessons: $(BOOK_READY)  ## run all lessons in place, after a change of their scripts (notebooks/TEMPLATE.md)
	$(BIN)/python notebooks/build.py

slides: $(BOOK_READY)  ## make slides of the lessons that are meant to be shown, into notebooks/_build/slides
	$(BIN)/python notebooks/build.py --slides

test: $(TESTS_READY)  ## check style, types and spelling, run the tests and, once there are some, the lessons
	$(BIN)/ruff check .
	$(BIN)/mypy mee
	$(BIN)/codespell
	$(BIN)/pytest -n $(WORKERS) --dist loadfile tests
ifneq ($(LESSONS),)
	$(BIN)/pytest --nbval -n $(WORKERS) --dist loadscope notebooks
endif

bench: $(TESTS_READY)  ## how fast, against a plain transcription of the original: a table and a JSON file (quarter of an hour)
	$(BIN)/python experiments/benchmarks/run.py --json notebooks/data/benchmarks.json

faults: $(TESTS_READY)  ## try to break it: thousands of damaged files, kills, full disks (ten minutes)
	$(BIN)/python experiments/faults -o notebooks/data/faults.json

demo: $(DEMO_READY)  ## open the search page in a browser, on TinyClips and the small model
	$(BIN)/mee demo

lab: $(BOOK_READY)  ## open JupyterLab, on the first lesson if there is one
	$(BIN)/jupyter lab --ServerApp.root_dir=notebooks --LabApp.default_url=/lab/tree/$(notdir $(firstword $(LESSONS)))

FILMS := build/tinyclips
tinyclips: $(TESTS_READY)  ## make the book's films and their clip files anew: render, extract, pack (half an hour)
	$(BIN)/python data_scripts/make_tinyclips.py films $(FILMS)
	$(BIN)/python data_scripts/extract $(FILMS) $(FILMS)/captions.csv -o build/films.h5 --only-named \
		--title "TinyClips" --source "data_scripts/make_tinyclips.py" --licence "CC-BY-4.0"
	$(BIN)/python data_scripts/extract $(FILMS) $(FILMS)/stills.csv -o build/stills.h5 --only-named \
		--title "TinyClips, stills" --source "data_scripts/make_tinyclips.py" --licence "CC-BY-4.0"
	$(BIN)/python data_scripts/make_tinyclips.py pack build/films.h5 notebooks/data/tinyclips.h5 --facts $(FILMS)/scripts.jsonl
	$(BIN)/python data_scripts/make_tinyclips.py pack build/stills.h5 notebooks/data/tinyclips_stills.h5 --facts $(FILMS)/scripts.jsonl \
		--frequent 0

# Lessons 00 and 15 search with it. It is trained on a processor, so that a rebuild gives nearly the same numbers.
model: $(TESTS_READY)  ## train the small model that comes with the book, on TinyClips (two minutes)
	$(BIN)/mee train notebooks/data/tinyclips.h5 --epochs 30 --lr 2e-3 --loss info-nce --dim 128 --text-clusters 16 \
		--sequence-clusters 8 --device cpu --out build/model
	$(BIN)/python data_scripts/small_model.py build/model/model.pt notebooks/data/tinyclips_model.pt

# The clip files lie where lesson 14 looks for them. Each step goes on where it stopped; EXPERIMENTS="experts stills" runs
# only these, and then only their tables are shown.
EXPERIMENTS ?=
MSRVTT := notebooks/data/msrvtt.h5 notebooks/data/msrvtt_1k-A.h5
msrvtt: $(TESTS_READY)  ## half of MSR-VTT, real: fetch 500 MB (asks first), extract, train, tables (three hours on two cores)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[text,sentences]'
	$(BIN)/python data_scripts/download.py msrvtt-frames
	$(BIN)/python data_scripts/download.py flickr8k
	test -f $(word 1,$(MSRVTT)) || $(BIN)/python data_scripts/convert_msrvtt_frames.py data/msrvtt-frames \
		--parts build/msrvtt.parts -o $(word 1,$(MSRVTT))
	test -f $(word 2,$(MSRVTT)) || $(BIN)/python data_scripts/convert_msrvtt_frames.py data/msrvtt-frames --split 1k-A \
		--parts build/msrvtt.parts -o $(word 2,$(MSRVTT))
	test -f notebooks/data/flickr8k.h5 || $(BIN)/python data_scripts/convert_flickr8k.py data/flickr8k \
		--parts build/flickr8k.parts -o notebooks/data/flickr8k.h5
	for file in $(MSRVTT); do $(BIN)/python experiments/msrvtt.py $$file --images notebooks/data/flickr8k.h5 \
		--runs runs/$$(basename $$file .h5) --processes 2 --json build/msrvtt.json $(EXPERIMENTS) || exit 1; done

clean:  ## remove what was built; the environment stays
	rm -rf notebooks/_build build mee.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
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

# The lessons turn videos into features and look up words (13), and index clips (00, 13, 15, 16).
$(BOOK_READY): pyproject.toml constraints.txt | $(BIN)/python
	$(call install,book$(comma)extract$(comma)words$(comma)search)
	@touch $@

$(TESTS_READY): pyproject.toml constraints.txt | $(BIN)/python
	$(call install,book$(comma)extract$(comma)words$(comma)search$(comma)demo$(comma)tests)
	@touch $(BOOK_READY) $(DEMO_READY) $@

$(DEMO_READY): pyproject.toml constraints.txt | $(BIN)/python
	$(call install,search$(comma)demo$(comma)extract)
	@touch $@

comma := ,
