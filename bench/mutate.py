"""Messages made out of real ones by mutations that know what a message is made of."""

from __future__ import annotations

from random import Random

from bench import odd_bodies, odd_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bench.odd_fields import Mutation

LARGEST = 1_900_000


def flipped(chance: Random, raw: bytes) -> bytes:
    """A few octets changed, the header's more often than the rest."""
    octets = bytearray(raw)
    for _ in range(chance.choice((1, 1, 3, 10, 100))):
        at = chance.randrange(min(len(octets), chance.choice((2_000, len(octets)))))
        octets[at] = chance.choice((octets[at] ^ 1 << chance.randrange(8), chance.randrange(256), *b'\r\n\0 =;:"?-'))
    return bytes(octets)


def sprinkled(chance: Random, raw: bytes) -> bytes:
    """Line ends and controls where none belong, or all line ends changed."""
    if chance.random() < 0.3:
        lines = raw.replace(b"\r\n", b"\n")
        return lines.replace(b"\n", chance.choice((b"\n", b"\r\n", b"\r", b"\n\r", b"\r\r\n")))
    for _ in range(chance.choice((1, 3, 10))):
        at = chance.randrange(len(raw) + 1)
        raw = (
            raw[:at]
            + chance.choice((b"\r", b"\n", b"\0", b"\r\n", b"\n\n", b"\x0b", b"\x0c", b"\x1a", b"\x85"))
            + raw[at:]
        )
    return raw


def sliced(chance: Random, raw: bytes) -> bytes:
    """A stretch gone, doubled, moved, or the end cut off."""
    start = chance.randrange(len(raw))
    end = min(len(raw), start + int(10 ** chance.uniform(0, 4)))
    piece = raw[start:end]
    at = chance.randrange(len(raw))
    kind = chance.randrange(4)
    if kind == 0:
        return raw[:start] + raw[end:]
    if kind == 1:
        return raw[:end] + piece * chance.choice((1, 2, 10)) + raw[end:]
    return raw[:at] + piece + raw[at:] if kind == 2 else raw[:start]


_ALL: tuple[Mutation, ...] = (flipped, flipped, sprinkled, sliced, *odd_fields.ALL, *odd_bodies.ALL)


def made(seed: int, number: int, pool: list[bytes]) -> bytes:
    """The input of that number: always the same for one seed and one pool. At least one octet."""
    chance = Random(f"{seed}/{number}")
    raw = chance.choice(pool)
    for _ in range(chance.choice((1, 1, 2, 3, 5))):
        if chance.random() < 0.08:
            other = chance.choice(pool)
            raw = raw[: chance.randrange(len(raw) + 1)] + other[chance.randrange(len(other)) :]
        else:
            raw = chance.choice(_ALL)(chance, raw)
        raw = raw[:LARGEST] or b"\n"
    return raw
