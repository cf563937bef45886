"""Archives: the same members as `zipfile` where it can read them, and an end to everything."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from pathlib import Path

import payloads
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mailscan import filetype
from mailscan.unpack import Budget, Member, Told, Walk
from mailscan.unpack.zips import holds_zip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Seen:
    """A member, or what was told of a container, in one form: `names` is empty of the latter."""

    def __init__(self, one: Member | Told) -> None:
        self.path = one.path
        self.names = one.names if isinstance(one, Member) else ()
        self.head = one.head if isinstance(one, Member) else b""
        self.unopened = one.text if isinstance(one, Told) else str(one.fault or "")
        self.data = one.data if isinstance(one, Member) else lambda: b""


def members(data: bytes, spending: Budget, kind: filetype.Kind | None = None) -> Iterator[Seen]:
    """All in a file; a fault is said once, with its member or behind it."""
    last = None
    for one in Walk(spending, filetype.kind).inside(data, kind or filetype.kind(data)):
        seen = Seen(one)
        if last is None or seen.names or (seen.path, seen.unopened) != (last.path, last.unopened):
            yield seen
        last = seen


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


def test_a_stored_archive_inside_is_listed_once() -> None:
    inner = payloads.zipped({"b": b"b" * 99, "c": payloads.zipped({"d": b"d"}, zipfile.ZIP_STORED)}, zipfile.ZIP_STORED)
    paths = ["a.zip", "a.zip/b", "a.zip/c", "a.zip/c/d", "z"]
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        data = payloads.zipped({"a.zip": inner, "z": b"z"}, method)
        assert listed(data) == [(path, "") for path in paths]
        # By local headers alone too, where the inner archive's directory may be taken for the lost one.
        assert {path for path, _ in listed(data[: data.rfind(b"PK\1\2")])} >= set(paths)


def test_octets_that_deflate_leaves_alone_are_not_members_twice() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        inner = payloads.zipped({"x": b"x", "y": b"y"}, zipfile.ZIP_STORED)
        archive.writestr("a.docx", inner, zipfile.ZIP_DEFLATED, 0)
        archive.writestr("z", b"z")
    assert buffer.getvalue().count(b"PK\3\4") == 4
    assert listed(buffer.getvalue()) == [("a.docx", ""), ("a.docx/x", ""), ("a.docx/y", ""), ("z", "")]


# --- members that one reader finds and another does not

EMPTY_END = b"PK\5\6" + b"\0" * 18
INNOCENT = payloads.zipped({"readme.txt": b"read me\n"})
HIDDEN = payloads.zipped({"setup.exe": payloads.PE})


def commented(archive: bytes, comment: bytes) -> bytes:
    return archive[:-2] + len(comment).to_bytes(2, "little") + comment


def unlisted(archive: bytes, added: bytes) -> bytes:
    """The archive with the local entries of another put between its own and its directory, which does not list them."""
    directory, end = archive.find(b"PK\1\2"), archive.rfind(b"PK\5\6")
    entries = added[: added.find(b"PK\1\2")]
    offset = (directory + len(entries)).to_bytes(4, "little")
    return archive[:directory] + entries + archive[directory : end + 16] + offset + archive[end + 20 :]


def two_directories() -> bytes:
    """Two archives' members and directories: the first is found by its offset, the second by its size."""
    first, second = INNOCENT, HIDDEN
    at, end = first.find(b"PK\1\2"), first.rfind(b"PK\5\6")
    other, other_end = second.find(b"PK\1\2"), second.rfind(b"PK\5\6")
    moved = bytearray(second[other:other_end])
    moved[42:46] = end.to_bytes(4, "little")
    tail = second[other_end : other_end + 16] + at.to_bytes(4, "little") + b"\0\0"
    return first[:end] + second[:other] + bytes(moved) + tail


@pytest.mark.parametrize("before", [b"", payloads.PNG])
@pytest.mark.parametrize(
    "data",
    [
        HIDDEN + EMPTY_END,
        HIDDEN + EMPTY_END * 50,
        commented(HIDDEN, EMPTY_END),
        commented(HIDDEN, EMPTY_END + b"!"),
        commented(HIDDEN, INNOCENT),
        HIDDEN + INNOCENT,
        INNOCENT + HIDDEN,
        unlisted(INNOCENT, HIDDEN),
        unlisted(unlisted(INNOCENT, HIDDEN), INNOCENT),
        two_directories(),
        payloads.zipped({"readme.txt": HIDDEN + INNOCENT}, zipfile.ZIP_STORED),
        payloads.zipped({"readme.txt": payloads.PNG + HIDDEN}, zipfile.ZIP_STORED),
    ],
)
def test_what_any_reader_may_find_is_found(data: bytes, before: bytes) -> None:
    assert holds_zip(before + data)
    heads = [(one.path.rpartition("/")[2], one.head) for one in members(before + data, budget()) if one.names]
    assert heads.count(("setup.exe", payloads.PE)) == 1
    assert sum(path == "readme.txt" for path, _ in heads) <= 2


def test_the_names_of_directory_and_local_header_both_count() -> None:
    local, central = HIDDEN.replace(b"setup.exe", b"setup.doc", 1), HIDDEN.replace(b"setup.exe", b"setup.doc")
    (member,) = members(local, budget())
    assert member.names == ("setup.exe", "setup.doc")
    (member,) = members(central[:39].replace(b".doc", b".exe") + central[39:], budget())
    assert member.names == ("setup.doc", "setup.exe")


def test_a_member_that_is_packed_in_two_ways_is_two() -> None:
    # Encrypted for who reads the directory, plain for who does not; and the other way round.
    at = HIDDEN.find(b"PK\1\2")
    for flags in (6, at + 8):
        data = HIDDEN[:flags] + b"\1" + HIDDEN[flags + 1 :]
        found = list(members(data, budget()))
        assert sorted(one.unopened for one in found) == ["", "encrypted"]
        assert [one.head for one in found if not one.unopened] == [payloads.PE]


def test_a_size_that_swallows_the_next_entry() -> None:
    # The directory has one stored member; its local header says less, and what follows is the next.
    inside = b"text\n" + HIDDEN[: HIDDEN.find(b"PK\1\2")]
    data = bytearray(payloads.zipped({"a": inside}, zipfile.ZIP_STORED))
    data[18:26] = b"\5\0\0\0\5\0\0\0"
    assert listed(bytes(data)) == [("a", ""), ("a", ""), ("setup.exe", "")]


def test_more_directories_than_are_read_are_told() -> None:
    found = listed(HIDDEN + EMPTY_END * 1000)
    assert ("", "more directories than are read") in found
    assert ("setup.exe", "") in found


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
    assume(not before.endswith(b"PK\6\7"))  # which zipfile takes for a locator of ZIP64
    assume(filetype.by_first_octets(before.ljust(600, b"x")) is None)  # else it is opened as that, too
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


def test_an_archive_inside_with_something_before_it() -> None:
    inner = b"x" + payloads.zipped({"setup.exe": payloads.PE})
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        assert listed(payloads.zipped({"a.zip": inner}, method)) == [("a.zip", ""), ("a.zip/setup.exe", "")]
    assert listed(payloads.zipped({"a.zip": b"no archive\n"})) == [("a.zip", "")]


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
    data = payloads.zipped({"a": b"aaaa"}).replace(b"\x08\0", b"\x61\0")
    assert listed(data) == [("a", "packed by method 97, which is not opened")]


def test_other_archives_inside() -> None:
    (member, (path, why)) = listed(payloads.zipped({"x": b"Rar!\x1a\x07\x00"}))
    assert member == ("x", "")
    assert path == "x" and why


def test_cut_off() -> None:
    data = payloads.zipped({"a.exe": payloads.PE * 9, "b.exe": payloads.PE})
    directory = data.find(b"PK\1\2")
    why = "its directory is damaged or cut off: read without it"
    assert listed(data[:directory]) == [("", why), ("a.exe", ""), ("b.exe", "")]
    # Into the directory, its second entry; and a directory that claims more than there is.
    second = data.find(b"PK\1\2", directory + 4)
    torn = data[:second] + b"XX" + data[second + 2 :]
    assert listed(torn) == [("a.exe", ""), ("", why), ("b.exe", "")]


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


def spent(data: bytes, **limits: int | float) -> tuple[list[Seen], float]:
    """(what is found, the seconds of processor time that it took)"""
    began = time.process_time()
    found = list(members(data, budget(**limits), filetype.ZIP))
    return found, time.process_time() - began


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
    assert found[-1].unopened == "containers more than 16 deep in each other"
    assert len(found) == 17
    assert seconds < 1


def test_the_same_octets_under_many_names() -> None:
    # As Fifield's bombs: 50,000 directory entries for one member.
    data = payloads.zipped({"a": b"a" * 4000})
    directory, end = data.find(b"PK\1\2"), data.find(b"PK\5\6")
    record = data[directory : directory + 28] + b"\5" + data[directory + 29 : end - 1]
    entry = b"".join(record + b"%05d" % i for i in range(50_000))
    size = len(entry).to_bytes(4, "little")
    found, seconds = spent(data[:directory] + entry + b"PK\5\6\0\0\0\0\xff\xff\xff\xff" + size + data[end + 16 :])
    assert found[-1].unopened in ("more members than are looked at of one message", "unpacking took longer than 3 s")
    # Beyond the limits there are names, and no octets.
    assert 1_000 < sum(bool(one.head) or not one.names for one in found) <= 10_002
    assert len(found) <= 50_002
    assert seconds < 3.5


@pytest.mark.parametrize(
    "data",
    [
        b"PK\3\4" * 2_000_000,
        b"PK\3\4\xe2\x82\xac" * 50_000,
        b"PK\5\6" * 2_000_000,
        b"PK\1\2" * 2_000_000 + b"PK\5\6" + b"\xff" * 8 + bytes(10),
        (b"PK\6\7" + bytes(16) + EMPTY_END) * 200_000,
        (b"PK\3\4".ljust(26, b"\0") + b"\xff\xff\0\0") * 300_000,
        payloads.zipped({"a": b""}) * 50_000,
        payloads.zipped({f"{i}": payloads.zipped({}) for i in range(3000)}, zipfile.ZIP_STORED) * 20,
    ],
    ids=["local", "names that are no ASCII", "ends", "central", "zip64", "long names", "archives", "nested"],
)
def test_signatures_without_end(data: bytes) -> None:
    found, seconds = spent(data)
    assert any(one.unopened for one in found)
    # Beyond the limits there are names, and no octets.
    assert sum(bool(one.head) or not one.names for one in found) < 20_300
    assert len(found) < 120_300
    assert seconds < 4


def test_octets_of_one_message() -> None:
    data = payloads.zipped({f"{i}": b"x\1" * 2500 for i in range(10)})
    found = listed(data, octets=20_000)
    assert [path for path, why in found if not why] == ["0", "1", "2", "3"]
    assert found[-1] == ("9", "more octets than are unpacked of one message")


def test_seconds() -> None:
    now = [10.0]
    spending = Budget(lambda: now[0], seconds=3)
    walk = members(payloads.zipped({"a": b"", "b": b""}), spending)
    assert next(walk).path == "a"
    now[0] = 7.0
    assert [(one.path, one.unopened) for one in walk] == [("", "unpacking took longer than 3 s")]


def test_archives_that_others_made(corpora: Path) -> None:
    paths = sorted((corpora / "attach").rglob("*.zip")) + sorted((corpora / "attach" / "oletools").rglob("*.???[xm]"))
    archives = [path for path in paths if zipfile.is_zipfile(path)]
    assert len(archives) > 15
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            expected = archive.namelist()
        found = [one for one in members(path.read_bytes(), budget()) if one.names and one.path == one.names[0]]
        assert [one.path for one in found] == expected, path
