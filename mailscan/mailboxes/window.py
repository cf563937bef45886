"""A window on octets that are read once and in order: what lies before is forgotten, what lies ahead is read on."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 1 << 20


class Window:
    """`buffer` holds the octets from `base` on. Positions are those of the whole.

    `read` gives the next octets, at most so many, and none at the end; what it raises passes through. A file gives its
    descriptor too: then what lies far ahead can be looked at without keeping what lies between.
    """

    def __init__(self, read: Callable[[int], bytes], base: int = 0, descriptor: int | None = None) -> None:
        self.base = self.start = base
        self.buffer = b""
        self.is_whole = False
        self._read = read
        self._descriptor = descriptor

    @classmethod
    def of_file(cls, descriptor: int, start: int) -> Window:
        """On a file, from `start` on, and the three octets before it."""
        base = max(0, start - 3)
        position = base

        def read(most: int) -> bytes:
            nonlocal position
            octets = os.pread(descriptor, most, position)
            position += len(octets)
            return octets

        window = cls(read, base, descriptor)
        window.start = start
        return window

    @property
    def end(self) -> int:
        """Where what was read so far ends."""
        return self.base + len(self.buffer)

    def extend(self) -> bool:
        """Read on; False if there was nothing more."""
        if self.is_whole:
            return False
        # Large buffers grow by parts of themselves, however little is given at a time: copying stays linear.
        wanted = max(BLOCK, len(self.buffer) // 8)
        pieces = [self.buffer]
        while wanted > 0 and not self.is_whole:
            octets = self._read(wanted)
            pieces.append(octets)
            wanted -= len(octets)
            self.is_whole = not octets
        self.buffer = b"".join(pieces) if len(pieces) > 2 or self.buffer else pieces[1]
        return len(pieces) > 2 or bool(pieces[1])

    def holds(self, at: int) -> bool:
        """Whether there is an octet at `at`."""
        while at >= self.end and self.extend():
            pass
        return at < self.end

    def drop(self, to: int) -> None:
        """Forget what lies more than three octets before `to`, once that is half of all: little is copied then."""
        gone = to - 3 - self.base
        if gone > 0 and gone >= len(self.buffer) >> 1:
            self.buffer = self.buffer[gone:]
            self.base += gone

    def octets(self, start: int, end: int) -> bytes:
        """What was read of these positions."""
        return self.buffer[start - self.base : end - self.base]

    def peek(self, at: int, size: int) -> bytes:
        """The octets from `at` on, as far as there are any, however far ahead that is."""
        if self._descriptor is not None and at + size > self.end:
            return os.pread(self._descriptor, size, at)
        while at + size > self.end and self.extend():
            pass
        return self.octets(at, at + size)

    def find(self, wanted: bytes, at: int, ahead: int, keep: int, until: int | None = None) -> int:
        """Where `wanted` stands next, with `ahead` octets behind it unless the end is nearer; -1 if nowhere.

        From `until` on it is not looked for. Once the search is beyond `keep`, what was looked through is forgotten.
        """
        while True:
            limit = len(self.buffer) if self.is_whole else len(self.buffer) - ahead
            found = self.buffer.find(wanted, at - self.base, limit) if at - self.base < limit else -1
            if found >= 0:
                return found + self.base
            if self.is_whole or (until is not None and at >= until):
                return -1
            at = max(at, self.base + limit - len(wanted))
            if at > keep:
                self.drop(at)
            self.extend()
