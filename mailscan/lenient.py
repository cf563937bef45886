"""The header of a message as lenient readers have it: the fields that some of them find, and the RFCs do not.

A line that is no field ends the header (RFC 5322 2.1), or is passed over, as Python's email does with `: x`; a bare
CR is an octet (RFC 5322 2.3), or ends a line; a NUL is dropped; empty lines at the beginning are skipped. Every field
that any of these readings has is given here, so there may be more than any one reader finds.
"""

from __future__ import annotations

import re

from mailscan.ambiguity import shown
from mailscan.header import Field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mailscan.header import Headers

# NUL octets where any of these readers begins a line; a blank there continues the field above.
_LINE = rb"\0*+"
# Also on a folded line, for readers that unfold before they look for it: behind each line end stands a blank. A group
# that repeated would keep a hundred octets for each line.
_CUT = rb"(?:\n(?![ \t])|\r(?![\r\n \t])|(?<!\r)\r\r++(?!\n))"
_COLON = rb"[ \t\0]*+(?::|(?=[\r\n])(?![ \t\0\r\n]*?%b)[ \t\0\r\n]*+:)" % _CUT
_ANY = _LINE + rb"[!-9;-~][!-9;-~\0]*+" + _COLON
# The end of a line that nothing continues, for readers to which a bare CR is none, and for the others.
_LF_END = re.compile(rb"\n(?![ \t])")
_CR_END = re.compile(rb"(?>\r*+\n|\r)(?![ \t])")
# An empty line, also in mail whose line ends some program has made CR CR LF: behind it stands no field.
EMPTY_LINE = re.compile(rb"\r*+\n")
_BARE_CR = re.compile(rb"\r(?![\n \t])")
# Of those that `ambiguities` looks at.
_MOST = 10_000


def others(headers: Headers, names: Collection[str] = (), stems: Collection[str] = ()) -> Iterator[Field]:
    """The fields that the RFCs do not have in this header of a message, in order.

    Those of these names and those whose names begin with a stem; all where neither is given. A `Field.name` is without
    NUL octets.
    """
    source = headers.source
    pattern = _ANY
    if names or stems:
        spelt = [*map(_spelt, names), *(_spelt(stem) + rb"[!-9;-~\0]*+" for stem in stems)]
        pattern = _LINE + b"(?:" + b"|".join(spelt) + b")" + _COLON
    for start, end in _blocks(headers):
        for at, colon in _matching(pattern, source, start, end):
            after_cr = at > 0 and source[at - 1] == 0x0D
            if at < headers.end and not after_cr:
                continue  # one of the RFCs'
            name = source[at:colon].replace(b"\0", b"").rstrip().decode("ascii")
            stop = (_CR_END if after_cr else _LF_END).search(source, colon, end)
            yield Field(name, at, stop.end() if stop else end, source, headers._charset_hint())


def _matching(pattern: bytes, source: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """(where it begins, where its colon stands) for each line that begins as the pattern has it."""
    first = re.compile(pattern, re.IGNORECASE).match(source, start, end)
    if first is not None:
        yield start, first.end() - 1
    # A search for a line end and what follows it is many times as fast as one that looks back for it.
    for found in re.compile(rb"[\n\r]" + pattern, re.IGNORECASE).finditer(source, start, end):
        yield found.start() + 1, found.end() - 1


def cut(field: Field) -> Field | None:
    """The field as it is for readers to which a bare CR ends it; None if that is the same."""
    bare = _BARE_CR.search(field._source, field.start, field.end)
    if bare is None or bare.end() >= field.end:
        return None
    return Field(field.name, field.start, bare.start(), field._source, field._hint)


def ambiguities(headers: Headers) -> Iterator[tuple[str, str, Field]]:
    """(kind, detail, the first such field) for each kind of ambiguity by which some readers find more fields."""
    source = headers.source
    said: set[str] = set()
    late = headers.start == headers.end and EMPTY_LINE.match(source, headers.end) is not None
    for count, field in enumerate(others(headers)):
        if count >= _MOST:
            yield "too-many", "more fields that only some readers find than are looked at", field
            return
        if field.value.startswith(b"//"):
            continue  # an address of the Web in a text
        kinds = ["header.bare-cr"] if source[field.start - 1 : field.start] == b"\r" else []
        if field.start >= headers.end and not kinds:
            kinds.append("header.late-start" if late else "header.not-a-field")
        if b"\0" in source[field.start : source.find(b":", field.start)]:
            kinds.append("header.nul")
        for kind in kinds:
            if kind not in said:
                said.add(kind)
                yield kind, f"some readers find the field {shown(field.raw)}", field


def removals(headers: Headers, names: Collection[str]) -> Iterator[tuple[int, int]]:
    """The octets to take out for each of `others`: from `start` to `end`."""
    for field in others(headers, names):
        source, start, end = headers.source, field.start, field.end
        if start > 0 and source[start - 1] == 0x0D:
            start -= 1
            if start > 0 and source[start - 1] != 0x0A:
                # What stands above it ends where it does.
                end -= source[end - 1] == 0x0A
                end -= source[end - 1] == 0x0D
        yield start, end


def _blocks(headers: Headers) -> list[tuple[int, int]]:
    """Where fields may stand: the header, and what others take for its rest."""
    source, start, end = headers.source, headers.start, headers.end
    has_bare_cr = source.count(b"\r", start, end) > source.count(b"\r\n", start, end)
    found = [(start, end)] if has_bare_cr else []
    if EMPTY_LINE.match(source, end) is None:
        found.append((end, _empty_line(source, max(end - 1, 0))))
    elif start == end:
        # Only blanks are passed over here: the first line must be a field.
        first = re.compile(rb"\s++").match(source, end)
        if first is not None and re.compile(_ANY).match(source, first.end()):
            found.append((first.end(), _empty_line(source, first.end())))
    return found


def _empty_line(source: bytes, start: int) -> int:
    """Where the first empty line begins, or the end."""
    found = re.compile(rb"\n\r*+\n").search(source, start)
    return found.start() + 1 if found else len(source)


def _spelt(name: str) -> bytes:
    """A pattern for a name, with NUL octets wherever they may be dropped."""
    octets = name.encode("ascii", "replace")
    return rb"\0*+".join(re.escape(octets[index : index + 1]) for index in range(len(octets)))
