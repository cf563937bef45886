"""Compressed RTF, in which Outlook keeps the text of mail ([MS-OXRTFCP])."""

from __future__ import annotations

from struct import unpack_from

from mailscan.unpack.budget import in_time
from mailscan.unpack.found import Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.unpack import Budget

# 2.1.2.1: what the dictionary holds at first.
_FIRST = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans Serif"
    rb"SymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)


def decompress_rtf(data: bytes, most: int, budget: Budget) -> bytes:
    """At most `most` octets of the RTF. Raises `Unopened` where it is damaged."""
    if len(data) < 16:
        raise Unopened("damaged: compressed RTF without its header")
    size, how = unpack_from("<I4s", data, 4)
    most = min(most, size)
    if how == b"MELA":
        return data[16 : 16 + most]
    if how != b"LZFu":
        raise Unopened("damaged: RTF that is compressed in an unknown way")
    out = bytearray(_FIRST)
    at, end = 16, most + len(_FIRST)
    while len(out) < end and at < len(data):
        flags = data[at]
        at += 1
        for bit in range(8):
            if not flags >> bit & 1:
                out += data[at : at + 1]
                at += 1
                continue
            token = int.from_bytes(data[at : at + 2], "big")
            at += 2
            # 2.1.3.1.4: a place in the dictionary, a ring of 4096; where the next octet would be written is the end.
            back = (len(out) - (token >> 4)) & 4095
            if at > len(data):
                break
            if not back:
                return bytes(out[len(_FIRST) : end])
            length = (token & 15) + 2
            # Beyond what was written the ring is blank.
            piece = out[-back:] if back <= len(out) else bytes(back - len(out)) + out
            out += (piece * (length // back + 1))[:length]
        if not at & 0xFFF:
            in_time(budget, out[len(_FIRST) :] if budget.late() else b"")
    if len(out) < end:
        raise Unopened("damaged: compressed RTF that ends too early", partly=bytes(out[len(_FIRST) :]))
    return bytes(out[len(_FIRST) : end])
