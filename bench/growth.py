"""What hostile mail costs as it grows: `python -m bench.growth [NAME …] [--sizes OCTETS …]`.

Each generator makes one message at four sizes; each message is judged by the command itself, in a fresh process. CPU
time, with that of all children, is fitted against size on logarithmic scales: an exponent of 1 is linear. What fails:
an exponent above 1.1, memory above 400 MB, a verdict of 75 (a failure of ours, or out of time). The worst are printed.

The generators are tables of their own (`bench.growth_reader` …): `GENERATORS`, by name a function that gives a whole
message of about that many octets. NAME is the beginning of a generator's name.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from bench.corpora import PROJECT
from mailscan.policy import starter_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Generators = dict[str, Callable[[int], bytes]]

TABLES = ("growth_reader", "growth_openers", "growth_words")
SIZES = (500_000, 2_500_000, 10_000_000, 50_000_000)
# More is a fault. Memory is that of the largest process, with the message in it.
MOST_EXPONENT, MOST_MEMORY = 1.1, 400_000_000
# Less CPU time than this beyond the start is too little to tell how it grows.
LEAST = 0.1
WORST = 10
POLICY = """
[[filter]]
use = "ambiguity"
action = "tag"
[[filter]]
use = "match"
words = ["free money", "viagra"]
header_patterns = { From = ['<[^<>]{1,200}>'], To = ['undisclosed'], Received = ['from unknown'] }
action = "tag"
"""


class Cost:
    """What one message cost: CPU seconds beyond the start of the process, octets in memory, and the exit status."""

    __slots__ = ("size", "cpu", "memory", "status")

    def __init__(self, size: int, cpu: float, memory: int, status: int) -> None:
        self.size = size
        self.cpu = cpu
        self.memory = memory
        self.status = status


class Growth:
    """What one generator's messages cost, by size."""

    def __init__(self, name: str, costs: list[Cost]) -> None:
        self.name = name
        self.costs = costs

    @property
    def exponent(self) -> float:
        """The slope of log CPU over log size; 0 where the CPU time is too little to tell."""
        points = [(math.log(one.size), math.log(one.cpu)) for one in self.costs if one.cpu >= LEAST]
        if len(points) < 2:
            return 0.0
        middle_x = sum(x for x, _ in points) / len(points)
        middle_y = sum(y for _, y in points) / len(points)
        spread = sum((x - middle_x) ** 2 for x, _ in points)
        return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0

    @property
    def cpu_of_a_megabyte(self) -> float:
        """Seconds of CPU time a MB, of the largest message."""
        return self.costs[-1].cpu / (self.costs[-1].size / 1e6)

    @property
    def memory(self) -> int:
        """The most octets that any of the messages took."""
        return max(one.memory for one in self.costs)

    def faults(self) -> list[str]:
        """What is wrong, in words."""
        found = [f"status 75 at {one.size / 1e6:g} MB" for one in self.costs if one.status not in (0, 77)]
        if self.exponent > MOST_EXPONENT:
            found.append(f"grows with the power of {self.exponent:.2f}")
        if self.memory > MOST_MEMORY:
            found.append(f"takes {self.memory / 1e6:.0f} MB of memory")
        return found


def generators() -> Generators:
    """All tables that are there, in one."""
    found: Generators = {}
    for table in TABLES:
        if importlib.util.find_spec(f"bench.{table}") is not None:
            found.update(import_module(f"bench.{table}").GENERATORS)
    return found


def cost(message: Path, policy: Path) -> Cost:
    """Judge a message in a process of its own."""
    command = [sys.executable, "-m", "mailscan", "--policy", str(policy), "--format", "json"]
    with message.open("rb") as stdin:
        child = subprocess.Popen(
            command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=PROJECT
        )
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(message.stat().st_size, cpu, usage.ru_maxrss * 1024, child.returncode)


def growth(name: str, sizes: list[int], folder: Path) -> Growth:
    """What one generator's messages cost. Another process makes them: what this one held would count as the child's."""
    policy, message = folder / "policy.toml", folder / "message.eml"
    policy.write_text(starter_text() + '\n[log]\nto = "none"\n' + POLICY, encoding="utf-8")
    message.write_bytes(b"Subject: x\n\nhello\n")
    start = min(cost(message, policy).cpu for _ in range(2))
    costs = []
    for size in sizes:
        make = [sys.executable, "-m", "bench.growth", "--make", str(size), "--to", str(message), name]
        subprocess.run(make, check=True, cwd=PROJECT)
        one = cost(message, policy)
        one.cpu = max(0.0, one.cpu - start)
        costs.append(one)
    return Growth(name, costs)


def shown(found: list[Growth]) -> None:
    """The worst ones, by time and by memory, and every fault."""
    print(f"\nThe worst of {len(found)} in CPU time:")
    for one in sorted(found, key=lambda one: -one.cpu_of_a_megabyte)[:WORST]:
        print(f"  {one.name:40s} {one.cpu_of_a_megabyte:7.3f} s a MB, exponent {one.exponent:.2f}")
    print(f"The worst of {len(found)} in memory:")
    for one in sorted(found, key=lambda one: -one.memory)[:WORST]:
        print(f"  {one.name:40s} {one.memory / 1e6:7.0f} MB, {one.memory / one.costs[-1].size:.1f} x the message")
    for one in found:
        for fault in one.faults():
            print(f"WRONG: {one.name} {fault}")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description="What hostile mail costs as it grows.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="the beginning of a generator's name; all without")
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES), help="octets of the messages")
    parser.add_argument("--make", type=int, metavar="OCTETS", help="only make the message of one generator")
    parser.add_argument("--to", type=Path, metavar="FILE", help="where --make writes it")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and say whether anything is wrong."""
    args = arguments()
    table = generators()
    if args.make is not None:
        args.to.write_bytes(table[args.names[0]](args.make))
        return 0
    names = [name for name in table if not args.names or name.startswith(tuple(args.names))]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            one = growth(name, args.sizes, Path(folder))
            found.append(one)
            times = "  ".join(f"{cost.cpu:6.2f} s" for cost in one.costs)
            fault = " WRONG" if one.faults() else ""
            print(f"{name:40s} {times}  exponent {one.exponent:.2f}  {one.memory / 1e6:4.0f} MB{fault}", flush=True)
    shown(found)
    return 1 if any(one.faults() for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
