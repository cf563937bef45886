"""SZDD and KWAJ files."""

from __future__ import annotations

import zlib
from pathlib import Path

import containers
import pytest
from containers import opened
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.dos import open_kwaj, open_szdd

SZDD = b"SZDD\x88\xf0\x27\x33A\0"
KWAJ = b"KWAJ\x88\xf0\x27\xd1"
# Eight literals; then a repetition of 4 from where the first octet went in the window, and one of 3 blanks.
LITERALS = b"\xffabcdefgh"
AGAIN = b"\0" + bytes([(4096 - 16) & 255, (4096 - 16) >> 4 & 0xF0 | 1]) + b"\0\0"


def test_what_is_none() -> None:
    ((_, why),) = opened(open_szdd, b"SZDD\x88\xf0\x27\x33B\0\0\0\0\0")
    assert "method" in str(why)
    assert opened(open_szdd, SZDD + bytes(4)) == [((), b"")]


def test_szdd() -> None:
    data = SZDD + (15).to_bytes(4, "little") + LITERALS + AGAIN
    assert opened(open_szdd, data) == [((), b"abcdefghabcd   ")]
    assert opened(open_szdd, data, 10) == [((), b"abcdefghab")]
    # Cut off in a repetition: there is no mark of the end.
    assert opened(open_szdd, data[:-1]) == [((), b"abcdefghabcd")]


def test_szdd_of_qbasic() -> None:
    again = b"\0" + bytes([(4096 - 18) & 255, (4096 - 18) >> 4 & 0xF0])
    assert opened(open_szdd, b"SZ \x88\xf0\x27\x33\xd1" + bytes(4) + LITERALS + again) == [((), b"abcdefghabc")]


@pytest.mark.parametrize(
    ("method", "packed", "data"),
    [
        (0, b"data", b"data"),
        (1, bytes(255 - octet for octet in b"data"), b"data"),
        (2, LITERALS, b"abcdefgh"),
        (3, b"data", "packed by method 3, which is not opened"),
    ],
)
def test_kwaj(method: int, packed: bytes, data: bytes | str) -> None:
    fields = b"size" + b"??" + b"\2\0xx" + b"SETUP\0" + b"EXE\0"
    header = KWAJ + bytes([method, 0, 14 + len(fields), 0, 0x1F, 0]) + fields
    assert opened(open_kwaj, header + packed) == [(("SETUP.EXE",), data)]
    plain = KWAJ + bytes([method, 0, 14, 0, 0, 0])
    assert opened(open_kwaj, plain + packed) == [((), data)]


def test_kwaj_of_blocks_of_deflate() -> None:
    def block(data: bytes, before: bytes) -> bytes:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=before) if before else zlib.compressobj(9, 8, -15)
        packed = b"CK" + packer.compress(data) + packer.flush()
        return len(packed).to_bytes(2, "little") + packed

    one, two = b"one and two, " * 9, b"one and two, and three" * 9
    header = KWAJ + bytes([4, 0, 14, 0, 0, 0])
    assert opened(open_kwaj, header + block(one, b"") + block(two, one) + b"\0\0") == [((), one + two)]
    ((_, why),) = opened(open_kwaj, header + block(one, b"") + b"\x09\0XX")
    assert "no block" in str(why)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_octets(octets: bytes) -> None:
    containers.survives(open_szdd, SZDD + octets)
    containers.survives(open_szdd, b"SZ \x88\xf0" + octets)
    containers.survives(open_kwaj, KWAJ + octets)


def test_one_that_another_made(corpora: Path) -> None:
    folder = corpora / "attach" / "clamav-testfiles"
    data = (folder / "clam.exe").read_bytes()
    assert opened(open_szdd, (folder / "clam.exe.szdd").read_bytes()) == [((), data)]
