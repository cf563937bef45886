"""LZ4 read as a stream, block by block: frames (lz4_Frame_format 1.6.4), those of the first programs, and the form in
which Dovecot's zlib plugin keeps mail.
"""

from __future__ import annotations

from mailscan.unpack import Budget
from mailscan.unpack.bounded import Output
from mailscan.unpack.found import Unopened
from mailscan.unpack.lz4 import block

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.mailboxes.unpacking import Rest

DOVECOT = b"Dovecot-LZ4\r*\x9b\xc5"
_FRAME, _LEGACY, _SKIPPED = b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18", b"\x2a\x4d\x18"
MAGICS = (DOVECOT, _FRAME, _LEGACY)
_STORED = 1 << 31
# The largest block of a frame, of the first programs, and what Dovecot believes.
_LARGEST, _LARGEST_LEGACY, _LARGEST_DOVECOT = 4 << 20, 8 << 20, 16 << 20
# A block may repeat what the ones before it gave.
_WINDOW = 1 << 16


class Lz4:
    """What an LZ4 file holds. `read` gives a block; it raises `ValueError` and `EOFError`."""

    def __init__(self, file: Rest) -> None:
        self._file = file
        # What comes out is bounded by the blocks; nobody waits for it.
        self._budget = Budget(lambda: 1.0)
        self._magic = b""
        self._follows = b""
        self._flags = 0
        self._before = b""

    def read(self, wanted: int, /) -> bytes:
        """The next octets, however many are wanted; none at the end."""
        while True:
            if not self._magic and not self._begin():
                return b""
            octets = self._dovecots() if self._magic == DOVECOT else self._next()
            if octets:
                return octets

    def _begin(self) -> bool:
        """Go to the first block of the next frame; whether there is one."""
        magic = self._follows or self._file.read(4)
        self._follows = b""
        if DOVECOT.startswith(magic) and len(magic) == 4:
            self._exactly(len(DOVECOT))  # its end, and how large its blocks may become
            self._magic = DOVECOT
        elif magic == _FRAME:
            self._flags = self._exactly(2)[0]
            self._exactly((8 if self._flags & 8 else 0) + (4 if self._flags & 1 else 0) + 1)
            self._magic, self._before = _FRAME, b""
        elif magic == _LEGACY:
            self._magic = _LEGACY
        elif magic[1:] == _SKIPPED and magic[0] >> 4 == 5:
            left = int.from_bytes(self._exactly(4), "little")
            while left:
                left -= len(self._exactly(min(left, 1 << 16)))
            return self._begin()
        elif magic:
            raise ValueError("what follows its LZ4 frames is none")
        return bool(magic)

    def _dovecots(self) -> bytes:
        size = self._file.read(4)
        if not size:
            self._magic = b""
            return b""
        if len(size) < 4:
            raise EOFError
        if size == bytes(4):
            raise ValueError("an empty block")
        return self._unpacked(self._exactly(self._bounded(int.from_bytes(size, "big"))), _LARGEST_DOVECOT)

    def _next(self) -> bytes:
        """A block of a frame; none behind its last."""
        first = self._file.read(4)
        size = int.from_bytes(first, "little")
        if self._magic == _LEGACY and (not first or first in (_FRAME, _LEGACY) or first[1:] == _SKIPPED):
            # Only what follows ends it.
            self._magic, self._follows = b"", first
            return b""
        if len(first) < 4:
            raise EOFError
        if self._magic == _LEGACY:
            return self._unpacked(self._exactly(self._bounded(size)), _LARGEST_LEGACY)
        if not size:
            self._exactly(4 if self._flags & 4 else 0)
            self._magic = b""
            return b""
        packed = self._exactly(self._bounded(size & ~_STORED))
        self._exactly(4 if self._flags & 16 else 0)
        octets = packed if size & _STORED else self._unpacked(packed, _LARGEST, self._before)
        if not self._flags & 32:
            self._before = (self._before + octets)[-_WINDOW:]
        return octets

    def _unpacked(self, packed: bytes, most: int, before: bytes = b"") -> bytes:
        out = Output(most, self._budget, before)
        try:
            block(packed, 0, len(packed), out)
        except Unopened as error:
            raise ValueError(str(error)) from None
        return out.all()

    def _bounded(self, size: int) -> int:
        if size > 2 * _LARGEST_DOVECOT:
            raise ValueError(f"a block of {size} octets")
        return size

    def _exactly(self, size: int) -> bytes:
        octets = self._file.read(size) if size else b""
        if len(octets) < size:
            raise EOFError
        return octets
