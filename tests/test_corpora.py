"""Every message of the corpora through the command, in one process; 100 of them through real processes as a sample.

No exception, no failure of ours, and the verdicts that people owed them by hand (owed_verdicts.toml).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailscan.cli import run

OWED = tomllib.loads((Path(__file__).parent / "owed_verdicts.toml").read_text(encoding="utf-8"))
MIPS = 5000
STATUS = {"accept": 0, "reject": 77}


def of_tar(path: Path, wanted: str) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() and re.search(wanted, member.name) else None
            if file is not None:
                yield member.name.removeprefix("./"), file.read()


def of_mbox(path: Path, most: int) -> Iterator[tuple[int, bytes]]:
    import lzma

    with lzma.open(path) as file:
        message: list[bytes] = []
        number = 0
        for line in file:
            if line.startswith(b"From mboxrd@z ") and message:
                yield number, b"".join(message)
                number += 1
                message = []
                if number == most:
                    return
            message.append(line[1:] if re.match(rb">+From ", line) else line)


def messages(corpora: Path, name: str) -> Iterator[tuple[str | int, bytes]]:
    if name == "spamassassin":
        yield from of_tar(corpora / "corpora/spamassassin-set1.tar.xz", r"^(\./)?(ham|ham_hard|spam)/")
    elif name == "phishing":
        yield from of_tar(corpora / "corpora/phishing_pot-400.tar.xz", r"\.eml$")
    elif name == "mips":
        yield from of_mbox(corpora / "mbox/linux-mips-early.mbox.xz", MIPS)
    else:
        for path in sorted((corpora / "mime").rglob("*")):
            if path.is_file() and path.stat().st_size:
                yield str(path.relative_to(corpora / "mime")), path.read_bytes()


class Command:
    """The command's `main` in this process, on descriptors of files in memory."""

    def __init__(self) -> None:
        self.into, self.out, self.err = (os.memfd_create(name) for name in ("stdin", "stdout", "stderr"))

    def __call__(self, raw: bytes, *args: str) -> tuple[int, bytes, bytes]:
        for descriptor in (self.into, self.out, self.err):
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
        with open(self.into, "wb", closefd=False) as file:
            file.write(raw)
        os.lseek(self.into, 0, os.SEEK_SET)
        status = run(args, self.into, self.out, self.err, {})
        return status, self.read(self.out), self.read(self.err)

    def read(self, descriptor: int) -> bytes:
        os.lseek(descriptor, 0, os.SEEK_SET)
        return os.read(descriptor, os.fstat(descriptor).st_size)


@pytest.fixture
def quiet_log(tmp_path: Path) -> list[str]:
    """Options for a policy that is the starter policy, without lines in the machine's mail log."""
    from mailscan.policy import starter_text

    policy = tmp_path / "policy.toml"
    policy.write_text(starter_text() + '\n[log]\nto = "none"\n', encoding="utf-8")
    return ["--policy", str(policy)]


def refused_by_hand(name: str) -> dict[str | int, dict[str, Any]]:
    """The messages of a set that are owed a refusal without any envelope, by id."""
    listed = [one for kind in ("message", "executable", "doubtful") for one in OWED[kind]]
    return {
        one["id"]: one
        for one in listed
        if one["set"] == name and one["verdict"] == "reject" and not one.get("rcpt") and not one.get("sender")
    }


@pytest.mark.parametrize(("name", "least"), [("spamassassin", 3249), ("phishing", 400), ("mips", MIPS), ("mime", 900)])
def test_every_message_gets_its_verdict(corpora: Path, quiet_log: list[str], name: str, least: int) -> None:
    command = Command()
    owed = refused_by_hand(name)
    wrong: list[str] = []
    count = 0
    for identity, raw in messages(corpora, name):
        count += 1
        status, out, err = command(raw, *quiet_log, "--format", "json")
        said = json.loads(out)
        if status not in STATUS.values() or err or said["error"]:
            wrong.append(f"{identity}: status {status}, {said['error'] or err!r}")
            continue
        refused = owed.get(identity)
        right = (status == 77 and said["rule"] == refused["rule"]) if refused else status == 0
        if not right:
            wrong.append(f"{identity}: {said['verdict']} by {said['rule'] or 'no rule'}, owed {refused or 'accept'}")
    assert count >= least
    assert not wrong, f"{len(wrong)} of {count}:\n" + "\n".join(wrong[:40])


def chosen(corpora: Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The messages listed by hand with an envelope or a reason of their own."""
    listed = [one for kind in ("message", "doubtful") for one in OWED[kind]]
    for name in ("spamassassin", "phishing", "mips", "mime"):
        wanted: dict[str | int, list[dict[str, Any]]] = {}
        for one in listed:
            if one["set"] == name:
                wanted.setdefault(one["id"], []).append(one)
        for identity, raw in messages(corpora, name):
            for one in wanted.pop(identity, ()):
                yield one, raw
        assert not wanted, f"not in the corpora: {list(wanted)}"


def test_verdicts_owed_by_hand(corpora: Path, quiet_log: list[str]) -> None:
    command = Command()
    wrong: list[str] = []
    count = 0
    for one, raw in chosen(corpora):
        count += 1
        envelope = [word for rcpt in one.get("rcpt", ()) for word in ("--rcpt", rcpt)]
        envelope += ["--sender", one["sender"]] if "sender" in one else []
        status, out, _ = command(raw, *quiet_log, *envelope, "--format", "json")
        said = json.loads(out)
        if (said["verdict"], said["rule"]) != (one["verdict"], one["rule"]) or status != STATUS[one["verdict"]]:
            wrong.append(f"{one['set']} {one['id']}: {said['verdict']} by {said['rule']}, owed: {one}")
    assert count >= 80
    assert not wrong, "\n".join(wrong)


def test_a_hundred_real_processes_say_the_same(corpora: Path, quiet_log: list[str]) -> None:
    command = Command()
    sample = [
        (identity, raw) for name in ("spamassassin", "phishing", "mime") for identity, raw in messages(corpora, name)
    ]
    for identity, raw in sample[:: len(sample) // 99]:
        words = [*quiet_log, "--format", "message", "--rcpt", "joe@example.com"]
        process = subprocess.run(
            [sys.executable, "-m", "mailscan", *words], input=raw, capture_output=True, timeout=60, check=False
        )
        assert (process.returncode, process.stdout, process.stderr) == command(raw, *words), identity
        if process.returncode == 0:
            assert process.stdout == raw, identity
