"""What an attacker, a full disk or a killer did to an audit: each once lost mail, hung, or ended the whole run."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import ENVIRON, START, Done, mailscan, policy

FROM = "From joe@example.org Sat Feb 24 10:21:37 1996\n"
LETTER = "From: joe@example.org\nMessage-ID: <{0}@example.org>\nSubject: {1}\n\nHello\n"
# It cannot kill who judges it, so it tells who is to be killed.
KILLS = """import os, time

def check(mail, outside):
    if mail.message.subject == "kill":
        with open(os.path.join(os.path.dirname(__file__), f"kill-{os.getppid()}"), "w"):
            time.sleep(20)
"""


def mbox(folder: Path, count: int, *, subjects: dict[int, str] | None = None, size: int = 0) -> Path:
    path = folder / "a.mbox"
    letters = (LETTER.format(n, (subjects or {}).get(n, "hi")) + "x" * size + "\n" for n in range(count))
    path.write_text("".join(f"{FROM}{letter}\n" for letter in letters))
    return path


def audit(*words: object) -> Done:
    command = [*START, "audit", *map(str, words)]
    return Done(subprocess.run(command, capture_output=True, env=ENVIRON, timeout=60, stdin=subprocess.DEVNULL))


@contextlib.contextmanager
def killer(folder: Path) -> Iterator[None]:
    """Kill, meanwhile, each process that is named there."""
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.02):
            for named in folder.glob("kill-*"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(named.name.partition("-")[2]), signal.SIGKILL)
                named.unlink()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def ids(path: Path) -> list[str]:
    return [json.loads(line)["message_id"] for line in path.read_text().splitlines()]


@pytest.mark.parametrize("size", [0, 20_000])
def test_a_mail_that_kills_who_judges_it_costs_itself_alone(tmp_path: Path, size: int) -> None:
    """In one task, and in the ranges of a large mbox; the next ones are not read from its beginning again."""
    path = mbox(tmp_path, 300, subjects={7: "kill", 150: "kill"}, size=size)
    (tmp_path / "own.py").write_text(KILLS)
    chosen = policy(tmp_path, '[[filter]]\nuse = "./own.py"\n')
    out = tmp_path / "x.jsonl"
    with killer(tmp_path):
        done = audit("--policy", chosen, "--out", out, path)
    assert done.status == 1
    assert ids(out) == [f"<{n}@example.org>" for n in range(300) if n not in (7, 150)]
    assert done.err.count("was not judged: ") == 2 and "skipped: 2" in done.out.decode()


def kill_workers(parent: subprocess.Popen[bytes], after: float) -> int:
    """Kill those that there are so many seconds after the first one was seen; gives how many."""
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    while parent.poll() is None and not children.read_text():
        time.sleep(0.01)
    time.sleep(after)
    killed = 0
    for child in children.read_text().split() if parent.poll() is None else ():
        with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(int(child), signal.SIGKILL)
            killed += 1
    return killed


@pytest.mark.skipif(sys.platform != "linux", reason="children are looked up as Linux lists them")
def test_killed_workers_never_hang_it(tmp_path: Path) -> None:
    """Also when one is killed in the middle of an answer, for whose rest the pool would wait for ever."""
    path = mbox(tmp_path, 12_000, size=600)
    for wait in (0.1, 0.4):
        out = tmp_path / f"{wait}.jsonl"
        command = [*START, "audit", "--jobs", "2", "--out", str(out), str(path)]
        process = subprocess.Popen(command, env=ENVIRON, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert kill_workers(process, wait)
        kill_workers(process, wait)
        _, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
        assert ids(out) == [f"<{n}@example.org>" for n in range(12_000)]


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for info, octets in members:
            tar.addfile(info, io.BytesIO(octets))
    return whole.getvalue()


def member(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def huge() -> bytes:
    """A member of 10^18 octets, and nothing of it there."""
    return member("a.eml", 10**18).tobuf(tarfile.GNU_FORMAT) + b"From: a@b.c\n\nx\n"


def sparse() -> bytes:
    info = member("a.eml", 512)
    info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "a.eml"}
    info.pax_headers |= {"GNU.sparse.size": str(10**18), "GNU.sparse.numblocks": "1", "GNU.sparse.map": "0,512"}
    return info.tobuf(tarfile.PAX_FORMAT) + b"x" * 512


def long_name(size: int = 600_000_000) -> bytes:
    info = member("././@LongLink", size)
    info.type = tarfile.GNUTYPE_LONGNAME
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(size), 1)


def long_pax() -> bytes:
    record = b"99999999999999999999 a=b\n"
    info = member("x", len(record))
    info.type = tarfile.XHDTYPE
    return info.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0")


def bomb() -> bytes:
    """20 GB of zeros in 20 kB, compressed twice."""
    piece = gzip.compress(bytes(100_000_000), 9)
    return gzip.compress(piece * 200, 9)


@pytest.mark.parametrize("name", ["huge", "sparse", "long_pax", "bomb", "long_name"])
def test_a_hostile_archive_costs_itself_alone(tmp_path: Path, name: str) -> None:
    made = {"huge": huge, "sparse": sparse, "long_pax": long_pax, "bomb": bomb, "long_name": long_name}
    octets = made[name]()
    (tmp_path / "a.eml").write_text(LETTER.format(1, "hi"))
    (tmp_path / f"b.{name}").write_bytes(octets)
    (tmp_path / "c.eml").write_text(LETTER.format(2, "hi"))
    out = tmp_path.with_name(f"{tmp_path.name}.jsonl")
    measured = [
        "/usr/bin/env",
        "python3",
        "-c",
        _MEASURE,
        *START,
        "audit",
        "--jobs",
        "1",
        "--out",
        str(out),
        str(tmp_path),
    ]
    done = Done(subprocess.run(measured, capture_output=True, env=ENVIRON, timeout=60, stdin=subprocess.DEVNULL))
    assert done.status == 1, done.err
    assert [one for one in ids(out) if one] == ["<1@example.org>", "<2@example.org>"]
    # What a file holds that is compressed twice is looked at no further than its kind.
    said = f"{tmp_path}/b.{name} is not mail: " if name == "bomb" else f"skipped {tmp_path}/b.{name}"
    assert said in done.err
    kilobytes = int(done.err.rsplit("peak ", 1)[1])
    assert kilobytes < 400_000


_MEASURE = """import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


def test_an_mbox_that_is_cut_while_it_is_read_is_said(tmp_path: Path) -> None:
    from mailscan.mailboxes.reading import Notes, messages_in_range

    path = mbox(tmp_path, 100)
    size = path.stat().st_size
    notes = Notes()
    os.truncate(path, size // 2)
    found = list(messages_in_range(str(path), 0, size, 0, notes, 10**8))
    assert 0 < len(found) < 100
    assert [why for _, why in notes.skipped] == [
        f"octets {size // 2} to {size} cannot be read: the file was cut while it was read"
    ]


def test_a_kill_at_the_very_end_is_finished(tmp_path: Path) -> None:
    """Between the rename that puts the rows in their place and the removal of what stood beside them."""
    path, out = mbox(tmp_path, 5), tmp_path / "x.jsonl"
    dies = "import os, sys\nfrom mailscan.audit import store\nos.unlink = lambda *_: os._exit(9)\n"
    dies += "from mailscan.cli import main\nmain()\n"
    killed = subprocess.run(
        [START[0], "-c", dies, "audit", "--out", str(out), str(path)], env=ENVIRON, capture_output=True
    )
    assert killed.returncode == 9 and out.exists() and Path(f"{out}.progress").exists()
    done = audit("--out", out, "--resume", path)
    assert (done.status, ids(out)) == (0, [f"<{n}@example.org>" for n in range(5)]), done.err
    assert b"5 messages" in done.out
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.mbox", "x.jsonl"]


def test_what_is_told_to_be_removed_is_all_that_must_be(tmp_path: Path) -> None:
    """A stopped run stands in the way until the file that its message names is removed, and no longer."""
    path, out = mbox(tmp_path, 5), tmp_path / "x.csv"
    os.mkdir(f"{out}.partial.new")  # so that it cannot be finished
    assert audit("--out", out, path).status == 1
    os.rmdir(f"{out}.partial.new")
    Path(f"{out}.partial").unlink()
    refused = audit("--out", out, path)
    assert (refused.status, out.exists()) == (1, False)
    Path(refused.err.split("remove ")[1].split(" to begin")[0]).unlink()
    done = audit("--out", out, path)
    assert (done.status, done.err) == (0, "") and out.exists()


def test_going_on_with_what_was_not_stopped_says_that_it_does_not(tmp_path: Path) -> None:
    path, out = mbox(tmp_path, 5), tmp_path / "x.jsonl"
    first = audit("--out", out, "--resume", path)
    assert (first.status, first.err) == (0, ""), "a script may always say --resume"
    again = audit("--out", out, "--resume", path)
    assert again.err == f"mailscan: --resume: no run for {out} was stopped, so all is judged again\n"
    assert (again.status, len(ids(out))) == (0, 5)


@pytest.mark.parametrize(
    "words",
    [
        ["--out", "x.txt"],
        ["--resume"],
        ["--resume", "--out", "-"],
        ["--client-ip", "foo"],
        ["--network", "--replay", "x"],
    ],
)
def test_a_wrong_command_line_is_2(tmp_path: Path, words: list[str]) -> None:
    """As `--help` says, and as backtest does: 1 is for archives that could not be read whole."""
    done = audit(*words, mbox(tmp_path, 2))
    assert (done.status, done.out) == (2, b"") and words[0] in done.err.splitlines()[-1], done.err


def test_rows_that_were_changed_meanwhile_are_not_believed(tmp_path: Path) -> None:
    path, out = mbox(tmp_path, 5), tmp_path / "x.csv"
    os.mkdir(f"{out}.partial.new")  # so that it cannot be finished
    assert audit("--out", out, path).status == 1
    partial = Path(f"{out}.partial")
    rows = partial.read_bytes()
    os.rmdir(f"{out}.partial.new")
    partial.write_bytes(rows.replace(b"hi", b"ho", 1))
    refused = audit("--out", out, "--resume", path)
    assert refused.status == 1 and "was changed" in refused.err
    partial.write_bytes(rows)
    assert audit("--out", out, "--resume", path).status == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["audit", "-"], "standard input is closed"),
        (["audit", "--resume", "--out", "x.jsonl", "-"], "standard input cannot be read again"),
        (["audit", "--out", "{0}/folder.jsonl", "{0}/a.mbox"], "it is a directory"),
        (
            ["backtest", "{0}/policy.toml", "--against", "{0}/policy.toml", "--jobs", "99999999999", "{0}/a.mbox"],
            "range",
        ),
        (["show", "{0}/deep.jsonl:1"], "is no row of an audit"),
        (["show", "{0}/pipe.jsonl:1"], "is no file"),
    ],
)
def test_it_is_said_in_one_line(tmp_path: Path, words: list[str], said: str) -> None:
    mbox(tmp_path, 2)
    policy(tmp_path, "")
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "deep.jsonl").write_text("[" * 100_000)
    os.mkfifo(tmp_path / "pipe.jsonl")
    command = ["sh", "-c", 'exec "$@" <&-', "sh", *START, *(word.format(tmp_path) for word in words)]
    done = Done(subprocess.run(command, capture_output=True, env=ENVIRON, timeout=30))
    assert done.status in (1, 2), done.err
    assert said in done.err and "internal error" not in done.err and "Traceback" not in done.err


def test_a_record_that_is_none(tmp_path: Path) -> None:
    path = mbox(tmp_path, 2)
    chosen = policy(tmp_path, "")
    for command in (["audit"], ["backtest", chosen, "--against", chosen]):
        done = mailscan(*command, "--replay", chosen, str(path), stdin=b"")
        assert done.status in (1, 75) and done.err.count("\n") == 1 and "internal" not in done.err, done.err
