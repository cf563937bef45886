"""S/MIME: what is signed and carried inside is looked into; a signature beside its mail is left alone."""

from __future__ import annotations

import time

import payloads
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.unpack import Budget
from mailscan.unpack.cms import open_cms
from mailscan.unpack.found import Found, Remark, Unopened

DATA = bytes.fromhex("06092a864886f70d010701")
SIGNED = bytes.fromhex("06092a864886f70d010702")
ENVELOPED = bytes.fromhex("06092a864886f70d010703")


def der(tag: int, contents: bytes) -> bytes:
    size = len(contents)
    length = bytes([size]) if size < 128 else b"\x83" + size.to_bytes(3, "big")
    return bytes([tag]) + length + contents


def signed(content: bytes) -> bytes:
    inner = der(0x30, b"\x02\x01\x01" + der(0x31, b"") + der(0x30, DATA + content))
    return der(0x30, SIGNED + der(0xA0, inner))


def opened(data: bytes) -> list[bytes | str]:
    end = time.monotonic() + 60
    found = open_cms(data, Budget(lambda: end - time.monotonic()))
    return [one.text if isinstance(one, Remark) else one.read(1 << 20) for one in found]


def test_a_signature_beside_its_mail_is_no_container() -> None:
    assert opened(signed(b"")) == []
    assert opened(b"") == []


@pytest.mark.parametrize("size", [10, 100, 100_000])
def test_content_in_one_piece(size: int) -> None:
    assert opened(signed(der(0xA0, der(0x04, b"x" * size)))) == [b"x" * size]


def test_content_in_pieces_whose_end_is_marked() -> None:
    pieces = der(0x04, b"one ") + der(0x04, b"two") + b"\0\0"
    streamed = b"\xa0\x80\x24\x80" + pieces + b"\0\0"
    assert opened(b"\x30\x80" + SIGNED + b"\xa0\x80\x30\x80\x02\x01\x01\x31\0\x30\x80" + DATA + streamed) == [
        b"one two"
    ]


def test_what_is_encrypted_is_told() -> None:
    (told,) = opened(der(0x30, ENVELOPED + der(0xA0, b"x" * 100)))
    assert "encrypted S/MIME" in str(told)


def test_a_program_in_signed_mail_is_found() -> None:
    from test_attachments import codes

    inner = payloads.carrying((payloads.PE, "application/octet-stream", "a.bin")).as_bytes()
    outer = payloads.carrying((signed(der(0xA0, der(0x04, inner))), "application/pkcs7-mime", "smime.p7m"))
    assert codes(outer) == ["attachments.executable"]


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_octets(before: bytes, behind: bytes) -> None:
    end = time.monotonic() + 60
    try:
        for one in open_cms(before + DATA + behind, Budget(lambda: end - time.monotonic())):
            assert not isinstance(one, Found) or isinstance(one.read(10), bytes)
    except Unopened:
        pass
