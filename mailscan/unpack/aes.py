"""AES (FIPS 197) in CBC mode, for PDF documents that open without a password; the standard library has none.

Not for secrets: nothing here hides how long it takes.
"""

from __future__ import annotations

from functools import cache
from struct import pack, unpack


class _Tables:
    """The S-boxes, and their columns with MixColumns applied, each turned by none to three octets."""

    __slots__ = ("box", "unbox", "encrypt", "decrypt")

    def __init__(self) -> None:
        # Logarithms in GF(2^8) to the base 3.
        power, log = [0] * 512, [0] * 256
        value = 1
        for i in range(255):
            power[i] = power[i + 255] = value
            log[value] = i
            value ^= (value << 1) ^ (0x11B if value & 0x80 else 0)
        self.box = bytearray(256)
        self.unbox = bytearray(256)
        for i in range(256):
            inverse = power[255 - log[i]] if i else 0
            turned = inverse
            for _ in range(4):
                inverse = (inverse << 1 | inverse >> 7) & 255
                turned ^= inverse
            self.box[i] = turned ^ 0x63
            self.unbox[turned ^ 0x63] = i

        def column(octet: int, factors: tuple[int, ...]) -> int:
            found = 0
            for factor in factors:
                found = found << 8 | (power[log[octet] + log[factor]] if octet else 0)
            return found

        first = [column(self.box[i], (2, 1, 1, 3)) for i in range(256)]
        back = [column(self.unbox[i], (14, 9, 13, 11)) for i in range(256)]
        self.encrypt = [[one >> n | one << 32 - n & 0xFFFFFFFF for one in first] for n in (0, 8, 16, 24)]
        self.decrypt = [[one >> n | one << 32 - n & 0xFFFFFFFF for one in back] for n in (0, 8, 16, 24)]


@cache
def _tables() -> _Tables:
    return _Tables()


def _schedule(key: bytes) -> list[int]:
    """The round keys (5.2)."""
    box = _tables().box
    words = list(unpack(f">{len(key) // 4}I", key))
    size = len(words)
    constant = 1
    for i in range(size, 4 * (size + 7)):
        word = words[-1]
        if i % size == 0:
            word = (word << 8 | word >> 24) & 0xFFFFFFFF
        if i % size == 0 or (size > 6 and i % size == 4):
            word = int.from_bytes(bytes(box[octet] for octet in word.to_bytes(4, "big")), "big")
        if i % size == 0:
            word ^= constant << 24
            constant = constant << 1 ^ (0x11B if constant & 0x80 else 0)
        words.append(words[i - size] ^ word)
    return words


def cbc_encrypt(key: bytes, before: bytes, data: bytes) -> bytes:
    """Whole blocks encrypted; `before` is the initialization vector."""
    keys = _schedule(key)
    t0, t1, t2, t3 = _tables().encrypt
    box = _tables().box
    a, b, c, d = unpack(">4I", before)
    out = []
    for at in range(0, len(data) // 16 * 16, 16):
        e, f, g, h = unpack(">4I", data[at : at + 16])
        a, b, c, d = a ^ e ^ keys[0], b ^ f ^ keys[1], c ^ g ^ keys[2], d ^ h ^ keys[3]
        for i in range(4, len(keys) - 4, 4):
            a, b, c, d = (
                t0[a >> 24] ^ t1[b >> 16 & 255] ^ t2[c >> 8 & 255] ^ t3[d & 255] ^ keys[i],
                t0[b >> 24] ^ t1[c >> 16 & 255] ^ t2[d >> 8 & 255] ^ t3[a & 255] ^ keys[i + 1],
                t0[c >> 24] ^ t1[d >> 16 & 255] ^ t2[a >> 8 & 255] ^ t3[b & 255] ^ keys[i + 2],
                t0[d >> 24] ^ t1[a >> 16 & 255] ^ t2[b >> 8 & 255] ^ t3[c & 255] ^ keys[i + 3],
            )
        a, b, c, d = _last(box, keys, (a, b, c, d), (1, 2, 3))
        out.append(pack(">4I", a, b, c, d))
    return b"".join(out)


def cbc_decrypt(key: bytes, before: bytes, data: bytes) -> bytes:
    """Whole blocks decrypted, padding and all; `before` is the initialization vector or the block before."""
    tables = _tables()
    forward = _schedule(key)
    rounds = len(forward) // 4 - 1
    # 5.3.5: the round keys in the other order, all but the outer ones with InvMixColumns applied.
    keys: list[int] = []
    for i in range(rounds, -1, -1):
        four = forward[4 * i : 4 * i + 4]
        if 0 < i < rounds:
            four = [
                tables.decrypt[0][tables.box[one >> 24]]
                ^ tables.decrypt[1][tables.box[one >> 16 & 255]]
                ^ tables.decrypt[2][tables.box[one >> 8 & 255]]
                ^ tables.decrypt[3][tables.box[one & 255]]
                for one in four
            ]
        keys += four
    t0, t1, t2, t3 = tables.decrypt
    last = unpack(">4I", before)
    out = []
    for at in range(0, len(data) // 16 * 16, 16):
        block = unpack(">4I", data[at : at + 16])
        a, b, c, d = block[0] ^ keys[0], block[1] ^ keys[1], block[2] ^ keys[2], block[3] ^ keys[3]
        for i in range(4, len(keys) - 4, 4):
            a, b, c, d = (
                t0[a >> 24] ^ t1[d >> 16 & 255] ^ t2[c >> 8 & 255] ^ t3[b & 255] ^ keys[i],
                t0[b >> 24] ^ t1[a >> 16 & 255] ^ t2[d >> 8 & 255] ^ t3[c & 255] ^ keys[i + 1],
                t0[c >> 24] ^ t1[b >> 16 & 255] ^ t2[a >> 8 & 255] ^ t3[d & 255] ^ keys[i + 2],
                t0[d >> 24] ^ t1[c >> 16 & 255] ^ t2[b >> 8 & 255] ^ t3[a & 255] ^ keys[i + 3],
            )
        a, b, c, d = _last(tables.unbox, keys, (a, b, c, d), (3, 2, 1))
        out.append(pack(">4I", a ^ last[0], b ^ last[1], c ^ last[2], d ^ last[3]))
        last = block
    return b"".join(out)


def _last(
    box: bytearray, keys: list[int], state: tuple[int, int, int, int], rows: tuple[int, int, int]
) -> tuple[int, int, int, int]:
    """The last round, without MixColumns; `rows` says how far each row is shifted."""
    one, two, three = rows
    a, b, c, d = (
        box[state[i] >> 24] << 24
        ^ box[state[(i + one) & 3] >> 16 & 255] << 16
        ^ box[state[(i + two) & 3] >> 8 & 255] << 8
        ^ box[state[(i + three) & 3] & 255]
        ^ keys[len(keys) - 4 + i]
        for i in range(4)
    )
    return a, b, c, d
