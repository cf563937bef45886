"""A message that Outlook saved as a file ([MS-OXMSG]), written again as the mail that it was.

The header is the one that came over the network, without the fields that told of a structure which Outlook does not
keep; the text, in each form that there is, and the attachments are parts of one multipart/mixed.
"""

from __future__ import annotations

import re
import time
from base64 import encodebytes
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote

from mailscan.unpack import Budget
from mailscan.unpack.cfb import STREAM, Compound
from mailscan.unpack.found import Unopened
from mailscan.unpack.lzfu import decompress_rtf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.unpack.cfb import Entry

_SECONDS = 20.0
_DEEPEST = 10
_LONGEST_RTF = 100_000_000
# [MS-OXPROPS]: what the header is made of where none came over the network: a field, and where its value is looked for.
_FIELDS = (
    ("From", ("5d01", "0c1f", "0c1a")),
    ("To", ("0e04",)),
    ("Cc", ("0e03",)),
    ("Subject", ("0037",)),
    ("Message-ID", ("1035",)),
    ("In-Reply-To", ("1042",)),
)
_HEADER, _TEXT, _HTML, _RTF = "007d", "1000", "1013", "1009"
_DATA, _EMBEDDED = "37010102", "__substg1.0_3701000d"
_NAMES, _TYPE = ("3707", "3704", "3001"), "370e"
_DATES = (0x00390040, 0x0E060040)  # when it was sent, when it came
_OURS = re.compile(rb"(?:mime-version|content-[a-z-]+)[ \t]*:", re.IGNORECASE)


class NoMessage(ValueError):
    """It is a compound file, and no message."""


def message_of(data: bytes) -> bytes:
    """The mail in the octets of a .msg file. Raises `NoMessage`, and `ValueError` for what is damaged."""
    end = time.monotonic() + _SECONDS
    try:
        budget = Budget(lambda: end - time.monotonic(), seconds=_SECONDS)
        return _Item(Compound(data, budget), None, budget).mail()
    except Unopened as error:
        raise ValueError(str(error)) from None


class _Item:
    """A message in a compound file, or one of its attachments: the streams and storages of one storage."""

    def __init__(self, file: Compound, storage: Entry | None, budget: Budget, depth: int = 0) -> None:
        self.file = file
        self.budget = budget
        self.depth = depth
        self.inside = {entry.name.lower(): entry for entry in file.entries if entry.parent is storage}
        if depth == 0 and "__properties_version1.0" not in self.inside:
            raise NoMessage("an OLE document")

    def octets(self, name: str) -> bytes | None:
        entry = self.inside.get(f"__substg1.0_{name}")
        return self.file.look(entry, entry.size) if entry is not None and entry.kind == STREAM else None

    def text(self, *numbers: str) -> bytes | None:
        """The first of these properties that is there: UTF-16 as UTF-8, and what stands in a code page as it is."""
        for number in numbers:
            if (wide := self.octets(f"{number}001f")) is not None:
                return wide.decode("utf-16-le", "replace").rstrip("\0").encode("utf-8")
            if (narrow := self.octets(f"{number}001e")) is not None:
                return narrow.rstrip(b"\0")
        return None

    def mail(self) -> bytes:
        """The message."""
        parts = [*self._texts(), *self._attachments()]
        boundary = b"=_outlook"
        while any(boundary in part for part in parts):
            boundary += b"_"
        kind = b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="%s"\n\n' % boundary
        body = b"".join(b"--%s\n%s\n" % (boundary, part) for part in parts)
        return self._header() + kind + body + b"--%s--\n" % boundary

    def _header(self) -> bytes:
        came = (self.text(_HEADER) or b"").replace(b"\r\n", b"\n").strip(b"\n")
        fields = re.split(rb"\n(?![ \t])", came) if came else self._made()
        return b"".join(field + b"\n" for field in fields if field.strip() and not _OURS.match(field))

    def _made(self) -> list[bytes]:
        """A header for what never went over the network."""
        made = [b"Date: " + date.encode() for date in [self._date()] if date]
        for name, numbers in _FIELDS:
            if value := b" ".join((self.text(*numbers) or b"").split()):
                made.append(f"{name}: ".encode() + value)
        return made

    def _date(self) -> str:
        entry = self.inside.get("__properties_version1.0")
        properties = self.file.look(entry, entry.size) if entry is not None else b""
        # 2.4: a header of 32 octets, or 24 of an embedded message, then 16 for each property of fixed size.
        for at in range(24 if self.depth else 32, len(properties) - 15, 16):
            if int.from_bytes(properties[at : at + 4], "little") in _DATES:
                ticks = int.from_bytes(properties[at + 8 : at + 16], "little")
                try:
                    return format_datetime(datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10))
                except OverflowError:
                    break
        return ""

    def _texts(self) -> list[bytes]:
        parts = []
        text, packed = self.text(_TEXT), self.octets(f"{_RTF}0102")
        html = self.octets(f"{_HTML}0102") or self.text(_HTML)
        if text is not None:
            parts.append(_part(b"text/plain; charset=utf-8", text))
        if html:
            parts.append(_part(b"text/html", html))
        elif packed:
            parts.append(_part(b"application/rtf", decompress_rtf(packed, _LONGEST_RTF, self.budget)))
        return parts

    def _attachments(self) -> list[bytes]:
        parts = []
        for name, storage in self.inside.items():
            if storage.kind == STREAM or not name.startswith("__attach_version1.0_"):
                continue
            if self.depth >= _DEEPEST:
                raise ValueError("messages are attached to messages too many times")
            attached = _Item(self.file, storage, self.budget, self.depth + 1)
            if (data := attached.octets(_DATA)) is not None:
                kind = b" ".join((attached.text(_TYPE) or b"").split()) or b"application/octet-stream"
                parts.append(_part(kind, data, attached.text(*_NAMES) or b""))
            elif (embedded := attached.inside.get(_EMBEDDED)) is not None:
                inner = _Item(self.file, embedded, self.budget, self.depth + 1).mail()
                parts.append(b"Content-Type: message/rfc822\n\n" + inner)
        return parts


def _part(kind: bytes, octets: bytes, name: bytes = b"") -> bytes:
    """A part with these octets; a name is written as RFC 2231 has it."""
    header = b"Content-Type: " + kind + b"\nContent-Transfer-Encoding: base64\n"
    if name:
        header += b"Content-Disposition: attachment; filename*=utf-8''" + quote(name, safe="").encode() + b"\n"
    return header + b"\n" + encodebytes(octets)
