"""tar archives: those of `tarfile`, and what it does not write."""

from __future__ import annotations

import io
import itertools
import tarfile
from pathlib import Path

import containers
import pytest
from containers import opened
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.decodings import inline
from mailscan.unpack.found import Found, Unopened
from mailscan.unpack.lzw import uncompress
from mailscan.unpack.tars import is_tar, open_tar

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def tarred(members: dict[str, bytes], form: int = tarfile.USTAR_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def header(name: bytes, size: bytes, kind: bytes = b"0", magic: bytes = b"ustar\x0000", more: bytes = b"") -> bytes:
    """One with any fields, and the checksum that it must have."""
    octets = name.ljust(100, b"\0") + b"0000644\0" * 3 + size.rjust(11, b"0") + b"\0" + b"0" * 11 + b"\0" + b" " * 8
    octets = (octets + kind + bytes(100) + magic).ljust(345, b"\0") + more
    octets = octets.ljust(512, b"\0")
    return octets[:148] + b"%06o\0 " % sum(octets) + octets[156:]


def padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // 512) * 512, b"\0")


def pax(*records: tuple[str, str], kind: bytes = b"x") -> bytes:
    body = b""
    for key, value in records:
        line = f" {key}={value}\n".encode()
        size = len(line) + 1
        while len(str(size)) + len(line) != size:
            size += 1
        body += str(size).encode() + line
    return header(b"pax", b"%o" % len(body), kind) + padded(body)


# --- what is none


@pytest.mark.parametrize("data", [b"", bytes(10_240), b"x" * 1024, b"a" * 257 + b"ustar" + bytes(250)])
def test_no_archive(data: bytes) -> None:
    assert not is_tar(data)


def test_nothing_to_complain_of() -> None:
    assert opened(open_tar, bytes(10_240)) == []
    assert opened(open_tar, tarred({})) == []
    # What some write after the end, and a last block of zeros that is cut off.
    assert opened(open_tar, tarred({"a": b"a"}) + b"\n") == [(("a",), b"a")]
    assert opened(open_tar, tarred({"a": b"a"})[:1100]) == [(("a",), b"a")]
    assert opened(open_tar, tarred({"a": b"a"}) + b"garbage" * 999) == [(("a",), b"a")]


# --- members


@pytest.mark.parametrize("form", FORMATS)
def test_what_tarfile_writes(form: int) -> None:
    long = "d/" * 40 + "x" * 90 + ".exe"
    members = {"a.exe": b"MZ" * 999, "empty": b"", "Zoë.txt": b"1", long: b"long", "last": bytes(512)}
    data = tarred(members, form)
    assert is_tar(data)
    assert [(names[0], octets) for names, octets in opened(open_tar, data)] == list(members.items())
    assert opened(open_tar, data, 5)[0] == (("a.exe",), b"MZMZM")


def test_v7_and_signed_checksums() -> None:
    old = header(b"a", b"1", b"\0", b"") + padded(b"A")
    signed = bytearray(header(b"\xe9", b"1") + padded(b"A"))
    signed[148:156] = b"%06o\0 " % (sum(signed[:148]) + 256 + sum(signed[156:512]) - 256)
    for data, name in ((old, "a"), (bytes(signed), "é")):
        assert is_tar(data)
        assert opened(open_tar, data) == [((name,), b"A")]


def test_large_numbers() -> None:
    data = bytearray(header(b"a", b"0"))
    data[124:136] = b"\x80" + (3).to_bytes(11, "big")
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data)
    assert opened(open_tar, bytes(data) + padded(b"abc")) == [(("a",), b"abc")]
    huge = header(b"a", b"77777777777") + padded(b"abc")
    assert opened(open_tar, huge) == [(("a",), "it is cut off")]
    with pytest.raises(Unopened) as raised:
        next(one.read(1 << 50) for one in open_tar(huge, containers.budget()) if isinstance(one, Found))
    assert raised.value.partly == padded(b"abc")


def test_names_that_disagree_all_count() -> None:
    data = pax(("path", "setup.exe")) + header(b"readme.txt", b"1") + padded(b"A")
    assert opened(open_tar, data) == [(("setup.exe", "readme.txt"), b"A")]
    longer = header(b"././@LongLink", b"5", b"L", b"ustar  \0") + padded(b"b.exe")
    assert opened(open_tar, longer + data) == [(("setup.exe", "b.exe", "readme.txt"), b"A")]
    everywhere = pax(("path", "g.exe"), kind=b"g") + header(b"a", b"0") + header(b"b", b"0")
    assert opened(open_tar, everywhere) == [(("a", "g.exe"), b""), (("b", "g.exe"), b"")]
    assert opened(open_tar, header(b"a", b"0", more=b"folder"))[0][0] == ("folder/a",)


def test_sizes_that_disagree_are_two_members() -> None:
    hidden = header(b"hidden.exe", b"2") + padded(b"MZ")
    data = pax(("size", "1024")) + header(b"a", b"1") + padded(b"A") + hidden
    found = opened(open_tar, data)
    assert (("a",), b"A") in found
    assert (("hidden.exe",), b"MZ") in found
    # The header of a large file has no size.
    assert opened(open_tar, pax(("size", "3")) + header(b"a", b"0") + padded(b"abc")) == [(("a",), b"abc")]


def test_links_and_devices_have_no_data() -> None:
    for kind in (b"1", b"2", b"3", b"4", b"5", b"6"):
        data = header(b"../../etc/x", b"777", kind) + header(b"b", b"1") + padded(b"B")
        assert opened(open_tar, data) == [(("../../etc/x",), b""), (("b",), b"B")]
    # Those that have some are read: pax hard links, and what hides behind a folder.
    data = header(b"a", b"3", b"1") + padded(b"abc") + header(b"b", b"0")
    assert opened(open_tar, data) == [(("a",), b"abc"), (("b",), b"")]


# --- damage


def test_a_bad_checksum() -> None:
    data = bytearray(tarred({"a": b"A", "b.exe": b"MZ"}))
    data[1024] ^= 1
    why = "damaged (no header of tar where one should be)"
    assert opened(open_tar, bytes(data)) == [(("a",), b"A"), ((), why), (("c.exe",), b"MZ")]
    # Not even a magic: on from the next header that has one.
    broken = b"x" * 700 + tarred({"a": b"A"})
    assert opened(open_tar, broken) == [((), why), (("a",), b"A")]


def test_archives_behind_one_another() -> None:
    data = tarred({"a": b"A"}) + tarred({"b": b"B"})
    assert opened(open_tar, data) == [(("a",), b"A"), (("b",), b"B")]


def test_cut_off() -> None:
    data = tarred({"a": b"A" * 600})
    assert opened(open_tar, data[:1000]) == [(("a",), "it is cut off")]
    assert opened(open_tar, tarred({"a": b"A", "b": b"B"})[:1100]) == [
        (("a",), b"A"),
        ((), "it is cut off in a header"),
    ]


# --- sparse files


def test_sparse_by_the_old_header() -> None:
    places = b"%011o\0" % 2 + b"%011o\0" % 3 + b"%011o\0" % 8 + b"%011o\0" % 2
    data = header(b"s", b"5", b"S", b"ustar  \0", bytes(41) + places) + padded(b"abcde")
    assert opened(open_tar, data) == [(("s",), b"\0\0abc\0\0\0de")]
    assert opened(open_tar, data, 4) == [(("s",), b"\0\0ab")]
    more = header(b"s", b"5", b"S", b"ustar  \0", bytes(41) + places + bytes(48) + b"\1") + bytes(512)
    assert opened(open_tar, more + padded(b"abcde")) == [(("s",), b"\0\0abc\0\0\0de")]


def test_sparse_by_pax() -> None:
    plain = header(b"GNUSparseFile.1/s", b"5") + padded(b"abcde")
    expected = [(("s", "GNUSparseFile.1/s"), b"\0\0abc\0\0\0de")]
    assert opened(open_tar, pax(("GNU.sparse.name", "s"), ("GNU.sparse.map", "2,3,8,2")) + plain) == expected
    pairs = [("GNU.sparse.offset", "2"), ("GNU.sparse.numbytes", "3")]
    pairs += [("GNU.sparse.offset", "8"), ("GNU.sparse.numbytes", "2")]
    assert opened(open_tar, pax(("GNU.sparse.name", "s"), *pairs) + plain) == expected
    body = padded(b"2\n2\n3\n8\n2\n") + b"abcde"
    mapped = header(b"GNUSparseFile.1/s", b"%o" % len(body)) + padded(body)
    assert opened(open_tar, pax(("GNU.sparse.name", "s"), ("GNU.sparse.major", "1")) + mapped) == expected
    overlapping = pax(("GNU.sparse.map", "2,3,1,2")) + plain
    assert "overlap" in str(opened(open_tar, overlapping)[0][1])
    # Holes cost what is asked for, not what they say.
    far = pax(("GNU.sparse.map", "2,3,99999999999999,2")) + plain
    assert opened(open_tar, far, 100)[0][1] == b"\0\0abc" + bytes(95)


# --- what would never end


def test_a_million_empty_files() -> None:
    data = header(b"a", b"0") * 100_000
    assert sum(1 for _ in itertools.islice(open_tar(data, containers.budget()), 10_000)) == 10_000


@pytest.mark.parametrize(
    "data",
    [
        b"ustar" * 200_000,
        header(b"a", b"0") * 2000,
        pax(*[("path", "x")] * 50_000),
        pax(*[("GNU.sparse.offset", str(number)) for number in range(20_000)]) + header(b"a", b"0"),
        bytes(5_000_000),
        (b"\0" * 511 + b"x") * 9000,
    ],
    ids=["magic", "empty", "paths", "holes", "zeros", "garbage"],
)
def test_much_of_anything(data: bytes) -> None:
    containers.survives(open_tar, data, 5000)


def test_the_time_ends() -> None:
    with pytest.raises(Unopened, match="longer"):
        list(open_tar(tarred({"a": b"a"}), containers.spent()))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage(data: st.DataObject) -> None:
    octets = bytearray(pax(("path", "x"), ("GNU.sparse.map", "2,3")) + tarred({"a": b"A" * 600, "b": b"B"}))
    for at in data.draw(st.lists(st.integers(0, 3000), max_size=12)):
        octets[at] = data.draw(st.integers(0, 255))
    containers.survives(open_tar, bytes(octets[data.draw(st.integers(0, 600)) : data.draw(st.integers(0, 4000))]))


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=50), st.binary(max_size=12), st.sampled_from([b"0", b"x", b"g", b"L", b"S", b"5"]), st.binary()
)
def test_any_fields(name: bytes, size: bytes, kind: bytes, body: bytes) -> None:
    containers.survives(open_tar, header(name, size[:11], kind) + padded(body) + header(b"a", b"0"))


def test_those_that_others_made(corpora: Path) -> None:
    count = 0
    for path in sorted((corpora / "attach" / "libarchive-uu").glob("*.tar*.uu")):
        data = next(inline(path.read_bytes(), 0, 1 << 30)).data
        if path.name.endswith(".Z.uu"):
            data = uncompress(data, 1 << 24, containers.budget())
        elif not path.name.endswith(".tar.uu"):
            continue
        if "concatenated" in path.name:
            continue
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            expected = [(one.name, one.size if one.isfile() else 0) for one in archive]
        found = [(one.names, one) for one in open_tar(data, containers.budget()) if isinstance(one, Found)]
        assert len(found) == len(expected), path
        for (names, one), (name, size) in zip(found, expected, strict=True):
            assert name.isascii() is False or name.rstrip("/") in [each.rstrip("/") for each in names], path
            assert "sparse" in path.name or not size or len(one.read(1 << 25)) == size, path
        count += 1
    assert count >= 10
