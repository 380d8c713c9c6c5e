# `make demo` and `make test` are all that a newcomer needs; see README.md.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Which ansible-core: oldest (2.19), 2.20, newest (2.21), or 2.22, which is not released yet.
export ANSIBLE ?= oldest
# The newest for a Python is what requirements.txt pins; for the others this is installed over it.
ANSIBLE_oldest := ansible==12.3.0
ANSIBLE_2.20 := ansible==13.8.0
ANSIBLE_2.22 := ansible==15.0.0a3 ansible-core==2.22.0rc1
PYTHON ?= $(shell bash tests/python.sh $(ANSIBLE))
export VENV := $(CURDIR)/.cache/venv$(if $(filter-out oldest,$(ANSIBLE)),-$(ANSIBLE))
export PATH := $(VENV)/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_HOME := $(CURDIR)/.cache/ansible
export IMAGES ?= lab
SCENARIO ?= default

VENV_READY := $(VENV)/ready

help:
	@echo "make demo       a complete PACS on a throwaway server, proven on a real study"
	@echo "make demo-down  remove it"
	@echo "make test       everything that must pass: lint sanity unit molecule browser"
	@echo "make bench      measure a site beside a reference stack and a bare Orthanc"
	@echo "make archive    build the collection's archive and judge it with each supported Ansible"
	@echo "make release    do that, and tag the version of galaxy.yml"
	@echo "make lab        build the images of the lab"
	@echo "make molecule SCENARIO=default"
	@echo "ANSIBLE=newest with unit, sanity and molecule takes the newest ansible-core instead of the oldest (or 2.20, 2.22)"
	@echo "IMAGES=upstream with demo and molecule takes the images that a hospital runs"

$(VENV_READY): requirements.txt requirements-dev.txt tests/lab/images/server/sitecustomize.py
	@echo "Making the virtual environment $(notdir $(VENV)) in .cache"
	@[ -n "$(PYTHON)" ]
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing: install the package python3-venv."; exit 1; }
	@pip install --quiet --requirement requirements-dev.txt
	@$(if $(ANSIBLE_$(ANSIBLE)),pip install --quiet $(ANSIBLE_$(ANSIBLE)))
	@cp tests/lab/images/server/sitecustomize.py $(VENV)/lib/python3*/site-packages/
	@touch $@

venv: $(VENV_READY)

engine:
	@bash tests/lab/engine.sh

lab: venv engine
	@python tests/lab/build.py

demo: lab
	@python tests/lab/demo.py up

demo-down: venv engine
	@python tests/lab/demo.py down

lint: venv
	@bash tests/run_lint.sh

sanity: venv
	@bash tests/run_sanity.sh

# UNIT names some of the tests.
unit: venv
	@bash tests/run_unit.sh $(UNIT)

molecule: molecule-$(SCENARIO)

molecule-%: lab
	@bash tests/run_molecule.sh $*

# What would take too long every time: ten losses of power each, every secret by itself.
soak: export SOAK := 1
soak: lab
	@failed=0; for scenario in default acme nothing_lost upgrade rotation; do \
	  bash tests/run_molecule.sh $$scenario || failed=1; done; exit $$failed

browser: venv
	@bash tests/browser/run.sh

# BENCH names parts (BENCH="frames ingest"), or smoke; see tests/bench/bench.py.
bench: lab
	@bash tests/bench/run.sh $(BENCH)

bench-smoke: lab
	@bash tests/bench/run.sh smoke

test: venv
	@bash tests/run_all.sh

archive: lab
	@bash tests/run_archive.sh

release: lab
	@bash tests/run_release.sh

.PHONY: help venv engine lab demo demo-down lint sanity unit molecule soak browser bench bench-smoke test archive release
