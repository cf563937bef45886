"""The cases of testdata/cases: one message, the rules, and the verdict owed (docs/cases.md).

`pytest tests/test_cases.py --bless` writes what comes out now into expected.json, and nothing else.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailscan.cases import Case, folders
from mailscan.cli.commands import group

CASES = Path(__file__).parent.parent / "testdata" / "cases"
EXAMPLES = CASES.parent.parent / "examples"
FOUND = [Path(folder) for folder in folders(str(CASES))]


def test_every_area_has_mail_that_must_go_through() -> None:
    assert len(FOUND) > 20
    for area in CASES.iterdir():
        assert list(area.glob("pass-*")), f"{area.name} has no mail that must go through"


@pytest.mark.parametrize("folder", FOUND, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_case(folder: Path, request: pytest.FixtureRequest) -> None:
    faults = list(Case(str(folder)).faults(bless=request.config.getoption("--bless")))
    assert faults == [], "\n".join(faults)


def test_every_example_has_cases_that_pass_and_that_hit(request: pytest.FixtureRequest) -> None:
    args = ["test", str(EXAMPLES / "cases")] + ["--bless"] * request.config.getoption("--bless")
    done = CliRunner().invoke(group, args)
    assert done.exit_code == 0, done.output
    for example in EXAMPLES.glob("*.py"):
        names = {path.parent.name[:4] for path in (EXAMPLES / "cases" / example.stem).glob("*/case.toml")}
        assert names >= {"pass", "hit-"}, example.name
        for hit in (EXAMPLES / "cases" / example.stem).glob("hit-*/expected.json"):
            assert any(rule["findings"] for rule in json.loads(hit.read_text())["rules"]), hit
