"""Whether an entity is odd: written so that readers may differ about it. Asked of every entity, so it must cost nothing.

What is odd here is looked at closely by `mailscan.readings`; most of it turns out to be read alike by all.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.mime import Part

# A type or disposition and its parameters (RFC 2045 5.1), of which no reader known has another opinion.
_VALUE = re.compile(
    rb"[A-Za-z0-9.+_-]+(?:/[A-Za-z0-9.+_-]+)?"
    rb'(?:[ \t]*;[ \t]*[A-Za-z-]+=(?:"[^"\\\0\r=]*(?:=[^"\\\0\r=?][^"\\\0\r=]*)*=?"|[^\s\0"\'()\\;=,]+(?:=[^\s\0"\'()\\;=,]+)*=*))*'
    rb"[ \t]*;?"
)
_LONGEST = 4096
# Values met before: most mail is written by few programs.
_SEEN: set[bytes] = set()
_MOST_SEEN = 512
_IDENTITY = ("7bit", "8bit", "binary")
_KNOWN = (*_IDENTITY, "base64", "quoted-printable")
_FIELDS = (b"content-type", b"content-disposition")
# A line of an inline file (uuencode, yEnc) that holds its name.
_BEGINS = b"begin "


def is_odd(part: Part) -> bool:
    """Whether it must be looked at closely. The data of a leaf that comes encoded is decoded, and kept, for it."""
    headers = part.headers
    content = part._content
    if headers.is_odd:
        return True
    named = 0
    for name in _FIELDS:
        value = content.get(name)
        if value is not None and not is_plain(name, value):
            return True
        named += value is not None and b"name=" in value.lower()
    if named == 2 and len(part.filenames) > 1:
        return True
    kind = part.type
    if kind[:4] == "mult" or kind[:8] == "message/":
        return _is_odd_container(part)
    source, start = part.source, part.body_start
    if b"content-type" not in content:
        # Fields, or a delimiter, where the text should begin.
        first = source[start : min(start + 16, part.body_end)].lstrip()[:8].lower()
        if first == b"content-" or first[:2] == b"--":
            return True
    encoding = part.encoding
    if encoding not in _IDENTITY:
        if encoding not in _KNOWN or content[b"content-transfer-encoding"].lower() != encoding.encode():
            return True
        from mailscan.transfer import is_as_declared

        if not is_as_declared(source, encoding, start, part.body_end, len(part.data)):
            return True
        return kind[:5] == "text/" and _BEGINS in part.data
    return kind[:5] == "text/" and source.find(_BEGINS, start, part.body_end) >= 0


def is_plain(name: bytes, value: bytes) -> bool:
    """Whether the value of that field (Content-Type or Content-Disposition) is written as everybody reads it."""
    if value in _SEEN:
        return True
    if len(value) > _LONGEST or _VALUE.fullmatch(value) is None:
        return False
    kind, _, rest = value.partition(b";")
    if name == b"content-type" and (b"/" not in kind or (b"oundary" in rest.lower() and kind[:9].lower() != b"multipart")):
        return False
    if b";" in rest:
        # A parameter twice, or with and without its form of RFC 2231. Quoted strings are cut too: they only look odd.
        keys = [one.partition(b"=")[0].strip(b" \t*").lower() for one in rest.split(b";")]
        if len(set(keys)) != len(keys):
            return False
    if len(_SEEN) < _MOST_SEEN:
        _SEEN.add(value)
    return True


def has_bare_cr_delimiter(root: Part) -> bool:
    """Whether a bare CR stands before two hyphens: some readers take it for a line end, and that for a delimiter."""
    source = root.source
    return bool(root.children) and source.find(b"\r") >= 0 and source.find(b"\r--", root.body_start) >= 0


def _is_odd_container(part: Part) -> bool:
    if part.unread:
        return False
    source = part.source
    if part.encoding not in _IDENTITY or not part.children or part.type == "message/partial":
        return True
    if part.is_multipart:
        # Delimiters before the first entity or after the last: its own ones are one line at each place.
        before, after = part.children[0].start, part.children[-1].end
        if source.find(b"\n--", part.body_start - 1, max(part.body_start, before - 2)) != source.rfind(
            b"\n--", part.body_start - 1, before
        ):
            return True
        close = source.find(b"\n--", after, part.body_end)
        return close >= 0 and source.find(b"\n--", close + 1, part.body_end) >= 0
    return False
