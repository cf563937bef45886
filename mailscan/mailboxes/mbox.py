"""Where the messages of an mbox lie (RFC 4155 and its dialects), found at disk speed and in little memory.

Dialects differ in how a body line that begins with `From ` is kept apart from the line that begins a message:
mboxo and mboxrd put a `>` before it (mboxrd also before `>From `), mboxcl does too and tells the body's size in
Content-Length, mboxcl2 has only Content-Length. All four are read by one rule; for others see `dialects`.
"""

from __future__ import annotations

import re

from mailscan.mailboxes.dialects import AHEAD, NAMES, RFC4155, Counts, is_internal, rule_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.mailboxes.window import Window

    # (offset, size, octets; None where there are more than anybody wants)
    Piece = tuple[int, int, bytes | None]

_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r?\n", re.IGNORECASE)
# How far a header is looked through for Content-Length.
_HEADER = 1 << 16
# Where the first message of a mailbox may begin: behind a byte-order mark.
_FIRST = 3
# What is longer is not believed without looking: the octets in between would have to be kept.
_MOST_LENGTH = 1 << 30


class Split:
    """The messages of an mbox that begin in a range of it, and what the range tells of its dialect.

    `begin` is where a message is known to begin; None: the first `From ` line of the range that is one begins it.
    `rule` says which lines do (see `dialects`); `is_chosen` if somebody said so.
    After the messages were taken, `first` is where the first one begins (None: none does) and `next` where the one
    behind the last does, or where the mbox ends. What a range's end cuts is read beyond it.
    """

    def __init__(
        self,
        window: Window,
        begin: int | None,
        stop: int | None,
        most: int,
        rule: int = RFC4155,
        *,
        is_chosen: bool = False,
    ) -> None:
        self.window = window
        self.rule = rule
        self.is_chosen = is_chosen
        self.begin = begin
        self.stop = stop
        self.most = most
        self.first: int | None = None
        self.next: int | None = None
        self.counts = Counts()
        # Of the message that is read: the rule of its first line, lines that begin none, and those of looser rules.
        self._rule = RFC4155
        self._next_rule = RFC4155
        self._bare = 0
        self._left = [0] * len(NAMES)
        self._length_at = -1

    def messages(self) -> Iterator[Piece]:
        """Every message in order. Raises `OSError` and others for what cannot be read; what was found stands."""
        window = self.window
        at = self.begin
        if at is None:
            at = self._separator(window.start, None)
            self._bare, self._left = 0, [0] * len(NAMES)
        elif window.holds(at):
            window.holds(at + AHEAD)
            self._next_rule = min(self._rule_at(at) or RFC4155, self.rule)
        while at is not None and (self.stop is None or at < self.stop) and window.holds(at):
            self.first = at if self.first is None else self.first
            self._rule = self._next_rule
            window.drop(at)
            told, end = self._told_end(at)
            if not told:
                end = self._separator(at + 5, at)
            size = (window.end if end is None else end) - at
            octets = window.octets(at, at + size) if size <= self.most else None
            self.next = at + size
            if at <= _FIRST and octets is not None and is_internal(octets):
                self.counts.internal += 1
            else:
                self._count(octets, told)
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
            rule = self._rule_at(found + 1)
            if rule is not None and rule <= self.rule:
                self._next_rule = rule
                return found + 1
            self._bare += 1
            if rule is not None:
                self._left[rule] += 1
            at = found + 2

    def _rule_at(self, at: int) -> int | None:
        return rule_of(self.window.buffer, at - self.window.base, is_first=at <= _FIRST)

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
            if not behind.startswith(b"From ", gap):
                continue
            rule = rule_of(b"\n\n" + behind[gap:], 2)
            if rule is not None and rule <= self.rule:
                window.holds(end + gap + AHEAD)
                self._next_rule = rule
                return True, end + gap - 1
        return False, None

    def _count(self, octets: bytes | None, told: bool) -> None:
        counts = self.counts
        counts.messages += 1
        counts.lengths += told
        counts.chosen += self.is_chosen
        counts.taken[self._rule] += 1
        counts.bare += self._bare
        counts.left = [*map(sum, zip(counts.left, self._left, strict=True))]
        self._bare, self._left = 0, [0] * len(NAMES)
        if octets is None:
            return
        if told:
            counts.bare += octets.count(b"\nFrom ")
        if b">From " in octets:
            # The line below the first is one of the envelope.
            counts.once += octets.count(b"\n>From ") - octets.startswith(b"\n>From ", octets.find(b"\n"))
            counts.more += len(re.findall(rb"\n>>+From ", octets))
