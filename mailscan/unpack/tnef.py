"""TNEF, Outlook's winmail.dat ([MS-OXTNEF]): the attachments, attached messages in one another, the text in RTF."""

from __future__ import annotations

from struct import unpack_from

from mailscan.unpack.budget import in_time
from mailscan.unpack.found import NOT_OPENED, Found, Remark
from mailscan.unpack.lzfu import decompress_rtf
from mailscan.unpack.package import last_part, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

SIGNATURE = b"\x78\x9f\x3e\x22"
# 2.1.3.2: attAttachRendData, attAttachTitle, attAttachData, attAttachment, attMsgProps
_BEGINS, _TITLE, _DATA, _PROPERTIES, _MESSAGE = 0x9002, 0x8010, 0x800F, 0x9005, 0x9003
# [MS-OXPROPS]: what an attachment holds and is called, and the text of the message.
_OCTETS, _RTF, _HTML = 0x3701, 0x1009, 0x1013
_NAMES = (0x3707, 0x3704, 0x3001, 0x370D)
# [MS-OXCDATA] 2.11.1: how long values are.
_FIXED = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 4, 20: 8, 64: 8, 72: 16, 1: 0}
_OBJECT, _STRING8, _UNICODE, _BINARY = 0x0D, 0x1E, 0x1F, 0x102
_MULTIPLE = 0x1000
# Names that one attachment has; octets that it has, of which there are more by and by.
_MOST_NAMES, _MOST_AT_ONCE = 100, 1000


class _Attachment:
    """One attachment: its names, and its octets where they lie in the file, as often as it has them."""

    __slots__ = ("names", "spans")

    def __init__(self) -> None:
        self.names: list[str] = []
        self.spans: list[tuple[int, int]] = []

    def call(self, name: str) -> None:
        """Take down a name, if it has not more than anybody gives it."""
        if len(self.names) < _MOST_NAMES:
            self.names.append(name)


def open_tnef(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The attachments of a TNEF stream, and the text of the message where it is RTF or HTML."""
    here = _Attachment()
    at = 6
    steps = 0
    while at + 9 <= len(data):
        # 2.1.3.3: level, number, type, length, the octets, a checksum, which readers do not ask.
        number, _, size = unpack_from("<HHI", data, at + 1)
        start = at + 9
        stop = min(start + size, len(data))
        if number == _BEGINS:
            yield from _told(data, here)
            here = _Attachment()
        elif number == _TITLE:
            here.call(text(data[start : min(stop, start + 1000)]))
        elif number == _DATA:
            if len(here.spans) == _MOST_AT_ONCE:
                yield from _told(data, here)
                here.spans.clear()
            here.spans.append((start, stop))
        elif number in (_PROPERTIES, _MESSAGE):
            yield from _properties(data, start, stop, here if number == _PROPERTIES else None, budget)
        if start + size > len(data):
            yield Remark(NOT_OPENED, "damaged: it ends within an attribute")
        at = start + size + 2
        steps += 1
        if not steps & 255:
            in_time(budget)
    yield from _told(data, here)


def _told(data: bytes, one: _Attachment) -> Iterator[Found]:
    """The members that an attachment is: of octets that it has twice both, if they differ."""
    names = tuple(dict.fromkeys(filter(None, map(last_part, one.names))))
    seen: set[int] = set()
    for start, stop in one.spans:
        # Kept as what Python hashes octets to, with a key of its own: the octets themselves may be many.
        octets = hash(data[start:stop]) if len(one.spans) > 1 else 0
        if octets not in seen:
            seen.add(octets)
            yield _member(names, data, start, stop)


def _member(names: tuple[str, ...], data: bytes, start: int, stop: int) -> Found:
    return Found(names, stop - start, lambda most: data[start : min(start + most, stop)])


def _rtf(data: bytes, start: int, stop: int, budget: Budget) -> Found:
    return Found(("body.rtf",), stop - start, lambda most: decompress_rtf(data[start:stop], most, budget))


def _properties(data: bytes, at: int, stop: int, into: _Attachment | None, budget: Budget) -> Iterator[Found]:
    """The MAPI properties of an attachment, or of the message (2.1.3.4)."""
    at += 4  # their number; the end says it as well
    steps = 0
    while at + 4 <= stop:
        kind, number = unpack_from("<HH", data, at)
        at = _after_name(data, at + 4, stop) if number >= 0x8000 else at + 4
        several = kind & _MULTIPLE or kind & 0xFFF in (_OBJECT, _STRING8, _UNICODE, _BINARY)
        count = unpack_from("<I", data, at)[0] if several and at + 4 <= stop else 1
        at += 4 if several else 0
        steps += 1
        if not steps & 1023:
            in_time(budget)
        if (size := _FIXED.get(kind & 0xFFF)) is not None:
            at += size * count
            count = 0
        for _ in range(min(count, max(0, stop - at))):
            steps += 1
            if not steps & 1023:
                in_time(budget)
            if kind & 0xFFF not in (_OBJECT, _STRING8, _UNICODE, _BINARY) or at + 4 > stop:
                return
            size = unpack_from("<I", data, at)[0]
            yield from _value(data, number, kind & 0xFFF, at + 4, min(at + 4 + size, stop), into, budget)
            at += 4 + (size + 3 & ~3)
            if at > stop:
                return


def _after_name(data: bytes, at: int, stop: int) -> int:
    """Where a property goes on behind its name: a GUID, then a number or a text (2.1.3.4)."""
    if at + 24 > stop:
        return stop
    kind, size = unpack_from("<II", data, at + 16)
    return at + 24 + (size + 3 & ~3) if kind else at + 24


def _value(
    data: bytes, number: int, kind: int, start: int, stop: int, into: _Attachment | None, budget: Budget
) -> Iterator[Found]:
    """What a value is to us: a name or the octets of the attachment, or a text."""
    if number in _NAMES and into is not None:
        octets = data[start : min(stop, start + 2000)]
        into.call(octets.decode("utf-16-le", "replace").partition("\0")[0] if kind == _UNICODE else text(octets))
    elif number == _OCTETS and into is not None:
        # An object stands behind the id of its interface: a storage, or a message as TNEF.
        into.spans.append((min(start + 16, stop) if kind == _OBJECT else start, stop))
    elif number == _RTF and kind == _BINARY:
        yield _rtf(data, start, stop, budget)
    elif number == _HTML and kind in (_BINARY, _STRING8):
        yield _member(("body.html",), data, start, stop)
