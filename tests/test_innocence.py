"""Evidence of innocence: what must not count as such, and what does, in words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.audit.innocence import Archive, Letter, addresses, organizational_domain
from mailscan.envelope import Envelope
from mailscan.message import Message


def letter(header: str, sender: str | None = None) -> Letter:
    return Letter(Message(header.encode() + b"\n\nx\n"), Envelope(sender))


OURS = letter("From: Jane <jane@example.com>\nTo: Joe <joe@friend.example>\nMessage-ID: <1@example.com>")
ANSWER = letter("From: mary@office.example\nIn-Reply-To: <1@example.com>")


def test_nothing_speaks_for_a_mail_without_evidence() -> None:
    archive = Archive(["example.com"])
    for one in (letter(""), letter("From: x@bad.example", "bounce@other.example"), letter("From: x@bad.example", "")):
        assert archive.evidence(one) == (0, ())


def test_refused_mail_vouches_for_nobody() -> None:
    archive = Archive(["example.com"])
    forged = letter("From: jane@example.com\nTo: spam@bad.example\nMessage-ID: <1@example.com>")
    archive.learn(forged, accepted=False)
    archive.learn(letter("From: mary@office.example"), accepted=False)
    assert archive.evidence(ANSWER) == (0, ())
    assert archive.evidence(letter("From: spam@bad.example")) == (0, ())


def test_what_others_sent_is_not_ours() -> None:
    archive = Archive(["example.com"])
    for author in ("x@notexample.com", "x@example.com.bad.example", '"jane@example.com" <x@bad.example>'):
        archive.learn(letter(f"From: {author}\nMessage-ID: <1@example.com>\nTo: y@bad.example"), accepted=True)
    assert archive.evidence(ANSWER) == (0, ())
    assert archive.evidence(letter("From: y@bad.example")) == (0, ())


def test_each_reason_in_words_and_the_weightiest_first() -> None:
    archive = Archive(["Example.COM"])
    archive.learn(OURS, accepted=True)
    assert archive.evidence(ANSWER) == (8, ("answers our mail <1@example.com>",))
    archive.learn(letter("From: joe@friend.example"), accepted=True)
    weight, reasons = archive.evidence(
        letter(
            "From: JOE@Friend.example\nReferences: <0@x>\n <1@example.com>\nList-Id: Chat <chat.friend.example>",
            "bounces@lists.friend.example",
        )
    )
    assert weight == 18
    assert reasons == (
        "answers our mail <1@example.com>",
        "we wrote to joe@friend.example",
        "another mail of joe@friend.example is accepted",
        "comes from a mailing list, Chat <chat.friend.example>",
        "From and Return-Path are both in friend.example",
    )


@pytest.mark.parametrize(
    ("domain", "organisation"),
    [
        ("example.com", "example.com"),
        ("A.b.Example.com.", "example.com"),
        ("mail.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("mail.example.de", "example.de"),
        ("www.com.example.org", "example.org"),
        ("localhost", "localhost"),
        ("", ""),
    ],
)
def test_one_organisation(domain: str, organisation: str) -> None:
    assert organizational_domain(domain) == organisation


def test_addresses() -> None:
    assert addresses('"a, <b@c>" <Joe@Example.com>, jane@example.org <mary@x.example>') == [
        "joe@example.com",
        "mary@x.example",
    ]
    assert addresses("joe@example.com (Joe), jane@example.com") == ["joe@example.com", "jane@example.com"]


@given(st.binary(max_size=300))
def test_any_octets_give_some_evidence(octets: bytes) -> None:
    one = Letter(Message(b"From: " + octets + b"\nReferences: " + octets + b"\n\n"), Envelope(octets.decode("latin-1")))
    assert Archive(["example.com"]).evidence(one)[0] >= 0


@pytest.mark.parametrize("piece", ["<", "@", '"', "a@", "<a@b", '"\\', "<a@b>,"])
def test_long_fields_take_no_time(piece: str) -> None:
    began = time.monotonic()
    letter(f"From: {piece * 300_000}\nReferences: {piece * 300_000}\nTo: {piece * 300_000}")
    assert time.monotonic() - began < 5
