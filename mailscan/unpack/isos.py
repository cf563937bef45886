"""Optical disk images: ISO 9660 (ECMA-119) with Joliet's tree and Rock Ridge's names (IEEE P1282), all of them.

One file has another name in each tree, and which is shown depends on the system: a member has them all. An image with a
UDF file system, which Windows shows instead, is read as that too (`mailscan.unpack.udfs`).
"""

from __future__ import annotations

from mailscan.unpack.budget import in_time
from mailscan.unpack.found import NOT_OPENED, OVER_LIMIT, Found, Remark, Unopened
from mailscan.unpack.membernames import names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscan.unpack import Budget

_SECTOR = 2048
_FIRST = 16  # the sector of the first volume descriptor
_JOLIET = (b"%/@", b"%/C", b"%/E")
_FOLDER, _MORE = 2, 0x80
_DESCRIPTORS = 64

Extents = tuple[tuple[int, int], ...]


def open_iso(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The files in all trees of an image. Raises `Unopened`."""
    from mailscan.unpack.udfs import has_udf, open_udf

    trees = list(_trees(data))
    udf = has_udf(data)
    if not trees and not udf:
        raise Unopened("not a disk image: it has no volume descriptor")
    files: dict[Extents, dict[str, None]] = {}
    empty: dict[tuple[str, ...], None] = {}
    damage = ""
    late: Unopened | None = None
    for root, block, joliet in trees:
        try:
            for names, extents in _Tree(data, block, joliet, budget).files(root):
                if extents:
                    files.setdefault(extents, {}).update(dict.fromkeys(names))
                else:
                    empty[names] = None
                if len(files) + len(empty) > budget.most_listed():
                    break
        except Unopened as error:
            if error.group == OVER_LIMIT:
                late = Unopened(str(error), error.group)  # what is listed until then is judged
                break
            damage = str(error)
    for extents, all_names in files.items():
        yield Found(tuple(all_names), sum(size for _, size in extents), _read_of(data, extents))
    for names in empty:
        yield Found(names, 0, lambda most: b"")
    if late is not None:
        raise late
    if damage:
        yield Remark(NOT_OPENED, damage)
    if udf:
        known = {(name, extents[0]) for extents, all_names in files.items() for name in all_names}
        known |= {(name, (0, 0)) for names in empty for name in names}
        yield from open_udf(data, budget, known)


def _trees(data: bytes) -> Iterator[tuple[bytes, int, bool]]:
    """(record of the root folder, size of a block, whether it is Joliet's) of the volume descriptors (8)."""
    for sector in range(_FIRST, _FIRST + _DESCRIPTORS):
        one = data[sector * _SECTOR : (sector + 1) * _SECTOR]
        if one[1:6] != b"CD001" or len(one) < 190 or one[0] == 255:
            return
        if one[0] in (1, 2):
            block = int.from_bytes(one[128:130], "little")
            yield one[156:190], block if block in (512, 1024, 2048) else _SECTOR, one[88:91] in _JOLIET


def _read_of(data: bytes, extents: Extents) -> Callable[[int], bytes]:
    def read(most: int) -> bytes:
        octets = bytearray()
        for at, size in extents:
            wanted = min(size, most - len(octets))
            octets += data[at : at + wanted]
            if len(data) - at < wanted:
                raise Unopened("damaged: the image ends before it", partly=bytes(octets))
        return bytes(octets)

    return read


class _Tree:
    """The folders of one volume, each read once, whatever points to it."""

    __slots__ = ("_data", "_block", "_joliet", "_budget", "_skip")

    def __init__(self, data: bytes, block: int, joliet: bool, budget: Budget) -> None:
        self._data = data
        self._block = block
        self._joliet = joliet
        self._budget = budget
        self._skip = 0  # octets before the system use fields of Rock Ridge (SUSP 5.3)

    def files(self, root: bytes) -> Iterator[tuple[tuple[str, ...], Extents]]:
        """(names with their paths, extents without the empty ones) of all files. Raises `Unopened`."""
        seen: set[int] = set()
        folders = [("", *self._extent(root))]
        while folders:
            path, start, size = folders.pop()
            before: list[tuple[int, int]] = []
            for record in self._records(start, size, seen):
                at, length = self._extent(record)
                raw = record[33 : 33 + record[32]]
                names = tuple(path + one for one in self._names(record, raw))
                if record[25] & _FOLDER:
                    if raw not in (b"\0", b"\1"):
                        folders.append((names[0] + "/", at, length))
                    continue
                before += [(at, length)] if length else []
                if not record[25] & _MORE:  # 9.1.6: else the file goes on in the next record
                    yield names, tuple(before)
                    before = []
            if before:
                yield (path + "?",), tuple(before)

    def _extent(self, record: bytes) -> tuple[int, int]:
        """(offset, octets): 9.1.2 to 9.1.4; the number's little-endian half."""
        at = (int.from_bytes(record[2:6], "little") + record[1]) * self._block
        return at, int.from_bytes(record[10:14], "little")

    def _records(self, start: int, size: int, seen: set[int]) -> Iterator[bytes]:
        """The directory records (9.1) of a folder; none crosses a sector. Raises `Unopened`."""
        if start >= len(self._data) and size:
            raise Unopened("damaged: a folder lies beyond the image's end")
        for sector in range(start, min(start + size, len(self._data)), _SECTOR):
            if sector in seen:
                continue
            seen.add(sector)
            in_time(self._budget)
            at, end = sector, min(sector + _SECTOR, len(self._data))
            while at < end and self._data[at] >= 34:
                record = self._data[at : at + self._data[at]]
                if len(record) < 34:
                    break
                yield record
                at += len(record)

    def _names(self, record: bytes, raw: bytes) -> tuple[str, ...]:
        """Its name, and before it that of Rock Ridge."""
        own = (raw.decode("utf-16-be", "replace"),) if self._joliet else names_of(raw)
        own = tuple(one.rpartition(";")[0] or one for one in own)  # 7.5.1: the version
        rest = record[33 + len(raw) + (1 - len(raw) % 2) :]
        if raw == b"\0" and rest[:2] == b"SP":
            self._skip = rest[6] if len(rest) > 6 else 0
        rock = b"" if self._joliet else self._rock(rest[self._skip :])
        return (*names_of(rock), *own) if rock else own

    def _rock(self, fields: bytes) -> bytes:
        """The name in the fields NM, which may go on elsewhere (CE, SUSP 5.1)."""
        name = b""
        for _ in range(8):
            further = b""
            while len(fields) >= 4 and 4 <= fields[2] <= len(fields):
                one, fields = fields[: fields[2]], fields[fields[2] :]
                if one[:2] == b"NM" and len(one) > 5:
                    name += one[5:]
                elif one[:2] == b"CE" and len(one) >= 28:
                    block, offset, size = (int.from_bytes(one[at : at + 4], "little") for at in (4, 12, 20))
                    start = block * self._block + offset
                    further = self._data[start : start + min(size, _SECTOR)]
            if not further:
                break
            fields = further
        return name
