# `make run` and `make test` need make, Python 3.11 to 3.13 and a package index, nothing else.
# Every path is relative: the folder may have spaces in its name.

.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast faults fuzz cluster-test dev check docs bench clean FORCE
.NOTPARALLEL: # two installs at the same time break each other
unexport PYTHONDONTWRITEBYTECODE # tests and runs start hundreds of processes, each of which would compile dlstudy anew

# Both variables pin what builds the project too: old pips read the first one there, new ones the second. pip compiles
# 13,000 files one after another, longer than it takes to install them; all cores do it in a third of the time. (A
# package may ship a file that no Python compiles.)
INSTALL = echo 'Installing into .venv: a minute or more.'; \
	extras='$(1)'; if nvidia-smi >/dev/null 2>&1; then extras="$${extras:+$$extras,}gpu"; fi; \
	PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt .venv/bin/python -m pip install -qq \
	--disable-pip-version-check --no-compile --editable ".$${extras:+[$$extras]}" && \
	{ .venv/bin/python -m compileall -qq -j 0 .venv/lib >/dev/null || true; }

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1	/p' Makefile
	@echo 'ARGS="..." is handed on by run, bench and the tests; PYTHON=... chooses the Python that .venv is made with.'

setup: .venv/.installed  ## make .venv and install the project into it

run: setup  ## fetch MNIST and run the study of optimizers: make run ARGS="--quick"
	.venv/bin/dlstudy data fetch mnist
	.venv/bin/dlstudy run optimizers $(ARGS)

test: .venv/.installed-test  ## run the tests in two processes: make test ARGS="tests/study/test_study.py"
	.venv/bin/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

test-fast: .venv/.installed-test  ## the tests that need no TensorFlow, in less than a minute
	.venv/bin/python -m pytest --numprocesses 2 --dist loadfile --fast $(ARGS)

FULL_FORM = $(shell grep -rl --include='test_*.py' 'tests.helpers.full_form import' tests | grep -v tests/faults)

faults: .venv/.installed-test .venv/.installed-docs  ## the long tests too: kills, cuts, lost nodes and bad input many times over, and more cases of the others
	DLSTUDY_FAULTS=full .venv/bin/python -m pytest --timeout=7200 tests/faults $(FULL_FORM) $(ARGS)

fuzz: .venv/.installed-test  ## random programs, the fast way against plain fit: make fuzz ARGS="--programs 100 --seed 7"
	.venv/bin/python -m scripts.fuzz $(ARGS)

cluster-test: .venv/.installed-test  ## a study on a cluster that this machine plays: Ray, PostgreSQL, an MLflow server
	DLSTUDY_CLUSTER=1 .venv/bin/python -m pytest -s tests/cluster $(ARGS)

dev: .venv/.installed-dev  ## install what scripts/check needs

check:  ## format, lint, types, wheel and smoke test, as CI does
	@scripts/check

docs: .venv/.installed-docs  ## run the code of the documentation and build its pages: build/docs/index.html
	.venv/bin/python -m sphinx -b html -W --keep-going -n -q -j auto -d build/docs-state docs build/docs $(ARGS)

bench: .venv/.installed-bench  ## compare dlstudy's speed with other ways: make bench ARGS="--short"
	.venv/bin/python -m benchmarks $(ARGS)

clean:  ## remove .venv, caches and build leftovers; results in mlruns stay
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -path ./.git -prune -o -path ./mlruns -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# .made is new only when .venv was made anew, and then all that stood in it is installed again. An install that was cut
# off leaves no stamp. Each stamp stands for the ones before it too: one install brings all.
.venv/.made: FORCE
	@scripts/make-venv

.venv/.installed: .venv/.made pyproject.toml constraints.txt
	@$(call INSTALL,pdf)
	@touch $@

.venv/.installed-test: .venv/.made pyproject.toml constraints.txt
	@$(call INSTALL,test)
	@touch .venv/.installed $@

.venv/.installed-docs: .venv/.made pyproject.toml constraints.txt
	@$(call INSTALL,docs)
	@touch .venv/.installed $@

.venv/.installed-dev: .venv/.made pyproject.toml constraints.txt
	@$(call INSTALL,dev)
	@touch .venv/.installed .venv/.installed-test .venv/.installed-docs $@

.venv/.installed-bench: .venv/.made pyproject.toml constraints.txt
	@$(call INSTALL,bench)
	@touch .venv/.installed .venv/.installed-test .venv/.installed-docs .venv/.installed-dev $@
