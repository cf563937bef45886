"""Limits under the one timer of an audit: each still ends its own block, and nothing else."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import nullcontext

import pytest

from mailscan.errors import OutOfTime
from mailscan.guard import in_child
from mailscan.timer import Limit, Ticks

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
