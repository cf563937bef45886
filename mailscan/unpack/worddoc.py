"""Word 97 to 2003 ([MS-DOC]): encryption, fields that ask other programs, a template from elsewhere."""

from __future__ import annotations

import re
from struct import unpack_from

from mailscan.unpack.budget import in_time
from mailscan.unpack.fields import elsewhere, instruction
from mailscan.unpack.found import ENCRYPTED_DOCUMENT, REMOTE, Remark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_ENCRYPTED, _OTHER_TABLE = 1 << 8, 1 << 9  # 2.5.2
# 2.8.25: a field begins with 0x13, its result with 0x14, its end is 0x15; text is of octets or of UTF-16. Of fields
# within its instruction nothing is known here: the first word is enough.
_FIELD = re.compile(
    rb"(?i)\x13\0?+(?>(?:[ \t\"]\0?+){0,40})(?:D\0?D\0?E|L\0?I\0?N\0?K|I\0?N\0?C\0?L\0?U\0?D\0?E\0?T\0?E\0?X\0?T)"
)
_LONGEST = 1000
_ASSOCIATED = 0x19A  # 2.5.6: fcSttbfAssoc, lcbSttbfAssoc


def encrypted(stream: bytes) -> bool:
    """Whether the file information block (2.5.2) says that the document is encrypted."""
    return len(stream) >= 12 and bool(unpack_from("<H", stream, 10)[0] & _ENCRYPTED)


def table_name(stream: bytes) -> str:
    """The name of the stream that belongs to it."""
    return "1table" if len(stream) >= 12 and unpack_from("<H", stream, 10)[0] & _OTHER_TABLE else "0table"


def document(stream: bytes, table: bytes, budget: Budget) -> Iterator[Remark]:
    """What is to be said of a stream `WordDocument`; `table` is the stream that belongs to it."""
    if encrypted(stream):
        how = "XOR obfuscation" if unpack_from("<H", stream, 10)[0] >> 15 else "RC4"
        yield Remark(ENCRYPTED_DOCUMENT, f"an encrypted Word document ({how})")
        return
    said: set[str] = set()
    for count, found in enumerate(_FIELD.finditer(stream)):
        if not count & 255:
            in_time(budget)
        piece = stream[found.start() + 1 : found.start() + _LONGEST]
        piece = re.split(rb"[\x14\x15]", piece, maxsplit=1)[0].replace(b"\x13", b" ")
        remark = instruction((piece.replace(b"\0", b"")).decode("cp1252", "replace"))
        if remark is not None and remark.text not in said and len(said) < 20:
            said.add(remark.text)
            yield remark
    template = _template(stream, table)
    if elsewhere(template):
        yield Remark(REMOTE, f"a template from elsewhere: {template[:200]}")


def _template(stream: bytes, table: bytes) -> str:
    """The attached template, the second of the associated strings (2.9.274)."""
    if len(stream) < _ASSOCIATED + 8:
        return ""
    at, size = unpack_from("<II", stream, _ASSOCIATED)
    octets = table[at : at + min(size, 8192)]
    here = 6
    for number in range(2):
        if here + 2 > len(octets) or octets[:2] != b"\xff\xff":
            return ""
        length = 2 * int(unpack_from("<H", octets, here)[0])
        if number == 1:
            return octets[here + 2 : here + 2 + length].decode("utf-16-le", "replace")
        here += 2 + length
    return ""
