"""Archives whose signature is weak, and what only looks like them."""

from __future__ import annotations

import binascii
import io
import lzma
import tarfile

import payloads
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.filetype import TEXT, by_first_octets, kind, packed


def name(data: bytes) -> str:
    found = by_first_octets(data)
    return found.name if found else ""


def old_tar() -> bytes:
    """A tar archive of the time before ustar: its header says nothing but the checksum."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("a.txt"))
    header = bytearray(archive.getvalue())
    header[257:265] = b"\0" * 8
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return bytes(header)


MACBINARY = bytearray(256)
MACBINARY[1:6] = b"\4name"
MACBINARY[122] = 129
MACBINARY[124:126] = binascii.crc_hqx(bytes(MACBINARY[:124]), 0).to_bytes(2, "big")
LHA = bytes.fromhex("2200") + b"-lh5-" + b"\x10\0\0\0\x20\0\0\0" + b"\0" * 4 + b" \0\5a.txt\0\0".ljust(40, b"\0")
ARJ = bytes.fromhex("60ea 2a00 1e 0b 01 00 00 00 02").ljust(60, b"\0")
FRAME = b"\x50\x2a\x4d\x18\4\0\0\0abcd"
NEWC = b"070701" + b"0" * 104 + b"TRAILER!!!\0"


# --- what is none


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 600,
        b"\x60\xea" + b"\xff" * 100,
        b"ab-lh5- is a method of LHA\0",
        b"\x50\x2a\x4d",
        b"\x5d\0\0\0",
        b"\x5d\0\0\x80\0" + b"\xff" * 8 + b"\1" * 20,
        b"\xc7\x71" + b"\0" * 40,
        b"\x71\xc7" + b"\xff" * 40,
        b"BM" + b"\xff" * 40,
        b"\x30\x82\xff",
        b"\x30\x80",
        bytes(MACBINARY[:124]) + b"\1\1" + bytes(130),
        old_tar().replace(b"a.txt", b"b.txt"),
    ],
)
def test_look_alikes(data: bytes) -> None:
    assert name(data) == ""


@pytest.mark.parametrize(
    "text", [b"070707 is a date\n", b"07070112 is a number, and a long one follows\n" * 9, b"ab-lh5- is a method\n" * 9]
)
def test_text_is_none(text: bytes) -> None:
    assert kind(text) is TEXT


def test_chance_is_no_lzma() -> None:
    import random

    chance = random.Random(2)
    assert sum(packed.weak(chance.randbytes(600)) == "lzma" for _ in range(20_000)) == 0


# --- what is one


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (LHA, "lha"),
        (LHA.replace(b"-lh5-", b"-pm2-"), "lha"),
        (ARJ, "arj"),
        (NEWC, "cpio"),
        (b"070707" + b"0" * 70 + b"TRAILER!!!\0", "cpio"),
        (bytes.fromhex("c771 0000 0000 a481") + b"\0" * 12 + b"\2\0" + b"\0" * 10, "cpio"),
        (bytes.fromhex("71c7 0000 0000 81a4") + b"\0" * 12 + b"\0\2" + b"\0" * 10, "cpio"),
        (lzma.compress(b"x" * 100, lzma.FORMAT_ALONE), "lzma"),
        (FRAME * 3 + b"\x28\xb5\x2f\xfd", "zstd"),
        (FRAME + b"\x04\x22\x4d\x18", "lz4"),
        (old_tar(), "tar"),
        (bytes(MACBINARY), "macbinary"),
        (b"BM\0\0\0\0\0\0\0\0\x36", "bmp"),
        (b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80", "pkcs7"),
        (b"\x30\x82\x00\x10\x30\x82" + b"\0" * 14, "der"),
        (b"\0junk\0%PDF-1.4\n1 0 obj\n<<>>\nendobj\n", "pdf"),
        (b"HTTP/1.1 200 OK\n\n%PDF-1.4\n1 0 obj\n<<>>\nendobj\n", "pdf"),
    ],
)
def test_what_is_one(data: bytes, expected: str) -> None:
    assert name(data) == expected


def test_text_about_pdf_is_none() -> None:
    assert not packed.late_pdf(b"A document begins with %PDF-1.4\n")
    assert not packed.late_pdf(b"A document begins with %PDF-x and has endobj\n")
    assert not packed.late_pdf(b"x" * 1100 + b"%PDF-1.4\nendobj")


def test_a_program_that_ends_as_an_image_is_a_program() -> None:
    assert name(payloads.PE + b"koly".ljust(512, b"\0")) == "pe"


@given(st.binary(max_size=700))
def test_any_octets(data: bytes) -> None:
    for look in (packed.bmp, packed.der, packed.arj, packed.lha, packed.cpio, packed.weak):
        for first in (b"\x30\x82", b"070701", b"\xc7\x71", FRAME, b"\x60\xea"):
            assert isinstance(look(first + data), str)
