"""What a worker does: it takes a task and gives back finished rows. Tasks and rows are plain data."""

from __future__ import annotations

import time
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from mailscan.audit.envelopes import Envelopes
from mailscan.audit.rows import from_line, row, to_line
from mailscan.audit.settings import load
from mailscan.audit.tally import Tally
from mailscan.errors import FilterError
from mailscan.guard import in_child
from mailscan.mail import Mail
from mailscan.mailboxes.reading import Notes, messages_in_file, messages_in_range
from mailscan.mailboxes.tasks import Files, Range
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.recording import Replay
from mailscan.timer import Ticks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mailscan.audit.rows import Row
    from mailscan.audit.settings import Settings
    from mailscan.mailboxes.tasks import Task
    from mailscan.policy import Policy
    from mailscan.verdict import Verdict

SECONDS = 50.0
# Of address space: what kills a process for want of memory is the system's limit, not ours.
_MEMORY = 1 << 40
# Messages in one process, where one of them may kill it.
_SOME = 64


class Done(NamedTuple):
    """What came of a task. `lines` has a line of JSON for each message, in the archive's order: its row; `tally` counts
    them. `skipped` is what could not be read, by (source, why), `boxes` the counts of each mbox, `empty` how many
    files had no octet. `span`: where in a range of an mbox the first message begins, and the next one; None if that
    is not known, for the range was not read.
    """

    lines: bytes
    tally: dict[str, Any]
    skipped: list[tuple[str, str]]
    boxes: dict[str, list[int]]
    empty: int
    span: tuple[int | None, int | None] | None

    def rows(self) -> Iterator[Row]:
        """The rows."""
        return map(from_line, self.lines.splitlines())


NOTHING = Done(b"", Tally().plain(), [], {}, 0, (None, None))


class Judge:
    """The policies of a run, loaded, and what stays the same from mail to mail. An audit has one policy."""

    def __init__(self, settings: Settings) -> None:
        may_ask = settings.network or settings.replay is not None
        self.policies = [load(text, network=may_ask)[0] for text in settings.policies]
        self.rule = settings.rule
        self.most = min(policy.limits.message_size for policy in self.policies)
        self.envelopes = [Envelopes(policy.trusted, settings.envelope) for policy in self.policies]
        self.replay = None if settings.replay is None else Replay(0.0, "the record", settings.replay)

    def judge(self, messages: Iterable[tuple[str, int, bytes]]) -> tuple[bytes, Tally]:
        """(the lines of the messages' rows, their tally)."""
        lines: list[bytes] = []
        tally = Tally()
        with Ticks():
            for source, offset, raw in messages:
                mail, verdict, ms = self.judged(Message(raw))
                one = row(source, offset, mail, verdict, ms, self.policies[0])
                tally.add(one)
                lines.append(to_line(one))
        return b"".join(lines), tally

    def careful(self, messages: Iterable[tuple[str, int, bytes]], notes: Notes) -> tuple[bytes, Tally]:
        """The same in further processes: a message that kills its own is noted, and costs no other its row."""
        lines: list[bytes] = []
        whole = Tally()
        left = iter(messages)
        while some := list(islice(left, _SOME)):
            self._some(some, lines, whole, notes)
        return b"".join(lines), whole

    def _some(self, some: list[tuple[str, int, bytes]], lines: list[bytes], whole: Tally, notes: Notes) -> None:
        try:
            answer: Any = in_child(partial(self._plainly, some), seconds=len(some) * SECONDS, memory=_MEMORY)
        except FilterError as error:
            if len(some) == 1:
                source, offset, _ = some[0]
                notes.skip(source, f"the message at octet {offset} was not judged: {error}")
                return
            half = len(some) // 2
            self._some(some[:half], lines, whole, notes)
            self._some(some[half:], lines, whole, notes)
            return
        lines.append(answer[0])
        whole.merge(answer[1])

    def _plainly(self, some: list[tuple[str, int, bytes]]) -> tuple[bytes, dict[str, Any]]:
        line, tally = self.judge(some)
        return line, tally.plain()

    def judged(self, message: Message, at: int = 0) -> tuple[Mail, Verdict, float]:
        """(the mail, its verdict by one of the policies with every rule asked, milliseconds)."""
        began = time.perf_counter()
        policy = self.policies[at]
        mail = Mail(self.envelopes[at].of(message), message)
        verdict = scan(mail, policy, self.outside(policy), thorough=True)
        return mail, verdict, (time.perf_counter() - began) * 1000

    def outside(self, policy: Policy) -> Outside:
        """The network for one mail, or what a record has of it."""
        deadline = time.monotonic() + SECONDS
        return Outside(deadline, policy.outside) if self.replay is None else self.replay.again(deadline)


def work(task: Task, judge: Judge, *, careful: bool = False) -> Done:
    """The rows of a task's messages; `careful` where one may have killed a worker. Must be called in the main thread
    of a process.
    """
    notes = Notes(judge.rule)
    if isinstance(task, Files):
        messages: Iterator[tuple[str, int, bytes]] = (
            message for path in task.paths for message in messages_in_file(path, notes, judge.most)
        )
    elif isinstance(task, Range):
        messages = messages_in_range(task.path, task.start, task.stop, task.begin, notes, judge.most, task.rule)
    else:
        notes.skipped, notes.boxes, notes.empty = list(task.skipped), dict(task.boxes), task.empty
        messages = iter(task.messages)
    lines, tally = judge.careful(messages, notes) if careful else judge.judge(messages)
    return Done(lines, tally.plain(), *notes.taken(), notes.span)
