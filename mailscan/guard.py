"""Work done in a forked child, so that nothing it does can hurt the process that judges mail.

The child has its own limits, its standard output is turned to standard error, and it is killed with all it
started when its time ends. The process that forks must have no threads running.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import faulthandler
import marshal
import os
import resource
import select
import signal
import sys
import time

from mailscan.errors import FilterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# An answer is at most a mail with its body replaced.
MOST_ANSWER = 512_000_000
HEADER = 8
# As plain numbers, and set by `_signal`: `signal.signal` makes enums of them, and each page of memory that a child is
# the first to touch costs it a fault. Such faults are most of what a child costs (docs/decisions/042).
_RESET = tuple(map(int, (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU)))
_DEFAULT = int(signal.SIG_DFL)
# At this signal a child that is late writes its stack, instead of its answer; so long it has for that.
_WHERE = int(signal.SIGUSR2)
_TELL_SECONDS = 0.1
_SILENCE = 0.03
_MOST_STACK = 100_000


class Late(FilterError):
    """A child that did not answer in time. `stack` is where it was, (path, line) of each call, the last call first;
    empty where it could not be asked.
    """

    def __init__(self, stack: list[tuple[str, int]]) -> None:
        super().__init__("its process did not answer in time")
        self.stack = stack


def in_child(work: Callable[[], object], *, seconds: float, memory: int, traced: bool = False) -> object:
    """Call `work` in a forked child and return what it returned.

    The answer is made of None, bool, int, float, str, bytes, and tuples, lists and dicts of those. `seconds` are
    its wall-clock time, and as much CPU time; `memory` is how many octets of address space it may take beyond ours.
    Raises `FilterError` in words when it did not answer, `Late` when its time ended; `traced` says that its stack is
    wanted then.
    """
    end = time.monotonic() + seconds
    space = _address_space() + memory
    answer_in, answer_out = os.pipe()
    try:
        child = os.fork()
        if child == 0:
            _child(work, answer_in, answer_out, seconds, space, traced)
    except OSError as error:
        os.close(answer_in)
        os.close(answer_out)
        raise FilterError(f"no process could be started: {error.strerror}") from None
    os.close(answer_out)
    octets: bytes | None = None
    stack: list[tuple[str, int]] = []
    try:
        octets = _receive(answer_in, end)
        if octets is None and traced and time.monotonic() >= end:
            stack = _stack(child, answer_in)
    finally:
        os.close(answer_in)
        status = _end(child)
    if octets is None:
        if time.monotonic() >= end:
            raise Late(stack)
        raise FilterError(_last_words(status))
    try:
        # marshal, not json: it carries bytes and any text, and costs no import. Only our own child writes here.
        return marshal.loads(octets)
    except (ValueError, EOFError, TypeError):
        raise FilterError("its process sent an answer that cannot be read") from None


class Companion:
    """A forked child that answers questions, one at a time, until `end`.

    `begin` is called in the child and returns what answers; question and answer are made of what `in_child` carries.
    `late` says whether its time is over, and is asked while we wait. `seconds` are its CPU time, `memory` as in
    `in_child`; it can open a few files to read, and write none. Raises `FilterError`, as `ask` does.
    """

    __slots__ = ("_late", "_child", "_questions", "_answers")

    def __init__(
        self,
        begin: Callable[[], Callable[[object], object]],
        *,
        late: Callable[[], bool],
        seconds: float,
        memory: int,
    ) -> None:
        self._late = late
        self._child = 0
        question_in, self._questions = os.pipe()
        self._answers, answer_out = os.pipe()
        space = _address_space() + memory
        try:
            child = os.fork()
        except OSError as error:
            os.close(question_in)
            os.close(answer_out)
            self.end()
            raise FilterError(f"no process could be started: {error.strerror}") from None
        if child == 0:
            _companion(begin, (question_in, self._answers, self._questions, answer_out), seconds, space)
        self._child = child
        os.close(question_in)
        os.close(answer_out)

    def ask(self, question: object) -> object:
        """What it answers. Raises `TimeoutError` when it is late, `FilterError` when it ended."""
        if not self._child:
            raise FilterError("its process has ended")
        try:
            _send(self._questions, _framed(question))
            octets = _received(self._answers, self._ready)
        except BrokenPipeError:
            octets = None
        except BaseException:
            self.end()
            raise
        if octets is None:
            raise FilterError(_last_words(self.end()))
        return marshal.loads(octets)

    def end(self) -> int:
        """Kill it, and return its status. May be called again."""
        status = _end(self._child) if self._child else 0
        self._child = 0
        for descriptor in (self._questions, self._answers):
            if descriptor >= 0:
                os.close(descriptor)
        self._questions = self._answers = -1
        return status

    def _ready(self, poll: select.poll) -> bool:
        while not self._late():
            if poll.poll(50):
                return True
        raise TimeoutError("its process did not answer in time")


def _companion(
    begin: Callable[[], Callable[[object], object]], pipes: tuple[int, int, int, int], seconds: float, space: int
) -> None:
    """The life of a companion; it never returns."""
    status = 1
    try:
        question_in, answers, questions, answer_out = pipes
        os.close(answers)
        os.close(questions)
        _confine(seconds, space)
        _limit(resource.RLIMIT_NOFILE, 64)
        _limit(resource.RLIMIT_FSIZE, 0)
        answer = begin()
        while (octets := _received(question_in, lambda poll: bool(poll.poll()))) is not None:
            _send(answer_out, _framed(answer(marshal.loads(octets))))
        status = 0
    except BrokenPipeError:  # the one who asked is gone
        status = 0
    finally:
        os._exit(status)


def _confine(seconds: float, space: int) -> None:
    """Set the limits of the process that this is, in a group of its own, without standard input and output. `space` is
    all the address space that it may have.
    """
    os.setpgid(0, 0)
    for number in _RESET:
        _signal.signal(number, _DEFAULT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)  # what it prints must not become part of a verdict
    sys.stdout = sys.stderr
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, int(seconds) + 2)
    _limit(resource.RLIMIT_AS, space)


def _child(
    work: Callable[[], object], answer_in: int, answer_out: int, seconds: float, space: int, traced: bool
) -> None:
    """The child's whole life; it never returns."""
    status = 1
    try:
        os.close(answer_in)
        _confine(seconds, space)
        if traced:
            # In C, by the signal's own handler: also in the middle of a regular expression.
            faulthandler.register(_WHERE, answer_out, False)
        _send(answer_out, _framed(work()))
        status = 0
    finally:
        # Without the interpreter's farewell: the parent's buffers and exit handlers are not ours to run.
        os._exit(status)


def _limit(kind: int, value: int) -> None:
    """Lower a limit; a hard limit that is lower already stays."""
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _address_space() -> int:
    """Octets of address space that this process has; 0 where the system does not say."""
    try:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY)
        try:
            return int(os.read(descriptor, 200).split()[0]) * resource.getpagesize()
        finally:
            os.close(descriptor)
    except (OSError, ValueError, IndexError):
        return 0


def _framed(value: object) -> bytes:
    octets = marshal.dumps(value)  # type: ignore[arg-type] # raises for what it cannot carry
    return len(octets).to_bytes(HEADER, "big") + octets


def _send(descriptor: int, octets: bytes) -> None:
    view = memoryview(octets)
    while view:
        view = view[os.write(descriptor, view) :]


def _receive(descriptor: int, end: float) -> bytes | None:
    """The answer, or None when the pipe ended or the time did before it was whole."""

    def ready(poll: select.poll) -> bool:
        left = end - time.monotonic()
        return left > 0 and bool(poll.poll(left * 1000 + 1))

    return _received(descriptor, ready)


def _received(descriptor: int, ready: Callable[[select.poll], bool]) -> bytes | None:
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


def _end(child: int) -> int:
    """Kill the child and whatever it started, and fetch its status."""
    for kill in (os.killpg, os.kill):  # the group may not be there yet
        try:
            kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return os.waitpid(child, 0)[1]


def _last_words(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        return "its process closed the way back to us without an answer"
    if code < 0:
        return f"its process was killed by signal {-code}"
    return f"its process ended with status {code} and gave no answer"
