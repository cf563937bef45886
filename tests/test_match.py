"""`use = "match"`: what an allow or deny list must leave alone, and what each key finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.envelope import Envelope
from mailscan.errors import OutOfTime, TooEarly
from mailscan.filters.match import Match
from mailscan.keys import options_of
from mailscan.mail import CONNECT, DATA, HELO, MAIL, MESSAGE, RCPT, Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.timer import Limit
from mailscan.verdict import Evidence, Finding

PLAIN = b"From: joe@example.org\nSubject: hello\n\nGood morning.\n"


def made(folder: str = "", **keys: Any) -> Match:
    known = options_of(Match)
    return Match({key: known[key].read(value, folder) for key, value in keys.items()})


def found(match: Match, raw: bytes = PLAIN, **facts: Any) -> Finding | None:
    findings = list(match.check(Mail(Envelope(**facts), Message(raw)), Outside(0)))
    assert len(findings) <= 1
    return findings[0] if findings else None


def test_a_spammer_cannot_add_postmaster_to_be_let_in() -> None:
    allow = made(recipients=["postmaster", "abuse"])
    assert not found(allow, recipients=["joe@example.com"])
    assert not found(allow, recipients=["postmaster@example.com", "joe@example.com"])
    assert not found(allow, recipients=["joe@example.com", "postmaster@example.com"])
    assert not found(allow, recipients=[])
    assert found(allow, recipients=["Postmaster@example.com", "abuse+x@example.org", "postmaster"])


def test_any_recipient() -> None:
    match = made(any_recipient=["postmaster", "@example.org"])
    assert not found(match, recipients=["joe@example.com", "postmaster2@example.com"])
    assert found(match, recipients=["joe@example.com", "postmaster@example.com"])


@pytest.mark.parametrize(
    ("key", "items", "fact", "left_alone", "hit"),
    [
        ("senders", ["joe@example.com"], "sender", ["joe@example.com.evil.test", "joe", "", None], "JOE@example.com"),
        ("senders", ["<>"], "sender", ["joe@example.com", "MAILER-DAEMON", None], ""),
        ("senders", ["@.example.com"], "sender", ["joe@example.com", ""], "joe@a.example.com"),
        ("clients", ["192.0.2.0/24", "2001:db8::/32"], "client_ip", ["192.0.3.1", "::1", None], "192.0.2.255"),
        ("clients", ["2001:db8::/32"], "client_ip", ["2001:db9::1", "192.0.2.1"], "2001:db8::1"),
        ("client_names", ["mx.example.com"], "client_name", ["mx.example.com.evil.test", "example.com", "", None],
         "MX.example.com."),
        ("client_names", [".example.com"], "client_name", ["example.com", "badexample.com", None], "a.b.example.com"),
        ("helo", ["localhost", "*dynamic*"], "helo", ["localhost.test", "", None], "LOCALHOST"),
        ("helo", ["[192.0.2.1]"], "helo", ["192.0.2.1"], "[192.0.2.1]"),
        ("authenticated", True, "auth_user", [None], "joe"),
        ("authenticated", False, "auth_user", ["joe"], None),
    ],
)  # fmt: skip
def test_facts_of_the_envelope(key: str, items: Any, fact: str, left_alone: list[str | None], hit: str | None) -> None:
    match = made(**{key: items})
    facts: list[dict[str, Any]] = [{fact: value} for value in left_alone]
    for one in facts:
        assert not found(match, **one), one
    facts = [{fact: hit}]
    assert found(match, **facts[0])


def test_keys_are_joined_by_and() -> None:
    match = made(senders=["@example.com"], clients=["192.0.2.0/24"], words=["morning", "evening"])
    assert not found(match, sender="joe@example.com", client_ip="192.0.3.1")
    assert not found(match, sender="joe@example.org", client_ip="192.0.2.1")
    assert not found(match, b"Subject: x\n\nnoon\n", sender="joe@example.com", client_ip="192.0.2.1")
    hit = found(match, sender="joe@example.com", client_ip="192.0.2.1")
    assert hit is not None
    assert (hit.code, hit.action) == ("match.hit", None)
    assert hit.detail == "client 192.0.2.1; sender <joe@example.com> is @example.com; part 1 has 'morning'"


@pytest.mark.parametrize(
    "key",
    ["recipients", "any_recipient", "senders", "clients", "client_names", "helo", "words", "patterns"],
)
def test_an_empty_list_matches_no_mail_and_opens_no_rule(key: str, tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text("# nobody yet\n", encoding="utf-8")
    facts: dict[str, Any] = {"sender": "", "recipients": ["a@b.test"], "client_ip": "192.0.2.1", "helo": ""}
    facts["client_name"] = ""
    assert not found(made(str(tmp_path), **{key: "file:none.txt"}), **facts)
    assert not found(made(str(tmp_path), **{key: "file:none.txt", "authenticated": False}), **facts)


def test_header_words() -> None:
    match = made(headers={"Subject": ["free money", "发票"]})
    for subject in ("free", "money free", "carefree money", "free moneybox", "X-Subject"):
        assert not found(match, f"Subject: {subject}\n\nfree money\n".encode()), subject
    assert not found(match, b"X-Subject: free money\nsubjects: free money\n\nSubject: free money\n")
    for raw in (
        b"subject: Get FREE\n  money!\n\n",
        b"Subject: hello\nSubject: free money\n\n",
        b"Subject: =?utf-8?q?fr=C2=ADee_mo?= =?utf-8?q?ney?=\n\n",
        "Subject: 代开发票\n\n".encode(),
        b"Subject: \xb7\xa2\xc6\xb1\nContent-Type: text/plain; charset=gb2312\n\n",
    ):
        assert found(match, raw), raw


def test_several_fields_are_all_wanted() -> None:
    match = made(headers={"Subject": "hello", "List-Id": True, "Message-ID": False})
    assert not found(match, PLAIN)
    assert not found(match, b"List-Id: <a>\nMessage-Id: <b>\n" + PLAIN)
    assert not found(match, b"List-Id: <a>\nSubject: goodbye\n\n")
    hit = found(match, b"list-id: <a>\n" + PLAIN)
    assert hit is not None
    assert hit.detail == "Subject has 'hello'; List-Id is there; no Message-ID"
    assert hit.evidence == (Evidence("1", 35, 50), Evidence("1", 0, 13))


def test_header_patterns() -> None:
    match = made(header_patterns={"From": [r"@example\.(org|net)\b"], "Subject": "^HEL+O$"})
    assert not found(match, b"From: joe@example.com\nSubject: hello\n\n")
    assert not found(match, b"From: joe@example.org\nSubject: hello there\n\n")
    assert found(match)
    assert not found(made(header_patterns={"Subject": "(?-i:HELLO)"}))


BODY = b"""\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

secret in the preamble
--b
Content-Type: text/plain; charset=gb2312
Content-Transfer-Encoding: base64

v6q3osax
--b
Content-Type: image/png

secret in a picture
--b
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<p>Make=20mo=
ney fast</p>
--b--
"""


def test_body_words_are_looked_for_in_decoded_text() -> None:
    for words in (["secret"], ["mon"], ["hello"], ["v6q3osax"], ["boundary"]):
        assert not found(made(words=words), BODY), words
    hit = found(made(words=["发票"]), BODY)
    assert hit is not None
    (where,) = hit.evidence
    assert where.part == "1.1"
    assert b"v6q3osax" in BODY[where.start : where.end]
    assert b"secret" not in BODY[where.start : where.end]
    assert found(made(words=["make money"]), BODY)
    assert not found(made(words=["发票"], patterns=["nothing"]), BODY)
    assert found(made(words=["发票"], patterns=[r"money\s+FAST"]), BODY)


def test_line_ends_make_no_difference_to_a_pattern() -> None:
    match = made(patterns=[r"\Aone\ntwo$"])
    assert found(match, b"Subject: x\n\none\ntwo\n")
    assert found(match, b"Subject: x\r\n\r\none\r\ntwo\r\n")


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({}, "nothing to match"),
        ({"patterns": ["ok", "a(b"]}, r"'a\(b' .* at character 2"),
        ({"headers": {}}, "a table is wanted"),
        ({"headers": ["Subject"]}, "a table is wanted"),
        ({"headers": {"Sub ject": ["x"]}}, "no name of a header field"),
        ({"headers": {"Subject:": ["x"]}}, "no name of a header field"),
        ({"headers": {"Subject": ["\u200b"]}}, "Subject: .*no word"),
        ({"header_patterns": {"Subject": True}}, "Subject: a list of strings"),
        ({"header_patterns": {"Subject": ["*"]}}, "Subject: .*nothing to repeat at character 1"),
        ({"clients": ["192.0.2.1/24"]}, "no network"),
        ({"client_names": ["@example.com"]}, "no domain"),
        ({"authenticated": "yes"}, "true or false"),
    ],
)
def test_what_a_policy_gets_wrong(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        made(**keys)


@pytest.mark.parametrize(
    ("keys", "stage", "needs"),
    [
        ({"clients": "192.0.2.1"}, CONNECT, {"client_ip"}),
        ({"client_names": "a.test"}, CONNECT, {"client_name"}),
        ({"helo": "x", "clients": "192.0.2.1"}, HELO, {"helo", "client_ip"}),
        ({"authenticated": True}, MAIL, set()),
        ({"senders": "<>"}, MAIL, {"sender"}),
        ({"any_recipient": "joe", "senders": "<>"}, RCPT, {"recipients", "sender"}),
        ({"recipients": "joe"}, DATA, {"recipients"}),
        ({"recipients": "joe", "any_recipient": "joe"}, DATA, {"recipients"}),
        ({"words": "x", "helo": "x"}, MESSAGE, {"helo"}),
        ({"headers": {"X": True}}, MESSAGE, set()),
    ],
)
def test_it_is_asked_as_early_as_its_keys_allow(keys: dict[str, Any], stage: int, needs: set[str]) -> None:
    match = made(**keys)
    assert match.stage == stage
    assert set(match.needs) == needs
    assert len(match.needs) == len(needs)


def test_only_keys_about_the_message_ask_for_it() -> None:
    before = Mail(Envelope(sender="joe@example.com"))
    assert list(made(senders="@example.com").check(before, Outside(0)))
    with pytest.raises(TooEarly):
        list(made(senders="@example.com", words="x").check(before, Outside(0)))
    assert not list(made(senders="@example.org", words="x").check(before, Outside(0)))


EVERY_KEY: dict[str, Any] = {
    "recipients": ["*"], "any_recipient": ["@*"], "senders": ["*", "<>"], "client_names": ["*"], "helo": ["*a*"],
    "headers": {"Subject": ["a"]}, "header_patterns": {"Subject": ["."]}, "words": ["a", "é"], "patterns": ["[^a]"],
}  # fmt: skip


@given(st.binary(), st.text(), st.lists(st.text()), st.text(), st.text(), st.sampled_from(sorted(EVERY_KEY)))
def test_any_mail_is_judged(raw: bytes, sender: str, recipients: list[str], name: str, helo: str, key: str) -> None:
    facts: dict[str, Any] = {"sender": sender, "recipients": recipients, "client_name": name, "helo": helo}
    hit = found(made(**{key: EVERY_KEY[key]}), b"Subject: a" + raw + b"\n\na" + raw, **facts)
    assert hit is None or hit.code == "match.hit"


def test_a_pattern_that_backtracks_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailscan.linear.is_here", lambda: False)  # google-re2 takes no time for it
    monkeypatch.setattr("mailscan.linear._known", {})
    match = made(patterns=r"(a+)+b\Z")
    assert found(match, b"\n" + b"a" * 20 + b"b")
    with pytest.raises(OutOfTime), Limit(0.2):
        found(match, b"\n" + b"a" * 60)
