"""What docs/elspy.md tells people to do works, and every name it promises is there."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from conftest import PROJECT

from mailscan.elspy.surroundings import Surroundings
from mailscan.envelope import Envelope

PAGE = (PROJECT / "docs" / "elspy.md").read_text(encoding="utf-8")
OLD = """\
# Written in 2004.
from elspy import RejectMessage


def local_scan (info, headers, fd):
    subject = headers.get('subject')
    if info.sender_address:
        print "from", info.sender_address
    if subject <> None: return "fine"
    raise RejectMessage, "no subject"
"""


def block(language: str) -> str:
    return PAGE.partition(f"```{language}\n")[2].partition("```")[0]


def mailscan(folder: Path, *args: str, message: bytes = b"") -> tuple[int, str, str]:
    """(status, standard output, standard error)"""
    words = [sys.executable, "-m", "mailscan", *args]
    done = subprocess.run(words, input=message, capture_output=True, check=False, cwd=PROJECT)
    return done.returncode, done.stdout.decode(), done.stderr.decode().replace(f"{folder}/", "")


def test_the_file_of_the_page_judges_as_it_says(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(block("toml"))
    (tmp_path / "exim_local_scan.py").write_text(block("python"))
    for message, status, out in (
        (b"Subject: hello\n\n419\n", 0, "X-Hops: 0\n"),
        (b"Received: a\nReceived: b\nSubject: \xff\n\n\xff\xfe\n", 0, "X-Hops: 2\n"),
        (b"To: jane@example.com\n\nno subject\n", 0, "X-Hops: 0\n"),
        (b"Subject: Spam, spam\n\nx\n", 77, "5.7.1 this is obviously spam\n"),
        (b"Subject: x\n\n419 \xff 419 419\n", 77, "5.7.1 that offer is too good\n"),
    ):
        assert mailscan(tmp_path, "--policy", str(policy), message=message)[:2] == (status, out), message


def test_going_over(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(block("toml"))
    (tmp_path / "exim_local_scan.py").write_text(OLD)
    status, out, err = mailscan(tmp_path, "check", str(policy))
    assert (status, out) == (1, "")
    told = [line.partition("): ")[2] for line in err.splitlines()]
    shown = re.findall(r"^   (exim_local_scan\.py:.*)$", PAGE, re.MULTILINE)
    assert told == shown
    assert len(told) == 3
    new = OLD
    for what, instead in (
        ('print "from", info.sender_address', 'print("from", info.sender_address)'),
        ("<>", "!="),
        ('RejectMessage, "no subject"', 'RejectMessage("no subject")'),
    ):
        new = new.replace(what, instead)
    (tmp_path / "exim_local_scan.py").write_text(new)
    assert mailscan(tmp_path, "check", str(policy))[0] == 0
    words = ("--policy", str(policy), "--sender", "a@example.net")
    assert mailscan(tmp_path, *words, message=b"To: b@example.com\n\nx\n")[:2] == (77, "5.7.1 no subject\n")
    status, out, err = mailscan(tmp_path, *words, "--explain", message=b"Subject: x\n\nx\n")
    assert (status, out) == (0, "")
    assert "elspy.returned" in err
    policy.write_text(block("toml") + 'action = "ignore"\n')
    status, _, err = mailscan(tmp_path, *words, "--explain", message=b"To: b@example.com\n\nx\n")
    assert status == 0
    assert "no subject" in err


def test_every_name_of_the_page_is_there() -> None:
    table = PAGE.partition("## What it may import")[2].partition("`unicode`")[0]
    names = re.findall(r"^\| `elspy`, `elspy.util` \| the exceptions, (.*) \|$", table, re.MULTILINE)[0]
    with Surroundings():
        for module in ("elspy", "elspy.util"):
            for name in (*re.findall(r"`(\w+)`", names), "AcceptMessage", "RejectVirusRelated", "TempRejectMessage"):
                assert hasattr(import_module(module), name), name
        for module, name in (
            ("elspy.execontent_simple", "BAD_EXTENSIONS"),
            ("elspy.spamassassin", "REJECT_THRESHOLD"),
            ("elspy.spamassassin", "SPAMD_ADDRESS"),
            ("email.Header", "decode_header"),
            ("email.Utils", "parseaddr"),
            ("email.Parser", "Parser"),
            ("email.Message", "Message"),
            ("email.Errors", "MessageParseError"),
            ("email.Charset", "Charset"),
            ("StringIO", "StringIO"),
            ("cStringIO", "StringIO"),
            ("spf", "check"),
        ):
            assert hasattr(import_module(module), name), f"{module}.{name}"
        for name in re.findall(r"`(\w+)`", PAGE.partition("`unicode`, ")[2].partition("are there too")[0]):
            eval(name)
    facts = PAGE.partition("**`info`**")[2].partition("What is not known")[0]
    from mailscan.elspy.info import EximInfo

    for name in re.findall(r"`([a-z]+_[a-z_]+)`", facts):
        assert hasattr(EximInfo(Envelope()), name), name
