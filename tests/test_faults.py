"""What a rule makes of a scanner that does what it should not: its `on_error`, in its time, in little memory."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from asking import judge
from faults import FAULTS, faulty

TIMEOUT = 1.5
LETTER = b"From: a@b.example\nSubject: x\n\nhello\n" + b"x" * 3_000_000


def _posted(told: object) -> bytes:
    body = json.dumps(told).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


# What each scanner would answer rightly, and with CR LF where a name stands that goes into a header field of ours.
RIGHT = {
    "spamassassin": b"SPAMD/1.1 0 EX_OK\r\nContent-length: 3\r\nSpam: True ; 9.0 / 5.0\r\n\r\nA,B",
    "rspamd": _posted({"action": "add header", "score": 9.0, "symbols": {"A": {"score": 1}}}),
    "clamav": b"stream: Win.Evil FOUND\0",
}
BROKEN = {
    "spamassassin": b"SPAMD/1.1 0 EX_OK\r\nContent-length: 18\r\nSpam: True ; 9.0 / 5.0\r\n\r\nA\r\nX-Evil: yes\r\n,B",
    "rspamd": _posted({"action": "add header", "score": 9.0, "symbols": {"A\r\nX-Evil: yes": {"score": 1}}}),
    "clamav": b"stream: Win\r\nX-Evil: yes FOUND\0",
}
# A stall, a trickle and a closed window last until the timeout; the others are known at once.
LAST = {"stalls", "trickles", "never reads"}


def peak(*, anew: bool = False) -> int:
    """The most memory that this process has had, in kB; `anew`: from now on."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.partition("VmHWM:")[2].split()[0])


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("use", RIGHT)
def test_a_fault_is_on_error_in_time(use: str, fault: str) -> None:
    answer = (BROKEN if fault == "CR LF in a field" else RIGHT)[use]
    rule: dict[str, Any] = {"use": use, "timeout": TIMEOUT, "max_size": "10 MB"}
    if use == "clamav":
        rule["action"] = "quarantine"
    before = peak(anew=True)
    with faulty(fault, answer) as address:
        began = time.monotonic()
        verdict = judge(LETTER, address=address, **rule)
        took = time.monotonic() - began
    grown = (peak() - before) / 1024
    asked = verdict.account[0]
    sys.stdout.write(f"{use:13} {fault:20} {took * 1000:6.0f} ms  {grown:5.1f} MB  {asked.why}\n")
    assert (asked.outcome, verdict.action, verdict.code) == ("error", "tempfail", "451 4.3.0"), asked
    assert took < TIMEOUT + 0.5
    assert fault in LAST or took < 1.4
    assert grown < 40
    assert asked.why and len(asked.why) < 600
    assert verdict.edits.add == ()


@pytest.mark.parametrize("use", RIGHT)
def test_on_error_says_what_a_fault_means(use: str) -> None:
    action = {"action": "reject"} if use == "clamav" else {}
    for on_error, said in (("reject", "reject"), ("ignore", "accept"), ("tempfail", "tempfail")):
        with faulty("closes", RIGHT[use]) as address:
            rule: dict[str, Any] = {"use": use, "address": address, "on_error": on_error, **action}
            assert judge(b"Subject: x\n\n", **rule).action == said


@pytest.mark.parametrize("use", RIGHT)
def test_one_that_stalls_has_its_share_and_the_next_one_answers(use: str) -> None:
    from asking import serving

    with faulty("stalls", b"") as stalled, serving(RIGHT[use]) as sound:
        began = time.monotonic()
        rule: dict[str, Any] = {"use": use, "address": [stalled, sound.address], "timeout": 2.0}
        rule |= {"action": "reject"} if use == "clamav" else {}
        verdict = judge(b"Subject: x\n\n", **rule)
        assert time.monotonic() - began < 2.5
    assert verdict.account[0].outcome == "found", verdict.account[0].why
