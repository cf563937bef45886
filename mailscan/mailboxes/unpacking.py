"""What mail is packed in: gzip, bzip2, xz, Zstandard, LZ4 as streams; tar as members that are streams (zip: `zips`).

What comes out is never held as a whole, and what came out before a fault is not lost with it.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from functools import partial

from mailscan.mailboxes import lz4s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Protocol

    from mailscan.mailboxes.window import Window

    class Readable(Protocol):
        def read(self, wanted: int, /) -> bytes: ...


_GZIP, _BZIP2, _XZ, _ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"
MAGICS = (_GZIP, _BZIP2, _XZ, _ZSTD, *lz4s.MAGICS)
# What `zstd -d` allows, and so little at a time that what it says cannot become too much at once.
_ZSTD_WINDOW = 128 << 20
_ZSTD_PIECE = 1 << 12
_PIECE = 1 << 16
# A name in a tar, or all that its PAX header says of a member.
_LONGEST_NAME = 1 << 20
# Who reads on so often behind the end is told that it ends: `tarfile` would skip what is not there for years.
_MOST_ENDS = 100
_BLOCK = 512
_BROKEN: list[type[Exception]] = [
    OSError, EOFError, ValueError, RuntimeError, ArithmeticError, LookupError, TypeError, struct.error, zlib.error,
    lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile,
]  # fmt: skip


def broken() -> tuple[type[Exception], ...]:
    """The exceptions of damaged or unreadable files, whatever packed them."""
    return tuple(_BROKEN)


def in_words(error: Exception) -> str:
    """A fault of reading, for people."""
    if isinstance(error, EOFError):
        return "it ends too early"
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())


def is_tar(first: bytes) -> bool:
    """Whether these are the first octets of a tar archive: its first header has the right checksum."""
    if len(first) < _BLOCK or first[257:262] != b"ustar":
        return False
    try:
        tarfile.TarInfo.frombuf(first[:_BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


class Rest:
    """A window read as a file: what it holds, and what follows."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._at = window.base
        self._ends = 0

    def read(self, wanted: int = -1, /) -> bytes:
        """At most so many octets; fewer only at the end."""
        window = self._window
        end = self._at + (wanted if wanted >= 0 else _PIECE)
        while window.end < end and window.extend():
            pass
        octets = window.octets(self._at, end)
        if not octets and wanted:
            self._ends += 1
            if self._ends > _MOST_ENDS:
                raise EOFError
        self._at += len(octets)
        window.drop(self._at)
        return octets


class Piecewise:
    """A file of the standard library's decoders, read so that nothing is lost when it fails."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def read(self, wanted: int, /) -> bytes:
        # `read` would gather that many octets first, and lose them in a fault.
        octets: bytes = self._file.read1(min(wanted, _PIECE))
        return octets


class _Zstandard:
    """The frames of a Zstandard file (RFC 8878), one after the other."""

    def __init__(self, file: Rest) -> None:
        try:
            import zstandard
        except ImportError:
            raise ValueError("is Zstandard, which needs the Python package zstandard (the extra [archives])") from None
        if zstandard.ZstdError not in _BROKEN:
            _BROKEN.append(zstandard.ZstdError)
        self._file = file
        self._new: Callable[[], Any] = partial(_zstandard_frame, zstandard)
        self._frame = self._new()
        self._left = b""
        self._begun = False

    def read(self, wanted: int, /) -> bytes:
        while True:
            piece = self._left or self._file.read(_ZSTD_PIECE)
            self._left = b""
            if not piece:
                if self._begun:
                    raise EOFError
                return b""
            self._begun = True
            octets: bytes = self._frame.decompress(piece)
            if self._frame.eof:
                self._left, self._frame, self._begun = self._frame.unused_data, self._new(), False
            if octets:
                return octets


def _zstandard_frame(zstandard: Any) -> Any:
    return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()


def unpacked(file: Rest, first: bytes) -> Readable:
    """What a compressed file holds, by its first octets. Raises `ValueError` where a library is missing."""
    if first.startswith(_ZSTD):
        return _Zstandard(file)
    if first.startswith(lz4s.MAGICS):
        return lz4s.Lz4(file)
    stream: Any = file  # the three want no more than `read`
    if first.startswith(_GZIP):
        return Piecewise(gzip.GzipFile(fileobj=stream))
    return Piecewise(bz2.BZ2File(stream) if first.startswith(_BZIP2) else lzma.LZMAFile(stream))


class _Member(tarfile.TarInfo):
    """A member's header, as `tarfile` reads it, but for what only makes sense in a bomb: a name of gigabytes would be
    read into memory, and a sparse file has as many octets as its header says. `tar.damaged` tells of headers that
    `tarfile` passes over, which are more in one version of Python than in another.
    """

    @classmethod
    def fromtarfile(cls, tarfile_: Any) -> Any:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.InvalidHeaderError:  # type: ignore[attr-defined]
            tarfile_.damaged = True
            raise

    def _proc_gnulong(self, tar: Any) -> Any:
        return self._bounded(super()._proc_gnulong, tar)  # type: ignore[misc]

    def _proc_pax(self, tar: Any) -> Any:
        return self._bounded(super()._proc_pax, tar)  # type: ignore[misc]

    def _bounded(self, read: Callable[[Any], Any], tar: Any) -> Any:
        if self.size > _LONGEST_NAME:
            raise tarfile.ReadError(f"a name of {self.size} octets")
        return read(tar)


def tar_members(file: Rest, skip: Callable[[str], None]) -> Iterator[tuple[str, Readable]]:
    """(name, content) of each file in a tar archive. `skip` is told of octets that belong to none, and why."""
    ended = 0
    try:
        options: Any = {"ignore_zeros": True, "errorlevel": 0, "tarinfo": _Member}
        with tarfile.open(fileobj=file, mode="r|", **options) as tar:  # type: ignore[call-overload]
            for member in tar:
                tar.members = []  # it keeps them all, and nobody asks for them again
                tar.damaged = False
                begun = member.offset
                if begun > ended:
                    skip(f"octets {ended} to {begun} are no member")
                ended = member.offset_data + (-(-member.size // _BLOCK) * _BLOCK if member.isreg() else 0)
                if member.issparse():
                    skip(f"{member.name[:200]} is a sparse file")
                elif member.isreg() and (inner := tar.extractfile(member)) is not None:
                    yield member.name, Piecewise(inner)
            if getattr(tar, "damaged", False):
                skip(f"octets {ended} to {tar.offset} are no member")
    except broken() as error:
        skip(f"cannot be read beyond octet {ended}: {in_words(error)}")
