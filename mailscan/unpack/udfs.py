"""Disk images with a UDF file system (ECMA-167, UDF 1.02 to 2.01), which Windows writes, and shows before ISO 9660.

What is read: one partition, without a virtual or sparing map; such images are left to a `7z` program.
"""

from __future__ import annotations

from mailscan.unpack.budget import in_time
from mailscan.unpack.found import Found, Remark, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

    from mailscan.unpack import Budget

_SECTOR = 2048
# Tags of descriptors (ECMA-167 3/7.2.1, 4/7.2.1).
_ANCHOR, _PARTITION, _LOGICAL, _END = 2, 5, 6, 8
_FILE_SET, _FILE_NAME, _ALLOCATION, _FILE, _EXTENDED_FILE = 256, 257, 258, 261, 266
_FOLDER, _PARENT = 2, 8
_DESCRIPTORS = 64
_EXTENTS = 100_000


def has_udf(data: bytes) -> bool:
    """Whether its volume recognition sequence (ECMA-167 2/9.1.1) names a UDF file system."""
    for sector in range(16, 16 + _DESCRIPTORS):
        name = data[sector * _SECTOR + 1 : sector * _SECTOR + 6]
        if name in (b"NSR02", b"NSR03"):
            return True
        if name not in (b"CD001", b"BEA01", b"BOOT2", b"TEA01", b"CDW02"):
            break
    return False


def open_udf(
    data: bytes, budget: Budget, known: Container[tuple[str, tuple[int, int]]] = ()
) -> Iterator[Found | Remark]:
    """The files of the UDF file system; none that is `known` by the same name, and lies there. Raises `Unopened`."""
    volume = _Volume(data, budget)
    try:
        root = volume.root()
    except _Unusual as error:
        from mailscan.unpack.foreign import open_foreign

        try:
            yield from open_foreign(data, budget, "udf")
        except Unopened as other:
            raise Unopened(f"its UDF file system {error}; {other}", other.group) from None
        return
    yield from volume.files(root, known)


class _Unusual(Exception):
    """The file system is damaged, or of a kind that is not read here."""


class _Volume:
    """The file system of an image; `_start` is where its partition begins, in octets."""

    __slots__ = ("_data", "_budget", "_start", "_left")

    def __init__(self, data: bytes, budget: Budget) -> None:
        self._data = data
        self._budget = budget
        self._start = 0
        # As many octets as are read as folders: whatever the folders claim, the work is bounded by the image.
        self._left = len(data)

    def root(self) -> int:
        """Where the root folder's file entry is, in octets. Raises `_Unusual`."""
        anchor = self._anchor()
        first, size = self._number(anchor + 20, 4), self._number(anchor + 16, 4)
        start = file_set = -1
        for sector in range(first, first + min(size // _SECTOR, _DESCRIPTORS)):
            at = sector * _SECTOR
            tag = self._number(at, 2)
            if tag == _PARTITION:
                start = self._number(at + 188, 4) * _SECTOR
            elif tag == _LOGICAL:
                if self._number(at + 212, 4) != _SECTOR:
                    raise _Unusual("has blocks of an unusual size")
                if self._data[at + 440 : at + 442] != b"\1\6":  # the first map is of type 1, a plain partition
                    raise _Unusual("has partitions that are mapped")
                file_set = self._number(at + 252, 4)  # 248: a long_ad
            elif tag == _END:
                break
        if start < 0 or file_set < 0:
            raise _Unusual("has no volume that can be read")
        self._start = start
        at = start + file_set * _SECTOR
        if self._number(at, 2) != _FILE_SET:
            raise _Unusual("has no file set")
        return start + self._number(at + 404, 4) * _SECTOR  # 400: the long_ad of the root's entry

    def files(self, root: int, known: Container[tuple[str, tuple[int, int]]]) -> Iterator[Found]:
        """All files, below the file entry of the root folder. Raises `Unopened`."""
        folders = [("", root)]
        entries: set[int] = set()
        while folders:
            path, at = folders.pop()
            for raw, is_folder, entry in self._identifiers(at):
                name = path + _name(raw)
                if not is_folder:
                    size = self._size(entry)
                    if (name, (next(self._extents(entry), (0, 0))[0], size)) not in known:
                        yield Found((name,), size, self._read_of(entry))
                elif entry not in entries:
                    entries.add(entry)
                    folders.append((name + "/", entry))

    def _anchor(self) -> int:
        for at in (256 * _SECTOR, len(self._data) // _SECTOR * _SECTOR - _SECTOR, len(self._data) - 257 * _SECTOR):
            if at > 0 and self._number(at, 2) == _ANCHOR:
                return at
        raise _Unusual("has no anchor")

    def _identifiers(self, entry: int) -> Iterator[tuple[bytes, bool, int]]:
        """(octets of the name, whether it is a folder, where its file entry is) of what is in a folder (4/14.4)."""
        data = self._octets(self._extents(entry), min(self._size(entry), self._left))
        self._left -= len(data)
        at = 0
        while at + 38 <= len(data):
            in_time(self._budget)
            if int.from_bytes(data[at : at + 2], "little") != _FILE_NAME:
                raise Unopened("damaged: a folder of its UDF file system cannot be read to its end")
            flags, length, use = data[at + 18], data[at + 19], int.from_bytes(data[at + 36 : at + 38], "little")
            block = int.from_bytes(data[at + 24 : at + 28], "little")
            name = data[at + 38 + use : at + 38 + use + length]
            at += (38 + use + length + 3) // 4 * 4
            if not flags & _PARENT:
                where = self._start + block * _SECTOR
                # By its entry too: either may say that it is a folder.
                yield name, bool(flags & _FOLDER) or self._data[where + 27 : where + 28] == b"\4", where

    def _size(self, entry: int) -> int:
        return self._number(entry + 56, 8) if self._number(entry, 2) in (_FILE, _EXTENDED_FILE) else 0

    def _extents(self, entry: int) -> Iterator[tuple[int, int]]:
        """(offset, octets) of the pieces of the file whose entry (4/14.9, 4/14.17) lies there; of a hole, -1."""
        tag = self._number(entry, 2)
        if tag not in (_FILE, _EXTENDED_FILE):
            return
        lengths = entry + (168 if tag == _FILE else 208)
        at = lengths + 8 + self._number(lengths, 4)
        end = min(at + self._number(lengths + 4, 4), len(self._data))
        form = self._number(entry + 34, 2) & 7
        if form == 3:  # the octets themselves
            yield at, max(0, end - at)
            return
        step = 8 if form == 0 else 16
        for _ in range(_EXTENTS):
            length = self._number(at, 4) if at + step <= end else 0
            kind, length = length >> 30, length & 0x3FFFFFFF
            if not length:
                return
            where = self._start + self._number(at + 4, 4) * _SECTOR
            at += step
            if kind == 3:  # the descriptors go on there
                at, end = where, min(where + length, len(self._data))
                at += 24 if self._number(where, 2) == _ALLOCATION else 0
            else:
                yield where if kind == 0 else -1, length

    def _read_of(self, entry: int) -> Callable[[int], bytes]:
        def read(most: int) -> bytes:
            if self._number(entry, 2) not in (_FILE, _EXTENDED_FILE):
                raise Unopened("damaged: its entry in the UDF file system cannot be read")
            wanted = min(self._size(entry), most)
            octets = self._octets(self._extents(entry), wanted)
            if len(octets) < wanted:
                raise Unopened("damaged: the image ends before it", partly=octets)
            return octets

        return read

    def _octets(self, extents: Iterator[tuple[int, int]], most: int) -> bytes:
        octets = bytearray()
        for at, size in extents:
            wanted = min(size, most - len(octets))
            if wanted <= 0 or at > len(self._data):
                break
            # An extent that is not recorded is all zeros.
            octets += self._data[at : at + wanted] if at >= 0 else bytes(wanted)
        return bytes(octets)

    def _number(self, at: int, size: int) -> int:
        return int.from_bytes(self._data[at : at + size], "little")


def _name(raw: bytes) -> str:
    """A name as OSTA compressed Unicode (UDF 2.1.1): 8 or 16 bits a character."""
    if raw[:1] in (b"\x10", b"\xff"):
        return raw[1:].decode("utf-16-be", "replace")
    return raw[1:].decode("latin-1")
