# `make demo` and `make test` need Python 3.11 or later and a package index, nothing else; `make help` lists the rest.
# A Python of your choice: make demo PYTHON=/path/to/python. Options for pip: make demo PIP_FLAGS="--index-url ...".
VENV      := .venv
BIN       := $(VENV)/bin
PIP       := $(BIN)/python -m pip --disable-pip-version-check install $(PIP_FLAGS)
SETUP     := setup.py settings.ini pyproject.toml
NBS       ?=

.DEFAULT_GOAL := help
.PHONY: help demo test bench install dev export run repeat clean-notebooks readme docs site wheel check clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/installed  ## install, then register the example chest X-ray to its CT; writes demo/
	$(BIN)/diffdrr demo --force $(DEMO_FLAGS)

test: $(VENV)/dev  ## run every notebook's tests (NBS="nbs/diffdrr/05_pose.ipynb ..." for some of them)
	@$(BIN)/python tools/test.py $(NBS)

bench: $(VENV)/dev  ## run the benchmark notebooks and store their outputs
	@$(BIN)/python tools/run.py nbs/benchmarks

install: $(VENV)/installed  ## make .venv and install the packages into it, editable
dev: $(VENV)/dev  ## the same with the extras, and all that work on the notebooks needs

export: $(VENV)/dev  ## notebooks -> modules and the site's table of contents
	@$(BIN)/python tools/export.py
	@$(BIN)/python tools/sidebar.py

run: $(VENV)/dev  ## execute notebooks in place: make run NBS="nbs/tutorials/registration.ipynb ..."
	@$(BIN)/python tools/run.py $(NBS)

QUICK := nbs/index.ipynb $(addprefix nbs/tutorials/,migrating.ipynb jacobian_images.ipynb sampling.ipynb trilinear_or_siddon.ipynb)
repeat: $(VENV)/dev  ## execute quick pages again: do they put out what they hold, numbers apart?
	@$(BIN)/python tools/run.py --check $(or $(NBS),$(QUICK))

clean-notebooks: $(VENV)/dev  ## strip notebooks of everything that changes from run to run
	@$(BIN)/python tools/clean.py

readme: $(VENV)/dev  ## nbs/index.ipynb -> README.md
	@$(BIN)/python tools/readme.py

docs: $(VENV)/dev  ## build the site in _docs/, and check every page, link, anchor, picture and formula
	@$(BIN)/python tools/docs.py

site: docs  ## the same

wheel: $(VENV)/dev  ## build a wheel in dist/ and check what is inside
	@$(BIN)/python tools/wheel.py

check: $(VENV)/dev  ## what a commit must pass, short of the tests: modules, notebooks, README, site
	@$(BIN)/python tools/export.py --check
	@$(BIN)/python tools/sidebar.py --check
	@$(BIN)/python tools/clean.py --check
	@$(BIN)/python tools/readme.py --check
	@$(BIN)/python tools/docs.py

clean:  ## remove everything that can be made again, .venv included
	rm -rf $(VENV) .bench _docs _proc build dist demo *.egg-info nbs/nbdev.yml

# The stamps are older than $(SETUP) after a change of the dependencies: then pip runs again.
$(BIN)/python:
	@sh tools/venv.sh $(VENV) "$(PYTHON)"

$(VENV)/installed: $(BIN)/python $(SETUP)
	$(PIP) --editable .
	@touch $@

$(VENV)/dev: $(BIN)/python $(SETUP)
	$(PIP) --editable ".[dev,vis,train]"
	@touch $@ $(VENV)/installed
