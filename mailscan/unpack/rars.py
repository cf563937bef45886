"""RAR archives, of version 1.5 to 4 and of 5 on: the names and what is stored are read here, the rest by libarchive.

A name is enough to refuse a program by, where nothing on the machine can unpack it. RARLAB's technote describes the
format of 5; of the older one, this is what all readers agree on.
"""

from __future__ import annotations

from mailscan.unpack.budget import in_time
from mailscan.unpack.found import ENCRYPTED_ARCHIVE, NOT_OPENED, Found, Remark, Unopened
from mailscan.unpack.membernames import names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscan.unpack import Budget

_FOUR, _FIVE = b"Rar!\x1a\x07\0", b"Rar!\x1a\x07\1\0"
# Of how a member is read: its octets are here as they are; encrypted; by others.
_STORED, _ENCRYPTED, _PACKED = range(3)


class _Entry:
    """A file in the archive; its octets are from `start` on, `packed` of them."""

    __slots__ = ("names", "how", "start", "packed")

    def __init__(self, names: tuple[str, ...], how: int, start: int, packed: int) -> None:
        self.names = tuple(one.replace("\\", "/") for one in names) or ("?",)
        self.how = how
        self.start = start
        self.packed = packed


def open_rar(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The members of a RAR archive, which begins with its first octet. Raises `Unopened`."""
    from mailscan.unpack.foreign import Elsewhere

    if data.startswith(_FIVE):
        entries = _five(data)
    elif data.startswith(_FOUR):
        entries = _four(data)
    else:
        raise Unopened("not a RAR archive")
    elsewhere = Elsewhere(data, budget, "rar")
    fault: Unopened | None = None
    listed = others = False
    try:
        for entry in entries:
            in_time(budget)
            found = elsewhere.found(entry.names, entry.packed)
            if entry.how == _STORED:
                found.read = _stored(data, entry)
            elif entry.how == _ENCRYPTED:
                found.read = _encrypted
            listed, others = True, others or entry.how == _PACKED
            yield found
    except Unopened as error:
        fault = Unopened(str(error), error.group)  # anew: its traceback would hold this frame
        if error.group != NOT_OPENED:
            raise
    # Where all that is there was stored or encrypted, there is nothing to ask others for.
    if others or not listed or fault is not None:
        yield from elsewhere.rest()
    if fault is not None:
        raise fault


def _stored(data: bytes, entry: _Entry) -> Callable[[int], bytes]:
    def read(most: int) -> bytes:
        wanted = min(most, entry.packed)
        octets = data[entry.start : entry.start + wanted]
        if len(octets) < wanted:
            raise Unopened("damaged: the archive ends before it", partly=octets)
        return octets

    return read


def _encrypted(most: int) -> bytes:
    raise Unopened("encrypted", ENCRYPTED_ARCHIVE)


def _four(data: bytes) -> Iterator[_Entry]:
    """The files of an archive of the older format. Raises `Unopened`."""
    at = len(_FOUR)
    while at + 7 <= len(data):
        kind, flags, size = data[at + 2], _number(data, at + 3, 2), _number(data, at + 5, 2)
        if size < 7 or not 0x72 <= kind <= 0x7B:
            raise Unopened("damaged: a header of the archive cannot be read")
        packed = _number(data, at + 7, 4) if flags & 0x8000 or kind == 0x74 else 0
        if kind == 0x73 and flags & 0x80:
            raise Unopened("encrypted, names too", ENCRYPTED_ARCHIVE)
        if kind == 0x74:
            name_at = at + 32
            if flags & 0x100:  # more than 4 GB
                packed += _number(data, at + 32, 4) << 32
                name_at += 8
            if flags & 0xE0 != 0xE0:  # that is a folder
                raw = data[name_at : min(name_at + _number(data, at + 26, 2), at + size)]
                how = _ENCRYPTED if flags & 4 else _STORED if data[at + 25 : at + 26] == b"0" else _PACKED
                yield _Entry(_names(raw, flags), how, at + size, packed)
        elif kind == 0x7B:
            return
        at += size + packed


def _names(raw: bytes, flags: int) -> tuple[str, ...]:
    """The names of a file: in the DOS or Windows charset, and behind a NUL in Unicode, or in UTF-8."""
    plain, nul, packed = raw.partition(b"\0")
    if not flags & 0x200 or not nul:
        return names_of(raw)
    unicode = _unicode(plain, packed)
    return tuple(dict.fromkeys((unicode, *names_of(plain)) if unicode else names_of(plain)))


def _unicode(plain: bytes, packed: bytes) -> str:
    """The Unicode name, which is written as what differs from the plain one: two bits say how each is written."""
    high = packed[:1]
    name = bytearray()
    at, bits, left = 1, 0, 0
    while at < len(packed):
        if not left:
            bits, left, at = packed[at], 4, at + 1
            continue
        left -= 1
        how = bits >> 2 * left & 3
        if how == 2:
            name += packed[at : at + 2].ljust(2, b"\0")
            at += 2
        elif how < 2:
            name += packed[at : at + 1] + (high if how else b"\0")
            at += 1
        else:
            count, at = packed[at], at + 1
            shift, high_too = 0, b"\0"
            if count & 0x80 and at < len(packed):
                shift, high_too, at = packed[at], high, at + 1
            for one in plain[len(name) // 2 :][: (count & 0x7F) + 2]:
                name += bytes(((one + shift) & 0xFF,)) + high_too
    return bytes(name).decode("utf-16-le", "replace")


def _five(data: bytes) -> Iterator[_Entry]:
    """The files of an archive of the newer format. Raises `Unopened`."""
    at = len(_FIVE)
    while at + 7 <= len(data):
        size, begin = _vint(data, at + 4)
        end = begin + size
        kind, here = _vint(data, begin)
        flags, here = _vint(data, here)
        if not size or (not 1 <= kind <= 5 and not flags & 4):
            raise Unopened("damaged: a header of the archive cannot be read")
        extra = packed = 0
        if flags & 1:
            extra, here = _vint(data, here)
        if flags & 2:
            packed, here = _vint(data, here)
        if kind == 4:
            raise Unopened("encrypted, names too", ENCRYPTED_ARCHIVE)
        if kind == 2:
            entry = _file(data, here, end, extra, packed)
            if entry is not None:
                yield entry
        elif kind == 5:
            return
        at = end + packed


def _file(data: bytes, at: int, end: int, extra: int, packed: int) -> _Entry | None:
    flags, at = _vint(data, at)
    _, at = _vint(data, at)  # its size unpacked
    _, at = _vint(data, at)  # attributes
    at += 4 * (flags >> 1 & 1) + 4 * (flags >> 2 & 1)
    method, at = _vint(data, at)
    _, at = _vint(data, at)  # the system
    length, at = _vint(data, at)
    if flags & 1:
        return None
    how = _STORED if not method >> 7 & 7 else _PACKED
    # Records of the extra area: 1 is encryption.
    here = end - min(extra, end)
    while here < end:
        size, begin = _vint(data, here)
        if not size:
            break
        if _vint(data, begin)[0] == 1:
            how = _ENCRYPTED
        here = begin + size
    return _Entry(names_of(data[at : min(at + length, end)]), how, end, packed)


def _vint(data: bytes, at: int) -> tuple[int, int]:
    """(a number of seven bits an octet, where it ends)"""
    number = 0
    for place in range(10):
        octet = data[at + place] if at + place < len(data) else 0
        number |= (octet & 0x7F) << 7 * place
        if octet < 0x80:
            return number, at + place + 1
    return number, at + 10


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")
