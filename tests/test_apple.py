"""AppleSingle, AppleDouble and MacBinary."""

from __future__ import annotations

import binascii
import struct

import containers
import pytest
from containers import opened
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.apple import is_macbinary, open_apple, open_macbinary
from mailscan.unpack.found import Unopened


def single(*entries: tuple[int, bytes]) -> bytes:
    head = b"\0\5\x16\0\0\2\0\0" + bytes(16) + struct.pack(">H", len(entries))
    at = len(head) + 12 * len(entries)
    places, bodies = b"", b""
    for kind, body in entries:
        places += struct.pack(">3I", kind, at + len(bodies), len(body))
        bodies += body
    return head + places + bodies


def macbinary(name: bytes, data: bytes, resource: bytes = b"", version: int = 1) -> bytes:
    head = b"\0" + bytes([len(name)]) + name.ljust(63, b"\0") + b"TYPECREA" + bytes(10)
    head = (head + struct.pack(">II", len(data), len(resource))).ljust(128, b"\0")
    if version == 3:
        head = head[:102] + b"mBIN" + head[106:]
    if version > 1:
        head = head[:122] + b"\x81\x81" + binascii.crc_hqx(head[:122] + b"\x81\x81", 0).to_bytes(2, "big") + b"\0\0"
    return head + data + bytes(-len(data) % 128) + resource + bytes(-len(resource) % 128)


@pytest.mark.parametrize(
    "data", [b"", bytes(128), bytes(4096), b"\0\5name" + bytes(200), b"\0\0\1\0\1\0" + b"\x10" * 300]
)
def test_no_macbinary(data: bytes) -> None:
    assert not is_macbinary(data)


def test_nothing_to_complain_of() -> None:
    # The icon and dates of a file whose data are another.
    assert opened(open_apple, single((9, bytes(32)), (2, b""))) == []


def test_both_forks() -> None:
    data = single((3, b"a.exe"), (1, b"data"), (2, b"resources"), (9, bytes(32)))
    assert opened(open_apple, data) == [(("a.exe",), b"data"), (("a.exe",), b"resources")]
    assert opened(open_apple, data, 2) == [(("a.exe",), b"da"), (("a.exe",), b"re")]
    assert opened(open_apple, single((1, b"data"))[:-1]) == [((), "it is cut off")]
    assert opened(open_apple, single((1, b"data"))[:30]) == [((), "it is cut off")]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_macbinary(version: int) -> None:
    data = macbinary(b"a.exe", b"data", b"resources", version)
    assert is_macbinary(data)
    assert opened(open_macbinary, data) == [(("a.exe",), b"data"), (("a.exe",), b"resources")]
    assert opened(open_macbinary, macbinary(b"a", b"D" * 128, version=version)) == [(("a",), b"D" * 128)]


def test_the_time_ends() -> None:
    for opener, data in ((open_apple, single((1, b"data"))), (open_macbinary, macbinary(b"a", b"b"))):
        with pytest.raises(Unopened, match="longer"):
            list(opener(data, containers.spent()))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_octets(octets: bytes) -> None:
    is_macbinary(octets)
    containers.survives(open_apple, octets)
    containers.survives(open_apple, b"\0\5\x16\7".ljust(24, b"\0") + octets)
    containers.survives(open_macbinary, octets)
