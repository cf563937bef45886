"""Transfer encodings to octets (RFC 2045 6), totally: any input gives octets, what cannot be read is passed over."""

from __future__ import annotations

import binascii
import re
from itertools import accumulate
from operator import itemgetter

from pybase64 import b64decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Larger bodies are decoded in pieces, so that no more than the result is held beside the message.
_PIECE = 1 << 20
_LINES = 1 << 16
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FOREIGN = bytes(octet for octet in range(256) if octet not in _ALPHABET and octet != 0x3D)
_NOT_BASE64 = rb"[^A-Za-z0-9+/=\s]"
# A cut through quoted-printable may stand behind three octets that are none of these.
_NO_CUT = frozenset(b"= \t\r\n")
_MOST_PADDINGS = 10_000
_MOST_BAD_LINES = 1_000
UUENCODE = ("x-uuencode", "uuencode", "x-uue", "uue")
# What a blank line may begin with, but for a line end.
_BLANKS = (b" ", b"\t", b"\r", b"\v", b"\f")


def decode(octets: bytes, encoding: str, start: int = 0, end: int | None = None) -> bytes:
    """The octets that `octets[start:end]` stands for. `encoding` is in lower case; one that is not known is identity.

    (RFC 2049 2 wants an unknown one treated as application/octet-stream; the octets are then as they came.)
    """
    end = len(octets) if end is None else end
    if encoding == "base64":
        return decode_base64(octets, start, end)
    if encoding == "quoted-printable":
        return decode_quoted_printable(octets, start, end)
    if encoding in UUENCODE:
        return decode_uuencode(octets, start, end)
    return octets[start:end]


def is_as_declared(octets: bytes, encoding: str, start: int, end: int, data: bytes) -> bool:
    """Whether a body that decodes to `data` is base64 or quoted-printable without a fault. Told from counts."""
    count, size = octets.count, len(data)
    if encoding == "base64":
        if end - start <= _PIECE:
            return read_base64(octets, start, end)[1]
        filled = end - start - count(b"\n", start, end)
        if octets.find(b"\r", start, end) >= 0:
            filled -= count(b"\r\n", start, end)
        tail = octets[max(start, end - 9) : end].rstrip(b"\r\n")
        return filled & 3 == 0 and size == filled // 4 * 3 - (len(tail) - len(tail.rstrip(b"=")))
    if data.find(b"=") < 0 and octets.find(b"\r", start, end) < 0:
        # What begins no code is kept, but for one at the very end.
        return octets[max(start, end - 1) : end] != b"="
    # Each code, and each soft line break, loses two octets; one more where lines end in CRLF.
    lost = 2 * count(b"=", start, end)
    if octets.find(b"\r", start, end) >= 0:
        lost += count(b"=\r\n", start, end)
    return end - start - size == lost or is_quoted_printable(octets[start:end])


def decode_base64(octets: bytes, start: int = 0, end: int | None = None) -> bytes:
    """RFC 2045 6.8. Foreign characters are passed over; a last group too short for an octet is dropped.

    Padding ends the data when what follows it is not all base64 (a list's footer); clean base64 after padding
    (parts put one after the other) is read on, since some mail clients do.
    """
    return read_base64(octets, start, len(octets) if end is None else end)[0]


def read_base64(octets: bytes, start: int, end: int) -> tuple[bytes, bool]:
    """The same, and whether it is without a fault."""
    if end - start > _PIECE:
        data = _decode_large(octets, start, end)
        return data, is_as_declared(octets, "base64", start, end, data)
    body = octets[start:end]
    if b"\r" in body:
        body = body.replace(b"\r\n", b"")
    body = body.replace(b"\n", b"")
    try:
        return b64decode(body, None, True), True
    except binascii.Error:
        return _salvage(body), False


def _decode_large(octets: bytes, start: int, end: int) -> bytes:
    from io import BytesIO

    decoded = BytesIO()
    padding = octets.find(b"=", start, end)
    carry = b""
    for at in range(start, end if padding < 0 else padding, _PIECE):
        stop = min(at + _PIECE, end if padding < 0 else padding)
        piece = carry + octets[at:stop].translate(None, _FOREIGN)
        whole = len(piece) & ~3
        decoded.write(b64decode(piece[:whole], None, True))
        carry = piece[whole:]
    if padding < 0:
        decoded.write(_quads(carry))
        return decoded.getvalue()
    for group in _groups(carry + _clean(octets, padding, end), _is_followed_by_text(octets, padding, end)):
        decoded.write(group)
    return decoded.getvalue()


def _clean(octets: bytes, start: int, end: int) -> bytes:
    """The characters of the alphabet, and padding."""
    from io import BytesIO

    clean = BytesIO()
    for at in range(start, end, _PIECE):
        clean.write(octets[at : min(at + _PIECE, end)].translate(None, _FOREIGN))
    return clean.getvalue()


def _salvage(body: bytes) -> bytes:
    padding = body.find(b"=")
    clean = body.translate(None, _FOREIGN)
    if padding < 0:
        return _quads(clean)
    return b"".join(_groups(clean, _is_followed_by_text(body, padding, len(body))))


def _is_followed_by_text(octets: bytes, padding: int, end: int) -> bool:
    return re.compile(_NOT_BASE64).search(octets, padding, end) is not None


def _groups(clean: bytes, is_ended_by_padding: bool) -> Iterator[bytes]:
    """The octets of each run of characters of the alphabet up to its padding."""
    group: list[bytes] = []
    filled = pads = 0
    pieces = clean.split(b"=", _MOST_PADDINGS)
    del clean  # it may be large, and is there twice
    pieces[-1] = pieces[-1].translate(None, b"=")
    for piece in pieces:
        if piece:
            pads = 0
            group.append(piece)
            filled = (filled + len(piece)) & 3
        pads += 1
        # One pad after three characters, or two after two, completes a group; any other "=" is foreign.
        if filled >= 2 and filled + pads >= 4:
            yield _quads(b"".join(group))
            group.clear()
            filled = 0
            if is_ended_by_padding:
                return
    yield _quads(b"".join(group))


def _quads(clean: bytes) -> bytes:
    """Characters of the alphabet only, padded here."""
    spare = len(clean) & 3
    if spare == 1:
        clean = clean[:-1]
    elif spare:
        clean += b"=" * (4 - spare)
    return b64decode(clean, None, True)


def decode_quoted_printable(octets: bytes, start: int = 0, end: int | None = None) -> bytes:
    """RFC 2045 6.7. Blanks at the end of a line go (rule 3); a "=" that begins no code stays as it is."""
    end = len(octets) if end is None else end
    if end - start <= _LINES:
        return _decode_lines(octets, start, end)
    from io import BytesIO

    decoded = BytesIO()
    at = start
    while at < end:
        after = _cut(octets, at, end)
        decoded.write(_decode_lines(octets, at, after))
        at = after
    return decoded.getvalue()


def _cut(octets: bytes, at: int, end: int) -> int:
    """Where a piece may end: after a line end, or in a long line where no code and no blanks go across."""
    most = at + _LINES
    if most >= end:
        return end
    after = octets.rfind(b"\n", at, most) + 1
    if after:
        return after
    for after in range(most, most - 100, -1):
        if _NO_CUT.isdisjoint(octets[after - 3 : after]):
            return after
    return octets.find(b"\n", at, end) + 1 or end


def _decode_lines(octets: bytes, start: int, end: int) -> bytes:
    if not _ends_in_blanks(octets, start, end):
        return binascii.a2b_qp(memoryview(octets)[start:end])
    lines = octets[start:end].split(b"\n")
    if octets.find(b"\r", start, end) >= 0:
        stripped = [line[:-1].rstrip(b" \t") + b"\r" if line[-1:] == b"\r" else line.rstrip(b" \t") for line in lines]
    else:
        stripped = [line.rstrip(b" \t") for line in lines]
    return binascii.a2b_qp(b"\n".join(stripped))


def is_quoted_printable(octets: bytes) -> bool:
    """Whether every "=" begins a code or ends a line."""
    return re.search(rb"=(?![0-9A-Fa-f]{2}|[ \t]*\r?\n)", octets) is None


def _ends_in_blanks(octets: bytes, start: int, end: int) -> bool:
    """Whether any line has blanks at its end. A search for one octet is thirty times as fast as one for two."""
    find = octets.find
    if start < end and octets[end - 1] in b" \t":
        return True
    for blank in (b" ", b"\t"):
        if find(blank, start, end) >= 0 and (
            find(blank + b"\n", start, end) >= 0
            or (find(b"\r", start, end) >= 0 and find(blank + b"\r\n", start, end) >= 0)
        ):
            return True
    return False


def decode_uuencode(
    octets: bytes, start: int = 0, end: int | None = None, check: Callable[[], None] | None = None
) -> bytes:
    """A body in uuencode: what stands between "begin MODE NAME" and "end". Without "begin", as it is.

    Lines that are not uuencode are passed over; after 1,000 of them it ends. `check` is called for each megabyte: what
    it raises ends the decoding.
    """
    end = len(octets) if end is None else end
    begin = None
    if octets.find(b"begin ", start, end) >= 0:
        begin = re.compile(rb"^begin [0-7]{3,4} [^\n]*\n", re.MULTILINE).search(octets, start, end)
    if begin is None:
        return octets[start:end]
    # A line whose blanks were stripped decodes to more than it holds, but not a whole body.
    most = end - start - octets.count(b"\r\n", start, end)
    return _decode_uu_lines(octets, begin.end(), uu_end(octets, begin.end(), end), most, check)


def uu_end(octets: bytes, start: int, end: int) -> int:
    """Where the line "end" of a file in uuencode begins, of which the last octets may be cut off, or `end`."""
    if octets.startswith((b"end\n", b"end\r\n"), start, end):
        return start
    lf = octets.find(b"\nend\n", max(0, start - 1), end)
    crlf = octets.find(b"\nend\r\n", max(0, start - 1), end if lf < 0 else lf)
    if max(lf, crlf) >= 0:
        return (lf if crlf < 0 else crlf) + 1
    last = max(start, octets.rfind(b"\n", start, end) + 1)
    return last if octets[last : min(end, last + 4)] in (b"end", b"en", b"e") else end


def _decode_uu_lines(octets: bytes, at: int, end: int, most: int, check: Callable[[], None] | None) -> bytes:
    """Lines of uuencode, up to the one with which there are more than `most` octets."""
    from io import BytesIO

    decoded = BytesIO()
    bad = 0
    while at < end and bad < _MOST_BAD_LINES and decoded.tell() <= most:
        if check is not None:
            check()
        after = end
        if end - at > _PIECE:
            after = octets.rfind(b"\n", at, at + _PIECE) + 1 or octets.find(b"\n", at, end) + 1 or end
        piece = octets[at : min(after, at + _PIECE)]
        at = after
        data, faults = _decode_uu(_uu_lines(piece), _MOST_BAD_LINES - bad)
        bad += faults
        room = most - decoded.tell()
        if sum(map(len, data)) > room:
            enough = next(number for number, size in enumerate(accumulate(map(len, data)), 1) if size > room)
            del data[enough:]
        decoded.writelines(data)
    return decoded.getvalue()


def _uu_lines(piece: bytes) -> list[bytes]:
    """The lines that are not blank."""
    if b"\r" in piece:
        piece = piece.replace(b"\r\n", b"\n")
    if piece.startswith(_BLANKS) or any(b"\n" + blank in piece for blank in _BLANKS):
        # As many blank lines as there are one after the other go at once.
        piece = re.sub(rb"\n\s*(?:\n|\Z)", b"\n", b"\n" + piece)
    return list(filter(None, piece.split(b"\n")))


def _decode_uu(lines: list[bytes], most_bad: int) -> tuple[list[bytes], int]:
    """What each line stands for, and how many were passed over. No Python code runs for a line that is sound."""
    data: list[bytes] = []
    try:
        data.extend(map(binascii.a2b_uu, lines))
        return data, 0
    except binascii.Error:
        lines = lines[len(data) :]
    # Encoders leave junk behind what is counted, and some count the last group whole (Python's uu module has the same
    # cure): what stands behind the octets that the first character counts is cut off.
    counted = [slice((((first - 32) & 63) * 4 + 5) // 3) for first in range(256)]
    cut = map(bytes.__getitem__, lines, map(counted.__getitem__, map(itemgetter(0), lines)))
    rest = map(binascii.a2b_uu, cut)
    for bad in range(most_bad):
        try:
            data.extend(rest)
            return data, bad
        except binascii.Error:
            continue
    return data, most_bad
