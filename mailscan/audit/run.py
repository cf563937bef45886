"""An audit's run: tasks go out to workers, and what came of them comes back in the archive's order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import BrokenExecutor

from mailscan.audit.tally import Tally
from mailscan.audit.work import Done
from mailscan.mailboxes.tasks import Files, Range, tasks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from mailscan.audit.workers import Workers
    from mailscan.mailboxes.tasks import Position, Task

# Tasks under way for each worker: none waits for work, and memory stays flat.
AHEAD = 3


class Reached:
    """How far a run has come: the position of the last task whose rows were given, and where in an mbox that was read
    by ranges the next message begins. Plain data make one again.
    """

    def __init__(self, position: Position | None = None, begin: int | None = None) -> None:
        self.position = position
        self.begin = begin


def run(paths: list[str], workers: Workers, most: int, reached: Reached | None = None) -> Iterator[tuple[Task, Done]]:
    """Every task below these paths and what came of it, in the archive's order, whatever the workers' number.

    `most`: messages with more octets are skipped. `reached` says where to go on, and is kept up to date: when a pair
    is given, it stands behind that task.
    """
    reached = reached or Reached()
    waiting: deque[tuple[Task, Future[Done]]] = deque()

    def first() -> tuple[Task, Done]:
        task, future = waiting[0]
        done = _answer(task, future, waiting, workers)
        waiting.popleft()
        if isinstance(task, Range):
            task, done = _joined(task, done, reached, waiting, workers)
        reached.position = task.position
        return task, done

    for task in tasks(paths, most, reached.position):
        waiting.append((task, _submit(task, waiting, workers)))
        if len(waiting) >= AHEAD * workers.jobs:
            yield first()
    while waiting:
        yield first()


def _joined(
    task: Range, done: Done, reached: Reached, waiting: deque[tuple[Task, Future[Done]]], workers: Workers
) -> tuple[Range, Done]:
    """The same range read from where the last message before it really ends.

    A worker that sees a range alone takes the first line that begins a message for one. It may stand in the body of a
    message that a Content-Length reaches over; that only who read the ranges before can know.
    """
    begin = 0 if task.start == 0 else reached.begin
    if begin is not None and begin >= task.stop:
        reached.begin = begin
        return task, done._replace(lines=b"", tally=Tally().plain(), skipped=[], boxes={}, empty=0, span=(None, None))
    if begin is not None and begin != done.span[0]:
        task = task._replace(begin=begin)
        done = _answer(task, _submit(task, waiting, workers), waiting, workers)
    reached.begin = done.span[1] if done.span[1] is not None else begin
    return task, done


def _submit(task: Task, waiting: deque[tuple[Task, Future[Done]]], workers: Workers) -> Future[Done]:
    try:
        return workers.submit(task)
    except BrokenExecutor:
        _renew(waiting, workers)
        return workers.submit(task)


def _answer(task: Task, future: Future[Done], waiting: deque[tuple[Task, Future[Done]]], workers: Workers) -> Done:
    try:
        return future.result()
    except BrokenExecutor:
        workers.renew()
        done = _alone(task, workers)
        _renew(waiting, workers)
        return done


def _alone(task: Task, workers: Workers) -> Done:
    """A task that may have killed a worker, done while no other is; if it does again, what it was is skipped."""
    try:
        return workers.submit(task).result()
    except BrokenExecutor:
        workers.renew()
        what = task.path if isinstance(task, Range) else task.position.path
        where = f"octets {task.start} to {task.stop}: " if isinstance(task, Range) else ""
        if isinstance(task, Files):
            where = f"this file and {len(task.paths) - 1} before it: " if len(task.paths) > 1 else ""
        span = (task.begin, None) if isinstance(task, Range) else (None, None)
        return Done(b"", Tally().plain(), [(what, f"{where}the process that judged it died")], {}, 0, span)


def _renew(waiting: deque[tuple[Task, Future[Done]]], workers: Workers) -> None:
    workers.renew()
    for at, (task, future) in enumerate(waiting):
        if not future.done() or future.cancelled() or future.exception() is not None:
            waiting[at] = task, workers.submit(task)
