"""Questions of several rules at the same time, asked in a forked process that only waits.

Threads would do, but the process that judges must have none: it forks, for a postmaster's own Python and for document
parsers (docs/decisions/030-who-waits.md). So the threads live in a child, which sends each answer as it comes.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import time

from mailscan.errors import OurFailure
from mailscan.leash import close, start
from mailscan.outside import MARGIN, Outside, attempt
from mailscan.timer import Held

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mailscan.outside import Obtained, Question

    Task = tuple[int, float, Callable[[Outside], object]]

MOST_THREADS = 64


class Asker:
    """The child, and the pipe on which its answers come."""

    __slots__ = ("child", "leash", "pipe", "owner", "waiting", "done", "begun")

    def __init__(self, outside: Outside, tasks: Sequence[Task]) -> None:
        """Fork, and begin `tasks`. Without a process to be had nothing is begun: each rule then asks for itself."""
        self.begun = {turn: time.monotonic() + seconds for turn, seconds, _ in tasks}
        self.done: set[int] = set()
        self.waiting = bytearray()
        self.child = 0
        self.owner = os.getpid()
        self.leash = self.pipe = out = -1
        with Held():
            try:
                self.pipe, out = os.pipe()
                self.child, self.leash = start(lambda: _ask_all(outside, tasks, out), (out,))
            except (OSError, OurFailure):
                self.end()
            finally:
                close(out)

    def wait(self, question: Question, outside: Outside) -> None:
        """Take in answers until this one is known, or its rule will ask no more."""
        if os.getpid() != self.owner:
            return  # a child of the process that began: the answers are not its to take
        end = min(self.begun.get(outside.turn, 0.0) + MARGIN, outside.deadline - MARGIN)
        while self.pipe >= 0 and question not in outside.known and outside.turn not in self.done:
            if outside.turn not in self.begun or not self._more(outside, end):
                break

    def _more(self, outside: Outside, end: float) -> bool:
        """Take in what the pipe has; False when nothing came by `end`, or nothing is to come."""
        poll = select.poll()
        poll.register(self.pipe, select.POLLIN)
        left = end - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000 + 1):
            return False
        piece = os.read(self.pipe, 1 << 20)
        if not piece:
            self.end()
            return False
        self.waiting += piece
        while len(self.waiting) >= 8 and len(self.waiting) >= (whole := 8 + int.from_bytes(self.waiting[:8], "big")):
            turn, question, obtained = marshal.loads(bytes(self.waiting[8:whole]))
            del self.waiting[:whole]
            if question is None:
                self.done.add(turn)
            else:
                outside.known.setdefault(question, obtained)
        return True

    def end(self) -> None:
        """Kill the child and forget what it was still waiting for."""
        # In a child of the process that began these numbers are no descriptors, or another file's.
        with Held():
            if os.getpid() == self.owner:
                close(self.pipe, self.leash)
                if self.child:
                    try:
                        os.kill(self.child, signal.SIGKILL)
                        os.waitpid(self.child, 0)
                    except (ProcessLookupError, ChildProcessError):
                        pass
            self.pipe = self.leash = -1
            self.child = 0


def _ask_all(outside: Outside, tasks: Sequence[Task], out: int) -> int:
    """The child's whole life."""
    import threading

    board = _Board(out, dict(outside.known))
    begun = time.monotonic()
    left = list(reversed(tasks))

    def work() -> None:
        while True:
            try:
                turn, seconds, ask = left.pop()
            except IndexError:
                return
            _one(turn, ask, _Shared(begun + seconds, turn, outside, board), board)

    threads = [threading.Thread(target=work, daemon=True) for _ in tasks[:MOST_THREADS]]
    for thread in threads:
        thread.start()
    # Who judges may be killed: then nobody reads the pipe, and this process is of no use.
    reader = select.poll()
    reader.register(out, 0)
    for thread in threads:
        while thread.is_alive() and not reader.poll(0):
            thread.join(0.1)
    return 0


def _one(turn: int, ask: Callable[[Outside], object], outside: Outside, board: _Board) -> None:
    try:
        ask(outside)
    except BaseException:  # noqa: BLE001 - the rule meets it again, and accounts for it, when it is asked
        pass
    board.send(turn, None, None)


class _Board:
    """What the threads know together, and the way back to the process that judges."""

    def __init__(self, out: int, known: dict[Question, Obtained]) -> None:
        import threading

        self.out = out
        self.known = known
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.pending: set[Question] = set()

    def send(self, turn: int, question: Question | None, obtained: Obtained | None) -> None:
        """One message, whole, whichever thread sends it."""
        octets = marshal.dumps((turn, question, obtained))
        view = memoryview(len(octets).to_bytes(8, "big") + octets)
        with self.lock:
            while view:
                view = view[os.write(self.out, view) :]


class _Shared(Outside):
    """The outside of one rule's thread: its own deadline, the answers shared."""

    __slots__ = ("board",)

    def __init__(self, deadline: float, turn: int, like: Outside, board: _Board) -> None:
        super().__init__(deadline, like.settings)
        self.turn = turn
        self.clock = like.clock
        self.board = board

    def obtain(self, question: Question, get: Callable[[], Obtained]) -> Obtained:
        """Each question once: a thread that comes second waits for the first one's answer."""
        board = self.board
        with board.changed:
            while question in board.pending:
                board.changed.wait(self.remaining() + MARGIN)
                if not self.remaining():
                    return "", (), "the time of the rule had passed"
            if question in board.known:
                return board.known[question]
            board.pending.add(question)
        obtained: Obtained | None = None
        try:
            obtained = attempt(get)
        finally:
            # Whatever happened, nobody waits for this any more.
            with board.changed:
                if obtained is not None:
                    board.known[question] = obtained
                board.pending.discard(question)
                board.changed.notify_all()
        board.send(self.turn, question, obtained)
        return obtained

    def side_by_side(self, work: Sequence[Callable[[Outside], object]]) -> None:
        """Each piece of work in a thread of its own; back when all have ended."""
        import threading

        left = list(reversed(work))

        def some() -> None:
            while True:
                try:
                    one = left.pop()
                except IndexError:
                    return
                _quiet(one, self)

        threads = [threading.Thread(target=some, daemon=True) for _ in work[:MOST_THREADS]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _quiet(work: Callable[[Outside], object], outside: Outside) -> None:
    try:
        work(outside)
    except BaseException:  # noqa: BLE001 - as in _one
        pass
