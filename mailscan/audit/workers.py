"""Who does the work: processes of this machine, or of a Dask cluster, by executors of `concurrent.futures`."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from mailscan.audit.work import Judge, work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Future
    from typing import Protocol

    from mailscan.audit.settings import Settings
    from mailscan.audit.work import Done
    from mailscan.mailboxes.tasks import Task

    class Workers(Protocol):
        """`jobs` tasks are worked on at a time; `submit` gives the future of one, `result` waits for it."""

        jobs: int

        def submit(self, task: Task, *, careful: bool = False) -> Future[Done]: ...
        def result(self, future: Future[Done]) -> Done: ...
        def renew(self) -> None: ...
        def close(self) -> None: ...


_PR_SET_PDEATHSIG = 1
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds after which somebody looks whether all workers live.
_LOOK = 1.0
_JUDGE: Judge | None = None


class LocalWorkers:
    """So many processes of this machine. Use as a context manager, from one thread."""

    def __init__(self, settings: Settings, jobs: int, judge: type[Judge] = Judge) -> None:
        self.settings = settings
        self.judge = judge
        self.jobs = jobs
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, task: Task, *, careful: bool = False) -> Future[Done]:
        """Have a task done. Raises `BrokenProcessPool` after a worker died, until `renew` is called."""
        if self._pool is not None:
            return self._pool.submit(work_here, task, careful)
        # Forked from a process without threads: a worker starts in a millisecond, with everything imported. A signal
        # waits until that is done: an exception in the middle of a fork is thrown away, and nobody would stop.
        self._pool = ProcessPoolExecutor(
            self.jobs, multiprocessing.get_context("fork"), begin, (self.settings, os.getpid(), self.judge)
        )
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            return self._pool.submit(work_here, task, careful)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def result(self, future: Future[Done]) -> Done:
        """What came of a task. Raises `BrokenProcessPool` when a worker died."""
        while True:
            try:
                return future.result(timeout=_LOOK)
            except TimeoutError:
                # The pool waits for ever for the rest of an answer in whose middle a worker was killed.
                if not future.done() and len(multiprocessing.active_children()) < self.jobs:
                    raise BrokenProcessPool("a worker died") from None

    def renew(self) -> None:
        """New processes in the place of those that are no more; what these had in hand is thrown away."""
        for child in multiprocessing.active_children():
            child.kill()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def close(self) -> None:
        """End them."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> LocalWorkers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.renew()  # who stops does not wait for what is under way
        self.close()


def begin(settings: Settings, parent: int | None, judge: type[Judge] = Judge) -> None:
    """A worker's start: it ends with its parent, leaves interrupts to it, and loads the policies."""
    global _JUDGE
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    die_with(parent)
    _JUDGE = judge(settings)


def die_with(parent: int | None) -> None:
    """Have this process killed when its parent is no more: nobody else would ever tell it to end."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def work_here(task: Task, careful: bool = False) -> Done:
    assert _JUDGE is not None
    return work(task, _JUDGE, careful=careful)
