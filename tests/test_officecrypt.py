"""OOXML that Excel opens without asking: the document within is a member."""

from __future__ import annotations

import hashlib
import struct
from base64 import b64encode

import pytest
from compound import compound, patient, spent, taken_apart
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.aes import cbc_encrypt
from mailscan.unpack.found import ENCRYPTED_DOCUMENT, Unopened
from mailscan.unpack.officecrypt import opened
from mailscan.unpack.ole import open_ole

SALT, KEY, DOCUMENT = bytes(range(16)), bytes(range(32)), b"PK\3\4 a document " * 500


def agile(password: str = "VelvetSweatshop", turns: int = 3) -> dict[str, bytes]:
    """The streams of a document that is encrypted with AES-256 and SHA-512 ([MS-OFFCRYPTO] 2.3.4.10)."""
    turned = hashlib.sha512(SALT + password.encode("utf-16-le")).digest()
    for number in range(turns):
        turned = hashlib.sha512(struct.pack("<I", number) + turned).digest()

    def locked(block: str, data: bytes) -> str:
        key = hashlib.sha512(turned + bytes.fromhex(block)).digest()[:32]
        return b64encode(cbc_encrypt(key, SALT, data)).decode()

    how = 'keyBits="256" cipherAlgorithm="AES" cipherChaining="ChainingModeCBC" hashAlgorithm="SHA512"'
    salt = b64encode(SALT).decode()
    xml = f'<encryption><keyData {how} saltValue="{salt}"/><p:encryptedKey spinCount="{turns}" {how} saltValue="{salt}"'
    xml += f' encryptedVerifierHashInput="{locked("fea7d2763b4b9e79", SALT)}"'
    xml += f' encryptedVerifierHashValue="{locked("d7aa0f6d3061344e", hashlib.sha512(SALT).digest())}"'
    xml += f' encryptedKeyValue="{locked("146e0be7abacd0d6", KEY)}"/></encryption>'
    package = struct.pack("<Q", len(DOCUMENT))
    for number, at in enumerate(range(0, len(DOCUMENT), 4096)):
        first = hashlib.sha512(SALT + struct.pack("<I", number)).digest()[:16]
        piece = DOCUMENT[at : at + 4096]
        package += cbc_encrypt(KEY, first, piece.ljust(len(piece) + 15 & ~15, b"\0"))
    return {"EncryptionInfo": struct.pack("<HHI", 4, 4, 0x40) + xml.encode(), "EncryptedPackage": package}


def standard(password: str = "VelvetSweatshop") -> dict[str, bytes]:
    """The same with AES-128 and SHA-1 (2.3.4.5)."""
    found = hashlib.sha1(SALT + password.encode("utf-16-le")).digest()
    for number in range(50_000):
        found = hashlib.sha1(struct.pack("<I", number) + found).digest()
    found = hashlib.sha1(found + bytes(4)).digest()
    key = hashlib.sha1(bytes(a ^ 0x36 for a in found.ljust(64, b"\0"))).digest()[:16]

    def sealed(data: bytes) -> bytes:
        return b"".join(cbc_encrypt(key, bytes(16), data[at : at + 16]) for at in range(0, len(data), 16))

    header = struct.pack("<8I", 0x24, 0, 0x660E, 0x8004, 128, 0x18, 0, 0) + "AES\0".encode("utf-16-le")
    verifier = struct.pack("<I", 16) + SALT + sealed(b"v" * 16)
    verifier += struct.pack("<I", 20) + sealed(hashlib.sha1(b"v" * 16).digest().ljust(32, b"\0"))
    info = struct.pack("<HHII", 3, 2, 0x24, len(header)) + header + verifier
    body = DOCUMENT.ljust(len(DOCUMENT) + 15 & ~15, b"\0")
    return {"EncryptionInfo": info, "EncryptedPackage": struct.pack("<Q", len(DOCUMENT)) + sealed(body)}


@pytest.mark.parametrize("streams", [agile("secret"), standard("secret")])
def test_what_needs_a_password_has_no_members(streams: dict[str, bytes]) -> None:
    assert taken_apart(open_ole, compound(streams)) == ([], [(ENCRYPTED_DOCUMENT, "an encrypted document")])


@pytest.mark.parametrize("streams", [agile(), standard()])
def test_what_excel_opens_without_asking_is_opened_and_said(streams: dict[str, bytes]) -> None:
    members, ((group, text),) = taken_apart(open_ole, compound(streams))
    assert members == [((), DOCUMENT)]
    assert group == ENCRYPTED_DOCUMENT and "VelvetSweatshop" in text


def test_no_time_left_is_said() -> None:
    with pytest.raises(Unopened):
        opened(agile()["EncryptionInfo"], lambda most: b"", spent())


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([agile()]),
    st.lists(st.tuples(st.integers(0, 1500), st.binary(min_size=1, max_size=4)), min_size=1, max_size=5),
    st.binary(max_size=100),
)
def test_no_octets_make_it_raise_anything_else(
    streams: dict[str, bytes], changes: list[tuple[int, bytes]], package: bytes
) -> None:
    info = bytearray(streams["EncryptionInfo"])
    for at, octets in changes:
        info[at : at + len(octets)] = octets
    read = opened(bytes(info), lambda most: package[:most], patient())
    if read is not None:
        assert len(read(50)) <= 50
