"""A forked child that answers one question after another, for parsers that are not ours (`mailscan.guard`)."""

from __future__ import annotations

import marshal
import os
import resource
import select

from mailscan.errors import FilterError, OurFailure
from mailscan.guard import address_space, confine, died, finish, framed, limit, received, send, unframed
from mailscan.leash import close, start
from mailscan.timer import Held

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Companion:
    """A forked child that answers questions, one at a time, until `end`.

    `begin` is called in the child and returns what answers; question and answer are made of what `in_child` carries.
    `late` says whether its time is over, and is asked while we wait. `seconds` are its CPU time, `memory` as in
    `in_child`; it can open a few files to read, and write none. Raises `FilterError`, as `ask` does.
    """

    __slots__ = ("_late", "_child", "_leash", "_questions", "_answers")

    def __init__(
        self,
        begin: Callable[[], Callable[[object], object]],
        *,
        late: Callable[[], bool],
        seconds: float,
        memory: int,
    ) -> None:
        self._late = late
        self._child, self._leash = 0, -1
        self._questions = self._answers = question_in = answer_out = -1
        space = address_space() + memory
        try:
            with Held():
                try:
                    question_in, self._questions = os.pipe()
                    self._answers, answer_out = os.pipe()
                    pipes = question_in, answer_out
                    self._child, self._leash = start(lambda: _companion(begin, pipes, seconds, space), pipes)
                finally:
                    close(question_in, answer_out)
        except OSError as error:
            self.end()
            raise OurFailure(f"no process could be started: {error.strerror}") from None
        except BaseException:
            self.end()
            raise

    def ask(self, question: object) -> object:
        """What it answers. Raises `TimeoutError` when it is late, `FilterError` when it ended."""
        if not self._child:
            raise FilterError("its process has ended")
        try:
            send(self._questions, framed(question))
            octets = received(self._answers, self._ready)
        except BrokenPipeError:
            octets = None
        except BaseException:
            self.end()
            raise
        if octets is None:
            raise died(self.end())
        return unframed(octets)

    def end(self) -> int:
        """Kill it, and return its status. May be called again."""
        with Held():
            status = finish(self._child) if self._child else 0
            self._child = 0
            close(self._questions, self._answers, self._leash)
            self._questions = self._answers = self._leash = -1
        return status

    def _ready(self, poll: select.poll) -> bool:
        while not self._late():
            if poll.poll(50):
                return True
        raise TimeoutError("its process did not answer in time")


def _companion(
    begin: Callable[[], Callable[[object], object]], pipes: tuple[int, int], seconds: float, space: int
) -> int:
    """The life of a companion; its status."""
    question_in, answer_out = pipes
    confine(seconds, space)
    limit(resource.RLIMIT_NOFILE, 64)
    limit(resource.RLIMIT_FSIZE, 0)
    try:
        answer = begin()
        while (octets := received(question_in, lambda poll: bool(poll.poll()))) is not None:
            send(answer_out, framed(answer(marshal.loads(octets))))
    except BrokenPipeError:  # the one who asked is gone
        pass
    return 0
