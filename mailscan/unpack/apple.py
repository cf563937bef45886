"""Macintosh files with both their forks in one: AppleSingle and AppleDouble (RFC 1740), MacBinary."""

from __future__ import annotations

from mailscan.unpack.bounded import stored
from mailscan.unpack.budget import in_time
from mailscan.unpack.found import NOT_OPENED, Found, Remark
from mailscan.unpack.naming import names, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_DATA, _RESOURCE, _NAME = 1, 2, 3


def open_apple(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The data fork and the resource fork of an AppleSingle or AppleDouble file, by its real name."""
    count = int.from_bytes(data[24:26], "big")
    entries: list[tuple[int, int, int]] = []
    for at in range(26, min(26 + 12 * count, len(data) - 11), 12):
        fields = data[at : at + 12]
        entries.append(tuple(int.from_bytes(fields[i : i + 4], "big") for i in (0, 4, 8)))  # type: ignore[arg-type]
    called = names(*[text(data[at : at + min(size, 255)], "mac_roman") for kind, at, size in entries if kind == _NAME])
    if len(entries) < count:
        yield Remark(NOT_OPENED, "it is cut off")
    for kind, at, size in entries:
        in_time(budget)
        # An empty resource fork is none.
        if kind == _DATA or (kind == _RESOURCE and size):
            yield Found(called, min(size, len(data)), stored(data, at, size))


def is_macbinary(data: bytes) -> bool:
    """Whether the octets begin with a header of MacBinary, which has no signature but in its third version."""
    if len(data) < 128 or data[0] or data[74] or data[82] or not 1 <= data[1] <= 63 or 0 in data[2 : 2 + data[1]]:
        return False
    if data[102:106] == b"mBIN":
        return True
    import binascii

    if binascii.crc_hqx(data[:124], 0) == int.from_bytes(data[124:126], "big") != 0:
        return True
    # The first version: nothing else in the header, and the forks as long as the file is.
    size, resource = int.from_bytes(data[83:87], "big"), int.from_bytes(data[87:91], "big")
    whole = 128 + _padded(size) + _padded(resource)
    return not data[99:128].strip(b"\0") and size + resource > 0 and whole - 128 < len(data) <= whole


def open_macbinary(data: bytes, budget: Budget) -> Iterator[Found]:
    """The data fork of a MacBinary file, and its resource fork where it is not empty."""
    in_time(budget)
    called = names(data[2 : 2 + min(63, data[1])].decode("mac_roman")) if len(data) > 1 else ()
    start = 128 + _padded(int.from_bytes(data[120:122], "big"))
    size, resource = int.from_bytes(data[83:87], "big"), int.from_bytes(data[87:91], "big")
    yield Found(called, min(size, len(data)), stored(data, start, size))
    if resource:
        yield Found(called, min(resource, len(data)), stored(data, start + _padded(size), resource))


def _padded(size: int) -> int:
    return (size + 127) // 128 * 128
