"""The cases of testdata/cases: one message, the rules, and the verdict owed (docs/cases.md).

`pytest tests/test_cases.py --bless` writes what comes out now into expected.json, and nothing else.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mailscan.cases import Case, folders

CASES = Path(__file__).parent.parent / "testdata" / "cases"
FOUND = [Path(folder) for folder in folders(str(CASES))]


def test_every_area_has_mail_that_must_go_through() -> None:
    assert len(FOUND) > 20
    for area in CASES.iterdir():
        assert list(area.glob("pass-*")), f"{area.name} has no mail that must go through"


@pytest.mark.parametrize("folder", FOUND, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_case(folder: Path, request: pytest.FixtureRequest) -> None:
    faults = list(Case(str(folder)).faults(bless=request.config.getoption("--bless")))
    assert faults == [], "\n".join(faults)
