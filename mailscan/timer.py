"""`Limit`: an interval timer around a piece of work in the main thread.

Only a signal stops a regular expression that backtracks for ever: `sre` looks for signals while it runs, and in a
thread one bad pattern would hold the whole process.
"""

from __future__ import annotations

# The built-in half of `signal`: the other half makes an enumeration of every number, which costs more than the timer.
import _signal as signal  # type: ignore[import-not-found]
import os
import sys
import time

from mailscan.errors import OutOfTime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

# Rung again and again, in case somebody's `except:` swallowed the first one.
AGAIN = 0.05


class Limit:
    """`with Limit(2.5): work()` raises `OutOfTime` inside the block when 2.5 seconds have passed.

    Limits nest: an outer one goes on when the inner one is left. Catch `OutOfTime` outside the `with` block: the
    signal may still arrive on its last line.
    """

    __slots__ = ("seconds", "_armed", "_handler", "_outer", "_began", "_ends")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._armed = False
        self._ends: list[float] | None = None

    def __enter__(self) -> Limit:
        self._began = time.monotonic()
        if _ticks is not None:
            self._ends = _ticks.ends
            self._ends.append(self._began + self.seconds)
            return self
        self._handler = signal.signal(signal.SIGALRM, self._ring)
        self._outer = signal.setitimer(signal.ITIMER_REAL, max(self.seconds, 0.000001), AGAIN)
        self._armed = True  # last: until here a ring is passed over, and the next one comes AGAIN
        return self

    def __exit__(self, *_: object) -> None:
        if _otherwise is not None:
            _say_again()
        if self._ends is not None:
            self._ends.pop()
            return
        self._armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._handler)
        if self._outer[0]:
            left = self._outer[0] - (time.monotonic() - self._began)
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.000001), self._outer[1])

    def _ring(self, signum: int, frame: FrameType | None) -> None:
        if self._armed and not _is_passed_over(frame):
            _hush()
            raise OutOfTime


class Held:
    """`with held:` no limit ends what is in the block, which is to be short, only what comes after it: a process or a
    descriptor is taken, or given back, as a whole.

    Make it before the `try` whose `finally` uses it; do not nest one in itself. A child that is forked within the
    block is not held.
    """

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        global _holder
        self._before = _holder
        _holder = os.getpid()

    def __exit__(self, *_: object) -> None:
        global _holder
        _holder = self._before


class Ticks:
    """`with Ticks():` one timer for many limits, for those who judge one mail after the other: it rings every `AGAIN`
    seconds, so that a `Limit` in this process sets none, which costs more than most rules take. It ends so much late.
    """

    __slots__ = ("ends", "_handler")

    def __init__(self) -> None:
        self.ends: list[float] = []  # of the limits that hold, as readings of the clock

    def __enter__(self) -> Ticks:
        global _ticks, _knows_forks
        if not _knows_forks:
            # A child has no timer of its parent's.
            os.register_at_fork(after_in_child=_forget)
            _knows_forks = True
        self._handler = signal.signal(signal.SIGALRM, self._ring)
        signal.setitimer(signal.ITIMER_REAL, AGAIN, AGAIN)
        _ticks = self
        return self

    def __exit__(self, *_: object) -> None:
        global _ticks
        _ticks = None
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._handler)

    def _ring(self, signum: int, frame: FrameType | None) -> None:
        if self.ends and time.monotonic() >= min(self.ends) and not _is_passed_over(frame):
            _hush()
            raise OutOfTime


_holder = 0  # the process in which a `Held` holds the limits back
_ticks: Ticks | None = None
_knows_forks = False


def _forget() -> None:
    global _ticks
    _ticks = None


def _is_passed_over(frame: FrameType | None) -> bool:
    """Whether a ring now is one too early: held back, or about to be, or about to leave a limit, whose end would not be
    heard of if it were raised there.
    """
    if _holder and _holder == os.getpid():
        return True
    return frame is not None and frame.f_code in _DEAF


# Raised where an object is finalized, `OutOfTime` cannot leave: Python tells it and goes on. The next ring does what
# this one could not, so there is nothing to tell.
_otherwise: Callable[[sys.UnraisableHookArgs], object] | None = None


def _hush() -> None:
    global _otherwise
    if _otherwise is None:
        _otherwise = sys.unraisablehook
        sys.unraisablehook = _unless_out_of_time


def _unless_out_of_time(told: sys.UnraisableHookArgs) -> None:
    if not isinstance(told.exc_value, OutOfTime) and _otherwise is not None:
        _otherwise(told)


def _say_again() -> None:
    global _otherwise
    if _otherwise is not None and sys.unraisablehook is _unless_out_of_time:
        sys.unraisablehook = _otherwise
    _otherwise = None


_DEAF = frozenset(one.__code__ for one in (Limit.__exit__, Held.__enter__, _say_again, _unless_out_of_time))
