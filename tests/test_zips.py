"""ZIP archives as an opener: every method, and what cannot be opened says why."""

from __future__ import annotations

import bz2
import io
import lzma
import zipfile
import zlib
from pathlib import Path

import containers
import payloads
import pytest
from containers import opened
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.found import ENCRYPTED_ARCHIVE, Found, Remark, Unopened
from mailscan.unpack.zips import holds_zip, open_zip

LONG = bytes(range(256)) * 400


def member(method: int, packed: bytes, size: int, name: bytes = b"a.exe", flags: int = 0) -> bytes:
    """An archive of one member, packed by any method."""
    head = flags.to_bytes(2, "little") + method.to_bytes(2, "little") + bytes(8)
    sizes = len(packed).to_bytes(4, "little") + size.to_bytes(4, "little") + len(name).to_bytes(2, "little")
    local = b"PK\3\4\x14\0" + head + sizes + b"\0\0" + name + packed
    central = b"PK\1\2\x14\0\x14\0" + head + sizes + bytes(16) + name
    end = b"PK\5\6\0\0\0\0\1\0\1\0" + len(central).to_bytes(4, "little") + len(local).to_bytes(4, "little") + b"\0\0"
    return local + central + end


# --- what is no archive, or nothing to complain of


@pytest.mark.parametrize("data", [b"", b"PK", b"PKWARE made ZIP\n", b"x" * 100_000, b"ends in PK\5\6"])
def test_no_archive(data: bytes) -> None:
    assert not holds_zip(data)


def test_an_empty_archive_and_empty_members() -> None:
    assert opened(open_zip, payloads.zipped({})) == []
    assert opened(open_zip, payloads.zipped({"d/": b"", "e": b""})) == [(("d/",), b""), (("e",), b"")]
    # Some give an empty member a method and no octets.
    assert opened(open_zip, member(8, b"", 0)) == [(("a.exe",), b"")]


# --- every method


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\nexit\n" * 20])
def test_methods_of_zipfile(method: int, before: bytes) -> None:
    data = before + payloads.zipped({"a.bin": LONG}, method)
    assert opened(open_zip, data) == [(("a.bin",), LONG)]
    assert opened(open_zip, data, 1000) == [(("a.bin",), LONG[:1000])]


def test_xz() -> None:
    assert opened(open_zip, member(95, lzma.compress(LONG), len(LONG))) == [(("a.exe",), LONG)]


@pytest.mark.parametrize("method", [20, 93])
def test_zstd(method: int) -> None:
    zstandard = pytest.importorskip("zstandard")
    assert opened(open_zip, member(method, zstandard.compress(LONG), len(LONG))) == [(("a.exe",), LONG)]


def test_ppmd() -> None:
    pyppmd = pytest.importorskip("pyppmd")
    encoder = pyppmd.Ppmd8Encoder(8, 16 << 20, 0)
    packed = encoder.encode(LONG) + encoder.flush()
    data = member(98, (7 | 15 << 4).to_bytes(2, "little") + packed, len(LONG))
    assert opened(open_zip, data) == [(("a.exe",), LONG)]
    too_large = member(98, (7 | 255 << 4).to_bytes(2, "little") + packed, len(LONG))
    assert opened(open_zip, too_large) == [(("a.exe",), "it needs more memory than it may have")]


def test_lzma_without_a_mark_of_its_end() -> None:
    # zipfile writes the mark, and the flag that says so; the last six octets are it.
    known = lzma.compress(LONG, lzma.FORMAT_ALONE)
    raw = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "preset": 6}])
    body = raw.compress(LONG) + raw.flush()
    packed = b"\x09\x14\5\0" + known[:5] + body
    assert opened(open_zip, member(14, packed, len(LONG), flags=2)) == [(("a.exe",), LONG)]
    assert opened(open_zip, member(14, packed[:-6], len(LONG))) == [(("a.exe",), LONG)]
    assert opened(open_zip, member(14, packed[:-6], len(LONG), flags=2)) == [(("a.exe",), "it is cut off")]


def test_deflate64_shares_what_deflate_has() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    text = b"".join(b"%d," % number for number in range(9999))
    data = member(9, packer.compress(text) + packer.flush(), len(text))
    assert opened(open_zip, data) == [(("a.exe",), text)]


@pytest.mark.parametrize("method", [7, 10, 19, 97])
def test_methods_that_are_not_opened(method: int) -> None:
    (found,) = opened(open_zip, member(method, b"abcd", 4))
    assert found == (("a.exe",), f"packed by method {method}, which is not opened")


@pytest.mark.parametrize(("method", "flags"), [(8, 1), (0, 1), (99, 1), (99, 0), (8, 1 << 13)])
def test_encrypted(method: int, flags: int) -> None:
    (found,) = open_zip(member(method, b"abcd", 4, flags=flags), containers.budget())
    assert isinstance(found, Found)
    with pytest.raises(Unopened, match="encrypted") as raised:
        found.read(10)
    assert raised.value.group == ENCRYPTED_ARCHIVE


# --- damage


def test_what_came_before_the_damage_is_had() -> None:
    packed = {8: zlib.compress(LONG)[2:-4], 12: bz2.compress(LONG), 95: lzma.compress(LONG)}
    for method, octets in packed.items():
        for torn in (octets[:-20], octets[:-20] + b"\xff" * 20):
            (found,) = open_zip(member(method, torn, len(LONG)), containers.budget())
            assert isinstance(found, Found)
            with pytest.raises(Unopened) as raised:
                found.read(1 << 20)
            # What is damaged is decoded to anything; bzip2 packs blocks of 900 kB.
            assert method == 12 or raised.value.partly[:300] == LONG[:300]


def test_a_size_that_lies_buys_no_ratio() -> None:
    data = bytearray(payloads.zipped({"a": LONG}))
    at = data.find(b"PK\1\2") + 20
    data[at : at + 4] = b"\xff\xff\xff\x7f"
    assert all(isinstance(one, Found) and one.packed <= len(data) for one in open_zip(bytes(data), containers.budget()))


def test_a_directory_cut_off_is_told() -> None:
    data = payloads.zipped({"a.exe": payloads.PE})
    remark, found = open_zip(data[: data.find(b"PK\1\2")], containers.budget())
    assert isinstance(remark, Remark)
    assert isinstance(found, Found)
    assert found.read(9999) == payloads.PE


def test_what_was_opened_is_not_listed_again() -> None:
    inner = payloads.zipped({"x": b"x"}, zipfile.ZIP_STORED)
    data = payloads.zipped({"a.zip": inner, "z": b"z"}, zipfile.ZIP_STORED)
    names = []
    for one in open_zip(data, containers.budget()):
        assert isinstance(one, Found)
        names.append(one.names)
        one.read(9999)
        if one.opened is not None:
            one.opened()
    assert names == [("a.zip",), ("z",)]


def test_no_time_left() -> None:
    with pytest.raises(Unopened, match="longer than 0 s"):
        list(open_zip(payloads.zipped({"a": b"a"}), containers.spent()))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([0, 1, 2, 3, 4, 5, 6, 8, 9, 12, 14, 95]), st.integers(0, 7))
def test_any_octets_as_any_method(packed: bytes, method: int, flags: int) -> None:
    containers.survives(open_zip, member(method, packed, 1000, flags=flags & 6))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_damage(data: st.DataObject) -> None:
    method = data.draw(st.sampled_from([0, 8, 12, 14]))
    octets = bytearray(payloads.zipped({"a": LONG[:3000], "b": b"b"}, method))
    for at in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=8)):
        octets[at] = data.draw(st.integers(0, 255))
    containers.survives(open_zip, bytes(octets))


def test_those_that_others_made(corpora: Path) -> None:
    folder = corpora / "attach" / "clamav-testfiles"
    program = (folder / "clam.exe").read_bytes()
    for name in ("clam.zip", "clam.bz2.zip", "clam.d64.zip", "clam.impl.zip"):
        ((_, data),) = opened(open_zip, (folder / name).read_bytes())
        assert data == program, name
    with zipfile.ZipFile(io.BytesIO(payloads.zipped({"a": program}))) as archive:
        assert archive.read("a") == program
