"""Running `mailscan` as a real process, for the tests of the command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import PROJECT

START = [sys.executable, "-c", "from mailscan.cli import main; main()"]
ENVIRON = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(PROJECT), "LANG": "C.UTF-8"}
LETTER = b"From: joe@example.org\nSubject: a letter\n\nHello\n"
FAILED = b"4.3.0 Message could not be checked\n"
QUIET = '[log]\nto = "none"\n'


class Done:
    """How a process ended."""

    def __init__(self, done: subprocess.CompletedProcess[bytes]) -> None:
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr.decode()


def mailscan(*args: str, stdin: bytes = LETTER, **environ: str) -> Done:
    return Done(subprocess.run([*START, *args], input=stdin, capture_output=True, env=ENVIRON | environ, timeout=60))


def shell(line: str, stdin: bytes = LETTER, **environ: str) -> Done:
    """A shell's line, with "$@" for the command."""
    command = ["sh", "-c", line, "sh", *START]
    return Done(subprocess.run(command, input=stdin, capture_output=True, env=ENVIRON | environ, timeout=60))


def policy(folder: Path, text: str) -> str:
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def failed(done: Done, words: str) -> None:
    """75, the line of a failure, and one line that says why."""
    assert (done.status, done.out) == (75, FAILED)
    assert done.err.count("\n") == 1, done.err
    assert re.search(words, done.err), done.err
