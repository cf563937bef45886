"""The cases of testdata/cases: one message, the rules, and the verdict owed (docs/cases.md).

`pytest tests/test_cases.py --bless` writes what comes out now into expected.json, and nothing else.
"""

from __future__ import annotations

import json
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mailscan.document import document, to_json
from mailscan.envelope import Envelope
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.pipeline import scan
from mailscan.policy import build_policy, load_policy
from mailscan.recording import Prepared

CASES = Path(__file__).parent.parent / "testdata" / "cases"
FOUND = sorted(path.parent for path in CASES.glob("*/*/case.toml"))
KEYS = {"why", "spec", "line_ends", "envelope", "filter", "site", "score", "limits", "outside"}


def judge(raw: bytes, case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What `mailscan --format json` says of the message, timings left out."""
    tables: dict[str, object] = {key: case[key] for key in ("filter", "site", "score", "limits") if key in case}
    policy = build_policy("case.toml", b"", tables, str(folder)) if tables else load_policy(None)
    envelope = Envelope(**case.get("envelope", {}))
    outside = Prepared(time.monotonic() + 50, case.get("outside", {}))
    verdict = scan(Mail(envelope, Message(raw)), policy, outside)
    assert not outside.unprepared
    said: dict[str, Any] = json.loads(to_json(document(verdict)))
    for rule in said["rules"]:
        del rule["ms"]
    return said


def without_carriage_returns(said: dict[str, Any], raw: bytes) -> dict[str, Any]:
    """The same verdict with every span counted as if each line ended in LF alone."""
    for rule in said["rules"]:
        for finding in rule["findings"]:
            for one in finding["evidence"]:
                for end in ("start", "end"):
                    one[end] -= raw.count(b"\r", 0, one[end])
    return said


def test_there_are_cases_and_each_is_whole() -> None:
    assert len(FOUND) > 20
    for folder in FOUND:
        case = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
        assert set(case) <= KEYS, folder.name
        assert case["why"].strip(), folder.name
        assert (folder / "message.eml").is_file(), folder.name
    for area in CASES.iterdir():
        assert list(area.glob("pass-*")), f"{area.name} has no mail that must go through"


@pytest.mark.parametrize("folder", FOUND, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_case(folder: Path, request: pytest.FixtureRequest) -> None:
    case = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
    raw = (folder / "message.eml").read_bytes()
    as_is = case.get("line_ends") == "as is"
    if not as_is:
        raw = raw.replace(b"\r\n", b"\n")
        assert b"\r" not in raw, 'a lone CR needs line_ends = "as is"'
    said = judge(raw, case, folder)
    expected = folder / "expected.json"
    if request.config.getoption("--bless"):
        expected.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if folder.name.startswith("pass-"):
        assert said["verdict"] == "accept"
    assert expected.is_file(), "no expected.json: look at what comes out, then `pytest --bless`"
    assert said == json.loads(expected.read_text(encoding="utf-8"))
    if not as_is:
        with_returns = raw.replace(b"\n", b"\r\n")
        assert without_carriage_returns(judge(with_returns, case, folder), with_returns) == said
