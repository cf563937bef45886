"""What a worker does: it takes a task and gives back finished rows. Tasks and rows are plain data."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

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
    from mailscan.policy import Policy
    from mailscan.verdict import Verdict

SECONDS = 50.0


class Done(NamedTuple):
    """What came of a task. `lines` has a line of JSON for each message, in the archive's order: its row; `tally` counts
    them. `skipped` is what could not be read, by (source, why), `boxes` the counts of each mbox, `empty` how many
    files had no octet. `span`: where in a range of an mbox the first message begins, and the next one.
    """

    lines: bytes
    tally: dict[str, Any]
    skipped: list[tuple[str, str]]
    boxes: dict[str, list[int]]
    empty: int
    span: tuple[int | None, int | None]

    def rows(self) -> Iterator[Row]:
        """The rows."""
        return map(from_line, self.lines.splitlines())


class Judge:
    """The policies of a run, loaded, and what stays the same from mail to mail. An audit has one policy."""

    def __init__(self, settings: Settings) -> None:
        may_ask = settings.network or settings.replay is not None
        self.policies = [load(text, network=may_ask)[0] for text in settings.policies]
        self.most = min(policy.limits.message_size for policy in self.policies)
        self.envelopes = [Envelopes(policy.trusted, settings.envelope) for policy in self.policies]
        self.replay = None if settings.replay is None else Replay(0.0, "the record", settings.replay)

    def judge(self, messages: Iterable[tuple[str, int, bytes]]) -> tuple[bytes, Tally]:
        """(the lines of the messages' rows, their tally)."""
        lines: list[bytes] = []
        tally = Tally()
        for source, offset, raw in messages:
            mail, verdict, ms = self.judged(Message(raw))
            one = row(source, offset, mail, verdict, ms, self.policies[0])
            tally.add(one)
            lines.append(to_line(one))
        return b"".join(lines), tally

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
    lines, tally = judge.judge(messages)
    return Done(lines, tally.plain(), *notes.taken(), notes.span)
