"""CMS objects (RFC 5652) as S/MIME has them (RFC 8551): what is signed and carried inside, which mail clients show.

Not by a parser of ASN.1: the content stands behind the object identifier of its type, in one OCTET STRING or, as
programs that stream write it (BER), in pieces.
"""

from __future__ import annotations

from mailscan.unpack.budget import in_time
from mailscan.unpack.found import NOT_OPENED, Found, Remark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_PKCS7 = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
_DATA, _ENVELOPED = _PKCS7 + b"\x01", _PKCS7 + b"\x03"
_EXPLICIT, _OCTETS, _PIECES = 0xA0, 0x04, 0x24
_MOST = 1_000


def open_cms(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The content of signed data, a MIME entity mostly; nothing of a signature that stands beside what it signs."""
    if _ENVELOPED in data[:64]:
        yield Remark(NOT_OPENED, "an encrypted S/MIME message, which only its recipient can open")
        return
    at = -1
    for _ in range(_MOST):
        at = data.find(_DATA, at + 1)
        if at < 0:
            return
        in_time(budget)
        pieces = _content(data, at + len(_DATA), budget)
        if pieces:
            content = b"".join(pieces)
            yield Found(("content",), len(content), lambda most, content=content: content[:most])  # type: ignore[misc]
            return


def _content(data: bytes, at: int, budget: Budget) -> list[bytes]:
    """The pieces of the OCTET STRING behind the identifier of its type; none if there is no content there."""
    if data[at : at + 1] != bytes([_EXPLICIT]):
        return []
    at, _ = _length(data, at + 1)
    pieces: list[bytes] = []
    while at < len(data):
        if not len(pieces) & 255:
            in_time(budget)
        tag = data[at]
        start, size = _length(data, at + 1)
        if tag == _OCTETS and size is not None:
            pieces.append(data[start : start + size])
            at = start + size
        elif tag == _PIECES and not pieces:
            at = start
        else:
            break
    return pieces


def _length(data: bytes, at: int) -> tuple[int, int | None]:
    """(where the contents begin, how many octets they have or None where their end is marked) (X.690 8.1.3)."""
    first = data[at] if at < len(data) else 0
    if first < 0x80:
        return at + 1, first
    count = first & 0x7F
    return at + 1 + count, int.from_bytes(data[at + 1 : at + 1 + count], "big") if 0 < count <= 8 else None
