"""The installed command when Python cannot begin, or is killed: a mailer gets 75, however that came.

The command is `scripts/mailscan`, which runs the `mailscan-python` that an installer writes beside it.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PROJECT
from running import ENVIRON, FAILED, LETTER, QUIET, Done, policy

POISON = "raise SystemExit(3)"
# Fewer descriptors or less memory than this, and /bin/sh itself does not start: no script can help that
# (docs/decisions/045-how-the-command-starts.md).
DASH_DESCRIPTORS, DASH_MEMORY = 12, 4 << 20


@pytest.fixture
def command(tmp_path: Path) -> str:
    """The command as it is installed, of what is being written."""
    (tmp_path / "bin").mkdir()
    shutil.copy(PROJECT / "scripts/mailscan", tmp_path / "bin")
    python = tmp_path / "bin/mailscan-python"
    python.write_text(f"#!{sys.executable}\nfrom mailscan.cli import main\nmain()\n")
    python.chmod(0o755)
    return str(tmp_path / "bin/mailscan")


def limits(kind: int, value: int) -> Callable[[], None]:
    def limit() -> None:
        resource.setrlimit(kind, (value, value))
        if kind == resource.RLIMIT_AS:
            # CPython 3.11 loops for ever where its start runs out of memory at some places.
            resource.setrlimit(resource.RLIMIT_CPU, (5, 5))

    return limit


def run(
    command: str, *args: str, stdin: int | None = None, first: Callable[[], None] | None = None, **environ: str
) -> Done:
    environ = ENVIRON | environ
    octets = LETTER if stdin is None else None
    words = [command, *args]
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE if stdin is None else stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
        preexec_fn=first,
    ) as process:
        out, err = process.communicate(octets, timeout=60)
    return Done(subprocess.CompletedProcess(words, process.returncode, out, err))


def test_what_it_gives_when_all_is_well(command: str, tmp_path: Path) -> None:
    assert run(command).status == 0
    assert run(command, "--rcpt", "spamtrap@example.com").status == 77
    assert run(command, "scan", "--rcpt", "spamtrap@example.com").out == b"5.7.1 Spam not wanted here\n"
    assert run(command, "--no-such").status == 75
    assert run(command, "--version").status == 0
    # What people call has statuses of its own.
    assert run(command, "check", "/nowhere.toml").status == 1
    assert run(command, "check", "--no-such").status == 2
    for link in (tmp_path / "link", tmp_path / "bin/other"):
        link.symlink_to(command)
        assert run(str(link), "--rcpt", "spamtrap@example.com").status == 77


@pytest.mark.parametrize("words", [[], ["scan"], ["deliver", "--smtp", "127.0.0.1:1"], ["--format", "kv"]])
def test_a_directory_as_standard_input(command: str, tmp_path: Path, words: list[str]) -> None:
    """CPython refuses to start on one, with status 1."""
    folder = os.open(tmp_path, os.O_RDONLY)
    done = run(command, *words, stdin=folder)
    os.close(folder)
    assert (done.status, done.out) == (75, b"")


@pytest.mark.parametrize(("closed", "status"), [([0], 75), ([1], 75), ([2], 0), ([0, 1, 2], 75)])
def test_closed_descriptors(command: str, closed: list[int], status: int) -> None:
    def first() -> None:
        for descriptor in closed:
            os.close(descriptor)

    assert run(command, first=first).status == status


def test_an_environment_that_breaks_python(command: str, tmp_path: Path) -> None:
    assert run(command, PYTHONHOME="/nowhere").status == 75
    for module in ("sitecustomize", "encodings", "mailscan"):
        (tmp_path / module).mkdir()
        (tmp_path / module / f"{module}.py").write_text(POISON)
        assert run(command, PYTHONPATH=str(tmp_path / module)).status == 75, module


@pytest.mark.parametrize("megabytes", [DASH_MEMORY >> 20, 6, 8, 10, 12, 14, 16, 20, 24])
def test_no_memory(command: str, megabytes: int) -> None:
    done = run(command, "--rcpt", "spamtrap@example.com", first=limits(resource.RLIMIT_AS, megabytes << 20))
    assert done.status in (75, 77)  # Python starts somewhere on this way


@pytest.mark.parametrize(
    ("kind", "value"),
    [(resource.RLIMIT_NOFILE, DASH_DESCRIPTORS), (resource.RLIMIT_FSIZE, 0)],
)
def test_other_limits(command: str, kind: int, value: int) -> None:
    assert run(command, "--rcpt", "spamtrap@example.com", first=limits(kind, value)).status in (75, 77)


def test_no_processor_time(command: str) -> None:
    """For Python; a hard limit of our caller's that kills the shell as well leaves nobody who could say 75."""
    python = Path(command + "-python")
    python.rename(command + "-python-itself")
    python.write_text(f'#!/bin/sh\nulimit -t 0\nexec {python}-itself "$@"\n')
    python.chmod(0o755)
    assert run(command, "--rcpt", "spamtrap@example.com").status in (75, 77)
    python.write_text("#!/bin/sh\nulimit -t 1\nwhile :; do :; done\n")
    assert run(command).status == 75


def test_no_further_process(command: str) -> None:
    words = ["prlimit", "--nproc=0"]
    if os.geteuid() == 0:
        may = "-all,+dac_read_search,+dac_override"
        other = ["setpriv", "--reuid=65534", "--clear-groups", f"--inh-caps={may}", f"--ambient-caps={may}"]
        words = [*other, *words]
    if not all(map(shutil.which, ("prlimit", "setpriv"))):
        pytest.skip("there is no prlimit, or for root, whose processes are not limited, no setpriv")
    done = Done(subprocess.run([*words, command], input=LETTER, capture_output=True, env=ENVIRON))
    assert (done.status, done.out) == (75, b""), done.err


@pytest.mark.parametrize("what", ["nothing", "not a program", "no interpreter", "a syntax error", "a signal"])
def test_a_python_that_cannot_be_run(command: str, what: str) -> None:
    python = Path(command + "-python")
    if what == "nothing":
        python.unlink()
    elif what == "not a program":
        python.chmod(0o644)
    else:
        text = {"no interpreter": "#!/nowhere/python", "a signal": "#!/bin/sh\nkill -SEGV $$"}
        python.write_text(text.get(what, f"#!{sys.executable}\nthis is no Python\n"))
    assert run(command).status == 75


def test_a_package_that_is_not_whole(command: str, tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "mailscan", tmp_path / "mailscan")
    assert run(command, PYTHONPATH=str(tmp_path)).status == 0
    for broken in ("pipeline.py", "errors.py", "cli/__init__.py", "__init__.py"):
        (tmp_path / "mailscan" / broken).write_text("raise RuntimeError('poisoned')")
        assert run(command, PYTHONPATH=str(tmp_path)).status == 75, broken


@pytest.mark.parametrize(("whom", "number", "status"), [("python", 9, 75), ("python", 11, 75), ("shell", 15, 0)])
def test_signals(command: str, tmp_path: Path, whom: str, number: int, status: int) -> None:
    """Python killed, as when memory runs out; and the shell told to end, which first waits for the verdict."""
    words = [command, "--policy", policy(tmp_path, QUIET)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, env=ENVIRON) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        end = time.monotonic() + 20
        while not children.read_text() and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.2)
        os.kill(int(children.read_text()) if whom == "python" else process.pid, number)
        out, _ = process.communicate(LETTER, timeout=30)
    assert (process.returncode, out) == (status, b"")


def test_a_terminated_python_says_so(command: str) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([command], stdin=pipe, stdout=pipe, stderr=pipe, env=ENVIRON, process_group=0) as process:
        time.sleep(1)
        os.killpg(process.pid, signal.SIGTERM)
        out, _ = process.communicate(LETTER, timeout=30)
    assert process.returncode == 75 and out in (FAILED, b"")
