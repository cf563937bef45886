"""Octets that begin as programs do."""

from __future__ import annotations

import payloads
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.filetype import programs


def test_text_is_none() -> None:
    assert programs.mz(b"MZ is a signature, and this is text of more than 28 octets\n") == ""
    assert programs.swf(b"CWS\tcolumns\tof\ta\ttable\n") == ""


@pytest.mark.parametrize(
    ("look", "data", "name"),
    [
        (programs.mz, b"MZ" + b"\0" * 300, "not-mz"),
        (programs.mz, payloads.PE, "pe"),
        (programs.mz, payloads.NE, "ne"),
        (programs.mz, payloads.DOS, "mz"),
        (programs.elf, payloads.ELF_OBJECT, "elf-object"),
        (programs.elf, payloads.ELF, "elf"),
        (programs.elf, payloads.ELF_BIG_ENDIAN, "elf"),
        (programs.elf, b"\x7fELF" + b"\xff" * 60, ""),
        (programs.cafebabe, payloads.UNIVERSAL, "mach-o"),
        (programs.cafebabe, payloads.JAVA_CLASS, "java-class"),
        (programs.cafebabe, b"\xca\xfe\xba\xbe" + b"\xff" * 60, ""),
        (programs.ole, payloads.ole(), "ole"),
        (programs.ole, payloads.MSI, "msi"),
        (programs.swf, b"CWS\x0a\0\1\0\0\x78\xda", "swf"),
        (programs.swf, b"CWS\xff\0\1\0\0\x78\xda", ""),
        (programs.biff, bytes.fromhex("0900040002001000"), "biff"),
        (programs.biff, bytes.fromhex("0900040002004000"), "biff-macros"),
        (programs.biff, bytes.fromhex("090004000200ffff"), ""),
    ],
)
def test_looks(look: object, data: bytes, name: str) -> None:
    assert callable(look)
    assert look(data) == name


@given(st.binary(max_size=200))
def test_any_octets(data: bytes) -> None:
    for look in (programs.mz, programs.elf, programs.cafebabe, programs.ole, programs.swf, programs.biff):
        for first in (b"", b"MZ", b"\x7fELF\1\1", b"\xca\xfe\xba\xbe", b"FWS"):
            assert isinstance(look(first + data), str)
