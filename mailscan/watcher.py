"""A process that outlives us for a moment, and ends what a postmaster's own Python has started if we could not.

A child of ours ends with us (`mailscan.leash`); what that has started does not.
"""

from __future__ import annotations

import os

from mailscan.errors import OurFailure
from mailscan.leash import close, start

_SIZE = 8


class _Watcher:
    """Whose it is, its number, and the way on which it is told what to end."""

    owner = 0
    number = 0
    way = -1


_ours = _Watcher()


def watch(mark: int) -> int:
    """From now on, end the processes with this mark (`mailscan.guard`) when this process ends; with 0, none any more.

    Gives the number of the process that watches. Raises `OurFailure` where none can be started.
    """
    if _ours.owner == os.getpid():
        try:
            os.write(_ours.way, mark.to_bytes(_SIZE, "big"))
            return _ours.number
        except BrokenPipeError:  # somebody killed it
            close(_ours.way)
            os.waitpid(_ours.number, os.WNOHANG)
            _ours.owner = 0
    if mark:
        _begin()
        return watch(mark)
    return 0


def _begin() -> None:
    """One for each process that judges: what a child of ours has of it is the parent's."""
    told = -1
    try:
        told, _ours.way = os.pipe()
        _ours.number, _ = start(lambda: _life(told), (told,), outlives=True)
        _ours.owner = os.getpid()
    except OSError as error:
        raise OurFailure(f"no process could be started: {error.strerror}") from None
    except OurFailure:
        close(_ours.way)
        raise
    finally:
        close(told)


def _life(told: int) -> int:
    """Wait for the end of whoever tells, and then end what it could not."""
    os.setsid()  # whoever ends it with its group, or its terminal, is not to end this one first
    mark = 0
    while octets := os.read(told, _SIZE):
        mark = int.from_bytes(octets, "big")
    if mark:
        from mailscan.strays import end_strays

        end_strays(0, 0, mark)
    return 0
