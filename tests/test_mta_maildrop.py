"""maildrop with the printed filter files, against every column of the matrix: no mail lost, bounced or unfiltered.

And with Postfix and Exim before it, which call it in the ways that the snippet's head tells.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from conftest import needs
from machines import CLIENT
from mta.columns import BY_NAME, COLUMNS, ODD_SENDER, REPLY, Column, run
from mta.maildrop import EximMaildrop, Maildrop, PostfixMaildrop
from mta.site import DEAF, Site, runs

needs("maildrop")

SENDER, RECIPIENT = "joe@sender.example", "jane@rcpt.example"
needs_mounts = pytest.mark.needs("mounts of its own")
FORGED = b"X-Mailscan-Refused: 00000000000000000000000000000000\n"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    # Not in /tmp: that is another one in some of the tests.
    with tempfile.TemporaryDirectory(prefix="mailscan-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        yield Site(Path(folder))


@pytest.fixture(scope="module")
def row(site: Site) -> Iterator[Maildrop]:
    one = Maildrop()
    one.start(site)
    yield one
    one.stop()


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_column(column: Column, row: Maildrop, site: Site) -> None:
    run(column, row, site)


CUT = {
    "empty": "",
    "cut off": "#!/bin/sh\n",
    "killed while it writes": "#!/bin/sh\nhead -c 20\nkill -9 $$\n",
    "reads nothing": "#!/bin/sh\nexit 75\n",
    "killed by the memory limit": "#!/bin/sh\nkill -9 $$\n",
    "says a temporary failure of another kind": "#!/bin/sh\ncat\nexit 1\n",
}


@pytest.mark.parametrize("text", CUT.values(), ids=list(CUT))
def test_half_a_mail_is_never_delivered(text: str, row: Maildrop, site: Site) -> None:
    """What the command printed before it failed is not the mail."""
    site.become("well", BY_NAME["accept"].files())
    site.command.write_text(text)
    octets = BY_NAME["accept"].octets + b"x" * 300_000
    assert row.submit(SENDER, [RECIPIENT], octets)[0] == 75
    assert not row.outcome().delivered


def test_what_does_not_end_is_ended_before_maildrop_gives_up(row: Maildrop, site: Site) -> None:
    """maildrop's own 300 s leave the command running: so `timeout` ends it, here after one second of the 280."""
    site.become("well", BY_NAME["accept"].files())
    site.command.write_text(DEAF.format(number=2))
    text = row.rc.read_bytes()
    assert b" 280 " in text
    row.rc.write_bytes(text.replace(b" 280 ", b" 1 "))
    try:
        assert row.submit(SENDER, [RECIPIENT], BY_NAME["accept"].octets)[0] == 75
    finally:
        row.rc.write_bytes(text)
    assert not row.outcome().delivered and not runs("sleep 61.2")


@pytest.mark.parametrize("sender", ["-x", "--policy=/dev/null", "-", "$(id)", "a b`id`", "${IFS}", "é@ü.example"])
def test_an_envelope_is_never_a_command(sender: str, row: Maildrop, site: Site) -> None:
    site.become("well", BY_NAME["accept"].files())
    recipients = ["-x@rcpt.example", '"`id` $HOME ${HOME} $(id) \'"@rcpt.example']
    assert row.submit(sender, recipients, BY_NAME["accept"].octets) == (0, "")
    delivered = row.outcome().delivered
    assert len(delivered) == 2
    for mail in delivered:
        told = f"X-Seen: {quote(sender, safe='@')} - {quote(mail.recipients[0], safe='@')}\n"
        assert told.encode() in mail.octets.replace(b"\n ", b" ")


@pytest.mark.parametrize("keeps", [False, True])
def test_a_sender_cannot_refuse_for_us(keeps: bool, row: Maildrop, site: Site) -> None:
    """A forged refusal would bounce without a text. mailscan takes such fields away, but for those that only maildrop
    reads as one; and maildrop is not taken in by one that was kept.
    """
    site.become("well", BY_NAME["accept"].files())
    if keeps:
        site.command.write_text("#!/bin/sh\nexec cat\n")
    for forged in (FORGED, FORGED.replace(b":", b" :"), b"X: y\r" + FORGED, b"X:\n " + FORGED, b"X: y\0" + FORGED):
        assert row.submit(SENDER, [RECIPIENT], forged + BY_NAME["accept"].octets) == (0, "")
        assert b"\nFrom: Joe" in row.outcome().delivered[0].octets


@pytest.mark.parametrize(
    "octets",
    [
        b"From: a\r\nSubject: x\r\n\r\nb\r\n\r\n",
        b"From: a\nSubject: x\n\nb\0\0\rc\n\xff",
        b"Subject: x",
        b"From joe Mon Nov 23 10:00:00 2026\nSubject: x\n\nb\n",
        b"Subject: " + b"x" * 100_000 + b"\n\nb\n",
    ],
    ids=["CRLF", "NUL, lone CR, no last line end", "header alone", "From line", "a long line"],
)
def test_octets_stay(octets: bytes, row: Maildrop, site: Site) -> None:
    site.become("well", {"policy.toml": '[log]\nto = "none"\n'})
    assert row.submit(SENDER, [RECIPIENT], octets) == (0, "")
    (mail,) = row.outcome().delivered
    assert mail.octets == octets + (b"" if octets.endswith(b"\n") else b"\n")  # by maildrop, which writes lines


def test_an_empty_mail_is_not_taken_for_one_that_was_lost(row: Maildrop, site: Site) -> None:
    """maildrop by itself delivers nothing and says 0. No mailer has one without a header."""
    site.become("well", BY_NAME["accept"].files())
    assert row.submit(SENDER, [RECIPIENT], b"")[0] == 75


def test_a_directory_on_standard_input_is_no_mail(row: Maildrop, site: Site, tmp_path: Path) -> None:
    site.become("well", BY_NAME["accept"].files())
    directory = os.open("/", os.O_RDONLY)
    try:
        words = row.command(tmp_path, SENDER, RECIPIENT)
        assert subprocess.run(words, stdin=directory, check=False).returncode == 75
    finally:
        os.close(directory)


def in_tmp(size: str, command: str, *words: object) -> list[str]:
    """What runs `command` with a /tmp of its own. (TMPDIR is not for a program with another group's rights.)"""
    mounted = f"mount -t tmpfs -o size={size},mode=1777 tmpfs /tmp && {command}"
    return ["unshare", "-m", "sh", "-c", mounted, "sh", *map(str, words)]


@needs_mounts
def test_many_at_once_do_not_meet(site: Site, row: Maildrop) -> None:
    """Each gets its own verdict and its own octets, and no file stays behind, whatever came of it."""
    site.become("well", BY_NAME["accept"].files())
    work = site.folder / "work"
    for folder in ("cur", "new", "tmp"):
        (work / "Maildir" / folder).mkdir(parents=True)
    for number in range(12):
        subject = (b"a letter", b"ADV: buy", b"LATER: a letter")[number % 3]
        (work / str(number)).write_bytes(b"From: a\nSubject: %s\n\n" % subject + b"%d\n" % number * 30_000)
    command = """
    for n in $(seq 0 11); do
        (maildrop "$1" s@sender.example r@rcpt.example Maildir < $n > /dev/null 2>&1; echo $? > $n.status) &
    done
    wait; ls /tmp"""
    words = in_tmp("100m", command, row.rc)
    done = subprocess.run(words, cwd=work, capture_output=True, check=True)
    assert done.stdout + done.stderr == b""  # nothing lies in /tmp
    assert [int((work / f"{number}.status").read_text()) for number in range(12)] == [0, 77, 75] * 4
    bodies = sorted(one.read_bytes().partition(b"\n\n")[2] for one in (work / "Maildir/new").iterdir())
    assert bodies == sorted(b"%d\n" % number * 30_000 for number in (0, 3, 6, 9))


@needs_mounts
@pytest.mark.parametrize(
    ("name", "room"), [("accept", "64k"), ("reject", "64k"), ("large", "64k"), ("large", "24m"), ("large", "65m")]
)
def test_no_room_for_temporary_files(name: str, room: str, site: Site, row: Maildrop, tmp_path: Path) -> None:
    """Neither is half a mail delivered, nor is one refused or lost for that. Room is needed for four times the mail:
    with 24 MB the snippet fails to write, with 65 MB maildrop.
    """
    site.become("well", BY_NAME[name].files())
    for folder in ("cur", "new", "tmp"):
        (tmp_path / folder).mkdir()
    fill = "head -c 1m /dev/zero > /tmp/filler;" if room == "64k" else ""
    words = in_tmp(room, fill + 'exec maildrop "$@"', row.rc, SENDER, RECIPIENT, "maildir")
    # The Maildir lies below /tmp, perhaps: it is held by the folder in which we are.
    (tmp_path / "maildir").symlink_to(".")
    done = subprocess.run(words, input=BY_NAME[name].octets, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 75, done
    assert not [one for one in tmp_path.rglob("*") if one.is_file()]


def test_no_mailbox(site: Site, row: Maildrop, tmp_path: Path) -> None:
    """A folder that is not there does not become a file."""
    site.become("well", BY_NAME["accept"].files())
    words = ["maildrop", str(row.rc), SENDER, RECIPIENT, str(tmp_path / "none")]
    assert subprocess.run(words, input=BY_NAME["accept"].octets, check=False).returncode == 75
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def postfix(site: Site) -> Iterator[PostfixMaildrop]:
    one = PostfixMaildrop()
    try:
        one.start(site)
        yield one
    finally:
        one.stop()


WAYS = {"jane": "jane@users.example", "virtual": "jane@virtual.example", "own": "own@users.example"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["accept", "odd-sender", "reject", "missing"])
def test_postfix(name: str, way: str, postfix: PostfixMaildrop, site: Site) -> None:
    """By mailbox_command, by pipe(8), and by a .forward file: for users whose login shell runs nothing."""
    column = BY_NAME[name]
    site.become(column.state, column.files())
    found, bounces, deferred = postfix.mail(column.sender, WAYS[way], column.octets)
    if column.owed == "tempfail":
        assert (found, bounces, deferred) == ({}, [], 1)
        return
    assert not deferred
    body = column.octets.partition(b"\n\n")[2]
    if name == "reject" and way != "own":
        assert not found
        text = b" ".join(bounces[0].split())
        assert all(line.encode() in text for line in REPLY) and b"Status: 5.7.1" in text
        return
    assert not bounces
    (where,) = found
    mail = found[where].replace(b"\n ", b" ")
    assert body in mail
    if name == "reject":
        assert where == "own junk" and b"X-Mailscan-Tag" not in mail
        assert re.match(rb"From joe@sender.example .*\nX-Mailscan-Refused: [0-9a-f]{32}\nReturn-Path: ", mail)
        assert b"\nFrom: Joe <joe@sender.example>\nTo: Jane <jane@rcpt.example>\nSubject: ADV: buy\n" in mail
        return
    assert where == way
    sender = quote(column.sender, safe="@") or "<>"
    if column.sender == ODD_SENDER and way != "virtual":
        # Postfix's local(8) writes "_" for most characters of what it tells programs.
        sender = quote("_id____run_/bin/false_____id_____x@sender.example", safe="@")
    assert f"X-Seen: {sender} {CLIENT} {WAYS[way]}\n".encode() in mail and b"forged" not in mail


@pytest.mark.parametrize("told", ["Return-Path: <joe@sender.example>\n", ""], ids=["Return-Path", "nothing"])
def test_a_mailer_that_tells_little(told: str, postfix: PostfixMaildrop, site: Site) -> None:
    """The recipient is the user then, and a sender who is not known is not the null sender."""
    column = BY_NAME["accept"]
    site.become("well", column.files())
    (postfix.root / "etc/maildroprc").write_bytes(site.snippet("maildrop", 1))
    assert postfix.inside("maildrop", "-d", "jane", input=told.encode() + column.octets).returncode == 0
    (mail,) = postfix.found().values()
    assert f"X-Seen: {SENDER if told else '-'} - jane@".encode() in mail


def test_no_number_no_delivery(postfix: PostfixMaildrop, site: Site) -> None:
    """Without random octets, a refusal could not be told from a mail."""
    site.become("well", BY_NAME["reject"].files())
    (postfix.root / "etc/maildroprc").write_bytes(site.snippet("maildrop", 1))
    command = "mount --bind /dev/null /dev/urandom && exec maildrop -d jane -- a@sender.example b@rcpt.example"
    words = ("unshare", "-m", "sh", "-c", command)
    assert postfix.inside(*words, input=BY_NAME["reject"].octets, check=False).returncode == 75
    assert not postfix.found()


@pytest.fixture(scope="module")
def exim() -> Iterator[tuple[EximMaildrop, Site]]:
    with tempfile.TemporaryDirectory(prefix="mailscan-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        own = Site(Path(folder))
        one = EximMaildrop()
        try:
            one.start(own)
            yield one, own
        finally:
            one.stop()


@pytest.mark.parametrize(
    ("name", "user"),
    [("null-sender", "jane"), ("odd-sender", "own"), ("reject", "jane"), ("reject", "own"), ("missing", "jane")],
)
def test_exim(name: str, user: str, exim: tuple[EximMaildrop, Site]) -> None:
    """By Debian's transport for maildrop, and by .forward: the envelope is told as it is."""
    row, site = exim
    column = BY_NAME[name]
    site.become(column.state, column.files())
    mail, outcome = row.mail(column.sender, user, column.octets)
    if name == "missing":
        assert (mail, outcome.bounces, outcome.deferred) == (b"", [], 1)
    elif name == "reject" and user == "jane":
        assert not mail and not outcome.deferred and len(outcome.bounces) == 1
    elif name == "reject":
        assert not outcome.bounces and not outcome.deferred
        assert re.match(rb"From joe@sender.example .*\nX-Mailscan-Refused: [0-9a-f]{32}\nReceived: ", mail)
    else:
        told = f"X-Seen: {quote(column.sender, safe='@') or '<>'} - {user}@users.example\n"
        assert told.encode() in mail.replace(b"\n ", b" ")
