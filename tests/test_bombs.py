"""Bombs, each attached to a message and judged by the command: 3 s, 400 MB, a verdict by policy, nothing left behind.

Each is judged in a process of its own, with the processes that it starts, in folders that nobody else has. Time is
bounded generously, since the machine that tests may be slow; `pytest -s` prints what was measured.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from bombs import BOMBS
from conftest import PROJECT, needs

# What the filter alone tells is a note; the second rule refuses it.
POLICY = """
[[filter]]
use = "attachments"
name = "told"
refuse = ["executables"]
action = "tag"
[[filter]]
use = "attachments"
name = "refused"
refuse = ["over-limit"]
action = "reject"
[log]
to = "none"
"""
COMMAND = """
import os, re, resource, sys
from mailscan.cli import run
status = run(sys.argv[1:], 0, 1, 2, {})
own, others = (resource.getrusage(one) for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
peak = re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]
times = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
print(peak, others.ru_maxrss, times, file=sys.stderr, flush=True)
os._exit(status)
"""
SECONDS, MEMORY, SLOW = 3.0, 400_000, 3
# Of these no more is unpacked than the limits allow, where the machine is not slow: heads of members tell enough, or
# damage is the end.
WITHIN = frozenset(
    """deflate64 of many zeros;a zip shrunk, of many;a zip imploded, of many;a zip reduced, of many;lz4 of 2 GB
szdd of many;a sparse tar;a tar with names of 8 MB;rar with a dictionary of 4 GB;a UDF image, twenty times;sis of zeros
an xlsx of one cell, repeated;entities of entities in a docx;a PDF of run lengths in run lengths
a PDF of hexadecimal digits;a PDF of brackets;RTF of brackets;RTF of 12 MB of digits;RTF in RTF
macros of 80 MB in each of 30;a compound file of 3,000 streams;TNEF with RTF of 4 GB
a compound file whose sectors follow themselves;a page of script in pieces;a mailbox of 100,000 letters
names that lead elsewhere, in a zip;names that lead elsewhere, in a tar;names that lead elsewhere, in an old tar
RAR with a million records;a page without a bracket;a page of quotation marks;a page of pieces of base64
a page in UTF-16;an image of wide letters;an image of entities;a mailbox of two letters;an RTF object of 90 MB
a mailbox in a mailbox
a Word document of bad base64
names that lead elsewhere, in a 7z;names that lead elsewhere, in a cabinet;names that lead elsewhere, in a rar
1,000,000 gzips, one behind the other;7z of a million files
""".replace("\n", ";").split(";")
)
# What libarchive takes for damaged, and only the program 7z opens.
OF_7Z = frozenset(name for name in BOMBS if name.startswith("7z "))


class Measured:
    """How one bomb was judged: seconds of CPU and of the clock, kB of the process and its largest child."""

    def __init__(self, name: str, folder: Path) -> None:
        file, make = BOMBS[name]
        fields = f"Subject: x\nContent-Type: a/b; name={file}\n"
        raw = fields.encode() + b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(make())
        places = {one: folder / "a/b/c" / one for one in ("cwd", "HOME", "TMPDIR")}
        for place in places.values():
            place.mkdir(parents=True)
        before = sorted(folder.rglob("*"))
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, "--policy", str(folder.parent / "policy.toml"), "--format", "json"],
            input=raw,
            capture_output=True,
            timeout=100,
            cwd=places["cwd"],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
            | {one: str(places[one]) for one in ("HOME", "TMPDIR")},
            start_new_session=True,
        )
        self.seconds = time.monotonic() - began
        own, others, cpu = done.stderr.split()[-3:]
        self.own, self.others, self.cpu = int(own), int(others), float(cpu)
        self.errors = done.stderr.count(b"\n") - 1
        self.status = done.returncode
        self.said: dict[str, Any] = json.loads(done.stdout)
        self.left = [one for one in sorted(folder.rglob("*")) if one not in before]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    """All bombs: two at a time, or they take a minute and a half."""
    folder = tmp_path_factory.mktemp("bombs")
    (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
    with ThreadPoolExecutor(2) as pool:
        all_of_them = pool.map(lambda name: Measured(name, folder / str(list(BOMBS).index(name))), BOMBS)
        return dict(zip(BOMBS, all_of_them, strict=True))


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str, measured: dict[str, Measured]) -> None:
    one = measured[name]
    told, refused = ({found["code"]: found["note"] for found in rule["findings"]} for rule in one.said["rules"])
    memory = f"{one.own // 1000} + {one.others // 1000} MB"
    print(f"{name}: {one.cpu:.2f} s of CPU, {one.seconds:.2f} s, {memory}, {list(refused)}")
    assert one.cpu < SLOW * SECONDS and one.seconds < SLOW * SECONDS
    # What the children share with the process is counted twice.
    assert one.own + one.others < MEMORY
    assert one.errors == 0 and not one.left
    assert all(rule["outcome"] != "error" for rule in one.said["rules"])
    if name in WITHIN and one.status == 0:
        return
    if name in OF_7Z and "attachments.not-opened" in told:
        needs("7z")
    assert one.status == 77
    # No more is told than a person reads.
    assert told.get("attachments.over-limit") or any("executable" in one for one in told)
    assert refused["attachments.over-limit"] is False


def test_bombs_are_small() -> None:
    assert all(len(BOMBS[name][1]()) < 16_000_000 for name in list(BOMBS)[::7])
