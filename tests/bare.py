"""`python -m bare SUITE…` (by `make bare`): README's test command in a Debian with python3, pip and git, and no more.

A new root without /dev/pts, servers or unpackers, which is not even a mount point: what a test needs and does not
find there it skips, and says so; none may fail. Every verdict on the cases and the corpora must be the same there as
on the Python that runs this. `--user` runs all that as a user who is not root.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import CORPORA, PROJECT
from machines import root

SUITES = ("bookworm", "trixie")
# Where the checkout lies in the root, and the corpora.
_HERE, _CORPORA = "srv/mailscan", "srv/corpora"
# Arguments: the root, then each folder or file of this machine's that is to be seen there, as FROM=TO.
_ENTER = """
set -e
mount --make-rprivate / 2> /dev/null || :
root=$1
shift
mount -t proc proc "$root/proc"
while [ "$1" != -- ]; do
    mount --bind -o ro "${1%%=*}" "$root/${1#*=}"
    shift
done
shift
exec chroot "$root" "$@"
"""
_USER = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--"]


def command() -> str:
    """README's second command, word for word."""
    (found,) = re.findall(r"^python3 .* && \.venv/bin/python -m pytest$", (PROJECT / "README.md").read_text(), re.M)
    return str(found)


def for_pip() -> tuple[dict[str, str], list[Path]]:
    """What pip needs to fetch packages as it does here: its variables, and the files that these name."""
    environ = {
        name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.lower().endswith("_proxy")
    }
    named = {Path(word.removeprefix("file://")) for value in environ.values() for word in value.split()}
    return environ, sorted(path for path in named if path.is_absolute() and path.exists())


def copy(folder: Path) -> None:
    """The checkout as it is now: what is committed, changed or new, and nothing that is ignored."""
    listed = ["git", "-C", str(PROJECT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, check=True, capture_output=True).stdout.split(b"\0")
    there = b"\0".join(name for name in names if name and os.path.lexists(PROJECT / os.fsdecode(name)))
    folder.mkdir(parents=True)
    tar = ["tar", "-C", str(PROJECT), "--null", "--files-from=-", "-c"]
    packed = subprocess.run(tar, input=there, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-C", str(folder), "--no-same-owner", "-x"], input=packed, check=True)


class Bare:
    """A copy of a kept root, with the checkout in it; it is gone with the block."""

    def __init__(self, suite: str, as_user: bool) -> None:
        self._kept = root(suite, ("git",))
        self._as_user = as_user
        self._folder = tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True)

    def __enter__(self) -> Bare:
        self._root = Path(self._folder.name) / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", str(self._kept), str(self._root)], check=True)
        copy(self._root / _HERE)
        (self._root / "etc/resolv.conf").write_bytes(Path("/etc/resolv.conf").read_bytes())
        if self._as_user:
            user = ["useradd", "--root", str(self._root), f"--home-dir=/{_HERE}", "--uid=1000", "stranger"]
            subprocess.run(user, check=True, capture_output=True)
            subprocess.run(["chown", "-R", "1000:1000", str(self._root / _HERE)], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def run(self, script: str, out: int | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        """A line of shell in the checkout, to its end."""
        of_pip, files = for_pip()
        binds = [(path, str(path).lstrip("/")) for path in files]
        if CORPORA.is_dir():
            binds.append((CORPORA, _CORPORA))
            environ["MAILSCAN_CORPORA"] = f"/{_CORPORA}"
        for path, inside in binds:
            there = self._root / inside
            there.parent.mkdir(parents=True, exist_ok=True)
            there.mkdir(exist_ok=True) if path.is_dir() else there.touch()
        environ |= of_pip | {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": f"/{_HERE}"}
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER, "sh", str(self._root)]
        words += [*(f"{path}={inside}" for path, inside in binds), "--", *(_USER if self._as_user else ())]
        words += ["env", "-i", f"--chdir=/{_HERE}", *(f"{name}={value}" for name, value in environ.items())]
        words += ["sh", "-c", script]
        return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=out, text=True, check=False)

    def tests(self) -> bool:
        """Whether README's command succeeds; it says what was skipped, and why."""
        return self.run(command(), PYTEST_ADDOPTS="-rs").returncode == 0

    def verdicts(self) -> list[str]:
        """The digests of all verdicts there."""
        return self.run("cd tests && ../.venv/bin/python -m verdicts", subprocess.PIPE).stdout.splitlines()


def verdicts() -> list[str]:
    """The digests of all verdicts on this Python."""
    words = [sys.executable, "-m", "verdicts"]
    environ = {**os.environ, "MAILSCAN_CORPORA": str(CORPORA)}
    done = subprocess.run(words, cwd=PROJECT / "tests", env=environ, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def main() -> int:
    """Run all in a root of each suite named, or of all."""
    words = sys.argv[1:]
    as_user = "--user" in words
    suites = [word for word in words if word != "--user"] or SUITES
    wanted = verdicts()
    print(f"--- verdicts on Python {sys.version.split()[0]}", *wanted, sep="\n", flush=True)
    failed = []
    for suite in suites:
        print(f"--- a bare Debian {suite}", flush=True)
        with Bare(suite, as_user) as bare:
            passed, found = bare.tests(), bare.verdicts()
        print("--- its verdicts", *found, sep="\n")
        if not passed:
            failed.append(f"{suite}: tests")
        if found != wanted:
            failed.append(f"{suite}: other verdicts (`python -m verdicts --each` shows each)")
    print(f"--- failed: {'; '.join(failed)}" if failed else f"--- passed: {', '.join(suites)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except pytest.skip.Exception as lacking:
        sys.exit(f"no bare root can be made here: it {lacking}")
