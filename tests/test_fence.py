"""A postmaster's own Python cannot reach who judges, whoever waits for that, or their groups."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import ENVIRON, QUIET, START, policy

from mailscan import fence

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine not in fence._MACHINES, reason="it is not fenced in on this machine"
)

BEGIN = """import ctypes, fcntl, os, resource, signal, subprocess, sys, threading
LIBC = ctypes.CDLL(None, use_errno=True)
parent = os.getppid()
def parent_of(number):
    with open(f"/proc/{number}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])
def called(value):
    if value != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def sigio(to):
    reader, writer = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETOWN, to)
    fcntl.fcntl(reader, fcntl.F_SETSIG, signal.SIGSTOP)
    fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writer, b"x")
def by_group():
    os.setpgid(0, os.getpgid(parent))
    os.kill(0, signal.SIGSTOP)
def by_a_daemon():
    if os.fork() == 0:
        os.setsid()
        try:
            os.kill(parent, signal.SIGSTOP)
        except PermissionError:
            os._exit(7)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.wait()[1]) == 7:
        raise PermissionError(1, "so says a grandchild")
def check(mail, outside):
    CODE
"""
REACHES = {
    "stop": "os.kill(parent, signal.SIGSTOP)",
    "kill": "os.kill(parent, signal.SIGKILL)",
    "terminate": "os.kill(parent, signal.SIGTERM)",
    "its group": "os.killpg(os.getpgid(parent), signal.SIGSTOP)",
    "into its group": "by_group()",
    "everybody": "os.kill(-1, signal.SIGSTOP)",
    "who waits for it": "os.kill(parent_of(parent), signal.SIGSTOP)",
    "a thread": "called(LIBC.syscall(ctypes.c_long(TKILL), parent, signal.SIGSTOP))",
    "by a descriptor of it": "signal.pidfd_send_signal(os.pidfd_open(parent), signal.SIGSTOP)",
    "by its folder": "signal.pidfd_send_signal(os.open(f'/proc/{parent}', os.O_RDONLY), signal.SIGSTOP)",
    "by a descriptor's signal": "sigio(parent)",
    "by a limit": "resource.prlimit(parent, resource.RLIMIT_CPU, (0, 0))",
    "by tracing": "called(LIBC.ptrace(16, parent, 0, 0))",
    "by a grandchild": "by_a_daemon()",
    "by a program": "subprocess.run(['/bin/sh', '-c', f'kill -STOP {parent}'], check=True)",
}


def judged(folder: Path, code: str, *, user: int = 0) -> subprocess.CompletedProcess[bytes]:
    tkill = "200" if os.uname().machine == "x86_64" else "130"
    (folder / "own.py").write_text(BEGIN.replace("CODE", code).replace("TKILL", tkill))
    rules = policy(folder, QUIET + '[[filter]]\nuse = "./own.py"\ntimeout = 10\n')
    words = [*START, "--policy", rules]
    if user:
        may = "-all,+dac_read_search,+dac_override"
        words = ["setpriv", f"--reuid={user}", "--clear-groups", f"--inh-caps={may}", f"--ambient-caps={may}", *words]
    # A shell around it, and a session: what is meant for everybody's eyes is not to reach who tests.
    shell = ["setsid", "--wait", "sh", "-c", '"$@"; exit $?', "sh"]
    return subprocess.run([*shell, *words], input=b"Subject: x\n\nx\n", capture_output=True, env=ENVIRON, timeout=40)


@pytest.mark.parametrize("way", [one for one in REACHES if one != "everybody" or os.geteuid() != 0])
def test_it_reaches_nobody(tmp_path: Path, way: str) -> None:
    """What it tries is an error of its own, as any other: the rule's on_error. Nobody stands still meanwhile."""
    if not shutil.which("setsid"):
        pytest.skip("there is no setsid")
    began = time.monotonic()
    done = judged(tmp_path, REACHES[way])
    assert (done.returncode, done.stdout) == (75, b"4.3.0 Message could not be checked\n"), done.stderr
    assert b"PermissionError" in done.stderr or b"CalledProcessError" in done.stderr, done.stderr
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("way", REACHES)
def test_as_an_ordinary_user_it_reaches_nobody(tmp_path: Path, way: str) -> None:
    """As root it may do without giving up setuid programs: here it has given them up."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("setsid", "setpriv"))):
        pytest.skip("it takes root, setsid and setpriv to be somebody else")
    tmp_path.chmod(0o755)
    done = judged(tmp_path, REACHES[way], user=65_500)
    assert (done.returncode, done.stdout) == (75, b"4.3.0 Message could not be checked\n"), done.stderr


def test_it_may_still_end_what_it_started(tmp_path: Path) -> None:
    code = "p = subprocess.Popen(['sleep', '60']); p.kill(); assert p.wait() == -9; os.kill(os.getpid(), 0)\n"
    code += "    q = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
    code += "    os.killpg(q.pid, 15); assert q.wait() == -15\n"
    code += "    resource.setrlimit(resource.RLIMIT_NOFILE, (50, 50)); os.setpgid(0, 0)\n"
    code += "    try: subprocess.run(['sleep', '9'], timeout=0.1)\n    except subprocess.TimeoutExpired: pass"
    done = judged(tmp_path, code)
    assert (done.returncode, done.stderr) == (0, b"")


def test_each_of_the_two_does_it_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Landlock (6.12) without the filter, and the filter without Landlock."""
    from mailscan.guard import in_child

    def tries() -> object:
        try:
            os.kill(os.getppid(), 0)
        except PermissionError:
            return "refused"
        return "reached"

    prepare = fence.prepare

    def without_filter(*others: int) -> None:
        prepare(*others)
        fence._program = b""

    monkeypatch.setattr(fence, "_CREATE_RULESET", -1)
    assert in_child(tries, seconds=20, memory=1 << 30, foreign=True) == "refused"
    monkeypatch.undo()
    monkeypatch.setattr(fence, "prepare", without_filter)
    import ctypes

    if ctypes.CDLL(None).syscall(fence._CREATE_RULESET, None, 0, 1) < 6:
        pytest.skip("this kernel's Landlock does not know signals")
    assert in_child(tries, seconds=20, memory=1 << 30, foreign=True) == "refused"
    monkeypatch.setattr(fence, "_CREATE_RULESET", -1)
    assert in_child(tries, seconds=20, memory=1 << 30, foreign=True) == "reached"
