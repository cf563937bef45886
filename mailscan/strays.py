"""Processes that have left the group of the child that started them, told by a limit that all of them have."""

from __future__ import annotations

import os
import signal
import time

from mailscan.guard import last_process

# So many numbers are tried one by one; beyond that the list of all processes is shorter.
_FEW = 500
_SECONDS = 0.25


def end_strays(child: int, last: int, mark: int) -> None:
    """Kill every process started since `child` whose RLIMIT_RTTIME is `mark`; `last` is the number of the last one.

    One that starts others while we look is looked for again. Those of another user (setuid) cannot be killed.
    """
    end = time.monotonic() + _SECONDS
    known: set[int] = set()
    while True:
        found = [pid for pid in _since(child, last) if pid not in known and _is_marked(pid, mark)]
        for pid in found:
            known.add(pid)
            try:
                # Its group at once, if it has made one: a group does not grow faster than it is killed.
                (os.killpg if os.getpgid(pid) == pid else os.kill)(pid, signal.SIGKILL)
            except OSError:
                continue
        if not found or time.monotonic() > end:
            return
        last = last_process()


def _since(child: int, last: int) -> list[int]:
    if child < last <= child + _FEW:
        return list(range(child + 1, last + 1))
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # also when numbers began anew
    except OSError:
        return []


def _is_marked(pid: int, mark: int) -> bool:
    try:
        descriptor = os.open(f"/proc/{pid}/limits", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return str(mark).encode() in os.read(descriptor, 1 << 13).split()
    except OSError:
        return False
    finally:
        os.close(descriptor)
