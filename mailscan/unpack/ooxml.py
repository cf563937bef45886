"""Office documents in ZIP archives: OOXML (ECMA-376) and OpenDocument. What is to be said of them beside their members.

Macros of VBA, embedded objects and pictures are members, which others open. Here: what is fetched from elsewhere when
the document is opened, fields that ask other programs, Excel 4 macros, scripts of OpenDocument, encryption.
"""

from __future__ import annotations

import re

from mailscan.unpack.budget import in_time
from mailscan.unpack.fields import elsewhere, instruction, quoted
from mailscan.unpack.found import AUTO_MACROS, ENCRYPTED_DOCUMENT, MACROS, OVER_LIMIT, REMOTE, Found, Remark, Unopened
from mailscan.unpack.tags import decoded, has, tags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mailscan.unpack import Budget

# Of one part, and of all parts of a document.
_LONGEST, _ALL = 20_000_000, 60_000_000
_MOST = 20
# Relationships that a person must follow, and pictures and media.
_INNOCENT = frozenset(("hyperlink", "image", "video", "audio", "media", "customxml", "linkedimage"))
# Places to which only a person's own files lead; from elsewhere they are something else.
_OF_ONES_OWN = frozenset(("attachedtemplate", "externallinkpath", "xlexternallinkpath", "xlpathmissing", "xlstartup"))
# What is fetched, for people; others are told by the name of their relationship.
SHOWN = {
    "attachedtemplate": "a template",
    "oleobject": "an embedded object",
    "frame": "a frame",
    "externallink": "a workbook",
    "externallinkpath": "a workbook",
    "subdocument": "a part of the document",
    "section-source": "a section",
    "table-source": "a table",
    "object": "an embedded object",
    "object-ole": "an embedded object",
}
_AUTO = re.compile(r"(?i)(?:_xlnm\.)?auto_(?:open|close|activate|deactivate)")
_AUTO_WIDE = re.compile(rb"(?i)a\0u\0t\0o\0_\0(?:o\0p\0e\0n|c\0l\0o\0s\0e|a\0c\0t\0i\0v|d\0e\0a\0c\0t)")
# [MS-XLSB] 2.4.30 BrtBeginSupBook: its number, its length, then 1 for DDE, the program, the topic.
_BINARY_DDE = re.compile(rb"\xe8\x02[\s\S]{1,2}?\x01\0([\s\S]{4})")


def about(founds: Sequence[Found], budget: Budget) -> Iterator[Remark]:
    """What is to be said of a ZIP archive with these members; nothing if it is no document."""
    parts = _Parts(founds, budget)
    count = 0
    said: set[str] = set()
    try:
        for remark in _opendocument(parts) if parts.is_opendocument() else _ooxml(parts):
            if remark.text not in said:
                yield remark
                said.add(remark.text)
                count += 1
            if count >= _MOST:
                return
    except Unopened as error:
        yield Remark(error.group, str(error))
    yield from (Remark(OVER_LIMIT, f"only its first {_LONGEST} octets were read", name) for name in parts.cut[:_MOST])


class _Parts:
    """The parts of a document by name, in lower case and with "/"; `cut` names those not read to their end."""

    __slots__ = ("names", "cut", "budget", "_left")

    def __init__(self, founds: Sequence[Found], budget: Budget) -> None:
        self.names: list[tuple[str, Found]] = []
        self.cut: list[str] = []
        self.budget = budget
        self._left = _ALL
        for found in founds:
            spelt = {one.replace("\\", "/").lstrip("/").lower() for one in found.names}
            self.names += ((one, found) for one in sorted(spelt))

    def is_opendocument(self) -> bool:
        """Whether it is OpenDocument: by its manifest, for what says so first may be left out."""
        names = {name for name, _ in self.names}
        return "[content_types].xml" not in names and bool(names & {"meta-inf/manifest.xml", "mimetype"})

    def read(self, name: str, found: Found) -> bytes:
        """The octets of a part, or what could be had: what is wrong with it will be said of it as a member."""
        in_time(self.budget)
        most = min(_LONGEST, self._left)
        try:
            data = found.read(most)
        except Unopened as error:
            data = error.partly
        self._left -= len(data)
        if len(data) >= most:
            self.cut.append(name)
        return data

    def each(self, begin: str, *ends: str) -> Iterator[tuple[str, bytes]]:
        """(name, octets) of the parts whose names begin and end so."""
        for name, found in self.names:
            if name.startswith(begin) and name.endswith(ends):
                yield name, self.read(name, found)


def _ooxml(parts: _Parts) -> Iterator[Remark]:
    budget = parts.budget
    by_name: dict[str, str] = {}
    by_ending: dict[str, str] = {}
    for _, data in parts.each("[content_types].xml", ""):
        for tag in tags(decoded(data), budget, "Override", "Default"):
            given = tag.attributes()
            what = given.get("ContentType", "").lower()
            by_name[given.get("PartName", "").lstrip("/").lower()] = what
            by_ending[given.get("Extension", "\0").lower()] = what
    if not by_name:
        return
    sheets: list[str] = []
    for name, found in parts.names:
        what = by_name.get(name) or by_ending.get(name.rpartition(".")[2], "")
        if name.endswith(".rels"):
            yield from relationships(parts.read(name, found), parts.budget)
        elif "macrosheet" in what or name.startswith(("xl/macrosheets/", "xl/intlmacrosheets/")):
            sheets.append(name)
        elif "externallink" in what or name.startswith("xl/externallinks/"):
            yield from _external_link(parts.read(name, found), parts.budget)
        elif "wordprocessingml" in what or "ms-word.document" in what or (name[:5] == "word/" and name[-4:] == ".xml"):
            yield from fields(parts.read(name, found), parts.budget)
    if sheets:
        yield from _macro_sheets(parts, sheets)


def relationships(data: bytes, budget: Budget) -> Iterator[Remark]:
    """Relationships (ECMA-376 part 2, 8.3) to what is not in the document and is fetched unasked."""
    if not has(data, b"xternal"):
        return
    for tag in tags(decoded(data), budget, "Relationship"):
        found = tag.attributes()
        if found.get("TargetMode", "").strip().lower() != "external":
            continue
        kind = found.get("Type", "").rstrip("/").rpartition("/")[2]
        target = found.get("Target", "")
        if kind.lower() in _INNOCENT or (kind.lower() in _OF_ONES_OWN and not elsewhere(target)):
            continue
        yield Remark(REMOTE, f"{SHOWN.get(kind.lower(), kind)} from elsewhere: {target[:200]}")


def _external_link(data: bytes, budget: Budget) -> Iterator[Remark]:
    """Links of a workbook to other programs (DDE)."""
    if (found := _BINARY_DDE.match(data)) is not None:
        size = int.from_bytes(found.group(1), "little")
        program = data[found.end() : found.end() + min(2 * size, 400)].decode("utf-16-le", "replace")
        yield Remark(REMOTE, f"a link to another program (DDE): {program}")
    elif has(data, b"ddeLink"):
        for tag in tags(decoded(data), budget, "ddeLink"):
            link = tag.attributes()
            if not link:
                continue
            text = f"{link.get('ddeService', '')} {link.get('ddeTopic', '')}"
            yield Remark(REMOTE, f"a link to another program (DDE): {text[:200]}")


def fields(data: bytes, budget: Budget) -> Iterator[Remark]:
    """Fields of a Word document (17.16): their instructions may be in many pieces, and hold fields again."""
    if not has(data, b"instr"):
        return
    open_fields: list[tuple[list[str], bool]] = []
    for tag in tags(decoded(data), budget, "fldSimple", "fldChar", "instrText", "delInstrText"):
        if tag.name == "fldSimple":
            yield from _said(tag.attributes().get("instr", ""))
        elif tag.name in ("instrText", "delInstrText"):
            if open_fields and not open_fields[-1][1]:
                open_fields[-1][0].append(tag.text)
            else:
                yield from _said(tag.text)
        elif tag.name == "fldChar":
            what = tag.attributes().get("fldCharType", "")
            if what == "begin" and len(open_fields) < 1000:
                open_fields.append(([], False))
            elif what == "separate" and open_fields:
                open_fields[-1] = open_fields[-1][0], True
            elif what == "end" and open_fields:
                text = "".join(open_fields.pop()[0])
                inner = quoted(text)
                if inner is not None and open_fields and not open_fields[-1][1]:
                    open_fields[-1][0].append(inner)
                yield from _said(text)
    # Word shows an error for a field that does not end; others may not.
    for pieces, _ in open_fields:
        yield from _said("".join(pieces))


def _said(text: str) -> Iterator[Remark]:
    remark = instruction(text)
    if remark is not None:
        yield remark


def _macro_sheets(parts: _Parts, sheets: list[str]) -> Iterator[Remark]:
    """Excel 4 macros, and whether a defined name makes Excel run them (18.2.5, [MS-XLSB] 2.4.711)."""
    auto = hidden = ""
    budget = parts.budget
    for name, data in parts.each("", "workbook.xml", "workbook.bin"):
        if name.endswith(".bin"):
            auto = auto or ("Auto_Open" if _AUTO_WIDE.search(data) else "")
            continue
        for tag in tags(decoded(data), budget, "definedName", "sheet"):
            found = tag.attributes()
            if tag.name == "definedName" and _AUTO.match(found.get("name", "")):
                auto = auto or found["name"]
            if found.get("state") == "veryHidden":
                hidden = ", and a very hidden sheet"
    names = ", ".join(sheets[:5])
    if auto:
        yield Remark(AUTO_MACROS, f"Excel 4 macros that run by themselves ({auto[:100]}): {names}{hidden}")
    else:
        yield Remark(MACROS, f"Excel 4 macros: {names}{hidden}")


def _opendocument(parts: _Parts) -> Iterator[Remark]:
    for _, data in parts.each("meta-inf/manifest.xml", ""):
        if has(data, b"encryption-data", b"encrypted-package"):
            yield Remark(ENCRYPTED_DOCUMENT, "an encrypted OpenDocument file")
    for name, found in parts.names:
        inner = name.rpartition("/")[2]
        if name.startswith("basic/") and name.endswith(".xml"):
            # Lists of modules and dialogs are there without a module.
            if not inner.startswith(("script-l", "dialog-l")) and has(parts.read(name, found), b"module"):
                yield Remark(MACROS, f"macros in {name[:200]}")
        elif name.startswith("scripts/") and inner and not inner.endswith(".xml"):
            yield Remark(MACROS, f"macros in {name[:200]}")
        elif inner in ("content.xml", "styles.xml", "settings.xml"):
            yield from _events_and_links(parts.read(name, found), parts.budget)


def _events_and_links(data: bytes, budget: Budget) -> Iterator[Remark]:
    """Scripts that events start (OpenDocument 1.3 part 3, 12.4.2, 14.4), and what is fetched from elsewhere."""
    if not has(data, b"event-listener", b"dde", b"xlink:href", b"href"):
        return
    wanted = ("event-listener", "dde-connection-decl", "dde-source", "section-source", "object", "object-ole")
    for tag in tags(decoded(data), budget, *wanted, "table-source"):
        found = tag.attributes()
        place = found.get("href", "")
        if tag.name == "event-listener":
            event = found.get("event-name", "")
            # Events of the document; those of buttons and links need a person.
            auto = event.startswith("office:") or event in ("dom:load", "dom:unload", "dom:DOMFocusIn", "dom:focus")
            group, text = (AUTO_MACROS, "a script that runs by itself") if auto else (MACROS, "a script")
            yield Remark(group, f"{text} ({event[:50]}): {(place or found.get('macro-name', ''))[:200]}")
        elif tag.name.startswith("dde-"):
            topic = f"{found.get('dde-application', '')} {found.get('dde-topic', '')}"
            if found.get("dde-application", "soffice").lower() != "soffice":
                yield Remark(REMOTE, f"a link to another program (DDE): {topic[:200]}")
        elif elsewhere(place):
            yield Remark(REMOTE, f"{SHOWN.get(tag.name, tag.name)} from elsewhere: {place[:200]}")
