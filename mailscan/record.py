"""`Record`: what the slotted value classes of floor 0 share.

They are plain classes and not dataclasses because importing `dataclasses` costs a pipe more than starting the
interpreter does (docs/decisions/002-start-up.md). Treat them as read-only.
"""

from __future__ import annotations


class Record:
    """A value with named fields: equal when all fields are equal, and shown with them."""

    __slots__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({fields})"
