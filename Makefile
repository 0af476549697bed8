# Everything a developer or an operator of one machine does. `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
EXPORTER_VENV := .venv-exporter
BIN := $(VENV)/bin
# An extra package index for torch: the usual index serves CUDA builds of several gigabytes on Linux, so a machine
# without a GPU may name one that carries CPU builds. Empty: the usual index.
TORCH_INDEX ?=
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
EXTRA_INDEX := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
# More arguments for pytest, such as PYTEST_ARGS="-k lease -x".
PYTEST_ARGS ?=
UV ?= uv

INSTALLED := $(VENV)/.installed
EXPORTER_INSTALLED := $(EXPORTER_VENV)/.installed
EXPORTER_PINS := infra/local/exporter-requirements.txt

.DEFAULT_GOAL := help
SCOPES ?= submit read
MUTATIONS ?= 5000
SEED ?= 1

.PHONY: key keys revoke corpus audit sbom
.PHONY: help setup run reload stop test test-monitoring test-compose lint fmt typecheck unit bench chaos chaos-short soak lock lock-images screenshots translations

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) $(EXPORTER_INSTALLED) ## Create the environments and install everything, pinned

run: setup ## Start the whole platform on this machine; Ctrl-C stops it
	@exec $(BIN)/python -m infra.local run

reload: ## Renew the processes of a running platform one by one; no request is refused, no job lost
	@exec $(BIN)/python -m infra.local reload

stop: ## Stop a platform that was started by `make run`
	@test -x $(BIN)/python || { echo "Nothing is set up here, so nothing runs."; exit 0; }; \
	exec $(BIN)/python -m infra.local stop

audit: $(INSTALLED) ## Ask the public database of weaknesses about every pinned dependency (needs the internet)
	@test -x .venv-audit/bin/python || $(PYTHON) -m venv .venv-audit
	@test -x .venv-audit/bin/pip-audit || .venv-audit/bin/python $(PIP_INSTALL) pip-audit==2.10.1
	@.venv-audit/bin/pip-audit --strict --disable-pip --no-deps -r constraints.txt

sbom: ## List what the container images hold, as CycloneDX in var/sbom (its tool comes from the internet the first time)
	@test -x .venv-audit/bin/python || $(PYTHON) -m venv .venv-audit
	@test -x .venv-audit/bin/cyclonedx-py || .venv-audit/bin/python $(PIP_INSTALL) cyclonedx-bom==7.5.0
	@mkdir -p var/sbom
	@for image in web worker; do \
		.venv-audit/bin/cyclonedx-py requirements --output-reproducible infra/docker/$$image.txt \
			-o var/sbom/$$image.cdx.json || exit; \
	done
	@echo "Written: var/sbom/web.cdx.json, var/sbom/worker.cdx.json."

corpus: setup ## Send malformed pictures to a stack of its own: MUTATIONS=5000 SEED=1
	$(BIN)/python -m tests.corpus --mutations $(MUTATIONS) --seed $(SEED)

key: $(INSTALLED) ## Make an API key: `make key NAME=clinic`, with SCOPES="submit read admin" as wanted; shown once
	@$(BIN)/python -m infra.keys make "$(NAME)" $(addprefix --scope ,$(SCOPES))

keys: $(INSTALLED) ## List the API keys; `make revoke ID=...` ends one
	@$(BIN)/python -m infra.keys list

revoke: $(INSTALLED) ## Revoke an API key: `make revoke ID=...`
	@$(BIN)/python -m infra.keys revoke "$(ID)"

test: setup lint typecheck ## Lint, check types, run every test (unit, contract, integration, browser)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-monitoring: setup ## Check metrics, rules, dashboards, and a stack under a real Prometheus (part of `make test`)
	$(BIN)/python -m pytest tests/unit/monitoring tests/contract/test_metrics_table.py tests/contract/test_prometheus_rules.py \
		tests/contract/test_dashboards.py tests/contract/test_compose.py tests/integration/test_worker_metrics.py \
		tests/integration/test_monitoring_stack.py $(PYTEST_ARGS)

test-compose: $(INSTALLED) ## Bring the platform up by Docker Compose, work, take it down and up, compare
	$(BIN)/python -m tests.compose.check

unit: $(INSTALLED) ## Run the fast tests alone (unit and contract)
	$(BIN)/python -m pytest tests/unit tests/contract $(PYTEST_ARGS)

lint: $(INSTALLED) ## Check style, format, the arrows between the packages, and what is known to be unsafe
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	$(BIN)/bandit --quiet --recursive -c pyproject.toml common web worker client infra training

fmt: $(INSTALLED) ## Format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

typecheck: $(INSTALLED) ## Check the types, strictly
	$(BIN)/mypy

bench: setup ## Measure speed against the bare loop and other servers, latency, memory; ONLY="bare folder" ROUNDS=3
	TORCH_INDEX=$(TORCH_INDEX) $(BIN)/python -m tests.bench --only "$(ONLY)" --rounds $(or $(ROUNDS),5)

chaos: setup ## Hurt a platform in random histories until CYCLES=1000 faults are on record; SEED=a17 repeats one history
	@$(BIN)/python -m tests.chaos $(if $(filter command,$(origin SEED)),replay $(SEED),campaign --cycles $(or $(CYCLES),1000))

chaos-short: setup ## The same for about a minute, with seeds of its own each time (part of `make test`)
	$(BIN)/python -m pytest tests/chaos $(PYTEST_ARGS)

soak: setup ## Keep a platform at work for MINUTES=30 and tell whether memory, file descriptors or Redis keys grow
	@$(BIN)/python -m tests.chaos soak --minutes $(or $(MINUTES),30)

lock: ## Pin the newest allowed versions (needs uv) in constraints.txt, and with hashes for the container images
	$(UV) pip compile --universal --python-version 3.10 setup.cfg --extra dev \
		--no-annotate --no-header --quiet --upgrade -o constraints.txt
	@$(MAKE) --no-print-directory lock-images

lock-images: ## Write the hashes of what the container images hold (needs uv), in the versions of constraints.txt
	@for image in web worker; do \
		$(UV) pip compile --universal --python-version 3.10 setup.cfg infra/docker/$$image.in --extra $$image \
			--constraint constraints.txt --generate-hashes --no-annotate --no-header --quiet \
			-o infra/docker/$$image.txt || exit; \
	done

screenshots: $(INSTALLED) ## Take the pictures of the pages for the documents anew, from a running web server
	$(BIN)/python -m pytest tests/browser/take_pictures.py

translations: $(INSTALLED) ## Collect the texts of the pages, and compile their translations
	@mkdir -p var
	$(BIN)/pybabel --quiet extract -F babel.cfg -k lazy_gettext --no-location --sort-output -o var/messages.pot .
	$(BIN)/pybabel --quiet update -i var/messages.pot -d web/translations --no-fuzzy-matching --ignore-obsolete \
		--ignore-pot-creation-date --width=120
	$(BIN)/pybabel --quiet compile -d web/translations

# A stamp is written last, so an interrupted set-up is taken up again by the next call.
$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) infra/check_python.py
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing dentiq into $(VENV): some minutes the first time."
	@$(BIN)/python $(PIP_INSTALL) $(EXTRA_INDEX) -c constraints.txt -e '.[dev]'
	@touch $@

# celery-exporter needs older releases of Celery than dentiq does, and Python 3.11 or 3.12. The platform runs
# without it: another Python skips it for good, a failed download is told and tried again next time.
$(EXPORTER_INSTALLED): $(EXPORTER_PINS)
	@$(PYTHON) infra/check_python.py
	@mkdir -p $(EXPORTER_VENV)
	@if ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in {(3, 11), (3, 12)})'; then \
		echo "No celery-exporter: it needs Python 3.11 or 3.12. The platform runs without it."; touch $@; \
	elif $(PYTHON) -m venv $(EXPORTER_VENV) && $(EXPORTER_VENV)/bin/python $(PIP_INSTALL) -r $(EXPORTER_PINS); then \
		touch $@; \
	else echo "celery-exporter could not be installed. The platform runs without it."; fi
