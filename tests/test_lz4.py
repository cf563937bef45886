"""LZ4 and lzop, against frames put together by hand."""

from __future__ import annotations

from pathlib import Path

import containers
import pytest
from containers import opened
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.decodings import inline
from mailscan.unpack.lz4 import open_lz4, open_lzop

# "abcd", 20 octets from 4 before, "end": the last five octets of a block are always literals.
BLOCK = b"\x4f" + b"abcd" + b"\4\0" + b"\1" + b"\x30" + b"end"
DATA = b"abcd" * 6 + b"end"
SKIPPED = b"\x5f\x2a\x4d\x18\3\0\0\0abc"
MATCHES = b"\x1fa\1\0" + b"\xff" * 400


def sized(block: bytes, stored: bool = False) -> bytes:
    return (len(block) | stored << 31).to_bytes(4, "little") + block


def frame(*blocks: bytes, flags: int = 0x40) -> bytes:
    extra = bytes((8 if flags & 8 else 0) + (4 if flags & 1 else 0))
    sums = bytes(4) if flags & 16 else b""
    body = b"".join(block + sums for block in blocks)
    return (
        b"\x04\x22\x4d\x18" + bytes([flags, 0x40]) + extra + b"?" + body + bytes(4) + (bytes(4) if flags & 4 else b"")
    )


def lzopped(block: bytes, size: int, name: bytes = b"a.exe", flags: int = 1) -> bytes:
    head = b"\x10\x30\x20\x80\x09\x40" + b"\1\5" + flags.to_bytes(4, "big") + bytes(12)
    packed = size.to_bytes(4, "big") + len(block).to_bytes(4, "big") + bytes(4 if flags & 1 else 0)
    packed += bytes(4) if flags & 2 and len(block) < size else b""
    return b"\x89LZO\0\r\n\x1a\n" + head + bytes([len(name)]) + name + bytes(4) + packed + block + bytes(4)


@pytest.mark.parametrize("data", [b"", b"LZ4!" * 9])
def test_no_frame(data: bytes) -> None:
    assert all(not octets or isinstance(octets, str) for _, octets in opened(open_lz4, data))
    assert opened(open_lzop, data) == []


@pytest.mark.parametrize("flags", range(0x40, 0x60))
def test_frames(flags: int) -> None:
    data = frame(sized(BLOCK), sized(b"stored", True), flags=flags)
    assert opened(open_lz4, data) == [((), DATA + b"stored")]
    assert opened(open_lz4, SKIPPED + data + SKIPPED + data + b"garbage") == [((), (DATA + b"stored") * 2)]
    assert opened(open_lz4, data, 9) == [((), DATA[:9])]


def test_frames_of_the_first_programs() -> None:
    legacy = b"\x02\x21\x4c\x18" + sized(BLOCK) + sized(BLOCK)
    assert opened(open_lz4, legacy) == [((), DATA * 2)]
    assert opened(open_lz4, legacy + frame(sized(BLOCK))) == [((), DATA * 3)]


def test_damaged() -> None:
    for data, why in (
        (frame(sized(BLOCK))[:-9], "it is cut off"),
        (frame(sized(b"\x10a\7\0")), "damaged (it repeats what was not there)"),
        (frame(sized(b"\x10a\0\0")), "damaged (it repeats what was not there)"),
    ):
        assert opened(open_lz4, data) == [((), why)]


def test_no_more_than_was_asked_for() -> None:
    ((_, data),) = opened(open_lz4, frame(sized(MATCHES) * 1), 50_000)
    assert data == b"a" * 50_000


@pytest.mark.parametrize("flags", [0, 1, 2, 3])
def test_lzop(flags: int) -> None:
    # 5 literals, 3 + 2 × 255 + 33 + ... of them again, one literal, and the end.
    block = bytes([17 + 5]) + b"abcde" + b"\x23\x11\0" + b"!" + b"\x11\0\0"
    data = b"abcde" + b"abcde" + b"!"
    assert opened(open_lzop, lzopped(block, len(data) + 9, flags=flags)) == [(("a.exe",), data)]
    assert opened(open_lzop, lzopped(b"stored", 6, b"", flags)) == [((), b"stored")]
    both = lzopped(block, len(data) + 9, flags=flags) + lzopped(b"b", 1, b"b", flags)
    assert opened(open_lzop, both) == [(("a.exe",), data), (("b",), b"b")]


def test_lzop_instructions() -> None:
    run = bytes([0, 2]) + bytes(range(20))  # 18 + 2 literals
    for code, distance, size in (
        (b"\x60\2", 17, 4),  # 3 bits of the distance, then 8 more
        (b"\x20\1\x10\0", 5, 34),  # 14 bits, a length of 2 + 31 + 1
        (b"\x23\x10\0", 5, 5),
    ):
        block = run + code + b"\x11\0\0"
        expected = bytearray(range(20))
        for _ in range(size):
            expected.append(expected[-distance])
        assert opened(open_lzop, lzopped(block, 999)) == [(("a.exe",), bytes(expected))]


def test_a_method_nobody_has() -> None:
    data = bytearray(lzopped(b"b", 1))
    data[15] = 9
    assert opened(open_lzop, bytes(data)) == [(("a.exe",), "packed by method 9, which is not opened")]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 255))
def test_any_octets(octets: bytes, flags: int) -> None:
    containers.survives(open_lz4, frame(sized(octets), flags=flags))
    containers.survives(open_lz4, b"\x04\x22\x4d\x18" + octets)
    containers.survives(open_lz4, b"\x02\x21\x4c\x18" + octets)
    containers.survives(open_lzop, lzopped(octets, 300, flags=flags))
    containers.survives(open_lzop, b"\x89LZO\0\r\n\x1a\n" + octets)


def test_those_that_others_made(corpora: Path) -> None:
    paths = sorted((corpora / "attach" / "libarchive-uu").glob("*.tar.lz*.uu"))
    assert len(paths) >= 7
    for path in paths:
        ((_, data),) = opened(
            open_lzop if ".lzo" in path.name else open_lz4, next(inline(path.read_bytes(), 0, 1 << 30)).data
        )
        assert isinstance(data, bytes), path
        assert data[257:262] == b"ustar"
        assert len(data) % 512 == 0
