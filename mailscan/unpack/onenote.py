"""OneNote sections ([MS-ONESTORE]): the files that lie in them, pictures among these.

A file is found by the id that stands in front of it, wherever that is; no list of nodes is believed. Its name stands
elsewhere, in an object that only these lists lead to. So every text that may be the name of a file in the section is a
name of each file that is no picture, unless there are as many names as files: then they stand in the same order.
"""

from __future__ import annotations

import re
from struct import unpack_from

from mailscan.filetype import by_first_octets
from mailscan.unpack.budget import in_time
from mailscan.unpack.found import NOT_OPENED, Found, Remark
from mailscan.unpack.package import last_part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscan.unpack import Budget

# 2.3.1: a section, or a table of contents.
SIGNATURES = (bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3"), bytes.fromhex("a12ff843d9ef764c9ee210ea5722765f"))
_FILE = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac")  # 2.6.13: guidHeader
_PICTURES = ("png", "jpeg", "gif", "bmp", "tiff", "wmf", "emf")
_MOST_NAMES, _LONGEST = 100, 260
# 2.3.1: guidFileFormat of what the program writes; the web's way (2.8) keeps files otherwise.
_FORMAT = bytes.fromhex("3fdd9a101b91f549a5d01791edc8aed8")
# The end of a text in UTF-16 that may be a file name.
_EXTENSION = re.compile(rb"\.\0(?:[A-Za-z0-9_-]\0){1,20}(?:\0\0)?")


def open_onenote(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The files in a section of OneNote."""
    spans = list(_spans(data, budget))
    files = [span for span in spans if not _is_picture(data, *span)]
    if data[48:64] != _FORMAT:
        yield Remark(NOT_OPENED, "a OneNote section as the web writes it, of which only some files are found")
    names = _names(data, spans, budget) if files else []
    one_each = len(names) == len(files)
    number = 0
    for start, stop in spans:
        called: tuple[str, ...] = ()
        if not _is_picture(data, start, stop):
            called = (names[number],) if one_each else tuple(names)
            number += 1
        yield Found(called, stop - start, _reader(data, start, stop))


def _reader(data: bytes, start: int, stop: int) -> Callable[[int], bytes]:
    return lambda most: data[start : min(start + most, stop)]


def _spans(data: bytes, budget: Budget) -> Iterator[tuple[int, int]]:
    """Where the octets of the files lie (2.6.13): the id, a length, twelve octets that mean nothing, the octets."""
    at = data.find(_FILE)
    steps = 0
    while at >= 0 and at + 36 <= len(data):
        size = unpack_from("<Q", data, at + 16)[0]
        stop = min(at + 36 + size, len(data))
        yield at + 36, stop
        steps += 1
        if not steps & 255:
            in_time(budget)
        # Not behind the octets: their length may be a lie that hides the next file.
        at = data.find(_FILE, at + 36)


def _is_picture(data: bytes, start: int, stop: int) -> bool:
    kind = by_first_octets(data[start : min(stop, start + 64)])
    return (kind is not None and kind.name in _PICTURES) or data[start + 40 : start + 44] == b" EMF"


def _names(data: bytes, spans: list[tuple[int, int]], budget: Budget) -> list[str]:
    """Texts outside the files that end as names of files do, each once, in the order in which they stand."""
    found: dict[str, None] = {}
    at = 0
    for start, stop in [*spans, (len(data), len(data))]:
        for match in _EXTENSION.finditer(data, at, max(at, start)):
            in_time(budget)
            name = last_part(_text(data, match.start(), match.end()))
            if name.isprintable() and not name.lower().endswith((".one", ".onetoc2")) and len(found) < _MOST_NAMES:
                found.setdefault(name)
        at = max(at, stop)
    found.pop("", None)
    return list(found)


def _text(data: bytes, dot: int, end: int) -> str:
    """The value of a property that ends so: its length in octets stands before it (2.6.6); "" if it is none."""
    for at in range(dot - 2, max(3, dot - 2 * _LONGEST), -2):
        if data[at : at + 2] == b"\0\0":
            break
        if unpack_from("<I", data, at - 4)[0] == end - at:
            return data[at:end].decode("utf-16-le", "replace").rstrip("\0")
    return ""
