# make serve   run the gateway (arguments: make serve ARGS="--port 8081")
# make test    run the tests, in two processes (in one: make test ARGS="tests/formats -x")
# Both make their own virtual environment first. Needs only make and Python 3.11 or newer with venv.

BIN := .venv/bin
ARGS ?=

# Stops with one line that says what to install, when this machine cannot make the virtual environment.
need = $(eval PROBLEM := $(shell PYTHON='$(PYTHON)' .ci/venv problem $(1)))$(if $(PROBLEM),$(error $(PROBLEM)))
make_venv = @PYTHON='$(PYTHON)' .ci/venv make $(1)

.PHONY: help serve test test-system faults schedules fields pictures site lint audit soak bench bench-peers conformance-peers bench-check bench-idle bench-resilience bench-codecs lock venv venv-test clean

help:
	@echo 'make serve        run the gateway on http://127.0.0.1:8080   (ARGS="--port 8081")'
	@echo 'make test         run the tests                              (ARGS="tests/formats -x")'
	@echo 'make test-system  run the tests that need more than PyPI; installs what is missing'
	@echo 'make faults       the reported faults of other gateways: a table of what became of each here'
	@echo 'make schedules    twenty thousand gateways on virtual time among faults (ARGS=SEED: one, step by step)'
	@echo 'make fields       writes docs/formats.md: where each field of each format goes'
	@echo 'make pictures     writes what the examples of docs/graphs.md print and draw'
	@echo 'make site         the manual as pages for a browser, in site/'
	@echo 'make lint         ruff, mypy and pyright'
	@echo 'make soak         a gateway under 200 streams for twenty minutes     (ARGS="--minutes 1")'
	@echo 'make audit        whether a locked package has a known hole or was withdrawn'
	@echo 'make bench        requests, events and latencies of the whole gateway, on one core (ARGS="--sections whole")'
	@echo 'make bench-peers  the same beside LiteLLM and Portkey, which it installs below .bench-peers/'
	@echo 'make conformance-peers  what the conformance kit says of this gateway, and of those two (ARGS=--write: docs/)'
	@echo 'make bench-check  whether rates have fallen, as parts of the floor, since the kept summary'
	@echo 'make bench-idle   the memory of ten thousand silent streams'
	@echo 'make bench-resilience  clients that leave or read slowly, too many requests, the largest bodies'
	@echo 'make bench-codecs what the codecs cost: µs an event of a stream, ms a large request'
	@echo 'make venv         .venv with the hyperinfer command in it    (PYTHON=python3.13)'
	@echo 'make lock         make the lock files again from pyproject.toml (UPGRADE=name)'
	@echo 'make clean        remove .venv and everything else that was made'

serve: venv
	@$(BIN)/hyperinfer serve $(ARGS)

test: venv-test
	@$(if $(ARGS),$(BIN)/python -m pytest -q -m 'not system' $(ARGS),.ci/test)

test-system: venv-test
	@tests/system/install.sh
	@$(if $(ARGS),$(BIN)/python -m pytest -q -m system --no-skips $(ARGS),.ci/test system)

faults: venv-test
	@$(BIN)/python -m pytest -q tests/faults --fault-table $(ARGS)

schedules: venv-test
	@$(BIN)/python -m tests.schedules $(or $(ARGS),--count 20000)

fields: venv-test
	@$(BIN)/python -m tests.fields

site: venv-test
	@$(BIN)/python -m tests.project.site $(ARGS)

pictures: venv-test
	@$(BIN)/python -m tests.project.pictures

lint: venv-test
	@failed=0; \
	for linter in 'ruff check --quiet .' 'mypy --no-error-summary' 'pyright'; do \
	    $(BIN)/$$linter || failed=1; \
	done; \
	exit $$failed

audit: venv-test
	@$(BIN)/python -m tests.project.audit

soak: venv-test
	@$(BIN)/python -m tests.system.soak $(ARGS)

bench: venv-test
	@$(BIN)/python -m benchmarks.gateway $(ARGS)

bench-peers: venv-test
	@$(BIN)/python -m benchmarks.gateway --peers $(ARGS)

conformance-peers: venv-test
	@$(BIN)/python -m benchmarks.conformance $(ARGS)

bench-check: venv-test
	@$(BIN)/python -m benchmarks.gateway.check $(ARGS)

bench-idle: venv-test
	@$(BIN)/python -m benchmarks.gateway.idle $(ARGS)

bench-resilience: venv-test
	@$(BIN)/python -m benchmarks.gateway.resilience $(ARGS)

bench-codecs: venv
	@$(BIN)/python -m benchmarks.codec_streams
	@$(BIN)/python -m benchmarks.codec_requests

venv:
	$(call need,run)
	$(call make_venv,run)

venv-test:
	$(call need,test)
	$(call make_venv,test)

lock:
	$(call need,run)
	@PYTHON='$(PYTHON)' UPGRADE='$(UPGRADE)' .ci/lock

# Anything else: make's own words for a typing error do not say what there is.
.DEFAULT:
	@echo "there is no target '$@': make help lists them" >&2; exit 2

clean:
	@rm -rf .venv .bench-* site build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
