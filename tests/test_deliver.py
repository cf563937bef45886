"""`mailscan deliver`: what is handed on, octet for octet, and that every failure keeps the mail where it is (75)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest
from conftest import PROJECT

from mailscan.errors import MailscanError
from mailscan.reinject import by_program, by_smtp

MAIL = (PROJECT / "testdata" / "messages" / "plain.eml").read_bytes()
SENDMAIL = """#!/bin/sh
[ -n "$FAIL" ] && { echo "no room" >&2; exit "$FAIL"; }
for one; do printf '%s\\0' "$one"; done > "$TAKEN.args"
cat > "$TAKEN"
[ -z "$SLOW" ] || sleep "$SLOW"
"""


class Mailer:
    """A `sendmail` that keeps what it is given."""

    def __init__(self, folder: Path) -> None:
        self.program, self.taken = folder / "sendmail", folder / "taken"
        self.program.write_text(SENDMAIL)
        self.program.chmod(0o755)

    def run(
        self,
        *args: str,
        mail: bytes = MAIL,
        closed: tuple[int, ...] = (),
        stdout: int | IO[bytes] = subprocess.PIPE,
        **environ: str,
    ) -> subprocess.CompletedProcess[bytes]:
        own = ["--sendmail", str(self.program), "--policy", str(PROJECT / "mailscan" / "starter.toml"), *args]
        return subprocess.run(
            [sys.executable, "-m", "mailscan", "deliver", *own],
            input=mail,
            stdout=stdout,
            stderr=subprocess.PIPE,
            preexec_fn=(lambda: tuple(map(os.close, closed))) if closed else None,
            cwd=PROJECT,
            env=os.environ | {"TAKEN": str(self.taken)} | environ,
            check=False,
        )

    @property
    def args(self) -> list[str]:
        return Path(f"{self.taken}.args").read_bytes().decode("utf-8").split("\0")[:-1]


@pytest.fixture
def mailer(tmp_path: Path) -> Mailer:
    return Mailer(tmp_path)


def nothing_was_taken(mailer: Mailer) -> bool:
    return not mailer.taken.exists()


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--sender", "a@example.org"),
        ("--", "b@example.com"),
        ("--sender", "a@example.org", "--on-reject", "drop", "--", "b@example.com"),
        ("--sender", "a@example.org", "--on-reject", "quarantine", "--", "b@example.com"),
        ("--sender", "a@example.org", "--from-environment"),
        ("--sender", "a@example.org", "--nonsense", "--", "b@example.com"),
    ],
)
def test_a_command_line_that_cannot_be_meant_keeps_the_mail(mailer: Mailer, args: tuple[str, ...]) -> None:
    done = mailer.run(*args, RECIPIENT="")
    assert done.returncode == 75
    assert done.stderr.count(b"\n") == 1
    assert nothing_was_taken(mailer)


def test_an_accepted_mail_is_handed_on_as_it_came(mailer: Mailer) -> None:
    odd = ['"a b"@example.com', "-x@example.com", "$(id)@example.com", "`id`@example.com", '"a,b"@example.com']
    done = mailer.run("--sender", "joe@example.org", "--", *odd)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"2.0.0 Handed on\n", b"")
    assert mailer.args == ["-G", "-i", "-f", "joe@example.org", "--", *odd]
    assert mailer.taken.read_bytes() == MAIL


def test_the_null_sender_and_a_mailboxs_line(mailer: Mailer) -> None:
    assert mailer.run("--sender", "", "--", "b@example.com", mail=b"From joe Mon\n" + MAIL).returncode == 0
    assert mailer.args[3] == "<>"
    assert mailer.taken.read_bytes() == MAIL


def test_refused_mail_is_tagged_and_no_sender_can_say_so_himself(mailer: Mailer) -> None:
    done = mailer.run("--sender", "joe@example.org", "--", "spamtrap@example.com")
    assert done.returncode == 0
    assert mailer.taken.read_bytes() == b"X-Mailscan-Verdict: reject 5.7.1 spamtrap\n" + MAIL
    forged = b"X-Mailscan-Verdict: accept\n" + MAIL
    assert mailer.run("--sender", "joe@example.org", "--", "b@example.com", mail=forged).returncode == 0
    assert mailer.taken.read_bytes() == MAIL


@pytest.mark.parametrize(
    "before", [b"A: b\n: x\n", b"A: b\r", b"From joe\r", b"From joe\nFrom jim\n", b"\n", b"\0", b"A\n"]
)
def test_no_sender_can_say_so_where_only_some_readers_find_it(mailer: Mailer, before: bytes) -> None:
    forged = before + b"X-Mailscan-Verdict: accept\n" + MAIL
    assert mailer.run("--sender", "joe@example.org", "--", "b@example.com", mail=forged).returncode == 0
    taken = mailer.taken.read_bytes()
    assert b"X-Mailscan-Verdict" not in taken
    assert taken.endswith(MAIL)
    assert not taken.startswith(b"From joe")


def test_refused_mail_bounces_where_that_is_wanted_but_never_to_the_null_sender(mailer: Mailer) -> None:
    done = mailer.run("--on-reject", "bounce", "--sender", "joe@example.org", "--", "spamtrap@example.com")
    assert (done.returncode, done.stdout) == (77, b"5.7.1 Spam not wanted here\n")
    assert nothing_was_taken(mailer)
    assert mailer.run("--on-reject", "bounce", "--sender", "<>", "--", "spamtrap@example.com").returncode == 0
    assert mailer.taken.read_bytes().startswith(b"X-Mailscan-Verdict: reject")


def test_refused_mail_goes_to_the_quarantine_alone(mailer: Mailer) -> None:
    aside = ("--on-reject", "quarantine", "--quarantine", "held@example.com")
    assert mailer.run(*aside, "--sender", "joe@example.org", "--", "spamtrap@example.com").returncode == 0
    assert mailer.args[5:] == ["held@example.com"]


def test_the_environment_of_exims_pipe(mailer: Mailer) -> None:
    done = mailer.run("--from-environment", SENDER="", RECIPIENT="b@example.com")
    assert done.returncode == 0
    assert mailer.args == ["-G", "-i", "-f", "<>", "--", "b@example.com"]


@pytest.mark.parametrize("status", ["1", "64", "67", "75", "77", "127"])
def test_whatever_sendmail_ends_with_the_mail_is_kept(mailer: Mailer, status: str) -> None:
    done = mailer.run("--sender", "joe@example.org", "--", "b@example.com", FAIL=status)
    assert done.returncode == 75
    assert b"ended with status " + status.encode() + b": no room" in done.stderr


def test_a_sendmail_that_is_not_there_or_does_not_end(mailer: Mailer) -> None:
    assert mailer.run("--sendmail", "/nonexistent", "--sender", "a@b", "--", "b@example.com").returncode == 75
    late = mailer.run("--timeout", "1.5", "--sender", "a@b", "--", "b@example.com", SLOW="20")
    assert late.returncode == 75
    assert b"did not take the mail" in late.stderr


def test_a_sendmail_that_leaves_somebody_behind_has_taken_the_mail(mailer: Mailer) -> None:
    """Its end counts, not the end of its standard error: a mail tried again would come twice."""
    mailer.program.write_text('#!/bin/sh\ncat > "$TAKEN"\n(setsid sleep 20 &)\nexit "${FAIL:-0}"\n')
    done = mailer.run("--timeout", "5", "--sender", "a@b", "--", "b@example.com")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"2.0.0 Handed on\n", b"")
    assert mailer.taken.read_bytes() == MAIL
    failed = mailer.run("--timeout", "5", "--sender", "a@b", "--", "b@example.com", FAIL="69")
    assert failed.returncode == 75
    assert b"ended with status 69: and said nothing" in failed.stderr


def test_what_sendmail_says_needs_no_temporary_folder(mailer: Mailer, monkeypatch: pytest.MonkeyPatch) -> None:
    mailer.program.write_text("#!/bin/sh\ncat > /dev/null\nyes no | head -c 1000000 >&2\nexit 70\n")
    loud = mailer.run("--sender", "a@b", "--", "b@example.com")
    assert loud.returncode == 75
    assert loud.stderr.startswith(b"mailscan: ")
    assert b"status 70: no no no" in loud.stderr
    assert len(loud.stderr) < 1000
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    with pytest.raises(MailscanError, match="status 70: and said nothing"):
        by_program(str(mailer.program), "a@b", ["b@example.com"], MAIL, 5)
    mailer.program.write_text("#!/bin/sh\ncat > /dev/null\n")
    by_program(str(mailer.program), "a@b", ["b@example.com"], MAIL, 5)


def test_a_closed_standard_output_is_told_before_the_mail_is_handed_on(mailer: Mailer) -> None:
    """Nobody could hear that it was: whoever started it would bring the mail again."""
    for closed in ((1,), (1, 2)):
        done = mailer.run("--sender", "a@b", "--", "b@example.com", closed=closed)
        assert (done.returncode, done.stdout) == (75, b"")
        assert (b"output is closed: nothing was handed on" in done.stderr) == (2 not in closed)
        assert nothing_was_taken(mailer)
    assert mailer.run("--sender", "a@b", "--", "b@example.com", closed=(2,)).returncode == 0


def test_a_standard_output_that_takes_nothing_once_the_mail_was_taken_is_75(mailer: Mailer) -> None:
    with open("/dev/full", "wb") as full:
        done = mailer.run("--sender", "a@b", "--", "b@example.com", stdout=full)
    assert done.returncode == 75
    assert b"standard output cannot be written" in done.stderr
    assert mailer.taken.read_bytes() == MAIL


# --- by SMTP


@contextmanager
def server(refused: bytes = b"") -> Iterator[tuple[str, list[bytes]]]:
    """An SMTP server that takes one mail; the command that begins with `refused` gets a 550."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            peer, _ = listening.accept()
            # Reset: the client did not wait for the answer to its QUIT.
            with suppress(ConnectionResetError), peer, peer.makefile("rwb", buffering=0) as wire:
                wire.write(b"220 here\r\n")
                while line := wire.readline():
                    heard.append(line)
                    if refused and line.upper().startswith(refused):
                        wire.write(b"550 no\r\n")
                    elif line.upper().startswith(b"EHLO"):
                        wire.write(b"250-here\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
                    elif line.upper().startswith(b"DATA"):
                        wire.write(b"354 go on\r\n")
                        while (text := wire.readline()) not in (b".\r\n", b""):
                            heard.append(text)
                        wire.write(b"250 taken\r\n")
                    else:
                        wire.write(b"250 ok\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", heard
        thread.join(10)


def test_by_smtp_with_lone_dots(mailer: Mailer) -> None:
    mail = b"Subject: x\n\n.\n..\nend\n"
    with server() as (address, heard):
        done = mailer.run("--smtp", address, "--sender", "", "--", "b@example.com", "c@example.com", mail=mail)
        assert (done.returncode, done.stderr) == (0, b"")
    assert heard[1].startswith(b"MAIL FROM:<>")
    assert [line for line in heard if line.lower().startswith(b"rcpt")] == [
        b"RCPT TO:<b@example.com>\r\n",
        b"RCPT TO:<c@example.com>\r\n",
    ]
    assert b"".join(heard[5:10]) == b"Subject: x\r\n\r\n..\r\n...\r\nend\r\n"


AS_THEY_ARE = [
    "a;b@x.y", "a:b;@x.y", "u(c)@x.y", "@a.b,@c.d:u@x.y", "a@b.c,evil@z.z", '"a b"@x.y', '"a\\"> <evil@z.z"@x.y',
    "=?utf-8?q?evil?=@x.y", "u@[IPv6:::1]", "u@[127.0.0.1", ".a..b.@x.y", "a@b@c", "u@x.y,", "postmaster", "'u@x.y'",
]  # fmt: skip


def test_addresses_go_to_the_server_as_they_are(mailer: Mailer) -> None:
    for sender in AS_THEY_ARE[:4]:
        with server() as (address, heard):
            done = mailer.run("--smtp", address, "--sender", sender, "--", *AS_THEY_ARE)
            assert (done.returncode, done.stderr) == (0, b"")
        assert heard[1] == f"MAIL FROM:<{sender}> BODY=8BITMIME\r\n".encode()
        assert [line for line in heard if line.startswith(b"RCPT")] == [
            f"RCPT TO:<{one}>\r\n".encode() for one in AS_THEY_ARE
        ]


@pytest.mark.parametrize(
    "wrong",
    [
        "x <evil@z.z>", "u@x.y\tz", "u@x.y\nRCPT TO:<evil@z.z>", "u@x.y\r", "u@x.y> <evil@z.z", "a b@x.y", "<a@x.y",
        '"u@x.y', 'u"@x.y', '"u\\"@x.y', "u\\@x.y", "u@x.y\\", '"a\tb"@x.y', '"a\\\nb"@x.y', "u\x7f@x.y",
        "ü\x85@x.y", "",
    ],
)  # fmt: skip
def test_what_would_be_another_address_there_is_refused(wrong: str) -> None:
    said: list[str] = []
    for sender, recipients in (("a@b", ["b@example.com", wrong]), (wrong, ["b@example.com"])):
        if not (sender or recipients[1:]):
            continue  # the null sender
        with pytest.raises(MailscanError, match="cannot be sent by SMTP") as caught:
            by_smtp("127.0.0.1:1", sender, recipients, MAIL, 5)
        said.append(str(caught.value))
    assert all(line.isprintable() for line in said)


def test_an_address_that_is_refused_keeps_the_mail(mailer: Mailer) -> None:
    done = mailer.run("--smtp", "127.0.0.1:1", "--sender", "a@b", "--", "b@example.com", "x <evil@z.z>")
    assert done.returncode == 75
    assert done.stderr == (
        b"mailscan: 'x <evil@z.z>' cannot be sent by SMTP: it has \" \" outside of quotes (RFC 5321 4.1.2)\n"
    )


@pytest.mark.parametrize("refused", [b"MAIL", b"RCPT TO:<C", b"DATA"])
def test_a_server_that_refuses_anything_is_given_nothing(mailer: Mailer, refused: bytes) -> None:
    with server(refused) as (address, heard):
        done = mailer.run("--smtp", address, "--sender", "a@b", "--", "b@example.com", "c@example.com")
        assert done.returncode == 75
        assert b"550 no" in done.stderr
    assert not any(line.startswith(b"Subject") for line in heard)


def test_a_server_that_is_not_there(mailer: Mailer) -> None:
    assert mailer.run("--smtp", "127.0.0.1:1", "--sender", "a@b", "--", "b@example.com").returncode == 75
    assert mailer.run("--smtp", "nonsense", "--sender", "a@b", "--", "b@example.com").returncode == 75


def test_raw_octets_in_a_header_do_not_ask_for_smtputf8(mailer: Mailer) -> None:
    with server() as (address, heard):
        mail = "Subject: Grüße\n\nx\n".encode()
        assert (
            mailer.run("--smtp", address, "--sender", "a@b.example", "--", "b@example.com", mail=mail).returncode == 0
        )
    assert heard[1] == b"MAIL FROM:<a@b.example> BODY=8BITMIME\r\n"
    with server() as (address, heard):
        assert mailer.run("--smtp", address, "--sender", "ü@b.example", "--", "b@example.com").returncode == 0
    assert heard[1] == "MAIL FROM:<ü@b.example> BODY=8BITMIME SMTPUTF8\r\n".encode()


def test_a_server_that_dribbles_does_not_hold_it_for_ever(mailer: Mailer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            peer, _ = listening.accept()
            with peer:
                try:
                    while True:
                        peer.sendall(b"220-wait\r\n")
                        threading.Event().wait(0.2)
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        done = mailer.run("--timeout", "2", "--smtp", address, "--sender", "a@b", "--", "b@example.com")
        assert done.returncode == 75
        assert b"did not take the mail in" in done.stderr
        thread.join(10)


def test_a_client_that_calls_itself_two_dashes(mailer: Mailer) -> None:
    assert mailer.run("--helo", "--", "--auth-user", "--", "--sender", "a@b", "--", "b@example.com").returncode == 0
    assert mailer.args[5:] == ["b@example.com"]


REFUSED = MAIL.replace(b"Subject: ", b"X-Mailscan-Verdict: accept\nSubject: ADV: ", 1)


def test_a_mail_given_back_on_standard_output(mailer: Mailer) -> None:
    """The mail and nothing else, whatever name the sender has; nobody else is given it."""
    for sender in ("joe@example.org", ""):
        done = mailer.run("--stdout", "--sender", sender, "--", "b@example.com")
        assert (done.returncode, done.stdout, done.stderr) == (0, MAIL, b"")
    assert not mailer.taken.exists()


def test_refused_mail_on_standard_output_is_marked_or_not_there(mailer: Mailer) -> None:
    own = ["--stdout", "--sender", "joe@example.org", "--rcpt", "b@example.com"]
    tagged = mailer.run(*own, mail=REFUSED)
    assert tagged.returncode == 0 and tagged.stdout.startswith(b"X-Mailscan-Verdict: reject 5.7.1 ")
    assert tagged.stdout.partition(b"\n")[2] == REFUSED.replace(b"X-Mailscan-Verdict: accept\n", b"")
    bounced = mailer.run(*own, "--on-reject", "bounce", mail=REFUSED)
    assert bounced.returncode == 77 and bounced.stdout.startswith(b"5.7.1 ") and bounced.stdout.count(b"\n") == 1
    assert not mailer.taken.exists()


def test_standard_output_takes_no_mail_to_another_place(mailer: Mailer) -> None:
    for more in (["--smtp", "127.0.0.1:25"], ["--on-reject", "quarantine", "--quarantine", "q@example.com"]):
        done = mailer.run("--stdout", "--sender", "a@b", *more, "--", "b@example.com")
        assert done.returncode == 75 and b"--stdout" in done.stderr and MAIL not in done.stdout
    with open("/dev/full", "wb") as full:
        assert mailer.run("--stdout", "--sender", "a@b", "--", "b@example.com", stdout=full).returncode == 75


def test_standard_output_carries_no_change_of_recipients(mailer: Mailer, tmp_path: Path) -> None:
    rule = '[[filter]]\nuse = "spamtrap"\naddresses = ["trap@b"]\naction = "reject"\nscope = "recipient"\n'
    policy = tmp_path / "policy.toml"
    policy.write_text('[log]\nto = "none"\n' + rule)
    done = mailer.run("--policy", str(policy), "--stdout", "--sender", "a@b", "--", "trap@b", "jane@b")
    assert done.returncode == 75 and MAIL not in done.stdout
    assert b"a recipient removed, which --stdout cannot carry" in done.stderr
