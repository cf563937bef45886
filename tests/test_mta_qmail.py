"""The line for qmail, run by `sh` as qmail-local runs it: the envelope is told, and whatever fails is "later"."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mta.columns import COLUMNS, REPLY, Column
from mta.site import Site

STATUS = {"accept": 0, "reject": 100, "tempfail": 111}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as folder:
        yield Site(Path(folder))


def qmail(site: Site, sender: str, recipient: str, octets: bytes) -> tuple[int, str]:
    """The line's exit status and what it prints."""
    line = site.snippet("qmail", 1).decode().partition("\n")[0]
    environ = {"PATH": "/usr/bin:/bin", "SENDER": sender, "RECIPIENT": recipient}
    with tempfile.TemporaryFile() as message:  # qmail-local gives the file itself
        message.write(octets)
        message.seek(0)
        done = subprocess.run(
            ["/bin/sh", "-c", line.removeprefix("|")], stdin=message, capture_output=True, env=environ, check=False
        )
    return done.returncode, done.stdout.decode("utf-8", "replace")


CASES = [one for one in COLUMNS if one.owed in STATUS and not one.local and one.name != "recipients"]


@pytest.mark.parametrize("column", CASES, ids=lambda column: column.name)
def test_column(column: Column, site: Site) -> None:
    site.become(column.state, column.files())
    began = time.monotonic()
    status, text = qmail(site, column.sender, column.recipients[0], column.octets)
    assert status == STATUS[column.owed], text
    assert column.name != "reject" or all(line in text for line in REPLY)
    assert time.monotonic() - began < 60  # what sleeps on holds no pipe


def test_the_envelope_is_told(site: Site) -> None:
    trap = '[log]\nto = "none"\n[[filter]]\nuse = "spamtrap"\naddresses = ["trap@rcpt.example"]\naction = "reject"\n'
    denied = '[[filter]]\nuse = "match"\nsenders = ["denied@sender.example"]\naction = "reject"\n'
    site.become("well", {"policy.toml": trap + denied})
    octets = b"Subject: x\n\ny\n"
    assert qmail(site, "joe@sender.example", "trap@rcpt.example", octets)[0] == 100
    assert qmail(site, "denied@sender.example", "jane@rcpt.example", octets)[0] == 100
    assert qmail(site, "joe@sender.example", "jane@rcpt.example", octets)[0] == 0


def test_words_of_a_command_are_not_options(site: Site) -> None:
    site.become("well", {"policy.toml": '[log]\nto = "none"\n'})
    assert qmail(site, "--policy=/dev/null", "$(touch x)@`id`", b"Subject: x\n\ny\n")[0] == 0
    assert not os.path.exists("x")
