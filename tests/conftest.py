"""What all tests share: where the corpora lie, programs that need not be there, and `--bless`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
CORPORA = Path(os.environ.get("MAILSCAN_CORPORA") or PROJECT.parent / "shared" / "corpora")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="write expected.json of each case as it now comes out")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of one mailer stay in one process: it is started once, and its port is its own."""
    for item in items:
        if item.path.name.startswith("test_mta_") and item.path.name != "test_mta_config.py":
            row = getattr(item, "callspec", None) and item.callspec.params.get("row")  # type: ignore[attr-defined]
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {getattr(row, '__name__', '')}"))


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
