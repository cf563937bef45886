"""Windows cabinets."""

from __future__ import annotations

import struct
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack import Budget, clibarchive, program
from mailscan.unpack.cabs import open_cab
from mailscan.unpack.found import Found, Remark, Unopened

BIG = b"MZ" + bytes(range(256)) * 400
FILES = [(b"dir\\a.exe", BIG), (b"b.txt", b"hello"), (b"empty", b"")]


def budget() -> Budget:
    end = time.monotonic() + 100
    return Budget(lambda: max(0.0, end - time.monotonic()))


def blocks(stream: bytes, method: int) -> tuple[bytes, int]:
    made, count, history = b"", 0, b""
    for at in range(0, len(stream), 32_768):
        one = stream[at : at + 32_768]
        packed = one
        if method == 1:
            encoder = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=history)
            packed = b"CK" + encoder.compress(one) + encoder.flush()
        made += struct.pack("<IHH", 0, len(packed), len(one)) + packed
        history, count = one, count + 1
    return made, count


def cabinet(method: int, files: list[tuple[bytes, bytes]] = FILES, folder: int = 0, reserve: bytes = b"") -> bytes:
    listed, offset = b"", 0
    for name, octets in files:
        listed += struct.pack("<IIHHHH", len(octets), offset, folder, 0, 0, 0x20) + name + b"\0"
        offset += len(octets)
    made, count = blocks(b"".join(octets for _, octets in files), method)
    extra = struct.pack("<HBB", len(reserve), 0, 0) + reserve if reserve else b""
    files_at = 36 + len(extra) + 8
    header = struct.pack("<4sIIIIIBBHHHHH", b"MSCF", 0, 0, 0, files_at, 0, 3, 1, 1, len(files), 4 * bool(reserve), 7, 0)
    return header + extra + struct.pack("<IHH", files_at + len(listed), count, method) + listed + made


def read(data: bytes) -> dict[str, bytes]:
    return {one.names[0]: one.read(1_000_000) for one in open_cab(data, budget()) if isinstance(one, Found)}


def test_other_octets_are_no_cabinet() -> None:
    for data in (b"", b"MSCF", b"PK\3\4" + bytes(100)):
        with pytest.raises(Unopened):
            list(open_cab(data, budget()))


@pytest.mark.parametrize("method", [0, 1])
def test_members(method: int) -> None:
    assert read(cabinet(method)) == {"dir/a.exe": BIG, "b.txt": b"hello", "empty": b""}
    assert read(cabinet(method, reserve=bytes(20))) == {"dir/a.exe": BIG, "b.txt": b"hello", "empty": b""}
    assert read(cabinet(method, folder=0xFFFD)) == {"dir/a.exe": BIG, "b.txt": b"hello", "empty": b""}


def test_a_member_is_read_as_often_as_one_likes() -> None:
    first, second, *_ = (one for one in open_cab(cabinet(1, [(b"1", BIG), (b"2", b"two")]), budget()))
    assert isinstance(first, Found) and isinstance(second, Found)
    assert first.read(2) == b"MZ" and second.read(9) == b"two" and first.read(1_000_000) == BIG


def test_a_cabinet_that_ends_early_gives_what_there_is() -> None:
    data = cabinet(0)[:50_000]
    (first, *_) = (one for one in open_cab(data, budget()) if isinstance(one, Found))
    assert first.read(1000) == BIG[:1000]
    with pytest.raises(Unopened) as caught:
        first.read(1_000_000)
    assert caught.value.partly == BIG[: len(caught.value.partly)] and len(caught.value.partly) > 40_000


def test_a_list_that_ends_early_is_said() -> None:
    data = cabinet(0, [(b"a", b"")])
    data = data[:28] + b"\x05\0" + data[30:]
    *_, last = open_cab(data, budget())
    assert isinstance(last, Remark)


def test_files_in_a_folder_that_is_not_there_are_named() -> None:
    (one,) = open_cab(cabinet(0, [(b"evil.exe", b"MZ")], folder=9), budget())
    assert isinstance(one, Found) and one.names == ("evil.exe",)
    with pytest.raises(Unopened):
        one.read(10)


@pytest.mark.parametrize("method", [2, 3, 15])
def test_files_packed_otherwise_are_named_whatever_is_installed(monkeypatch: pytest.MonkeyPatch, method: int) -> None:
    def missing() -> None:
        raise OSError("not here")

    monkeypatch.setattr(clibarchive, "_system_or_bundled", missing)
    monkeypatch.setattr(program, "PROGRAMS", ())
    data = cabinet(0, [(b"evil.exe", b"MZ")])
    members = open_cab(data[:42] + bytes((method, 0x15)) + data[44:], budget())
    one = next(members)
    assert isinstance(one, Found) and one.names == ("evil.exe",)
    with pytest.raises(Unopened, match="install libarchive"):
        one.read(10)
    with pytest.raises(Unopened, match="install libarchive"):
        next(members)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200), st.sampled_from([0, 1]))
def test_any_octets_raise_nothing_else(octets: bytes, at: int, method: int) -> None:
    data = cabinet(method, [(b"a.exe", b"MZ" * 50), (b"b", b"hello")])
    data = data[:at] + octets + data[at + len(octets) :]
    try:
        for one in open_cab(data, budget()):
            if isinstance(one, Found):
                try:
                    assert len(one.read(1000)) <= 1000
                except Unopened:
                    pass
    except Unopened:
        pass
