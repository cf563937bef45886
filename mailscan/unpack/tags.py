"""XML as documents have it, read tag by tag: no entity of a DTD is expanded, no tree is built, time is linear."""

from __future__ import annotations

import re
from functools import cache
from html import escape, unescape

from mailscan.unpack.bounded import end_of_run
from mailscan.unpack.budget import in_time
from mailscan.unpack.found import OVER_LIMIT, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_MOST_ATTRIBUTES = 1000
_LONGEST_TEXT = 1_000_000

# All of these are asked of octets of UTF-8, each as one character.
_ATTRIBUTE = re.compile(
    r"""(?<![\w:.\x80-\xff-])(?:[\w.\x80-\xff-]++:)?([\w.\x80-\xff-]++)\s*+=\s*+("[^"]*+|'[^']*+)""", re.ASCII
)
_HEAD = re.compile(r"""(?>(?:[^>"']++|"[^"]*+"|'[^']*+'){1,4096})""")


class Tag:
    """One tag: its local `name` ("/name" at the end of an element), its attributes, and the text behind it."""

    __slots__ = ("name", "_source", "_behind")

    def __init__(self, name: str, source: str, behind: str) -> None:
        self.name = name
        self._source = source
        self._behind = behind

    @property
    def text(self) -> str:
        """The text behind it, as much as is read as text."""
        return unescape(_text(self._behind[:_LONGEST_TEXT]))

    @property
    def coded(self) -> str:
        """All text behind it, where that is ASCII."""
        return unescape(self._behind)

    def attributes(self) -> dict[str, str]:
        """Their values by local name; of several the first. Raises `Unopened` where no document has so many."""
        found: dict[str, str] = {}
        for count, one in enumerate(_ATTRIBUTE.finditer(self._source)):
            if count == _MOST_ATTRIBUTES:
                raise Unopened("a tag with more attributes than are read", OVER_LIMIT)
            found.setdefault(_text(one.group(1)), unescape(_text(one.group(2)[1:])))
        return found


def decoded(data: bytes) -> str:
    """An XML file in UTF-8 or UTF-16, without comments, and with CDATA sections as other text; what `tags` reads.

    Each octet of UTF-8 is one character, or one wide character in it would make all of them four times as large.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    elif data[:2] == b"<\0":
        data = data.decode("utf-16-le", "replace").encode("utf-8", "replace")
    elif data[:2] == b"\0<":
        data = data.decode("utf-16-be", "replace").encode("utf-8", "replace")
    xml = data.decode("latin-1")
    return _without(_without(xml, "<!--", "-->", False), "<![CDATA[", "]]>", True)


def _text(octets: str) -> str:
    return octets if octets.isascii() else octets.encode("latin-1").decode("utf-8", "replace")


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
        end = end if end >= 0 else len(xml)
        at = end_of_run(_HEAD, xml, found.end(), budget, end)
        at = at + 1 if xml.startswith(">", at, end) else xml.find(">", found.end(), end) + 1 or end
        yield Tag(found.group(1) + found.group(2), xml[found.end() : at], xml[at:end])


@cache
def _pattern(wanted: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"<(/?)(?:[^\s<>/:]{{1,100}}:)?({'|'.join(wanted)})(?=[\s/>])", re.ASCII)


def _without(xml: str, begin: str, end: str, keep: bool) -> str:
    """The XML without what stands between these; with `keep` it stays there as text."""
    at = 0
    pieces = []
    if begin not in xml:
        return xml
    while (start := xml.find(begin, at)) >= 0:
        pieces.append(xml[at:start])
        stop = xml.find(end, start + len(begin))
        stop = stop if stop >= 0 else len(xml)
        if keep:
            pieces.append(escape(xml[start + len(begin) : stop]))
        at = stop + len(end)
    pieces.append(xml[at:])
    return "".join(pieces)
