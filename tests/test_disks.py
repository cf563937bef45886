"""Disk images, which tell themselves far from their beginning."""

from __future__ import annotations

import payloads
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.filetype import by_first_octets, disks, needs_all

ISO = b"\0" * 0x8000 + b"\1CD001\1".ljust(2048, b"\0")
UDF = b"\0" * 0x8000 + b"\0BEA01\1".ljust(2048, b"\0") + b"\0NSR03\1".ljust(2048, b"\0")
FAT = (b"\xeb\x3c\x90MSDOS5.0\0\2".ljust(54, b"\0") + b"FAT16   ").ljust(510, b"\0") + b"\x55\xaa"
MBR = (b"\xfa\x33\xc0".ljust(446, b"\0") + b"\x80\1\1\0\x07\1\1\0\0\x08\0\0\0\x10\0\0").ljust(510, b"\0") + b"\x55\xaa"
EXT = (b"\0" * 0x418 + b"\2\0\0\0").ljust(0x438, b"\0") + b"\x53\xef\1\0\1\0".ljust(100, b"\0")
KOLY = b"koly\0\0\0\4".ljust(512, b"\0")
CONECTIX = b"conectix".ljust(512, b"\0")


def name(data: bytes) -> str:
    found = by_first_octets(data)
    return found.name if found else ""


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 50_000,
        b"\0" * 510 + b"\x55\xaa",
        b"\xeb\x3c\x90".ljust(510, b"\1") + b"\x55\xaa",
        b"\xff" * 510 + b"\x55\xaa",
        b"\0" * 0x438 + b"\x53\xef" + b"\xff" * 100,
        b"CD001" + b"\0" * 600,
        b"\0" * 20 + b"koly" + b"\0" * 600,
        b"\0" + b"\xff" * 10 + b"\0" * 600,
    ],
)
def test_look_alikes(data: bytes) -> None:
    assert name(data) == ""


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ISO, "iso"),
        (b"any text\n" * 3640 + b"filler\n\n" + ISO[0x8000:], "iso"),
        (UDF, "udf"),
        (ISO + UDF[0x8000:], "iso"),
        (FAT, "img"),
        (MBR, "img"),
        (EXT, "img"),
        (MBR + CONECTIX, "vhd"),
        (CONECTIX + b"\0" * 1024, "vhd"),
        (b"\1" * 600 + CONECTIX[:511], "vhd"),
        (b"x\xda" + b"\1" * 600 + KOLY, "dmg"),
        (b"BZh9" + b"\1" * 600 + KOLY, "dmg"),
        ((b"\0" + b"\xff" * 10 + b"\0").ljust(2352, b"\1") * 2, "cd-raw"),
    ],
)
def test_images(data: bytes, expected: str) -> None:
    assert name(data) == expected


def test_what_two_file_systems_have() -> None:
    assert disks.has_udf(ISO + UDF[0x8000:])
    assert not disks.has_udf(ISO)


def test_more_is_wanted_of_what_may_be_an_image() -> None:
    for data in (ISO, UDF, FAT, MBR):
        assert needs_all(data[:4096])
        assert len(data) <= disks.ENOUGH
    assert needs_all(b"x\xda" + b"\1" * 4094, ["a.DMG"])
    assert not needs_all(b"x\xda" + b"\1" * 4094, ["a.bin"])
    assert not needs_all(payloads.PNG)
    assert not needs_all(b"short", ["a.iso"])


@given(st.binary(max_size=1400))
def test_any_octets(data: bytes) -> None:
    boot = data.ljust(510, b"\0")[:510] + b"\x55\xaa" + data
    for octets in (data, boot):
        assert isinstance(disks.image(octets) + disks.trailer(octets) + disks.raw_cd(octets), str)
        assert disks.may_begin(octets) in (True, False)
