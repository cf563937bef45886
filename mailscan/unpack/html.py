"""HTML, SVG and script that carry files: data: URLs, base64 and numbers in script ("HTML smuggling").

Nothing is parsed or run: what a browser would decode is looked for in the octets, whatever stands around it. Only what
comes out as something else than text or media is a member, or as a page or script of its own.
"""

from __future__ import annotations

import re

from mailscan.unpack.bounded import replaced, searched
from mailscan.unpack.budget import in_time
from mailscan.unpack.found import OVER_LIMIT, Found, Unopened
from mailscan.unpack.naming import names, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscan.unpack import Budget

_MOST_NAMES = 16
# Of a page, which is gone through a dozen times.
_LONGEST = 32_000_000
_MOST_ESCAPES = 1_000_000
# Kinds that pages are full of.
_INNOCENT = frozenset(
    (
        "text",
        "png",
        "jpeg",
        "gif",
        "bmp",
        "tiff",
        "ico",
        "wmf",
        "riff",
        "ogg",
        "mp3",
        "mp4",
        "mpeg",
        "asf",
        "midi",
        "font",
    )
)
_MEDIA = re.compile(rb"(?i)(?:image|font|audio|video|text)/|application/(?:x-)?font|application/json")
_NAMES = re.compile(
    rb"""(?i)\bdownload["']?[ \t]{0,9}[=:][ \t\r\n]{0,9}"""
    rb"""(?:"([^"<>]{1,255})"|'([^'<>]{1,255})'|`([^`<>]{1,255})`|([^\s"'`<>]{1,255}))"""
    rb"""|\b(?:saveAs|msSaveOrOpenBlob|msSaveBlob|new File)\([^"'()]{0,200},[ \t]{0,9}["']([^"'<>]{1,255})["']"""
)
_REFERENCE = re.compile(rb"&#(?:[xX]0{0,6}([0-9A-Fa-f]{1,2})|0{0,6}(\d{1,3}));?")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_URL = re.compile(rb"(?i)data:([\w.+/;=\-%'\"!#$&^ ]{0,200}+),")
_ACTIVE = re.compile(
    rb"(?i)<(?:!doctype|html|head|body|script|iframe|object|embed|form|meta|hta:|svg:?script)\b|javascript:|\bon\w{3,20}=|data:"
    rb"|\b(?:ActiveXObject|WScript|CreateObject|powershell|eval\(|fromCharCode|document\.|window\.|new Blob)"
)


def open_html(data: bytes, budget: Budget) -> Iterator[Found]:
    """The files in a page or script, each by the names under which the page would have files saved."""
    seen: set[bytes] = set()
    for page in _readings(data[:_LONGEST], budget):
        called: tuple[str, ...] | None = None
        for blob, coded, is_media in _blobs(page, budget):
            in_time(budget)
            if len(blob) < 8 or not _is_worth_a_look(blob, is_media):
                continue
            likeness = blob[:4096] + len(blob).to_bytes(8, "big")
            if likeness not in seen:
                seen.add(likeness)
                called = _saved_as(page, budget) if called is None else called
                yield Found(called, coded, _reader(blob))
    if len(data) > _LONGEST:
        raise Unopened(f"only its first {_LONGEST} octets were read", OVER_LIMIT)


def _readings(data: bytes, budget: Budget) -> Iterator[bytes]:
    """The octets in an ASCII-based charset; and with character references replaced, as in the values of attributes."""
    head = data[:1000]
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or head.count(b"\0") > len(head) // 4:
        charset = "utf-16" if data[:1] in (b"\xff", b"\xfe") else "utf-16-be" if head[:1] == b"\0" else "utf-16-le"
        data = data.decode(charset, "replace").encode("utf-8", "replace")
    yield data
    if b"&#" in data:
        yield replaced(_REFERENCE, _reference, data, budget, _MOST_ESCAPES)


def _reference(found: re.Match[bytes]) -> bytes:
    number = int(found[1], 16) if found[1] else int(found[2])
    return bytes([number]) if number < 128 else found[0]


def _saved_as(page: bytes, budget: Budget) -> tuple[str, ...]:
    found: list[str] = []
    for one in searched(_NAMES, page, budget):
        name = text(next(filter(None, one.groups()), b""))
        if name not in found:
            found.append(name)
        if len(found) == _MOST_NAMES:
            break
    return names(*found)


def _blobs(page: bytes, budget: Budget) -> Iterator[tuple[bytes, int, bool]]:
    """(octets, how many of the page they took, whether they are said to be media) of all that is coded in the page."""
    yield from _urls(page, budget)
    # In script, after what joins pieces of strings was taken out.
    from mailscan.unpack.scripted import coded

    for blob, size in coded(page, budget):
        yield blob, size, True


def _urls(page: bytes, budget: Budget) -> Iterator[tuple[bytes, int, bool]]:
    """What data: URLs hold (RFC 2397)."""
    from mailscan.transfer import decode_base64

    at = 0
    while (begin := _URL.search(page, at)) is not None:
        in_time(budget)
        at = begin.end()
        quote = page[begin.start() - 1 : begin.start()]
        # To the quotation mark before it; without one, a blank ends it.
        if quote in (b'"', b"'", b"`"):
            end = page.find(quote, at)
        elif quote == b"(":
            end = page.find(b")", at)
        else:
            stop = re.compile(rb"[\s\"'<>]").search(page, at)
            end = stop.start() if stop else -1
        end = len(page) if end < 0 else end
        body, at = page[at:end], end
        if b"%" in body:
            body = _percent_decoded(body, budget)
        if b"base64" in begin[1].lower():
            body = decode_base64(body.translate(bytes.maketrans(b"-_", b"+/")))
        yield body, end - begin.start(), _MEDIA.match(begin[1]) is not None


def _percent_decoded(coded: bytes, budget: Budget) -> bytes:
    return replaced(_PERCENT, lambda one: bytes.fromhex(one[1].decode()), coded, budget, _MOST_ESCAPES)


def _is_worth_a_look(blob: bytes, is_media: bool) -> bool:
    """Whether it is something that nobody shows in a page. `is_media`: what nobody knows is nothing."""
    from mailscan.filetype import by_first_octets, is_text

    kind = by_first_octets(blob)
    if kind is not None and kind.name != "text":
        return kind.name not in _INNOCENT
    if is_text(blob) or blob[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _ACTIVE.search(blob[:65_536].replace(b"\0", b"")) is not None
    return not is_media


def _reader(data: bytes) -> Callable[[int], bytes]:
    return lambda most: data[:most]
