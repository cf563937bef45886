"""What a file starts is gone with it, wherever it went; and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import QUIET, policy

from mailscan.guard import in_child, last_process

HEAD = """import os, subprocess, sys, time
STRAYS = {strays!r}
def note(pid):
    with open(STRAYS, "a") as file:
        file.write(str(pid) + "\\n")
def daemon():
    # As the book has it: two forks, a session of its own, nothing kept open.
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note(os.getpid())
            os.closerange(0, 256)
            time.sleep(20)
        os._exit(0)
    os.wait()
    while not os.path.exists(STRAYS):
        time.sleep(0.01)
def check(mail, outside):
"""
STARTS = {
    "setsid": "    note(subprocess.Popen(['sleep', '20'], start_new_session=True).pid)\n",
    "daemon": "    daemon()\n",
    "exit": "    daemon(); os._exit(1)\n",
    "late": "    daemon(); time.sleep(20)\n",
    "sons": "    sh = 'sleep 20 & echo $! >> {strays}; wait'\n"
    "    note(subprocess.Popen(['sh', '-c', sh], start_new_session=True).pid)\n    time.sleep(0.3)\n",
}


def gone(pid: int) -> bool:
    """Whether it has ended, at once or very soon."""
    for _ in range(50):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.skipif(not last_process(), reason="this system does not say which process was started last")
@pytest.mark.parametrize("what", STARTS)
def test_it_is_killed_and_holds_nothing_open(tmp_path: Path, what: str) -> None:
    strays = tmp_path / "strays"
    (tmp_path / "own.py").write_text(HEAD.format(strays=str(strays)) + STARTS[what].format(strays=str(strays)))
    rules = policy(tmp_path, QUIET + '[[filter]]\nuse = "./own.py"\ntimeout = 1.5\non_error = "ignore"\n')
    command = [sys.executable, "-m", "mailscan", "--policy", rules]
    began = time.monotonic()
    # As a caller does with `$(mailscan … 2>&1)`: it waits for whoever holds that.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        innocent = subprocess.Popen(["sleep", "30"])
        said, _ = running.communicate(b"Subject: x\n\n", timeout=15)
    try:
        assert time.monotonic() - began < 10
        assert running.returncode == 0, said
        pids = [int(pid) for pid in strays.read_text().split()]
        assert len(pids) == (2 if what == "sons" else 1)
        assert [pid for pid in pids if not gone(pid)] == []
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


@pytest.mark.skipif(not last_process(), reason="this system does not say which process was started last")
def test_what_others_start_meanwhile_is_not_touched() -> None:
    with subprocess.Popen(["sh", "-c", "while :; do sleep 0.01; done"], start_new_session=True) as other:
        try:
            for _ in range(10):
                in_child(lambda: time.sleep(0.05), seconds=5, memory=10**9, foreign=True)
            assert other.poll() is None
        finally:
            os.killpg(other.pid, 9)
