"""File names as containers hold them: octets in some charset, decoded to every name that they may be read to be."""

from __future__ import annotations


def names_of(*raw: bytes) -> tuple[str, ...]:
    """The names that octets can be: UTF-8, else as DOS and as Windows in the west write them. Never raises."""
    names: list[str] = []
    for one in raw:
        try:
            readings = [one.decode()]
        except UnicodeDecodeError:
            readings = [one.decode("cp437"), one.decode("latin-1")]
        names += (name for name in readings if name not in names)
    return tuple(names)
