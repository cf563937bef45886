"""Where the messages of an mbox lie (RFC 4155 and its dialects), found at disk speed."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap

    Octets = bytes | mmap

# A `From ` line with a date as asctime writes it, perhaps with a zone, and a header field (or a quoted one) below it.
_SEPARATOR = re.compile(
    rb"From [^\n]{0,900}?\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? [^\n]{0,60}\d\d?:\d\d[^\n]{0,80}\n"
    rb"(?:>From [^\n]*\n)*[!-9;-~]+[ \t]*:"
)
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,15})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
# What must lie ahead of a `From ` line before it can be judged; a header is looked at so far.
AHEAD = 4096
_HEADER = 1 << 16


def is_separator(octets: Octets, at: int) -> bool:
    """Whether a message begins at `at`: after an empty line or at the very start, a `From ` line, and a header."""
    if at and octets[at - 2 : at] != b"\n\n" and octets[at - 3 : at] != b"\n\r\n":
        return False
    return _SEPARATOR.match(octets, at, at + AHEAD) is not None


def split(octets: Octets, whole: bool = True) -> Iterator[tuple[int, int]]:
    """(start, end) of every message. Without `whole`, more follows, and the last span's end is not known yet: it is
    the length of `octets`.

    A `From ` line in a body divides nothing unless an empty line stands before it, and a date in it, and a header
    below. Content-Length is believed only where a message, or the end, follows after so many octets (mboxcl2).
    """
    size = len(octets)
    limit = size if whole else size - AHEAD
    start = 0
    if not is_separator(octets, 0):
        # Octets before the first message are the reader's to report.
        start = _next(octets, 0, limit)
    while 0 <= start < size:
        found = _next(octets, _past(octets, start, size), limit)
        end = size if found < 0 else found
        yield start, end
        start = end


def _next(octets: Octets, at: int, limit: int) -> int:
    while True:
        at = octets.find(b"\nFrom ", max(at - 1, 0), limit)
        if at < 0 or is_separator(octets, at + 1):
            return at + 1 if at >= 0 else -1
        at += 2


def _past(octets: Octets, start: int, size: int) -> int:
    """Where to look for the next message: behind the body that a Content-Length which fits tells of."""
    blank = octets.find(b"\n\n", start, start + _HEADER)
    crlf = octets.find(b"\n\r\n", start, start + _HEADER if blank < 0 else blank)
    head, body = (crlf, crlf + 3) if crlf >= 0 else (blank, blank + 2)
    if head >= 0 and (found := _LENGTH.search(octets[start:head])):
        end = body + int(found[1])
        rest = octets[end : end + 4].lstrip(b"\r\n") if end <= size else b"x"
        if end <= size and not rest and end + 4 >= size:
            return size
        for gap in (0, 1, 2):
            if (
                end + gap < size
                and octets[end + gap : end + gap + 5] == b"From "
                and _SEPARATOR.match(octets, end + gap, end + gap + AHEAD)
            ):
                return max(end + gap - 1, start + 1)
    return start + 5
