"""What a postmaster's own Python does to itself: the real command, and twenty messages in one process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import PROJECT
from test_userfile import judge, own

HURTS = {
    "crash": "    1/0\n",
    "sys-exit": "    sys.exit(3)\n",
    "os-exit": "    os._exit(0)\n",
    "closed-descriptors": "    os.closerange(0, 200)\n",
    "endless-loop": "    while True: pass\n",
    "two-gigabytes": "    return bytearray(2_000_000_000)\n",
}
HARMLESS = {
    "print": "    print('5.7.1 forged', flush=True)\n",
    "environ-and-cwd": "    os.environ.clear(); os.chdir('/'); sys.path.clear(); sys.modules.clear()\n",
    "thread": "    threading.Thread(target=time.sleep, args=(60,)).start()\n",
    "child": "    os.fork() or time.sleep(60)\n",
}
BEGIN = "import os, sys, threading, time\nfrom mailscan import reject\ndef check(mail, outside):\n"
SECOND = "    if b'second' in mail.message.raw: return reject('second')\n"


@pytest.mark.parametrize("name", [*HURTS, *HARMLESS])
def test_the_real_command_gives_on_error_or_its_verdict(tmp_path: Path, name: str) -> None:
    own(tmp_path, BEGIN + {**HURTS, **HARMLESS}[name])
    words = [sys.executable, "-m", "mailscan", "--policy", str(tmp_path / "policy.toml"), "--rcpt", "joe@x.example"]
    environ = {**os.environ, "PYTHONPATH": str(PROJECT)}
    began = time.monotonic()
    done = subprocess.run(words, input=b"Subject: x\n\n", capture_output=True, check=False, cwd=tmp_path, env=environ)
    assert time.monotonic() - began < 8
    assert b"Traceback" not in done.stderr
    if name in HURTS:
        assert (done.returncode, done.stdout) == (75, b"4.3.0 Message could not be checked\n")
        assert len(done.stderr.splitlines()) == 1
        if name in ("crash", "sys-exit"):
            assert b"own.py:4: " in done.stderr
    else:
        assert (done.returncode, done.stdout) == (0, b"")


def test_of_twenty_messages_the_second_is_unharmed_by_the_first(tmp_path: Path) -> None:
    descriptors, here, environ = len(os.listdir("/proc/self/fd")), os.getcwd(), dict(os.environ)
    bodies = [body for name, body in {**HURTS, **HARMLESS}.items() if name != "endless-loop"]
    bodies.append(HURTS["endless-loop"])
    for body in bodies:
        hurt = own(tmp_path, BEGIN + SECOND + body, 'on_error = "ignore"')
        assert judge(hurt, recipient="joe@x.example").action == "accept"
        second = judge(hurt, b"Subject: second\n\n", recipient="joe@x.example")
        assert (second.action, second.reply) == ("reject", ("second",))
    assert (os.getcwd(), dict(os.environ), threading.active_count()) == (here, environ, 1)
    assert len(os.listdir("/proc/self/fd")) == descriptors
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
