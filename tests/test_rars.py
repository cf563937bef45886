"""RAR archives: names, and what is stored in them."""

from __future__ import annotations

import struct
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack import Budget, clibarchive, program
from mailscan.unpack.found import ENCRYPTED_ARCHIVE, Found, Unopened
from mailscan.unpack.rars import open_rar


def budget() -> Budget:
    end = time.monotonic() + 100
    return Budget(lambda: max(0.0, end - time.monotonic()))


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else on the machine."""

    def missing() -> None:
        raise OSError("not here")

    monkeypatch.setattr(clibarchive, "_system_or_bundled", missing)
    monkeypatch.setattr(program, "PROGRAMS", ())


def four(name: bytes, octets: bytes = b"", flags: int = 0, method: int = 0x30) -> bytes:
    size = 32 + len(name)
    return (
        struct.pack(
            "<HBHHIIBIIBBHI",
            0,
            0x74,
            flags | 0x8000,
            size,
            len(octets),
            len(octets),
            2,
            0,
            0,
            29,
            method,
            len(name),
            32,
        )
        + name
        + octets
    )


def old(*files: bytes, flags: int = 0) -> bytes:
    return b"Rar!\x1a\x07\0" + struct.pack("<HBHH", 0, 0x73, flags, 13) + bytes(6) + b"".join(files)


def vint(number: int) -> bytes:
    made = b""
    while number > 127:
        made, number = made + bytes((number & 127 | 128,)), number >> 7
    return made + bytes((number,))


def block(kind: int, body: bytes, data: bytes = b"", extra: bytes = b"") -> bytes:
    head = vint(kind) + vint(bool(extra) + 2 * bool(data))
    head += vint(len(extra)) if extra else b""
    head += vint(len(data)) if data else b""
    head = vint(len(head + body + extra)) + head + body + extra
    return struct.pack("<I", zlib.crc32(head)) + head + data


def five(name: str, octets: bytes = b"", method: int = 0, flags: int = 0, extra: bytes = b"") -> bytes:
    raw = name.encode()
    body = vint(flags) + vint(len(octets)) + vint(32) + vint(method << 7) + vint(0) + vint(len(raw)) + raw
    return block(2, body, octets, extra)


def new(*blocks: bytes) -> bytes:
    return b"Rar!\x1a\x07\1\0" + block(1, vint(0)) + b"".join(blocks) + block(5, vint(0))


def listed(data: bytes) -> list[Found]:
    found = []
    try:
        for one in open_rar(data, budget()):
            assert isinstance(one, Found)
            found.append(one)
    except Unopened:
        pass
    return found


def test_other_octets_are_no_archive() -> None:
    for data in (b"", b"Rar!", b"PK\3\4" + bytes(50)):
        with pytest.raises(Unopened):
            list(open_rar(data, budget()))


@pytest.mark.parametrize(
    "data",
    [
        old(four(b"dir", flags=0xE0), four(b"dir\\a.exe", b"MZ hello"), four(b"b.txt", b"text")),
        new(five("dir", flags=1), five("dir/a.exe", b"MZ hello"), five("b.txt", b"text")),
    ],
)
def test_stored_members(data: bytes) -> None:
    assert [(one.names[0], one.read(5), one.read(100)) for one in listed(data)] == [
        ("dir/a.exe", b"MZ he", b"MZ hello"),
        ("b.txt", b"text", b"text"),
    ]


@pytest.mark.parametrize("data", [old(four(b"a.exe", b"xx", method=0x33)), new(five("a.exe", b"xx", method=3))])
def test_packed_members_are_named_and_it_is_said_what_would_open_them(data: bytes) -> None:
    (one,) = listed(data)
    assert one.names == ("a.exe",)
    with pytest.raises(Unopened, match="libarchive13"):
        one.read(10)


@pytest.mark.parametrize(
    "data", [old(four(b"a.exe", b"xx", flags=4)), new(five("a.exe", b"xx", extra=vint(2) + vint(1) + vint(0)))]
)
def test_encrypted_members_are_named(data: bytes) -> None:
    (one,) = listed(data)
    with pytest.raises(Unopened) as caught:
        one.read(10)
    assert one.names == ("a.exe",) and caught.value.group == ENCRYPTED_ARCHIVE


@pytest.mark.parametrize("data", [old(b"garbage" * 9, flags=0x80), b"Rar!\x1a\x07\1\0" + block(4, bytes(30))])
def test_encrypted_names(data: bytes) -> None:
    with pytest.raises(Unopened) as caught:
        list(open_rar(data, budget()))
    assert caught.value.group == ENCRYPTED_ARCHIVE


def test_a_name_in_unicode_is_one_of_the_names() -> None:
    # High octet 4, then flags: two names' worth of two bits each; "ж" is 0x36 0x04.
    unicode = b"\x04" + bytes((0b01_00_00_00,)) + b"\x36.e" + b"x" + bytes((0b00_00_00_00,)) + b"e"
    (one,) = listed(old(four(b"?.exe\0" + unicode, b"MZ", flags=0x200)))
    assert one.names == ("ж.exe", "?.exe")


def test_an_archive_that_ends_early_gives_what_there_is() -> None:
    (one,) = listed(old(four(b"a.exe", b"MZ hello"))[:-3])
    with pytest.raises(Unopened) as caught:
        one.read(100)
    assert caught.value.partly == b"MZ he"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 120), st.booleans())
def test_any_octets_raise_nothing_else(octets: bytes, at: int, is_new: bool) -> None:
    data = new(five("a", b"xyz"), five("b")) if is_new else old(four(b"a", b"xyz"), four(b"b\0\1\2\3\4", flags=0x200))
    for one in listed_any(data[:at] + octets + data[at + len(octets) :]):
        try:
            assert len(one.read(10)) <= 10
        except Unopened:
            pass


def listed_any(data: bytes) -> list[Found]:
    try:
        return [one for one in open_rar(data, budget()) if isinstance(one, Found)]
    except Unopened:
        return []
