"""Postfix with the printed snippet: every column of the matrix, and what else can go wrong between the two."""

from __future__ import annotations

import smtplib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from mta.columns import COLUMNS, Column, run
from mta.postfix import Postfix
from mta.site import Site


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as folder:
        yield Site(Path(folder))


@pytest.fixture(scope="module")
def postfix(site: Site) -> Iterator[Postfix]:
    row = Postfix()
    try:
        row.start(site)
        yield row
    finally:
        row.stop()


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_column(column: Column, postfix: Postfix, site: Site) -> None:
    run(column, postfix, site)


def kept(postfix: Postfix) -> str:
    """A mail is in the queue and nothing was delivered or bounced: the reason, as `postqueue -p` shows it."""
    assert postfix.submit("joe@sender.example", ["jane@rcpt.example"], b"Subject: x\n\ny\n")[0] == 250
    found = postfix.hop.outcome("joe@sender.example", postfix.queued)
    reason = postfix.inside("postqueue", "-p").stdout.decode("utf-8", "replace")
    postfix.inside("postsuper", "-d", "ALL")
    assert (found.delivered, found.bounces, found.deferred) == ([], [], 1), reason
    return reason


def test_words_that_postfix_would_take_for_a_status_bounce_nothing(postfix: Postfix, site: Site) -> None:
    own = "    print('5.1.1 no such user', flush=True)\n    os._exit(1)\n"
    policy = '[log]\nto = "none"\n[[filter]]\nuse = "./own.py"\n'
    site.become("well", {"policy.toml": policy, "own.py": "import os\ndef check(mail, outside):\n" + own})
    assert "4.3.0" in kept(postfix) or "own.py" in kept(postfix)


def test_a_guard_that_is_not_there(postfix: Postfix, site: Site) -> None:
    site.become("well", {"policy.toml": ""})
    guard = postfix.root / "etc/postfix/mailscan.sh"
    guard.rename(guard.with_name("away"))
    try:
        assert "mailscan.sh" in kept(postfix)
    finally:
        guard.with_name("away").rename(guard)


@pytest.mark.parametrize("left", [0, 12, 0.5, 0.9], ids=["empty", "a comment", "a half", "without its end"])
def test_a_guard_that_was_cut_off_on_the_disk(postfix: Postfix, site: Site, left: float) -> None:
    """A shell reads to the end that there is, and ends with 0: for pipe(8) the mail was delivered then."""
    site.become("well", {"policy.toml": ""})
    guard = postfix.root / "etc/postfix/mailscan.sh"
    whole = guard.read_bytes()
    guard.write_bytes(whole[: int(len(whole) * left) if left < 1 else int(left)])
    try:
        kept(postfix)
    finally:
        guard.write_bytes(whole)


def test_what_the_client_said_is_told_to_the_rules(postfix: Postfix, site: Site) -> None:
    seen = (
        "from mailscan import tag\n\ndef check(mail, outside):\n    e = mail.envelope\n"
        "    return tag('X-Seen', f'{e.client_ip} {e.client_name} {e.helo} {len(e.recipients)}')\n"
    )
    policy = '[log]\nto = "none"\n[[filter]]\nuse = "./own.py"\n'
    site.become("well", {"policy.toml": policy, "own.py": seen})
    for helo in ("--", "--policy", "client.example"):
        with smtplib.SMTP("127.0.0.1", postfix.port, helo, timeout=20) as server:
            server.docmd("XCLIENT", "ADDR=192.0.2.7 NAME=host.example")
            server.sendmail("joe@sender.example", ["jane@rcpt.example"], b"Subject: x\r\n\r\ny\r\n")
        (mail,) = postfix.outcome().delivered
        assert f"X-Seen: 192.0.2.7 host.example {helo} 1\n".encode() in mail.octets


def test_a_mail_at_the_size_limit_is_not_too_large_for_its_new_header(postfix: Postfix, site: Site) -> None:
    policy = '[log]\nto = "none"\n[[filter]]\nuse = "subject"\npatterns = ["."]\naction = "tag"\n'
    site.become("well", {"policy.toml": policy})
    postfix.inside("postconf", "message_size_limit=100000")
    postfix.inside("postfix", "reload")
    postfix.wait_for(postfix.port)
    try:
        head = b"From: a@b.example\nDate: Mon, 23 Nov 2026 10:00:00 +0000\nMessage-ID: <1@b>\nSubject: x\n\n"
        # The largest mail that is taken, to within a line: with the new header it is over the limit.
        for lines in range(2000, 1000, -1):
            if (
                postfix.submit("joe@sender.example", ["jane@rcpt.example"], head + (b"z" * 48 + b"\n") * lines)[0]
                == 250
            ):
                break
        size = len(head) + lines * 49
        (mail,) = postfix.outcome().delivered
        assert size > 90_000
        assert len(mail.octets) > size
        assert b"\nX-Mailscan-Tag: " in b"\n" + mail.octets
    finally:
        postfix.inside("postconf", "message_size_limit=30000000")
        postfix.inside("postfix", "reload")
        postfix.wait_for(postfix.port)


def test_one_refused_recipient_on_the_way_back_keeps_the_mail_for_all(postfix: Postfix, site: Site) -> None:
    site.become("well", {"policy.toml": '[log]\nto = "none"\n'})
    key = "127.0.0.1:10026/inet/smtpd_recipient_restrictions"
    refusing = "check_recipient_access,inline:{two@rcpt.example=REJECT},permit_mynetworks,reject"
    for value, owed in ((refusing, (0, 0, 1)), ("permit_mynetworks,reject", (1, 0, 0))):
        postfix.inside("postconf", "-P", f"{key}={value}")
        postfix.inside("postfix", "reload")
        postfix.wait_for(10026)
        recipients = ["jane@rcpt.example", "two@rcpt.example"]
        assert postfix.submit("joe@sender.example", recipients, b"Subject: x\n\ny\n")[0] == 250
        found = postfix.outcome()
        assert (len(found.delivered), len(found.bounces), found.deferred) == owed


def test_a_user_that_is_not_there(postfix: Postfix, site: Site) -> None:
    site.become("well", {"policy.toml": '[log]\nto = "none"\n'})
    users = postfix.root / "etc/passwd"
    text = users.read_text()
    users.write_text(text.replace("\nmailscan:", "\nsomebody:"))
    postfix.inside("postfix", "reload")
    try:
        assert "jane@rcpt.example" in kept(postfix)
    finally:
        users.write_text(text)
        postfix.inside("postfix", "reload")
