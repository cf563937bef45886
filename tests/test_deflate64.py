"""Deflate64: as deflate but for longer matches and distances."""

from __future__ import annotations

import zlib

import containers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.deflate64 import inflate64
from mailscan.unpack.found import Unopened


def deflated(data: bytes, strategy: int = zlib.Z_DEFAULT_STRATEGY, level: int = 9) -> memoryview:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    return memoryview(packer.compress(data) + packer.flush())


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=9), max_size=60).flatmap(
        lambda words: st.lists(st.sampled_from(words or [b""]), max_size=200).map(b"".join)
    ),
    st.sampled_from([zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY]),
    st.sampled_from([0, 9]),
    st.integers(1, 3000),
)
def test_the_same_as_deflate(data: bytes, strategy: int, level: int, most: int) -> None:
    packed = deflated(data, strategy, level)
    # A match of 258 octets, which is what differs.
    if strategy != zlib.Z_HUFFMAN_ONLY and level and len(data) >= 258:
        return
    assert inflate64(packed, 9999, containers.budget()) == (data, len(packed))
    assert inflate64(packed, most, containers.budget())[0] == data[:most]


def test_long_matches_and_far_ones() -> None:
    # A fixed block: "a", then symbol 285 (length 3 + 16 bits) at a distance of 1; the code of 285 is 11000101.
    def block(length: int) -> memoryview:
        bits = "1" + "10" + "10010001" + "11000101" + f"{length - 3:016b}"[::-1] + "00000" + "0000000"
        return memoryview(int(bits[::-1], 2).to_bytes((len(bits) + 7) // 8, "little"))

    assert inflate64(block(3), 1 << 20, containers.budget())[0] == b"a" * 4
    assert inflate64(block(65_538), 1 << 20, containers.budget())[0] == b"a" * 65_539
    assert inflate64(block(65_538), 5, containers.budget())[0] == b"aaaaa"


@pytest.mark.parametrize("octets", [b"", b"\7", b"\5\xff\xff\xff\xff\xff", b"\1\5\0\xfa\xffab", b"\4"])
def test_damaged(octets: bytes) -> None:
    with pytest.raises(Unopened, match=r"damaged|cut off"):
        inflate64(memoryview(octets), 99, containers.budget())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_octets(octets: bytes) -> None:
    try:
        assert len(inflate64(memoryview(octets), 5000, containers.budget())[0]) <= 5000
    except Unopened as why:
        assert len(why.partly) <= 5000


def test_the_time_ends() -> None:
    with pytest.raises(Unopened, match="longer"):
        inflate64(memoryview(b"\0\0\0\xff\xff" * 100_000), 99, containers.spent())
