"""Work done in a forked child, so that nothing it does can hurt the process that judges mail.

The child has its own limits and none of our descriptors, it ends when we do, and it is killed with all it started when
its time ends. The process that forks must have no threads running.
"""

from __future__ import annotations

import faulthandler
import marshal
import os
import resource
import select
import signal
import sys
import time

from mailscan.errors import FilterError, OurFailure
from mailscan.leash import UNFIT, close, start
from mailscan.timer import Held

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# An answer is at most a mail with its body replaced.
MOST_ANSWER = 512_000_000
HEADER = 8
# So many values it has at most, and so deep they lie in one another.
MOST_VALUES = 4_000_000
_DEEPEST = 100
# `marshal` as it was before it knew references and short forms: few codes, each of which we know.
_PLAIN = 2
_COUNTED, _LISTS = b"us([l", b"(["
_TEXT, _WHOLE, _DICT, _END = b"ul{0"
_FIXED = {b"N"[0]: 0, b"T"[0]: 0, b"F"[0]: 0, b"i"[0]: 4, b"g"[0]: 8}
_UNREADABLE = "its process sent an answer that cannot be read"
# At this signal a child that is late writes its stack, instead of its answer; so long it has for that.
_WHERE = int(signal.SIGUSR2)
_TELL_SECONDS = 0.1
_SILENCE = 0.03
# What foreign code starts has this limit too, whatever group, session or parent it gives itself: it is how it is known
# again. It is of real-time processes, in microseconds, and so high that it limits nothing (docs/decisions/003).
_UNUSED = getattr(resource, "RLIMIT_RTTIME", None)
_MARK = 1 << 62
_NANOSECONDS = (1 << 39) - 1
_MOST_STACK = 100_000
# More address space than a process of ours has: where there is no /proc to tell it.
_UNTOLD = 1 << 30
# So much of what a child prints is passed on.
_MOST_SAID = 1 << 16


class Late(FilterError):
    """A child that did not answer in time. `stack` is where it was, (path, line) of each call, the last call first;
    empty where it could not be asked.
    """

    def __init__(self, stack: list[tuple[str, int]]) -> None:
        super().__init__("its process did not answer in time")
        self.stack = stack


def in_child(work: Callable[[], object], *, seconds: float, memory: int, foreign: bool = False) -> object:
    """Call `work` in a forked child and return what it returned.

    The answer is made of None, bool, int, float, str, bytes, and tuples, lists and dicts of those. `seconds` are
    its wall-clock time, and as much CPU time; `memory` is how many octets of address space it may take beyond ours.
    Raises `FilterError` in words when it did not answer, `Late` when its time ended. With `foreign` it runs code that
    is not ours: its stack is wanted when it is late, and what it started is ended wherever that has gone.
    """
    end = time.monotonic() + seconds
    space = address_space() + memory
    mark = _MARK | (time.monotonic_ns() & _NANOSECONDS) << 22 | os.getpid() if foreign else 0
    if foreign:
        from mailscan.fence import prepare
        from mailscan.watcher import watch
    one, held = _Child(), Held()
    octets: bytes | None = None
    stack: list[tuple[str, int]] = []
    try:
        with held:
            if foreign:
                prepare(watch(mark))
            one.begin(work, seconds, space, mark)
        octets = _receive(one.answers, end, one.said)
        if octets is None and foreign and time.monotonic() >= end:
            stack = _stack(one.number, one.answers)
    finally:
        # Its time has often ended by now, and its rule's may: whole all the same.
        with held:
            status = one.end(mark)
            if foreign:
                watch(0)
    if octets is None:
        if time.monotonic() >= end:
            raise Late(stack)
        raise died(status)
    return unframed(octets)


class _Child:
    """The child of one call, and what we hold of it."""

    __slots__ = ("number", "leash", "answers", "said")

    def __init__(self) -> None:
        self.number, self.leash, self.answers = 0, -1, -1
        self.said: Said | None = None

    def begin(self, work: Callable[[], object], seconds: float, space: int, mark: int) -> None:
        """Fork it. Raises `OurFailure`; `end` is called after that, too."""
        self.answers, out = _pipe()
        try:
            self.said = Said() if mark else None
            told = self.said.inlet if self.said else -1
            self.number, self.leash = start(lambda: _child(work, out, seconds, space, mark), (out,), told)
        finally:
            close(out)

    def end(self, mark: int) -> int:
        """Kill it and all that it has started, give back what we hold; its status."""
        status = 0
        close(self.answers)
        if self.number:
            status = finish(self.number)
            close(self.leash)
            if mark:
                _end_strays(self.number, mark)
        if self.said is not None:
            self.said.end()
        return status


def _pipe() -> tuple[int, int]:
    try:
        return os.pipe()
    except OSError as error:
        raise OurFailure(f"no process could be started: {error.strerror}") from None


def confine(seconds: float, space: int) -> None:
    """Set the limits of the process that this is, in a group of its own. `space` is all the address space that it may
    have.
    """
    os.setpgid(0, 0)
    # On descriptor 2, where others in this process may have put something else; what is printed is no verdict.
    sys.stdout = sys.stderr = sys.__stderr__
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_CPU, int(seconds) + 2)
    limit(resource.RLIMIT_AS, space)


def _child(work: Callable[[], object], answer_out: int, seconds: float, space: int, mark: int) -> int:
    """What a child does; its status."""
    confine(seconds, space)
    if mark:
        from mailscan.fence import shut

        if _UNUSED is not None:
            limit(_UNUSED, mark)
        # In C, by the signal's own handler: also in the middle of a regular expression.
        faulthandler.register(_WHERE, answer_out, False)
        shut()
    answer = framed(work())
    try:
        send(answer_out, answer)
    except OSError:  # what ran here has closed it
        return 1
    return 0


def is_scarce(memory: int, seconds: float, space: int = 0) -> bool:
    """Whether a child that may have `memory` beyond ours, or all in all `space`, and `seconds` gets less by limits that
    our caller has set. What it fails for may then be ours.
    """
    space = space or address_space() + memory
    # Of what we set for a child the hard limit counts, of what we do not the other.
    found = (
        (resource.getrlimit(resource.RLIMIT_AS)[1], space),
        (resource.getrlimit(resource.RLIMIT_CPU)[1], int(seconds) + 2),
        (resource.getrlimit(resource.RLIMIT_DATA)[0], space),
    )
    return any(0 <= has < wanted for has, wanted in found)


def limit(kind: int, value: int) -> None:
    """Lower a limit; a hard limit that is lower already stays."""
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def address_space() -> int:
    """Octets of address space that this process has; where the system does not say, more than that."""
    try:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY)
        try:
            return int(os.read(descriptor, 200).split()[0]) * resource.getpagesize()
        finally:
            os.close(descriptor)
    except (OSError, ValueError, IndexError):
        return _UNTOLD


def framed(value: object) -> bytes:
    """A value as it is sent: its length goes first. Raises `ValueError` for what `marshal` cannot carry."""
    # marshal, not json: it carries bytes and any text, and costs no import.
    octets = marshal.dumps(value, _PLAIN)  # type: ignore[arg-type]
    return len(octets).to_bytes(HEADER, "big") + octets


def unframed(octets: bytes) -> object:
    """The value that was sent. Raises `FilterError`: whoever has taken over a child writes what it likes."""
    try:
        if _is_plain(octets):
            return marshal.loads(octets)
    except (ValueError, EOFError, TypeError):
        pass
    raise FilterError(_UNREADABLE)


def _is_plain(octets: bytes) -> bool:
    """Whether `marshal` may have this: it makes room for as many values as a list says that it has, and it takes code
    and references, which were never made for what a stranger writes. Keys are text, whose hashes nobody can choose.
    """
    # Values are counted when a list says how many it has: what has too many is not gone through.
    at, size, values = 0, len(octets), 1
    # How many values are to come, here and in what this stands in. Below 0 in a dict, until its end: -2 is a key.
    left, outer = 1, [0]
    while outer:
        if left == 0:
            left = outer.pop()
            continue
        if at >= size or values > MOST_VALUES:
            return False
        code = octets[at]
        at += 1
        values += left < 0
        if left > 0:
            left -= 1
        elif left == -1:
            left = -2
        elif code == _END:
            left = outer.pop()
            continue
        elif code != _TEXT:
            return False
        else:
            left = -1
        if code in _COUNTED:
            count = int.from_bytes(octets[at : at + 4], "little", signed=True)
            at += 4
            if code == _WHOLE:
                count = 2 * abs(count)
            if not 0 <= count <= size - at:
                return False
            if code in _LISTS:
                outer.append(left)
                left = count
                values += count
            else:
                at += count
        elif code in _FIXED:
            at += _FIXED[code]
        elif code == _DICT:
            outer.append(left)
            left = -2
        else:
            return False
        if len(outer) > _DEEPEST:
            return False
    return at == size


def send(descriptor: int, octets: bytes) -> None:
    view = memoryview(octets)
    while view:
        view = view[os.write(descriptor, view) :]


def _receive(descriptor: int, end: float, said: Said | None) -> bytes | None:
    """The answer, or None when the pipe ended or the time did before it was whole."""

    def ready(poll: select.poll) -> bool:
        if said is not None:
            said.listen(poll)
        while (left := end - time.monotonic()) > 0:
            found = poll.poll(left * 1000 + 1)
            if said is not None and any(one != descriptor for one, _ in found):
                said.hear(poll)
            if any(one == descriptor for one, _ in found):
                return True
        return False

    return received(descriptor, ready)


class Said:
    """What a child prints: taken in here, and passed on to our standard error when it has ended, for whoever waits
    for the end of that must not wait for a child, or what it started. What nobody takes at once is lost.
    """

    __slots__ = ("inlet", "_outlet", "_octets")

    def __init__(self) -> None:
        self._outlet, self.inlet = _pipe()
        os.set_blocking(self._outlet, False)
        self._octets = b""

    def listen(self, poll: select.poll) -> None:
        """Have `poll` tell of what is printed."""
        if self._outlet >= 0:
            poll.register(self._outlet, select.POLLIN)

    def hear(self, poll: select.poll) -> None:
        """Take in what was printed; at its end `poll` is to tell nothing more of it."""
        if not self._take():
            poll.unregister(self._outlet)
            close(self._outlet)
            self._outlet = -1

    def end(self) -> None:
        """Pass on what was printed."""
        close(self.inlet)
        while self._outlet >= 0 and self._take(last=True):
            pass
        close(self._outlet)
        poll = select.poll()
        poll.register(2, select.POLLOUT)
        while self._octets and any(event & select.POLLOUT for _, event in poll.poll(0)):
            try:
                # As many as a pipe that can be written to has room for.
                self._octets = self._octets[os.write(2, self._octets[: select.PIPE_BUF]) :]
            except OSError:
                return

    def _take(self, *, last: bool = False) -> bool:
        """Whether there was something, or may be later."""
        try:
            octets = os.read(self._outlet, 1 << 16)
        except BlockingIOError:
            return not last
        self._octets = (self._octets + octets)[:_MOST_SAID]
        return bool(octets)


def received(descriptor: int, ready: Callable[[select.poll], bool]) -> bytes | None:
    """One message from the pipe, or None when the pipe ended, or it was not `ready`, before it was whole.

    Its length goes first: a grandchild may hold the pipe open, and its end would never be seen.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    octets = bytearray()
    wanted = HEADER
    while len(octets) < wanted:
        if not ready(poll):
            return None
        piece = os.read(descriptor, min(1 << 20, wanted - len(octets)))
        if not piece:
            return None
        octets += piece
        if wanted == HEADER == len(octets):
            wanted = HEADER + int.from_bytes(octets, "big")
            if wanted > HEADER + MOST_ANSWER:
                return None
    return bytes(octets[HEADER:])


def _stack(child: int, descriptor: int) -> list[tuple[str, int]]:
    """Ask a child that is late where it is; (path, line) of each call, the last one first."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    end = time.monotonic() + _TELL_SECONDS
    octets = b""
    try:
        os.kill(child, _WHERE)
        # It is written in pieces, and its end is told by nothing but silence.
        while len(octets) < _MOST_STACK and (left := end - time.monotonic()) > 0:
            if not poll.poll(min(left, _SILENCE if octets else left) * 1000):
                break
            piece = os.read(descriptor, 1 << 16)
            if not piece:
                break
            octets += piece
    except OSError:
        return []
    found: list[tuple[str, int]] = []
    for line in octets.decode("ascii", "replace").splitlines():
        path, quoted, rest = line.strip().removeprefix('File "').rpartition('", line ')
        number = rest.partition(" ")[0]
        if quoted and number.isdigit():
            found.append((path.encode("ascii", "replace").decode("unicode_escape"), int(number)))
    return found


def finish(child: int) -> int:
    """Kill the child and whatever it started, and fetch its status."""
    for kill in (os.killpg, os.kill):  # the group may not be there yet
        try:
            kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return os.waitpid(child, 0)[1]


def _end_strays(child: int, mark: int) -> None:
    """Kill what a child has started that has left its process group."""
    # Nearly always nobody has started anything since: then the child's is the last number that was given.
    if (last := last_process()) != child and last:
        from mailscan.strays import end_strays

        end_strays(child, last, mark)


def last_process() -> int:
    """The number of the process that was started last, in all the system; 0 where that is not told."""
    try:
        descriptor = os.open("/proc/loadavg", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return int(os.read(descriptor, 200).split()[4])
        finally:
            os.close(descriptor)
    except (OSError, ValueError, IndexError):
        return 0


def died(status: int) -> FilterError:
    """What is raised when a child ended without an answer. None of ours ends by SIGKILL unless somebody else, or the
    kernel when memory runs out, sends it.
    """
    code = os.waitstatus_to_exitcode(status)
    if code == UNFIT:
        return OurFailure("its process could not begin its work")
    if code == -signal.SIGKILL:
        return OurFailure("its process was killed, or closed the way back to us without an answer")
    if code < 0:
        return FilterError(f"its process was killed by signal {-code}")
    return FilterError(f"its process ended with status {code} and gave no answer")
