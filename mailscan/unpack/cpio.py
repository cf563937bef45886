"""cpio archives (newc, crc, odc, old binary of either byte order), and RPM packages, which carry one."""

from __future__ import annotations

from struct import Struct

from mailscan.unpack.bounded import stored
from mailscan.unpack.budget import in_time
from mailscan.unpack.found import NOT_OPENED, Found, Remark, Unopened
from mailscan.unpack.naming import names, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_TRAILER = b"TRAILER!!!"
_LINK, _TYPE = 0o120000, 0o170000
_LITTLE, _BIG = Struct("<13H"), Struct(">13H")
_LEAD, _RPM_HEADER = 96, b"\x8e\xad\xe8"


class _Header:
    """One member's: `end` is where its name ends, `align` what the data and the next header are aligned to."""

    __slots__ = ("name", "mode", "size", "end", "align")

    def __init__(self, name: bytes, mode: int, size: int, end: int, align: int) -> None:
        self.name = name
        self.mode = mode
        self.size = size
        self.end = end
        self.align = align


def open_cpio(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The members of a cpio archive, and of those behind it. A link's data is where it points to, and is not given."""
    at = 0
    while True:
        in_time(budget)
        header = _header(data, at)
        if header is None:
            if at and _after_zeros(data, at) >= len(data):
                yield Remark(NOT_OPENED, "it is cut off (it has no trailer)")
                return
            at = _resync(data, at)
            if at < 0:
                yield Remark(NOT_OPENED, "damaged (no header of cpio where one should be)")
                return
            continue
        start = _aligned(header.end, header.align)
        size = header.size
        at = _aligned(start + size, header.align)
        if header.name == _TRAILER:
            at = _after_zeros(data, at)
            if at >= len(data) or _header(data, at) is None:
                return
            continue
        if header.mode & _TYPE == _LINK:
            size = 0
        yield Found(names(text(header.name)) or ("",), min(size, len(data)), stored(data, start, size))


def is_cpio(data: bytes) -> bool:
    """Whether a header stands at the beginning. Those of the old binary ones begin with two octets that many have."""
    return _header(data, 0) is not None


def _header(data: bytes, at: int) -> _Header | None:
    magic = data[at : at + 6]
    if magic in (b"070701", b"070702"):
        return _by_numbers(data, at, [(at + 6 + 8 * field, 8) for field in (1, 6, 11)], 16, 110, 4)
    if magic == b"070707":
        return _by_numbers(data, at, [(at + 18, 6), (at + 65, 11), (at + 59, 6)], 8, 76, 1)
    if magic[:2] in (b"\xc7\x71", b"\x71\xc7") and at + 26 <= len(data):
        fields = (_LITTLE if magic[0] == 0xC7 else _BIG).unpack_from(data, at)
        length, size = fields[10], fields[11] << 16 | fields[12]
        name = data[at + 26 : at + 26 + length]
        # No more than two octets tell these: the name must be one, and the type of file one that there is.
        if 1 < length <= 4096 and name[-1:] == b"\0" and b"\0" not in name[:-1] and fields[3] >> 12 in _TYPES:
            return _Header(name[:-1], fields[3], size, at + 26 + length, 2)
    return None


_TYPES = (0, 1, 2, 4, 6, 8, 9, 10, 12)


def _by_numbers(
    data: bytes, at: int, places: list[tuple[int, int]], base: int, length: int, align: int
) -> _Header | None:
    """The header whose numbers, in that base, are mode, size of the data, and length of the name with its NUL."""
    numbers = []
    for place, width in places:
        digits = data[place : place + width]
        if not digits.isalnum():
            return None
        try:
            numbers.append(int(digits, base))
        except ValueError:
            return None
    mode, size, name_length = numbers
    name_at = at + length
    if not name_length or name_at + name_length > len(data):
        return None
    name = data[name_at : name_at + min(name_length, 4096)].partition(b"\0")[0]
    return _Header(name, mode, size, name_at + name_length, align)


def _aligned(at: int, align: int) -> int:
    # Counted from the archive's beginning; all before a header is aligned as well.
    return (at + align - 1) // align * align


def _after_zeros(data: bytes, at: int) -> int:
    import re

    zeros = re.compile(rb"\0*").match(data, at)
    return zeros.end() if zeros else at


def _resync(data: bytes, at: int) -> int:
    """Where the next magic of six digits stands; -1 where there is none."""
    import re

    found = re.compile(rb"0707(?:01|02|07)").search(data, at + 1)
    return found.start() if found else -1


def open_rpm(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """What an RPM package carries: behind a lead and two headers a cpio archive, compressed by what its octets tell."""
    at = _rpm_header_end(data, _LEAD)
    # The first of them, the signature, is padded to eight octets.
    at = _rpm_header_end(data, (at + 7) // 8 * 8) if at >= 0 else at
    if at < 0:
        raise Unopened("damaged (no header of RPM where one should be)")
    yield Found(("payload.cpio",), max(0, len(data) - at), lambda most: data[at : at + most])


def _rpm_header_end(data: bytes, at: int) -> int:
    """Where a header structure ends: magic, version, 4 octets, how many entries of 16 octets, how many of data."""
    if data[at : at + 3] != _RPM_HEADER or at + 16 > len(data):
        return -1
    count, size = int.from_bytes(data[at + 8 : at + 12], "big"), int.from_bytes(data[at + 12 : at + 16], "big")
    end = at + 16 + 16 * count + size
    return end if end <= len(data) else -1
