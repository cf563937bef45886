"""Dovecot with the printed script, against every column of the matrix, and what else Dovecot does around a script."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import needs
from mta.columns import BY_NAME, COLUMNS, RECIPIENT, SENDER, Column, run, unchanged
from mta.sieve import DOVECOT, LDA, Dovecot
from mta.site import DEAF, Site, runs

needs("root", "mounts of its own", DOVECOT, LDA, "/usr/lib/dovecot/lmtp", "/usr/bin/sievec")

# What a user may have: mail sent on, and filed by what mailscan wrote.
OWN_SCRIPT = """
require ["fileinto", "mailbox"];
redirect "joe@elsewhere.example";
if header :is "X-Mailscan-Tag" "subject" { fileinto :create "Judged"; }
"""
BY_RECIPIENT = """
from mailscan import accept, reject, tempfail

def check(mail, outside):
    local = mail.envelope.recipients[0].partition("@")[0]
    return {"trap": reject, "busy": tempfail}.get(local, accept)()
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as folder:
        yield Site(Path(folder))


@pytest.fixture(scope="module")
def row(site: Site) -> Iterator[Dovecot]:
    one = Dovecot()
    try:
        one.start(site)
        yield one
    finally:
        one.stop()


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_column(column: Column, row: Dovecot, site: Site) -> None:
    run(column, row, site)
    if column.name == "reject":
        assert row.folders[RECIPIENT] == "Junk"


def send(row: Dovecot, name: str, recipient: str) -> tuple[int, list[bytes], list[bytes]]:
    """(the answer, what lies in the recipient's folders, what was mailed) for a column's mail."""
    code, _ = row.submit(SENDER, [recipient], BY_NAME[name].octets)
    outcome = row.outcome()
    return code, [one.octets for one in outcome.delivered], outcome.bounces


@pytest.mark.parametrize(
    "text", ["", "#!/bin/sh\n", "#!/bin/sh\ncat > /dev/null\n"], ids=["empty", "cut off", "silent"]
)
def test_a_command_that_was_cut_off_delivers_nothing(text: str, row: Dovecot, site: Site) -> None:
    """It ends with 0 and prints nothing, which is not the mail."""
    site.become("well", BY_NAME["accept"].files())
    site.command.write_text(text)
    assert send(row, "accept", "cut@rcpt.example") == (451, [], [])


def test_a_command_that_fails_behind_the_mail_delivers_nothing(row: Dovecot, site: Site) -> None:
    site.become("well", BY_NAME["accept"].files())
    site.command.write_text("#!/bin/sh\ncat\nexit 1\n")
    assert send(row, "accept", "behind@rcpt.example") == (451, [], [])


@pytest.mark.parametrize("file", ["mailscan/mailscan", "mailscan"])
def test_a_program_that_is_not_there_delivers_nothing(file: str, row: Dovecot, site: Site) -> None:
    site.become("well", BY_NAME["accept"].files())
    program = row.own / "etc" / file
    program.rename(program.with_name("away"))
    try:
        assert send(row, "accept", "away@rcpt.example") == (451, [], [])
    finally:
        program.with_name("away").rename(program)


def test_what_does_not_end_is_ended_before_dovecot_gives_up(row: Dovecot, site: Site) -> None:
    """And with it what it started: here after one second of the 280."""
    site.become("well", BY_NAME["accept"].files())
    site.command.write_text(DEAF.format(number=3))
    program = row.own / "etc/mailscan/mailscan"
    text = program.read_bytes()
    assert b"KILL 280 " in text
    program.write_bytes(text.replace(b"KILL 280 ", b"KILL 1 "))
    try:
        assert send(row, "accept", "deaf@rcpt.example") == (451, [], [])
    finally:
        program.write_bytes(text)
    assert not runs("sleep 61.3")


def test_a_directory_on_the_programs_standard_input_is_no_mail(row: Dovecot, site: Site) -> None:
    site.become("well", BY_NAME["accept"].files())
    command = f"SENDER={SENDER} RECIPIENT={RECIPIENT} exec /etc/dovecot/mailscan/mailscan < /"
    done = row.inside("sh", "-c", command)
    assert done.returncode == 75 and not done.stdout


def test_no_room_for_what_mailscan_prints(row: Dovecot, site: Site) -> None:
    """Dovecot keeps it in mail_temp_dir, or without room there in memory: whole, or not at all."""
    column = BY_NAME["large"]
    site.become("well", column.files())
    full = str(row.own / "tmp")
    assert row.inside("mount", "-t", "tmpfs", "-o", "size=64k,mode=1777", "tmpfs", full).returncode == 0
    try:
        code, _ = row.submit(SENDER, [RECIPIENT], column.octets)
    finally:
        row.inside("umount", "-l", full)
    outcome = row.outcome()
    if code == 250:
        unchanged(column, outcome.delivered)
    else:
        assert 400 <= code < 500 and not outcome.delivered


def test_each_recipient_of_one_transaction_has_a_verdict_of_their_own(row: Dovecot, site: Site) -> None:
    site.become("well", {"policy.toml": '[log]\nto = "none"\n[[filter]]\nuse = "./own.py"\n', "own.py": BY_RECIPIENT})
    names = ["trap@rcpt.example", "busy@rcpt.example", "jane@rcpt.example"]
    answers = row.transaction(SENDER, names, BY_NAME["accept"].octets)
    assert [code for code, _ in answers] == [250, 451, 250]
    found = {one.recipients[0]: one.octets for one in row.outcome().delivered}
    assert list(found) == ["trap@rcpt.example", "jane@rcpt.example"]
    assert row.folders["trap@rcpt.example"] == "Junk" and b"X-Mailscan-Verdict: reject" in found["trap@rcpt.example"]
    assert row.folders["jane@rcpt.example"] == "INBOX" and b"X-Mailscan-Verdict" not in found["jane@rcpt.example"]


def test_a_forged_verdict_files_nothing_into_junk(row: Dovecot, site: Site) -> None:
    site.become("well", BY_NAME["accept"].files())
    forged = b"X-Mailscan-Verdict: reject 5.7.1 subject\n" + BY_NAME["accept"].octets
    assert row.submit(SENDER, ["forged@rcpt.example"], forged)[0] == 250
    assert b"X-Mailscan-Verdict" not in row.outcome().delivered[0].octets
    assert row.folders["forged@rcpt.example"] == "INBOX"


def test_a_users_own_script_runs_on_what_mailscan_lets_through(row: Dovecot, site: Site) -> None:
    """It sees the mail as it was edited, and nothing of what is refused or comes again later."""
    site.become("well", BY_NAME["accept"].files())
    user = "scripted@rcpt.example"
    row.script(user, OWN_SCRIPT)
    code, found, mailed = send(row, "accept", user)
    assert code == 250 and row.folders[user] == "Judged" and b"X-Mailscan-Tag: subject" in found[0]
    assert b"X-Mailscan-Tag: subject" in mailed[0] and b"forged" not in mailed[0]
    code, found, mailed = send(row, "reject", user)
    assert code == 250 and row.folders[user] == "Junk" and not mailed
    assert send(row, "tempfail", user) == (451, [], [])
    site.become("missing", BY_NAME["accept"].files())
    assert send(row, "accept", user) == (451, [], [])


@pytest.mark.parametrize(
    "script", ['require "fileinto"; fileinto "No such folder";', "requirre;"], ids=["at run time", "not compiled"]
)
def test_a_users_script_that_fails_undoes_no_verdict(script: str, row: Dovecot, site: Site) -> None:
    """What Dovecot undoes, when it fails at run time, are the edits of accepted mail: docs/mta/sieve.md."""
    site.become("well", BY_NAME["accept"].files())
    user = "failing@rcpt.example"
    row.script(user, script)
    assert send(row, "tempfail", user) == (451, [], [])
    code, found, mailed = send(row, "reject", user)
    assert code == 250 and row.folders[user] == "Junk" and b"X-Mailscan-Verdict: reject" in found[0] and not mailed
    code, found, mailed = send(row, "accept", user)
    assert code == 250 and len(found) == 1 and row.folders[user] == "INBOX" and not mailed
    assert (b"X-Mailscan-Tag: subject" in found[0]) == (script == "requirre;")


def test_users_cannot_start_programs(row: Dovecot, site: Site) -> None:
    site.become("well", BY_NAME["accept"].files())
    user = "curious@rcpt.example"
    row.script(user, 'require "vnd.dovecot.filter"; filter "mailscan";')
    assert send(row, "accept", user)[0] == 250
    assert "vnd.dovecot.filter" in (row.home(user) / ".dovecot.sieve.log").read_text()


def test_refused_mail_without_a_folder_junk_stays_marked(row: Dovecot, site: Site) -> None:
    site.become("well", BY_NAME["accept"].files())
    settings = row.own / "etc/dovecot.conf"
    before = settings.read_text()
    assert "auto = create" in before
    settings.write_text(before.replace("auto = create", "auto = no"))
    row.reload()
    try:
        code, found, _ = send(row, "reject", "nojunk@rcpt.example")
    finally:
        settings.write_text(before)
        row.reload()
    assert code == 250 and row.folders["nojunk@rcpt.example"] == "INBOX" and b"X-Mailscan-Verdict: reject" in found[0]


def test_nobody_sees_the_mailbox_for_later(row: Dovecot, site: Site) -> None:
    listed = row.inside("doveadm", "mailbox", "list", "-u", RECIPIENT)
    assert listed.returncode == 0 and b"INBOX" in listed.stdout and b"mailscan" not in listed.stdout + listed.stderr
