"""tar archives: of Unix v7, POSIX (ustar, pax), GNU and what is between them.

Not by `tarfile`, which keeps every member it has seen and reads what extended headers say without a bound.
"""

from __future__ import annotations

from mailscan.unpack.bounded import stored
from mailscan.unpack.budget import in_time
from mailscan.unpack.found import NOT_OPENED, Found, Remark, Unopened
from mailscan.unpack.naming import names, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscan.unpack import Budget

    Holes = list[tuple[int, int]]

BLOCK = 512
# Of extended headers as much as is read, and of file names that one member has.
_LONGEST_EXTENDED = 1 << 20
_MOST_NAMES = 8
_MOST_HOLES = 100_000
_LONGEST_NUMBER = 20
# Links, devices, folders: what they have for a size is not read by everybody.
_WITHOUT_DATA = b"123456"


def is_tar(data: bytes) -> bool:
    """Whether a header with the right checksum stands at the beginning; that of v7 is not told otherwise."""
    return _is_header(data, 0)


def open_tar(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The members of a tar archive, and of those behind it; where headers are damaged, from the next good one on."""
    at = before = 0
    told = False
    pending = _Extended()
    while (at := _next_block(data, before := at)) + BLOCK <= len(data):
        in_time(budget)
        if not _is_header(data, at):
            # Behind a block of zeros, which ends an archive, anything may stand.
            if not told and at == before:
                yield Remark(NOT_OPENED, "damaged (no header of tar where one should be)")
                told = True
            if not _is_like_header(data, at):
                at = _resync(data, at, budget)
                continue
        kind = data[at + 156 : at + 157]
        start, size = at + BLOCK, _number(data[at + 124 : at + 136])
        if kind in b"xgXLKN":
            pending.read(kind, data[start : start + min(size, _LONGEST_EXTENDED)])
            at = start + _padded(size)
            continue
        # A file whose name ends so is a folder, for v7 has no kind of it.
        is_folder = kind in b"\x000" and data[at : at + 100].partition(b"\0")[0][-1:] == b"/"
        if (kind in _WITHOUT_DATA or is_folder) and (size > len(data) - start or _is_header(data, start)):
            size = 0
        header = data[at : at + BLOCK]
        if kind == b"S":
            holes, start = _old_holes(data, at)
            pending.holes = holes
        yield from _members(data, header, start, size, pending, budget)
        # Readers that do not know pax take the header's size: on from where the first may.
        at = start + _padded(min(size, pending.size) if pending.size >= 0 and size else max(size, pending.size))
        pending = _Extended(pending)
    if 0 < len(data) - before < BLOCK and at == before and not told and data[at:].strip(b"\0"):
        yield Remark(NOT_OPENED, "it is cut off in a header")


def _members(data: bytes, header: bytes, start: int, size: int, pending: _Extended, budget: Budget) -> Iterator[Found]:
    """The member, twice if its header and the extended one tell different sizes."""
    called = _names(header, pending)
    for one in dict.fromkeys([pending.size if pending.size >= 0 else size, size]):
        # None for the size of what has a larger one by the extended header, as such have.
        if one or not pending.size > 0:
            yield Found(called, min(one, len(data)), _reader(data, start, one, pending, budget))


def _reader(data: bytes, start: int, size: int, pending: _Extended, budget: Budget) -> Callable[[int], bytes]:
    holes, is_mapped = pending.holes, pending.is_mapped
    if holes is None and not is_mapped:
        return stored(data, start, size)
    return lambda most: _spread(data, start, size, holes or [], is_mapped, most, budget)


class _Extended:
    """What the headers before a member say of it: pax (POSIX.1-2008 pax, "pax Header Block") and GNU tar."""

    __slots__ = ("everywhere", "names", "size", "holes", "is_mapped")

    def __init__(self, before: _Extended | None = None) -> None:
        # Global headers hold for all members that follow.
        self.everywhere: list[str] = before.everywhere if before else []
        self.names: list[str] = []
        self.size = -1
        self.holes: Holes | None = None
        self.is_mapped = False

    def read(self, kind: bytes, body: bytes) -> None:
        """Take in one extended header of this kind."""
        if kind == b"L":
            if len(self.names) < _MOST_NAMES:
                self.names.append(text(body.partition(b"\0")[0]))
        elif kind in b"xgX":
            for key, value in _records(body):
                self._take(key, value, kind == b"g")

    def _take(self, key: bytes, value: bytes, is_global: bool) -> None:
        if key in (b"path", b"GNU.sparse.name"):
            known = self.everywhere if is_global else self.names
            if len(known) < _MOST_NAMES:
                known.append(text(value))
        elif key == b"size":
            self.size = _decimal(value)
        elif key == b"GNU.sparse.major":
            self.is_mapped = value != b"0"
        elif key == b"GNU.sparse.map":
            value = value.rstrip(b",")
            numbers = [_decimal(one) for one in value.split(b",", 2 * _MOST_HOLES)]
            # Where it is none, the octets are read as they stand.
            is_map = value.replace(b",", b"").isdigit() and not len(numbers) & 1
            self.holes = list(zip(numbers[::2], numbers[1::2], strict=False)) if is_map else None
        elif key == b"GNU.sparse.offset":
            self.holes = [*(self.holes or []), (_decimal(value), 0)] if not self.holes else self.holes
            if self.holes[-1] != (_decimal(value), 0) and len(self.holes) < _MOST_HOLES:
                self.holes.append((_decimal(value), 0))
        elif key == b"GNU.sparse.numbytes" and self.holes:
            self.holes[-1] = self.holes[-1][0], _decimal(value)


def _records(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of each record of a pax header: its length in decimal, a blank, key=value, a line end."""
    at = 0
    while at < len(body):
        digits = body[at : at + 20].partition(b" ")[0]
        size = _decimal(digits)
        if size <= len(digits) + 1 or not digits.isdigit():
            return
        key, _, value = body[at + len(digits) + 1 : at + size].partition(b"=")
        yield key, value[:-1] if value[-1:] == b"\n" else value
        at += size


def _names(header: bytes, pending: _Extended) -> tuple[str, ...]:
    """All names: the extended headers' last first, as readers have it, then the header's."""
    name = text(header[:100].partition(b"\0")[0])
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    full = f"{text(prefix)}/{name}" if prefix else name
    return names(*reversed(pending.names), full, *pending.everywhere) or ("",)


def _next_block(data: bytes, at: int) -> int:
    """Where the next block that is not all zeros begins."""
    import re

    if data[at : at + 1] != b"\0":
        return at
    zeros = re.compile(rb"\0+").match(data, at)
    return at + (zeros.end() - at) // BLOCK * BLOCK if zeros else at


def _is_header(data: bytes, at: int) -> bool:
    header = data[at : at + BLOCK]
    said = header[148:156]
    if len(header) < BLOCK or not said.strip(b" \0"):
        return False
    number = _number(said)
    total = sum(header) - sum(said) + 8 * 32
    # Some old programs summed signed octets.
    return number == total or (number > 0 and number == total - 256 * sum(octet > 127 for octet in header))


def _is_like_header(data: bytes, at: int) -> bool:
    """Whether it is a header but for its checksum, which not every reader compares."""
    size = data[at + 124 : at + 136].strip(b" \0")
    return data[at + 257 : at + 262] == b"ustar" and (size.isdigit() or size[:1] == b"\x80") and data[at] != 0


def _resync(data: bytes, at: int, budget: Budget) -> int:
    """Where the next header begins that is right, wherever it stands."""
    found = at + 257
    for steps in range(len(data)):
        if not steps & 1023:
            in_time(budget)
        found = data.find(b"ustar", found + 1)
        if found < 0:
            break
        if _is_header(data, found - 257):
            return found - 257
    return len(data)


def _number(field: bytes) -> int:
    """Octal digits between blanks and NULs, or base 256 where the first bit is set; 0 where it is no number."""
    if field[:1] in (b"\x80", b"\xff"):
        return int.from_bytes(field[1:], "big") if field[0] == 0x80 else 0
    digits = field.strip(b" \0").split(b"\0")[0].split(b" ")[0]
    try:
        return int(digits, 8) if digits.isdigit() else 0
    except ValueError:
        return 0


def _decimal(value: bytes) -> int:
    """0 where it is no number, or one beyond anything."""
    value = value.strip()
    return int(value) if value.isdigit() and len(value) < 20 else 0


def _padded(size: int) -> int:
    return (size + BLOCK - 1) // BLOCK * BLOCK


def _old_holes(data: bytes, at: int) -> tuple[Holes, int]:
    """(where pieces of a sparse file lie, where they begin in the archive), by GNU tar's own header."""
    places = [at + 386 + 24 * number for number in range(4)]
    more, start = data[at + 482 : at + 483], at + BLOCK
    holes: Holes = []
    while True:
        for place in places:
            offset, size = _number(data[place : place + 12]), _number(data[place + 12 : place + 24])
            if size or offset:
                holes.append((offset, size))
        if more in (b"", b"\0") or len(holes) >= _MOST_HOLES or start >= len(data):
            return holes, start
        places = [start + 24 * number for number in range(21)]
        more, start = data[start + 504 : start + 505], start + BLOCK


def _spread(data: bytes, start: int, size: int, holes: Holes, is_mapped: bool, most: int, budget: Budget) -> bytes:
    """At most `most` octets of a sparse file, zeros in its holes. Raises `Unopened`."""
    end = min(len(data), start + size)
    if is_mapped:
        holes, start = _map(data, start, end)
    whole = bytearray()
    for number, (offset, length) in enumerate(holes):
        if not number & 1023:
            in_time(budget, whole)
        if offset < len(whole):
            raise Unopened("damaged (pieces of a sparse file that overlap)", partly=bytes(whole))
        whole += bytes(min(offset, most) - len(whole))
        if len(whole) >= most:
            return bytes(whole)
        wanted = min(length, most - len(whole))
        whole += data[start : min(start + wanted, end)]
        if start + wanted > end:
            raise Unopened("it is cut off", partly=bytes(whole))
        start += length
    if start < end and len(whole) < most:
        raise Unopened("damaged (the map of a sparse file does not speak of all its octets)", partly=bytes(whole))
    return bytes(whole)


def _map(data: bytes, start: int, end: int) -> tuple[Holes, int]:
    """(where pieces lie, where the first one begins) by GNU tar's format 1.0: a number on each line before the data.

    Lines that begin with "#" are comments, for libarchive. Raises `Unopened`.
    """
    numbers: list[int] = []
    at, stop = start, min(end, start + _LONGEST_EXTENDED)
    while not numbers or len(numbers) <= 2 * min(numbers[0], _MOST_HOLES):
        line_end = data.find(b"\n", at, stop)
        line = data[at:line_end] if line_end >= 0 else b""
        if line[:1] != b"#":
            if not line.isdigit() or len(line) > _LONGEST_NUMBER:
                # As it stands is how readers without sparse files give it.
                raise Unopened("damaged (the map of a sparse file cannot be read)", partly=data[start:end])
            numbers.append(int(line))
        at = line_end + 1
    return list(zip(numbers[1::2], numbers[2::2], strict=True)), start + _padded(at - start)
