"""Whether an entity is odd: written so that readers may differ about it. Asked of all, so it must cost nothing.

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
    rb'(?:[ \t]*;[ \t]*[A-Za-z-]+=(?:"[^"\\\0\r]*"|[^\s\0"\'()\\;=,][^\s\0"\'()\\;,]*))*[ \t]*;?'
)
_LONGEST = 4096
# Values met before: most mail is written by few programs.
_SEEN: set[bytes] = set()
_MOST_SEEN = 512
_IDENTITY = ("7bit", "8bit", "binary")
_PLAIN = (None, b"7bit", b"8bit", b"7BIT", b"8BIT", b"binary")
_KNOWN = (b"7bit", b"8bit", b"binary", b"base64", b"quoted-printable")
# A line of an inline file (uuencode, yEnc) that holds its name.
_BEGINS = b"begin"
_FILE = rb"^(?:begin(?:-base64)? [0-7]{3,4}|=ybegin) "


def is_odd(part: Part) -> bool:
    """Whether it must be looked at closely. The data of a leaf that comes encoded is decoded, and kept, for it."""
    content = part._content
    if part.headers.is_odd:
        return True
    value = content.get(b"content-type")
    if value is None:
        kind = part._default[:4].encode()
        # Fields, or a delimiter, where the text should begin.
        first = part.source[part.body_start : min(part.body_start + 16, part.body_end)].lstrip()[:8].lower()
        if first == b"content-" or first[:2] == b"--":
            return True
    elif value not in _SEEN and not is_plain(b"content-type", value):
        return True
    else:
        kind = value[:4].lower()
    disposition = content.get(b"content-disposition")
    if disposition is not None:
        if disposition not in _SEEN and not is_plain(b"content-disposition", disposition):
            return True
        if value is not None and b"name=" in value and len(part.filenames) > 1:
            return True
    if kind == b"mult" or kind == b"mess":
        return _is_odd_container(part)
    encoding = content.get(b"content-transfer-encoding")
    if encoding in _PLAIN:
        return kind == b"text" and _holds_file(part.source, part.body_start, part.body_end, value)
    return encoding.lower() not in _KNOWN or _is_oddly_encoded(part, kind, value)


def _is_oddly_encoded(part: Part, kind: bytes, value: bytes | None) -> bool:
    """Of a leaf whose transfer encoding is one of the RFCs'."""
    data, encoding = part.data, part.encoding
    if encoding == "base64":
        if not part.is_sound:
            return True
    elif encoding == "quoted-printable":
        from mailscan.transfer import is_as_declared

        if not is_as_declared(part.source, encoding, part.body_start, part.body_end, len(data)):
            return True
    return kind == b"text" and _holds_file(data, 0, len(data), value)


def _holds_file(text: bytes, start: int, end: int, value: bytes | None) -> bool:
    """Whether plain text seems to hold a file: in HTML no client looks for one."""
    if value is not None and value[5:9].lower() == b"html":
        return False
    return text.find(_BEGINS, start, end) >= 0 and holds_file(text, start, end)


def holds_file(text: bytes, start: int, end: int) -> bool:
    """Whether a line of the text begins a file in it (uuencode, yEnc)."""
    return re.compile(_FILE, re.MULTILINE).search(text, start, end) is not None


def is_plain(name: bytes, value: bytes) -> bool:
    """Whether the value of that field (Content-Type or Content-Disposition) is written as everybody reads it."""
    if value in _SEEN:
        return True
    if len(value) > _LONGEST or _VALUE.fullmatch(value) is None or b"=?" in value:
        return False
    kind, _, rest = value.partition(b";")
    if name == b"content-type" and b"/" not in kind:
        return False
    if b"oundary" in rest.lower() and kind[:9].lower() != b"multipart":
        return False
    if rest.count(b"=") > 1:
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
    return source.find(b"\r") >= 0 and source.find(b"\r--", root.body_start) >= 0


def _is_odd_container(part: Part) -> bool:
    if part.unread:
        return False
    source = part.source
    if part.encoding not in _IDENTITY or not part.children or part.type == "message/partial":
        return True
    if not part.is_multipart:
        return False
    # Before the first entity and after the last stands one delimiter line of its own; any other must be looked at.
    find, first, last = source.find, part.children[0].start, part.children[-1].end
    at = find(b"\n--", part.body_start - 1, first)
    if at < first and find(b"\n--", at + 1, first) >= 0 and _holds_fields(source, part.body_start, first):
        return True
    at = find(b"\n--", last, part.body_end)
    return at >= 0 and find(b"\n--", at + 1, part.body_end) >= 0 and _holds_fields(source, at, part.body_end)


def _holds_fields(source: bytes, start: int, end: int) -> bool:
    return b"content" in source[start:end].lower()
