"""Archives: the same members as `zipfile` where it can read them, and an end to everything."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from pathlib import Path

import payloads
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack import Budget, Member, holds_zip, members


def budget(**limits: int | float) -> Budget:
    end = time.monotonic() + 60
    return Budget(lambda: end - time.monotonic(), **limits)  # type: ignore[arg-type]


def listed(data: bytes, **limits: int | float) -> list[tuple[str, str]]:
    """(path, why it could not be opened or "") of all members."""
    return [(one.path, one.unopened) for one in members(data, budget(**limits))]


# --- what must not be taken for an archive, or for damage


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"PKWARE made ZIP\n", b"x" * 100_000, b"ends in PK\5\6", b"PK\5\6".rjust(30) + b"\0" * 18]
)
def test_no_archive(data: bytes) -> None:
    assert not holds_zip(data)


def test_an_empty_archive_is_not_damaged() -> None:
    assert listed(payloads.zipped({})) == []


def test_a_comment_may_look_like_an_end() -> None:
    buffer = io.BytesIO(payloads.zipped({"a": b"1"}))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"PK\5\6" + b"\xff" * 18
    assert listed(buffer.getvalue()) == [("a", "")]


# --- what is read


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\nexit\n" * 20])
def test_every_method(method: int, before: bytes) -> None:
    long = bytes(range(256)) * 400
    data = before + payloads.zipped({"dir/": b"", "dir/a.bin": long, "empty": b""}, method)
    assert holds_zip(data)
    found = list(members(data, budget()))
    assert [(one.path, one.head, one.unopened) for one in found] == [
        ("dir/", b"", ""),
        ("dir/a.bin", long[:4096], ""),
        ("empty", b"", ""),
    ]
    assert found[1].data() == long


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20),
        st.binary(max_size=300),
        max_size=5,
    ),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    st.binary(max_size=50),
)
def test_the_same_as_zipfile(contents: dict[str, bytes], method: int, before: bytes) -> None:
    data = before + payloads.zipped(contents, method)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        expected = [(one.filename, archive.read(one)) for one in archive.infolist()]
    top = [one for one in members(data, budget()) if one.names and one.path == one.names[0]]
    # More readings of a name are right where its octets are UTF-8 and not flagged so.
    assert [(one.names[0], one.data()) for one in top] == expected


def test_nested_and_its_names() -> None:
    inner = payloads.zipped({"setup.exe": payloads.PE, "a.txt": b"a"})
    data = payloads.zipped({"readme": b"r", "in/inner.zip": inner})
    assert [path for path, _ in listed(data)] == [
        "readme",
        "in/inner.zip",
        "in/inner.zip/setup.exe",
        "in/inner.zip/a.txt",
    ]
    assert [one.head for one in members(data, budget())][2] == payloads.PE


def test_names_in_odd_octets() -> None:
    data = payloads.zipped({"aaaa.exe": b"x"})
    # zipfile gives up the whole archive here: flagged as UTF-8, and it is not.
    bad = data.replace(b"aaaa.exe", b"\xff\xfe\x81a.exe")
    at = bad.find(b"PK\1\2") + 8
    bad = bad[:at] + b"\0\x08" + bad[at + 2 :]
    with pytest.raises(UnicodeDecodeError):
        zipfile.ZipFile(io.BytesIO(bad))
    (member,) = members(bad, budget())
    assert member.names == ("\u00a0■üa.exe",)
    assert member.head == b"x"
    (member,) = members(data.replace(b"aaaa.exe", "éé.exe".encode()), budget())
    assert member.names == ("éé.exe", "├⌐├⌐.exe")


def test_zip64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    data = payloads.zipped({"a": b"a" * 100, "b": b"b" * 100})
    assert b"PK\6\6" in data
    for before in (b"", b"x" * 33):
        assert [(one.path, one.data()) for one in members(before + data, budget())] == [
            ("a", b"a" * 100),
            ("b", b"b" * 100),
        ]


# --- what cannot be read


def test_encrypted() -> None:
    assert listed(payloads.encrypted(payloads.zipped({"a.docx": b"x", "b.exe": b"y"}))) == [
        ("a.docx", "encrypted"),
        ("b.exe", "encrypted"),
    ]


def test_a_method_nobody_has() -> None:
    data = payloads.zipped({"a": b"aaaa"}).replace(b"\x08\0", b"\x06\0")
    assert listed(data) == [("a", "packed by method 6, which is not opened")]


def test_other_archives_inside() -> None:
    assert listed(payloads.zipped({"x": b"Rar!\x1a\x07\x00"})) == [
        ("x", ""),
        ("x", "a RAR archive, which is not opened"),
    ]


def test_cut_off() -> None:
    data = payloads.zipped({"a.exe": payloads.PE * 9, "b.exe": payloads.PE})
    directory = data.find(b"PK\1\2")
    why = "its directory is damaged or cut off: read without it"
    assert listed(data[:directory]) == [("", why), ("a.exe", ""), ("b.exe", "")]
    # Into the directory, its second entry; and a directory that claims more than there is.
    second = data.find(b"PK\1\2", directory + 4)
    torn = data[:second] + b"XX" + data[second + 2 :]
    assert listed(torn) == [("a.exe", ""), ("", why), ("a.exe", ""), ("b.exe", "")]


def test_a_torn_member() -> None:
    data = bytearray(payloads.zipped({"a": bytes(range(256)) * 9, "b": b"b"}))
    data[35:60] = b"\xff" * 25
    (first, why), second = listed(bytes(data))
    assert (first, why[:7]) == ("a", "damaged")
    assert second == ("b", "")


@settings(max_examples=300)
@given(st.data())
def test_any_octets(data: st.DataObject) -> None:
    inner = payloads.zipped({"x.exe": payloads.PE, "y": b"y" * 300})
    octets = bytearray(payloads.zipped({"a.zip": inner, "b": b"b"}, data.draw(st.sampled_from([0, 8]))))
    for at in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=12)):
        octets[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(octets)))
    found = list(members(bytes(octets[cut:] if data.draw(st.booleans()) else octets[:cut]), budget(members=50)))
    assert len(found) < 200
    assert all(isinstance(one.data(), bytes) for one in found)


# --- what would never end


def spent(data: bytes, **limits: int | float) -> tuple[list[Member], float]:
    began = time.perf_counter()
    found = list(members(data, budget(**limits)))
    return found, time.perf_counter() - began


def test_zeros_in_an_archive() -> None:
    # 60 MB that call themselves an archive, in 60 kB: opened no further than the ratio allows.
    bomb = payloads.zipped({"inner.zip": b"PK\3\4" + b"\0" * 60_000_000})
    tracemalloc.start()
    found, seconds = spent(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert any("more than 250 times its size" in one.unopened for one in found)
    assert seconds < 3
    assert peak < 60_000_000


def test_archives_without_end() -> None:
    data = b"the end"
    for _ in range(40):
        data = payloads.zipped({"z": data})
    found, seconds = spent(data)
    assert found[-1].unopened == "archives more than 8 deep in each other"
    assert len(found) == 9
    assert seconds < 1


def test_the_same_octets_under_many_names() -> None:
    # As Fifield's bombs: 50,000 directory entries for one member.
    data = payloads.zipped({"a": b"a" * 4000})
    directory, end = data.find(b"PK\1\2"), data.find(b"PK\5\6")
    entry = data[directory:end] * 50_000
    size = len(entry).to_bytes(4, "little")
    found, seconds = spent(data[:directory] + entry + b"PK\5\6\0\0\0\0\xff\xff\xff\xff" + size + data[end + 16 :])
    assert found[-1].unopened == "too many members"
    assert len(found) == 10_001
    assert seconds < 3


def test_octets_of_one_message() -> None:
    data = payloads.zipped({f"{i}": bytes(5000) for i in range(10)})
    found = listed(data, octets=20_000)
    assert [path for path, why in found if not why] == ["0", "1", "2", "3"]
    assert found[-1] == ("9", "more octets than are unpacked of one message")


def test_seconds() -> None:
    now = [10.0]
    spending = Budget(lambda: now[0], seconds=3)
    walk = members(payloads.zipped({"a": b"", "b": b""}), spending, "x.zip")
    assert next(walk).path == "x.zip/a"
    now[0] = 7.0
    assert [(one.path, one.unopened) for one in walk] == [("x.zip", "unpacking took longer than 3 s")]


def test_archives_that_others_made(corpora: Path) -> None:
    paths = sorted((corpora / "attach").rglob("*.zip")) + sorted((corpora / "attach" / "oletools").rglob("*.???[xm]"))
    archives = [path for path in paths if zipfile.is_zipfile(path)]
    assert len(archives) > 15
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            expected = archive.namelist()
        found = [one for one in members(path.read_bytes(), budget()) if one.names and one.path == one.names[0]]
        assert [one.path for one in found] == expected, path
