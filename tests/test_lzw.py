"""compress(1), against an encoder of its own."""

from __future__ import annotations

import random

import containers
import pytest
from containers import opened
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.found import Unopened
from mailscan.unpack.lzw import open_compress, uncompress


def compressed(data: bytes, widest: int = 16, clear_at: int = -1) -> bytes:
    """What compress(1) writes; with a clearing after so many octets."""
    codes = {bytes([octet]): octet for octet in range(256)}
    groups: list[list[int]] = [[]]
    widths = [9]
    free, word = 257, b""

    def give(code: int) -> None:
        if len(groups[-1]) == 8:
            groups.append([])
            widths.append(widths[-1])
        groups[-1].append(code)

    def turn(width: int) -> None:
        groups[-1] += [0] * (8 - len(groups[-1]))
        groups.append([])
        widths.append(width)

    for number, octet in enumerate(data):
        longer = word + bytes([octet])
        if longer in codes:
            word = longer
        else:
            give(codes[word])
            # The reader knows a code one step later than the writer.
            if free >> widths[-1] and widths[-1] < widest:
                turn(widths[-1] + 1)
            if free < 1 << widest:
                codes[longer] = free
                free += 1
            word = bytes([octet])
        if number == clear_at:
            give(codes[word])
            if free >> widths[-1] and widths[-1] < widest:
                turn(widths[-1] + 1)
            give(256)
            turn(9)
            codes = {bytes([octet]): octet for octet in range(256)}
            free, word = 257, b""
    if word:
        give(codes[word])
    packed = bytearray(b"\x1f\x9d" + bytes([0x80 | widest]))
    for width, group in zip(widths, groups, strict=True):
        value = sum(code << (width * place) for place, code in enumerate(group))
        packed += value.to_bytes((width * len(group) + 7) // 8, "little")
    return bytes(packed)


@pytest.mark.parametrize("data", [b"", b"\x1f\x9d", b"\x1f\x9d\x88", b"\x1f\x9d\xff" + bytes(9)])
def test_no_such_file(data: bytes) -> None:
    ((_, why),) = opened(open_compress, data)
    assert "nobody writes" in str(why)


def test_code_that_is_none() -> None:
    with pytest.raises(Unopened, match="no such code") as raised:
        uncompress(b"\x1f\x9d\x90" + (97 | 400 << 9).to_bytes(9, "little"), 99, containers.budget())
    assert raised.value.partly == b"a"


@settings(max_examples=100, deadline=None)
@given(st.text("abc", max_size=3000), st.integers(9, 16), st.integers(-1, 500))
def test_what_was_compressed(text: str, widest: int, clear_at: int) -> None:
    data = text.encode()
    assert uncompress(compressed(data, widest, clear_at), 1 << 20, containers.budget()) == data
    assert uncompress(compressed(data, widest), 20, containers.budget()) == data[:20]


def test_every_width() -> None:
    data = random.Random(1).randbytes(80_000)
    assert uncompress(compressed(data), 1 << 20, containers.budget()) == data
    assert uncompress(compressed(data, 12), 1 << 20, containers.budget()) == data
    assert uncompress(compressed(bytes(1 << 20)), 1 << 21, containers.budget()) == bytes(1 << 20)


def test_the_time_ends() -> None:
    with pytest.raises(Unopened, match="longer"):
        uncompress(compressed(b"abc"), 99, containers.spent())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 255))
def test_any_octets(octets: bytes, flags: int) -> None:
    containers.survives(open_compress, b"\x1f\x9d" + bytes([flags]) + octets)
