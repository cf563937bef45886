"""Every finding about the message says where in it: the part's path, and octets that lie within that part."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import pytest

from mailscan.cases import find, judge
from mailscan.envelope import Envelope
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import build_policy
from mailscan.verdict import Evidence, Finding, Verdict

FOUND = [Path(one) for one in find(str(Path(__file__).parent.parent / "testdata" / "cases"))]


def judged(raw: bytes, *rules: dict[str, object]) -> Verdict:
    policy = build_policy("test", b"", {"filter": [{"action": "reject", **rule} for rule in rules]}, "/")
    return scan(Mail(Envelope(), Message(raw)), policy, Outside(time.monotonic() + 50), thorough=True)


def findings(verdict: Verdict) -> list[Finding]:
    return [finding for asked in verdict.account for finding in asked.findings]


def check(message: Message, finding: Finding) -> None:
    parts = {part.path: part for part in message.parts}
    assert finding.evidence, finding
    for one in finding.evidence:
        start, end = parts[one.part].span
        assert 0 <= one.start < one.end <= len(message.raw), finding
        assert start <= one.start and one.end <= end, finding


def test_envelope_and_absence_lie_nowhere() -> None:
    (finding,) = findings(judged(b"Subject: x\n\n", {"use": "match", "headers": {"X-Y": False}}))
    assert finding.evidence == ()


@pytest.mark.parametrize(
    ("rule", "octets"),
    [
        ({"use": "match", "headers": {"Subject": ["casino"]}}, b"Subject: ADV: casino\n"),
        ({"use": "match", "headers": {"To": True}}, b"To: jane@example.com\n"),
        ({"use": "match", "header_patterns": {"Subject": "cas.no"}}, b"Subject: ADV: casino\n"),
        ({"use": "match", "words": ["lottery"]}, b"Content-Type: text/plain\n\na lottery"),
        ({"use": "match", "patterns": ["lot+ery"]}, b"Content-Type: text/plain\n\na lottery"),
        ({"use": "subject", "prefixes": ["ADV:"]}, b"Subject: ADV: casino\n"),
        ({"use": "subject", "words": ["casino"]}, b"Subject: ADV: casino\n"),
        ({"use": "attachments"}, b"Content-Type: application/x; name=a.exe\n\nx"),
        ({"use": "ambiguity", "kinds": ["type.duplicate"]}, None),
    ],
)
def test_what_is_found_is_pointed_at(rule: dict[str, object], octets: bytes | None) -> None:
    raw = b"Subject: ADV: casino\nTo: jane@example.com\nContent-Type: multipart/mixed; boundary=x\n\n--x\n"
    raw += b"Content-Type: text/plain\n\na lottery\n--x\nContent-Type: application/x; name=a.exe\n\nx\n--x\n"
    raw += b"Content-Type: text/plain\nContent-Type: text/html\n\nx\n--x--\n"
    (finding,) = findings(judged(raw, rule))
    check(Message(raw), finding)
    if octets is not None:
        (one,) = finding.evidence
        assert raw[one.start : one.end] == octets


@pytest.mark.parametrize("folder", FOUND, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_in_all_cases(folder: Path) -> None:
    raw = (folder / "message.eml").read_bytes()
    case = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
    for rule in judge(raw, case, str(folder))["rules"]:
        for finding in rule["findings"] if rule["use"] in ("subject", "attachments", "ambiguity") else ():
            check(Message(raw), Finding(finding["code"], evidence=[Evidence(**one) for one in finding["evidence"]]))
