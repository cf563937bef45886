"""What a worker does: it takes a task and gives back finished rows. Tasks and rows are plain data."""

from __future__ import annotations

import time
from typing import NamedTuple

from mailscan.audit.envelopes import Envelopes
from mailscan.audit.rows import from_line, row, to_line
from mailscan.audit.settings import load
from mailscan.audit.tally import Tally
from mailscan.mail import Mail
from mailscan.mailboxes.reading import Notes, messages_in_file, messages_in_range
from mailscan.mailboxes.tasks import Files, Range
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.recording import Replay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mailscan.audit.rows import Row
    from mailscan.audit.settings import Settings
    from mailscan.mailboxes.tasks import Task

SECONDS = 50.0


class Done(NamedTuple):
    """What came of a task. `lines` has for each policy the rows, a line of JSON each, in the archive's order; the
    tallies likewise. `skipped` is what could not be read, by (source, why), `boxes` the counts of each mbox, `empty`
    how many files had no octet. `span`: where in a range of an mbox the first message begins, and the next one.
    """

    lines: tuple[bytes, ...]
    tallies: tuple[dict[str, object], ...]
    skipped: list[tuple[str, str]]
    boxes: dict[str, list[int]]
    empty: int
    span: tuple[int | None, int | None]

    def rows(self, policy: int = 0) -> Iterator[Row]:
        """The rows by one of the policies."""
        return map(from_line, self.lines[policy].splitlines())


class Judge:
    """The policies of an audit, loaded, and what stays the same from mail to mail."""

    def __init__(self, settings: Settings) -> None:
        may_ask = settings.network or settings.replay is not None
        self.policies = [load(text, network=may_ask)[0] for text in settings.policies]
        self.most = min(policy.limits.message_size for policy in self.policies)
        self.envelopes = [Envelopes(policy.trusted, settings.envelope) for policy in self.policies]
        self.replay = None if settings.replay is None else Replay(0.0, "the record", settings.replay)

    def judge(self, messages: Iterable[tuple[str, int, bytes]]) -> tuple[tuple[bytes, ...], tuple[Tally, ...]]:
        """(for each policy the lines of the rows, and the tally)."""
        lines: list[list[bytes]] = [[] for _ in self.policies]
        tallies = tuple(Tally() for _ in self.policies)
        both = list(zip(self.policies, self.envelopes, lines, tallies, strict=True))
        for source, offset, raw in messages:
            message = Message(raw)
            for policy, envelopes, said, tally in both:
                began = time.perf_counter()
                mail = Mail(envelopes.of(message), message)
                verdict = scan(mail, policy, self.outside(policy), thorough=True)
                one = row(source, offset, mail, verdict, (time.perf_counter() - began) * 1000, policy)
                tally.add(one)
                said.append(to_line(one))
        return tuple(map(b"".join, lines)), tallies

    def outside(self, policy: object) -> Outside:
        """The network for one mail, or what a record has of it."""
        deadline = time.monotonic() + SECONDS
        return Outside(deadline, policy.outside) if self.replay is None else self.replay.again(deadline)  # type: ignore[attr-defined]


def work(task: Task, judge: Judge) -> Done:
    """The rows of a task's messages. Must be called in the main thread of a process."""
    notes = Notes()
    if isinstance(task, Files):
        messages: Iterator[tuple[str, int, bytes]] = (
            message for path in task.paths for message in messages_in_file(path, notes, judge.most)
        )
    elif isinstance(task, Range):
        messages = messages_in_range(task.path, task.start, task.stop, task.begin, notes, judge.most)
    else:
        notes.skipped, notes.boxes, notes.empty = list(task.skipped), dict(task.boxes), task.empty
        messages = iter(task.messages)
    lines, tallies = judge.judge(messages)
    return Done(lines, tuple(one.plain() for one in tallies), *notes.taken(), notes.span)
