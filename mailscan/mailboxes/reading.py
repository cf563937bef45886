"""The messages in one file or stream, whatever it is: a message, an mbox, tar or zip, compressed or not."""

from __future__ import annotations

import os
import re
import stat
from io import FileIO

from mailscan.mailboxes.dialects import BYTE_ORDER_MARK, DATED_LINE, RFC4155, rule_of, written_for
from mailscan.mailboxes.mbox import Split
from mailscan.mailboxes.notmail import NOT_MAIL, Letter, is_in_maildir, letter_in, not_mail
from mailscan.mailboxes.unpacking import MAGICS, Rest, broken, in_words, is_tar, tar_members, unpacked
from mailscan.mailboxes.window import Window
from mailscan.mailboxes.zips import ZIP, zip_members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from mailscan.mailboxes.unpacking import Readable

    # (source, offset, octets)
    Message = tuple[str, int, bytes]

SINGLE, MBOX, PACKED = "message", "mbox", "packed"
# An mbox may be looked for so far behind octets that are no message.
_LOOK = 1 << 16
_SHORT = 1 << 20
OUTLOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
# What mail readers keep beside the mail; "," is what MH's rmm(1) puts before the name of mail that was removed.
_NOT_MAIL = ("dovecot", "courier", "maildirfolder", "maildirsize", "subscriptions", "cyrus.", ".", ",")
_NOT_MAIL_ENDINGS = (".msf", ".lock", ".cmeta", ".ev-summary", ".ev-summary-meta")
# So much of what was skipped in one task has its name: an archive may have millions of files that are no mail.
_MOST_NAMED = 1000
# Compressed files in archives in compressed files …
_DEEPEST = 4
# So many unpacked octets may come without a message in them; more only while they are not much more than what was read.
_BARREN = 1 << 30
_BARREN_RATIO = 100


def is_mail_file(path: str) -> bool:
    """Whether a file may hold mail, by its name: not what mail readers keep beside it."""
    name = path.rpartition("/")[2]
    return not name.startswith(_NOT_MAIL) and not name.endswith(_NOT_MAIL_ENDINGS)


class Notes:
    """What is to be told beside the messages: what was skipped, as (source, why), and the counts of each mbox.

    `rule`: the one of `dialects` by which every mbox is to be read; None: the one that it was written for.
    """

    def __init__(self, rule: int | None = None) -> None:
        self.rule = rule
        self.skipped: list[tuple[str, str]] = []
        self.boxes: dict[str, list[int]] = {}
        self.empty = 0  # files without an octet: nothing was lost
        self.read = 0  # octets of the file, packed as it is
        self.span: tuple[int | None, int | None] = (None, None)
        self._unnamed: dict[str, tuple[str, str]] = {}
        self.barren = 0  # octets read of the file itself since a message was found

    def skip(self, source: str, why: object) -> None:
        """Something of a source could not be read."""
        words = in_words(why) if isinstance(why, Exception) else str(why)
        if len(self.skipped) < _MOST_NAMED:
            self.skipped.append((source, words))
        else:
            self.skipped.append(self._unnamed.setdefault(words, ("one of many", words)))

    def box(self, source: str, counts: list[int]) -> None:
        """Add to the counts of an mbox."""
        known = self.boxes.get(source)
        self.boxes[source] = [*map(sum, zip(known, counts, strict=True))] if known else counts

    def taken(self) -> tuple[list[tuple[str, str]], dict[str, list[int]], int]:
        """What was noted so far; the notes begin anew."""
        noted = self.skipped, self.boxes, self.empty
        self.skipped, self.boxes, self.empty = [], {}, 0
        return noted


def kind_of(path: str, notes: Notes) -> str | None:
    """What a file is by its first octets; None, and noted, for what cannot be read."""
    looked = look_at(path, notes)
    return None if looked is None else looked[0]


def look_at(path: str, notes: Notes) -> tuple[str, int, int] | None:
    """(what a file is, where the first message of an mbox begins, the rule that it is read by), by its first octets;
    None, and noted, for what cannot be read.
    """
    try:
        with open_file(path) as file:
            first = file.read(_LOOK)
            kind = _kind(path, first)
            if kind != MBOX:
                return kind, 0, RFC4155
            first += file.read(_SHORT - len(first))
            begin = mbox_begins(first[:_LOOK]) or 0
            return kind, begin, _rule(first, begin, notes)
    except (OSError, ValueError) as error:
        notes.skip(path, error)
        return None


def _rule(first: bytes, begin: int, notes: Notes) -> int:
    return written_for(first, begin) if notes.rule is None else notes.rule


def open_file(path: str) -> BinaryIO:
    """A regular file, opened to read. Raises `OSError`, and `ValueError` for what is none."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    file = open(descriptor, "rb", buffering=0)  # noqa: SIM115 - handed on
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        file.close()
        raise ValueError("is a directory" if stat.S_ISDIR(mode) else "is no file")
    return file


def messages_in_file(path: str, notes: Notes, most: int) -> Iterator[Message]:
    """The messages of a file, in order. What cannot be read is noted; nothing is raised."""
    try:
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(min(size, _SHORT)) if size else b""
            if not head:
                notes.empty += 1
            elif len(head) == size and size <= most and _kind(path, head) == SINGLE:
                yield from _letter(path, head, notes)
            else:
                yield from messages_in_stream(path, file, notes, most, head)
    except (OSError, ValueError) as error:
        notes.skip(path, error)


def messages_in_stream(
    source: str, file: Readable, notes: Notes, most: int, head: bytes = b"", depth: int = 0
) -> Iterator[Message]:
    """The messages of what can be read only once. `head` was read of it already."""
    position = len(head)
    found = 0  # where the last message was found

    def read(wanted: int) -> bytes:
        nonlocal position
        if depth and position - found > max(_BARREN, _BARREN_RATIO * notes.barren):
            notes.skip(source, f"is left at octet {position}: it unpacks to ever more, and there is no message in it")
            return b""
        try:
            octets = file.read(wanted)
        except broken() as error:
            notes.skip(source, f"cannot be read beyond octet {position}: {in_words(error)}")
            return b""
        position += len(octets)
        if depth == 0:
            notes.read = position
            notes.barren += len(octets)
        return octets

    for message in _messages(source, file, Window(read), notes, most, head, depth):
        found = position
        if depth == 0:
            notes.barren = 0
        yield message


def _messages(
    source: str, file: Readable, window: Window, notes: Notes, most: int, head: bytes, depth: int
) -> Iterator[Message]:
    window.buffer = head
    first = window.peek(0, _LOOK)
    kind = _kind(source, first)
    if kind == PACKED:
        if depth >= _DEEPEST:
            notes.skip(source, "is packed too many times")
        elif first.startswith(ZIP):
            yield from _zip(source, file, window, notes, most, depth)
        elif first.startswith(OUTLOOK):
            yield from _outlooks(source, window, notes, most)
        elif is_tar(first):
            yield from _tar(source, Rest(window), notes, most, depth)
        else:
            yield from _unpacked(source, Rest(window), first, notes, most, depth)
    elif kind == MBOX:
        yield from _mbox(source, window, notes, most)
    elif first:
        yield from _single(source, window, first, notes, most)
    elif not notes.skipped or notes.skipped[-1][0] != source:  # what could not be read is not empty
        notes.empty += 1


def _letter(source: str, octets: bytes, notes: Notes) -> Iterator[Message]:
    """The message that a file is by itself, unless it is none."""
    found = letter_in(source, octets)
    if isinstance(found, Letter):
        yield source, found.begin, octets[found.begin : found.end]
    else:
        notes.skip(source, found)


def _single(source: str, window: Window, first: bytes, notes: Notes, most: int) -> Iterator[Message]:
    what = "" if is_in_maildir(source) else not_mail(source, first)
    if what:
        notes.skip(source, NOT_MAIL + what)
        while source == "-" and window.extend():  # who writes a pipe wants to see it read
            window.drop(window.end)
        return
    while window.end <= most and window.extend():
        pass
    if window.end > most:
        while window.extend():
            window.drop(window.end)
        notes.skip(source, too_large(0, window.end, most))
    else:
        yield from _letter(source, window.buffer, notes)


def _mbox(source: str, window: Window, notes: Notes, most: int) -> Iterator[Message]:
    """The messages of an mbox; one that begins with something else is read from its first message on."""
    first = window.peek(0, _SHORT)
    begin = mbox_begins(first[:_LOOK]) or 0
    _say_where(source, begin, notes)
    split = Split(window, begin, None, most, _rule(first, begin, notes), is_chosen=notes.rule is not None)
    try:
        for offset, size, octets in split.messages():
            if octets is None:
                notes.skip(source, too_large(offset, size, most))
            else:
                yield source, offset, octets
    finally:
        notes.box(source, split.counts.plain())


def _say_where(source: str, begin: int, notes: Notes) -> None:
    if begin > len(BYTE_ORDER_MARK):
        notes.skip(source, f"octets 0 to {begin} are no message")


def _outlooks(source: str, window: Window, notes: Notes, most: int) -> Iterator[Message]:
    """The message of Outlook's file, at offset 0 of it once it was read."""
    while window.end <= most and window.extend():
        pass
    if window.end > most:
        while window.extend():
            window.drop(window.end)
        notes.skip(source, too_large(0, window.end, most))
        return
    from mailscan.mailboxes.outlook import NoMessage, message_of

    try:
        yield source, 0, message_of(window.buffer)
    except NoMessage as error:
        notes.skip(source, f"{NOT_MAIL}{error}")
    except ValueError as error:
        notes.skip(source, f"cannot be read as a message of Outlook: {error}")


def _unpacked(source: str, rest: Rest, first: bytes, notes: Notes, most: int, depth: int) -> Iterator[Message]:
    try:
        inner = unpacked(rest, first)
    except broken() as error:
        notes.skip(source, in_words(error))
        return
    yield from messages_in_stream(source, inner, notes, most, b"", depth + 1)


def _tar(source: str, rest: Rest, notes: Notes, most: int, depth: int) -> Iterator[Message]:
    def skip(why: str) -> None:
        notes.skip(source, why)

    for name, inner in tar_members(rest, skip):
        if is_mail_file(name):
            yield from messages_in_stream(f"{source}!/{name}", inner, notes, most, b"", depth + 1)


def _zip(source: str, file: Readable, window: Window, notes: Notes, most: int, depth: int) -> Iterator[Message]:
    def skip(name: str, why: str) -> None:
        notes.skip(f"{source}!/{name}" if name else source, why)

    for name, inner in zip_members(file, window, skip):
        if is_mail_file(name):
            yield from messages_in_stream(f"{source}!/{name}", inner, notes, most, b"", depth + 1)
            if isinstance(file, FileIO):
                notes.read = max(notes.read, file.tell())


def messages_in_range(
    path: str, start: int, stop: int, begin: int | None, notes: Notes, most: int, rule: int = RFC4155
) -> Iterator[Message]:
    """The messages of an mbox that begin in a range. `notes.span` then says where the first and the next begin."""
    split: Split | None = None
    if start == 0 and begin is not None:
        _say_where(path, begin, notes)
    try:
        with open_file(path) as file:
            window = Window.of_file(file.fileno(), start if begin is None else begin)
            split = Split(window, begin, stop, most, rule, is_chosen=notes.rule is not None)
            for offset, size, octets in split.messages():
                if octets is None:
                    notes.skip(path, too_large(offset, size, most))
                else:
                    yield path, offset, octets
            if (size := os.fstat(file.fileno()).st_size) < stop:
                notes.skip(path, f"octets {size} to {stop} cannot be read: the file was cut while it was read")
    except (OSError, ValueError) as error:
        at = start if split is None or split.next is None else split.next
        notes.skip(path, f"octets {at} to {stop} cannot be read: {in_words(error)}")
    if split is not None:
        notes.span = split.first, split.next
        notes.box(path, split.counts.plain())


def _kind(source: str, first: bytes) -> str:
    if first.startswith((*MAGICS, ZIP)) or is_tar(first):
        return PACKED
    if first.startswith(OUTLOOK) and not is_in_maildir(source):
        return PACKED
    return MBOX if mbox_begins(first) is not None else SINGLE


def mbox_begins(first: bytes) -> int | None:
    """Where the first message of an mbox begins, by its first octets; None if it is no mbox.

    What begins with a header field is a message, whatever it quotes; what begins with anything else, and holds a line
    that begins a message, is an mbox whose beginning is damaged.
    """
    begin = len(BYTE_ORDER_MARK) if first.startswith(BYTE_ORDER_MARK) else 0
    if first.startswith(b"From ", begin) and _begins_one(first, begin):
        return begin
    if _FIELD.match(first, begin):
        return None
    at = begin - 1
    while (at := first.find(b"\nFrom ", at + 1)) >= 0:
        if rule_of(first, at + 1) == RFC4155:
            return at + 1
    return None


def _begins_one(first: bytes, at: int) -> bool:
    """Whether the `From ` line of a file's beginning is one: a header follows, or it has a date as they all had."""
    return rule_of(first, at, is_first=True) is not None or DATED_LINE.match(first, at) is not None


def too_large(offset: int, size: int, most: int) -> str:
    """In words, that a message was not judged because of its size."""
    return f"the message at octet {offset} has {size} octets, more than {most} ([limits] message_size)"
