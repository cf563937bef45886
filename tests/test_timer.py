"""Limits under the one timer of an audit: each still ends its own block, and nothing else."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import nullcontext

import pytest

from mailscan import companion, guard
from mailscan.companion import Companion
from mailscan.errors import FilterError, OutOfTime
from mailscan.guard import in_child
from mailscan.timer import Held, Limit, Ticks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


def busy() -> None:
    while True:
        pass


def test_one_timer_for_many_limits() -> None:
    handler = signal.getsignal(signal.SIGALRM)
    with Ticks():
        began = time.monotonic()
        with pytest.raises(OutOfTime), Limit(0.1):
            busy()
        assert 0.1 <= time.monotonic() - began < 5
        # The one that ended is forgotten; an outer one ends an inner one that has more time.
        with Limit(5):
            time.sleep(0.2)
        with pytest.raises(OutOfTime), Limit(0.1), Limit(60):
            busy()
        with Limit(5):
            time.sleep(0.2)
    assert signal.getsignal(signal.SIGALRM) == handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_swallowed_ring_comes_again() -> None:
    with Ticks(), pytest.raises(OutOfTime), Limit(0.1):
        try:
            busy()
        except OutOfTime:
            busy()


def test_a_child_has_a_timer_of_its_own() -> None:
    def late() -> str:
        try:
            with Limit(0.1):
                busy()
        except OutOfTime:
            pass
        return "late"

    with Ticks():
        assert in_child(late, seconds=20, memory=1 << 30) == "late"


@pytest.mark.parametrize("ticking", [False, True])
def test_a_ring_while_a_limit_is_left_is_passed_over(ticking: bool) -> None:
    """Raised there, the limit would never be taken off, and would end whatever comes next."""
    rung = []

    def see(frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and frame.f_code is Limit.__exit__.__code__:
            rung.append(frame)
            ring = signal.getsignal(signal.SIGALRM)
            assert callable(ring)
            ring(signal.SIGALRM, frame)

    def leave() -> None:
        with Limit(0.000001 if ticking else 60):
            sys.setprofile(see)
        sys.setprofile(None)

    if ticking:
        with Ticks():
            signal.setitimer(signal.ITIMER_REAL, 0)
            leave()
    else:
        leave()
    assert len(rung) == 1


@pytest.mark.parametrize("ticks", [False, True])
def test_what_rings_while_an_object_is_finalized_is_neither_told_nor_lost(
    ticks: bool, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow:
        def __del__(self) -> None:
            while time.monotonic() < until:
                pass

    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    until = time.monotonic() + 0.5
    with Ticks() if ticks else nullcontext(), pytest.raises(OutOfTime), Limit(0.05):
        Slow()
        while True:
            pass
    assert capfd.readouterr().err == ""
    # All else is told, as before.
    assert sys.unraisablehook is sys.__unraisablehook__


def test_what_else_fails_there_is_told(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __del__(self) -> None:
            raise ValueError("told")

    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    with pytest.raises(OutOfTime), Limit(0.05):
        try:
            while True:
                pass
        except OutOfTime:
            Broken()
            raise
    assert "ValueError: told" in capfd.readouterr().err


@pytest.mark.parametrize("ticks", [False, True])
def test_what_is_held_is_ended_by_no_limit_and_what_comes_after_is(ticks: bool) -> None:
    came = []
    with Ticks() if ticks else Limit(60), pytest.raises(OutOfTime), Limit(0.05):
        held = Held()
        with held:
            time.sleep(0.2)
            with Held():
                time.sleep(0.1)
            came.append("inner")
            time.sleep(0.1)
        came.append("outer")
        busy()
    assert came == ["inner", "outer"]


def test_a_child_forked_by_who_is_held_is_not() -> None:
    def late() -> str:
        with pytest.raises(OutOfTime), Limit(0.1):
            busy()
        return "late"

    with Held():
        assert in_child(late, seconds=5, memory=1 << 30) == "late"


@pytest.mark.parametrize("kind", ["child", "foreign", "companion"])
def test_a_limit_that_ends_while_a_child_is_ended_leaves_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule's time ends a tenth after that of the child it asks: on a slow machine in the midst of giving it back."""
    finish, ended = guard.finish, []

    def slow(child: int) -> int:
        time.sleep(0.3)
        ended.append(child)
        return finish(child)

    def ask(seconds: float) -> None:
        if kind != "companion":
            in_child(lambda: time.sleep(seconds), seconds=0.1 + seconds, memory=1 << 30, foreign=kind == "foreign")
            return
        one = Companion(lambda: lambda _: time.sleep(seconds), late=lambda: False, seconds=5, memory=1 << 30)
        try:
            one.ask(None)
        finally:
            one.end()

    ask(0)  # from now on there is one who watches (mailscan.watcher)
    monkeypatch.setattr(guard, "finish", slow)
    monkeypatch.setattr(companion, "finish", slow)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises((OutOfTime, FilterError)), Limit(0.2):
        ask(5)
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(ended[0], os.WNOHANG)
