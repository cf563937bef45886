"""Where the members of a ZIP archive lie (PKWARE APPNOTE 6.3.10), for whatever reader a recipient has.

Readers differ: some find the directory by its offset, some by its size before the end record, some take another end
record than others; streaming ones see no directory, but every local header. So all of these are read, each member
once, and a member that is described in two ways is two. Not by `zipfile`, which reads one directory only, gives up a
whole archive for one odd name, makes an object of every entry before any limit can apply, and costs every mail with a
document 18 ms to import. No octets make this raise.
"""

from __future__ import annotations

from bisect import bisect, insort
from struct import Struct

from mailscan.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Of end records, more than any archive has that is not made to deceive.
MOST_ENDS = 100
# Of octets of a name, what is read of either end; of extra fields of a member, what is read.
_LONGEST_NAME = 1_000
_MOST_EXTRA = 100
_CENTRAL = Struct("<I6H3I5H2I")  # 4.3.12
_LOCAL = Struct("<I5H3I2H")  # 4.3.7
_END = Struct("<I4H2IH")  # 4.3.16
_END64 = Struct("<IQ2H2I4Q")  # 4.3.14
_LOCATOR = Struct("<IIQI")  # 4.3.15
ENCRYPTED, MASKED = 1 << 0, 1 << 13  # 4.4.4
_SIZE_BEHIND, _UTF8 = 1 << 3, 1 << 11
_NOT_HERE = 0xFFFFFFFF  # the value stands in the ZIP64 field (4.5.3)


class Entry:
    """One member: where its octets lie and how they are packed.

    `names` every name it can be read to have; `at` where its local header begins, `span` where the octets that were
    read lie, (0, 0) before. `agreed` says that directory and local header tell the same, or that only one tells.
    `size` is what it is said to have unpacked, by either; 0 where neither says.
    """

    __slots__ = ("archive", "names", "flags", "method", "packed", "at", "size", "span", "agreed")

    def __init__(
        self, archive: bytes, names: tuple[str, ...], flags: int, method: int, packed: int, at: int, size: int = 0
    ) -> None:
        self.archive = archive
        self.names = names
        self.flags = flags
        self.method = method
        self.packed = packed
        self.at = at
        self.size = size
        self.span = (0, 0)
        self.agreed = True

    def data_start(self) -> int:
        """Where the packed octets begin. Raises `ValueError`, saying what is wrong, where there is no local header."""
        if self.at + _LOCAL.size > len(self.archive):
            raise ValueError("damaged (it is said to begin beyond the end)")
        if self.archive[self.at : self.at + 4] != b"PK\3\4":
            raise ValueError("damaged (there is no header where it should begin)")
        *_, name_length, extra_length = _LOCAL.unpack_from(self.archive, self.at)
        return self.at + _LOCAL.size + int(name_length) + int(extra_length)


class Directory(Record):
    """A central directory: its octets, how many stand before the archive, how many entries it is said to have."""

    __slots__ = ("start", "stop", "before", "count")

    def __init__(self, start: int, stop: int, before: int, count: int) -> None:
        self.start = start
        self.stop = stop
        self.before = before
        self.count = count


class Entries:
    """All entries of an archive, the directory's first; between them, as texts, what could not be read.

    `late` says when there is no more time: then nothing is passed over, so that the caller comes to hear of it.
    """

    __slots__ = ("data", "_late", "_records", "_known", "_listed", "_opened")

    def __init__(self, data: bytes, late: Callable[[], bool]) -> None:
        self.data = data
        self._late = late
        self._records: set[int] = set()
        self._known: set[tuple[tuple[str, ...], int, int, int, int]] = set()
        self._listed: set[int] = set()
        self._opened: list[tuple[int, int]] = []

    def opened(self, entry: Entry) -> None:
        """This member is opened as an archive of its own: what lies within its octets is not looked for here.

        Not where directory and local header differ on how it is packed: then other octets come out for others.
        """
        if entry.method == 0 or entry.agreed:
            insort(self._opened, entry.span)

    def __iter__(self) -> Iterator[Entry | str]:
        whole = False
        for number, found in enumerate(directories(self.data, 0, self._past)):
            if number == MOST_ENDS:
                yield "more directories than are read"
                break
            for directory in found:
                seen = 0
                for entry in self._central(directory):
                    seen += 1
                    if entry is not None:
                        yield entry
                whole = whole or seen >= directory.count
        if not whole:
            yield "its directory is damaged or cut off: read without it"
        yield from self._local()

    def _past(self, at: int) -> tuple[int, int]:
        """The opened member in which this place lies, (at, at) if in none."""
        index = bisect(self._opened, (at, len(self.data))) - 1
        if index >= 0 and at < self._opened[index][1]:
            return self._opened[index]
        return at, at

    def _central(self, directory: Directory) -> Iterator[Entry | None]:
        """The entries of one directory; None for each that another has told already."""
        data, at = self.data, directory.start
        # From a record that was read before, the rest was too: no end record that comes later lies further on.
        while at not in self._records and at + _CENTRAL.size <= directory.stop and data[at : at + 4] == b"PK\1\2":
            fields = _CENTRAL.unpack_from(data, at)
            name_end = at + _CENTRAL.size + fields[10]
            after = name_end + fields[11] + fields[12]
            self._records.add(at)
            entry = self._joined(_central_entry(data, at, directory.before, fields))
            key = entry.names, entry.flags, entry.method, entry.packed, entry.at
            yield entry if key not in self._known or self._late() else None
            self._known.add(key)
            at = after

    def _joined(self, entry: Entry) -> Entry:
        """The entry with what its local header says; where that is another thing, `_local` will yield it too."""
        if entry.at + _LOCAL.size > len(self.data) or self.data[entry.at : entry.at + 4] != b"PK\3\4":
            return entry
        local = _local_entry(self.data, entry.at)
        entry.size = max(entry.size, local.size)
        entry.names = tuple(dict.fromkeys(entry.names + local.names))
        entry.agreed = (
            local.method == entry.method
            and not (local.flags ^ entry.flags) & ENCRYPTED
            and (local.packed == entry.packed or bool(local.flags & _SIZE_BEHIND))
        )
        if entry.agreed:
            self._listed.add(entry.at)
        return entry

    def _local(self) -> Iterator[Entry]:
        """The entries that only local headers tell of."""
        data = self.data
        at = data.find(b"PK\3\4")
        while at >= 0 and at + _LOCAL.size <= len(data):
            past = self._past(at)[1]
            if past > at:
                at = data.find(b"PK\3\4", past)
                continue
            if at not in self._listed:
                yield _local_entry(data, at)
            at = data.find(b"PK\3\4", at + 4)


def directories(
    data: bytes, start: int, opened: Callable[[int], tuple[int, int]] | None = None
) -> Iterator[list[Directory]]:
    """What each end record from `start` on closes, the last record first, at most `MOST_ENDS` and one.

    Where a reader may find one directory and another reader another, both; one without octets where it is empty.
    `opened` gives the (beginning, end) of octets that are not to be looked into.
    """
    end = len(data)
    base: int | None = None
    for _ in range(MOST_ENDS + 1):
        end = data.rfind(b"PK\5\6", max(0, start), end)
        while opened is not None and end >= 0 and (around := opened(end))[1] > end:
            end = data.rfind(b"PK\5\6", max(0, start), around[0])
        if end < 0:
            return
        if base is None:
            base = max(0, data.find(b"PK\3\4"))
        yield list(_closed_by(data, end, base))


def _closed_by(data: bytes, end: int, base: int) -> Iterator[Directory]:
    """The directories that the end record at `end` may mean; `base` is where the first local header begins."""
    for count, size, offset, stop in _ends(data, end):
        if not count and not size:
            yield Directory(stop, stop, 0, 0)
        for at in dict.fromkeys((stop - size, offset, base + offset)):
            if 0 <= at < stop and data[at : at + 4] == b"PK\1\2":
                # Offsets count from where the archive once began (4.4.16); whatever stands before it moved them all.
                yield Directory(at, stop, max(0, at - offset), count)


def _ends(data: bytes, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(entries, size, offset, where it ends) of a directory by its end record, and by those of ZIP64."""
    if end + _END.size > len(data):
        return
    _, _, _, _, count, size, offset, _ = _END.unpack_from(data, end)
    yield count, size, offset, end
    at = end - _LOCATOR.size
    if at < 0 or data[at : at + 4] != b"PK\6\7":
        return
    _, _, said, _ = _LOCATOR.unpack_from(data, at)
    # What may stand in a record is not bounded (4.3.14), but nobody has put anything there.
    for record in dict.fromkeys((data.rfind(b"PK\6\6", max(0, at - 65_536), at), said)):
        if 0 <= record <= at - _END64.size and data[record : record + 4] == b"PK\6\6":
            *_, count, size, offset = _END64.unpack_from(data, record)
            yield count, size, offset, record


def _central_entry(data: bytes, at: int, before: int, fields: tuple[int, ...]) -> Entry:
    flags, method, packed, size, offset = fields[3], fields[4], fields[8], fields[9], fields[16]
    name_end = at + _CENTRAL.size + fields[10]
    extra = _extra(data[name_end : name_end + fields[11]])
    if _NOT_HERE in (packed, size, offset):
        packed, offset = _zip64(extra.get(1, b""), size, packed, offset)
    begins = before + offset
    if before and data[begins : begins + 4] != b"PK\3\4" and data[offset : offset + 4] == b"PK\3\4":
        begins = offset
    return Entry(data, _names(data[at + _CENTRAL.size : name_end], flags, extra), flags, method, packed, begins, size)


def _local_entry(data: bytes, at: int) -> Entry:
    """The entry as the local header at `at` alone tells it."""
    _, _, flags, method, _, _, _, packed, size, name_length, extra_length = _LOCAL.unpack_from(data, at)
    name_end = at + _LOCAL.size + name_length
    start = name_end + extra_length
    extra = _extra(data[name_end:start])
    if packed == _NOT_HERE:
        packed, _ = _zip64(extra.get(1, b""), size, packed, 0)
    # The size may stand behind the data only (4.4.4, bit 3): then the data goes on to the end, and zlib stops.
    if (flags & _SIZE_BEHIND and not packed) or packed == _NOT_HERE:
        packed = max(0, len(data) - start)
    return Entry(data, _names(data[at + _LOCAL.size : name_end], flags, extra), flags, method, packed, at, size)


def _extra(field: bytes) -> dict[int, bytes]:
    """The extra fields (4.5.1) by their id."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(field) and len(found) < _MOST_EXTRA:
        end = at + 4 + int.from_bytes(field[at + 2 : at + 4], "little")
        found.setdefault(int.from_bytes(field[at : at + 2], "little"), field[at + 4 : end])
        at = end
    return found


def _zip64(field: bytes, size: int, packed: int, offset: int) -> tuple[int, int]:
    """(packed size, offset) with the 64-bit values (4.5.3), which stand there only for fields that are all ones."""
    values = iter([int.from_bytes(field[i : i + 8], "little") for i in range(0, min(len(field), 24) // 8 * 8, 8)])
    if size == _NOT_HERE:
        next(values, size)
    if packed == _NOT_HERE:
        packed = next(values, packed)
    if offset == _NOT_HERE:
        offset = next(values, offset)
    return packed, offset


def _names(name: bytes, flags: int, extra: dict[int, bytes]) -> tuple[str, ...]:
    """Every name that the octets can be read to be; at least one."""
    if len(name) > 2 * _LONGEST_NAME:
        # Nobody can open a file so called, and 10,000 names of 64 kB take seconds to decode.
        name = name[:_LONGEST_NAME] + name[-_LONGEST_NAME:]
    if name.isascii():
        found = [name.decode("ascii")]
    else:
        # Without the flag it should be code page 437 (4.4.4, bit 11), but many write UTF-8 all the same.
        try:
            found = [name.decode("utf-8")]
        except UnicodeDecodeError:
            found = [name.decode("cp437")]
        else:
            if not flags & _UTF8:
                found.append(name.decode("cp437"))
    if 0x7075 in extra:  # 4.6.9: version, CRC, the name in UTF-8
        found.append(extra[0x7075][5 : 5 + 2 * _LONGEST_NAME].decode("utf-8", "replace"))
    return tuple(dict.fromkeys(found))
