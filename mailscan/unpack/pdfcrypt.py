"""Encryption of PDF (ISO 32000-2 7.6): whether a document opens without a password, and then how it is decrypted.

Most encrypted documents in mail have a password for the owner only: everybody reads them, and what is forbidden is
printing or copying. Such are not called encrypted. So the empty password is tried as every reader does it.
"""

from __future__ import annotations

import hashlib
from struct import pack

from mailscan.unpack.aes import cbc_decrypt, cbc_encrypt
from mailscan.unpack.found import ENCRYPTED_DOCUMENT, Unopened
from mailscan.unpack.rc4 import RC4, rc4

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mailscan.unpack import Budget

_PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")


class Lock:
    """How a document is encrypted, by its dictionary; `key` is b"" where a password is needed, `why` says more."""

    __slots__ = ("key", "why", "_method", "_strings")

    def __init__(self, given: dict[str, Any], identifier: bytes, budget: Budget) -> None:
        self._method = _method(given, "StmF")
        self._strings = _method(given, "StrF")
        self.key = b""
        self.why = "an encrypted PDF document"
        if given.get("Filter", "Standard") != "Standard":
            self.why = f"a PDF document encrypted by {str(given.get('Filter'))[:50]}"
            return
        revision = given.get("R")
        owner, user = (one if isinstance(one, bytes) else b"" for one in (given.get("O"), given.get("U")))
        if revision in (2, 3, 4):
            self.key = _old_key(given, owner, user, identifier)
        elif revision in (5, 6) and len(user) >= 48:
            self.key = _new_key(given, user, revision == 6, budget)

    def stage(self, number: int, generation: int) -> Callable[[Iterator[bytes]], Iterator[bytes]] | None:
        """What decrypts the pieces of a stream of this object (7.6.3.1, 7.6.3.2); None if they are not encrypted."""
        return _stage(self._method, self.key, number, generation)

    def string(self, octets: bytes, number: int, generation: int) -> bytes:
        """A string of this object, decrypted."""
        stage = _stage(self._strings, self.key, number, generation)
        if stage is None:
            return octets
        try:
            return b"".join(stage(iter((octets,))))
        except Unopened:
            return octets


def _stage(
    method: str, key: bytes, number: int, generation: int
) -> Callable[[Iterator[bytes]], Iterator[bytes]] | None:
    if method in ("Identity", "None"):
        return None
    if not key:
        return _closed
    if method != "AESV3":
        salt = b"sAlT" if method == "AESV2" else b""
        digest = _md5(key + pack("<I", number & 0xFFFFFF)[:3] + pack("<I", generation & 0xFFFF)[:2] + salt)
        key = digest[: min(16, len(key) + 5)]
    if method == "V2":
        return lambda pieces: map(RC4(key).update, pieces)
    return lambda pieces: _aes(pieces, key)


def _closed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    raise Unopened("encrypted", ENCRYPTED_DOCUMENT)
    yield from pieces


def _aes(pieces: Iterator[bytes], key: bytes) -> Iterator[bytes]:
    """The first block is the initialization vector; the last octet says how many are padding."""
    before = left = held = b""
    for piece in pieces:
        left += piece
        if not before:
            if len(left) < 16:
                continue
            before, left = left[:16], left[16:]
        size = len(left) // 16 * 16
        if size:
            yield held
            held = cbc_decrypt(key, before, left[:size])
            before, left = left[size - 16 : size], left[size:]
    padding = held[-1] if held and held[-1] <= 16 else 0
    yield held[: len(held) - padding]


def _method(given: dict[str, Any], which: str) -> str:
    """The method of streams or strings: V2 (RC4), AESV2, AESV3, Identity (table 20, 25)."""
    version = given.get("V")
    if version not in (4, 5):
        return "V2"
    name = given.get(which, "Identity")
    filters = given.get("CF")
    chosen = filters.get(name) if isinstance(filters, dict) else None
    return str(chosen.get("CFM", "None")) if isinstance(chosen, dict) else "Identity"


def _old_key(given: dict[str, Any], owner: bytes, user: bytes, identifier: bytes) -> bytes:
    """The key by the empty password, if it is the user's (7.6.4.3.2 algorithm 2; 7.6.4.4.3, -4: algorithms 4 and 5)."""
    revision, length, permissions = given.get("R"), given.get("Length"), given.get("P")
    size = length // 8 if type(length) is int and 40 <= length <= 128 else 5
    # A length of 5 or 16 octets, not bits, is what some write; and with crypt filters it may stand there.
    if type(length) is int and 5 <= length <= 16:
        size = length
    if revision == 4:
        size = 16
    bits = permissions & 0xFFFFFFFF if type(permissions) is int else 0
    seed = _PADDING + owner[:32] + pack("<I", bits) + identifier
    if revision == 4 and given.get("EncryptMetadata") is False:
        seed += b"\xff\xff\xff\xff"
    key = _md5(seed)
    if revision == 2:
        key = key[:5]
        return key if rc4(key, _PADDING) == user[:32] else b""
    for _ in range(50):
        key = _md5(key[:size])
    key = key[:size]
    digest = _md5(_PADDING + identifier)
    for i in range(20):
        digest = rc4(bytes(octet ^ i for octet in key), digest)
    return key if digest == user[:16] else b""


def _new_key(given: dict[str, Any], user: bytes, hardened: bool, budget: Budget) -> bytes:
    """The same for AES-256 (7.6.4.3.3 algorithm 2.A)."""
    sealed = given.get("UE")
    if not isinstance(sealed, bytes) or len(sealed) < 32:
        return b""
    digest = _hardened if hardened else _sha256
    if digest(user[32:40], budget) != user[:32]:
        return b""
    return cbc_decrypt(digest(user[40:48], budget), bytes(16), sealed[:32])


def _sha256(salt: bytes, budget: Budget) -> bytes:
    return hashlib.sha256(salt).digest()


def _hardened(salt: bytes, budget: Budget) -> bytes:
    """7.6.4.3.4 algorithm 2.B, of the empty password."""
    key = hashlib.sha256(salt).digest()
    last = 0
    for turn in range(10_000):
        if turn >= 64 and last <= turn - 32:
            break
        if budget.late():
            return b""
        sealed = cbc_encrypt(key[:16], key[16:32], key * 64)
        last = sealed[-1]
        # The first 16 octets as a number modulo 3: of 256 the remainder is 1.
        key = (hashlib.sha256, hashlib.sha384, hashlib.sha512)[sum(sealed[:16]) % 3](sealed).digest()
    return key[:32]


def _md5(octets: bytes) -> bytes:
    return hashlib.md5(octets, usedforsecurity=False).digest()
