"""The generators of hostile words are whole messages of the size that is asked for, and no rule fails on them."""

from __future__ import annotations

import time

import pytest

from bench.growth_words import GENERATORS
from mailscan.envelope import Envelope
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import Policy, build_policy

SUBJECT = {"use": "subject", "prefixes": ["ADV:"], "words": ["viagra"], "scripts": ["Han"], "action": "tag"}
MATCH = {"use": "match", "words": ["free money"], "action": "tag"}
PATTERNS = {
    "use": "match",
    "patterns": ["hidden.marker"],
    "header_patterns": {"Subject": ["ad.{0,20}v"]},
    "action": "tag",
}


@pytest.fixture(scope="module")
def rules() -> Policy:
    return build_policy("test", b"", {"filter": [SUBJECT, MATCH, PATTERNS]}, "/")


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator(name: str, rules: Policy) -> None:
    for octets in (1000, 100_000):
        assert 0.8 * octets < len(GENERATORS[name](octets)) < 1.2 * octets + 500
    verdict = scan(Mail(Envelope(), Message(GENERATORS[name](100_000))), rules, Outside(time.monotonic() + 30))
    assert [one.why for one in verdict.account if one.outcome == "error"] == []
