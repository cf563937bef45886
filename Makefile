# The verbs for developers. `make test` first makes .venv; everything else uses it.
PYTHON ?= python3
BIN = .venv/bin
# How long `make fuzz` and `make soak` go on.
SECONDS ?= 60

help:
	@echo "check  style and types        test   the whole test run       bless  rewrite expected output"
	@echo "bench  ratios to peers        fuzz   mutated mail             soak   many mails in one process"
	@echo "matrix every mailer, every column (docs/mta/matrix.md)"
	@echo "growth what hostile mail costs as it grows"
	@echo "bare   the tests in new Debian 12 and 13 roots with python3, pip and git; every verdict as here (root)"
	@echo "       fuzz and soak: SECONDS=3600 for an hour"

.venv/made: pyproject.toml
	$(PYTHON) -m venv --without-pip .venv
	$(PYTHON) -m pip --python $(BIN)/python install -q -e '.[test]'
	touch $@

check: .venv/made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: .venv/made
	$(BIN)/python -m pytest

bless: .venv/made
	$(BIN)/python -m pytest tests/test_cases.py tests/test_docs.py --bless

matrix: .venv/made
	cd tests && ../$(BIN)/python -m mta.matrix
	cd tests && ../$(BIN)/python -m mta.told

bare: .venv/made
	cd tests && ../$(BIN)/python -m bare

bench: .venv/made
	$(BIN)/python -m bench.startup
	$(BIN)/python -m bench.reader
	$(BIN)/python -m bench.ownfiles
	$(BIN)/python -m bench.audit

fuzz: .venv/made
	$(BIN)/python -m bench.fuzz --seconds $(SECONDS)
	$(BIN)/python -m bench.fuzz --seconds $(SECONDS) --containers

soak: .venv/made
	$(BIN)/python -m bench.soak --seconds $(SECONDS)

growth: .venv/made
	$(BIN)/python -m bench.growth

.PHONY: help matrix check test bless bench fuzz soak growth bare
