"""What is inside an archive: its members, their names, and as much of their octets as the budget allows.

ZIP (PKWARE APPNOTE 6.3.10), also with data before it, also inside another. The directory is read here and not by
`zipfile`, which gives up a whole archive for one odd name, makes an object of every entry before any limit can apply,
and costs every mail with a document 18 ms to import; decompression is the standard library's. Nothing is ever written
to a disk, and no octets make this raise.
"""

from __future__ import annotations

import zlib
from struct import Struct
from struct import error as StructError

from mailscan.filetype import ARCHIVES, ZIP, by_first_octets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Enough of a member for the table of first octets, and for libmagic.
HEAD = 4096
# What a member may grow to whatever its ratio: small things compress as they like.
ANY_RATIO = 10_000_000
_DICTIONARY = 64 * 1024 * 1024
# Of a name of up to 64 kB, as much as file systems take stands in a path.
_LONGEST_NAME = 255

_CENTRAL = Struct("<I6H3I5H2I")  # 4.3.12
_LOCAL = Struct("<I5H3I2H")  # 4.3.7
_END = Struct("<I4H2IH")  # 4.3.16
_END64 = Struct("<IQ2H2I4Q")  # 4.3.14
_LOCATOR = Struct("<IIQI")  # 4.3.15
_ENCRYPTED, _MASKED, _UTF8 = 1 << 0, 1 << 13, 1 << 11  # 4.4.4


class Budget:
    """How much of all archives of one message is looked at. `remaining` gives seconds, as `Outside.remaining`.

    `members` in all archives; `octets` that come out of them; `ratio` of what comes out of one member to what went
    in, above 10 MB; `depth` of archives within archives; `seconds` for all of it.
    """

    __slots__ = ("members", "octets", "ratio", "depth", "seconds", "_remaining", "_end")

    def __init__(
        self,
        remaining: Callable[[], float],
        *,
        members: int = 10_000,
        octets: int = 100_000_000,
        ratio: int = 250,
        depth: int = 8,
        seconds: float = 3.0,
    ) -> None:
        self.members = members
        self.octets = octets
        self.ratio = ratio
        self.depth = depth
        self.seconds = seconds
        self._remaining = remaining
        self._end = remaining() - seconds

    def late(self) -> bool:
        """Whether the seconds are spent."""
        return self._remaining() <= self._end


class Member:
    """One member of an archive, or an archive that could not be read (then `names` is empty).

    `path` is its name behind those of the archives around it; `names` every name it can be read to have; `head` its
    first 4 kB, b"" if they could not be had, and `unopened` then says why.
    """

    __slots__ = ("path", "names", "head", "unopened", "_entry", "_budget")

    def __init__(self, path: str, names: tuple[str, ...] = (), unopened: str = "") -> None:
        self.path = path
        self.names = names
        self.head = b""
        self.unopened = unopened
        self._entry: _Entry | None = None
        self._budget: Budget | None = None

    def data(self) -> bytes:
        """All its octets, or those that the budget and the damage allow; `unopened` then says why there are no more."""
        if self._entry is None or self._budget is None:
            return self.head
        whole = max(ANY_RATIO, self._entry.packed * self._budget.ratio)
        data, self.unopened = _read(self._entry, whole, self._budget)
        if not self.unopened and len(data) >= whole:
            self.unopened = f"it grows to more than {self._budget.ratio} times its size"
        return data


def holds_zip(data: bytes) -> bool:
    """Whether the octets are a ZIP archive, or end in one."""
    if data[:4] in (b"PK\3\4", b"PK\5\6"):
        return True
    # The end record is followed by a comment of at most 64 kB (4.3.16).
    end = data.rfind(b"PK\5\6", max(0, len(data) - 65_557))
    found = _directory(data, end) if end >= 0 else None
    return found is not None and found[3] > 0


def members(data: bytes, budget: Budget, path: str = "", depth: int = 1) -> Iterator[Member]:
    """The members of a ZIP archive, and theirs, depth first; what cannot be read is yielded as unopened."""
    if depth > budget.depth:
        yield Member(path, unopened=f"archives more than {budget.depth} deep in each other")
        return
    for entry in _entries(data):
        if entry is None:
            yield Member(path, unopened="its directory is damaged or cut off: read without it")
            continue
        if budget.members <= 0:
            yield Member(path, unopened="too many members")
            return
        if budget.late():
            yield Member(path, unopened=f"unpacking took longer than {budget.seconds:g} s")
            return
        budget.members -= 1
        name = entry.names[0][:_LONGEST_NAME]
        member = Member(f"{path}/{name}" if path else name, entry.names)
        member._entry, member._budget = entry, budget
        if entry.flags & _MASKED:
            member.unopened = "encrypted, its name too"
        elif entry.flags & _ENCRYPTED:
            member.unopened = "encrypted"
        else:
            member.head, member.unopened = _read(entry, HEAD, budget)
        if member.unopened and not member.head:
            member._entry = None
        yield member
        kind = by_first_octets(member.head)
        if kind == ZIP:
            inner = member.data()
            if member.unopened:
                yield Member(member.path, unopened=member.unopened)
            yield from members(inner, budget, member.path, depth + 1)
        elif kind is not None and kind.group == ARCHIVES:
            yield Member(member.path, unopened=f"{kind.text}, which is not opened")


class _Entry:
    """One entry of a directory: where its octets lie and how they are packed."""

    __slots__ = ("archive", "names", "flags", "method", "packed", "at")

    def __init__(self, archive: bytes, names: tuple[str, ...], flags: int, method: int, packed: int, at: int) -> None:
        self.archive = archive
        self.names = names
        self.flags = flags
        self.method = method
        self.packed = packed
        self.at = at  # of its local header


def _entries(data: bytes) -> Iterator[_Entry | None]:
    """The entries of the central directory; where it is damaged, None and then those that local headers tell of."""
    end = len(data)
    for _ in range(4):  # a comment may hold what looks like an end record
        end = data.rfind(b"PK\5\6", 0, end)
        if end < 0:
            break
        found = _directory(data, end)
        if found is not None:
            start, stop, before, count = found
            seen = 0
            for entry in _central_entries(data, start, stop, before):
                seen += 1
                yield entry
            if seen >= count:
                return
            break
    yield None
    yield from _local_entries(data)


def _directory(data: bytes, end: int) -> tuple[int, int, int, int] | None:
    """(start, stop, octets before the archive, entries) of the directory that the end record at `end` closes."""
    try:
        _, _, _, _, count, size, offset, _ = _END.unpack_from(data, end)
    except StructError:
        return None
    stop = end
    if end >= 20 and data[end - 20 : end - 16] == b"PK\6\7":
        record = data.rfind(b"PK\6\6", 0, end - 20)
        if record >= 0 and record + _END64.size <= end:
            *_, count, size, offset = _END64.unpack_from(data, record)
            stop = record
    if not count and not size:
        return stop, stop, 0, 0
    for start in (stop - size, offset):
        if 0 <= start < stop and data[start : start + 4] == b"PK\1\2":
            # Offsets count from where the archive once began (4.4.16); whatever stands before it moved them all.
            return start, stop, max(0, start - offset), count
    return None


def _central_entries(data: bytes, at: int, stop: int, before: int) -> Iterator[_Entry]:
    while at + _CENTRAL.size <= stop and data[at : at + 4] == b"PK\1\2":
        fields = _CENTRAL.unpack_from(data, at)
        flags, method, packed, size = fields[3], fields[4], fields[8], fields[9]
        offset = fields[16]
        name_end = at + _CENTRAL.size + fields[10]
        extra = _extra(data[name_end : name_end + fields[11]])
        if 0xFFFFFFFF in (packed, size, offset):
            packed, offset = _zip64(extra.get(1, b""), size, packed, offset)
        names = _names(data[at + _CENTRAL.size : name_end], flags, extra)
        yield _Entry(data, names, flags, method, packed, before + offset)
        at = name_end + fields[11] + fields[12]


def _local_entries(data: bytes) -> Iterator[_Entry]:
    """The entries of an archive without a directory, by their local headers."""
    at = data.find(b"PK\3\4")
    while at >= 0 and at + _LOCAL.size <= len(data):
        _, _, flags, method, _, _, _, packed, _, name_length, extra_length = _LOCAL.unpack_from(data, at)
        name_end = at + _LOCAL.size + name_length
        names = _names(data[at + _LOCAL.size : name_end], flags, {})
        # The size may stand behind the data only (4.4.4, bit 3): then the data goes on to the end, and zlib stops.
        known = packed if not flags & 8 and packed != 0xFFFFFFFF else 0
        start = name_end + extra_length
        yield _Entry(data, names, flags, method, known or max(0, len(data) - start), at)
        at = data.find(b"PK\3\4", start + known)


def _extra(field: bytes) -> dict[int, bytes]:
    """The extra fields (4.5.1) by their id."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(field):
        end = at + 4 + int.from_bytes(field[at + 2 : at + 4], "little")
        found.setdefault(int.from_bytes(field[at : at + 2], "little"), field[at + 4 : end])
        at = end
    return found


def _zip64(field: bytes, size: int, packed: int, offset: int) -> tuple[int, int]:
    """(packed size, offset) with the 64-bit values (4.5.3), which stand there only for fields that are all ones."""
    values = iter([int.from_bytes(field[i : i + 8], "little") for i in range(0, min(len(field), 24) // 8 * 8, 8)])
    if size == 0xFFFFFFFF:
        next(values, size)
    if packed == 0xFFFFFFFF:
        packed = next(values, packed)
    if offset == 0xFFFFFFFF:
        offset = next(values, offset)
    return packed, offset


def _names(name: bytes, flags: int, extra: dict[int, bytes]) -> tuple[str, ...]:
    """Every name that the octets can be read to be; at least one."""
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
        found.append(extra[0x7075][5:].decode("utf-8", "replace"))
    return tuple(dict.fromkeys(found))


def _read(entry: _Entry, most: int, budget: Budget) -> tuple[bytes, str]:
    """(up to `most` octets of the member, why there are no more or "")."""
    try:
        start = _start(entry)
        allowed = min(most, budget.octets)
        data = _unpack(entry, start, allowed, budget)
    except ValueError as error:
        return b"", str(error)
    except (zlib.error, OSError, EOFError, MemoryError) as error:
        return b"", f"damaged ({error})"
    budget.octets -= len(data)
    if len(data) >= allowed < most:
        return data, "more octets than are unpacked of one message"
    return data, "" if not budget.late() else f"unpacking took longer than {budget.seconds:g} s"


def _start(entry: _Entry) -> int:
    try:
        fields = _LOCAL.unpack_from(entry.archive, entry.at)
    except (StructError, OverflowError):
        raise ValueError("damaged (it is said to begin beyond the end)") from None
    if entry.archive[entry.at : entry.at + 4] != b"PK\3\4":
        raise ValueError("damaged (there is no header where it should begin)")
    return entry.at + _LOCAL.size + int(fields[9]) + int(fields[10])


def _unpack(entry: _Entry, start: int, most: int, budget: Budget) -> bytes:
    """At most `most` octets. Raises `ValueError` with what is wrong, and what the decompressors raise."""
    packed = memoryview(entry.archive)[start : start + entry.packed]
    if entry.method == 0:
        return bytes(packed[:most])
    if entry.method == 8:
        return _inflate(packed, most, budget)
    if entry.method == 12:
        import bz2

        return bz2.BZ2Decompressor().decompress(packed, most)
    if entry.method == 14 and len(packed) > 9:
        import lzma

        # 5.8.8: two octets of version, the length of the properties, and these; then what .lzma has after a size.
        header = bytes(packed[4:9]) + b"\xff" * 8
        try:
            decoder = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_DICTIONARY)
            return decoder.decompress(header + bytes(packed[9:]), most)
        except lzma.LZMAError as error:
            raise ValueError(f"damaged ({error})") from None
    raise ValueError(f"packed by method {entry.method}, which is not opened")


def _inflate(packed: memoryview, most: int, budget: Budget) -> bytes:
    decoder = zlib.decompressobj(-15)
    pieces: list[bytes] = []
    size = 0
    # In steps: what zlib has not consumed it copies, which for a head of a large member would be all of it.
    for at in range(0, len(packed), 65_536):
        step = bytes(packed[at : at + 65_536])
        while step and size < most and not decoder.eof:
            pieces.append(decoder.decompress(step, most - size))
            size += len(pieces[-1])
            step = decoder.unconsumed_tail
        if size >= most or decoder.eof or budget.late():
            break
    return b"".join(pieces)
