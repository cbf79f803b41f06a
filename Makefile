# `make NAME` is `python tasks.py NAME`, which works without make, too; what each does is written there. Variables are given
# as `make test NAME=value`: those that tasks.py lists, and
#   PYTHON   the Python that makes the environment, 3.11 to 3.13   (python3)
PYTHON ?= python3
TASKS := book lessons slides lab address release grade test quick setup bench faults demo tinyclips model msrvtt clean distclean

.PHONY: help $(TASKS)
.NOTPARALLEL:

help $(TASKS):
	@$(PYTHON) tasks.py $@
