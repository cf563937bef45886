"""A forked child that ends when its parent does, however that ends, and has none of its parent's descriptors.

Whoever called us waits for the end of our standard output. A child that outlives us must not hold that open, and must
not outlive us: a process that was killed cannot end its children.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import select
import signal

from mailscan.errors import OurFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# The status of a child that could not begin, or lacked what its work needs (EX_OSERR).
UNFIT = 71
_MOST_DESCRIPTORS = 1 << 20
# As plain numbers, and set by `_signal`: `signal.signal` makes enums of them, and each page of memory that a child is
# the first to touch costs it a fault. Such faults are most of what a child costs (docs/decisions/042).
_RESET = tuple(map(int, (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU)))
_DEFAULT = int(signal.SIG_DFL)


def start(life: Callable[[], int], keep: Sequence[int], output: int = -1, *, outlives: bool = False) -> tuple[int, int]:
    """Fork a child that does `life` and ends with the status that this gives; (its number, its leash).

    It has the descriptors in `keep`, an empty standard input, and `output` as its standard output and error; without
    one, what it says is lost. It is killed when the leash, a descriptor of ours, is closed for the last time: by us
    or by our end; one that `outlives` us has none (-1). Raises `OurFailure`.
    """
    held = leash = nothing = -1
    try:
        import fcntl  # noqa: F401 - here: each page that a child is the first to touch is a fault

        if not outlives:
            held, leash = os.pipe()
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        child = os.fork()
    except (OSError, ImportError) as error:
        close(held, leash, nothing)
        raise OurFailure(f"no process could be started: {getattr(error, 'strerror', None) or error}") from None
    if child == 0:
        status = UNFIT
        try:
            for number in _RESET:
                _signal.signal(number, _DEFAULT)
            _let_go((*keep, held), nothing, nothing if output < 0 else output)
            if not outlives:
                fasten(held)
            status = 1
            status = life()
        except (OSError, ImportError):
            status = UNFIT
        finally:
            # Without the interpreter's farewell: the parent's buffers and exit handlers are not ours to run.
            os._exit(status)
    close(held, nothing)
    return child, leash


def close(*descriptors: int) -> None:
    """Close those that are open, -1 being none."""
    for one in descriptors:
        if one >= 0:
            os.close(one)


def fasten(held: int) -> None:
    """Have this process killed when nobody has the leash any more whose other end is `held`; also after an `exec`.

    A descriptor's own signal, for PR_SET_PDEATHSIG takes `ctypes`, which costs a scan 2 ms.
    """
    import fcntl

    wanted = getattr(fcntl, "F_SETSIG", None)
    if wanted is not None:
        fcntl.fcntl(held, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(held, wanted, signal.SIGKILL)
        fcntl.fcntl(held, fcntl.F_SETFL, fcntl.fcntl(held, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(held, 0)
    if poll.poll(0):  # let go of before we had it
        os._exit(UNFIT)


def _let_go(keep: Sequence[int], nothing: int, output: int) -> None:
    """Close all but `keep`; the first three descriptors become `nothing` and `output`."""
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    begin = 3
    for one in sorted(keep):
        if one >= begin:
            os.closerange(begin, one)
            begin = one + 1
    os.closerange(begin, _MOST_DESCRIPTORS)
