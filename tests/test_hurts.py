"""What a postmaster's own Python does to itself: against the real command, and against twenty messages in one process.

The same hurts from a file with a `check` and from an old one with a `local_scan`; beside it in the policy stands a file
that means well, which must neither see nor suffer anything of it. Nothing here knows how many processes there are.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest
from running import FAILED, Done, mailscan

from mailscan.envelope import Envelope
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import Policy, load_policy
from mailscan.verdict import Verdict

# What stops a file, and what its error says: the rule's on_error follows.
STOPS = {
    "crash": ("1 / 0", "{file}:{line}: ZeroDivisionError"),
    "exit": ("sys.exit(0)", "{file}:{line}: called sys.exit(0)"),
    "os-exit": ("os._exit(0)", ""),
    "kill": ("os.kill(os.getpid(), 9)", ""),
    "descriptors": ("os.closerange(0, 4096)", ""),
    "loop": ("while True: pass", "in time"),
    "two-gigabytes": ("return bytearray(2_000_000_000)", "memory"),
}
# What does not: no objection, and nobody notices.
HARMLESS = {
    "print": "print('5.7.1 forged', flush=True); os.write(1, b'5.7.1 too'); os.system('echo 5.7.1 as well')",
    "environ-and-cwd": "os.environ.clear(); os.environ['LEFT'] = '1'; os.chdir('/'); sys.modules.clear()",
    "path": "sys.path.clear(); del sys.modules['mailscan']",
    "thread": "threading.Thread(target=time.sleep, args=(30,)).start(); left(os.getpid())",
    "child": "left(os.fork() or time.sleep(30))",
}
SURROUNDINGS = """
def unharmed():
    assert 'LEFT' not in os.environ and 'PATH' in os.environ, 'the environment'
    assert os.getcwd() == {cwd!r}, 'the current directory'
    assert threading.active_count() == 1, 'a thread'
    assert 'os' in sys.modules and sys.path, 'the modules'
    os.fstat(2)
    return True

def left(pid):
    with open(os.path.join(os.path.dirname(__file__), 'left'), 'w') as file:
        file.write(str(pid))
"""
BEGIN = {
    "check": "import os, sys, threading, time\nfrom mailscan import reject\n",
    "elspy": "import os, sys, threading, time\nfrom elspy import RejectMessage\n",
}
HEAD = {
    "check": "def check(mail, outside):\n    wanted = mail.message.subject\n",
    "elspy": "def local_scan(info, headers, fd):\n    wanted = headers.get('subject')\n",
}
GOOD = {
    "check": "    if wanted == 'good' and unharmed(): return reject('unharmed')\n",
    "elspy": "    if wanted == 'good' and unharmed(): raise RejectMessage('unharmed')\n",
}
FRIEND = "import os, sys, threading\nfrom mailscan import tag\n{}\n"
FRIEND += "def check(mail, outside):\n    return tag('X-Friend', str(unharmed()))\n"


def written(folder: Path, kind: str, cwd: str, on_error: str = "ignore") -> str:
    """A policy of the file that hurts and of its friend; the Subject says what it shall do."""
    unharmed = SURROUNDINGS.format(cwd=cwd)
    source = BEGIN[kind] + unharmed + HEAD[kind]
    for name, code in (*((name, code) for name, (code, _) in STOPS.items()), *HARMLESS.items()):
        source += f"    if wanted == {name!r}:\n        {code}\n"
    (folder / "own.py").write_text(source + GOOD[kind])
    (folder / "friend.py").write_text(FRIEND.format(unharmed))
    policy = folder / "policy.toml"
    policy.write_text(
        '[limits]\nchild_memory = "300 MB"\n[log]\nto = "none"\n'
        f'[[filter]]\nuse = "./own.py"\ntimeout = 1.5\non_error = "{on_error}"\n[[filter]]\nuse = "./friend.py"\n'
    )
    return str(policy)


def place(folder: Path, said: str, code: str) -> str:
    lines = (folder / "own.py").read_text().splitlines()
    return said.format(file="own.py", line=1 + next(at for at, line in enumerate(lines) if line.strip() == code))


def ends(folder: Path) -> bool:
    """Whether the process that was left behind has ended, or ends within a second."""
    status = Path("/proc") / (folder / "left").read_text() / "status"
    for _ in range(40):
        try:
            if "State:\tZ" in status.read_text():
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def command(policy: str, subject: str) -> Done:
    began = time.monotonic()
    done = mailscan("--policy", policy, "--rcpt", "joe@x.example", stdin=f"Subject: {subject}\n\nx\n".encode())
    assert time.monotonic() - began < 8
    assert "Traceback" not in done.err
    return done


@pytest.mark.parametrize("kind", BEGIN)
@pytest.mark.parametrize("name", STOPS)
def test_the_command_gives_what_on_error_says(tmp_path: Path, kind: str, name: str) -> None:
    policy = written(tmp_path, kind, os.getcwd(), "tempfail")
    done = command(policy, name)
    assert (done.status, done.out) == (75, FAILED)
    assert place(tmp_path, STOPS[name][1], STOPS[name][0]) in done.err
    assert len(done.err.splitlines()) == 1
    done = command(written(tmp_path, kind, os.getcwd()), name)
    assert (done.status, done.out) == (0, b"X-Friend: True\n"), "the rule below is asked, as if nothing had been"


@pytest.mark.parametrize("kind", BEGIN)
@pytest.mark.parametrize("name", HARMLESS)
def test_the_command_does_not_notice_what_is_harmless(tmp_path: Path, kind: str, name: str) -> None:
    done = command(written(tmp_path, kind, os.getcwd(), "tempfail"), name)
    assert (done.status, done.out) == (0, b"X-Friend: True\n")
    if name in ("thread", "child"):
        assert ends(tmp_path)


def judged(policy: Policy, subject: str) -> Verdict:
    mail = Mail(Envelope(recipients=("joe@x.example",)), Message(f"Subject: {subject}\n\nx\n".encode()))
    return scan(mail, policy, Outside(time.monotonic() + 30))


def state() -> tuple[object, ...]:
    return os.getcwd(), dict(os.environ), threading.active_count(), list(sys.path), len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("kind", BEGIN)
def test_of_twenty_messages_in_one_process_each_second_is_unharmed(
    tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    policy = load_policy(written(tmp_path, kind, os.getcwd()))
    assert judged(policy, "good").reply == ("unharmed",)
    before, number = state(), 0
    for name in (*STOPS, *HARMLESS):
        hurt = judged(policy, name)
        assert hurt.account[0].outcome == ("error" if name in STOPS else "clear"), name
        assert ("X-Friend", "True") in hurt.edits.add, name
        second = judged(policy, "good")
        assert (second.action, second.reply, second.rule) == ("reject", ("unharmed",), "own"), name
        assert state() == before, name
        number += 2
    assert number >= 20
    assert ends(tmp_path), "the child that was left"
    assert capfd.readouterr().out == ""
