"""What all tests share: where the corpora lie, programs that need not be there, and `--bless`."""

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


@pytest.fixture(scope="session")
def seven_zip() -> str:
    """The `7z` program; without it the test is skipped, visibly, and fails where CI should have installed it."""
    from mailscan.unpack import program

    found = program.program()
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "no 7z program on this machine: .ci/apt names its package"
        )
    return found
