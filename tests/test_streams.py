"""Files compressed one by one, by decoders of libraries."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import zlib
from collections.abc import Callable

import containers
import pytest
from containers import Opener, opened
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.found import OVER_LIMIT, Found, Unopened
from mailscan.unpack.streams import is_lzma, open_bzip2, open_gzip, open_lzip, open_lzma, open_xz, open_zstd

DATA = b"".join(b"%d\n" % number for number in range(20_000))


def lzipped(data: bytes) -> bytes:
    alone = lzma.compress(data, lzma.FORMAT_ALONE, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}])
    return b"LZIP\1\x10" + alone[13:] + bytes(20)


def alone(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_ALONE)


Packer = Callable[[bytes], bytes]
BOTH: list[tuple[Opener, Packer]] = [
    (open_gzip, gzip.compress),
    (open_bzip2, bz2.compress),
    (open_xz, lzma.compress),
    (open_lzip, lzipped),
    (open_lzma, alone),
]
FOLLOWING = BOTH[:4]


@pytest.mark.parametrize(("opener", "pack"), BOTH)
def test_no_such_stream(opener: Opener, pack: Packer) -> None:
    for data in (b"", b"x", pack(DATA)[:3], b"PK\3\4" + bytes(50)):
        ((names, why),) = opened(opener, data)
        assert names == ()
        assert isinstance(why, str)


def test_lzma_is_told_by_its_header() -> None:
    assert is_lzma(alone(DATA))
    for data in (
        b"",
        bytes(99),
        b"]" * 99,
        b"] a text in brackets\n",
        lzma.compress(DATA),
        b"\x5d\0\0\x80\0" + b"\xff" * 20,
    ):
        assert not is_lzma(data)


@pytest.mark.parametrize(("opener", "pack"), BOTH)
def test_one_file(opener: Opener, pack: Packer) -> None:
    for data in (b"", b"a", DATA):
        assert opened(opener, pack(data)) == [((), data)]
    assert opened(opener, pack(DATA), 1000) == [((), DATA[:1000])]
    assert opened(opener, pack(DATA), 0) == [((), b"")]


@pytest.mark.parametrize(("opener", "pack"), FOLLOWING)
def test_streams_that_follow_one_another(opener: Opener, pack: Packer) -> None:
    for between in (b"", bytes(8)):
        data = pack(b"one,") + between + pack(b"") + between + pack(DATA) + between
        assert opened(opener, data) == [((), b"one," + DATA)]
        assert opened(opener, data + b"garbage") == [((), b"one," + DATA)]


@pytest.mark.parametrize(("opener", "pack"), BOTH)
def test_what_came_before_the_end_is_had(opener: Opener, pack: Packer) -> None:
    data = b"MZ" + DATA
    for torn in (pack(data)[:-60], pack(data)[:-60] + b"\xff" * 60):
        (found,) = opener(torn, containers.budget())
        assert isinstance(found, Found)
        with pytest.raises(Unopened) as raised:
            found.read(1 << 22)
        # bzip2 packs blocks of 900 kB: there is nothing before its end.
        assert opener is open_bzip2 or raised.value.partly[:90_000] == data[:90_000]


def test_checksums() -> None:
    # gzip's is not looked at; those of xz and bzip2 are the library's to compare, but cost no octet.
    packed = bytearray(gzip.compress(DATA))
    packed[-8] ^= 1
    assert opened(open_gzip, bytes(packed)) == [((), DATA)]
    packed = bytearray(lzma.compress(DATA))
    at = len(packed) - 12 - (int.from_bytes(packed[-8:-4], "little") + 1) * 4 - 1
    for opener, pack, place in ((open_xz, lzma.compress, at), (open_bzip2, bz2.compress, 10)):
        packed = bytearray(pack(DATA))
        packed[place] ^= 1
        (found,) = opener(bytes(packed), containers.budget())
        with pytest.raises(Unopened, match="damaged") as raised:
            found.read(1 << 22)
        # libbz2 compares before it gives the last octet of a block.
        assert raised.value.partly[: len(DATA) - 1] == DATA[:-1]


@pytest.mark.parametrize("flags", range(32))
def test_headers_of_gzip(flags: int) -> None:
    header = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6)
    header += b"\3\0abc" if flags & 4 else b""
    header += "Zoë.exe".encode() + b"\0" if flags & 8 else b""
    header += b"comment\0" if flags & 16 else b""
    header += b"\0\0" if flags & 2 else b""
    ((names, data),) = opened(open_gzip, header + zlib.compress(b"data")[2:-4] + bytes(8))
    assert data == b"data"
    assert names == (("Zoë.exe", "ZoÃ«.exe") if flags & 8 else ())


def test_dictionaries_that_are_too_large() -> None:
    packed = bytearray(alone(DATA))
    packed[1:5] = (1 << 30).to_bytes(4, "little")
    large = lzma.compress(b"", filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}])
    assert opened(open_xz, large) == [((), b"")]
    for opener, data in ((open_lzma, bytes(packed)), (open_lzip, b"LZIP\1\x1d" + bytes(50))):
        (found,) = opener(data, containers.budget())
        with pytest.raises(Unopened, match="memory") as raised:
            found.read(10)
        assert raised.value.group == OVER_LIMIT


def test_no_more_than_was_asked_for() -> None:
    for opener, pack in BOTH:
        (found,) = opener(pack(bytes(30_000_000)), containers.budget())
        assert isinstance(found, Found)
        assert found.read(5_000_000) == bytes(5_000_000)


@pytest.mark.parametrize(("opener", "pack"), FOLLOWING)
def test_the_time_ends(opener: Opener, pack: Packer) -> None:
    for data in (pack(b"") * 1000, pack(DATA)):
        (found,) = opener(data, containers.spent())
        assert isinstance(found, Found)
        with pytest.raises(Unopened, match="longer than"):
            found.read(1 << 22)


def test_many_small_streams() -> None:
    for opener, pack in FOLLOWING:
        (found,) = opener(pack(b"a") * 20_000, containers.budget())
        assert isinstance(found, Found)
        assert found.read(1 << 20) == b"a" * 20_000


# --- Zstandard, which is another's


def test_zstd() -> None:
    zstandard = pytest.importorskip("zstandard")
    frame = zstandard.compress(DATA)
    skipped = b"\x5a\x2a\x4d\x18\3\0\0\0abc"
    assert opened(open_zstd, frame) == [((), DATA)]
    assert opened(open_zstd, frame, 10) == [((), DATA[:10])]
    assert opened(open_zstd, skipped + frame + skipped + zstandard.compress(b"end")) == [((), DATA + b"end")]
    for torn in (frame[:-30], frame[:-30] + b"\xff" * 30):
        ((_, why),) = opened(open_zstd, torn)
        assert isinstance(why, str)


def test_a_large_window() -> None:
    zstandard = pytest.importorskip("zstandard")
    parameters = zstandard.ZstdCompressionParameters(window_log=28, write_content_size=False)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    (found,) = open_zstd(packer.compress(DATA) + packer.flush(), containers.budget())
    with pytest.raises(Unopened) as raised:
        found.read(10)
    assert raised.value.group == OVER_LIMIT


def test_without_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("zstandard", "compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    ((_, why),) = opened(open_zstd, b"\x28\xb5\x2f\xfd" + bytes(20))
    assert why == "packed by Zstandard, which needs the Python package zstandard (the extra [archives])"


# --- any octets


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_damage(data: st.DataObject) -> None:
    opener, pack = data.draw(st.sampled_from(BOTH))
    octets = bytearray(pack(DATA[:500]) * data.draw(st.integers(1, 3)))
    for at in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=6)):
        octets[at] = data.draw(st.integers(0, 255))
    containers.survives(opener, bytes(octets[: data.draw(st.integers(0, len(octets)))]))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100), st.sampled_from([open_gzip, open_bzip2, open_xz, open_lzma, open_lzip]))
def test_any_octets(octets: bytes, opener: Opener) -> None:
    containers.survives(opener, octets)
