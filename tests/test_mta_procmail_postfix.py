"""A real Postfix that hands mail to procmail by the lines which the snippet and docs/mta/procmail.md show."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PROJECT
from mta.columns import BY_NAME, REPLY
from mta.hosts import ProcmailPipe
from mta.site import Site


@pytest.fixture(scope="module")
def postfix() -> Iterator[ProcmailPipe]:
    with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as folder:
        row = ProcmailPipe()
        try:
            row.start(Site(Path(folder)))
            yield row
        finally:
            row.stop()


def test_the_page_and_the_snippet_show_one_line(postfix: ProcmailPipe) -> None:
    (service,) = re.findall(r"^#   (procmail unix .*)$", postfix.site.snippet("procmail").decode(), re.MULTILINE)
    assert f"```\n{service}\n```" in (PROJECT / "docs/mta/procmail.md").read_text("utf-8")


def test_mail_goes_to_the_one_user(postfix: ProcmailPipe) -> None:
    """By the printed lines, as they are but for YOU and the addresses."""
    column = BY_NAME["accept"]
    postfix.site.become("well", column.files())
    assert postfix.submit(column.sender, list(column.recipients), column.octets)[0] == 250
    postfix.wait()
    ((_, folder, octets),) = postfix.boxes()
    assert not folder and b"Return-Path: <joe@sender.example>\n" in octets
    assert b"X-Seen: joe@sender.example 198.51.100.1 jane@rcpt.example\n" in octets


def test_what_is_refused_is_bounced_with_our_text(postfix: ProcmailPipe) -> None:
    column = BY_NAME["reject"]
    postfix.site.become("well", column.files())
    assert postfix.submit(column.sender, list(column.recipients), column.octets)[0] == 250
    fate = postfix.fates(column.sender, column.recipients)["jane@rcpt.example"]
    text = b" ".join(fate.octets.split())
    assert fate.word == "refused" and all(line.encode() in text for line in REPLY) and b"Status: 5.7.1" in text


FAILS = [name for name, column in BY_NAME.items() if column.owed == "tempfail"]


@pytest.mark.parametrize("name", FAILS)
def test_what_is_not_judged_waits(name: str, postfix: ProcmailPipe) -> None:
    """Whatever fails: nothing is delivered, and nothing bounced."""
    column = BY_NAME[name]
    postfix.site.become(column.state, column.files())
    assert postfix.submit(column.sender, list(column.recipients), column.octets)[0] == 250
    assert postfix.fates(column.sender, column.recipients)["jane@rcpt.example"].word == "deferred"
