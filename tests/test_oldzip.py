"""Shrink, reduce and implode, against encoders that know only what the test needs."""

from __future__ import annotations

import containers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.found import Unopened
from mailscan.unpack.oldzip import expand, explode, unshrink

TEXT = b"shrink, reduce, implode: " * 40


def joined(*fields: tuple[int, int]) -> memoryview:
    """Octets of (value, width in bits), the lowest bit first."""
    value = at = 0
    for field, width in fields:
        value |= field << at
        at += width
    return memoryview(value.to_bytes((at + 7) // 8, "little"))


def shrunk(data: bytes) -> memoryview:
    """LZW of codes of 9 bits, for data that needs no more."""
    codes = {bytes([octet]): octet for octet in range(256)}
    fields: list[tuple[int, int]] = []
    word = b""
    for octet in data:
        longer = word + bytes([octet])
        if longer in codes:
            word = longer
            continue
        fields.append((codes[word], 9))
        if len(codes) < 255:
            codes[longer] = len(codes) + 1
        codes.setdefault(longer, len(codes) + 1)
        word = bytes([octet])
    return joined(*fields, (codes[word], 9))


def test_unshrink() -> None:
    assert unshrink(shrunk(TEXT[:300]), 9999, containers.budget()) == TEXT[:300]
    # A code for what is being written: "a", then "aa" before it is known, then "aaa".
    assert unshrink(joined((97, 9), (257, 9), (258, 9)), 9999, containers.budget()) == b"aaaaaa"
    assert unshrink(joined((97, 9), (257, 9), (258, 9)), 4, containers.budget()) == b"aaaa"
    # Wider codes, and a clearing that frees 258 (nothing goes on from it) and keeps 257.
    cleared = joined((97, 9), (98, 9), (257, 9), (256, 9), (1, 9), (99, 10), (256, 10), (2, 10), (257, 10))
    assert unshrink(cleared, 9999, containers.budget())[:5] == b"abab" + b"c"


@pytest.mark.parametrize("fields", [[(257, 9)], [(97, 9), (256, 9), (3, 9)]])
def test_unshrink_damaged(fields: list[tuple[int, int]]) -> None:
    with pytest.raises(Unopened, match="damaged"):
        unshrink(joined(*fields), 99, containers.budget())


def test_expand() -> None:
    no_followers = [(0, 6)] * 256
    literal = [(octet, 8) for octet in b"abcabc"]
    assert expand(joined(*no_followers, *literal), 1, 99, containers.budget()) == b"abcabc"
    # 144, then (length 4 - 3, high part of the distance 0), then the low part of it less one: "bcab" again.
    match = [(144, 8), (1, 8), (3, 8), (144, 8), (0, 8)]
    data = expand(joined(*no_followers, *literal, *match), 1, 99, containers.budget())
    assert data == b"abcabc" + b"cabc" + b"\x90"
    # "b" and "c" follow "a", each by one bit after a bit of 0.
    sets = [(0, 6)] * (255 - 97) + [(2, 6), (98, 8), (99, 8)] + [(0, 6)] * 97
    followed = [(97, 8), (0, 1), (1, 1), (97, 8), (0, 1), (0, 1), (97, 8), (1, 1), (122, 8)]
    assert expand(joined(*sets, *followed), 4, 99, containers.budget()) == b"acabaz"


# 64 codes of 6 bits each: 16 at a time; 256 codes of 8 bits each. The bits of codes are turned and come highest first.
SIXES, EIGHTS = [(3, 8)] + [(0xF5, 8)] * 4, [(15, 8)] + [(0xF7, 8)] * 16


def code(value: int, width: int) -> tuple[int, int]:
    return int(f"{value ^ (1 << width) - 1:0{width}b}"[::-1], 2), width


def test_explode() -> None:
    plain = [field for octet in b"abc" for field in ((1, 1), (octet, 8))]
    # A distance of 3: no high part, low part 2; a length of 5 + 2.
    match = [(0, 1), (2, 6), code(0, 6), code(5, 6)]
    assert explode(joined(*SIXES, *SIXES, *plain, *match), 0, 99, containers.budget()) == b"abcabcabca"
    coded = [field for octet in b"abc" for field in ((1, 1), code(octet, 8))]
    # 8 kB to look back on, of which the first are zeros; a length of 63 + 200 + 3.
    match = [(0, 1), (0, 7), code(1, 6), code(63, 6), (200, 8)]
    data = explode(joined(*EIGHTS, *SIXES, *SIXES, *coded, *match), 6, 9999, containers.budget())
    assert data == b"abc" + (bytes(126) + b"abc") * 2 + bytes(266 - 258)
    assert explode(joined(*EIGHTS, *SIXES, *SIXES, *coded, *match), 6, 5, containers.budget()) == b"abc\0\0"


@pytest.mark.parametrize("octets", [b"", b"\0", b"\3\xf5\xf5\xf5", b"\3\xf0\xf0\xf0\xf0" * 2])
def test_explode_damaged(octets: bytes) -> None:
    with pytest.raises(Unopened, match="damaged"):
        explode(memoryview(octets), 0, 99, containers.budget())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 7), st.integers(1, 4))
def test_any_octets(octets: bytes, flags: int, factor: int) -> None:
    for most in (50, 50_000):
        for number in range(3):
            try:
                if number == 0:
                    data = unshrink(memoryview(octets), most, containers.budget())
                elif number == 1:
                    data = expand(memoryview(octets), factor, most, containers.budget())
                else:
                    data = explode(memoryview(octets), flags, most, containers.budget())
            except Unopened as why:
                data = why.partly
            assert len(data) <= most


def test_the_time_ends() -> None:
    for octets in (joined((97, 9), *[(256, 9), (2, 9)] * 9000), joined(*[(97, 9)] * 100_000)):
        with pytest.raises(Unopened, match="longer"):
            unshrink(octets, 1 << 20, containers.spent())
