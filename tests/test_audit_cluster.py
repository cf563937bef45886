"""An audit on a Dask cluster: a real scheduler, and workers that are processes of their own, over TCP."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_audit import MOST, mbox, rows

from mailscan.audit.rows import TIMINGS
from mailscan.audit.run import run
from mailscan.audit.settings import read_policy, settings


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """(the scheduler's address, its two workers)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    dask = [sys.executable, "-m", "distributed.cli."]
    common: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    quiet = ["--no-dashboard"]
    scheduler = subprocess.Popen(
        [*dask[:2], dask[2] + "dask_scheduler", "--host", "127.0.0.1", "--port", str(port), *quiet], **common
    )
    workers = [
        subprocess.Popen(
            [*dask[:2], dask[2] + "dask_worker", address, "--nthreads", "1", "--nworkers", "1", "--no-nanny", *quiet],
            **common,
        )
        for _ in range(2)
    ]
    yield address, workers
    for process in (*workers, scheduler):
        process.kill()
        process.wait()


def test_rows_equal_those_of_this_machine_also_when_a_worker_is_lost(
    tmp_path: Path, cluster: tuple[str, list[subprocess.Popen[bytes]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mailscan.audit.cluster import ClusterWorkers
    from mailscan.mailboxes import tasks

    monkeypatch.setattr(tasks, "TASK_OCTETS", 100_000)
    monkeypatch.setattr(tasks, "SMALL", 0)
    path = mbox(tmp_path, 4000)
    wanted = rows(path, 2)
    address, processes = cluster
    end = time.monotonic() + 30
    with ClusterWorkers(settings([read_policy(None)]), address) as workers:
        while len(workers._client.nthreads()) < 2:
            assert time.monotonic() < end, "the workers did not come up"
            time.sleep(0.1)
        workers.jobs = 2
        for lost in (False, True):
            found = []
            for number, (_, done) in enumerate(run([str(path)], workers, MOST)):
                found += list(done.rows())
                if lost and number == 2:
                    processes[0].kill()
                    processes[0].wait()
            assert [{name: row[name] for name in row if name not in TIMINGS} for row in found] == wanted, lost


def test_no_scheduler_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mailscan.audit import cluster
    from mailscan.errors import UsageError

    monkeypatch.setattr(cluster, "SECONDS", 1)
    with pytest.raises(UsageError, match="no scheduler with workers answers"):
        cluster.ClusterWorkers(settings([read_policy(None)]), "tcp://127.0.0.1:9")
