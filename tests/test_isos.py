"""Optical disk images: ISO 9660, Joliet, Rock Ridge, and UDF beside them or alone."""

from __future__ import annotations

import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack import Budget
from mailscan.unpack.found import Found, Remark, Unopened
from mailscan.unpack.isos import open_iso

SECTOR = 2048
PROGRAM = b"MZ" + b"x" * 3000


def budget() -> Budget:
    end = time.monotonic() + 100
    return Budget(lambda: max(0.0, end - time.monotonic()))


def both(number: int) -> bytes:
    return struct.pack("<I", number) + struct.pack(">I", number)


def record(name: bytes, sector: int, size: int, flags: int = 0, system_use: bytes = b"") -> bytes:
    body = b"\0" + both(sector) + both(size) + bytes(7) + bytes((flags, 0, 0)) + bytes(4) + bytes((len(name),)) + name
    body += b"\0" * (1 - len(name) % 2) + system_use
    return bytes((len(body) + 1,)) + body


def volume(kind: int, root: bytes, escape: bytes = b"") -> bytes:
    one = bytearray(SECTOR)
    one[0:7] = bytes((kind,)) + b"CD001\1"
    one[88 : 88 + len(escape)] = escape
    one[128:132] = struct.pack("<H", SECTOR) + struct.pack(">H", SECTOR)
    one[156 : 156 + len(root)] = root
    return bytes(one)


def folder(*records: bytes) -> bytes:
    return b"".join(records).ljust(SECTOR, b"\0")


def nm(name: bytes) -> bytes:
    return b"NM" + bytes((5 + len(name), 1, 0)) + name


def image() -> bytes:
    """A program that each of the three names another; in a folder, one of two extents."""
    sectors = [bytes(SECTOR)] * 40
    sectors[16] = volume(1, record(b"\0", 20, SECTOR, 2))
    sectors[17] = volume(2, record(b"\0", 21, SECTOR, 2), b"%/E")
    sectors[18] = b"\xffCD001\1".ljust(SECTOR, b"\0")
    dots = record(b"\0", 20, SECTOR, 2), record(b"\1", 20, SECTOR, 2)
    sectors[20] = folder(
        *dots, record(b"READ.TXT;1", 30, len(PROGRAM), 0, nm(b"read me.txt")), record(b"SUB", 22, SECTOR, 2)
    )
    sectors[21] = folder(*dots, record("invoice.exe".encode("utf-16-be"), 30, len(PROGRAM)))
    sectors[22] = folder(*dots, record(b"TWO.;1", 33, SECTOR, 0x80), record(b"TWO.;1", 35, 5), record(b"NONE.;1", 0, 0))
    sectors[30:32] = [PROGRAM[:SECTOR], PROGRAM[SECTOR:].ljust(SECTOR, b"\0")]
    sectors[33], sectors[35] = b"a" * SECTOR, b"bbbbb".ljust(SECTOR, b"\0")
    return b"".join(sectors)


def udf(tag: int, *fields: tuple[int, bytes], size: int = SECTOR) -> bytes:
    one = bytearray(size)
    one[0:2] = struct.pack("<H", tag)
    for at, octets in fields:
        one[at : at + len(octets)] = octets
    return bytes(one)


def entry(kind: int, octets: int, *extents: tuple[int, int]) -> bytes:
    """A file entry with short allocation descriptors."""
    descriptors = b"".join(struct.pack("<II", size, block) for size, block in extents)
    return udf(
        261,
        (27, bytes((kind,))),
        (56, struct.pack("<Q", octets)),
        (172, struct.pack("<I", len(descriptors))),
        (176, descriptors),
    )


def identifier(name: bytes, block: int, flags: int = 0) -> bytes:
    one = udf(
        257,
        (18, bytes((flags, len(name)))),
        (20, struct.pack("<III", SECTOR, block, 0)),
        (38, name),
        size=38 + len(name),
    )
    return one + bytes(-len(one) % 4)


def udf_image() -> bytes:
    """evil.exe in two pieces, and in a folder a name in 16 bits a character; its partition begins at sector 260."""
    sectors = [bytes(SECTOR)] * 280
    for at, name in ((16, b"\0BEA01"), (17, b"\0NSR02"), (18, b"\0TEA01")):
        sectors[at] = name.ljust(SECTOR, b"\0")
    sectors[256] = udf(2, (16, struct.pack("<II", 4 * SECTOR, 32)))
    sectors[32] = udf(5, (188, struct.pack("<I", 260)))
    sectors[33] = udf(6, (212, struct.pack("<I", SECTOR)), (248, struct.pack("<II", SECTOR, 0)), (440, b"\1\6"))
    sectors[34] = udf(8)
    sectors[260] = udf(256, (400, struct.pack("<II", SECTOR, 1)))
    root = identifier(b"", 1, 10) + identifier(b"\x08evil.exe", 3) + identifier(b"\x08sub", 6, 2)
    sectors[261], sectors[262] = entry(4, len(root), (len(root), 2)), root.ljust(SECTOR, b"\0")
    sectors[263] = entry(5, len(PROGRAM), (SECTOR, 4), (len(PROGRAM) - SECTOR, 5))
    sectors[264], sectors[265] = PROGRAM[:SECTOR], PROGRAM[SECTOR:].ljust(SECTOR, b"\0")
    sub = identifier(b"\x10" + "ж.txt".encode("utf-16-be"), 8)
    sectors[266], sectors[267] = entry(4, len(sub), (len(sub), 7)), sub.ljust(SECTOR, b"\0")
    sectors[268] = entry(5, 4, (4, 9))
    sectors[269] = b"text".ljust(SECTOR, b"\0")
    return b"".join(sectors)


def read(data: bytes) -> dict[tuple[str, ...], bytes]:
    return {one.names: one.read(100_000) for one in open_iso(data, budget()) if isinstance(one, Found)}


def test_other_octets_are_no_image() -> None:
    for data in (b"", bytes(100_000), b"CD001" * 20_000):
        with pytest.raises(Unopened):
            list(open_iso(data, budget()))


def test_a_member_has_its_names_of_all_trees() -> None:
    assert read(image()) == {
        ("read me.txt", "READ.TXT", "invoice.exe"): PROGRAM,
        ("SUB/TWO.",): b"a" * SECTOR + b"bbbbb",
        ("SUB/NONE.",): b"",
    }


def test_an_image_that_ends_early_gives_what_there_is() -> None:
    first = next(one for one in open_iso(image()[: 31 * SECTOR], budget()) if isinstance(one, Found))
    assert first.read(100) == PROGRAM[:100]
    with pytest.raises(Unopened) as caught:
        first.read(100_000)
    assert caught.value.partly == PROGRAM[:SECTOR]


def test_a_folder_within_itself_ends() -> None:
    data = bytearray(image())
    data[22 * SECTOR : 23 * SECTOR] = folder(record(b"UP", 20, SECTOR, 2), record(b"X.EXE;1", 30, 2))
    assert ("SUB/X.EXE",) in read(bytes(data))


def test_a_folder_beyond_the_end_is_said() -> None:
    data = bytearray(image())
    data[22 * SECTOR : 23 * SECTOR] = folder(record(b"FAR", 1_000_000, SECTOR, 2))
    assert [one for one in open_iso(bytes(data), budget()) if isinstance(one, Remark)]


def test_udf_alone() -> None:
    assert read(udf_image()) == {("evil.exe",): PROGRAM, ("sub/ж.txt",): b"text"}


def test_udf_beside_iso_9660_is_not_passed_over() -> None:
    # Same name, other octets: Windows shows those of UDF.
    data = bytearray(udf_image())
    data[16 * SECTOR : 17 * SECTOR] = volume(1, record(b"\0", 24, SECTOR, 2))
    data[17 * SECTOR : 18 * SECTOR] = b"\0NSR02".ljust(SECTOR, b"\0")
    data[24 * SECTOR : 25 * SECTOR] = folder(record(b"evil.exe", 25, 2))
    data[25 * SECTOR : 25 * SECTOR + 2] = b"hi"
    got = [(one.names, one.read(9999)) for one in open_iso(bytes(data), budget()) if isinstance(one, Found)]
    assert got[:2] == [(("evil.exe",), b"hi"), (("evil.exe",), PROGRAM)]


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=1, max_size=60), st.integers(16 * SECTOR, 24 * SECTOR))
def test_any_octets_raise_nothing_else(octets: bytes, at: int) -> None:
    check(image()[:at] + octets + image()[at + len(octets) :])


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=1, max_size=60), st.integers(0, 20), st.integers(0, 500))
def test_any_octets_in_udf_raise_nothing_else(octets: bytes, sector: int, offset: int) -> None:
    at = (256 + sector) * SECTOR + offset
    data = udf_image()
    check(data[:at] + octets + data[at + len(octets) :])


def check(data: bytes) -> None:
    try:
        for one in open_iso(data, budget()):
            if isinstance(one, Found):
                try:
                    assert len(one.read(1000)) <= 1000
                except Unopened:
                    pass
    except Unopened:
        pass
