"""The long runs find what they are there for: a broken promise, a process that dies; and they make it small."""

from __future__ import annotations

import os
from pathlib import Path

import payloads
import pytest

from bench.containers import made_letter, sources
from bench.corpora import PROJECT
from bench.fuzz import apart, kind
from bench.mutate import made
from bench.promises import Judge, Unpacking
from bench.shrink import shrunk
from bench.soak import soak
from mailscan import filetype, header, mime
from mailscan.unpack import OPENERS, ars

POOL = [path.read_bytes() for path in sorted((PROJECT / "testdata").rglob("*.eml"))]


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge(tmp_path)


def test_real_mail_breaks_nothing(judge: Judge) -> None:
    for raw in POOL:
        assert judge.broken(raw) == ""


def test_mutated_mail_is_the_same_for_one_seed_and_breaks_nothing(judge: Judge) -> None:
    # These few, so that a case added elsewhere does not change what is tried here.
    names = ("pass-docx", "program-in-zip", "pass-dmarc-report", "name-in-pieces", "program-in-attached-message")
    pool = [(PROJECT / "testdata/cases/attachments" / name / "message.eml").read_bytes() for name in names]
    inputs = [made(1, number, pool) for number in range(100)]
    assert inputs == [made(1, number, pool) for number in range(100)]
    assert len(set(inputs)) > 95
    for raw in inputs:
        assert judge.broken(raw) == ""


def test_what_raises_and_what_ends_the_process_is_found(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "decode_header", lambda value, hint: value.decode("ascii"))
    assert kind(judge.broken(b"Subject: \xff\n\nx")).startswith("UnicodeDecodeError at ")
    monkeypatch.setattr(mime, "collapse", lambda parameters: os.kill(os.getpid(), 9))
    assert apart(judge, b"Subject: x\n\nx") == ""
    dies = b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\nx"
    assert apart(judge, dies) == "the process lives: killed by signal 9"


def test_what_a_span_or_a_text_gets_wrong_is_found(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    letter = b"Subject: x\n\nx"
    with monkeypatch.context() as patch:
        patch.setattr(mime.Part, "span", property(lambda part: (part.start, part.end + 1)))
        assert judge.broken(letter).startswith("a part's span lies in the message")
    with monkeypatch.context() as patch:
        patch.setattr(header.Field, "text", "\ud800")
        assert judge.broken(letter) != ""
    assert judge.broken(letter) == ""


def test_what_is_found_is_made_small() -> None:
    raw = b"a: b\n" * 500 + b"--x--needle--x--\n" + b"c: d\n" * 500
    assert shrunk(raw, lambda less: b"needle" in less) == b"needle"
    assert shrunk(b"abc", lambda less: True) == b"a"


def test_a_short_soak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSCAN_CORPORA", str(tmp_path / "none"))
    assert soak(0.1, tmp_path) == []


def test_mutated_containers_are_the_same_for_one_seed_and_break_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILSCAN_CORPORA", str(tmp_path / "none"))
    judge, pool = Unpacking(tmp_path), sources()
    inputs = [made_letter(1, number, pool) for number in range(60)]
    assert inputs == [made_letter(1, number, pool) for number in range(60)]
    for raw in inputs:
        assert judge.broken(raw) == ""


def test_an_opener_that_raises_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Unpacking(tmp_path)
    raw = payloads.carrying((b"!<arch>\n" + bytes(80), "a/b", "a.ar")).as_bytes()
    assert judge.broken(raw) == ""
    monkeypatch.setattr(ars, "open_ar", lambda data, budget: 1 // 0)
    assert kind(judge.broken(raw)).startswith("ZeroDivisionError at test_fuzz.py")
    monkeypatch.setattr(ars, "open_ar", lambda data, budget: os.kill(os.getpid(), 9))
    assert apart(judge, raw) == "the process lives: killed by signal 9"


def test_every_kind_that_is_opened_is_fuzzed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without the corpora, which bring the rest of those that others open.
    monkeypatch.setenv("MAILSCAN_CORPORA", str(tmp_path / "none"))
    kinds = {found.name for _, octets in sources() if (found := filetype.kind(octets)) is not None}
    assert set(OPENERS) - kinds <= {"rpm", "zstd", "svg", "slk", "biff", "biff-macros", "msi"}
