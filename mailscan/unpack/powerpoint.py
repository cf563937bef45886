"""PowerPoint 97 to 2003 ([MS-PPT]): the objects and macros in the stream `PowerPoint Document`, and encryption.

Readers find a record by a table of offsets, which may point anywhere. So records are looked for at every place.
"""

from __future__ import annotations

import zlib
from struct import unpack_from

from mailscan.unpack.budget import in_time
from mailscan.unpack.cfb import SIGNATURE
from mailscan.unpack.found import REMOTE, Found, Remark, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_OBJECT = b"\x11\x10"  # 2.10.34: RT_ExternalOleObjectStg
_LINKED = b"\x0f\0\xce\x0f"  # 2.10.29: RT_ExternalOleLink, a container, and in it first an ExOleLinkAtom
_ENCRYPTED_TOKEN = b"\xdf\xc4\xd1\xf3"  # 2.3.2: headerToken of the stream `Current User`
_SESSION = b"\x0f\0\x14\x2f"  # 2.3.7: CryptSession10Container


def encrypted(stream: bytes, current_user: bytes) -> bool:
    """Whether the presentation is encrypted."""
    return current_user[12:16] == _ENCRYPTED_TOKEN or _SESSION in stream


def objects(stream: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The OLE storages, among them that of the macros, and what is said of linked objects."""
    at = stream.find(_OBJECT)
    number = steps = 0
    while at >= 0:
        steps += 1
        if not steps & 1023:
            in_time(budget)
        start = at + 6
        if at >= 2 and start + 4 <= len(stream):
            size = unpack_from("<I", stream, at + 2)[0]
            head = stream[at - 2 : at]
            if head == b"\0\0" and stream.startswith(SIGNATURE[:4], start):
                number += 1
                yield _stored(number, stream, start, size)
            elif head == b"\x10\0" and stream[start + 4 : start + 5] == b"\x78":
                number += 1
                yield _compressed(number, stream, start + 4, size, budget)
        at = stream.find(_OBJECT, at + 1)
    if (at := stream.find(_LINKED)) >= 0 and stream[at + 8 : at + 12] == b"\0\0\xd1\x0f":
        yield Remark(REMOTE, "an object that is linked to another file")


def _stored(number: int, stream: bytes, start: int, size: int) -> Found:
    return Found((f"object {number}",), size, lambda most: stream[start : start + min(size, most)])


def _compressed(number: int, stream: bytes, start: int, size: int, budget: Budget) -> Found:
    def read(most: int) -> bytes:
        return inflate(stream, start, most, budget)

    return Found((f"object {number}",), min(size, len(stream) - start), read)


def inflate(data: bytes, start: int, most: int, budget: Budget) -> bytes:
    """At most `most` octets of a zlib stream, whatever is said of its end. Raises `Unopened` where it is damaged."""
    decoder = zlib.decompressobj()
    out = bytearray()
    try:
        for at in range(start, len(data), 65_536):
            step = data[at : at + 65_536]
            while step and len(out) < most and not decoder.eof:
                out += decoder.decompress(step, min(most - len(out), 1 << 20))
                step = decoder.unconsumed_tail
                in_time(budget, out)
            if len(out) >= most or decoder.eof:
                return bytes(out)
    except zlib.error as error:
        raise Unopened(f"damaged ({error})", partly=bytes(out)) from None
    raise Unopened("damaged: it ends too early", partly=bytes(out))
