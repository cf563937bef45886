"""The workers of a Dask cluster: the same tasks, by Dask's own executor, on machines that see the same paths."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor

from mailscan.audit import workers
from mailscan.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mailscan.audit.settings import Settings
    from mailscan.audit.work import Done
    from mailscan.mailboxes.tasks import Task

# How often a task is tried again whose worker was lost.
RETRIES = 5
SECONDS = 15


class ClusterWorkers:
    """The cluster whose scheduler listens at an address as tcp://scheduler:8786. Use as a context manager."""

    def __init__(self, settings: Settings, address: str) -> None:
        """Raises `UsageError` if it is not there."""
        try:
            from distributed import Client
        except ImportError:
            raise UsageError("--cluster needs the Python package distributed (the extra [cluster])") from None
        try:
            connect: Any = Client
            self._client = connect(address, timeout=SECONDS, set_as_default=False)
            self._client.wait_for_workers(1, timeout=SECONDS)
        except (OSError, ValueError) as error:
            raise UsageError(f"--cluster {address}: no scheduler with workers answers: {error}") from None
        self.jobs = sum(self._client.nthreads().values()) or 1
        self._executor = self._client.get_executor(pure=False, retries=RETRIES)
        # A result, not something scattered: if the worker that holds it is lost, the scheduler makes it again.
        self._settings = self._client.submit(_same, settings, pure=False)

    def submit(self, task: Task, *, careful: bool = False) -> Future[Done]:
        """Have a task done."""
        return self._executor.submit(on_cluster, task, self._settings, careful)  # type: ignore[no-any-return]

    def result(self, future: Future[Done]) -> Done:
        """What came of a task."""
        return future.result()

    def renew(self) -> None:
        """The scheduler does that."""

    def __enter__(self) -> ClusterWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; what it still has in hand is given up."""
        self._client.close()


def _same(settings: Settings) -> Settings:
    return settings


_POOLS: dict[str, ProcessPoolExecutor] = {}
_LOCK = threading.Lock()


def on_cluster(task: Task, settings: Settings, careful: bool) -> Done:
    """Do a task on a worker of the cluster.

    Dask calls this in a thread, and only in the main thread of a process can a rule be stopped that takes too long
    (mailscan.timer): the work is done in a process of the worker's own.
    """
    try:
        return _pool(settings).submit(workers.work_here, task, careful).result()
    except BrokenExecutor:
        with _LOCK:
            _POOLS.pop(settings.digest, None)
        raise


def _pool(settings: Settings) -> ProcessPoolExecutor:
    with _LOCK:
        if settings.digest not in _POOLS:
            for old in _POOLS.values():
                old.shutdown(wait=False)
            _POOLS.clear()
            # Dask's own workers are daemons, which multiprocessing lets have no children. These end with their parent.
            process: Any = multiprocessing.current_process()
            process._config["daemon"] = False
            _POOLS[settings.digest] = ProcessPoolExecutor(
                None, multiprocessing.get_context("spawn"), workers.begin, (settings, None)
            )
        return _POOLS[settings.digest]
