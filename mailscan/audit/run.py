"""An audit's run: tasks go out to workers, and what came of them comes back in the archive's order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import BrokenExecutor

from mailscan.audit.work import NOTHING, Done
from mailscan.mailboxes.tasks import Files, Range, tasks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from mailscan.audit.workers import Workers
    from mailscan.mailboxes.tasks import Position, Task

# Tasks under way for each worker: none waits for work, and memory stays flat.
AHEAD = 3
# How often a task is tried with care; a worker may also die of what has nothing to do with it.
ATTEMPTS = 3


class Reached:
    """How far a run has come: the position of the last task whose rows were given, and where in an mbox that was read
    by ranges the next message begins. Plain data make one again.
    """

    def __init__(self, position: Position | None = None, begin: int | None = None) -> None:
        self.position = position
        self.begin = begin


def run(
    paths: list[str], workers: Workers, most: int, reached: Reached | None = None, rule: int | None = None
) -> Iterator[tuple[Task, Done]]:
    """Every task below these paths and what came of it, in the archive's order, whatever the workers' number.

    `most`: messages with more octets are skipped. `rule`: as the settings of the workers have it. `reached` says where
    to go on, and is kept up to date: when a pair is given, it stands behind that task.
    """
    reached = reached or Reached()
    course = _Course(workers)
    for task in tasks(paths, most, reached.position, rule):
        course.begin(task)
        if len(course.waiting) >= AHEAD * workers.jobs:
            yield course.first(reached)
    while course.waiting:
        yield course.first(reached)


class _Course:
    """The tasks under way, in their order, each with its future."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.waiting: deque[tuple[Task, Future[Done]]] = deque()

    def begin(self, task: Task) -> None:
        """Give a task out."""
        self.waiting.append((task, self._submit(task)))

    def first(self, reached: Reached) -> tuple[Task, Done]:
        """Wait for the first task, and take it off."""
        task, future = self.waiting[0]
        done = self._answer(task, future)
        self.waiting.popleft()
        if isinstance(task, Range):
            task, done = self._joined(task, done, reached)
        reached.position = task.position
        return task, done

    def _joined(self, task: Range, done: Done, reached: Reached) -> tuple[Range, Done]:
        """The same range read from where the last message before it really ends.

        A worker that sees a range alone takes the first line that begins a message for one. It may stand in the body
        of a message that a Content-Length reaches over; that only who read the ranges before can know.
        """
        begin = task.begin if task.start == 0 else reached.begin
        if begin is not None and begin >= task.stop:
            reached.begin = begin
            return task, NOTHING
        if begin is not None and done.span is not None and begin != done.span[0]:
            task = task._replace(begin=begin)
            done = self._answer(task, self._submit(task))
        if done.span is None:
            reached.begin = None  # of a range that was not read nobody knows where its last message ends
        else:
            reached.begin = done.span[1] if done.span[1] is not None else begin
        return task, done

    def _submit(self, task: Task) -> Future[Done]:
        try:
            return self.workers.submit(task)
        except BrokenExecutor:
            self._renew()
            return self.workers.submit(task)

    def _answer(self, task: Task, future: Future[Done]) -> Done:
        """What came of a task. If a worker died meanwhile, it may be this one's fault: it is done again with care,
        while no other is, and if even that kills its worker, what it was is skipped.
        """
        try:
            return self.workers.result(future)
        except BrokenExecutor:
            self.workers.renew()
        try:
            for _ in range(ATTEMPTS):
                try:
                    return self.workers.result(self.workers.submit(task, careful=True))
                except BrokenExecutor:
                    self.workers.renew()
            return NOTHING._replace(skipped=[_lost(task)], span=None)
        finally:
            self._renew()

    def _renew(self) -> None:
        self.workers.renew()
        for at, (task, future) in enumerate(self.waiting):
            if not future.done() or future.cancelled() or future.exception() is not None:
                self.waiting[at] = task, self.workers.submit(task)


def _lost(task: Task) -> tuple[str, str]:
    """(source, in words) what is skipped of a task that kills who does it."""
    why = "the process that read it died"
    if isinstance(task, Range):
        return task.path, f"octets {task.start} to {task.stop}: {why}"
    if isinstance(task, Files) and len(task.paths) > 1:
        return task.position.path, f"this file and {len(task.paths) - 1} before it: {why}"
    return task.position.path, why
