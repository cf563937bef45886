"""Work done in a forked child, so that nothing it does can hurt the process that judges mail.

The child has its own limits, its standard output is turned to standard error, and it is killed with all it
started when its time ends. The process that forks must have no threads running.
"""

from __future__ import annotations

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


def in_child(work: Callable[[], object], *, seconds: float, memory: int) -> object:
    """Call `work` in a forked child and return what it returned.

    The answer is made of None, bool, int, float, str, bytes, and tuples, lists and dicts of those. `seconds` are
    its wall-clock time, and as much CPU time; `memory` is how many octets of address space it may take beyond ours.
    Raises `FilterError` in words when it did not answer.
    """
    end = time.monotonic() + seconds
    answer_in, answer_out = os.pipe()
    try:
        child = os.fork()
        if child == 0:
            _child(work, answer_in, answer_out, seconds, memory)
    except OSError as error:
        os.close(answer_in)
        os.close(answer_out)
        raise FilterError(f"no process could be started: {error.strerror}") from None
    os.close(answer_out)
    octets: bytes | None = None
    try:
        octets = _receive(answer_in, end)
    finally:
        os.close(answer_in)
        status = _end(child)
    if octets is None:
        raise FilterError(_last_words(status, time.monotonic() >= end))
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
        try:
            child = os.fork()
        except OSError as error:
            os.close(question_in)
            os.close(answer_out)
            self.end()
            raise FilterError(f"no process could be started: {error.strerror}") from None
        if child == 0:
            _companion(begin, (question_in, self._answers, self._questions, answer_out), seconds, memory)
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
            raise FilterError(_last_words(self.end(), False))
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
    begin: Callable[[], Callable[[object], object]], pipes: tuple[int, int, int, int], seconds: float, memory: int
) -> None:
    """The life of a companion; it never returns."""
    status = 1
    try:
        question_in, answers, questions, answer_out = pipes
        os.close(answers)
        os.close(questions)
        _confine(seconds, memory)
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


def _confine(seconds: float, memory: int) -> None:
    """Set the limits of the process that this is, in a group of its own, without standard input and output."""
    os.setpgid(0, 0)
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)  # what it prints must not become part of a verdict
    sys.stdout = sys.stderr
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, int(seconds) + 2)
    _limit(resource.RLIMIT_AS, _address_space() + memory)


def _child(work: Callable[[], object], answer_in: int, answer_out: int, seconds: float, memory: int) -> None:
    """The child's whole life; it never returns."""
    status = 1
    try:
        os.close(answer_in)
        _confine(seconds, memory)
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
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
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


def _end(child: int) -> int:
    """Kill the child and whatever it started, and fetch its status."""
    for kill in (os.killpg, os.kill):  # the group may not be there yet
        try:
            kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return os.waitpid(child, 0)[1]


def _last_words(status: int, late: bool) -> str:
    if late:
        return "its process did not answer in time"
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        return "its process closed the way back to us without an answer"
    if code < 0:
        return f"its process was killed by signal {-code}"
    return f"its process ended with status {code} and gave no answer"
