"""`kill -9` wherever an audit reaches the disk, then --resume: no row is missing, and none is there twice."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from archives import letter
from running import ENVIRON, START, Done, mailscan

from mailscan.audit.rows import NAMES, TIMINGS

COUNT = 90
# Runs `mailscan`, and is killed before the call of this number that makes something on the disk what it is to be.
# A file says how many calls there were.
DIES = """import os, signal, sys
from mailscan.audit import store
from mailscan.mailboxes import tasks
last, calls = int(sys.argv.pop(1)), 0
told = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT)
def counted(call):
    def instead(*args):
        global calls
        calls += 1
        os.pwrite(told, b"%d" % calls, 0)
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args)
    return instead
store.EVERY, tasks.TASK_MESSAGES = -1.0, 10
os.fsync, os.replace, os.unlink = map(counted, (os.fsync, os.replace, os.unlink))
from mailscan.cli import main
main()
"""


def audit(last: int, out: Path, folder: Path, *options: str) -> Done:
    dies = [START[0], "-c", DIES, str(last), f"{folder}.calls"]
    command = [*dies, "audit", *options, "--jobs", "1", "--out", str(out), str(folder)]
    return Done(subprocess.run(command, capture_output=True, env=ENVIRON, timeout=60, stdin=subprocess.DEVNULL))


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, without their timings, each value as its format has it."""
    if path.suffix == ".csv":
        with open(path, encoding="utf-8", newline="") as file:
            found: list[dict[str, Any]] = list(csv.DictReader(file))
    elif path.suffix == ".parquet":
        import pyarrow.parquet

        found = pyarrow.parquet.read_table(path).to_pylist()
    elif path.suffix == ".sqlite":
        with closing(sqlite3.connect(path)) as database:
            found = [dict(zip(NAMES, row, strict=True)) for row in database.execute("SELECT * FROM mail")]
    else:
        found = [json.loads(line) for line in path.read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in TIMINGS} for row in found]


@pytest.mark.parametrize("ending", ["csv", "parquet", "sqlite", "jsonl"])
def test_every_row_once(tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "mail"
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"{number:03}.eml").write_text(letter(number, 100))
    undisturbed = tmp_path / f"undisturbed.{ending}"
    done = audit(0, undisturbed, folder)
    calls = int(Path(f"{folder}.calls").read_text())
    assert done.status == 0 and calls > COUNT // 10 * 3
    wanted = read(undisturbed)
    assert [row["message_id"] for row in wanted] == [f"<{number}@example.org>" for number in range(COUNT)]
    half = calls // 2
    # Until OUT is made of them, rows are kept alike for every format: each step of theirs, and each at the end.
    points = [1, 2, 3, half, half + 1, half + 2, calls - 3] if ending == "csv" else []
    for last in [*points, *range(calls - 2, calls + 1)]:
        out = tmp_path / f"x{last}.{ending}"
        assert audit(last, out, folder).status == -9
        if out.exists():  # whole, or not there
            assert read(out) == wanted
        again = mailscan("audit", "--out", str(out), "--resume", "--jobs", "1", str(folder), stdin=b"")
        assert again.status == 0, (last, again.err)
        assert f"{COUNT} messages".encode() in again.out, last
        assert read(out) == wanted, last
        assert not list(tmp_path.glob(f"x{last}.{ending}.*")), last


def test_killed_twice(tmp_path: Path) -> None:
    """A run that went on is killed again."""
    folder = tmp_path / "mail"
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"{number:03}.eml").write_text(letter(number, 100))
    out = tmp_path / "x.csv"
    assert audit(8, out, folder).status == -9
    for _ in range(3):
        assert audit(8, out, folder, "--resume").status == -9
    assert mailscan("audit", "--out", str(out), "--resume", str(folder), stdin=b"").status == 0
    assert [row["message_id"] for row in read(out)] == [f"<{number}@example.org>" for number in range(COUNT)]
