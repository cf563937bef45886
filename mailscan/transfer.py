"""Transfer encodings to octets (RFC 2045 6), totally: any input gives octets, what cannot be read is passed over."""

from __future__ import annotations

import binascii
import re

from pybase64 import b64decode

# Larger bodies are decoded in pieces, so that no more than the result is held beside the message.
_PIECE = 1 << 20
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FOREIGN = bytes(octet for octet in range(256) if octet not in _ALPHABET and octet != 0x3D)
_BLANKS = b" \t\r\n\v\f"
_MOST_PADDINGS = 10_000
_QP_BLANKS = re.compile(rb"(?<![ \t])[ \t]+(?=\r?\n|\Z)")


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
        return decode_uuencode(octets[start:end])
    return octets[start:end]


def decode_base64(octets: bytes, start: int = 0, end: int | None = None) -> bytes:
    """RFC 2045 6.8. Foreign characters are passed over; a last group too short for an octet is dropped.

    Padding ends the data when what follows it is not all base64 (a list's footer); clean base64 after padding
    (parts put one after the other) is read on, since some mail clients do.
    """
    end = len(octets) if end is None else end
    if end - start > _PIECE:
        return _decode_large(octets, start, end)
    body = octets[start:end]
    if b"\r" in body:
        body = body.replace(b"\r\n", b"")
    body = body.replace(b"\n", b"")
    try:
        return b64decode(body, None, True)
    except binascii.Error:
        return _salvage(body)


def _decode_large(octets: bytes, start: int, end: int) -> bytes:
    from io import BytesIO

    decoded = BytesIO()
    carry = b""
    at = start
    while at < end:
        piece = carry + octets[at : min(at + _PIECE, end)].translate(None, _BLANKS)
        after = at + _PIECE
        whole = len(piece) if after >= end else len(piece) & ~3
        try:
            if after < end and b"=" in piece:
                raise binascii.Error
            decoded.write(b64decode(piece[:whole], None, True))
        except binascii.Error:
            decoded.write(_salvage(carry + octets[at:end]))
            break
        carry = piece[whole:]
        at = after
    return decoded.getvalue()


def _salvage(body: bytes) -> bytes:
    padding = body.find(b"=")
    clean = body.translate(None, _FOREIGN)
    if padding < 0:
        return _quads(clean)
    decoded: list[bytes] = []
    group: list[bytes] = []
    filled = 0
    pieces = clean.split(b"=", _MOST_PADDINGS)
    pieces[-1] = pieces[-1].translate(None, b"=")
    pads = 0
    stop = not _clean(body[padding:])
    for piece in pieces:
        if piece:
            pads = 0
            group.append(piece)
            filled = (filled + len(piece)) & 3
        pads += 1
        # One pad after three characters, or two after two, completes a group; any other "=" is foreign.
        if filled >= 2 and filled + pads >= 4:
            decoded.append(_quads(b"".join(group)))
            group.clear()
            filled = 0
            if stop:
                return b"".join(decoded)
    decoded.append(_quads(b"".join(group)))
    return b"".join(decoded)


def _clean(body: bytes) -> bool:
    return not body.translate(None, _ALPHABET + b"=" + _BLANKS)


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
    if _ends_in_blanks(octets, start, end):
        return binascii.a2b_qp(_QP_BLANKS.sub(b"", octets[start:end]))
    return binascii.a2b_qp(memoryview(octets)[start:end])


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


def decode_uuencode(octets: bytes) -> bytes:
    """A body in uuencode: what stands between "begin MODE NAME" and "end". Without "begin", as it is."""
    lines = iter(octets.splitlines())
    for line in lines:
        if line.startswith(b"begin ") and line[6:7].isdigit():
            break
    else:
        return octets
    decoded: list[bytes] = []
    for line in lines:
        if line.rstrip() == b"end":
            break
        if not line:
            continue
        try:
            decoded.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Encoders that count the last group whole leave junk after it (Python's uu module has the same cure).
            length = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                decoded.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                continue
    return b"".join(decoded)
