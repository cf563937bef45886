"""Exim of Debian with the printed snippets, unchanged: every column at the DATA ACL, the pipe and local_scan."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from mta.columns import COLUMNS, Column, run
from mta.exim import Exim, EximLocalScan, EximPipe
from mta.site import Site


@pytest.fixture(scope="module", params=[Exim, EximPipe, EximLocalScan], ids=lambda row: row.name)
def row(request: pytest.FixtureRequest) -> Iterator[Exim]:
    with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as folder:
        one: Exim = request.param()
        try:
            one.start(Site(Path(folder)))
            yield one
        finally:
            if hasattr(one, "hop"):
                one.stop()


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_column(row: Exim, column: Column) -> None:
    run(column, row, row.site)


TRAP = """
[[filter]]
use = "spamtrap"
local_parts = ["trap"]
domains = ["rcpt.example"]
action = "reject"
scope = "recipient"
"""
OTHERS = ["jane@rcpt.example", "trap@rcpt.example", '"a, b"@rcpt.example']


def test_a_recipient_is_taken_out_or_the_mail_waits(row: Exim) -> None:
    """The DATA ACL cannot change recipients: there nothing may go to one that the policy took out."""
    column = Column("trap", "", "accept", policy=TRAP)
    row.site.become("well", column.files())
    code, _ = row.submit(column.sender, OTHERS, column.octets)
    outcome = row.outcome()
    got = sorted(one for mail in outcome.delivered for one in mail.recipients)
    if row.name == "exim":
        assert (code, got) == (451, [])
        assert "other recipients, which the DATA ACL cannot do" in row.log()
    else:
        assert (code, got) == (250, sorted(set(OTHERS) - {"trap@rcpt.example"}))


@pytest.mark.parametrize(("state", "subject"), [("well", "ADV: buy"), ("well", "LATER: a letter"), ("missing", "x")])
def test_refused_mail_of_this_machine_is_told_to_its_sender(row: Exim, state: str, subject: str) -> None:
    """A program knows no "later": Exim sends the mail back to who handed it in, even while mailscan is missing."""
    column = Column("local", "", "reject", subject=subject)
    row.site.become(state, column.files())
    code, text = row.submit(column.sender, list(column.recipients), column.octets, local=True)
    outcome = row.outcome()
    if row.kind == "queue":
        assert code == 250 and (outcome.delivered or outcome.deferred)
    else:
        assert not outcome.delivered and not outcome.deferred, (code, text, outcome)
        (bounce,) = outcome.bounces
        assert column.octets.partition(b"\n\n")[2] in bounce, (bounce, text)


@pytest.mark.parametrize("row", [EximPipe], indirect=True, ids=lambda row: row.name)
@pytest.mark.parametrize("left", [0, 12, 0.5, 0.9], ids=["empty", "a comment", "a half", "without its end"])
def test_a_guard_that_was_cut_off_on_the_disk(row: Exim, left: float) -> None:
    """A shell reads to the end that there is, and ends with 0: for a pipe transport the mail was delivered then."""
    row.site.become("well", {"policy.toml": ""})
    guard = "/usr/local/lib/mailscan/guard"
    whole = row.call("cat", guard).stdout.decode()
    row.write(guard, whole[: int(len(whole) * left) if left < 1 else int(left)])
    try:
        assert row.submit("joe@sender.example", ["jane@rcpt.example"], b"Subject: x\n\ny\n")[0] == 250
        outcome = row.outcome()
        assert (outcome.delivered, outcome.bounces, outcome.deferred) == ([], [], 1)
    finally:
        row.write(guard, whole)


def test_what_was_handed_back_is_judged_once(row: Exim) -> None:
    """And a sender who writes the mark of mailscan, or its user's name, is judged all the same."""
    column = Column("once", "", "accept", more="X-Mailscan-Verdict: accept\n", sender="mailscan@rcpt.example")
    row.site.become("well", column.files())
    assert row.submit(column.sender, list(column.recipients), column.octets)[0] == 250
    (mail,) = row.outcome().delivered
    assert mail.octets.count(b"X-Seen: ") == 1


COUNTS = """from mailscan import reject

def check(mail, outside):
    found = mail.envelope.recipients
    return reject(f"{len(found)} recipients, {len(set(found))} of them different, {found[0]} to {found[-1]}")
"""


@pytest.mark.parametrize("row", [EximLocalScan], ids=["exim-local-scan"], indirect=True)
def test_more_recipients_than_a_command_line_has_words(row: Exim) -> None:
    """Some of them with commas in quotes; each is told to mailscan, in their order."""
    count = 45_000
    policy = '[log]\nto = "none"\n[[filter]]\nuse = "./own.py"\n'
    row.site.become("well", {"policy.toml": policy, "own.py": COUNTS})
    names = [f'"a, {number}"' if number % 1000 == 1 else f"recipient{number}" for number in range(count)]
    with socket.create_connection(("127.0.0.1", row.port), timeout=60) as connection:
        answers = connection.makefile("rb")

        def say(lines: list[str], wanted: bytes) -> bytes:
            connection.sendall("".join(f"{line}\r\n" for line in lines).encode())
            for _ in lines:
                while (answer := answers.readline())[3:4] == b"-":
                    pass
                assert answer.startswith(wanted), answer
            return answer

        assert answers.readline().startswith(b"220")
        say(["EHLO client.example"], b"250")
        say(["MAIL FROM:<joe@sender.example>"], b"250")
        for at in range(0, count, 500):
            say([f"RCPT TO:<{name}@rcpt.example>" for name in names[at : at + 500]], b"250")
        say(["DATA"], b"354")
        answer = say(["Subject: x\r\n\r\ny\r\n."], b"550")
    said = (
        f"{count} recipients, {count} of them different, recipient0@rcpt.example to recipient{count - 1}@rcpt.example"
    )
    assert said.encode() in answer, (answer, row.log()[-500:])


@pytest.mark.parametrize("row", [EximLocalScan], ids=["exim-local-scan"], indirect=True)
def test_a_plug_in_for_another_interface_accepts_nothing(row: Exim) -> None:
    source, library = (f"/usr/local/lib/mailscan/local_scan.{end}" for end in ("c", "so"))
    build = "gcc -shared -fPIC -I/usr/include/exim4 -o"
    row.site.become("well", COLUMNS[0].files())
    try:
        change = f"sed 's/return LOCAL_SCAN_ABI_VERSION_MAJOR;/return 5;/' {source} > /tmp/other.c"
        done = row.call("sh", "-c", f"{change} && {build} {library}.new /tmp/other.c && mv {library}.new {library}")
        assert done.returncode == 0, done.stderr
        code, _ = row.submit("joe@sender.example", ["jane@rcpt.example"], COLUMNS[0].octets)
        outcome = row.outcome()
        assert code == 421 and not outcome.delivered, (code, row.log()[-500:])
        assert "compiled for version 5.0" in row.log()
        assert row.call("rm", library).returncode == 0
        assert row.submit("joe@sender.example", ["jane@rcpt.example"], COLUMNS[0].octets)[0] == 451
        assert not row.outcome().delivered
    finally:
        row.call("sh", "-c", f"{build} {library} {source}")


@pytest.mark.parametrize("row", [Exim, EximLocalScan], ids=["exim", "exim-local-scan"], indirect=True)
@pytest.mark.parametrize(
    "script",
    [
        "echo verdict=accept; exit 1",
        "echo warning; echo verdict=accept",
        "echo verdict=accept; echo verdict=reject",
        "echo verdict=accepted",
        "printf verdict=accept",
        "echo 'x verdict=accept'",
        "exit 0",
        "echo verdict=accept; kill -9 $$",
        "head -c 3000000 /dev/zero | tr '\\0' x",
        "exec >&-; sleep 0.2; exit 3",
    ],
)
def test_an_answer_that_is_none_accepts_nothing(row: Exim, script: str) -> None:
    """Whatever stands where mailscan should be."""
    row.site.become("well", COLUMNS[0].files())
    row.site.command.write_text(f"#!/bin/sh\n{script}\n")
    code, text = row.submit("joe@sender.example", ["jane@rcpt.example"], COLUMNS[0].octets)
    outcome = row.outcome()
    assert code == 451, (code, text)
    assert not outcome.delivered and not outcome.deferred


def test_the_client_is_told(row: Exim) -> None:
    """Rules that ask about it would be passed over without a word."""
    row.site.become("well", COLUMNS[0].files())
    assert row.submit("joe@sender.example", ["jane@rcpt.example"], COLUMNS[0].octets)[0] == 250
    (mail,) = row.outcome().delivered
    assert b"X-Seen: joe@sender.example 127.0.0.1 jane@rcpt.example\n" in mail.octets
