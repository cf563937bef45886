"""File names of containers as text: whatever the octets are."""

from __future__ import annotations

_LONGEST = 4096


def text(octets: bytes, otherwise: str = "latin-1") -> str:
    """The name as UTF-8, or, where it is none, by a charset of one octet a character."""
    octets = octets[:_LONGEST]
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode(otherwise, "replace")


def names(*found: str) -> tuple[str, ...]:
    """Each once, in this order, without empty ones."""
    return tuple(dict.fromkeys([one for one in found if one]))
