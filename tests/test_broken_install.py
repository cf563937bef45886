"""An installation that is not whole: a mailer still gets a status and a line that it understands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT
from running import ENVIRON, START, Done, failed, mailscan


@pytest.mark.parametrize("module", ["click", "rich", "email", "typing", "dataclasses", "json"])
def test_what_a_pipe_does_not_need_may_be_broken(tmp_path: Path, module: str) -> None:
    (tmp_path / f"{module}.py").write_text("raise RuntimeError('poisoned')")
    path = f"{tmp_path}:{PROJECT}"
    assert mailscan(PYTHONPATH=path).status == 0
    assert mailscan("--rcpt", "spamtrap@example.com", "--format", "kv", PYTHONPATH=path).status == 77


@pytest.mark.parametrize("module", ["re", "enum", "functools", "pybase64", "collections"])
@pytest.mark.parametrize("form", ["text", "kv", "json"])
def test_what_it_needs_may_be_broken(tmp_path: Path, module: str, form: str) -> None:
    # site-packages are given by path: with some of these broken, `site` could not start either.
    (tmp_path / f"{module}.py").write_text("raise RuntimeError('poisoned')")
    part = b"Content-Transfer-Encoding: base64\nContent-Type: application/zip\n\nUEsDBA==\n"
    command = [sys.executable, "-S", *START[1:], "--format", form]
    path = ":".join([str(tmp_path), str(PROJECT), *(one for one in sys.path if "site-packages" in one)])
    done = Done(subprocess.run(command, input=part, capture_output=True, env=ENVIRON | {"PYTHONPATH": path}))
    assert done.status == 75
    if form == "json":
        assert json.loads(done.out)["verdict"] == "tempfail"
    else:
        assert b"Message could not be checked" in done.out
    assert done.out.count(b"\n") == 1
    assert done.err.count("\n") == (form != "kv")


def test_an_interpreter_without_its_packages() -> None:
    attached = b"Content-Transfer-Encoding: base64\nContent-Type: application/zip\n\nUEsDBA==\n"
    bare = [sys.executable, "-S", *START[1:]]
    done = Done(subprocess.run(bare, input=attached, capture_output=True, env=ENVIRON))
    failed(done, "pybase64")
    done = Done(subprocess.run([*bare, "--no-such"], input=attached, capture_output=True, env=ENVIRON))
    failed(done, "--no-such is not understood")
    done = Done(subprocess.run([*bare, "--help"], capture_output=True, env=ENVIRON))
    failed(done, "click cannot be imported")
