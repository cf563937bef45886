"""Office documents that are one XML file: Word and Excel 2003, and OOXML as one file; and ActiveMime, which is in them.

Windows opens such a file with Word or Excel whatever it is called, if its first lines say so. Macros are in it in
Base64, and in that as a zlib stream.
"""

from __future__ import annotations

from itertools import chain

from mailscan.transfer import decode_base64
from mailscan.unpack.budget import in_time
from mailscan.unpack.fields import elsewhere
from mailscan.unpack.found import NOT_OPENED, OVER_LIMIT, REMOTE, Found, Remark, Unopened
from mailscan.unpack.ooxml import fields, relationships
from mailscan.unpack.package import found, names_of
from mailscan.unpack.powerpoint import inflate
from mailscan.unpack.sheettext import links
from mailscan.unpack.tags import decoded, has, tags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_LONGEST, _MOST = 40_000_000, 20
# What the first kilobytes of such a file have.
_MARKS = (
    b"mso-application",
    b"schemas.microsoft.com/office/word/2003/wordml",
    b"schemas.microsoft.com/office/2006/xmlPackage",
    b"urn:schemas-microsoft-com:office:spreadsheet",
)
ACTIVE_MIME = b"ActiveMime"


def is_office_xml(data: bytes) -> bool:
    """Whether the first octets are those of such a document."""
    return data[:100].lstrip(b"\xef\xbb\xbf\xff\xfe\0\t\r\n ")[:1] == b"<" and has(data[:4096], *_MARKS)


def open_office_xml(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """What such a document holds in Base64, and what is to be said of its fields and of what it fetches."""
    if len(data) > _LONGEST:
        yield Remark(OVER_LIMIT, f"only its first {_LONGEST} octets were read")
    data = data[:_LONGEST]
    if has(data, b"instr", b"Relationship"):
        said: set[str] = set()
        for remark in chain(fields(data, budget), relationships(data, budget)):
            if remark.text not in said and len(said) < _MOST:
                said.add(remark.text)
                yield remark
    if not has(data, b"binData", b"binaryData", b"attachedTemplate", b"Formula", b"docOleData"):
        return
    part, count = "", 0
    xml = decoded(data)
    del data  # each copy is 40 MB
    for tag in tags(xml, budget, "part", "binData", "binaryData", "docOleData", "attachedTemplate", "Cell"):
        in_time(budget)
        given = tag.attributes()
        if tag.name == "part":
            part = given.get("name", "")
        elif tag.name in ("binData", "binaryData", "docOleData"):
            yield from _binary(tag.coded, names_of(given.get("name", part)))
        elif tag.name == "attachedTemplate" and elsewhere(place := given.get("val", "")):
            yield Remark(REMOTE, f"a template from elsewhere: {place[:200]}")
        elif tag.name == "Cell" and "|" in (formula := given.get("Formula", "")) and count < _MOST:
            for link in links(formula.encode("utf-8", "replace"), budget):
                count += 1
                yield Remark(REMOTE, f"a formula that asks another program (DDE): {link}")


def _binary(text: str, names: tuple[str, ...]) -> Iterator[Found | Remark]:
    if not text.strip():
        return
    # Not by `binascii`: what it makes of padding that more follows is not the same in all versions.
    octets = decode_base64(text.encode("ascii", "replace"))
    if octets:
        yield found(names, octets)
    else:
        yield Remark(NOT_OPENED, "octets in Base64 that cannot be read")


def open_active_mime(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The document within ActiveMime (`editdata.mso`): a zlib stream behind a header of no certain length."""
    at = data.find(b"\x78", len(ACTIVE_MIME))
    tried = 0
    while at >= 0 and tried < 20:
        tried += 1
        try:
            inflate(data, at, 16, budget)
        except Unopened as error:
            if not error.partly:
                at = data.find(b"\x78", at + 1)
                continue
        yield Found((), len(data) - at, lambda most, at=at: inflate(data, at, most, budget))  # type: ignore[misc]
        return
    raise Unopened("damaged: ActiveMime without a document in it")
