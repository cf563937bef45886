"""How fast archives are judged: `python -m bench.audit [--rounds N] [--grow OCTETS]`.

The starter policy on the mbox and on SpamAssassin set 1, by one process and by two, against `bogofilter` (as many
processes, the same files, a word list learnt from both), our reader alone, `grep -c '^From '` and Python's `email`.
All take turns, and medians and ratios are printed. `--grow 1e9` audits the mbox and one that is so many times as large,
with other Message-IDs, and says how time and memory grow.
"""

from __future__ import annotations

import argparse
import lzma
import re
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.corpora import folder
from bench.reader import by_email, by_mailscan
from mailscan.audit.run import run
from mailscan.audit.settings import read_policy, settings
from mailscan.audit.workers import LocalWorkers
from mailscan.mailboxes.reading import Notes, messages_in_file

MOST = 150_000_000


def audited(path: Path, jobs: int) -> int:
    """Judge everything; returns how many messages there were."""
    with LocalWorkers(settings([read_policy(None)]), jobs) as workers:
        return sum(done.lines.count(b"\n") for _, done in run([str(path)], workers, MOST))


def halves(path: Path, to: Path) -> list[list[str]]:
    """The same files for two processes of bogofilter: an mbox is cut at a message near its middle."""
    if path.is_dir():
        files = sorted(str(one) for one in path.rglob("*") if one.is_file())
        return [["-B", *files[::2]], ["-B", *files[1::2]]]
    octets = path.read_bytes()
    cut = octets.index(b"\n\nFrom mboxrd@z", len(octets) // 2) + 2
    for name, part in (("1", octets[:cut]), ("2", octets[cut:])):
        (to / name).write_bytes(part)
    return [["-M", "-I", str(to / name)] for name in "12"]


def together(commands: list[list[str]]) -> None:
    """Run programs at the same time until all are done."""
    running = [subprocess.Popen(one, stdout=subprocess.DEVNULL) for one in commands]
    for one in running:
        if one.wait() > 2:
            sys.exit(f"{one.args!r}: exit status {one.returncode}")


def taken(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(name: str, path: Path, words: str, rounds: int, to: Path) -> None:
    """One archive by everybody."""
    messages = messages_of(path)
    two = [["bogofilter", "-d", words, "-v", *half] for half in halves(path, to)]
    works: dict[str, Callable[[], object]] = {
        "mailscan, 1 process": lambda: audited(path, 1),
        "mailscan, 2 processes": lambda: audited(path, 2),
        "bogofilter, 2 processes": lambda: together(two),
        "our reader alone, 1": lambda: by_mailscan(messages),
        "email, 1": lambda: by_email(messages),
        "grep -c": lambda: subprocess.run(
            # Into a pipe: with /dev/null behind it, grep ends at the first line that matches.
            ["grep", "-r", "-c", "^From ", str(path)],
            stdout=subprocess.PIPE,
            check=False,
        ),
    }
    seconds: dict[str, list[float]] = {one: [] for one in works}
    for _ in range(rounds):
        for one, work in works.items():
            seconds[one].append(taken(work))
    middle = {one: statistics.median(some) for one, some in seconds.items()}
    print(f"{name}: {len(messages)} messages, {sum(map(len, messages)) / 1e6:.1f} MB")
    for one, median in middle.items():
        print(f"  {one:26}{median:8.2f} s {len(messages) / median:10,.0f} messages/s")
    single, ours = middle["mailscan, 1 process"], middle["mailscan, 2 processes"]
    print(f"  against bogofilter, 2 to 2  {middle['bogofilter, 2 processes'] / ours:6.2f} x   (wanted: 5)")
    print(f"  against our reader, 1 to 1  {middle['our reader alone, 1'] / single:6.2f} x   (wanted: 0.5)")
    print(f"  against email, 1 to 1       {middle['email, 1'] / single:6.2f} x")
    print(f"  against grep                {middle['grep -c'] / ours:6.3f} x")
    print(f"  from 1 process to 2         {single / ours:6.2f} x   (wanted: 1.8)", flush=True)


def messages_of(path: Path) -> list[bytes]:
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    notes = Notes()
    return [message[2] for one in files for message in messages_in_file(str(one), notes, MOST)]


def grown(path: Path, octets: float, to: Path) -> None:
    """Time and memory on an mbox that is larger by repetition, with other ids."""
    whole = path.read_bytes()
    large = to / "large.mbox"
    copies = max(2, round(octets / len(whole)))
    with open(large, "wb") as file:
        for number in range(copies):
            file.write(re.sub(rb"(?m)^(Message-I[Dd]: <)", rb"\g<1>%d." % number, whole))
    del whole  # workers are forked from this process, and its memory would count as theirs
    one, many = taken(lambda: audited(path, 2)), taken(lambda: audited(large, 2))
    # Of the workers, which have ended: the largest one.
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    size = large.stat().st_size
    print(
        f"{copies} times as large ({size / 1e9:.2f} GB): {many / one:.2f} times as long, {size / many / 1e6:.0f} MB/s"
    )
    print(f"largest worker: {memory:.0f} MB resident   (wanted: 300)")
    large.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--grow", type=float, default=1e9, help="octets of the large mbox; 0: none")
    parser.add_argument("--only-grow", action="store_true")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        to = Path(name)
        path = to / "list.mbox"
        path.write_bytes(lzma.decompress((folder() / "mbox" / "linux-mips-early.mbox.xz").read_bytes()))
        if not wanted.only_grow:
            with tarfile.open(folder() / "corpora" / "spamassassin-set1.tar.xz") as tar:
                # Debian 12's Python has no filters.
                tar.extraction_filter = getattr(tarfile, "data_filter", None)
                tar.extractall(to / "set1")
            (to / "words").mkdir()
            learn = ["bogofilter", "-d", str(to / "words")]
            subprocess.run([*learn, "-n", "-M", "-I", str(path)], check=True)
            for one in sorted((to / "set1").iterdir()):
                subprocess.run([*learn, "-s" if one.name == "spam" else "-n", "-B", str(one)], check=True)
            compare("list mail, an mbox", path, str(to / "words"), wanted.rounds, to)
            compare("SpamAssassin set 1, files", to / "set1", str(to / "words"), wanted.rounds, to)
        if wanted.grow:
            grown(path, wanted.grow, to)


if __name__ == "__main__":
    main()
