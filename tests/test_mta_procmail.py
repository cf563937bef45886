"""procmail with the printed recipes, against every column of the matrix: no mail lost, bounced or unfiltered."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from conftest import needs
from mta.columns import BY_NAME, COLUMNS, Column, run
from mta.procmail import Procmail
from mta.site import DEAF, Site, runs

needs("procmail")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("procmail"))


@pytest.fixture(scope="module")
def row(site: Site) -> Iterator[Procmail]:
    one = Procmail()
    one.start(site)
    yield one
    one.stop()


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_column(column: Column, row: Procmail, site: Site) -> None:
    run(column, row, site)


@pytest.mark.parametrize("text", ["", "#!/bin/sh\n"], ids=["empty", "cut off"])
def test_a_command_that_was_cut_off_delivers_nothing(text: str, row: Procmail, site: Site) -> None:
    """It ends with 0 and prints nothing, which is not the mail."""
    site.become("well", BY_NAME["accept"].files())
    site.command.write_text(text)
    assert row.submit("a@sender.example", ["b@rcpt.example"], BY_NAME["accept"].octets)[0] == 75
    assert not row.outcome().delivered


def test_what_does_not_end_is_ended_before_procmail_gives_up(row: Procmail, site: Site) -> None:
    """And with it what it started: here after one second of the 900."""
    site.become("well", BY_NAME["accept"].files())
    site.command.write_text(DEAF.format(number=1))
    text = row.rc.read_bytes()
    assert b"KILL 900 " in text
    row.rc.write_bytes(text.replace(b"KILL 900 ", b"KILL 1 "))
    try:
        assert row.submit("a@sender.example", ["b@rcpt.example"], BY_NAME["accept"].octets)[0] == 75
    finally:
        row.rc.write_bytes(text)
    assert not row.outcome().delivered and not runs("sleep 61.1")


def _own(site: Site, home: Path, mail: bytes) -> tuple[int, dict[str, bytes]]:
    shutil.rmtree(home, ignore_errors=True)
    (home / "Maildir").mkdir(parents=True)
    rc = home / ".procmailrc"
    rc.write_bytes(site.snippet("procmail", 2))
    done = subprocess.run(["procmail", "-t", f"HOME={home}", str(rc)], input=mail, check=False, cwd=home)
    found = [one for one in home.rglob("*") if one.parent.name == "new"]
    return done.returncode, {str(one.parent.parent.relative_to(home)): one.read_bytes() for one in found}


@pytest.mark.parametrize("sender", ["joe@sender.example", '"`id` $(id) \\"; x"@sender.example'])
def test_your_own_mail(sender: str, site: Site, tmp_path: Path) -> None:
    """The sender comes out of the first line; what is refused is kept aside, and failures stay with the mailer."""
    first = f"From {sender}  Mon Nov 23 10:00:00 2026\n".encode()
    home = tmp_path / "home"
    site.become("well", BY_NAME["reject"].files())
    assert _own(site, home, first + BY_NAME["reject"].octets) == (0, {"Maildir/.Junk": BY_NAME["reject"].octets})
    status, found = _own(site, home, first + BY_NAME["accept"].octets)
    assert status == 0 and list(found) == ["Maildir"]
    assert f"X-Seen: {quote(sender, safe='@')} ".encode() in found["Maildir"].replace(b"\n ", b" ")
    assert b"forged" not in found["Maildir"]
    assert _own(site, home, first + BY_NAME["tempfail"].octets) == (75, {})
    site.become("missing", BY_NAME["accept"].files())
    assert _own(site, home, first + BY_NAME["accept"].octets) == (75, {})
