"""Windows cabinets ([MS-CAB]), stored or packed by MSZIP; LZX and Quantum are left to libarchive or 7z.

All files of a folder are packed as one stream, in blocks of 32 kB. So the members come in the order in which they lie
in it, and what is unpacked is kept as long as the next may need it: nothing is unpacked twice.
"""

from __future__ import annotations

import zlib

from mailscan.unpack.budget import in_time
from mailscan.unpack.found import NOT_OPENED, Found, Remark, Unopened
from mailscan.unpack.membernames import names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscan.unpack import Budget

_STORED, _MSZIP = 0, 1
_HISTORY = 32_768
# cbUncomp is at most 32 kB; what claims more is read on, as far as its field goes.
_BLOCK = 65_535
# What begins in the cabinet before or ends in the next one: in the first folder, or the last.
_FROM_PREVIOUS, _TO_NEXT, _BOTH = 0xFFFD, 0xFFFE, 0xFFFF


def open_cab(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The members of a cabinet. Raises `Unopened`."""
    if data[:4] != b"MSCF" or len(data) < 36:
        raise Unopened("not a cabinet: it does not begin with a cabinet's header")
    flags = _number(data, 30, 2)
    at = 36
    folder_rest = block_rest = 0
    if flags & 4:
        folder_rest, block_rest = _number(data, 38, 1), _number(data, 39, 1)
        at += 4 + _number(data, 36, 2)
    for _ in range(2 * ((flags & 1) + (flags >> 1 & 1))):  # names of the cabinets before and after, and their disks
        end = data.find(b"\0", at)
        at = end + 1 if end >= 0 else len(data)
    step = 8 + folder_rest
    count = min(_number(data, 26, 2), max(0, len(data) - at) // step)
    folders = [_Folder(data, at + index * step, block_rest, budget) for index in range(count)]
    elsewhere = None
    if any(one.method not in (_STORED, _MSZIP) for one in folders):
        from mailscan.unpack.foreign import Elsewhere

        elsewhere = Elsewhere(data, budget, "cab")
    files, damage = _files(data, len(folders))
    files.sort(key=lambda one: one[:2])
    for folder, offset, size, names in files:
        if folder < len(folders) and (folders[folder].method in (_STORED, _MSZIP) or elsewhere is None):
            yield Found(names, 0, _read_of(folders[folder], offset, size))
        elif elsewhere is not None:
            yield elsewhere.found(names, 0)
        else:
            yield Found(names, 0, _nowhere)
    if elsewhere is not None:
        yield from elsewhere.rest()
    if damage:
        yield Remark(NOT_OPENED, damage)


def _files(data: bytes, folders: int) -> tuple[list[tuple[int, int, int, tuple[str, ...]]], str]:
    """(folder, offset in it, size, names) of the files, and what is wrong with the list or ""."""
    files: list[tuple[int, int, int, tuple[str, ...]]] = []
    at, count = _number(data, 16, 4), _number(data, 28, 2)
    for _ in range(count):
        end = data.find(b"\0", at + 16, at + 16 + 1024)
        if end < 0:
            return files, f"damaged: {count} files are said to be in it, and {len(files)} are listed"
        size, offset, folder = _number(data, at, 4), _number(data, at + 4, 4), _number(data, at + 8, 2)
        raw = data[at + 16 : end]
        names = names_of(raw)
        if folder in (_FROM_PREVIOUS, _BOTH):
            folder = 0
        elif folder == _TO_NEXT:
            folder = max(0, folders - 1)
        files.append((folder, offset, size, tuple(one.replace("\\", "/") for one in names)))
        at = end + 1
    return files, ""


def _read_of(folder: _Folder, offset: int, size: int) -> Callable[[int], bytes]:
    return lambda most: folder.octets(offset, min(size, most))


def _nowhere(most: int) -> bytes:
    raise Unopened("damaged: it lies in a folder that the cabinet has not")


class _Folder:
    """One stream of octets (2.2); `method` is how it is packed."""

    __slots__ = ("method", "_data", "_budget", "_first", "_count", "_rest", "_blocks", "_from", "_octets", "_fault")

    def __init__(self, data: bytes, at: int, block_rest: int, budget: Budget) -> None:
        self._data = data
        self._budget = budget
        self._first = _number(data, at, 4)
        self._count = _number(data, at + 4, 2)
        self.method = _number(data, at + 6, 2) & 15
        self._rest = block_rest
        self._begin()

    def _begin(self) -> None:
        self._blocks = self._unpacked()
        self._from = 0  # where in the stream the kept octets begin
        self._octets = bytearray()
        self._fault = ""

    def octets(self, offset: int, size: int) -> bytes:
        """`size` octets from `offset` on. Raises `Unopened`."""
        if offset < self._from:
            self._begin()
        while not self._fault and self._from + len(self._octets) < offset + size:
            in_time(self._budget)
            self._forget(offset)
            try:
                self._octets += next(self._blocks)
            except StopIteration:
                self._fault = "damaged: the cabinet ends before it"
            except zlib.error as error:
                self._fault = f"damaged ({error})"
        self._forget(offset)
        octets = bytes(self._octets[:size])
        if self._from < offset:
            octets = b""
        if len(octets) < size:
            raise Unopened(self._fault, partly=octets)
        return octets

    def _forget(self, offset: int) -> None:
        """What lies before `offset`."""
        passed = min(offset - self._from, len(self._octets))
        if passed > 0:
            del self._octets[:passed]
            self._from += passed

    def _unpacked(self) -> Iterator[bytes]:
        """The blocks (2.4), unpacked. Raises `zlib.error`."""
        at = self._first
        history = b""
        for _ in range(self._count):
            packed = _number(self._data, at + 4, 2)
            size = _number(self._data, at + 6, 2)
            at += 8 + self._rest
            block = self._data[at : at + packed]
            at += packed
            if not block:
                return
            if self.method == _STORED:
                yield block
                continue
            # [MS-MCI]: "CK", then deflate whose history is the block before.
            decoder = zlib.decompressobj(-15, zdict=history)
            octets = decoder.decompress(block[2:], size or _BLOCK)
            history = (history + octets)[-_HISTORY:]
            yield octets


def _number(data: bytes, at: int, size: int) -> int:
    """A number of the container; of what lies beyond its end, 0."""
    return int.from_bytes(data[at : at + size], "little")
