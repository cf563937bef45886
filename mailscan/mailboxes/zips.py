"""Zip archives (PKWARE APPNOTE 6.3.10) as members that are streams: by their directory, where there is one and the file
can be read anywhere, else one member after the other.
"""

from __future__ import annotations

import bz2
import struct
import zipfile
import zlib

from mailscan.mailboxes.unpacking import Piecewise, broken, in_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mailscan.mailboxes.unpacking import Readable
    from mailscan.mailboxes.window import Window

    Skip = Callable[[str, str], None]

ZIP = b"PK\x03\x04"
# What stands behind the last member: the directory, its end, the digest of members (4.3.6).
_BEHIND = (b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x08")
_DESCRIPTOR = b"PK\x07\x08"
# 4.3.9: the CRC and two sizes of four or eight octets, perhaps behind a signature.
_DESCRIPTORS = (12, 16, 20, 24)
_HEADER = struct.Struct("<4s5H3L2H")
_ENCRYPTED, _SIZE_FOLLOWS, _UTF8 = 1, 1 << 3, 1 << 11
_STORED, _DEFLATED, _BZIP2 = 0, 8, 12
_LARGE = 0xFFFFFFFF
_PIECE = 1 << 16


def zip_members(file: Any, window: Window, skip: Skip) -> Iterator[tuple[str, Readable]]:
    """(name, content) of each file in a zip archive. `window` stands at the beginning of `file`. `skip` is told which
    member cannot be read ("": none), and why.
    """
    if not hasattr(file, "seekable") or not file.seekable():
        return members_in_order(window, skip)
    position = file.tell()
    try:
        archive = zipfile.ZipFile(file)
    except broken() as error:
        file.seek(position)
        skip("", f"has no directory at its end ({in_words(error)}): its members are read one after the other")
        return members_in_order(window, skip)
    return _listed(archive, skip)


def _listed(archive: zipfile.ZipFile, skip: Skip) -> Iterator[tuple[str, Readable]]:
    with archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            try:
                inner = archive.open(member)
            except broken() as error:
                skip(member.filename, "is encrypted" if member.flag_bits & _ENCRYPTED else in_words(error))
                continue
            with inner:
                yield member.filename, Piecewise(inner)


def members_in_order(window: Window, skip: Skip) -> Iterator[tuple[str, Readable]]:
    """(name, content) of each file, as they follow each other from the window's beginning; what is no member between
    two is passed over. `skip` is told of that, with octets ("": of no member), and of an end that comes too early.
    """
    at = window.base
    while True:
        first = window.peek(at, 4)
        if first in _BEHIND:
            break
        if first != ZIP:
            found = window.find(ZIP, at, len(ZIP), at)
            if found < 0:
                skip("", f"cannot be read beyond octet {min(at, window.end)}: it ends too early")
                return
            skip("", f"octets {at} to {found} are no member")
            at = found
        member = _Member(window, at)
        if why := member.unread():
            skip(member.name, why)
        elif not member.name.endswith("/"):
            yield member.name, member
        at = member.behind()
    while window.extend():  # who writes a pipe wants to see it read
        window.drop(window.end)


class _Member:
    """A member by its own header (4.3.7): its name, and its content to read, once."""

    def __init__(self, window: Window, at: int) -> None:
        self._window = window
        header = window.peek(at, _HEADER.size).ljust(_HEADER.size, b"\0")
        _, _, self._flags, self._method, _, _, self._crc, packed, size, name, extra = _HEADER.unpack(header)
        fields = window.peek(at + _HEADER.size, name + extra)
        self.name = fields[:name].decode("utf-8" if self._flags & _UTF8 else "cp437", "replace")
        self._at: int = at + _HEADER.size + name + extra
        if packed == _LARGE:
            packed = _large(fields[name:], size == _LARGE)
        # Where it ends, if the header knows.
        follows = self._flags & _SIZE_FOLLOWS and not packed and not self.name.endswith("/")
        self._end: int | None = None if follows else self._at + packed
        self._unpacker: Any = None
        if self._method == _DEFLATED:
            self._unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        elif self._method == _BZIP2:
            self._unpacker = bz2.BZ2Decompressor()
        self._left = b""
        self._sum = 0
        self._is_whole = False

    def unread(self) -> str:
        """Why it cannot be read; "" if it can."""
        if self._flags & _ENCRYPTED:
            return "is encrypted"
        if self._method not in (_STORED, _DEFLATED, _BZIP2):
            return f"is packed by method {self._method}, which is read by the archive's directory only"
        if self._method == _STORED and self._end is None:
            return "does not say how long it is"
        return ""

    def read(self, wanted: int, /) -> bytes:
        """At most so many octets, and none at the end. Raises `ValueError`, `zlib.error`, `OSError`, `EOFError`."""
        while not self._is_whole:
            octets = self._next(min(wanted, _PIECE))
            self._sum = zlib.crc32(octets, self._sum)
            if octets:
                return octets
        if self._sum != self._expected():
            self._sum = self._expected()
            raise ValueError("its checksum is not that of its octets")
        return b""

    def _next(self, wanted: int) -> bytes:
        if self._unpacker is not None:
            return self._unpacked(wanted)
        size = min(wanted, (self._end or 0) - self._at)
        self._is_whole = size == 0
        octets = self._window.peek(self._at, size)
        if size and not octets:
            raise EOFError
        self._at += len(octets)
        self._window.drop(self._at)
        return octets

    def _unpacked(self, wanted: int) -> bytes:
        unpacker = self._unpacker
        is_full = self._method == _BZIP2 and not unpacker.needs_input
        packed = self._left or (b"" if is_full else self._packed())
        octets: bytes = unpacker.decompress(packed, wanted)
        if self._method == _DEFLATED:
            self._left = unpacker.unconsumed_tail
        if unpacker.eof:
            self._is_whole = True
            self._at -= len(unpacker.unused_data)
        elif not octets and not packed and not is_full:
            raise EOFError
        return octets

    def _packed(self) -> bytes:
        size = _PIECE if self._end is None else min(_PIECE, self._end - self._at)
        octets = self._window.peek(self._at, size)
        self._at += len(octets)
        # What was read too much stays in the window.
        self._window.drop(self._at - _PIECE)
        return octets

    def _expected(self) -> int:
        if not self._flags & _SIZE_FOLLOWS:
            return int(self._crc)
        first = self._window.peek(self._at, 8)
        return int.from_bytes(first[4:8] if first.startswith(_DESCRIPTOR) else first[:4], "little")

    def behind(self) -> int:
        """Where the next header is to be looked for."""
        window = self._window
        at = self._at if self._end is None or self._is_whole else self._end
        while window.end < at and window.extend():
            window.drop(min(at, window.end))
        if self._flags & _SIZE_FOLLOWS and (self._is_whole or self._end is not None):
            follows = window.peek(at, max(_DESCRIPTORS) + 4)
            at += next((size for size in _DESCRIPTORS if follows[size : size + 4] in (ZIP, *_BEHIND)), 0)
        window.drop(min(at, window.end))
        return at


def _large(extra: bytes, both: bool) -> int:
    """The packed size in the extra field of Zip64 (4.5.3), behind the other one if that is `both` there."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            begin = at + 4 + (8 if both else 0)
            return int.from_bytes(extra[begin : begin + 8], "little")
        at += 4 + size
    return _LARGE
