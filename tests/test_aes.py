"""AES as FIPS 197 and SP 800-38A have it."""

from __future__ import annotations

import pytest

from mailscan.unpack.aes import cbc_decrypt, cbc_encrypt
from mailscan.unpack.rc4 import RC4, rc4


# FIPS 197 appendix C
@pytest.mark.parametrize(
    "size, sealed",
    [
        (16, "69c4e0d86a7b0430d8cdb78070b4c55a"),
        (24, "dda97ca4864cdfe06eaf70a0ec0d7191"),
        (32, "8ea2b7ca516745bfeafc49904b496089"),
    ],
)
def test_one_block(size: int, sealed: str) -> None:
    key, plain = bytes(range(size)), bytes.fromhex("00112233445566778899aabbccddeeff")
    assert cbc_encrypt(key, bytes(16), plain).hex() == sealed
    assert cbc_decrypt(key, bytes(16), bytes.fromhex(sealed)) == plain


def test_blocks_depend_on_those_before() -> None:
    # SP 800-38A F.2.1
    key, first = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"), bytes(range(16))
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
    sealed = bytes.fromhex("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2")
    assert cbc_encrypt(key, first, plain) == sealed
    assert cbc_decrypt(key, first, sealed) == plain
    assert cbc_decrypt(key, sealed[:16], sealed[16:]) == plain[16:]


def test_rc4() -> None:
    # RFC 6229 has no plain text; these are the cipher's own well-known examples.
    assert rc4(b"Key", b"Plaintext").hex() == "bbf316e8d940af0ad3"
    pieces = RC4(b"Wiki")
    assert (pieces.update(b"pe") + pieces.update(b"dia")).hex() == "1021bf0420"
