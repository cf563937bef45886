"""A caller, a machine or a postmaster's file at its worst: what comes out is still a verdict or 75, and in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import ENVIRON, FAILED, LETTER, QUIET, START, failed, mailscan, policy

TRAP = ("--rcpt", "spamtrap@example.com")
OWN = '[log]\nto = "none"\n[[filter]]\nuse = "./own.py"\non_error = "ignore"\n'


def test_words_that_are_no_command() -> None:
    for word in ("", " ", "foo"):
        failed(mailscan(word, *TRAP), "there is no command")
    done = mailscan("foo", "--format", "kv")
    assert (done.status, done.err) == (75, "")


@pytest.mark.parametrize("value", ["", "1", "zsh_source", "bash_complete"])
def test_completion_is_for_shells_and_never_answers_a_mailer(value: str) -> None:
    done = mailscan(*TRAP, _MAILSCAN_COMPLETE=value)
    assert (done.status, done.out) == (77, b"5.7.1 Spam not wanted here\n")


def test_completion_works() -> None:
    done = mailscan(stdin=b"", _MAILSCAN_COMPLETE="bash_source")
    assert done.status == 0
    assert b"_MAILSCAN_COMPLETE=bash_complete" in done.out


def started(*args: str, prepare: str = "", stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """The command, waiting for its message, after some Python of the caller's."""
    words = [sys.executable, "-c", f"{prepare}\nfrom mailscan.cli import main; main()", *args]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=stderr, env=ENVIRON)


@pytest.mark.parametrize("name", ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "XCPU", "VTALRM", "PROF"])
def test_a_signal_is_a_tempfail(name: str) -> None:
    process = started("--policy", "/nowhere/that/is/not/read/before/stdin")
    process.communicate(LETTER)
    process = started()
    assert process.stdin is not None
    process.stdin.write(LETTER)
    process.stdin.flush()
    time.sleep(0.5)
    process.send_signal(getattr(signal, "SIG" + name))
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (75, FAILED)
    assert b"stopped by signal" in err


def test_what_the_caller_did_to_signals_is_undone(tmp_path: Path) -> None:
    blocked = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM, signal.SIGTERM])"
    process = started("--timeout", "1", prepare=blocked)
    assert process.wait(timeout=10) == 75
    process.communicate()
    (tmp_path / "own.py").write_text("def check(mail, outside):\n    pass\n")
    path = policy(tmp_path, OWN.replace("ignore", "tempfail"))
    for ignored in ("CHLD", "ALRM"):
        prepare = f"import signal; signal.signal(signal.SIG{ignored}, signal.SIG_IGN)"
        process = started("--policy", path, prepare=prepare)
        assert process.communicate(LETTER, timeout=20) == (b"", b"")
        assert process.returncode == 0
    alarm = started(prepare="import signal; signal.alarm(1)")
    time.sleep(1.5)
    assert alarm.communicate(LETTER, timeout=10)[0] == b""
    assert alarm.returncode == 0


@pytest.mark.parametrize("to", ["stderr", "/nowhere/log"])
def test_a_full_standard_error_holds_nothing_up(tmp_path: Path, to: str) -> None:
    path = policy(tmp_path, f'[log]\nto = "{to}"\n')
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x" * 65536)
    os.set_blocking(writer, True)
    for stdin, status in ((b"", 75), (LETTER, 0)):
        process = started("--policy", path, "--timeout", "5", stderr=writer)
        process.communicate(stdin, timeout=15)
        assert process.returncode == status
    os.close(reader)
    os.close(writer)


def test_a_standard_input_that_does_not_block_is_waited_for() -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    process = subprocess.Popen([*START, *TRAP], stdin=reader, stdout=subprocess.PIPE, env=ENVIRON)
    time.sleep(0.5)
    os.write(writer, LETTER)
    os.close(writer)
    assert process.communicate(timeout=10)[0] == b"5.7.1 Spam not wanted here\n"
    os.close(reader)


def test_a_removed_directory_and_an_odd_locale(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "own.py").write_text(
        "from mailscan import Finding\ndef check(m, o):\n    return Finding('x', action='reject', reply='No')\n"
    )
    gone = tmp_path / "gone"
    gone.mkdir()
    prepare = f"import os; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r})"
    process = started("--policy", policy(rules, OWN), prepare=prepare)
    assert process.communicate(LETTER, timeout=20)[0] == b"5.7.1 No\n"
    rule = '[[filter]]\nuse = "match"\nany_recipient = ["@bücher.example"]\naction = "reject"\n'
    done = mailscan(
        "--policy",
        policy(tmp_path, rule),
        "--rcpt",
        "x@bücher.example",
        LC_ALL="C",
        PYTHONCOERCECLOCALE="0",
        PYTHONUTF8="0",
    )
    assert done.status == 77


FOOLED = [
    ("yield Finding('x', score=float('nan'))", "is no number to add"),
    ("yield Finding('x', headers=[('Bad Name', 'v')], action='tag')", "cannot be the name of a header field"),
    ("yield Finding('x', headers=[('5.7.1', 'v')], action='tag')", "cannot be the name of a header field"),
    ("while True: yield Finding('x')", "gave more than 100000 findings"),
    ("class Odd(BaseException): pass\n    raise Odd('oh')", "Odd: oh"),
]


@pytest.mark.parametrize(("body", "why"), FOOLED)
def test_what_a_file_may_not_give_is_its_rules_error(tmp_path: Path, body: str, why: str) -> None:
    (tmp_path / "own.py").write_text(f"from mailscan import Finding\n\ndef check(mail, outside):\n    {body}\n")
    done = mailscan("--policy", policy(tmp_path, OWN), "--explain")
    assert (done.status, done.out) == (0, b"")
    assert why in done.err


def test_the_last_of_many_findings_decides(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from mailscan import Finding\n\ndef check(mail, outside):\n    for _ in range(500):\n"
        "        yield Finding('x')\n    yield Finding('y', action='reject', reply='No')\n"
    )
    assert mailscan("--policy", policy(tmp_path, OWN)).out == b"5.7.1 No\n"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("yield Finding('x', action='reject')", 77),
        ("yield reject('no')", 77),
        ("yield Finding('x')", 75),
        ("yield Finding('x', note=True)", 75),
    ],
)
def test_an_endless_row_of_findings_decides_by_what_was_found(tmp_path: Path, body: str, status: int) -> None:
    source = f"from mailscan import Finding, reject\n\ndef check(mail, outside):\n    while True:\n        {body}\n"
    (tmp_path / "own.py").write_text(source)
    done = mailscan("--policy", policy(tmp_path, QUIET + '[[filter]]\nuse = "./own.py"\n'))
    assert done.status == status
    assert ("gave more than 100000 findings" in done.err) == (status == 75)


def test_more_subjects_than_findings_are_kept(tmp_path: Path) -> None:
    message = b"Subject: ADV: x\n" * 133_000 + b"\nHello\n"
    done = mailscan("--policy", policy(tmp_path, QUIET + STARTER), stdin=message)
    assert (done.status, done.out) == (77, b"5.7.1 no\n")


STARTER = '[[filter]]\nuse = "subject"\nprefixes = ["ADV:"]\naction = "reject"\nreply = "no"\n'


def test_python_beside_the_file_must_be_ours_too(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("import helper\n\ndef check(mail, outside):\n    pass\n")
    (tmp_path / "helper.py").write_text("")
    path = policy(tmp_path, OWN)
    assert mailscan("--policy", path).status == 0
    (tmp_path / "helper.py").chmod(0o666)
    failed(mailscan("--policy", path), r"helper\.py: anyone may write to it")
    (tmp_path / "helper.py").chmod(0o644)
    tmp_path.chmod(0o777)
    failed(mailscan("--policy", path), "anyone may write to it")


def test_a_stopped_scan_leaves_no_child(tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    (tmp_path / "own.py").write_text(
        f"import time\ndef check(mail, outside):\n    time.sleep(1.5)\n    open({str(mark)!r}, 'w').close()\n"
    )
    process = started("--policy", policy(tmp_path, OWN))
    assert process.stdin is not None
    process.stdin.write(LETTER)
    process.stdin.close()
    time.sleep(0.7)
    process.terminate()
    assert process.wait(timeout=10) == 75
    time.sleep(1.5)
    assert not mark.exists()


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "9" * 5000,
        "a." * 5000 + "a = 1",
        "[[filter]]\nuse = 'match'\naction = 'accept'\nsenders = [{" + "a." * 3000 + "a = 1}]",
        "\n".join(f"key{number} = 1" for number in range(3000)),
        "[[filter]]\nuse = 'match'\n" * 2000,
        "#" * 2_000_000,
    ],
    ids=["number", "key", "table", "keys", "rules", "size"],
)
def test_a_policy_at_its_worst_is_told_in_a_line(tmp_path: Path, text: str) -> None:
    began = time.monotonic()
    failed(mailscan("--policy", policy(tmp_path, text)), r"policy\.toml")
    assert time.monotonic() - began < 20
