"""OneNote sections: the files in them, and their names."""

from __future__ import annotations

import struct

import pytest
from compound import spent, taken_apart
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.found import NOT_OPENED, OVER_LIMIT
from mailscan.unpack.onenote import open_onenote

SECTION = bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3")
HEADER = SECTION + bytes(32) + bytes.fromhex("3fdd9a101b91f549a5d01791edc8aed8") + bytes(200)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


def file(data: bytes, size: int | None = None) -> bytes:
    header = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac")
    return header + struct.pack("<QIQ", len(data) if size is None else size, 0, 0) + data


def named(name: str) -> bytes:
    octets = name.encode("utf-16-le") + b"\0\0"
    return struct.pack("<I", len(octets)) + octets


@pytest.mark.parametrize("data", [HEADER, HEADER + named("notes.txt") + "see http://example.com".encode("utf-16-le")])
def test_where_no_file_is_nothing_is_said(data: bytes) -> None:
    assert taken_apart(open_onenote, data) == ([], [])


def test_files_have_their_names_and_octets_and_pictures_none() -> None:
    data = HEADER + named("C:\\x\\ü.hta") + file(PNG) + b"x" + named("b.cmd") + file(b"<script>") + file(b"echo")
    assert taken_apart(open_onenote, data) == ([((), PNG), (("ü.hta",), b"<script>"), (("b.cmd",), b"echo")], [])


def test_where_it_is_not_known_which_name_is_whose_each_may_be() -> None:
    data = HEADER + file(b"echo") + named("a.cmd") + named("b.txt") + named("Notes.one")
    assert taken_apart(open_onenote, data)[0] == [(("a.cmd", "b.txt"), b"echo")]


def test_a_file_that_is_said_to_be_longer_hides_none() -> None:
    data = HEADER + file(b"one", 1 << 40) + file(b"two")
    members, _ = taken_apart(open_onenote, data)
    assert members == [((), b"one" + file(b"two")), ((), b"two")]


def test_a_section_of_another_form_is_said() -> None:
    members, said = taken_apart(open_onenote, SECTION + bytes(100) + file(b"x"))
    assert members == [((), b"x")] and said[0][0] == NOT_OPENED


def test_no_time_left_is_said() -> None:
    assert taken_apart(open_onenote, HEADER + file(b"") * 300, spent())[1][0][0] == OVER_LIMIT


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=50), st.sampled_from([file(b"x"), named("a.b"), b".\0", b"a\0"]))))
def test_no_octets_make_it_raise_anything_else(pieces: list[bytes]) -> None:
    taken_apart(open_onenote, b"".join(pieces))
