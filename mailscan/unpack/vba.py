"""VBA projects ([MS-OVBA]): whether there is code, and which of its procedures run by themselves.

The source is what counts: Office compiles it anew wherever the compiled form is of another version. A project whose
source was taken away or replaced ("stomped") still runs where the version fits, so compiled names are looked at too.
"""

from __future__ import annotations

import re
from struct import unpack_from

from mailscan.unpack.budget import in_time
from mailscan.unpack.cfb import STREAM
from mailscan.unpack.found import AUTO_MACROS, MACROS, Remark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget
    from mailscan.unpack.cfb import Compound, Entry

# Of one module; the editor of Office takes 64 kB a procedure.
_LONGEST = 4_000_000
_OWN_STREAMS = ("dir", "_vba_project")

# What Word, Excel, PowerPoint, Publisher and Access call without being asked, and the events of controls that come
# when a page is drawn or the mouse passes. Not `_Click`: for that a person must press what the document shows.
_TRIGGERS = (
    rb"auto_?(?:exec|open|close|exit|new|activate|deactivate|ope)|document_?(?:open|close|beforeclose|change|new)"
    rb"|newdocument|workbook_(?:open|activate|close|beforeclose|deactivate|windowactivate)"
    rb"|worksheet_(?:calculate|activate)|presentation_?open|onslideshowpagechange|slideshow_?begin|app_documentopen"
    rb"|[a-z0-9_]{1,200}_(?:painted|painting|gotfocus|lostfocus|mousehover|layout|change|resize|beforenavigate2"
    rb"|beforescriptexecute|documentcomplete|downloadbegin|downloadcomplete|filedownload|navigatecomplete2"
    rb"|navigateerror|progresschange|propertychange|setsecurelockicon|statustextchange|titlechange|mousemove"
    rb"|mouseenter|mouseleave|onconnecting|contentcontrolonenter)"
)
_AUTO_SUB = re.compile(rb"(?i)\b(?:sub|function)[ \t]{1,100}(" + _TRIGGERS + rb")(?![a-z0-9_])")
_AUTO_NAME = re.compile(rb"(?i)auto(?:exec|open|close|exit|new)\Z")
# In compiled form a name stands by itself. The events of controls are left out: the names of some are in type
# libraries that every project refers to.
_COMPILED = re.compile(
    rb"(?i)(?<![a-z0-9_])(auto_?(?:exec|open|close|exit|new)|document_(?:open|close|beforeclose|new)"
    rb"|workbook_(?:open|activate|close|beforeclose))(?![a-z0-9_])"
)
_BEGINS = b"\0Attribut"
# What the editor writes into a module by itself.
_SAYS_NOTHING = re.compile(rb"(?im)^[ \t]*(?:attribute [^\n]*|option [^\n]*|'[^\n]*|rem\b[^\n]*)?$")


def decompress(data: bytes, start: int, most: int, budget: Budget) -> bytes:
    """What a compressed container holds ([MS-OVBA] 2.4.1), at most `most` octets; b"" if none begins here."""
    out = bytearray()
    if data[start : start + 1] != b"\1":
        return b""
    at = start + 1
    while at + 2 < len(data) and len(out) < most:
        header = data[at] | data[at + 1] << 8
        end = min(len(data), at + (header & 0xFFF) + 3)
        if header & 0x8000:
            _chunk(data, at + 2, end, out)
        else:
            out += data[at + 2 : min(at + 4098, len(data))]
        at = end
        in_time(budget)
    return bytes(out[:most])


def _chunk(data: bytes, at: int, end: int, out: bytearray) -> None:
    """One compressed chunk (2.4.1.3.2): groups of eight, each a literal octet or a copy of what was there before."""
    base = len(out)
    while at < end:
        flags = data[at]
        at += 1
        for bit in range(8):
            if at >= end or len(out) - base >= 4096:
                return
            if not flags >> bit & 1:
                out.append(data[at])
                at += 1
                continue
            if at + 1 >= end:
                return
            token = data[at] | data[at + 1] << 8
            at += 2
            # 2.4.1.3.19.1: the more has been written, the more bits the distance takes.
            wide = max(4, (len(out) - base - 1).bit_length())
            length = (token & 0xFFFF >> wide) + 3
            distance = (token >> 16 - wide) + 1
            if distance > len(out) - base:
                return
            length = min(length, 4096 - (len(out) - base))
            piece = out[-distance:]
            out += (piece * (length // distance + 1))[:length]


def projects(file: Compound, budget: Budget) -> Iterator[Remark]:
    """What is to be said of the macros in a compound file, wherever in it they lie."""
    storages: dict[int, list[Entry]] = {}
    for entry in file.entries:
        if entry.kind == STREAM:
            storages.setdefault(id(entry.parent), []).append(entry)
    for entries in storages.values():
        if any(entry.name.lower() in _OWN_STREAMS for entry in entries):
            yield from _project(file, entries, budget)


def _project(file: Compound, entries: list[Entry], budget: Budget) -> Iterator[Remark]:
    """One project: the streams of its storage `VBA` (2.2.2)."""
    offsets: dict[str, int] = {}
    compiled = b""
    for entry in entries:
        if entry.name.lower() == "dir":
            offsets.update(_offsets(decompress(file.look(entry, _LONGEST), 0, _LONGEST, budget)))
        elif entry.name.lower() == "_vba_project":
            compiled = file.look(entry, _LONGEST)
    macros: list[str] = []
    auto: list[str] = []
    stomped = empty = False
    for entry in entries:
        name = entry.name.lower()
        if name in _OWN_STREAMS or name.startswith("__srp_"):
            continue
        stream = file.look(entry, 2 * _LONGEST)
        source = _source(stream, offsets.get(name, -1), budget)
        in_time(budget)
        if not source and name in offsets and len(stream) > 100:
            stomped = True
        empty = empty or bool(source)
        if code := _code(source):
            macros.append(entry.name)
            auto += [f'{_text(one)} in "{entry.name}"' for one in _runs_by_itself(entry.name, code)]
    yield from _said(macros, auto, stomped, compiled, bool(offsets) or empty)


def _said(macros: list[str], auto: list[str], stomped: bool, compiled: bytes, read: bool) -> Iterator[Remark]:
    """The remark about one project, if it has code."""
    hidden = [_text(one) for one in dict.fromkeys(_COMPILED.findall(compiled))]
    if auto:
        yield Remark(AUTO_MACROS, f"macros that run by themselves: {', '.join(dict.fromkeys(auto[:5]))}")
    elif hidden:
        yield Remark(AUTO_MACROS, f"macros that run by themselves, without their source (stomped): {hidden[0]}")
    elif stomped:
        yield Remark(AUTO_MACROS, "macros without their source (stomped)")
    elif macros:
        yield Remark(MACROS, f"macros in {', '.join(macros[:5])}")
    elif not read:
        yield Remark(MACROS, "macros that could not be read")


def _source(stream: bytes, offset: int, budget: Budget) -> bytes:
    """The source of a module: where `dir` says that it begins, and wherever it begins as sources do."""
    found = [decompress(stream, offset, _LONGEST, budget)] if 0 <= offset < len(stream) else []
    # 2.4.1: a container's first octet, two of the first chunk's header, and eight literals, "Attribut".
    at = stream.find(_BEGINS)
    while at >= 0 and len(found) < 4:
        if at - 3 != offset and at >= 3:
            found.append(decompress(stream, at - 3, _LONGEST, budget))
        at = stream.find(_BEGINS, at + 1)
    return b"\n".join(filter(None, found))


def _code(source: bytes) -> bytes:
    """The source without what the editor itself writes; b"" if nothing remains. Continued lines are joined."""
    lines = source.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b" _\n", b" ").replace(b"\t", b" ")
    return _SAYS_NOTHING.sub(b"", lines).strip()


def _runs_by_itself(module: str, code: bytes) -> list[bytes]:
    """The procedures that run by themselves."""
    found = list(dict.fromkeys(_AUTO_SUB.findall(code)))
    # Word runs the procedure Main of a module that has such a name.
    name = module.encode("utf-8", "replace")
    if not found and _AUTO_NAME.match(name) and re.search(rb"(?i)\bsub +main\b", code):
        found.append(name)
    return found


def _offsets(records: bytes) -> dict[str, int]:
    """Where the source begins in the stream of each module, by the stream's name in lower case (2.3.4.2.3.2)."""
    found: dict[str, int] = {}
    at, name = 0, ""
    while at + 6 <= len(records):
        kind, size = unpack_from("<HI", records, at)
        value = records[at + 6 : at + 6 + size]
        at += 6 + size
        if kind == 0x09:  # PROJECTVERSION: two octets more than it says
            at += 2
        elif kind == 0x1A:
            name = value.decode("latin-1").lower()
            found.setdefault(name, -1)
        elif kind == 0x32:  # the same in UTF-16
            wide = value.decode("utf-16-le", "replace").lower()
            if name and wide != name:
                found.pop(name, None)
                name = wide
        elif kind == 0x31 and size == 4 and name:
            found[name] = unpack_from("<I", value.ljust(4, b"\0"))[0]
    return found


def _text(octets: bytes) -> str:
    return octets.decode("latin-1")
