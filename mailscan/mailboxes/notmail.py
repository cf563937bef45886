"""What of the files in an archive is mail, what only holds mail in a form of its own, and what is something else.

In an mbox or a Maildir anything may be a message: a mailer put it there. A file by itself is one if it looks like one;
else it is counted by what it is, and nobody takes it for mail that a policy let through.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mailscan.mailboxes.dialects import BYTE_ORDER_MARK, KNOWN_FIELD

# What `Notes.skipped` has before the kind of a file that is no mail.
NOT_MAIL = "is not mail: "

NO_HEADER = "text without a header of mail"
# Stores of mail readers, and what lies beside mail, by their first octets: [MS-PST] 2.2.2.6, libdbx, Domino, Mork,
# ESE; then text, which may stand behind empty lines.
_STORES = (
    (b"!BDN", "an Outlook store (.pst, .ost)"),
    (b"\xcf\xad\x12\xfe", "an Outlook Express store (.dbx)"),
    (b"\x1a\x00\x00\x04\x00\x00", "a Notes database (.nsf)"),
    (b"JMF6", "an Outlook Express 4 store (.mbx)"),
    (b"JMF9", "an Outlook Express 4 index (.idx)"),
    (b"*mbx*\r\n", "a mailbox of UW-IMAP in its mbx format"),
    (b"// <!-- <mdb:mork", "a Mork index (.msf, .mab)"),
    (b"CRYPTED\x03\x07", "mail that Dovecot encrypted"),
    (b"%PDF-", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"bplist00", "a binary property list"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
)
_TEXTS = (
    (re.compile(rb"<(?:!doctype html|html|head|body)\b", re.IGNORECASE), "an HTML page"),
    (re.compile(rb"<(?:\?xml|!--|!doctype|plist)\b", re.IGNORECASE), "XML"),
    (re.compile(rb"[\[{]\s*(?:[\[{\"\]}0-9-]|true|false|null)"), "JSON"),
    (re.compile(rb"BEGIN:VCARD\b", re.IGNORECASE), "an address card (vCard)"),
    (re.compile(rb"BEGIN:VCALENDAR\b", re.IGNORECASE), "a calendar (iCalendar)"),
    (re.compile(rb"(?:#[^\n]*\s+|/\*.{0,2000}?\*/\s*)*require\s*[\[\"]", re.DOTALL), "a Sieve script"),
)
_SIEVE = (".sieve", ".svbin")
# What a file is called that a message is kept in.
_MAIL_ENDINGS = (".eml", ".mail", ".msg", ".mai", ".email", ".rfc822")
_MAILDIR_NAME = re.compile(r"\d+\.|.*[:;!]2,")
# RFC 5322 3.6.8 allows more; but so begins a line that is one.
_PLAIN_FIELD = re.compile(rb"[A-Za-z][A-Za-z0-9_-]{0,76}[ \t]*:")
# So far a header may begin behind lines that are none, and a field be looked for.
_HEAD = 16_384
_LINES = 64
_EMLX = re.compile(rb"[ \t]*(\d{1,12})[ \t]*\r?\n")
_NUMBER = re.compile(r"[0-9]+\.?")


class Letter(NamedTuple):
    """Where the message of a file begins and ends in it."""

    begin: int
    end: int


def is_in_maildir(source: str) -> bool:
    """Whether a mailer put this file there as a message, by its place and name in a Maildir."""
    folder, _, name = source.rpartition("/")
    return folder.rpartition("/")[2] in ("cur", "new") and _MAILDIR_NAME.match(name) is not None


def letter_in(source: str, octets: bytes) -> Letter | str:
    """The message that a file is, or has in Apple Mail's frame; else, in words, why there is none."""
    if is_in_maildir(source):
        return Letter(0, len(octets))
    if not (what := not_mail(source, octets)):
        frame = _EMLX.match(octets)
        if frame is None or not _is_header(octets[frame.end() : frame.end() + _HEAD]):
            return Letter(0, len(octets))
        if ".partial.emlx" in source.lower():
            return "is a part of a message: Apple Mail keeps its attachments in other files"
        end = frame.end() + int(frame[1])
        if end > len(octets):
            return f"ends too early: its message has {frame[1].decode()} octets"
        return Letter(frame.end(), end)
    return NOT_MAIL + what


def not_mail(source: str, first: bytes) -> str:
    """What a file is that does not look like a message, in words; "" if it does. `first`: 64 kB of it, or all."""
    for magic, what in _STORES:
        if first.startswith(magic):
            return what
    if source.lower().endswith(_SIEVE):
        return "a Sieve script"
    text = first[:_HEAD].removeprefix(BYTE_ORDER_MARK).lstrip()
    what = next((name for pattern, name in _TEXTS if pattern.match(text)), "")
    if what:
        return what
    frame = _EMLX.match(first)
    if _is_header(text) or (frame is not None and _is_header(first[frame.end() : frame.end() + _HEAD])):
        return ""
    if _PLAIN_FIELD.match(text) and _may_be_mail(source):
        return ""
    return _kind(source, first)


def _is_header(text: bytes) -> bool:
    """Whether a field that mail has stands among the first lines, above the first empty one."""
    return any(KNOWN_FIELD.match(line) for line in _lines(text))


def _lines(text: bytes) -> list[bytes]:
    lines = text.split(b"\n", _LINES)[:_LINES]
    blank = next((number for number, line in enumerate(lines) if number and not line.strip()), len(lines))
    return lines[:blank]


def _may_be_mail(source: str) -> bool:
    """Whether a file is called like one with a message: by its ending, by a number as in MH, or without an ending."""
    name = source.rpartition("/")[2].lower()
    return name.endswith(_MAIL_ENDINGS) or "." not in name or _NUMBER.fullmatch(name) is not None


def _kind(source: str, first: bytes) -> str:
    if source.rpartition("/")[2] == "table_of_contents":
        return "Apple Mail's index (table_of_contents)"
    from mailscan.filetype import by_first_octets, is_text

    found = by_first_octets(first)
    if found is not None and found.name not in ("text", "mail"):
        return found.text
    return NO_HEADER if is_text(first) else "octets of no known kind"
