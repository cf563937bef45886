"""What is for people: accounts, help, versions, `check`, `filters`, `init`, completion."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import terminal
from running import ENVIRON, LETTER, START, mailscan, policy, shell


def test_check_names_every_mistake(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def check(mail, outside):\n    return []\n")
    mine = '[[filter]]\nuse = "./mine.py"\n'
    done = mailscan("check", policy(tmp_path, mine), "--door", "text")
    assert (done.status, done.err) == (0, "")
    assert b"no mistakes; the rules are mine\n" in done.out
    assert b"it must not want body, change, rcpt_add, rcpt_remove at --format text" in done.out
    done = mailscan("check", policy(tmp_path, mine + '[[filter]]\nuse = "subjekt"\n[log]\nform = "x"\n[sites]\n'))
    assert (done.status, done.out, done.err.count("\n")) == (1, b"", 3)
    (tmp_path / "mine.py").write_text("def check(:\n")
    done = mailscan("check", policy(tmp_path, mine))
    assert (done.status, done.out) == (1, b"")
    assert re.search(r"\[\[filter\]\] 1 \(mine\): .*mine.py:1: SyntaxError", done.err)


def test_an_account_is_plain_on_a_pipe() -> None:
    done = mailscan("--explain", "--rcpt", "spamtrap@example.com")
    assert (done.status, done.out) == (77, b"5.7.1 Spam not wanted here\n")
    assert "spamtrap.hit  spamtrap@example.com" in done.err
    assert "policy: the starter policy" in done.err
    assert "\x1b" not in done.err


def test_a_terminal_is_told_that_a_message_is_awaited() -> None:
    ours, theirs = terminal()
    with subprocess.Popen(START, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRON) as process:
        assert process.stderr
        assert b"a message is awaited on standard input" in process.stderr.readline()
        os.write(ours, LETTER + b"\x04")
        assert process.wait(10) == 0
    os.close(ours)
    os.close(theirs)


def test_being_terminated_is_a_tempfail() -> None:
    ours, theirs = terminal()
    with subprocess.Popen(START, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRON) as process:
        assert process.stderr
        process.stderr.readline()  # it waits for the message now
        process.terminate()
        assert process.wait(10) == 75
    os.close(ours)
    os.close(theirs)


def test_help_and_version() -> None:
    for args in (("--help",), ("scan", "--help"), ("check", "--help"), ("filters", "--help"), ("init", "--help")):
        done = mailscan(*args, stdin=b"")
        assert (done.status, done.err) == (0, "")
        assert b"Example" in done.out
    version = mailscan("--version").out.decode()
    for name in ("mailscan", "Python", "libmagic", "python-magic", "pyspf", "dnspython", "pybase64", "click"):
        assert re.search(rf"(?m)^{name} \d", version), name


def test_commands_for_people_say_where_their_output_went() -> None:
    for place, why in ((">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")):
        for args in ("--version", "filters", "check"):
            done = shell(f'"$@" {args} {place}')
            assert (done.status, done.err) == (1, f"mailscan: standard output cannot be written: {why}\n")
        assert shell(f'"$@" scan --help {place}').status == 75


def test_filters_and_init(tmp_path: Path) -> None:
    assert b"spamtrap " in mailscan("filters").out
    assert b"local_parts = " in mailscan("filters", "spamtrap").out
    path = str(tmp_path / "policy.toml")
    assert mailscan("init", path).status == 0
    assert Path(path).read_bytes() == mailscan("init").out
    assert mailscan("check", path).status == 0
    assert mailscan("--policy", path, "--rcpt", "spamtrap@example.com").status == 77
    again = mailscan("init", path)
    assert (again.status, again.err) == (1, f"mailscan: {path} exists and is left as it is\n")


def test_python_dash_m_and_completion() -> None:
    done = subprocess.run([sys.executable, "-m", "mailscan"], input=LETTER, capture_output=True, env=ENVIRON)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    done = subprocess.run(START, capture_output=True, env=ENVIRON | {"_MAILSCAN_COMPLETE": "bash_source"})
    assert b"complete" in done.stdout
