"""OLE documents: Word, Excel and PowerPoint before 2007, Outlook's .msg, MSI, and what else is a compound file.

All streams are looked at in one pass, however deep the storage lies: a document embedded in another is a storage in it.
"""

from __future__ import annotations

import re
from struct import unpack_from

from mailscan.unpack import biff, officecrypt, package, powerpoint, vba, worddoc
from mailscan.unpack.budget import in_time
from mailscan.unpack.cfb import STREAM, Compound, Entry
from mailscan.unpack.found import ENCRYPTED_DOCUMENT, NOT_OPENED, REMOTE, Found, Remark
from mailscan.unpack.limits import holds_as_read
from mailscan.unpack.lzfu import decompress_rtf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscan.unpack import Budget

_ATTACHMENT = "__attach_version1.0_"  # [MS-OXMSG] 2.2.2
_PROPERTY = "__substg1.0_"
# [MS-OXPROPS]: long file name, file name, display name, path; as UTF-16 and in a code page.
_NAMES = ("3707", "3704", "3001", "370d")
_LINKED = 1  # [MS-OLEDS] 2.3.3: Flags
_LONGEST_NAME = 1000
_PRINTED = re.compile(rb"(?:[\x20-\x7e]\0){5,}|[\x20-\x7e]{5,}")


def open_ole(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The members of a compound file, and what is to be said of its macros, links and encryption."""
    file = Compound(data, budget)
    if file.cut:
        yield Remark(NOT_OPENED, "more streams than are read")
    below: dict[int, dict[str, Entry]] = {}
    for entry in file.entries:
        below.setdefault(id(entry.parent), {}).setdefault(entry.name.lower(), entry)
    encrypted = False
    for number, entry in enumerate(file.entries):
        if not number & 63:
            in_time(budget)
        name = entry.name.lower()
        if name in ("encryptedpackage", "encryptioninfo", "\tdrmcontent"):
            if not encrypted:
                yield from _encrypted(file, below.get(id(entry.parent), {}), budget)
            encrypted = True
        elif entry.kind != STREAM:
            if name.startswith(_ATTACHMENT):
                yield from _attachment(file, below.get(id(entry), {}))
        elif name.startswith(_PROPERTY):
            yield from _property(file, entry, name, budget)
        else:
            yield from _stream(file, entry, name, below.get(id(entry.parent), {}), budget)
    yield from vba.projects(file, budget)


def _stream(
    file: Compound, entry: Entry, name: str, beside: dict[str, Entry], budget: Budget
) -> Iterator[Found | Remark]:
    """What one stream holds; `beside` are the others in its storage."""
    if name == "\1ole10native":
        yield from package.native(file.look(entry, entry.size), _called(entry))
    elif name == "\1ole":
        yield from _link(file.look(entry, 4096))
    elif name in ("workbook", "book"):
        yield from biff.workbook(file.look(entry, entry.size), budget)
    elif name == "worddocument":
        stream = file.look(entry, entry.size)
        table = beside.get(worddoc.table_name(stream))
        yield from worddoc.document(stream, file.look(table, table.size) if table is not None else b"", budget)
    elif name == "powerpoint document":
        stream = file.look(entry, entry.size)
        user = beside.get("current user")
        if powerpoint.encrypted(stream, file.look(user, 64) if user is not None else b""):
            yield Remark(ENCRYPTED_DOCUMENT, "an encrypted presentation")
        yield from powerpoint.objects(stream, budget)
    elif name == "package" or holds_as_read(lambda most: file.look(entry, most), entry.size):
        yield Found((_called(entry),), entry.size, file.reader(entry))


def _encrypted(file: Compound, beside: dict[str, Entry], budget: Budget) -> Iterator[Found | Remark]:
    """An encrypted document of Office 2007 and later; a member if the password is the one that Excel tries."""
    info, sealed = beside.get("encryptioninfo"), beside.get("encryptedpackage")
    if info is not None and sealed is not None:
        read = officecrypt.opened(file.look(info, 20_000), lambda most: file.read(sealed, most), budget)
        if read is not None:
            what = f"with the default password {biff.DEFAULT_PASSWORD}, which Excel does not ask for"
            yield Remark(ENCRYPTED_DOCUMENT, f"an encrypted document {what}")
            yield Found((), sealed.size, read)
            return
    yield Remark(ENCRYPTED_DOCUMENT, "an encrypted document")


def _called(entry: Entry) -> str:
    """The path of a stream as the name of a member."""
    return "/".join(map(_msi_name, entry.path))[:_LONGEST_NAME]


def _link(stream: bytes) -> Iterator[Remark]:
    """A linked object ([MS-OLEDS] 2.3.3), and what looks most like the place that it is linked to."""
    if len(stream) >= 8 and unpack_from("<I", stream, 4)[0] & _LINKED:
        places = [one.replace(b"\0", b"").decode("latin-1") for one in _PRINTED.findall(stream[20:])]
        place = max(places, key=lambda one: ("/" in one or "\\" in one, len(one)), default="")
        yield Remark(REMOTE, f"an object that is linked to {place[:200] or 'another file'}")


def _attachment(file: Compound, inside: dict[str, Entry]) -> Iterator[Found]:
    """The octets of an attachment of an Outlook message. Of an attached message the streams are members themselves."""
    data = inside.get(f"{_PROPERTY}37010102")
    if data is None or data.kind != STREAM:
        return
    names = []
    for number in _NAMES:
        for kind, charset in (("001f", "utf-16-le"), ("001e", "")):
            entry = inside.get(f"{_PROPERTY}{number}{kind}")
            if entry is not None and entry.kind == STREAM:
                octets = file.look(entry, 2 * _LONGEST_NAME)
                names.append(octets.decode(charset, "replace") if charset else package.text(octets))
    yield Found(package.names_of(*(one.partition("\0")[0] for one in names)), data.size, file.reader(data))


def _property(file: Compound, entry: Entry, name: str, budget: Budget) -> Iterator[Found]:
    """The text of an Outlook message, where it is more than text ([MS-OXPROPS]: PidTagRtfCompressed, PidTagHtml)."""
    number = name[len(_PROPERTY) :]
    if number == "10090102":
        yield Found(("body.rtf",), entry.size, _rtf(file, entry, budget))
    elif number == "10130102":
        yield Found(("body.html",), entry.size, file.reader(entry))
    elif number[:4] != "3701" and holds_as_read(lambda most: file.look(entry, most), entry.size):
        yield Found((_called(entry),), entry.size, file.reader(entry))


def _rtf(file: Compound, entry: Entry, budget: Budget) -> Callable[[int], bytes]:
    return lambda most: decompress_rtf(file.read(entry, entry.size), most, budget)


def _msi_name(name: str) -> str:
    """The name of a stream of an MSI database: two letters stand in one character of a block that nobody writes in."""
    if not any("\u3800" <= char <= "\u4840" for char in name):
        return name
    found = []
    for char in name:
        code = ord(char)
        if 0x3800 <= code < 0x4800:
            found.append(_LETTERS[code - 0x3800 & 63] + _LETTERS[code - 0x3800 >> 6])
        elif 0x4800 <= code < 0x4840:
            found.append(_LETTERS[code - 0x4800])
        elif code != 0x4840:
            found.append(char)
    return "".join(found)


_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
