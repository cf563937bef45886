"""`use = "clamav"`: what clamd says, what follows, and that it can be asked for real."""

from __future__ import annotations

from base64 import encodebytes
from collections.abc import Iterator
from typing import Any

import pytest
from asking import judge, serving
from daemons import clamd as real_clamd

from mailscan import specimens
from mailscan.verdict import Verdict

LETTER = b"From: a@b.example\nSubject: x\n\nhello\n"
CLEAN, FOUND, TOO_LARGE = b"stream: OK\0", b"stream: Win.Evil-1 FOUND\0", b"INSTREAM size limit exceeded. ERROR\0"
NESTED = b"""Subject: nested
Content-Type: multipart/mixed; boundary=a

--a

just text
--a
Content-Type: message/rfc822

Subject: inside
Content-Type: multipart/mixed; boundary=b

--b

text
--b
Content-Type: application/octet-stream; name=x.com
Content-Transfer-Encoding: base64

%s
--b--
--a--
"""
# Two encodings: a reader that takes the last one sees what the marker is.
TWO_WAYS = b"""Subject: two ways
Content-Type: text/plain
Content-Transfer-Encoding: 7bit
Content-Transfer-Encoding: base64

%s
"""


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[str, str]]:
    with real_clamd() as at:
        yield at


def rule(address: str | list[str], **more: object) -> dict[str, Any]:
    return {"use": "clamav", "address": address, "action": "reject", **more}


def codes(verdict: Verdict) -> list[str]:
    return [one.code for asked in verdict.account for one in asked.findings]


def test_what_is_clean_goes_through() -> None:
    with serving(CLEAN) as server:
        verdict = judge(LETTER, **rule(server.address))
        assert server.asked == [b"zINSTREAM\0" + len(LETTER).to_bytes(4, "big") + LETTER + bytes(4)]
    assert (verdict.action, verdict.account[0].outcome) == ("accept", "clear")


def test_what_is_found_is_named() -> None:
    with serving(FOUND) as server:
        verdict = judge(LETTER, **rule(server.address))
    assert (verdict.action, codes(verdict)) == ("reject", ["clamav.infected"])
    assert verdict.account[0].findings[0].detail == "the message: Win.Evil-1"


@pytest.mark.parametrize("name", ["Heuristics.Limits.Exceeded.MaxFileSize", "Heuristics.Encrypted.Zip"])
def test_what_was_not_looked_at_is_a_note(name: str) -> None:
    answer = f"stream: {name} FOUND\0".encode()
    with serving(answer) as server:
        verdict = judge(LETTER, **rule(server.address))
        assert (verdict.action, codes(verdict)) == ("accept", ["clamav.not-scanned"])
        strict = judge(LETTER, **rule(server.address, not_scanned=["Heuristics.Limits.*"]))
    assert strict.action == ("accept" if "Limits" in name else "reject")


def test_what_may_pass() -> None:
    with serving(b"stream: PUA.Win.Tool.UNOFFICIAL FOUND\0") as server:
        assert codes(judge(LETTER, **rule(server.address, allow="PUA.*"))) == []
        assert codes(judge(LETTER, **rule(server.address, allow="PUA.Win.Tool"))) == []
        assert codes(judge(LETTER, **rule(server.address, allow="PUA"))) == ["clamav.infected"]


def test_what_is_too_large_is_not_scanned() -> None:
    with serving(TOO_LARGE) as server:
        verdict = judge(LETTER, **rule(server.address))
        assert (verdict.action, codes(verdict)) == ("accept", ["clamav.not-scanned"])
    with serving(FOUND) as server:
        verdict = judge(LETTER, **rule(server.address, max_size=10))
        assert server.asked == []
    assert (verdict.action, codes(verdict)) == ("accept", ["clamav.not-scanned"])


def test_a_part_that_only_another_reading_has_is_sent_by_itself() -> None:
    raw = TWO_WAYS % encodebytes(b"secret " * 20)
    with serving(CLEAN, FOUND) as server:
        verdict = judge(raw, **rule(server.address))
        assert any(b"secret secret" in one for one in server.asked)
    assert (verdict.action, codes(verdict)[0]) == ("reject", "clamav.infected")
    assert "~" in verdict.account[0].findings[0].evidence[0].part
    with serving(CLEAN) as server:
        verdict = judge(raw, **rule(server.address, max_parts=0))
        assert len(server.asked) == 1
    assert (verdict.action, codes(verdict)) == ("accept", ["clamav.not-scanned"])


def test_an_error_of_clamd_is_the_rules() -> None:
    with serving(b"Can't create temporary file ERROR\0") as server:
        verdict = judge(LETTER, **rule(server.address))
    assert verdict.action == "tempfail" and "temporary file" in verdict.account[0].why


def test_the_real_clamd_finds_eicar_in_a_nested_part(addresses: tuple[str, str]) -> None:
    for address in addresses:
        verdict = judge(NESTED % encodebytes(specimens.eicar()), **rule(address))
        assert (verdict.action, codes(verdict)) == ("reject", ["clamav.infected"])
        finding = verdict.account[0].findings[0]
        assert "Own.Test.EICAR" in finding.detail
        assert [one.part for one in finding.evidence] == ["1.2.1.2"]
        clean = judge(NESTED % encodebytes(b"harmless"), **rule(address))
        assert (clean.action, codes(clean)) == ("accept", [])


def test_the_real_clamd_and_a_part_of_another_reading(addresses: tuple[str, str]) -> None:
    verdict = judge(TWO_WAYS % encodebytes(b"this is mailscan-own-marker\n"), **rule(addresses[0]))
    assert (verdict.action, codes(verdict)[0]) == ("reject", "clamav.infected")


def test_the_real_clamd_and_its_limit(addresses: tuple[str, str]) -> None:
    for address in addresses:
        verdict = judge(LETTER + b"x" * 20_000_000, **rule(address))
        assert (verdict.action, codes(verdict)) == ("accept", ["clamav.not-scanned"]), verdict.account[0].why
        assert judge(LETTER + b"x" * 900_000, **rule(address)).account[0].outcome == "clear"


def test_the_real_clamd_is_found_behind_one_that_is_down(addresses: tuple[str, str]) -> None:
    verdict = judge(specimens.infected(), **rule(["127.0.0.1:1", *addresses]))
    assert (verdict.action, codes(verdict)) == ("reject", ["clamav.infected"])
