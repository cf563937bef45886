"""TNEF: attachments with all their names, and the text of the message."""

from __future__ import annotations

import struct

import pytest
from compound import patient, spent, taken_apart
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.found import NOT_OPENED, OVER_LIMIT, Unopened
from mailscan.unpack.lzfu import decompress_rtf
from mailscan.unpack.tnef import open_tnef

BEGINS, TITLE, DATA, PROPERTIES, MESSAGE = 0x9002, 0x8010, 0x800F, 0x9005, 0x9003
PROGRAM = b"MZ a program"


def tnef(*attributes: tuple[int, bytes]) -> bytes:
    return b"\x78\x9f\x3e\x22\1\0" + b"".join(
        struct.pack("<BHHI", 2, number, 6, len(octets)) + octets + b"??" for number, octets in attributes
    )


def properties(*values: tuple[int, int, bytes], name: bytes = b"") -> bytes:
    out = struct.pack("<I", len(values))
    for kind, number, octets in values:
        out += struct.pack("<HH", kind, number) + (name if number >= 0x8000 else b"")
        if kind in (0x0D, 0x1E, 0x1F, 0x102):
            octets = struct.pack("<II", 1, len(octets)) + octets.ljust(len(octets) + 3 & ~3, b"\0")
        out += octets
    return out


@pytest.mark.parametrize(
    "data",
    [b"", tnef(), tnef((0x8004, b"subject\0"), (MESSAGE, properties((3, 0xE07, bytes(4))))), tnef((BEGINS, b""))],
)
def test_where_nothing_is_attached_nothing_is_said(data: bytes) -> None:
    assert taken_apart(open_tnef, data) == ([], [])


def test_attachments_have_their_names_and_octets() -> None:
    more = properties(
        (3, 0x0E20, bytes(4)),
        (0x1E, 0x3704, b"LONGNA~1.EXE\0"),
        (0x1F, 0x3707, "C:\\long näme.exe\0".encode("utf-16-le")),
        (0x102, 0x8001, b"x"),
        (0x1F, 0x3001, "shown.txt\0".encode("utf-16-le")),
        name=bytes(16) + struct.pack("<II", 1, 6) + "abc".encode("utf-16-le") + b"\0\0",
    )
    data = tnef((BEGINS, b""), (TITLE, b"t.exe\0"), (DATA, PROGRAM), (PROPERTIES, more), (BEGINS, b""), (DATA, b"2"))
    assert taken_apart(open_tnef, data) == (
        [(("t.exe", "LONGNA~1.EXE", "long näme.exe", "shown.txt"), PROGRAM), ((), b"2")],
        [],
    )


def test_octets_that_an_attachment_has_twice_are_one_member_and_others_two() -> None:
    for other, count in ((PROGRAM, 1), (PROGRAM + b"!", 2)):
        data = tnef((BEGINS, b""), (DATA, PROGRAM), (PROPERTIES, properties((0x102, 0x3701, other))))
        assert len(taken_apart(open_tnef, data)[0]) == count


def test_an_attached_object_stands_behind_the_id_of_its_interface() -> None:
    inner = tnef((BEGINS, b""), (DATA, PROGRAM))
    data = tnef((BEGINS, b""), (PROPERTIES, properties((0x0D, 0x3701, bytes(16) + inner))))
    assert taken_apart(open_tnef, data)[0] == [((), inner)]


def test_the_text_is_a_member_where_it_is_rtf_or_html() -> None:
    rtf = struct.pack("<II4sI", 17, 5, b"MELA", 0) + b"{\\rtf"
    data = tnef((MESSAGE, properties((0x102, 0x1009, rtf), (0x102, 0x1013, b"<p>"))))
    assert taken_apart(open_tnef, data) == ([(("body.rtf",), b"{\\rtf"), (("body.html",), b"<p>")], [])


def test_compressed_rtf() -> None:
    # [MS-OXRTFCP] 3.1.1 and 3.1.2
    one = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a00726370673132354232 0af32068656c090020627705b06c647d0a800fa0"
    )
    assert decompress_rtf(one, 1000, patient()) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    two = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
    assert decompress_rtf(two, 1000, patient()) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"
    assert decompress_rtf(two, 7, patient()) == b"{\\rtf1 "
    with pytest.raises(Unopened) as error:
        decompress_rtf(two[:22], 1000, patient())
    assert error.value.partly.startswith(b"{\\rtf1 W")


def test_what_is_cut_off_is_said_and_given_as_far_as_it_goes() -> None:
    data = tnef((BEGINS, b""), (DATA, PROGRAM))[:-6]
    members, said = taken_apart(open_tnef, data)
    assert members == [((), PROGRAM[:-4])] and said[0][0] == NOT_OPENED


def test_no_time_left_is_said() -> None:
    assert taken_apart(open_tnef, tnef(*[(BEGINS, b"")] * 300), spent())[1][0][0] == OVER_LIMIT


SAMPLE = tnef(
    (BEGINS, b""),
    (TITLE, b"t.exe\0"),
    (PROPERTIES, properties((0x102, 0x3701, PROGRAM), (0x1F, 0x3707, b"a\0"), (0x1003, 5, bytes(8)))),
    (MESSAGE, properties((0x102, 0x1009, struct.pack("<II4sI", 17, 500, b"LZFu", 0) + bytes(range(200))))),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SAMPLE)), st.binary(min_size=1, max_size=4)), max_size=20))
def test_no_octets_make_it_raise_anything_else(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(SAMPLE)
    for at, octets in changes:
        data[at : at + len(octets)] = octets
    taken_apart(open_tnef, bytes(data))
