"""Many mails in one process: `python -m bench.soak [--seconds N]`. Nothing may grow, and nothing slow down.

The corpus goes round and round: most mails through the walk with a policy that stays loaded, as a daemon's would,
some through the whole command; now and then through a rule in the postmaster's Python (a forked child each time) and
through a pattern that backtracks until its timeout. The exit status is 1 when something did not stay as it was.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from bench.corpora import messages
from bench.promises import ENVELOPE, QUIET, WIDE, Command, children, resident
from mailscan.document import document, to_json
from mailscan.envelope import Envelope
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import load_policy, starter_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.policy import Policy
    from mailscan.verdict import Asked

# A round is every so many messages of the corpus: short enough that there are many rounds.
EVERY = 8
WARM_UP = 2
# How often in a round: the whole command, the forked child, the pattern that backtracks.
COMMAND, CHILD, BACKTRACK = 10, 50, 200
MOST_GROWTH = 20_000_000
# The last rounds against the first ones, in mails for each second of CPU time, which others here do not take from us.
LEAST_RATE = 0.75
MEANING = 60
OWN = """
from mailscan import Finding

def check(mail, outside):
    yield Finding("soak.seen", mail.message.subject, headers=[("X-Soak", str(len(mail.message.parts)))])
"""
OWN_RULE = '[[filter]]\nuse = "./own.py"\n'
BACKTRACKING = """
[[filter]]
use = "match"
# google-re2, where it is installed, takes no pattern that looks ahead.
patterns = ['(?=a)^(a+)+$']
timeout = 0.2
on_error = "ignore"
action = "reject"
"""
LONG = b"Subject: x\n\n" + b"a" * 60 + b"!\n"


class Soak:
    """The policies and the mails, and what has been counted of them."""

    def __init__(self, folder: Path) -> None:
        (folder / "own.py").write_text(OWN, encoding="utf-8")
        texts = {"starter": starter_text(), "wide": WIDE, "own": OWN_RULE, "backtracking": BACKTRACKING}
        self.policies: dict[str, Policy] = {}
        for name, text in texts.items():
            path = folder / f"{name}.toml"
            path.write_text(text + QUIET, encoding="utf-8")
            self.policies[name] = load_policy(str(path))
        self.options = ("--policy", str(folder / "starter.toml"), "--format", "message", *ENVELOPE)
        self.command = Command()
        self.mails = messages()[::EVERY]
        self.failures: list[str] = []

    def round(self) -> float:
        """All mails once; returns mails for each second of CPU time, those in child processes left out."""
        began = time.process_time()
        spent = 0.0
        for number, raw in enumerate(self.mails):
            self.judged("wide" if number % 2 else "starter", raw)
            if number % COMMAND == 0:
                status, _, said = self.command(raw, *self.options)
                self.expect(status in (0, 77) and not said, f"the command's status is {status}: {said[:200]!r}")
            aside = time.process_time()
            if number % CHILD == 0:
                (asked,) = self.judged("own", raw)
                self.expect(asked.outcome == "found", f"the rule in a child was {asked.outcome}: {asked.why}")
            if number % BACKTRACK == 0:
                (asked,) = self.judged("backtracking", LONG)
                self.expect("longer than its timeout" in asked.why, f"the pattern was {asked.outcome}: {asked.why}")
            spent += time.process_time() - aside
        return len(self.mails) / (time.process_time() - began - spent)

    def judged(self, policy: str, raw: bytes) -> tuple[Asked, ...]:
        """Judge one mail by a policy that is loaded; returns the account of its rules."""
        mail = Mail(Envelope(sender="joe@example.net", recipients=["jane@example.com"]), Message(raw))
        verdict = scan(mail, self.policies[policy], Outside(time.monotonic() + 50))
        to_json(document(verdict))
        return verdict.account

    def expect(self, true: bool, otherwise: str) -> None:
        """Take down what should not be."""
        if not true:
            self.failures.append(otherwise)


def descriptors() -> int:
    """How many this process has open."""
    return len(os.listdir("/proc/self/fd"))


def soak(seconds: float, folder: Path) -> list[str]:
    """Judge mail for so many seconds, at least three rounds; returns what did not stay as it was."""
    one = Soak(folder)
    print(f"{len(one.mails)} mails a round; {WARM_UP} rounds to warm up", flush=True)
    for _ in range(WARM_UP):
        one.round()
    began = told = time.monotonic()
    # One child is to be there: who watches over what own Python starts (mailscan.watcher).
    opened, kept = descriptors(), children()
    memory = [resident()]
    rates: list[float] = []
    while time.monotonic() - began < seconds or len(rates) < 3:
        rates.append(one.round())
        memory.append(resident())
        one.expect(descriptors() == opened, f"{descriptors()} descriptors are open, {opened} after warming up")
        one.expect(children() == kept, f"{len(children())} children, {len(kept)} after warming up")
        if time.monotonic() - told > 10:
            told = time.monotonic()
            print(
                f"{told - began:6.0f} s {len(rates):5} rounds {rates[-1]:7.0f}/s {memory[-1] / 1e6:7.1f} MB", flush=True
            )
    start, middle, end = memory[0], memory[len(memory) // 2], memory[-1]
    third = len(rates) // 3
    # The best of several: a rate is disturbed downwards only.
    first, last = max(rates[:third]), max(rates[-third:])
    print(f"{len(rates) * len(one.mails)} mails in {time.monotonic() - began:.0f} s, {opened} descriptors")
    print(f"memory {start / 1e6:.1f} MB at the start, {middle / 1e6:.1f} in the middle, {end / 1e6:.1f} at the end")
    print(f"rate {first:.0f}/s of CPU time at first, {last:.0f} at last")
    one.expect(end - start <= MOST_GROWTH, f"memory has grown by {(end - start) / 1e6:.1f} MB")
    # Of a few rounds on a shared machine the rate says nothing.
    if len(rates) >= MEANING:
        one.expect(last >= first * LEAST_RATE, f"the rate has fallen from {first:.0f}/s to {last:.0f}")
    return list(dict.fromkeys(one.failures))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Many mails in one process; nothing may grow.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long, after warming up (60)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        failures = soak(asked.seconds, Path(folder))
    for failure in failures[:20]:
        print(f"FAILED {failure}")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
