"""Where the messages of an mbox lie (RFC 4155 and its dialects), found at disk speed and in little memory.

Dialects differ in how a body line that begins with `From ` is kept apart from the line that begins a message:
mboxo and mboxrd put a `>` before it (mboxrd also before `>From `), mboxcl does too and tells the body's size in
Content-Length, mboxcl2 has only Content-Length. All four are read by one rule: see `is_separator` and `messages`.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.mailboxes.window import Window

    # (offset, size, octets; None where there are more than anybody wants)
    Piece = tuple[int, int, bytes | None]

_DAY = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_FIELD = rb"(?:>From [^\n]*\n)*[!-9;-~]+[ \t]*:"
# A `From ` line as nearly every program writes it; then any with a weekday and a time. Below it a header field, or one
# more `From ` line that was quoted when the message went through a second mailbox.
_USUAL = re.compile(rb"From \S{1,320} {1,2}" + _DAY + rb" [A-Z][a-z][a-z] [ 0-3]\d \d\d:\d\d[^\n]{0,80}\n" + _FIELD)
_ANY = re.compile(rb"From [^\n]{0,900}?\b" + _DAY + rb",? [^\n]{0,60}\d\d?:\d\d[^\n]{0,80}\n" + _FIELD)
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r?\n", re.IGNORECASE)
# What must lie behind a `From ` line before it can be judged; how far a header is looked through for Content-Length.
AHEAD = 4096
_HEADER = 1 << 16
# What is longer is not believed without looking: the octets in between would have to be kept.
_MOST_LENGTH = 1 << 30


def is_separator(octets: bytes, at: int) -> bool:
    """Whether a message begins at `at`: after an empty line or at the very start, a `From ` line with a date as
    asctime or RFC 5322 write it, and a header field below.
    """
    if at and octets[at - 2 : at] != b"\n\n" and octets[at - 3 : at] != b"\n\r\n":
        return False
    return (_USUAL.match(octets, at, at + AHEAD) or _ANY.match(octets, at, at + AHEAD)) is not None


class Split:
    """The messages of an mbox that begin in a range of it, and what the range tells of its dialect.

    `begin` is where a message is known to begin; None: the first `From ` line of the range that is one begins it.
    After the messages were taken, `first` is where the first one begins (None: none does) and `next` where the one
    behind the last does, or where the mbox ends. What a range's end cuts is read beyond it.
    """

    def __init__(self, window: Window, begin: int | None, stop: int | None, most: int) -> None:
        self.window = window
        self.begin = begin
        self.stop = stop
        self.most = most
        self.first: int | None = None
        self.next: int | None = None
        # Messages; those with a Content-Length that fits; body lines of `From `, quoted once and more often; and bare.
        self.counts = [0, 0, 0, 0, 0]
        self._bare = 0
        self._length_at = -1

    def messages(self) -> Iterator[Piece]:
        """Every message in order. Raises `OSError` and others for what cannot be read; what was found stands."""
        window = self.window
        at = self.begin
        if at is None:
            at = self._separator(window.start, None)
            self._bare = 0
        while at is not None and (self.stop is None or at < self.stop) and window.holds(at):
            self.first = at if self.first is None else self.first
            window.drop(at)
            told, end = self._told_end(at)
            if not told:
                end = self._separator(at + 5, at)
            size = (window.end if end is None else end) - at
            octets = window.octets(at, at + size) if size <= self.most else None
            self._count(octets, told)
            self.next = at + size
            yield at, size, octets
            at = end

    def _separator(self, at: int, begin: int | None) -> int | None:
        """Where the next message begins, from the line of `at` on, behind the one at `begin`; None at the end."""
        window = self.window
        at = max(at - 1, window.base)
        while True:
            kept = at if begin is None else begin
            # The first one of a range is not looked for beyond it: in a huge message each would read to its end.
            until = self.stop if begin is None else None
            found = window.find(b"\nFrom ", at, AHEAD, kept + self.most, until)
            if found < 0:
                return None
            if is_separator(window.buffer, found + 1 - window.base):
                return found + 1
            self._bare += 1
            at = found + 2

    def _told_end(self, start: int) -> tuple[bool, int | None]:
        """(whether a Content-Length which fits tells the end of the message, that end; None for that of the mbox)."""
        window = self.window
        # Few mailboxes have any: the search goes on from where the last one found something, or nothing.
        if self._length_at < start:
            found = window.buffer.find(b"ength:", start - window.base)
            self._length_at = found + window.base if found >= 0 else window.end - 16
        if self._length_at >= start + _HEADER:
            return False, None
        head = window.peek(start, _HEADER)
        blank, crlf = head.find(b"\n\n"), head.find(b"\n\r\n")
        size, body = (crlf, crlf + 3) if crlf >= 0 and (blank < 0 or crlf < blank) else (blank, blank + 2)
        field = _LENGTH.search(head, 0, size + 1) if size >= 0 else None
        if field is None or (length := int(field[1])) > _MOST_LENGTH:
            return False, None
        end = start + body + length
        behind = window.peek(end - 1, AHEAD)
        if behind and not behind[1:].strip(b"\r\n") and len(behind) < 6:
            # The mbox ends there, or with its last empty line.
            while window.extend():
                pass
            return True, None
        for gap in (1, 2, 3):
            if behind.startswith(b"From ", gap) and is_separator(b"\n\n" + behind[gap:], 2):
                window.holds(end + gap + AHEAD)
                return True, end + gap - 1
        return False, None

    def _count(self, octets: bytes | None, told: bool) -> None:
        counts = self.counts
        counts[0] += 1
        counts[1] += told
        counts[4] += self._bare
        self._bare = 0
        if octets is None:
            return
        if told:
            counts[4] += octets.count(b"\nFrom ")
        if b">From " in octets:
            # The line below the first is one of the envelope (see `_FIELD`).
            counts[2] += octets.count(b"\n>From ") - octets.startswith(b"\n>From ", octets.find(b"\n"))
            counts[3] += len(re.findall(rb"\n>>+From ", octets))


def dialect(counts: list[int]) -> str:
    """The dialect that the counts of `Split` speak for; where two have left the same traces, both are named."""
    messages, lengths, once, more, bare = counts
    if lengths * 2 > messages:
        return "mboxcl" if once and not bare else "mboxcl2" if bare else "mboxcl or mboxcl2"
    if more:
        return "mboxrd"
    return "mboxo or mboxrd" if once or not bare else "mbox that quotes nothing"
