"""The log: nothing a sender wrote can forge a line or a field of it, and nothing about it can hold mail up."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from conftest import PROJECT
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan import journal
from mailscan.envelope import Envelope
from mailscan.verdict import Asked, Finding, Verdict

if TYPE_CHECKING:
    from mailscan.journal import Value

FORGED = 'x verdict=accept rule="none"\nverdict=accept \\" ms=1 \x00\x1b[2J\u2028\u202e\udcff'
TEXT = st.one_of(st.text(st.characters(), max_size=100), st.just(FORGED), st.just("x" * 5000))


def parsed(line: str) -> dict[str, str]:
    """The fields of a logfmt line, as a strict reader sees them."""
    found = re.findall(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "=\\]*)(?: |$)', line)
    assert " ".join(f"{name}={value}" for name, value in found) == line
    assert len({name for name, _ in found}) == len(found)
    return {name: value[1:-1] if value[:1] == '"' else value for name, value in found}


def fields(text: str) -> dict[str, Value]:
    finding = Finding(text, text)
    verdict = Verdict("reject", code="550 5.7.1", rule=text, account=[Asked(text, text, "found", "", [finding])])
    envelope = Envelope(text, [text, text], "192.0.2.1", text, text, text, text)
    return journal.entry(verdict, envelope, policy=text, milliseconds=1.25)


@settings(max_examples=300, deadline=None)
@given(TEXT)
def test_a_line_is_one_line_of_our_fields(text: str) -> None:
    line = journal.line("logfmt", fields(text))
    line.encode("utf-8")
    assert line.isprintable()
    assert len(line) < 40_000
    found = parsed(line)
    assert found["verdict"] == "reject"
    assert found["ms"] == "1.2"
    assert set(found) <= {
        *("queue_id", "client", "sender", "recipients", "verdict", "code", "rule"),
        *("findings", "detail", "policy", "ms"),
    }


@settings(max_examples=200, deadline=None)
@given(TEXT)
def test_json_lines_are_json(text: str) -> None:
    line = journal.line("json", fields(text))
    assert "\n" not in line
    assert json.loads(line)["verdict"] == "reject"


def test_a_line_for_people() -> None:
    verdict = Verdict(
        "reject",
        code="550 5.7.1",
        rule="spamtrap",
        account=[
            Asked("match", "match", "not-asked", "recipients not known"),
            Asked("spamtrap", "spamtrap", "found", "", [Finding("spamtrap.hit", "trap@x")], "reject"),
            Asked("subject", "subject", "error", "took longer than its timeout of 10 s"),
        ],
    )
    envelope = Envelope("", ["trap@x", "b@c"], "192.0.2.1", queue_id="1abc-2")
    assert journal.line("logfmt", journal.entry(verdict, envelope, policy="/etc/p.toml", milliseconds=12.34)) == (
        "queue_id=1abc-2 client=192.0.2.1 sender=<> recipients=trap@x,b@c verdict=reject "
        'code="550 5.7.1" rule=spamtrap findings=spamtrap:spamtrap.hit failed=subject '
        'detail="trap@x; took longer than its timeout of 10 s" policy=/etc/p.toml ms=12.3'
    )


def test_a_failure_of_ours_is_a_line_too() -> None:
    line = journal.line("logfmt", journal.entry(None, Envelope(), policy="", milliseconds=0, error="no message"))
    assert line == 'verdict=tempfail error="no message" ms=0'


def test_many_recipients_stay_one_short_line() -> None:
    envelope = Envelope("a@b", [f"{n}@example.com" for n in range(5000)])
    line = journal.line("logfmt", journal.entry(Verdict("accept"), envelope, policy="p", milliseconds=0))
    assert ",+4980 " in line
    assert len(line) < 1000


def silent(_: bytes) -> None:
    raise AssertionError("nothing was to be said")


def test_lines_are_appended_to_a_file(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for word in ("one", "zwei ü"):
        assert journal.write(str(log), word, silent) == ""
    assert log.read_text(encoding="utf-8") == "one\nzwei ü\n"
    assert log.stat().st_mode & 0o007 == 0


def test_places_that_are_no_file(tmp_path: Path) -> None:
    said: list[bytes] = []
    assert journal.write("none", "x", silent) == ""
    assert journal.write("stderr", "x", said.append) == ""
    assert said == [b"x\n"]
    assert "Is a directory" in journal.write(str(tmp_path), "x", silent)
    assert "No such file" in journal.write(str(tmp_path / "no" / "log"), "x", silent)
    assert "No space left" in journal.write("/dev/full", "x", silent)
    assert "null" in journal.write("/\0", "x", silent)


def test_a_pipe_that_nobody_reads_does_not_hold_us(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    began = time.monotonic()
    assert "cannot be written" in journal.write(str(tmp_path / "pipe"), "x", silent)
    assert time.monotonic() - began < 0.5


def test_a_syslog_that_stalls_does_not_hold_us(monkeypatch: pytest.MonkeyPatch) -> None:
    def stall(*_: object) -> None:
        time.sleep(30)

    stalled = SimpleNamespace(LOG_PID=1, LOG_MAIL=16, LOG_INFO=6, openlog=lambda *_: None, syslog=stall)
    monkeypatch.setitem(sys.modules, "syslog", stalled)
    began = time.monotonic()
    assert "does not take" in journal.write("syslog", "x", silent)
    assert 0.5 < time.monotonic() - began < 3
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_syslog_gets_the_mail_facility_and_the_line_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []
    real = SimpleNamespace(LOG_PID=1, LOG_MAIL=16, LOG_INFO=6)
    real.openlog = lambda *what: calls.append(what)
    real.syslog = lambda *what: calls.append(what)
    monkeypatch.setitem(sys.modules, "syslog", real)
    assert journal.write("syslog", "100 %s", silent) == ""
    assert calls == [("mailscan", 1, 16), (6, "100 %s")]


def test_the_documentation_names_every_field() -> None:
    page = (PROJECT / "docs" / "log.md").read_text(encoding="utf-8")
    finding = Finding("a", "b")
    verdict = Verdict("reject", code="a", rule="r", would="w", quarantine="q", score=1.0)
    verdict.account = (Asked("r", "u", "found", "", [finding]), Asked("s", "u", "error", "why"))
    envelope = Envelope("a", ["b"], "c", queue_id="d")
    named = journal.entry(verdict, envelope, policy="p", milliseconds=1, error="e", time="t")
    assert re.findall(r"(?m)^\| `([a-z_]+)` \|", page) == list(named)
