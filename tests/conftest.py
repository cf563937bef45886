"""What all tests share: where the corpora lie, and `--bless`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
CORPORA = Path(os.environ.get("MAILSCAN_CORPORA") or PROJECT.parent / "shared" / "corpora")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="write expected.json of each case as it now comes out")


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real mail that nobody here wrote; the test is skipped, visibly, where it is absent."""
    if not CORPORA.is_dir():
        pytest.skip(f"no corpora at {CORPORA}; set MAILSCAN_CORPORA")
    return CORPORA
