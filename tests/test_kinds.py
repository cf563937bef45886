"""The table of first octets."""

from __future__ import annotations

import binascii
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan import filetype
from mailscan.filetype import also, by_first_octets, kind, may_begin
from mailscan.filetype.kinds import KINDS, LOOKS, TABLE

GROUPS = {
    "",
    "executables",
    "scripts",
    "shortcuts",
    "macros",
    "disk-images",
    "archives",
    "documents",
    "links",
    "source",
}
# What mail programs attach all day, and nobody may refuse for its content.
INNOCENT = {
    "pdf", "png", "jpeg", "gif", "tiff", "riff", "mp3", "mp4", "pkcs7", "der", "font", "text", "html", "svg", "url",
    "docx", "xlsx", "pptx", "odf", "epub", "ole", "rtf", "appledouble", "postscript", "script-unix",
}  # fmt: skip


def test_innocent_kinds_are_in_no_group_that_is_refused() -> None:
    assert {KINDS[name].group for name in INNOCENT} <= {"", "documents", "links", "source"}


def test_chance_is_no_kind_that_is_refused() -> None:
    # Two octets are a weak sign: what has no more must be looked at further.
    chance = random.Random(1)
    wrong = []
    for first in range(65_536):
        data = first.to_bytes(2, "big") + chance.randbytes(300)
        found = by_first_octets(data)
        if found is not None and found.group not in ("", "documents") and found.name not in ("compress", "lzma"):
            wrong.append((data[:8], found.name))
    assert wrong == []


@pytest.mark.parametrize(
    "text", [b"BMW", b"PK is his name\n", b"07 May\n", b"070707 is a date\n", b"FWS and CWS\n", b"ISc"]
)
def test_text_that_begins_like_a_row(text: bytes) -> None:
    assert kind(text) == filetype.TEXT


def test_every_row_is_sound() -> None:
    named: set[str] = set()
    for octets, at, name, text, group in TABLE:
        assert group in GROUPS, name
        assert at == 0 or octets, name
        assert len(octets) != 1, name
        # The first row of a kind says what it is, and the others say nothing else.
        assert bool(text) == (name not in named), name
        assert KINDS[name].group == group, name
        named.add(name)
    assert set(LOOKS) <= named


def test_every_row_is_found() -> None:
    # Two rows of the same octets, or one that is the beginning of another, would hide the later one.
    rows = [(octets, at, name) for octets, at, name, _, _ in TABLE if octets]
    for number, (octets, at, name) in enumerate(rows):
        for earlier, place, other in rows[:number]:
            assert place != at or not octets.startswith(earlier), (name, other)
        if name not in LOOKS:
            found = by_first_octets(b"\1" * at + octets + b"\1\0" * 20)
            assert found is KINDS[name]


def test_the_first_two_octets_are_known_without_the_table() -> None:
    begin = {octets[:2] for octets, at, _, _, group in TABLE if octets and not at and group}
    assert begin == filetype._BEGINNINGS
    assert may_begin(b"MZ")
    assert not may_begin(b"GI")
    assert not may_begin(b"He")


def test_shared_kinds_are_the_same_objects() -> None:
    assert KINDS["zip"] is filetype.ZIP
    assert KINDS["text"] is filetype.TEXT


@given(st.sampled_from([row[0] for row in TABLE if not row[1]]), st.binary(max_size=1200))
def test_any_octets(first: bytes, rest: bytes) -> None:
    for data in (first + rest, rest + first, rest):
        found = by_first_octets(data)
        assert found is None or found is KINDS[found.name]


def test_what_else_the_same_octets_are() -> None:
    filler = b"GIF89a" + b"\0" * 0x7FFA
    image = filler + b"\1CD001\1".ljust(2048, b"\0") + b"\0NSR03\1".ljust(2048, b"\0")
    assert [one.name for one in also(image)] == ["iso", "udf"]
    assert [one.name for one in also(b"\0" * 600 + b"koly".ljust(512, b"\0"))] == ["dmg"]
    assert [one.name for one in also(b"GIF89a\n%PDF-1.7\n1 0 obj\nendobj\n")] == ["pdf"]
    assert also(b"GIF89a" + b"\0" * 50_000) == ()
    assert also(b"") == ()


# --- what others made

ENDINGS = {
    "tbz": "bzip2", "tgz": "gzip", "gz": "gzip", "lz4": "lz4", "lzo": "lzop", "z": "compress", "tar": "tar",
    "txz": "xz", "zip": "zip", "zipx": "zip", "zst": "zstd", "lzh": "lha", "rar": "rar", "grz": "grzip", "7z": "7z",
    "cab": "cab", "cpio": "cpio", "rpm": "rpm", "exe": "pe", "mtree": "text",
}  # fmt: skip
# .tlz is either; a ZIP archive behind something else begins as that; of a split archive only the first piece is one.
OTHERWISE = {
    "test_compat_lzip_1.tlz": "lzip", "test_compat_lzip_2.tlz": "lzip", "test_compat_lzma_1.tlz": "lzma",
    "test_compat_lzma_2.tlz": "lzma", "test_read_format_zip_padded1.zip": "", "test_read_format_zip_sfx": "",
    "test_read_large_splitted_rar_ad": "", "test_read_large_splitted_rar_ae": "", "test_read_splitted_rar_ab": "",
    "test_splitted_rar_seek_support_ab": "text", "test_read_format_raw.data": "text",
}  # fmt: skip


def unwrapped(text: bytes) -> bytes:
    """What stands between `begin` and `end`."""
    lines = text.partition(b"begin ")[2].split(b"\n")[1:]
    whole = []
    for line in lines[: lines.index(b"end")] if b"end" in lines else lines:
        length = (line[0] - 32) & 63 if line else 0
        whole.append(binascii.a2b_uu(line[: 1 + (length + 2) // 3 * 4]) if length else b"")
    return b"".join(whole)


def test_archives_that_others_made(corpora: Path) -> None:
    wrong = {}
    paths = sorted((corpora / "attach" / "libarchive-uu").glob("*.uu"))
    assert len(paths) > 100
    for path in paths:
        data = unwrapped(path.read_bytes())
        found = by_first_octets(data)
        told = found.name if found else "text" if filetype.is_text(data) else ""
        expected = OTHERWISE.get(path.stem, ENDINGS.get(path.stem.lower().rpartition(".")[2], "?"))
        if told != expected:
            wrong[path.stem] = told
    assert wrong == {}


def test_files_of_every_kind(corpora: Path) -> None:
    # file(1)'s own tests: hardly any is of a kind that is refused or opened, and these are.
    expected = {"arj": "arj", "ext4": "img", "escapevel": "zip", "gpkg-1-zst": "tar", "issue311docx": "zip"}
    expected |= {"issue359xlsx": "zip"}
    told = {}
    for path in sorted((corpora / "attach" / "file-tests").glob("*.testfile")):
        found = by_first_octets(path.read_bytes())
        if found is not None and found.group and found.group != "documents" and not path.stem.startswith("zstd"):
            told[path.stem] = found.name
    assert told == expected
