"""`use = "spamassassin"`: what spamd says, what follows, and that it can be asked for real."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from asking import judge, serving
from daemons import spamd as real_spamd

from mailscan import specimens
from mailscan.filters.spamassassin import SpamAssassin, status
from mailscan.wire import spamd

LETTER = b"From: a@b.example\nX-Spam-Flag: YES\nX-SPAM-Foo: forged\nSubject: x\n\nhello\n"


def answer(score: float, symbols: str = "A,B", threshold: float = 5.0) -> bytes:
    spam = score >= threshold
    head = f"SPAMD/1.1 0 EX_OK\r\nContent-length: {len(symbols)}\r\nSpam: {spam} ; {score} / {threshold}\r\n\r\n"
    return (head + symbols).encode()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with real_spamd() as at:
        yield at


@pytest.mark.parametrize("score", [-50.0, 0.0, 4.9, 5.0, 11.9])
def test_what_is_below_goes_through_with_its_fields(score: float) -> None:
    with serving(answer(score)) as server:
        verdict = judge(LETTER, use="spamassassin", address=server.address)
    assert (verdict.action, verdict.account[0].action) == ("accept", None)
    fields = dict(verdict.edits.add)
    assert fields["X-Spam-Status"] == f"{'Yes' if score >= 5 else 'No'}, score={score:.1f} required=5.0 tests=A,B"
    assert fields.get("X-Spam-Level") == ("*" * int(score) if score >= 1 else None)
    assert fields.get("X-Spam-Flag") == ("YES" if score >= 5 else None)
    assert set(verdict.edits.remove) == {"X-Spam-Flag", "X-SPAM-Foo"}
    finding = verdict.account[0].findings[0]
    assert (finding.code, finding.note, finding.score) == ("spamassassin.score", True, score)


def test_reject_at_and_not_a_tenth_below() -> None:
    for score, said in ((12.0, "reject"), (11.9, "accept"), (1000.0, "reject")):
        with serving(answer(score)) as server:
            verdict = judge(LETTER, use="spamassassin", address=server.address)
        assert (verdict.action, verdict.code) == (said, "550 5.7.1" if said == "reject" else "")
    with serving(answer(7.0)) as server:
        assert judge(LETTER, use="spamassassin", address=server.address, reject_at=6.5).action == "reject"


@pytest.mark.parametrize(
    ("score", "action", "said"),
    [
        (20.0, "quarantine", "accept"), (5.0, "quarantine", "accept"), (20.0, "tempfail", "tempfail"),
        (5.0, "reject", "accept"), (20.0, "tag", "accept"), (20.0, "ignore", "accept"),
    ],
)  # fmt: skip
def test_the_rule_says_what_a_high_score_means(score: float, action: str, said: str) -> None:
    with serving(answer(score)) as server:
        verdict = judge(LETTER, use="spamassassin", address=server.address, action=action)
    assert verdict.action == said
    assert verdict.quarantine == ("spamassassin" if (score, action) == (20.0, "quarantine") else "")
    fields = dict(verdict.edits.add)
    assert ("X-Spam-Status" in fields) == (said == "accept" and action != "ignore")


def test_the_score_is_added_whatever_it_is() -> None:
    for score in (20.0, 7.5, -3.0):
        with serving(answer(score)) as server:
            verdict = judge(
                LETTER, {"score": {"reject": 30.0}}, use="spamassassin", address=server.address, action="score"
            )
        assert (verdict.action, verdict.score) == ("accept", score)


def test_what_is_too_large_is_not_sent() -> None:
    with serving(answer(99.0)) as server:
        verdict = judge(LETTER + b"x" * 1000, use="spamassassin", address=server.address, max_size=1000)
        assert not server.asked
    assert verdict.action == "accept"
    assert [(one.code, one.note) for one in verdict.account[0].findings] == [("spamassassin.not-scanned", True)]


def test_what_is_sent() -> None:
    with serving(answer(1.0)) as server:
        judge(LETTER, use="spamassassin", address=server.address, user="joe", envelope={"sender": "bob@ex.example"})
        judge(LETTER, use="spamassassin", address=server.address, envelope={"sender": "x\r\nX-Evil: 1"})
        first, second = server.asked
    message = b"X-Envelope-From: <bob@ex.example>\n" + LETTER
    assert first == spamd.request("SYMBOLS", message, user="joe")
    assert second == spamd.request("SYMBOLS", LETTER)


def test_of_several_the_first_that_answers() -> None:
    with serving(b"rubbish") as broken, serving(answer(15.0)) as sound:
        addresses = ["127.0.0.1:1", broken.address, "unix:/nowhere/socket", sound.address]
        assert judge(LETTER, use="spamassassin", address=addresses).action == "reject"
        verdict = judge(LETTER, use="spamassassin", address=addresses[:3])
    assert (verdict.action, verdict.code) == ("tempfail", "451 4.3.0")
    assert "unix:/nowhere/socket" in verdict.account[0].why


def test_a_server_without_zlib_is_asked_again() -> None:
    refusal = b"SPAMD/1.0 76 Bad header line: (compression type not supported: zlib)\r\n"
    with serving(refusal, answer(13.0)) as server:
        assert judge(LETTER, use="spamassassin", address=server.address, compress=True).action == "reject"
        assert [b"Compress: zlib" in one for one in server.asked] == [True, False]


def test_long_lists_of_tests_are_folded_and_stars_are_counted() -> None:
    symbols = ",".join(f"TEST_NUMBER_{number}" for number in range(100))
    read = spamd.answer(answer(70.0, symbols), "SYMBOLS")
    said = status(read, "hits")
    assert said.startswith("Yes, hits=70.0 required=5.0 tests=TEST_NUMBER_0,")
    assert said.replace(", ", ",").endswith(symbols) and max(map(len, said.split(" "))) < 78
    filter_of = SpamAssassin({"most_stars": 20})
    assert dict(filter_of.fields(read))["X-Spam-Level"] == "*" * 20
    assert status(spamd.answer(answer(0.0, ""), "SYMBOLS")) == "No, score=0.0 required=5.0 tests=none"


@pytest.mark.parametrize("compress", [False, True])
def test_the_real_spamd(address: str, compress: bool) -> None:
    rule: dict[str, Any] = {"use": "spamassassin", "address": address, "compress": compress, "timeout": 30}
    spam = judge(specimens.spam(), **rule)
    assert (spam.action, spam.account[0].findings[0].code) == ("reject", "spamassassin.spam")
    assert "GTUBE" in spam.account[0].findings[0].detail
    letter = judge(specimens.harmless(), **rule)
    assert letter.action == "accept", letter.account[0].why
    assert dict(letter.edits.add)["X-Spam-Status"].startswith("No, score=")


def test_the_real_spamd_takes_what_is_large_and_what_is_odd(address: str) -> None:
    odd = bytes(range(256)) * 20 + b"\r\n.\r\n" + specimens.spam() + b"x" * 900_000
    for raw in (odd, b"\n", b"\0", b"From \n\n" + b"\xff" * 5000):
        verdict = judge(raw, use="spamassassin", address=address, timeout=60)
        assert verdict.account[0].outcome == "found", verdict.account[0].why
