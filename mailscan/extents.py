"""Where the header of an entity may be taken to begin and to end, other than the RFCs have it (RFC 5322 2.1, 2.2)."""

from __future__ import annotations

import re

from mailscan.oddity import late_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from mailscan.mime import Part

_LONGEST = 1 << 20
_MOST_CUTS = 4
# The kinds of those that end within the header as the RFCs have it.
CUTS = ("header.nul", "header.bare-cr", "header.empty-looking-line")
# A line within the header that looks empty: blanks only, carriage returns or NUL octets only.
_EMPTY_LOOKING = re.compile(rb"\n(?=[ \t\r\0])(?!\r\n)[ \t\r\0]+\n|\r\r\n?|\n\r(?!\n)|\0")
_FIELD = re.compile(rb"content.?(?:type|transfer|disposition)", re.IGNORECASE)
_EMPTY = re.compile(rb"\n\r?\n")


class Extent:
    """One header block: `start` to `end`, its body at `body`. `kind` is "" for the one that the RFCs give.

    `at` and `at_end` are the octets that make it differ; `matters` says whether a field of MIME depends on it.
    """

    __slots__ = ("start", "end", "body", "kind", "detail", "at", "at_end", "matters")

    def __init__(self, start: int, end: int, body: int, kind: str = "", detail: str = "") -> None:
        self.start = start
        self.end = end
        self.body = body
        self.kind = kind
        self.detail = detail
        self.at = start
        self.at_end = end
        self.matters = False


def extents(part: Part) -> list[Extent]:
    """The header blocks that readers may find, the RFCs' first."""
    source, end = part.source, part.headers.end
    found = [Extent(part.start, end, part.body_start)]
    if part.headers.is_odd:
        found += _cuts(part)
    if part.body_start < part.body_end:
        if end == part.body_start:
            found += _continued(source, part.start, end, part.body_end)
        else:
            found += _late(source, part.body_start, part.body_end, b"content-type" in part._content)
    return found


def _cuts(part: Part) -> list[Extent]:
    """Lines of the header that look empty."""
    source, start, end = part.source, part.start, part.headers.end
    found: list[Extent] = []
    for cut in _EMPTY_LOOKING.finditer(source, start, min(end, start + _LONGEST)):
        if len(found) >= _MOST_CUTS:
            break
        what = source[cut.start() : cut.end()]
        if b"\0" in what:
            one = Extent(start, cut.start(), cut.end(), "header.nul", "a NUL octet stands in the header")
        elif b"\r" in what.replace(b"\r\n", b""):
            one = Extent(start, cut.start(), cut.end(), "header.bare-cr", "a bare CR stands in the header")
        else:
            one = Extent(start, cut.start(), cut.end(), "header.empty-looking-line", "a line of the header looks empty")
        one.at, one.at_end = cut.span()
        one.matters = _FIELD.search(source, cut.start(), end) is not None
        found.append(one)
    bare = re.compile(rb"\r(?=[ \t]*content-)", re.IGNORECASE).search(source, start, min(end, start + _LONGEST))
    if bare is not None:
        one = Extent(start, end, part.body_start, "header.bare-cr", "a bare CR stands before a field of MIME")
        one.at, one.at_end, one.matters = bare.start(), bare.end(), True
        found.append(one)
    return found


def _continued(source: bytes, start: int, cut: int, limit: int) -> list[Extent]:
    """A line that is no field ended the header; some readers skip it, up to the first empty line."""
    empty = _EMPTY.search(source, max(start, cut - 1), min(limit, cut + _LONGEST))
    end, body = (empty.start() + 1, empty.end()) if empty else (min(limit, cut + _LONGEST), limit)
    line = source.find(b"\n", cut, end) + 1 or end
    if source[cut : cut + 2] == b"--" and start == cut:
        return []
    block = source[cut:end]
    unfolded = re.sub(rb"\r?\n[ \t]+", b"", block)
    name = re.compile(
        rb"^[ \t]*[^\w\s]{0,4}content.{0,4}(?:type|transfer.{0,4}encoding|disposition)", re.IGNORECASE | re.MULTILINE
    )
    # As it stands, too: for some readers a field begins on the line that is folded onto one that is none, or the field
    # above that line goes on there.
    folded = re.compile(rb"^[^:\n]*\n[ \t][^\n]*name[*0-9]*[ \t]*=", re.IGNORECASE | re.MULTILINE)
    if not name.search(unfolded) and not name.search(block) and not folded.search(block):
        return []
    one = Extent(cut, end, body, "header.not-a-field", "a line of the header is no field, and fields follow it")
    one.at, one.at_end = cut, line
    one.matters = True
    return [one]


def _late(source: bytes, start: int, limit: int, has_type: bool) -> list[Extent]:
    """Fields of MIME after the empty line that ended a header without them; below a type, only those with a name."""
    limit = min(limit, start + _LONGEST)
    late = rb"\s{0,64}(?=content.(?:type|transfer.encoding|disposition)[ \t]*:)"
    fields = None if has_type else re.compile(late, re.IGNORECASE).match(source, start, limit)
    first = late_name(source, start, limit) if fields is None else fields.end()
    if first < 0:
        return []
    empty = _EMPTY.search(source, first, limit)
    end, body = (empty.start() + 1, empty.end()) if empty else (limit, limit)
    one = Extent(first, end, body, "header.late-start", "fields of MIME follow an empty line")
    one.at, one.at_end = start, end
    one.matters = True
    return [one]


def joined(blocks: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Blocks that follow each other as one: a field may go on behind what ended the header."""
    found: list[tuple[int, int]] = []
    for start, end in blocks:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found
