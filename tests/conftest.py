"""What all tests share: where the corpora lie, what a machine need not have, and `--bless`."""

from __future__ import annotations

import functools
import os
import pty
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

# How long one example takes says nothing on a busy machine.
settings.register_profile("mailscan", deadline=None)
settings.load_profile("mailscan")
PROJECT = Path(__file__).parent.parent
CORPORA = Path(os.environ.get("MAILSCAN_CORPORA") or PROJECT.parent / "shared" / "corpora")
# Where daemons lie too.
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="write expected.json of each case as it now comes out")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(name, …): what the test needs of its machine, by the names of `needs`")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        needs(*marker.args)


def unavailable(why: str) -> NoReturn:
    """Skip what cannot be tested on this machine, visibly; it fails where $CI is set: CI has to have everything."""
    if os.environ.get("CI"):
        pytest.fail(f"{why} (.ci/apt names the packages)")
    pytest.skip(why, allow_module_level=True)


def needs(*names: str) -> None:
    """Skip, by name, what needs a thing that is not to be had here: one of `THINGS`, or else a program."""
    for name in names:
        if why := _lacking(name):
            unavailable(f"needs {name}: {why}")


def program(name: str) -> str:
    """The path of a program that a test needs."""
    needs(name)
    return shutil.which(name, path=PATH) or ""


def terminal() -> tuple[int, int]:
    """A terminal: the end of who looks at it, and the end of the program in it. Skips where none can be opened."""
    needs("a terminal")
    return pty.openpty()


def _terminal() -> str:
    try:
        ends = pty.openpty()
    except OSError as error:
        return str(error)
    for end in ends:
        os.close(end)
    return ""


def _complaint(*words: str) -> str:
    """What a command says when it fails."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return done.stderr.strip()[:200] or f"{words[0]} ended with {done.returncode}" if done.returncode else ""


def _mounts_of_its_own() -> str:
    """The root has to be a mount point too, else what is mounted within is seen by the rest of the machine."""
    script = "mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && umount /mnt"
    return _complaint("unshare", "--mount", "sh", "-c", script)


def _mounts() -> str:
    with tempfile.TemporaryDirectory() as folder:
        return _complaint("mount", "-t", "tmpfs", "tmpfs", folder) or _complaint("umount", folder)


def _seven_zip() -> str:
    from mailscan.unpack import program

    return "" if program.program() else "no such program"


def _libarchive() -> str:
    from mailscan.unpack import clibarchive

    return "" if clibarchive.version() else "no such library"


# Each says why it is not to be had; nothing if it is.
THINGS: dict[str, Callable[[], str]] = {
    "root": lambda: "" if os.geteuid() == 0 else f"this is user {os.geteuid()}",
    "a terminal": _terminal,
    "mounts": _mounts,
    "mounts of its own": _mounts_of_its_own,
    "7z": _seven_zip,
    "libarchive": _libarchive,
    "the corpora": lambda: "" if CORPORA.is_dir() else f"nothing at {CORPORA}; set MAILSCAN_CORPORA",
}


@functools.cache
def _lacking(name: str) -> str:
    """Why it is not to be had."""
    if thing := THINGS.get(name):
        return thing()
    return "" if shutil.which(name, path=PATH) else "no such program"


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real mail that nobody here wrote; $MAILSCAN_CORPORA names it."""
    needs("the corpora")
    return CORPORA


@pytest.fixture(scope="session")
def seven_zip() -> str:
    """The `7z` program."""
    from mailscan.unpack import program

    needs("7z")
    return program.program() or ""
