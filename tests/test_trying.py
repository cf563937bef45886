"""`mailscan try`: nothing found is said so, what was found is shown with its octets, a failure is an exit status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from conftest import PROJECT


def tried(folder: Path, source: str, *more: str, message: bytes = b"Subject: hi\x1b[2J\n\nx\n") -> tuple[int, str, str]:
    (folder / "own.py").write_text(source)
    (folder / "one.eml").write_bytes(message)
    words = [sys.executable, "-m", "mailscan", "try", "own.py", *more, "one.eml"]
    environ = {"PYTHONPATH": str(PROJECT), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(words, capture_output=True, cwd=folder, env=environ, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_nothing_found_is_no_failure(tmp_path: Path) -> None:
    status, out, _ = tried(tmp_path, "def check(mail, outside):\n    pass\n")
    assert (status, out[:23]) == (0, "one.eml: found nothing ")


def test_a_crash_is_told_with_its_line(tmp_path: Path) -> None:
    status, out, err = tried(tmp_path, "def check(mail, outside):\n    1/0\n")
    assert status == 1
    assert "one.eml: failed" in out
    assert "own.py:2: ZeroDivisionError: division by zero" in out
    assert "Traceback" not in out + err


def test_where_it_lies_is_shown_and_no_octet_reaches_the_terminal(tmp_path: Path) -> None:
    source = """
from mailscan import Evidence, Finding
def check(mail, outside):
    print("seen")
    field = mail.message.headers.fields("Subject")[0]
    return Finding("own.x", mail.message.subject, score=2, evidence=[Evidence("1", field.start, field.end)])
"""
    status, out, err = tried(tmp_path, source, "--sender", "a@b.example")
    assert status == 0
    assert "part 1, octets 0–16: Subject: hi" in out
    assert "score +2" in out
    assert "\x1b" not in out
    assert "seen" in err


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "one.eml").write_bytes(b"Subject: x\n\n")
    words = [sys.executable, "-m", "mailscan", "try", str(tmp_path / "no.py"), str(tmp_path / "one.eml")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=PROJECT, check=False)
    assert done.returncode == 1
    assert "no.py: No such file" in done.stderr
    assert "Traceback" not in done.stderr
