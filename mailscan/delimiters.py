"""Lines that may be delimiters, whatever boundary was declared (RFC 2046 5.1.1 read leniently)."""

from __future__ import annotations

import re

# A line may begin with blanks or a bare CR before its dashes, for readers that take that for a line end.
_DASHES = re.compile(rb"\n[ \t\r\0]{0,8}--([^\n]{0,300})")
# The same where a bare CR ends the line before, and maybe this one.
_AFTER_CR = re.compile(rb"\r--([^\r\n]{0,300})[^\r\n]*(?:\r\n?|\n)?")
_ARMOUR = re.compile(rb"---(?:BEGIN|END) [A-Z0-9 ]{1,40}-----")
_MOST = 20_000
# Fields of MIME, or what some readers take for them, stand on one of the lines after a delimiter.
_BLOCK = re.compile(
    rb"(?:[ \t\r]*\n)?(?:[!-9;-~]{1,60}[ \t]*:[^\n]{0,998}\n(?:[ \t][^\n]{0,998}\n){0,9}){0,9}?"
    rb"[ \t]?[^\w\s]?content.?(?:ty|tr|di)",
    re.IGNORECASE,
)
_BLOCK_SIZE = 12_000


class Line:
    """A line that begins with two hyphens: `before` is where its line end begins, `text` what follows the hyphens."""

    __slots__ = ("before", "line", "after", "text", "opens", "after_cr")

    def __init__(self, before: int, line: int, after: int, text: bytes) -> None:
        self.before = before
        self.line = line
        self.after = after
        self.text = text
        self.opens = False
        # Whether readers that know LF and CRLF only see no line begin here.
        self.after_cr = False


def lines_with_dashes(source: bytes, start: int, end: int) -> list[Line] | None:
    """Every line of `source[start:end]` that begins with two hyphens, in order; None if there are too many."""
    found: list[Line] = []
    first = re.compile(rb"[ \t\r\0]{0,8}--([^\n]{0,300})").match(source, start, end)
    if first:
        found.append(_line(source, start, start, first, end))
    for one in _DASHES.finditer(source, max(0, start), end):
        if len(found) >= _MOST:
            return None
        before = one.start()
        if before > start and source[before - 1] == 0x0D:
            before -= 1
        found.append(_line(source, before, one.start() + 1, one, end))
    for one in _AFTER_CR.finditer(source, start, end) if source.find(b"\r--", start, end) >= 0 else ():
        if len(found) >= _MOST:
            return None
        at = one.start()
        begun = source.rfind(b"\n", max(start, at - 9), at) + 1
        if begun == 0 or source[begun:at].strip(b" \t\r\0"):
            line = Line(at, at, one.end(), one[1].rstrip(b" \t\0"))
            line.after_cr = True
            found.append(line)
    found.sort(key=lambda one: one.line)
    return found


def _line(source: bytes, before: int, line: int, match: re.Match[bytes], end: int) -> Line:
    after = source.find(b"\n", match.end() - len(match[1]), end) + 1 or end
    found = Line(before, line, after, match[1].rstrip(b" \t\r\0"))
    found.after_cr = b"\r" in source[line : match.start(1)]
    return found


def delimiters(source: bytes, lines: list[Line], end: int) -> list[Line]:
    """Those lines that fields of MIME follow, and those that are the same as one of them."""
    opening = [
        one
        for one in lines
        if not _ARMOUR.match(one.text) and _BLOCK.match(source, one.after, min(end, one.after + _BLOCK_SIZE))
    ]
    texts = {one.text for one in opening}
    found = [one for one in lines if one.text in texts]
    for one in found:
        one.opens = True
    return found


def closing(lines: list[Line], opening: list[Line]) -> list[Line]:
    """Lines that may be the close delimiters of those, their boundary longer or shorter."""
    texts = {one.text for one in opening}
    opened = {id(one) for one in opening}
    found = []
    for one in lines:
        if id(one) not in opened and one.text.endswith(b"--"):
            bare = one.text[:-2]
            if any(text.startswith(bare) or bare.startswith(text) for text in list(texts)[:64]):
                found.append(one)
    return found
