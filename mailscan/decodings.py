"""Transfer encodings as only some readers decode them: rare ones, and faults of the common ones.

All of it is total and bounded: any octets give octets, or None where they are not of that encoding at all.
"""

from __future__ import annotations

import re
from functools import partial
from itertools import islice

from mailscan.transfer import decode, decode_base64, decode_quoted_printable, decode_uuencode, uu_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST_LINES = 200_000
_MOST_GROUPS = 100_000
# Groups of four characters, and lines of base64, that are decoded one by one; the rest all at once.
_MOST_SINGLE = 20_000
_MOST_FAULTS = 20_000
_MOST_ESCAPES = 1_000_000
_PIECE = 1 << 18
# What a compressed body may become: as much as its message, or this.
_SPARE = 1 << 22
_XX = b"+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_UU = bytes(range(32, 96))
_UU_BEGIN = b"begin 644 -\n"
_HQX = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(octet for octet in range(256) if octet not in _BASE64 + b"=")
_NOT_LINES = bytes(octet for octet in _NOT_BASE64 if octet != 0x0A)


class File:
    """A file that an encoding carries with its name: "" where it tells none. `start` and `end` are of the text."""

    __slots__ = ("name", "data", "start", "end")

    def __init__(self, name: str, data: bytes, start: int, end: int) -> None:
        self.name = name
        self.data = data
        self.start = start
        self.end = end


def rare(
    encoding: str, body: bytes, check: Callable[[], None] | None = None, known: bytes | None = None
) -> File | None:
    """A body in an encoding that only some readers know, by the name that `spellings.encodings` gives it.

    `check` is called now and then: what it raises ends the decoding. `known` is what `transfer` decodes it to, if that
    is known already.
    """
    if encoding == "uuencode":
        return _uuencoded(body, check, known)
    if encoding == "xxencode":
        return _xxencoded(body, check)
    if encoding == "yenc":
        return next(_yenc(body, 0, len(body)), None)
    if encoding == "binhex":
        return _binhex(body)
    if encoding == "gzip64":
        return _gunzipped(decode_base64(body), len(body))
    return File("", decode(body, encoding), 0, len(body))


def inline(text: bytes, start: int, stop: int, check: Callable[[], None] | None = None) -> Iterator[File]:
    """The files that mail clients take out of `text[start:stop]`: uuencode and yEnc, each with its name.

    `check` is called now and then: what it raises ends the search.
    """
    at = start
    begins = re.compile(rb"^begin(-base64)? [0-7]{3,4} ([^\r\n]{1,255})\r?\n", re.MULTILINE)
    ends = re.compile(rb"\nend[ \t]*\r?(?:\n|\Z)")
    while (begin := begins.search(text, at, stop)) is not None:
        at = begin.end()
        name = begin[2].decode("utf-8", "replace").strip()
        if begin[1]:
            last = text.find(b"\n====", at, stop)
            last = stop if last < 0 else last
            yield File(name, decode_base64(text, at, last), begin.start(), last)
            continue
        if not _is_uu_line(text, at, stop):
            continue
        end = ends.search(text, at - 1, stop)
        at = end.end() if end else stop
        data = decode_uuencode(text, begin.start(), at, check)
        yield File(name, data, begin.start(), at)
    yield from _yenc(text, start, stop, check)


def _is_uu_line(text: bytes, at: int, stop: int) -> bool:
    """Whether a line of uuencode begins there: its first character counts the octets of the rest."""
    end = text.find(b"\n", at, min(stop, at + 120))
    line = text[at : min(stop, at + 120) if end < 0 else end].rstrip(b"\r")
    if not line or not 33 <= line[0] <= 95 or len(line) > 100:
        return False
    wanted = (((line[0] - 32) & 63) + 2) // 3 * 4
    return abs(len(line) - 1 - wanted) <= 2 and re.fullmatch(rb"[ -`a-z]+", line) is not None


def _uuencoded(body: bytes, check: Callable[[], None] | None, known: bytes | None) -> File:
    """With its first line or, as sent by some, without it."""
    name, begun = _begun(body)
    if not begun:
        known = decode_uuencode(_UU_BEGIN + body.lstrip(b"\r\n"), check=check)
    elif known is None:
        known = decode_uuencode(body, check=check)
    return File(name, known, 0, len(body))


def _xxencoded(body: bytes, check: Callable[[], None] | None) -> File:
    """The same in another alphabet. A line of it may begin with "end" as well."""
    name, start = _begun(body)
    coded = body[start : uu_end(body, start, len(body))].translate(bytes.maketrans(_XX, _UU))
    return File(name, decode_uuencode(_UU_BEGIN + coded.lstrip(b"\r\n"), check=check), 0, len(body))


def _begun(body: bytes) -> tuple[str, int]:
    """The name that the line "begin" tells, and where that ends; 0 where there is none."""
    begin = (
        re.compile(rb"^begin [0-7]{3,4} ([^\r\n]*)(?:\r?\n)?", re.MULTILINE).search(body) if b"begin " in body else None
    )
    return (begin[1].decode("utf-8", "replace").strip(), begin.end()) if begin else ("", 0)


def _yenc(text: bytes, start: int, stop: int, check: Callable[[], None] | None = None) -> Iterator[File]:
    """The files between `=ybegin` and `=yend` (yEnc 1.3)."""
    begins = re.compile(rb"^=ybegin [^\n]{0,200}?name=([^\r\n]{0,255})\r?\n(?:=ypart [^\n]{0,200}\n)?", re.MULTILINE)
    at = start
    while (at := text.find(b"=ybegin ", at, stop)) >= 0:
        begin = begins.match(text, at, stop)
        if begin is None:
            at += 8
            continue
        end = text.find(b"\n=yend", begin.end() - 1, stop)
        end = stop if end < 0 else end
        yield File(
            begin[1].decode("utf-8", "replace").strip(' "'), _yenc_decoded(text, begin.end(), end, check), at, end
        )
        at = end


def _yenc_decoded(text: bytes, start: int, end: int, check: Callable[[], None] | None) -> bytes:
    """In pieces, none of which ends in the middle of an escape."""
    from io import BytesIO

    shifted = bytes((octet - 42) & 255 for octet in range(256))
    escaped = bytes((octet - 106) & 255 for octet in range(256))
    decoded = BytesIO()
    escapes = _MOST_ESCAPES
    while start < end and escapes > 0:
        if check is not None:
            check()
        piece = text[start : start + _PIECE if start + _PIECE < end else end]
        start += len(piece)
        if piece[-1:] == b"=":
            # Escapes do not begin with "=" twice, so this is the whole of it.
            piece, start = piece[:-1], start - (start < end)
        first, *rest = piece.translate(None, b"\r\n").split(b"=", _MOST_GROUPS)
        decoded.write(first.translate(shifted))
        for one in rest:
            decoded.write(one[:1].translate(escaped))
            decoded.write(one[1:].translate(shifted))
        escapes -= len(rest)
    return decoded.getvalue()


def _binhex(body: bytes) -> File | None:
    """The data fork of BinHex 4.0 (RFC 1741 A), and its name."""
    begin = re.search(rb"^[ \t]*:", body, re.MULTILINE)
    if begin is None:
        return None
    end = body.find(b":", begin.end())
    coded = body[begin.end() : len(body) if end < 0 else end].translate(bytes.maketrans(_HQX, _BASE64), b"\r\n\t ")
    coded = re.sub(rb"[^A-Za-z0-9+/].*", b"", coded, flags=re.DOTALL)
    packed = decode_base64(coded + b"A" * (-len(coded) % 4))
    # RFC 1741 A: an octet, 0x90 and a count repeat the octet; a count of zero is a 0x90 itself.
    if packed.count(b"\x90") > _MOST_GROUPS:
        return None
    pieces = packed.split(b"\x90")
    whole = [pieces[0]]
    for piece in pieces[1:]:
        count = piece[0] if piece else 0
        last = next((one[-1:] for one in reversed(whole) if one), b"")
        whole.append(last * (count - 1) if count else b"\x90")
        whole.append(piece[1:])
    octets = b"".join(whole)
    name = octets[1 : 1 + octets[0]] if octets else b""
    header = 1 + len(name) + 1
    size = int.from_bytes(octets[header + 10 : header + 14], "big")
    data = octets[header + 20 : header + 20 + size]
    return File(name.decode("mac_roman", "replace"), data, 0, len(body))


def _gunzipped(octets: bytes, size: int) -> File | None:
    import zlib

    try:
        return File("", zlib.decompressobj(47).decompress(octets, size + _SPARE), 0, size)
    except zlib.error:
        return None


def other_base64(body: bytes) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """(kind of fault, decoding) of base64 that is not well-formed, the commonest readers first."""
    has_padding = b"=" in body.rstrip(b"= \t\r\n")
    foreign = re.search(rb"[^A-Za-z0-9+/=\s]", body) is not None
    kind = "base64.padding" if has_padding else "base64.foreign" if foreign else "base64.length"
    lines = body.split(b"\n")
    yield kind, lambda: decode_base64(_clean(body).replace(b"=", b""))
    if has_padding:
        yield kind, lambda: decode_base64(_clean(body).partition(b"=")[0])
        yield kind, lambda: _each(rb"[^=]+=*", _clean(body))
        yield kind, lambda: _each_quantum(_clean(body))
        yield kind, lambda: decode_base64(_clean(body).replace(b"=", b"A"))
    if foreign:
        yield "base64.foreign", lambda: decode_base64(re.sub(rb"[^A-Za-z0-9+/=\s][^\n]*\n?", b"", body))
        yield "base64.foreign", lambda: decode_base64(re.split(rb"[^A-Za-z0-9+/=\s]", body, maxsplit=1)[0])
        yield (
            "base64.foreign",
            lambda: decode_base64(b"".join([one for one in lines if re.fullmatch(rb"[A-Za-z0-9+/=\s]*", one)])),
        )
    # Lines of whole groups decode to the same one by one.
    clean = body.translate(None, _NOT_LINES).split(b"\n") if len(lines) <= _MOST_LINES else []
    if any(len(one) & 3 for one in clean[:-1]):
        yield kind, lambda: _each(rb"[^\n]+", body.translate(None, _NOT_LINES))


def _each(pattern: bytes, clean: bytes) -> bytes:
    """What the pattern matches, one by one."""
    decoded: list[bytes] = []
    end = 0
    for group in islice(re.finditer(pattern, clean), _MOST_SINGLE):
        decoded.append(decode_base64(group[0]))
        end = group.end()
    return b"".join([*decoded, decode_base64(clean[end:])])


def _each_quantum(clean: bytes) -> bytes:
    """Four characters at a time, "=" being nothing wherever it stands among them."""
    whole: list[bytes] = []
    at = 0
    for _ in range(_MOST_SINGLE):
        pad = clean.find(b"=", at)
        if pad < 0:
            break
        group = at + (pad - at) // 4 * 4
        whole += [decode_base64(clean[at:group]), decode_base64(clean[group : group + 4].replace(b"=", b""))]
        at = group + 4
    return b"".join([*whole, decode_base64(clean[at:])])


def _clean(body: bytes) -> bytes:
    return body.translate(None, _NOT_BASE64)


def other_quoted_printable(body: bytes) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The same of quoted-printable: what begins no code may be kept, dropped with or without what follows."""
    half = rb"=[0-9A-Fa-f](?![0-9A-Fa-f])"
    fault = rb"=(?![0-9A-Fa-f]{2}|[ \t]*\r?\n|[ \t]*\r?\Z)"
    small = rb"=(?![0-9A-F]{2}|[ \t]*\r?\n)[^\r\n=]{0,2}"
    for patterns in ((fault,), (half, fault), (fault + rb".?",), (fault + rb"[^\r\n]{0,2}",), (small,)):
        yield "quoted-printable.code", partial(_decoded_without, body, patterns)


def _decoded_without(body: bytes, patterns: tuple[bytes, ...]) -> bytes:
    for pattern in patterns:
        body = re.sub(pattern, b"", body, count=_MOST_FAULTS)
    return decode_quoted_printable(body)


def looks_like(body: bytes) -> str:
    """The encoding that a body seems to have, "" if none."""
    head = body[:4096].strip()
    if re.fullmatch(rb"(?:[A-Za-z0-9+/]{4,}={0,2}\s+)*[A-Za-z0-9+/]{4,}={0,2}", head) and len(head) > 8:
        return "base64"
    if re.search(rb"^begin [0-7]{3,4} ", head, re.MULTILINE):
        return "uuencode"
    return "quoted-printable" if re.search(rb"=[0-9A-F]{2}", head) else ""
