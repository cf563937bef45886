"""`use = "rspamd"`: what rspamd says, what the policy makes of it, and that it can be asked for real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from asking import judge, serving
from daemons import rspamd as real_rspamd

from mailscan import specimens

LETTER = b"From: a@b.example\nX-Spamd-Bar: ----\nSubject: x\n\nhello\n"


def answer(action: str, score: float = 3.1, **symbols: Any) -> bytes:
    told = {"action": action, "score": score, "required_score": 15.0, "symbols": symbols, "is_skipped": False}
    body = json.dumps(told).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with real_rspamd() as at:
        yield at


@pytest.mark.parametrize("action", ["no action", "greylist", "add header", "rewrite subject", "of our own"])
def test_what_goes_through_has_its_fields(action: str) -> None:
    symbols: dict[str, Any] = {"LOW": {"score": 0.1, "options": ["a", "b"]}, "HIGH": {"score": 3.0}}
    with serving(answer(action, **symbols)) as server:
        verdict = judge(LETTER, use="rspamd", address=server.address)
    assert verdict.action == "accept"
    assert [one.note for one in verdict.account[0].findings] == [True]
    spam = action not in ("no action", "greylist")
    assert verdict.edits.add == (
        ("X-Spamd-Result", f"default: {spam} [3.10 / 15.00]; HIGH(3.00); LOW(0.10)[a,b]"),
        ("X-Spamd-Bar", "+++"),
        ("X-Rspamd-Action", action),
    )
    assert verdict.edits.remove == ("X-Spamd-Bar",)


@pytest.mark.parametrize(
    ("action", "said", "code"),
    [
        ("reject", "reject", "rspamd.reject"),
        ("discard", "reject", "rspamd.discard"),
        ("soft reject", "tempfail", "rspamd.soft-reject"),
        ("quarantine", "accept", "rspamd.quarantine"),
    ],
)
def test_what_does_not(action: str, said: str, code: str) -> None:
    with serving(answer(action)) as server:
        verdict = judge(LETTER, use="rspamd", address=server.address)
    assert (verdict.action, verdict.account[0].findings[0].code) == (said, code)
    assert verdict.quarantine == ("rspamd" if action == "quarantine" else "")


def test_the_policy_says_what_an_action_means() -> None:
    for key, action, means, said in (
        ("on_reject", "reject", "quarantine", "accept"),
        ("on_greylist", "greylist", "tempfail", "tempfail"),
        ("on_soft_reject", "soft reject", "ignore", "accept"),
        ("on_other", "of our own", "reject", "reject"),
        ("on_no_action", "no action", "ignore", "accept"),
        ("on_error", "reject", "ignore", "reject"),  # which is the rule's own key
        ("on_other", "error", "tag", "accept"),
    ):
        with serving(answer(action)) as server:
            rule: dict[str, Any] = {"use": "rspamd", "address": server.address, key: means}
            verdict = judge(LETTER, **rule)
        assert verdict.action == said, key
        assert bool(verdict.edits.add) == (means in ("quarantine", "tag")), key
    with serving(answer("add header", 7.0)) as server:
        verdict = judge(LETTER, {"score": {"reject": 7.0}}, use="rspamd", address=server.address, action="score")
    assert (verdict.action, verdict.score) == ("reject", 7.0)


def test_what_is_sent_is_not_what_a_client_made_of_it() -> None:
    envelope = {
        "sender": "",
        "recipients": ["a@b.example", "c@d.example"],
        "client_ip": "192.0.2.1",
        "helo": "x\r\nIP: 127.0.0.1",
        "queue_id": "1abc-2",
    }
    with serving(answer("no action")) as server:
        judge(LETTER, use="rspamd", address=server.address, envelope=envelope)
        asked = server.asked[0]
    head, _, body = asked.partition(b"\r\n\r\n")
    assert body == LETTER
    assert head.decode().split("\r\n")[2:] == [
        "From: ", "IP: 192.0.2.1", "Helo: x  IP: 127.0.0.1", "Queue-Id: 1abc-2", "Rcpt: a@b.example",
        "Rcpt: c@d.example", f"Content-Length: {len(LETTER)}",
    ]  # fmt: skip


def test_what_is_too_large_is_not_sent() -> None:
    with serving(answer("reject")) as server:
        verdict = judge(LETTER, use="rspamd", address=server.address, max_size="10 B")
        assert server.asked == []
    assert verdict.action == "accept"
    assert [one.code for one in verdict.account[0].findings] == ["rspamd.not-scanned"]


def test_the_real_rspamd(address: str) -> None:
    spam = judge(specimens.spam(), use="rspamd", address=address)
    assert (spam.action, spam.account[0].findings[0].code) == ("reject", "rspamd.reject")
    letter = judge(specimens.harmless(), use="rspamd", address=address)
    assert (letter.action, dict(letter.edits.add)["X-Rspamd-Action"]) == ("accept", "no action")
    envelope = {
        "sender": "bob@ex.example",
        "recipients": ["a@b.example", "c@d.example"],
        "client_ip": "192.0.2.1",
        "helo": "h.example",
        "auth_user": "bob",
    }
    tagged = judge(b"Subject: own-marker\n\nx\n", use="rspamd", address=address, envelope=envelope)
    told = "OWN_MARKER(7.50)[from=bob@ex.example,helo=h.example,ip=192.0.2.1,user=bob,rcpts=2]"
    assert dict(tagged.edits.add)["X-Spamd-Result"] == f"default: True [7.50 / 15.00]; {told}"
    delayed = judge(b"Subject: own-delay\n\nx\n", use="rspamd", address=address)
    assert (delayed.action, delayed.account[0].findings[0].code) == ("tempfail", "rspamd.soft-reject")


def test_the_real_rspamd_takes_what_is_odd(address: str) -> None:
    for raw in (b"\n", b"\0", bytes(range(256)) * 4000, b"Subject: \xff\xfe\n\nx"):
        verdict = judge(raw, use="rspamd", address=address)
        assert verdict.account[0].outcome == "found", verdict.account[0].why
