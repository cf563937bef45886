"""The table of first octets."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan import filetype
from mailscan.filetype import by_first_octets, kind, may_begin
from mailscan.kinds import KINDS, LOOKS, TABLE

GROUPS = {
    "",
    "executables",
    "scripts",
    "shortcuts",
    "macros",
    "disk-images",
    "archives",
    "documents",
    "links",
    "source",
}
# What mail programs attach all day, and nobody may refuse for its content.
INNOCENT = {
    "pdf", "png", "jpeg", "gif", "tiff", "riff", "mp3", "mp4", "pkcs7", "der", "font", "text", "html", "svg", "url",
    "docx", "xlsx", "pptx", "odf", "epub", "ole", "rtf", "appledouble", "postscript", "script-unix",
}  # fmt: skip


def test_innocent_kinds_are_in_no_group_that_is_refused() -> None:
    assert {KINDS[name].group for name in INNOCENT} <= {"", "documents", "links", "source"}


def test_chance_is_no_kind_that_is_refused() -> None:
    # Two octets are a weak sign: what has no more must be looked at further.
    chance = random.Random(1)
    wrong = []
    for first in range(65_536):
        data = first.to_bytes(2, "big") + chance.randbytes(300)
        found = by_first_octets(data)
        if found is not None and found.group not in ("", "documents") and found.name not in ("compress", "lzma"):
            wrong.append((data[:8], found.name))
    assert wrong == []


@pytest.mark.parametrize(
    "text", [b"BMW", b"PK is his name\n", b"07 May\n", b"070707 is a date\n", b"FWS and CWS\n", b"ISc"]
)
def test_text_that_begins_like_a_row(text: bytes) -> None:
    assert kind(text) == filetype.TEXT


def test_every_row_is_sound() -> None:
    named: set[str] = set()
    for octets, at, name, text, group in TABLE:
        assert group in GROUPS, name
        assert at == 0 or octets, name
        assert len(octets) != 1, name
        # The first row of a kind says what it is, and the others say nothing else.
        assert bool(text) == (name not in named), name
        assert KINDS[name].group == group, name
        named.add(name)
    assert set(LOOKS) <= named


def test_every_row_is_found() -> None:
    # Two rows of the same octets, or one that is the beginning of another, would hide the later one.
    rows = [(octets, at, name) for octets, at, name, _, _ in TABLE if octets]
    for number, (octets, at, name) in enumerate(rows):
        for earlier, place, other in rows[:number]:
            assert place != at or not octets.startswith(earlier), (name, other)
        if name not in LOOKS:
            found = by_first_octets(b"\1" * at + octets + b"\1\0" * 20)
            assert found is KINDS[name]


def test_the_first_two_octets_are_known_without_the_table() -> None:
    begin = {octets[:2] for octets, at, _, _, _ in TABLE if octets and not at}
    assert begin == filetype._BEGINNINGS
    assert may_begin(b"MZ")
    assert not may_begin(b"He")


def test_shared_kinds_are_the_same_objects() -> None:
    assert KINDS["zip"] is filetype.ZIP
    assert KINDS["text"] is filetype.TEXT


@given(st.sampled_from([row[0] for row in TABLE if not row[1]]), st.binary(max_size=1200))
def test_any_octets(first: bytes, rest: bytes) -> None:
    for data in (first + rest, rest + first, rest):
        found = by_first_octets(data)
        assert found is None or found is KINDS[found.name]
