"""Who judges is killed, as when memory runs out: no child of any kind outlives it, or holds open what its caller reads.

Also nothing that a postmaster's own Python has started, wherever that went. And what a child has of its caller's.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import ENVIRON, QUIET, START, mailscan, policy

from mailscan.guard import in_child

DAEMON = """import os, signal, subprocess, sys, time
def daemon():
    # As the book has it: two forks, a session of its own, nothing kept open.
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 256)
            note()
            time.sleep(60)
        os._exit(0)
    os.wait()
def note(pid=0):
    with open({place!r}, "a") as file:
        file.write(f"{{pid or os.getpid()}}\\n")
def stay():
    note()
    time.sleep(60)
"""
STARTS = {
    "nothing": "stay()",
    "closes all it has": "note(); os.closerange(0, 4096); time.sleep(60)",
    "blocks every signal": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); stay()",
    "a process": "note(subprocess.Popen(['sleep', '60']).pid); stay()",
    "one in a session of its own": "note(subprocess.Popen(['sleep', '60'], start_new_session=True).pid); stay()",
    "a daemon": "daemon(); stay()",
    "a daemon, and closes all": "daemon(); note(); os.closerange(0, 4096); time.sleep(60)",
}
DOORS = {"check": "def check(mail, outside):\n    {}\n", "elspy": "def local_scan(info, headers, fd):\n    {}\n"}


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def all_gone(pids: list[int]) -> bool:
    for _ in range(100):
        if all(map(is_gone, pids)):
            return True
        time.sleep(0.02)
    return False


def family(pid: int) -> Iterator[int]:
    """All that descend from a process."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from family(int(child))


def started(rules: str, letter: bytes) -> subprocess.Popen[bytes]:
    """The command with a message, and one pipe for all that it says, as Postfix has it."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*START, "--policy", rules, "--client-ip", "198.51.100.7"],
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.STDOUT,
        env=ENVIRON,
    )
    assert process.stdin is not None
    process.stdin.write(letter)
    process.stdin.close()
    return process


def ended(process: subprocess.Popen[bytes], pids: list[int]) -> None:
    """Kill it; what it has started ends, and the pipe with it."""
    process.kill()
    began = time.monotonic()
    assert process.stdout is not None
    process.stdout.read()
    assert time.monotonic() - began < 5, "somebody holds the caller's pipe"
    process.wait()
    process.stdout.close()
    assert all_gone(pids), [pid for pid in pids if not is_gone(pid)]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("what", STARTS)
def test_own_python_and_all_it_started_end_with_who_judges(tmp_path: Path, what: str, door: str) -> None:
    place = tmp_path / "pids"
    (tmp_path / "own.py").write_text(DAEMON.format(place=str(place)) + DOORS[door].format(STARTS[what]))
    wanted = sum(map(STARTS[what].count, ("note", "daemon", "stay")))
    process = started(policy(tmp_path, QUIET + '[[filter]]\nuse = "./own.py"\ntimeout = 40\n'), b"Subject: x\n\nx\n")
    end = time.monotonic() + 30
    while (not place.exists() or place.read_text().count("\n") < wanted) and time.monotonic() < end:
        time.sleep(0.02)
    pids = [int(pid) for pid in place.read_text().split()]
    assert len(pids) == wanted
    if "closes all" in what:
        # It has closed the way back as well, so it is ended at once, and the verdict is a tempfail.
        assert process.wait(30) == 75 and all_gone(pids)
        return
    ended(process, [*pids, *family(process.pid)])


def test_who_waits_for_the_network_ends_with_who_judges(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        rules = f'[outside]\nresolvers = "127.0.0.1:{silent.getsockname()[1]}"\ntimeout = 20\n'
        rules += '[[filter]]\nuse = "dnsbl"\nzones = { "l.test" = 1.0 }\ntimeout = 20\n'
        process = started(policy(tmp_path, QUIET + rules), b"Subject: x\n\nx\n")
        silent.settimeout(30)
        silent.recv(512)
        pids = list(family(process.pid))
        assert pids
        ended(process, pids)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot end a child with its parent")
def test_a_decoder_ends_with_who_judges() -> None:
    """A child that answers once, and one that answers many questions; also one that does not look at its pipes."""
    code = (
        "import os, time\nfrom mailscan.guard import in_child\nfrom mailscan.companion import Companion\n"
        "def begin():\n    os.write(out, b'%d\\n' % os.getpid())\n    time.sleep(60)\n"
        "def life():\n    open('/dev/null').close(); begin()\n"
        "from mailscan import leash\nout = os.dup(1)\nkept = leash._let_go\n"
        "leash._let_go = lambda keep, *two: kept((*keep, out), *two)\n"
        "c = Companion(begin, late=lambda: False, seconds=50, memory=1 << 30)\n"
        "in_child(begin, seconds=50, memory=1 << 30)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=ENVIRON) as process:
        assert process.stdout is not None
        pids = [int(process.stdout.readline()) for _ in range(2)]
        process.kill()
        process.wait()
        assert all_gone(pids)


def test_a_program_ends_with_who_judges(tmp_path: Path) -> None:
    """7z: by the same means, which last through its start. Here it is a program that ignores what it is asked."""
    seven = tmp_path / "7z"
    seven.write_text("#!/bin/sh\nexec sleep 60\n")
    seven.chmod(0o755)
    code = (
        "import time\nfrom mailscan.unpack import Budget, program\n"
        f"program.PROGRAMS = ({str(seven)!r},)\nrun = program.Run([], None, Budget(lambda: 50.0 - time.monotonic()))\n"
        "print(run._process.pid, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=ENVIRON) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        time.sleep(0.3)
        process.kill()
        process.wait()
        assert all_gone([pid])


def test_a_child_has_nothing_of_its_callers() -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)

    def work() -> object:
        return [
            os.readlink(f"/proc/self/fd/{one}")
            for one in os.listdir("/proc/self/fd")
            if os.path.exists(f"/proc/self/fd/{one}")
        ]

    try:
        for foreign in (False, True):
            had = in_child(work, seconds=20, memory=1 << 30, foreign=foreign)
            assert isinstance(had, list) and len(had) <= 6, had
            assert os.readlink(f"/proc/self/fd/{writer}") not in had
            for number in (0, 1, 2):
                assert os.readlink(f"/proc/self/fd/{number}") not in [one for one in had if one != os.devnull]
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("door", DOORS)
def test_what_own_python_prints_is_passed_on(tmp_path: Path, door: str) -> None:
    code = "print('from print'); sys.stderr.write('from stderr\\n'); os.system('echo from a program')"
    (tmp_path / "own.py").write_text("import os, sys\n" + DOORS[door].format(code))
    done = mailscan("--policy", policy(tmp_path, QUIET + '[[filter]]\nuse = "./own.py"\n'))
    assert (done.status, done.out) == (0, b"")
    assert sorted(done.err.split("\n")) == ["", "from a program", "from print", "from stderr"]
    code = "print('x' * 10_000_000)"
    (tmp_path / "own.py").write_text(DOORS[door].format(code))
    done = mailscan("--policy", str(tmp_path / "policy.toml"))
    assert (done.status, set(done.err)) == (0, {"x"}) and 60_000 < len(done.err) <= 1 << 16


def test_a_signal_to_the_whole_group_is_still_a_tempfail(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("import time\ndef check(mail, outside):\n    time.sleep(30)\n")
    rules = policy(tmp_path, QUIET + '[[filter]]\nuse = "./own.py"\ntimeout = 40\n')
    words = [*START, "--policy", rules]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRON, process_group=0
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"Subject: x\n\nx\n")
        process.stdin.close()
        time.sleep(1.5)
        pids = list(family(process.pid))
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(20) == 75
        assert all_gone(pids)
