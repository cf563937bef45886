"""What is inside an archive: its members, their names, and as much of their octets as the budget allows.

ZIP (PKWARE APPNOTE 6.3.10), also with data before it, also inside another. `mailscan.unpack.ziplist` says where the
members lie; decompression is the standard library's. Nothing is ever written to a disk, and no octets make this raise.
"""

from __future__ import annotations

import zlib

from mailscan.filetype import ARCHIVES, ZIP, by_first_octets
from mailscan.unpack.ziplist import ENCRYPTED, MASKED, Entries, Entry, directories

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
        self._entry: Entry | None = None
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
    # The end record is followed by a comment of at most 64 kB (4.3.16).
    return by_first_octets(data[:8]) == ZIP or any(
        one.start < one.stop for end in directories(data, len(data) - 65_557) for one in end
    )


def members(data: bytes, budget: Budget, path: str = "", depth: int = 1) -> Iterator[Member]:
    """The members of a ZIP archive, and theirs, depth first; what cannot be read is yielded as unopened."""
    if depth > budget.depth:
        yield Member(path, unopened=f"archives more than {budget.depth} deep in each other")
        return
    entries = Entries(data, budget.late)
    for entry in entries:
        if isinstance(entry, str):
            yield Member(path, unopened=entry)
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
        if entry.flags & MASKED:
            member.unopened = "encrypted, its name too"
        elif entry.flags & ENCRYPTED:
            member.unopened = "encrypted"
        else:
            member.head, member.unopened = _read(entry, HEAD, budget)
        if member.unopened and not member.head:
            member._entry = None
        yield member
        kind = by_first_octets(member.head)
        # By its name too, since an archive may have anything before it; not every member, which were to unpack all.
        if kind == ZIP or (kind is None and member.head and any(one.lower().endswith(".zip") for one in entry.names)):
            inner = member.data()
            if member.unopened:
                yield Member(member.path, unopened=member.unopened)
            if kind == ZIP or holds_zip(inner):
                entries.opened(entry)
                yield from members(inner, budget, member.path, depth + 1)
        elif kind is not None and kind.group == ARCHIVES:
            yield Member(member.path, unopened=f"{kind.text}, which is not opened")


def _read(entry: Entry, most: int, budget: Budget) -> tuple[bytes, str]:
    """(up to `most` octets of the member, why there are no more or "")."""
    try:
        start = entry.data_start()
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


def _unpack(entry: Entry, start: int, most: int, budget: Budget) -> bytes:
    """At most `most` octets. Raises `ValueError` with what is wrong, and what the decompressors raise."""
    packed = memoryview(entry.archive)[start : start + entry.packed]
    entry.span = start, start + len(packed)
    if entry.method == 0:
        return bytes(packed[:most])
    if entry.method == 8:
        data, consumed = _inflate(packed, most, budget)
        entry.span = start, start + consumed
        return data
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


def _inflate(packed: memoryview, most: int, budget: Budget) -> tuple[bytes, int]:
    """(at most `most` octets, how many of the packed ones they took)"""
    decoder = zlib.decompressobj(-15)
    pieces: list[bytes] = []
    size = consumed = 0
    # In steps: what zlib has not consumed it copies, which for a head of a large member would be all of it.
    for at in range(0, len(packed), 65_536):
        step = bytes(packed[at : at + 65_536])
        consumed = at + len(step)
        while step and size < most and not decoder.eof:
            pieces.append(decoder.decompress(step, most - size))
            size += len(pieces[-1])
            step = decoder.unconsumed_tail
        if size >= most or decoder.eof or budget.late():
            consumed -= len(decoder.unused_data) or len(step)
            break
    return b"".join(pieces), consumed
