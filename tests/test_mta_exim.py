"""Exim of Debian with the printed snippets, unchanged: every column at the DATA ACL, the pipe and local_scan."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PROJECT
from machines import CLIENT, SERVER
from mta.columns import COLUMNS, Column, run
from mta.exim import Exim, EximLocalScan, EximPipe
from mta.site import TIMEOUT, Site
from mta.visits import VISITS, Visit
from mta.visits import run as run_visit

ROWS = [Exim, EximPipe, EximLocalScan]


@pytest.fixture(scope="module", params=ROWS, ids=lambda row: row.name)
def row(request: pytest.FixtureRequest) -> Iterator[Exim]:
    with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as folder:
        one: Exim = request.param()
        try:
            one.start(Site(Path(folder)))
            yield one
        finally:
            one.stop()


@pytest.fixture(scope="module", params=ROWS, ids=lambda row: row.name)
def one_file(request: pytest.FixtureRequest) -> Iterator[Exim]:
    """With Debian's configuration of one file."""
    with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as folder:
        one: Exim = request.param()
        one.split = False
        try:
            one.start(Site(Path(folder)))
            yield one
        finally:
            one.stop()


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_column(row: Exim, column: Column) -> None:
    run(column, row, row.site)


@pytest.mark.parametrize("visit", VISITS, ids=lambda visit: visit.name)
def test_what_mailscan_is_told(row: Exim, visit: Visit) -> None:
    """With Debian's own configuration, split, and a client that is not loopback."""
    run_visit(visit, row)


@pytest.mark.parametrize("visit", VISITS, ids=lambda visit: visit.name)
def test_what_mailscan_is_told_with_one_file(one_file: Exim, visit: Visit) -> None:
    run_visit(visit, one_file)


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
    whole = row.machine.read(guard)
    row.machine.write(guard, whole[: int(len(whole) * left) if left < 1 else int(left)], 0o755)
    try:
        assert row.submit("joe@sender.example", ["jane@rcpt.example"], b"Subject: x\n\ny\n")[0] == 250
        outcome = row.outcome()
        assert (outcome.delivered, outcome.bounces, outcome.deferred) == ([], [], 1)
    finally:
        row.machine.write(guard, whole, 0o755)


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
    with row.machine.outside():
        connection = socket.create_connection((SERVER, 25), timeout=60)
    with connection:
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
        row.machine.call("sh", "-c", f"{change} && {build} {library}.new /tmp/other.c && mv {library}.new {library}")
        code, _ = row.submit("joe@sender.example", ["jane@rcpt.example"], COLUMNS[0].octets)
        outcome = row.outcome()
        assert code == 421 and not outcome.delivered, (code, row.log()[-500:])
        assert "compiled for version 5.0" in row.log()
        row.machine.call("rm", library)
        assert row.submit("joe@sender.example", ["jane@rcpt.example"], COLUMNS[0].octets)[0] == 451
        assert not row.outcome().delivered
    finally:
        row.machine.call("sh", "-c", f"{build} {library} {source}")


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


def _wrapped(row: Exim, script: str) -> None:
    """mailscan as it is, below a shell script that may spoil what it needs; "$real" is the program."""
    row.site.become("well", COLUMNS[0].files())
    real = row.site.command.with_name("real")
    row.site.command.rename(real)
    row.site.command.write_text(f"#!/bin/sh\nreal={real}\n{script}\n")
    row.site.command.chmod(0o755)


SPOILT = {
    "no home of its library": 'export PYTHONHOME=/nonexistent\nexec /usr/bin/python3 "$real" "$@"',
    "a home that is another Python's": 'export PYTHONHOME=/var\nexec /usr/bin/python3 "$real" "$@"',
    "no memory to be loaded": 'ulimit -v 4000\nexec /usr/bin/python3 "$real" "$@"',
    "no memory to begin": 'ulimit -v 12000\nexec /usr/bin/python3 "$real" "$@"',
    "no memory for its modules": 'ulimit -v 19000\nexec /usr/bin/python3 "$real" "$@"',
    "no descriptors": 'ulimit -n 3\nexec /usr/bin/python3 "$real" "$@"',
    "no processor time": 'ulimit -t 0\nexec /usr/bin/python3 "$real" "$@"',
    "no interpreter": 'sed -i "1s,.*,#!/usr/bin/python0," "$real" 2>/dev/null || :\nexec "$real" "$@"',
    "an interpreter that crashes": "kill -s SEGV $$",
    "a package cut off": 'exec /usr/bin/python3 -c "from mailscan.nowhere import main" "$@"',
    "a directory to read": 'exec /usr/bin/python3 "$real" --file / "$@" < /',
}


@pytest.mark.parametrize("script", SPOILT.values(), ids=SPOILT.keys())
def test_a_python_that_cannot_start_is_later(row: Exim, script: str) -> None:
    """It ends with 1, 2, 126, 127 or by a signal, before any line of ours has run."""
    _wrapped(row, script)
    if "python0" in script:
        real = row.site.command.with_name("real")
        real.write_text(real.read_text().replace("#!/usr/bin/python3", "#!/usr/bin/python0"))
    code, text = row.submit("joe@sender.example", ["jane@rcpt.example"], COLUMNS[0].octets)
    outcome = row.outcome()
    assert not outcome.delivered and not outcome.bounces, (code, text, outcome)
    assert (code, outcome.deferred) == ((250, 1) if row.kind == "queue" else (451, 0)), (text, row.log()[-500:])


@pytest.mark.parametrize("row", [EximPipe, EximLocalScan], ids=lambda row: row.name, indirect=True)
def test_what_a_killed_mailscan_leaves_behind_holds_nobody_up(row: Exim) -> None:
    """A process of its own may hold the pipes that Exim reads, until long after."""
    _wrapped(row, '(sleep 40; echo "$real is left") &\nkill -s KILL $$')
    began = time.monotonic()
    code, _ = row.submit("joe@sender.example", ["jane@rcpt.example"], COLUMNS[0].octets)
    try:
        if row.kind == "queue":
            while "mailscan (status 137)" not in row.log():
                assert time.monotonic() < began + 20, row.log()[-500:]
                time.sleep(0.1)
        else:  # the plug-in waits for an answer 5 s longer than mailscan has
            assert time.monotonic() < began + TIMEOUT + 4
        assert code == (250 if row.kind == "queue" else 451)
    finally:
        for left in row.processes() - row.daemons:
            with contextlib.suppress(ProcessLookupError):
                os.kill(left, signal.SIGKILL)
    outcome = row.outcome()
    assert (outcome.delivered, outcome.bounces, outcome.deferred) == ([], [], int(row.kind == "queue"))


@pytest.mark.parametrize("row", [Exim], ids=["exim"], indirect=True)
def test_an_acl_of_an_earlier_mailscan(row: Exim) -> None:
    """It does not judge outside mail without its envelope; the log and doctor have the remedy."""
    row.site.become("well", COLUMNS[0].files())
    acl = "/etc/exim4/mailscan.acl"
    whole = row.machine.read(acl)
    row.machine.write(acl, whole.replace("--exim-spool ", ""))
    row.restart()
    try:
        code, _ = row.submit("joe@sender.example", ["jane@rcpt.example"], COLUMNS[0].octets)
        outcome = row.outcome()
        assert code == 451 and not outcome.delivered and not outcome.deferred
        assert "say --exim-spool" in row.log()
        doctor = ["mailscan", "doctor", "--policy", str(row.site.policy), "--format", "json"]
        told = json.loads(row.machine.call(*doctor, check=False).stdout)
        (one,) = [check for check in told["checks"] if check["what"] == f"Exim: {acl}"]
        assert one["state"] == "failed" and "mta-config exim" in one["said"] and not told["ok"]
    finally:
        row.machine.write(acl, whole)
        row.restart()
    told = json.loads(row.machine.call(*doctor, check=False).stdout)
    assert [check["state"] for check in told["checks"] if check["what"].startswith("Exim: ")] == ["ok"]


def test_the_check_of_the_page_tests_the_envelope(row: Exim) -> None:
    """Its command, from the outside host: refused, or marked, and the log line has who it was."""
    page = (PROJECT / "docs/mta/exim.md").read_text("utf-8")
    (command,) = re.findall(r"^(python3 -c .*)$", page, re.MULTILINE)
    log = row.site.folder / "log"
    trap = 'use = "spamtrap"\nlocal_parts = ["trap"]\ndomains = ["rcpt.example"]\naction = "reject"\n'
    row.site.become("well", {"policy.toml": f'[log]\nto = "{log}"\n[[filter]]\n{trap}'})
    log.touch()
    log.chmod(0o666)
    done = row.machine.client(
        "sh", "-c", command.replace("mx.example.com", SERVER).replace("spamtrap@example.com", "trap@rcpt.example")
    )
    outcome = row.outcome()
    line = log.read_text()
    assert f"client={CLIENT} sender=joe@example.org recipients=trap@rcpt.example verdict=reject" in line
    if row.kind == "queue":
        assert done.returncode == 0 and b"X-Mailscan-Verdict: reject" in outcome.delivered[0].octets
    else:
        assert b"550" in done.stderr and b"5.7.1" in done.stderr and not outcome.delivered


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name, indirect=True)
def test_a_policy_that_exims_user_cannot_read_is_told(row: Exim) -> None:
    """By the users that Debian's packages and the page's commands made."""
    row.site.become("well", COLUMNS[0].files())
    user, policy = "mailscan" if row.name == "exim-pipe" else "Debian-exim", str(row.site.policy)
    told = ("mailscan", "mta-config", row.name, "--file", "1")
    assert row.machine.call(*told, "--policy", policy).stderr == b""
    row.machine.call("chgrp", user, policy)
    for mode, closed in (("640", False), ("600", True), ("604", True)):
        row.machine.call("chmod", mode, policy)
        said = row.machine.call(*told, "--policy", policy).stderr.decode()
        assert (f"{user} cannot read {policy}: {policy} is closed" in said) == closed == bool(said), (mode, said)
    row.machine.call("chgrp", "root", policy)
    # Where mailscan looks by itself.
    row.machine.call("install", "-d", "-m", "700", "/etc/mailscan")
    row.machine.write("/etc/mailscan/policy.toml", "")
    try:
        assert (
            f"{user} cannot read /etc/mailscan/policy.toml: /etc/mailscan is" in row.machine.call(*told).stderr.decode()
        )
    finally:
        row.machine.call("rm", "-r", "/etc/mailscan")
