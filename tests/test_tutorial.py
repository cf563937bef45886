"""docs/tutorial.md, line by line, in an empty folder: its files are written and its commands are run in their order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import PROJECT

STEP = re.compile(r"<!-- (file: (?P<file>\S+)|run) -->\n```\w*\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


def test_every_step_of_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    home = tmp_path / "home"
    programs = tmp_path / "bin"
    home.mkdir()
    programs.mkdir()
    program = programs / "mailscan"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m mailscan "$@"\n')
    program.chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    environ = {"PATH": path, "HOME": str(home), "NO_COLOR": "1", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(PROJECT)}
    steps = list(STEP.finditer(page))
    assert len(steps) == page.count("\n```") // 2 > 5, "every block is a file or a run"
    ran = 0
    for step in steps:
        if step["file"]:
            (home / step["file"]).write_text(step["text"])
            continue
        for piece in step["text"].split("$ ")[1:]:
            line, _, wanted = piece.partition("\n")
            done = subprocess.run(
                ["sh", "-c", line], capture_output=True, text=True, cwd=home, env=environ, check=False
            )
            assert done.returncode == 0, (line, done.stderr)
            said = re.sub(r"\(\d+\.\d+ ms\)", "(… ms)", done.stdout)
            assert said == wanted.rstrip("\n") + "\n" * bool(wanted.strip()), line
            ran += 1
    assert ran >= 9
