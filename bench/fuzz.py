"""Mutated mail against what mailscan promises for any octets: `python -m bench.fuzz [--seconds N] [--seed S] [FILE…]`.

With `--containers` the mail is whole, and mutated is what it carries: archives, disk images, documents.

The inputs come from a seed and a number, so that each can be made again. They are judged in a child process: one that
dies or stands still is a finding too, and the next child goes on behind it. What is found is made smaller and kept.
The exit status is 1 when anything was found.
"""

from __future__ import annotations

import argparse
import mmap
import os
import re
import resource
import select
import signal
import sys
import tempfile
import time
from pathlib import Path

from bench.corpora import folder, messages
from bench.mutate import made
from bench.promises import Judge, Unpacking
from bench.shrink import shrunk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds without an answer after which a child is taken to stand still; the command itself gives up after 50.
STILL = 60.0
ADDRESS_SPACE = 3_000_000_000
TELL_EVERY = 10.0
# Findings of one kind beyond these are counted, not kept.
KEPT_OF_A_KIND = 4


class Child:
    """A process of its own that answers in lines, and tells how far it is in eight octets that it shares."""

    def __init__(self, work: Callable[[Child], None]) -> None:
        self._at = mmap.mmap(-1, 8)
        self._lines, self._out = os.pipe()
        self._octets = b""
        self._seen, self._since = -1, time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self._lines)
                resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                work(self)
                os._exit(0)
            finally:
                os._exit(70)
        os.close(self._out)

    @property
    def at(self) -> int:
        """The number that the child has in hand."""
        return int.from_bytes(self._at[:8], "big")

    def begins(self, number: int) -> None:
        """In the child: this is in hand now."""
        self._at[:8] = number.to_bytes(8, "big")

    def says(self, text: str) -> None:
        """In the child: one line for the parent."""
        line = text.encode("utf-8", "backslashreplace").replace(b"\n", b" ") + b"\n"
        while line:
            line = line[os.write(self._out, line) :]

    def hears(self, seconds: float) -> tuple[list[str], str | None]:
        """In the parent: (lines that came within these seconds, how the child ended or None while it lives)."""
        if self.at != self._seen:
            self._seen, self._since = self.at, time.monotonic()
        ended = None
        if select.select([self._lines], [], [], seconds)[0]:
            octets = os.read(self._lines, 1 << 16)
            self._octets += octets
            ended = None if octets else self.ends()
        elif time.monotonic() - self._since > STILL:
            os.kill(self.pid, signal.SIGKILL)
            ended = f"no answer within {STILL:g} s: killed" if self.ends() else ""
        *lines, self._octets = self._octets.split(b"\n")
        return [line.decode("utf-8") for line in lines], ended

    def ends(self) -> str:
        """In the parent: fetch the child's status; "" if it was as it should be."""
        os.close(self._lines)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return "" if code == 0 else f"killed by signal {-code}" if code < 0 else f"ended with status {code}"


def apart(judge: Judge, raw: bytes) -> str:
    """What `Judge.broken` says of an input, or how the process ended that was to say it."""
    child = Child(lambda one: one.says(judge.broken(raw)))
    said = ""
    while True:
        lines, ended = child.hears(1.0)
        said = lines[0] if lines else said
        if ended is not None:
            return f"the process lives: {ended}" if ended else said


def kind(broken: str) -> str:
    """What is the same in findings that have one cause: the promise, and the place where something was raised."""
    promise, _, how = broken.partition(":")
    place = re.search(r"\b\w+\.py:\d+", broken)
    return f"{promise} {place[0]}" if place else promise + (" " + how if promise == "the process lives" else "")


class Findings:
    """What was found, made smaller and written to a folder."""

    def __init__(self, judge: Judge, keep: Path) -> None:
        self.judge = judge
        self.keep = keep
        self.counts: dict[str, int] = {}

    def add(self, broken: str, raw: bytes, origin: str) -> None:
        """Take down one input that breaks a promise."""
        of_kind = kind(broken)
        self.counts[of_kind] = count = self.counts.get(of_kind, 0) + 1
        if count > KEPT_OF_A_KIND:
            return
        small = shrunk(raw, lambda less: kind(apart(self.judge, less)) == of_kind)
        name = re.sub(r"\W+", "-", of_kind).strip("-").lower()[:60]
        path = self.keep / f"{name}-{count}.eml"
        self.keep.mkdir(parents=True, exist_ok=True)
        path.write_bytes(small)
        print(
            f"FOUND {broken}\n  {origin}: {len(raw)} octets, {len(small)} of them in {path}\n  {small[:300]!r}",
            flush=True,
        )


def fuzz(seconds: float, first: int, made: Callable[[int], bytes], findings: Findings) -> int:
    """Judge inputs from number `first` on for so many seconds; returns how many."""
    began = told = time.monotonic()
    number = first

    def work(child: Child) -> None:
        at = number
        while time.monotonic() - began < seconds:
            child.begins(at)
            if broken := findings.judge.broken(made(at)):
                child.says(f"{at} {broken}")
            at += 1

    while time.monotonic() - began < seconds:
        child = Child(work)
        ended = None
        while ended is None:
            lines, ended = child.hears(1.0)
            for line in lines:
                at, _, broken = line.partition(" ")
                findings.add(broken, made(int(at)), f"number {at}")
            if time.monotonic() - told > TELL_EVERY or ended is not None:
                told = time.monotonic()
                done = child.at - first
                print(
                    f"{told - began:6.0f} s {done:9} inputs {done / (told - began):7.1f}/s"
                    f" {sum(findings.counts.values()):5} found",
                    flush=True,
                )
        number = child.at + 1
        if ended:
            broken = f"the process lives: {ended}"
            findings.add(broken, made(child.at), f"number {child.at}")
    return number - first


def maker(containers: bool, seed: int) -> Callable[[int], bytes]:
    """What makes the input of each number."""
    if containers:
        from bench.containers import made_letter, sources

        named = sources()
        print(f"{len(named)} containers, those of {folder()} among them; seed {seed}", flush=True)
        return lambda number: made_letter(seed, number, named)
    pool = messages()
    print(f"{len(pool)} messages, those of {folder()} among them; seed {seed}", flush=True)
    return lambda number: made(seed, number, pool)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Mutated mail against what mailscan promises for any octets.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long (60)")
    parser.add_argument("--seed", type=int, default=None, help="makes the same inputs again (else another each time)")
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="the input to begin with (0)")
    parser.add_argument("--containers", action="store_true", help="mutate what mail carries, and not the mail")
    parser.add_argument("--keep", type=Path, help="where findings are written (else a new temporary folder)")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="judge these messages, and make none")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as policies:
        judge = Unpacking(Path(policies)) if asked.containers else Judge(Path(policies))
        judge.broken(b"Content-Type: a/b\n\n\1\2\3")  # what is loaded once, libmagic's database above all
        if asked.files:
            said = [(path, apart(judge, path.read_bytes())) for path in asked.files]
            for path, broken in said:
                print(f"{path}: {broken or 'nothing is broken'}")
            return int(any(broken for _, broken in said))
        findings = Findings(judge, asked.keep or Path(tempfile.gettempdir()) / f"mailscan-fuzz-{os.getpid()}")
        seed = int(time.time()) if asked.seed is None else asked.seed
        count = fuzz(asked.seconds, asked.first, maker(asked.containers, seed), findings)
        for of_kind, times in sorted(findings.counts.items()):
            print(f"{times:6} × {of_kind}")
        print(
            f"{count} inputs, {len(findings.counts)} kinds of findings"
            + (f" in {findings.keep}" if findings.counts else "")
        )
        return int(bool(findings.counts))


if __name__ == "__main__":
    sys.exit(main())
