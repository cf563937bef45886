"""`use = "ambiguity"`: first the mail that all readers read alike, then kinds, groups and places."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from test_corpora import messages

from mailscan.ambiguity import AMBIGUITIES
from mailscan.envelope import Envelope
from mailscan.errors import PolicyError
from mailscan.filters.ambiguity import INNOCENT, MOST_PLACES, Ambiguity
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import build_policy
from mailscan.verdict import Finding

TWO_TYPES = b"Content-Type: text/plain\nContent-Type: text/html\n\n<p>Hello</p>\n"
TWO_BOUNDARIES = b"Content-Type: multipart/mixed; boundary=a; boundary=b\n\n--a\n\nx\n--a--\n--b\n\ny\n--b--\n"


def found(raw: bytes, **keys: object) -> list[Finding]:
    policy = build_policy("test", b"", {"filter": [{"use": "ambiguity", "action": "tag", **keys}]}, "/")
    (asked,) = scan(Mail(Envelope(), Message(raw)), policy, Outside(time.monotonic() + 50)).account
    assert asked.outcome != "error", asked.why
    return list(asked.findings)


def codes(raw: bytes, **keys: object) -> list[str]:
    return [finding.code for finding in found(raw, **keys)]


def wrong(**keys: object) -> str:
    with pytest.raises(PolicyError) as caught:
        found(b"\n", **keys)
    return str(caught.value)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"Subject: x\n\nHello\n",
        b"Subject: x\r\n\r\nHello\r\n",
        b"no header at all\n",
        b"Content-Type: text/plain; charset=utf-8; format=flowed\n\nHello\n",
        b"Content-Type: text/plain (comment); charset=us-ascii\nContent-Transfer-Encoding: 7BIT\n\nHello\n",
        b"Content-Type: multipart/mixed; boundary=a\n\npreamble\n--a\n\nx\n--a--\nepilogue\n--b\n",
        b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=aa\n\n"
        b"--aa\n\nx\n--aa--\n--a--\n",
        b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nSGVs\nbG8K\n\n",
        b"Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\na=3Db=\nc = d\n".replace(
            b"c = d", b"c"
        ),
        b"Content-Type: text/plain\n\nContent-Type: text/html\nContent-Type: text/plain\n\n--a\n",
        b'Content-Disposition: attachment; filename="a.pdf"\nContent-Type: application/pdf; name="a.pdf"\n\nx\n',
    ],
)
def test_what_all_read_alike_is_passed(raw: bytes) -> None:
    assert codes(raw, kinds=list(AMBIGUITIES)) == []


def test_kinds_not_chosen_are_silent() -> None:
    assert codes(TWO_TYPES, kinds=["boundary"]) == []
    assert codes(TWO_TYPES, allow=["type"]) == []
    assert codes(TWO_BOUNDARIES, allow="boundary.duplicate", kinds=["boundary.duplicate", "boundary.spelling"]) == []


def test_kinds_and_groups() -> None:
    assert codes(TWO_TYPES) == ["ambiguity.type.duplicate"]
    assert codes(TWO_TYPES, kinds=["type"]) == ["ambiguity.type.duplicate"]
    assert codes(TWO_TYPES, kinds="type.duplicate") == ["ambiguity.type.duplicate"]
    assert "ambiguity.boundary.duplicate" in codes(TWO_BOUNDARIES)


def test_a_finding_has_words_and_octets() -> None:
    (finding,) = found(TWO_TYPES)
    assert finding.detail.startswith(AMBIGUITIES["type.duplicate"])
    (one,) = finding.evidence
    assert one.part == "1"
    assert b"Content-Type" in TWO_TYPES[one.start : one.end]


def test_many_places_of_one_kind_are_one_finding() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=a\n\n" + 50 * (b"--a\n" + TWO_TYPES) + b"--a--\n"
    (finding,) = found(raw, kinds="type")
    assert len(finding.evidence) == MOST_PLACES
    assert finding.detail.endswith("(and 49 more)")
    assert len({one.part for one in finding.evidence}) == MOST_PLACES


def test_every_kind_can_be_named_and_wrong_ones_are_refused() -> None:
    assert codes(b"\n", kinds=list(AMBIGUITIES)) == []
    assert "did you mean 'boundary.duplicate'?" in wrong(kinds=["boundary.dublicate"])
    assert "is no kind of ambiguity" in wrong(allow=["bound"])
    assert "leaves nothing" in wrong(kinds=["type"], allow=["type"])
    assert "action" in str(_without_action())


def _without_action() -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        build_policy("test", b"", {"filter": [{"use": "ambiguity"}]}, "/")
    return caught.value


def test_the_default_is_what_innocent_mail_does_not_meet(corpora: Path) -> None:
    chosen = Ambiguity({})
    assert set(AMBIGUITIES) - set(chosen.kinds) == set(INNOCENT)
    seen, hit = 0, []
    for name in ("spamassassin", "mips"):
        for identity, raw in messages(corpora, name):
            if "spam/" not in str(identity):
                seen += 1
                hit += [(identity, one.code) for one in chosen.check(Mail(Envelope(), Message(raw)), Outside(0))]
    print(f"{seen} innocent messages")
    assert seen > 7000
    assert hit == []
