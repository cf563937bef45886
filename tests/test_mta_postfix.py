"""Postfix with the printed snippet: every column of the matrix, and what else can go wrong between the two."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from machines import CLIENT
from mta.columns import BY_NAME, COLUMNS, Column, run
from mta.postfix import Postfix, transaction
from mta.site import Site
from mta.ways import unfolded


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


def kept(postfix: Postfix, octets: bytes = b"Subject: x\n\ny\n") -> str:
    """A mail is in the queue and nothing was delivered or bounced: the reason, as `postqueue -p` shows it."""
    assert postfix.submit("joe@sender.example", ["jane@rcpt.example"], octets)[0] == 250
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
        with postfix.client(helo=helo) as server:
            assert transaction(server, "joe@sender.example", ["jane@rcpt.example"], b"Subject: x\n\ny\n")[0] == 250
        (mail,) = postfix.outcome().delivered
        assert f"X-Seen: {CLIENT} client.outside.example {helo} 1\n".encode() in mail.octets


def test_a_mail_at_the_size_limit_is_not_too_large_for_its_new_header(postfix: Postfix, site: Site) -> None:
    policy = '[log]\nto = "none"\n[[filter]]\nuse = "subject"\npatterns = ["."]\naction = "tag"\n'
    site.become("well", {"policy.toml": policy})
    postfix.inside("postconf", "message_size_limit=100000")
    postfix.reload()
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
        postfix.reload()


def test_one_refused_recipient_on_the_way_back_keeps_the_mail_for_all(postfix: Postfix, site: Site) -> None:
    site.become("well", {"policy.toml": '[log]\nto = "none"\n'})
    key = "127.0.0.1:10026/inet/smtpd_recipient_restrictions"
    refusing = "check_recipient_access,inline:{two@rcpt.example=REJECT},permit_mynetworks,reject"
    for value, owed in ((refusing, (0, 0, 1)), ("permit_mynetworks,reject", (1, 0, 0))):
        postfix.inside("postconf", "-P", f"{key}={value}")
        postfix.reload()
        recipients = ["jane@rcpt.example", "two@rcpt.example"]
        assert postfix.submit("joe@sender.example", recipients, b"Subject: x\n\ny\n")[0] == 250
        found = postfix.outcome()
        assert (len(found.delivered), len(found.bounces), found.deferred) == owed


def processes(postfix: Postfix) -> str:
    """The command lines of all that runs on the machine."""
    done = postfix.inside("sh", "-c", "cat /proc/[0-9]*/cmdline", check=False)
    return done.stdout.replace(b"\0", b" ").decode("utf-8", "replace")


HOLDING = {
    # Mailscan is killed, and what it started has the pipes: in its group, and in a session of its own.
    "killed": "sleep 61 &\nsetsid sleep 20 &\nkill -s KILL $$\n",
    "stopped": "sleep 61 &\nkill -s STOP $$\n",
    "deaf": "trap '' TERM HUP INT\nsetsid sleep 20 &\nsleep 61\n",
    "killed before it read": "exec 5<&0\nsetsid sleep 20 &\nkill -s KILL $$\n",
}


@pytest.mark.parametrize("text", HOLDING.values(), ids=list(HOLDING))
def test_the_guard_ends_before_postfix_does(text: str, postfix: Postfix, site: Site) -> None:
    """Postfix waits until nobody holds its pipes, and bounces when its time is over: here after 14 s, and the guard
    ends a mailscan that does not end after 4 s, and not 900.
    """
    site.become("well", {"policy.toml": ""})
    site.command.write_text("#!/bin/sh\n" + text)
    guard = postfix.root / "etc/postfix/mailscan.sh"
    whole = guard.read_text()
    assert (
        " 900 " in whole
        and " 905 " in whole
        and " = 1000s" in postfix.inside("postconf", "mailscan_time_limit").stdout.decode()
    )
    guard.write_text(whole.replace(" 900 ", " 4 ").replace(" 905 ", " 6 "))
    postfix.set("mailscan_time_limit = 14s")
    postfix.reload()
    try:
        assert "mailscan (status" in kept(postfix)
        assert "sleep 61" not in processes(postfix)
    finally:
        guard.write_text(whole)
        postfix.set("mailscan_time_limit = 1000s")
        postfix.reload()


def test_a_directory_on_the_guards_standard_input_is_no_mail(postfix: Postfix, site: Site) -> None:
    site.become("well", {"policy.toml": '[log]\nto = "none"\n'})
    command = (
        "exec sh /etc/postfix/mailscan.sh --smtp=127.0.0.1:10026 --sender=joe@sender.example -- jane@rcpt.example < /"
    )
    done = postfix.inside("sh", "-c", command, check=False)
    assert done.returncode == 75 and done.stdout.startswith(b"4.3.0 ")


def test_a_large_mail_that_nobody_reads_waits(postfix: Postfix, site: Site) -> None:
    """Postfix writes it into a pipe that nobody empties."""
    site.become("well", {"policy.toml": ""})
    site.command.write_text("#!/bin/sh\nexit 1\n")
    kept(postfix, b"Subject: x\n\n" + b"y" * 70 * 20_000 + b"\n")


def test_probes_are_neither_judged_nor_sent(postfix: Postfix, site: Site) -> None:
    """Address verification goes past the content filter, to the next hop: it works while mailscan does not."""
    site.become("missing", {"policy.toml": ""})
    postfix.hop.asked.clear()
    postfix.verify(True)
    try:
        with postfix.client() as server:
            assert server.mail("joe@sender.example")[0] == 250
            assert server.rcpt("jane@rcpt.example")[0] == 250
            assert server.rcpt("nobody@rcpt.example")[0] == 450  # unverified_recipient_reject_code
    finally:
        postfix.verify(False)
    postfix.wait()
    assert {"joe@sender.example", "jane@rcpt.example"} <= set(postfix.hop.asked)
    assert postfix.queued() == 0 and not postfix.hop.arrived


@pytest.mark.parametrize("overridden", [True, False], ids=["as the snippet says", "without its no_address_mappings"])
def test_aliases_and_copies(overridden: bool, postfix: Postfix, site: Site) -> None:
    """docs/mta/postfix.md: rules see the recipients that the sender named, and not who has their mail in the end."""
    site.become("well", BY_NAME["accept"].files())
    postfix.set(
        "virtual_alias_maps = inline:{ {team@rcpt.example = jane@rcpt.example} }",
        "always_bcc = archive@rcpt.example",
        f"receive_override_options = {'no_address_mappings' if overridden else ''}",
    )
    postfix.reload()
    try:
        assert postfix.submit("joe@sender.example", ["team@rcpt.example"], BY_NAME["accept"].octets)[0] == 250
        found = postfix.outcome().delivered
    finally:
        postfix.inside("postconf", "-X", "virtual_alias_maps", "always_bcc")
        postfix.set("receive_override_options = no_address_mappings")
        postfix.reload()
    copies = ["archive@rcpt.example"] * (1 if overridden else 2)
    assert sorted(one for mail in found for one in mail.recipients) == [*copies, "jane@rcpt.example"]
    for mail in found:
        (seen,) = [line.decode().split()[3:] for line in unfolded(mail.octets) if line.startswith(b"X-Seen: ")]
        assert sorted(seen) == (["team@rcpt.example"] if overridden else ["archive@rcpt.example", "jane@rcpt.example"])


def test_mail_that_postfix_itself_sends_on_is_judged_once(postfix: Postfix, site: Site) -> None:
    """An alias of this machine's to an address elsewhere: Postfix makes a new mail of the one that was judged."""
    site.become("well", BY_NAME["accept"].files())
    postfix.inside(
        "sh", "-c", "cp /etc/aliases /etc/aliases.before; echo 'away: joe@elsewhere.example' >> /etc/aliases"
    )
    postfix.inside("newaliases")
    before = len(postfix.log())
    assert postfix.submit("joe@sender.example", ["away@mx.rcpt.example"], BY_NAME["accept"].octets)[0] == 250
    (mail,) = postfix.outcome().delivered
    assert mail.recipients == ("joe@elsewhere.example",)
    assert [line.split()[-1] for line in unfolded(mail.octets) if line.startswith(b"X-Seen: ")] == [
        b"away@mx.rcpt.example"
    ]
    assert postfix.log()[before:].count("relay=mailscan,") == 1


def test_a_user_that_is_not_there(postfix: Postfix, site: Site) -> None:
    """The last one here: Postfix does not start the service again for a minute."""
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
