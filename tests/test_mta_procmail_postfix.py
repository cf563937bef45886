"""A real Postfix that hands mail to procmail by the lines which the snippet and docs/mta/procmail.md show."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PROJECT, needs
from mta.columns import BY_NAME
from mta.postfix import Postfix
from mta.site import Site

needs("procmail")


class PostfixToProcmail(Postfix):
    """Postfix with the service `procmail`, for the mail of the user jane."""

    def configure(self) -> None:
        super().configure()
        etc = self.root / "etc"
        with open(etc / "passwd", "a") as passwd, open(etc / "group", "a") as group:
            passwd.write("jane:x:943:943::/var/spool/jane:/bin/sh\n")
            group.write("jane:x:943:\n")
        self.inside("install", "-d", "-o", "jane", "/var/spool/jane", "/var/spool/jane/Maildir")
        rc = etc / "mailscan" / "procmailrc"
        rc.parent.mkdir()
        rc.write_bytes(self.site.snippet("procmail", 1))
        whole = self.site.snippet("procmail").decode()
        (service,) = re.findall(r"^#   (procmail unix .*)$", whole, re.MULTILINE)
        page = (PROJECT / "docs/mta/procmail.md").read_text("utf-8")
        blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        master, main = [text for language, text in blocks if not language]
        assert master == f"{service}\n"
        # Without the filter of the snippet `postfix`.
        text = re.sub(r"^content_filter.*$", "", (etc / "postfix/main.cf").read_text(), flags=re.MULTILINE)
        (etc / "postfix/main.cf").write_text(text + main)
        with open(etc / "postfix/master.cf", "a") as file:
            file.write(service.replace("YOU", "jane") + "\n")
        (line,) = re.findall(r"`(you@example.com procmail:)`", page)
        (etc / "postfix/transport").write_text(line.replace("you@example.com", "jane@rcpt.example") + "\n")
        self.inside("postmap", "/etc/postfix/transport")

    def mailbox(self) -> list[bytes]:
        """What was delivered to jane."""
        new = self.root / "var/spool/jane/Maildir/new"
        return [one.read_bytes() for one in sorted(new.glob("*"))]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as folder:
        yield Site(Path(folder))


@pytest.fixture(scope="module")
def postfix(site: Site) -> Iterator[PostfixToProcmail]:
    row = PostfixToProcmail()
    try:
        row.start(site)
        yield row
    finally:
        if hasattr(row, "keeper"):
            row.stop()


def test_mail_goes_to_the_one_user_bounces_or_waits(postfix: PostfixToProcmail, site: Site) -> None:
    """By the printed lines, as they are but for YOU and the address: what is accepted, refused, and not judged."""
    site.become("well", BY_NAME["accept"].files())
    postfix.submit("joe@sender.example", ["jane@rcpt.example"], BY_NAME["accept"].octets)
    end = time.monotonic() + 20
    while not postfix.mailbox() and time.monotonic() < end:
        time.sleep(0.05)
    (found,) = postfix.mailbox()
    assert b"Return-Path: <joe@sender.example>\n" in found
    assert b"X-Seen: joe@sender.example - jane@rcpt.example\n" in found  # what mailscan was told of the envelope
    (file,) = (postfix.root / "var/spool/jane/Maildir/new").glob("*")
    assert file.stat().st_uid == 943

    site.become("well", BY_NAME["reject"].files())
    postfix.submit("joe@sender.example", ["jane@rcpt.example"], BY_NAME["reject"].octets)
    ended = postfix.hop.outcome("joe@sender.example", postfix.queued)
    assert len(ended.bounces) == 1 and b"Spam not wanted here" in ended.bounces[0] and not ended.delivered

    for state in ("missing", "cut"):
        site.become(state, BY_NAME["accept"].files())
        postfix.submit("joe@sender.example", ["jane@rcpt.example"], BY_NAME["accept"].octets)
        ended = postfix.hop.outcome("joe@sender.example", postfix.queued)
        assert (ended.delivered, ended.bounces, ended.deferred) == ([], [], 1)
        postfix.inside("postsuper", "-d", "ALL")
    assert postfix.mailbox() == [found]
