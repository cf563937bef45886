"""What a terminal shows while `mailscan audit` runs: a bar with rate and time left, and then only the report."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import tempfile
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from archives import letters, mbox, zipped
from conftest import terminal
from running import ENVIRON, START, mailscan

from mailscan.mailboxes import tasks
from mailscan.mailboxes.tasks import Position, total_octets

BAR = re.compile(r"(\d+)% ([\d,]+) messages ([\d,]+)/s (\d:\d\d:\d\d|-:--:--)")
SEQUENCE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")
MIB = 1 << 20
COUNT = 600


class Screen:
    """What a terminal shows, as far as a progress bar and plain lines need one, and all lines that it ever showed."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.lines = [""]
        self.row = self.column = 0
        self.seen: list[str] = []
        self.cursor = True

    def take(self, sent: str) -> None:
        """Show what is sent. Raises `AssertionError` for what this one does not know."""
        at = 0
        for match in SEQUENCE.finditer(sent):
            assert match.start() == at, sent[at : at + 20]
            at = match.end()
            if match[0] == "\r":
                self.column = 0
            elif match[0] == "\n":
                self.row += 1
                self.lines += [""] * (self.row + 1 - len(self.lines))
            elif match[3] is None:
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + match[0] + line[self.column + len(match[0]) :]
                self.column += len(match[0])
                assert self.column <= self.columns, "a line was broken"
                self.seen.append(self.lines[self.row])
            elif match[3] == "K" and match[2] == "2":
                self.lines[self.row] = ""
            elif match[3] == "A":
                self.row -= int(match[2])
            elif match[1] == "?" and match[2] == "25":
                self.cursor = match[3] == "h"
            else:
                assert match[3] == "m", match[0]
        assert at == len(sent)

    def text(self) -> list[str]:
        """The lines that stand there in the end."""
        return [line.rstrip() for line in self.lines if line.strip()]


class OnTerminal:
    """An audit whose standard error is a terminal; so is its standard output, unless `piped`."""

    def __init__(
        self,
        *words: str,
        columns: int = 80,
        piped: bool = False,
        report: bool = True,
        stop: float = 0,
        **environ: str,
    ) -> None:
        ours, theirs = terminal()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.screen = Screen(columns)
        rows = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        out: Any = rows if piped else theirs
        environment = ENVIRON | {"TERM": "xterm-256color"} | environ
        process = subprocess.Popen(
            [*START, "audit", *words], env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=theirs
        )
        os.close(theirs)
        sent = b""
        try:
            while piece := os.read(ours, 1 << 16):
                sent += piece
                if stop and BAR.search(_plain(sent)):
                    time.sleep(stop)
                    process.send_signal(signal.SIGINT)
                    stop = 0
        except OSError:  # all who held the other end are gone
            pass
        os.close(ours)
        self.status = process.wait(30)
        rows.seek(0)
        self.out = rows.read()
        rows.close()
        self.raw = sent.decode()
        # The lines of a report may be longer than a terminal is broad.
        self.screen.take(self.raw if report else self.raw[: self.raw.rindex("\x1b[2K") + 4])


def _plain(sent: bytes) -> str:
    return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", sent.decode("utf-8", "replace"))


@pytest.fixture
def path(tmp_path: Path) -> str:
    """An mbox of some tasks."""
    file = tmp_path / "a.mbox"
    file.write_bytes(mbox(0, COUNT, 40_000))
    return str(file)


def without_times(lines: list[str]) -> list[str]:
    return sorted(re.sub(r"[\d.]+", "N", " ".join(line.split())) for line in lines)


def test_rate_and_time_left_and_then_only_the_report(path: str) -> None:
    shown = OnTerminal("--jobs", "2", path)
    assert shown.status == 0
    steps = [match for line in shown.screen.seen if (match := BAR.search(line))]
    percents = [int(step[1]) for step in steps]
    assert percents == sorted(percents) and percents[-1] == 100 and len(set(percents)) >= 4, percents
    assert steps[-1][2] == "600" and all(int(step[3].replace(",", "")) > 0 for step in steps if step[1] != "0")
    assert any(step[4] != "-:--:--" for step in steps[:-1])
    piped = mailscan("audit", "--jobs", "2", path, stdin=b"")
    assert piped.err == ""
    assert b"\x1b" not in piped.out and b"/s" not in piped.out and b"%\x20" not in piped.out.splitlines()[-1]
    assert without_times(shown.screen.text()) == without_times(piped.out.decode().splitlines())
    assert shown.screen.cursor


def test_nothing_of_it_in_a_pipe(path: str, tmp_path: Path) -> None:
    shown = OnTerminal("--jobs", "2", "--out", "-", path, piped=True)
    assert shown.status == 0
    assert [json.loads(line)["message_id"] for line in shown.out.splitlines()][-1] == "<599@example.org>"
    assert any(map(BAR.search, shown.screen.seen))
    assert shown.screen.text()[0].startswith("600 messages")  # rows are on standard output, the report is here


def test_rows_on_a_terminal_have_no_bar_between_them(tmp_path: Path) -> None:
    file = tmp_path / "a.mbox"
    file.write_bytes(mbox(0, 3, 10))
    shown = OnTerminal("--jobs", "1", "--out", "-", str(file), columns=10_000)
    lines = shown.raw.replace("\r\n", "\n").splitlines()
    assert [json.loads(line)["message_id"] for line in lines[:3]] == [f"<{number}@example.org>" for number in range(3)]
    assert "\x1b" not in shown.raw and lines[3].startswith("3 messages")


def test_a_narrow_terminal(path: str) -> None:
    """The bar is cropped: it never goes over two lines, the first of which would stay."""
    shown = OnTerminal("--jobs", "2", "--out", "-", path, columns=25, piped=True, report=False)
    assert shown.status == 0 and len(shown.screen.seen) > 4
    assert shown.screen.text() == []


def test_a_terminal_that_can_do_nothing(path: str) -> None:
    shown = OnTerminal("--jobs", "2", path, TERM="dumb")
    assert shown.status == 0 and "\x1b" not in shown.raw


def test_interrupted(path: str) -> None:
    """The bar is gone, the cursor is there again, and one line says it."""
    shown = OnTerminal("--jobs", "1", path, stop=0.05)
    assert shown.status == 1
    assert shown.screen.text() == ["mailscan: stopped by signal 2"]
    assert shown.screen.cursor


def test_what_is_left_when_a_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time left is not that of what was read before the pause."""
    folder = tmp_path / "all"
    folder.mkdir()
    for name in ("a", "b", "d"):
        (folder / name).write_bytes(b"x" * 100)
    (folder / "c").write_bytes(b"x" * (10 * MIB))
    whole = 300 + 10 * MIB
    assert total_octets([str(folder), str(folder)]) == 2 * whole
    assert total_octets([str(folder)], Position(0, str(folder / "b"), 0)) == 10 * MIB + 100
    assert total_octets([str(folder)], Position(0, str(folder / "c"), 1)) == 2 * MIB + 100
    assert total_octets([str(folder)], Position(0, str(folder / "c"), 2)) == 100
    assert total_octets([str(folder), str(folder)], Position(1, str(folder / "a"), 0)) == whole - 100
    assert total_octets(["-"]) is None


def test_a_large_zip_archive_moves_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "SMALL", 0)
    file = tmp_path / "a.zip"
    file.write_bytes(zipped(letters(0, 1000)))
    read = [tasks.size_of(task) for task in tasks.tasks([str(file)], 10**8)]
    size = file.stat().st_size
    assert len(read) > 3 and max(read) < size * 0.4 and size * 0.85 < sum(read) <= size
