"""`mailscan try`: what a file does to messages is told rightly, and nothing in a mail reaches the terminal."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from conftest import terminal
from running import ENVIRON, START, Done, mailscan

OWN = """from mailscan import Evidence, Finding, accept, tag, tempfail

def check(mail, outside):
    subject, raw = mail.message.subject, mail.message.raw
    if "boom" in subject:
        1 / 0
    if "free" in subject:
        at = raw.find(b"free")
        yield Finding("own.free", subject, action="reject", reply="Größe", evidence=[Evidence("1", at, at + 4)])
    if "long" in subject:
        yield Finding("own.long", action="tempfail", evidence=[Evidence("1.2", 0, len(raw), "a.zip")])
    if "beyond" in subject:
        yield Finding("own.beyond", evidence=[Evidence("", 10**12, 5), Evidence("1", -9, 10**12)])
    if "score" in subject:
        yield Finding("own.score", score=2.5)
    if "tag" in subject:
        yield tag("X-Own", "yes")
    if "pass" in subject:
        yield accept()
    if "envelope" in subject:
        one = mail.envelope
        yield Finding("own.envelope", f"{one.sender} {one.recipients} {one.client_ip} {one.helo} {one.auth_user}")
    if "hundred" in subject:
        yield from (Finding("own.one", str(number)) for number in range(100))
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def message(folder: Path, subject: str) -> str:
    path = folder / f"{subject.partition(' ')[0]}.eml"
    path.write_text(f"From: joe@example.org\nSubject: {subject}\n\nHello\n")
    return str(path)


def told(*args: str, stdin: bytes = b"") -> tuple[int, str]:
    """(exit status, standard output without folder and times), and nothing on standard error."""
    done = mailscan("try", *args, stdin=stdin)
    assert done.err == ""
    return done.status, re.sub(r"\d+\.\d ms", "… ms", re.sub(r"/\S+/(?=\w+\.(eml|py))", "", done.out.decode()))


def test_nothing_found_is_one_line_and_no_failure(own: Path, tmp_path: Path) -> None:
    assert told(str(own), message(tmp_path, "hello")) == (0, "hello.eml: nothing found  (… ms)\n")
    assert told(str(own), stdin=b"Subject: hello\n\n") == (0, "standard input: nothing found  (… ms)\n")


def test_what_it_found_is_shown_with_the_octets_around_it(own: Path, tmp_path: Path) -> None:
    status, out = told(str(own), message(tmp_path, "all free money"))
    assert status == 0
    assert out == (
        "all.eml: reject 550 5.7.1  (… ms)\n"
        "  the sender hears: Grosse\n"
        "    (the rule says it in other letters: an SMTP reply is ASCII)\n"
        "  own.free: all free money\n"
        "    line 2, octets 35–39, part 1\n"
        "      Subject: all free money\n"
        "                   ^^^^\n"
    )


def test_evidence_that_is_long_or_beyond_the_message_is_cut(own: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.eml"
    path.write_bytes(b"Subject: long\n\n" + b"\x1b]0;x\x07\xff" * 100_000)
    _, out = told(str(own), str(path))
    assert "line 1, octets 0–700015, part 1.2, member a.zip\n      Subject: long\\n\\n\\x1b]0;x" in out
    assert len(out) < 1500
    status, out = told(str(own), message(tmp_path, "beyond"))
    assert (status, out.count("octets")) == (0, 2)
    status, out = told(str(own), message(tmp_path, "hundred"))
    assert out.endswith("  own.one: 49\n  (50 more findings)\n")


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("score", "score  (… ms)\n  own.score +2.5\n"),
        ("tag", "tag  (… ms)\n  own.tag: X-Own: yes\n  adds X-Own: yes\n"),
        ("pass", "accept  (… ms)\n  own.accept\n"),
        ("envelope", "only logged  (… ms)\n  own.envelope: None () None None None\n"),
    ],
)
def test_what_would_follow_is_said(own: Path, tmp_path: Path, subject: str, said: str) -> None:
    assert told(str(own), message(tmp_path, subject)) == (0, f"{subject}.eml: {said}")


def test_the_envelope_is_what_the_options_say(own: Path, tmp_path: Path) -> None:
    words = ["--sender", "a@b.example", "--rcpt", "c@d.example", "--client-ip", "192.0.2.1", "--helo", "h"]
    _, out = told(str(own), message(tmp_path, "envelope"), *words, "--auth-user", "joe")
    assert "a@b.example ('c@d.example',) 192.0.2.1 h joe" in out


def test_a_file_that_fails_is_told_with_its_line(own: Path, tmp_path: Path) -> None:
    assert told(str(own), message(tmp_path, "boom")) == (
        1,
        "boom.eml: failed  (… ms)\n  own.py:6: ZeroDivisionError: division by zero\n"
        "  a rule is a tempfail then, unless its on_error says otherwise\n",
    )


def test_several_messages_have_a_summary_and_one_bad_one_stops_nothing(own: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mail" / "cur"
    folder.mkdir(parents=True)
    for subject in ("boom", "free", "hello", "score"):
        message(folder, subject)
    (folder / ".hidden").write_text("Subject: boom\n\n")
    (folder / "zero.eml").write_text("")
    os.mkfifo(folder / "pipe")
    status, out = told(str(own), str(tmp_path / "mail"))
    assert status == 1
    assert out.splitlines()[-2].startswith("zero.eml: is empty")
    summary = out.splitlines()[-1]
    assert re.fullmatch(
        r"6 messages: 1 reject, 1 score, 1 nothing, 1 failed, 2 not read; slowest … ms \(\w+.eml\)", summary
    )
    two = message(tmp_path, "free"), message(tmp_path, "hello")
    status, out = told("--only-found", str(own), *two)
    assert status == 0
    assert "hello.eml: nothing" not in out
    assert out.splitlines()[-1].startswith("2 messages: 1 reject, 1 nothing; slowest")


def refused(*args: str) -> Done:
    done = mailscan("try", *args, stdin=b"")
    assert (done.status, done.out, done.err.count("\n")) == (1, b"", 1)
    return done


def test_what_cannot_be_tried_is_said_in_one_line(own: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "there is no file in it" in refused(str(own), str(tmp_path / "empty")).err
    assert "nowhere.eml: No such file or directory" in refused(str(own), str(tmp_path / "nowhere.eml")).err
    assert "none.py" in refused(str(tmp_path / "none.py"), str(tmp_path)).err
    own.write_text("def check(mail, outside)\n")
    assert "own.py:1: SyntaxError" in refused(str(own), message(tmp_path, "hello")).err


def test_an_old_file_is_told_every_line_that_python_3_cannot_parse(own: Path) -> None:
    own.write_text("def local_scan(info, headers, fd):\n    print 'x'\n    if info <> fd:\n        pass\n")
    done = mailscan("try", str(own), stdin=b"Subject: x\n\n")
    assert (done.status, done.out) == (1, b"")
    assert [line.partition("own.py")[2] for line in done.err.splitlines()] == [
        ":2: print is a function: write `print('x')`",
        ":3: write `!=` for `<>`",
    ]


def test_a_directory_as_tmp_is_not_to_be_changed(own: Path, tmp_path: Path) -> None:
    own.parent.chmod(0o1777)
    assert "anyone may put files into it; a directory of your own is wanted" in refused(str(own)).err
    own.parent.chmod(0o777)
    assert f"chmod o-w {own.parent}" in refused(str(own)).err


def test_a_terminal_gets_colours_and_a_pipe_none(own: Path, tmp_path: Path) -> None:
    words = ["try", str(own), message(tmp_path, "free"), message(tmp_path, "hello")]
    assert b"\x1b" not in mailscan(*words).out
    ours, theirs = terminal()
    environ = ENVIRON | {"TERM": "xterm-256color", "COLUMNS": "200"}
    with subprocess.Popen([*START, *words], stdin=subprocess.DEVNULL, stdout=theirs, env=environ) as process:
        os.close(theirs)
        sent = b""
        try:
            while piece := os.read(ours, 65_536):
                sent += piece
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        assert process.wait(20) == 0
    assert b"\x1b[1;31mreject 550 5.7.1" in sent
    assert b"\x1b[1;4;31mfree\x1b" in sent
    assert b"^^^^" not in sent
    assert b"2 messages: " in sent
