"""OOXML that is encrypted with Excel's default password ([MS-OFFCRYPTO] 2.3.4): it opens for everybody but scanners.

Excel tries that password before it asks. So it is tried here, and the document within is a member as any other.
"""

from __future__ import annotations

import hashlib
from struct import error as struct_error
from struct import pack, unpack_from

from mailscan.transfer import decode_base64
from mailscan.unpack.aes import cbc_decrypt
from mailscan.unpack.biff import DEFAULT_PASSWORD
from mailscan.unpack.budget import in_time
from mailscan.unpack.found import Unopened
from mailscan.unpack.tags import decoded, tags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from mailscan.unpack import Budget

_HASHES = ("sha1", "sha256", "sha384", "sha512", "md5")
_SEGMENT = 4096
_MOST_TURNS = 1_000_000
# 2.3.4.13: what is hashed behind the password for the verifier, its hash, and the key.
_INPUT, _VALUE, _KEY = (bytes.fromhex(one) for one in ("fea7d2763b4b9e79", "d7aa0f6d3061344e", "146e0be7abacd0d6"))


def opened(info: bytes, read: Callable[[int], bytes], budget: Budget) -> Callable[[int], bytes] | None:
    """How the package is read, if the default password opens it. `info` is `EncryptionInfo`; `read` reads as it is."""
    try:
        if unpack_from("<H", info, 2)[0] == 4 and unpack_from("<H", info)[0] == 4:
            return _agile(info[8:], read, budget)
        return _standard(info, read, budget)
    except (struct_error, ValueError, KeyError, IndexError):
        return None


def _standard(info: bytes, read: Callable[[int], bytes], budget: Budget) -> Callable[[int], bytes] | None:
    """2.3.4.5 to 2.3.4.9: AES in ECB mode, SHA-1."""
    size = unpack_from("<I", info, 8)[0]
    bits = unpack_from("<I", info, 12 + 16)[0]
    at = 12 + size + 4
    salt, verifier, digest = info[at : at + 16], info[at + 16 : at + 32], info[at + 36 : at + 68]
    if bits not in (128, 192, 256) or len(digest) < 32:
        return None
    found = hashlib.sha1(_turned("sha1", salt, 50_000, budget) + bytes(4), usedforsecurity=False).digest()
    key = b"".join(
        hashlib.sha1(bytes(a ^ b for a, b in zip(found.ljust(64, b"\0"), [pad] * 64, strict=True))).digest()
        for pad in (0x36, 0x5C)
    )[: bits // 8]
    if hashlib.sha1(_ecb_decrypt(key, verifier)).digest() != _ecb_decrypt(key, digest)[:20]:
        return None

    def plain(most: int) -> bytes:
        data = read(24 + most)
        size = min(most, unpack_from("<Q", data.ljust(8, b"\0"))[0])
        out = bytearray()
        for at in range(8, min(len(data), 8 + size), 65_536):
            in_time(budget, out)
            out += _ecb_decrypt(key, data[at : at + 65_536])
        return bytes(out[:size])

    return plain


def _octets(text: str) -> bytes:
    return decode_base64(text.encode("ascii", "replace"))


def _agile(xml: bytes, read: Callable[[int], bytes], budget: Budget) -> Callable[[int], bytes] | None:
    """2.3.4.10 to 2.3.4.15: AES in CBC mode, by segments; what is what stands in XML."""
    given = {tag.name: tag.attributes() for tag in tags(decoded(xml), budget, "keyData", "encryptedKey")}
    data, lock = given["keyData"], given["encryptedKey"]
    name, data_name = lock["hashAlgorithm"].lower().replace("-", ""), data["hashAlgorithm"].lower().replace("-", "")
    size = int(lock["keyBits"]) // 8
    salt, data_salt = _octets(lock["saltValue"]), _octets(data["saltValue"])
    modes = {lock["cipherAlgorithm"], data["cipherAlgorithm"], lock["cipherChaining"], data["cipherChaining"]}
    if name not in _HASHES or data_name not in _HASHES or size not in (16, 24, 32) or len(salt) != 16:
        return None
    if modes != {"AES", "ChainingModeCBC"}:
        return None
    turned = _turned(name, salt, min(int(lock["spinCount"]), _MOST_TURNS), budget)

    def unlocked(which: bytes, value: str) -> bytes:
        key = hashlib.new(name, turned + which).digest()[:size].ljust(size, b"\x36")
        return cbc_decrypt(key, salt, _octets(lock[value]))

    verifier = hashlib.new(name, unlocked(_INPUT, "encryptedVerifierHashInput")[:16]).digest()
    if unlocked(_VALUE, "encryptedVerifierHashValue")[: len(verifier)] != verifier:
        return None
    key = unlocked(_KEY, "encryptedKeyValue")[: int(data["keyBits"]) // 8]
    if len(key) not in (16, 24, 32):
        return None

    def plain(most: int) -> bytes:
        sealed = read(8 + most + _SEGMENT)
        size = min(most, unpack_from("<Q", sealed.ljust(8, b"\0"))[0])
        out = bytearray()
        for number, at in enumerate(range(8, min(len(sealed), 8 + size), _SEGMENT)):
            in_time(budget, out)
            first = hashlib.new(data_name, data_salt + pack("<I", number)).digest()[:16].ljust(16, b"\x36")
            out += cbc_decrypt(key, first, sealed[at : at + _SEGMENT])
        return bytes(out[:size])

    return plain


def _turned(name: str, salt: bytes, turns: int, budget: Budget) -> bytes:
    """The password, hashed as often as it takes."""
    new = getattr(hashlib, name)
    found: bytes = new(salt + DEFAULT_PASSWORD.encode("utf-16-le"), usedforsecurity=False).digest()
    for number in range(turns):
        found = new(number.to_bytes(4, "little") + found, usedforsecurity=False).digest()
        if not number & 4095 and budget.late():
            raise Unopened("encrypted: no time left to try the default password")
    return found


def _ecb_decrypt(key: bytes, data: bytes) -> bytes:
    """Blocks decrypted each by itself: what CBC adds is taken off again."""
    data = data[: len(data) // 16 * 16]
    chained = cbc_decrypt(key, bytes(16), data)
    before = (bytes(16) + data)[: len(data)]
    return (int.from_bytes(chained, "big") ^ int.from_bytes(before, "big")).to_bytes(len(data), "big")
