"""Symbian installation files."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import containers
import pytest
from containers import opened
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.found import Unopened
from mailscan.unpack.sis import open_sis

NAME = "!:\\a.exe".encode("utf-16-le")


def sis(*bodies: bytes, kind: int = 0, before: bytes = b"") -> bytes:
    """Of one file, in as many languages as there are bodies; `before` are records before it."""
    count = 1 + (1 if before else 0)
    head = bytes(8) + b"\x19\x04\0\x10" + bytes(6) + struct.pack("<HH", len(bodies), count) + bytes(30)
    record_at = 68
    name_at = record_at + len(before) + 28 + 12 * len(bodies) + 8
    body_at = name_at + len(NAME)
    places = [body_at + sum(map(len, bodies[:number])) for number in range(len(bodies))]
    record = struct.pack("<7I", kind, 0, 0, 4, name_at, len(NAME), name_at)
    record += b"".join(struct.pack("<I", one) for one in (*map(len, bodies), *places, *map(len, bodies))) + bytes(8)
    return (head + struct.pack("<I", record_at)).ljust(68, b"\0") + before + record + NAME + b"".join(bodies)


def test_no_header() -> None:
    for data in (b"", bytes(100), sis(b"x")[:60]):
        assert opened(open_sis, data) == [((), "damaged (no header of SIS where one should be)")]


def test_files() -> None:
    packed = zlib.compress(b"MZ" * 500)
    names = ("!:/a.exe", "!:")
    assert opened(open_sis, sis(packed)) == [(names, b"MZ" * 500)]
    assert opened(open_sis, sis(packed), 3) == [(names, b"MZM")]
    assert opened(open_sis, sis(b"stored")) == [(names, b"stored")]
    assert opened(open_sis, sis(b"one", packed, kind=1)) == [(names, b"one"), (names, b"MZ" * 500)]


def test_conditions_are_passed_over() -> None:
    names = ("!:/a.exe", "!:")
    assert opened(open_sis, sis(b"A", before=struct.pack("<II", 3, 8) + bytes(8))) == [(names, b"A")]
    assert opened(open_sis, sis(b"A", before=struct.pack("<I", 5))) == [(names, b"A")]
    assert opened(open_sis, sis(b"A", before=struct.pack("<I", 99))) == [((), "damaged (no record of kind 99)")]


def test_cut_off() -> None:
    assert opened(open_sis, sis(b"stored")[:-1])[0][1] == "it is cut off"
    assert opened(open_sis, sis(b"stored")[:100]) == [((), "it is cut off")]


def test_the_time_ends() -> None:
    with pytest.raises(Unopened, match="longer"):
        list(open_sis(sis(b"x"), containers.spent()))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage(data: st.DataObject) -> None:
    octets = bytearray(sis(zlib.compress(b"MZ" * 500), b"two", kind=1))
    for at in data.draw(st.lists(st.integers(12, len(octets) - 1), max_size=9)):
        octets[at] = data.draw(st.integers(0, 255))
    containers.survives(open_sis, bytes(octets))


def test_one_that_another_made(corpora: Path) -> None:
    folder = corpora / "attach" / "clamav-testfiles"
    ((names, data),) = opened(open_sis, (folder / "clam.sis").read_bytes())
    assert names[0].endswith("clam.exe")
    assert data == (folder / "clam.exe").read_bytes()
