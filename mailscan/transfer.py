"""Transfer encodings to octets (RFC 2045 6), totally: any input gives octets, what cannot be read is passed over."""

from __future__ import annotations

import binascii
import re

from pybase64 import b64decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

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


def decode(octets: bytes, encoding: str, start: int = 0, end: int | None = None) -> bytes:
    """The octets that `octets[start:end]` stands for. `encoding` is in lower case; one that is not known is identity.

    (RFC 2049 2 wants an unknown one treated as application/octet-stream; the octets are then as they came.)
    """
    end = len(octets) if end is None else end
    if encoding == "base64":
        return decode_base64(octets, start, end)
    if encoding == "quoted-printable":
        return decode_quoted_printable(octets, start, end)
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
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
    rest = BytesIO()
    rest.write(carry)
    for at in range(padding, end, _PIECE):
        rest.write(octets[at : min(at + _PIECE, end)].translate(None, _FOREIGN))
    for group in _groups(rest.getvalue(), _is_followed_by_text(octets, padding, end)):
        decoded.write(group)
    return decoded.getvalue()


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


def decode_uuencode(octets: bytes, start: int = 0, end: int | None = None) -> bytes:
    """A body in uuencode: what stands between "begin MODE NAME" and "end". Without "begin", as it is.

    Lines that are not uuencode are passed over; after 1,000 of them it ends.
    """
    from io import BytesIO

    end = len(octets) if end is None else end
    begin = re.compile(rb"^begin [0-7]{3,4} [^\n]*\n", re.MULTILINE).search(octets, start, end)
    if begin is None:
        return octets[start:end]
    decoded = BytesIO()
    bad = 0
    at = begin.end()
    # A line whose blanks were stripped decodes to more than it holds, but not a whole body.
    most = end - start - octets.count(b"\r\n", start, end)
    while at < end and bad < _MOST_BAD_LINES and decoded.tell() <= most:
        after = octets.find(b"\n", at, end) + 1 or end
        # A line has 62 characters at most; encoders may leave junk after them.
        line = octets[at : min(after, at + 100)]
        at = after
        if line in (b"end\n", b"end\r\n", b"end", b"en", b"e"):  # the latter cut off
            break
        if line.isspace():
            continue
        try:
            decoded.write(binascii.a2b_uu(line))
        except binascii.Error:
            # Some count the last group whole (Python's uu module has the same cure).
            length = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                decoded.write(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                bad += 1
    return decoded.getvalue()
