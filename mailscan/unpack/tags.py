"""XML as documents have it, read tag by tag: no entity of a DTD is expanded, no tree is built, time is linear."""

from __future__ import annotations

import re
from functools import cache
from html import escape, unescape

from mailscan.unpack.found import OVER_LIMIT, Unopened
from mailscan.unpack.limits import in_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_MOST_ATTRIBUTES = 1000

_ATTRIBUTE = re.compile(r"""(?<![\w:.-])(?:[\w.-]++:)?([\w.-]++)\s*+=\s*+("[^"]*+|'[^']*+)""")
_HEAD = re.compile(r"""(?>(?:[^>"']|"[^"]*+"|'[^']*+')*)>""")


class Tag:
    """One tag: its local `name` ("/name" at the end of an element), its attributes, and the text behind it."""

    __slots__ = ("name", "text", "_source")

    def __init__(self, name: str, source: str, text: str) -> None:
        self.name = name
        self.text = text
        self._source = source

    def attributes(self) -> dict[str, str]:
        """Their values by local name; of several the first. Raises `Unopened` where no document has so many."""
        found: dict[str, str] = {}
        for count, one in enumerate(_ATTRIBUTE.finditer(self._source)):
            if count == _MOST_ATTRIBUTES:
                raise Unopened("a tag with more attributes than are read", OVER_LIMIT)
            found.setdefault(one.group(1), unescape(one.group(2)[1:]))
        return found


def decoded(data: bytes) -> str:
    """The text of an XML file in UTF-8 or UTF-16, without comments, and with CDATA sections as other text."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        xml = data.decode("utf-16", "replace")
    elif data[:2] == b"<\0":
        xml = data.decode("utf-16-le", "replace")
    elif data[:2] == b"\0<":
        xml = data.decode("utf-16-be", "replace")
    else:
        xml = data.decode("utf-8", "replace")
    return _without(_without(xml, "<!--", "-->", False), "<![CDATA[", "]]>", True)


def has(data: bytes, *words: bytes) -> bool:
    """Whether one of these words of ASCII stands in an XML file, in whatever encoding."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<"):
        data = data.replace(b"\0", b"")
    return any(word in data for word in words)


def tags(xml: str, budget: Budget, *wanted: str) -> Iterator[Tag]:
    """The tags with one of these local names, and the ends of such elements."""
    for count, found in enumerate(_pattern(wanted).finditer(xml)):
        if not count & 255:
            in_time(budget)
        # No "<" stands in a tag, and none in text.
        end = xml.find("<", found.end())
        piece = xml[found.end() : end if end >= 0 else len(xml)]
        head = _HEAD.match(piece)
        at = head.end() if head is not None else piece.find(">") + 1 or len(piece)
        yield Tag(found.group(1) + found.group(2), piece[:at], unescape(piece[at:]))


@cache
def _pattern(wanted: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"<(/?)(?:[^\s<>/:]{{1,100}}:)?({'|'.join(wanted)})(?=[\s/>])")


def _without(xml: str, begin: str, end: str, keep: bool) -> str:
    """The XML without what stands between these; with `keep` it stays there as text."""
    at = 0
    pieces = []
    while (start := xml.find(begin, at)) >= 0:
        pieces.append(xml[at:start])
        stop = xml.find(end, start + len(begin))
        stop = stop if stop >= 0 else len(xml)
        if keep:
            pieces.append(escape(xml[start + len(begin) : stop]))
        at = stop + len(end)
    pieces.append(xml[at:])
    return "".join(pieces)
