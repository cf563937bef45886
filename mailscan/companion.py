"""A forked child that answers one question after another, for parsers that are not ours (`mailscan.guard`)."""

from __future__ import annotations

import marshal
import os
import resource
import select

from mailscan.errors import FilterError
from mailscan.guard import address_space, confine, finish, framed, last_words, limit, received, send, unframed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


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
        space = address_space() + memory
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
            send(self._questions, framed(question))
            octets = received(self._answers, self._ready)
        except BrokenPipeError:
            octets = None
        except BaseException:
            self.end()
            raise
        if octets is None:
            raise FilterError(last_words(self.end()))
        return unframed(octets)

    def end(self) -> int:
        """Kill it, and return its status. May be called again."""
        status = finish(self._child) if self._child else 0
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
        confine(seconds, space)
        limit(resource.RLIMIT_NOFILE, 64)
        limit(resource.RLIMIT_FSIZE, 0)
        answer = begin()
        while (octets := received(question_in, lambda poll: bool(poll.poll()))) is not None:
            send(answer_out, framed(answer(marshal.loads(octets))))
        status = 0
    except BrokenPipeError:  # the one who asked is gone
        status = 0
    finally:
        os._exit(status)
