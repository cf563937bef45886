"""Whether an entity is odd: written so that readers may differ about it. Asked of all, so it must cost nothing.

What is odd here is looked at closely by `mailscan.readings`; most of it turns out to be read alike by all.
"""

from __future__ import annotations

import re

from mailscan.parameters import read_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.mime import Part

_IDENTITY = ("7bit", "8bit", "binary")
_PLAIN = (None, b"7bit", b"8bit", b"7BIT", b"8BIT", b"binary")
_KNOWN = (b"7bit", b"8bit", b"binary", b"base64", b"quoted-printable")
# Fields at the beginning of a body.
_LATE = rb"\s{0,64}(?:[!-9;-~]{1,76}[ \t]*:[^\n]{0,998}\n(?:[ \t][^\n]{0,998}\n){0,20}){1,40}"
_LONGEST_LATE = 1 << 14
_MAY_BE_LATE = b"cC\n\r \t"
# A line of an inline file (uuencode, yEnc) that holds its name.
_FILE = rb"(?:begin(?:-base64)? [0-7]{3,4}|=ybegin) "


def is_odd(part: Part) -> bool:
    """Whether it must be looked at closely. The data of a leaf that comes encoded is decoded, and kept, for it."""
    content = part._content
    if part.headers.is_odd:
        return True
    value = content.get(b"content-type")
    if value is None:
        kind = part._default[:4].encode()
        if part.path == "1" and part.headers.start == part.headers.end:
            return True  # a message that begins with its body
        # Fields, or a delimiter, where the text should begin.
        begun = part.source[part.body_start : min(part.body_start + 80, part.body_end)].lstrip()
        first = begun[:8].lower()
        if first == b"content-" or first[:2] == b"--":
            return True
        name, colon, _ = begun.partition(b":")
        # A name is one word; a look at it spares most texts the pattern.
        if colon and len(name.split(None, 1)) == 1 and late_name(part.source, part.body_start, part.body_end) >= 0:
            return True
    else:
        known = read_value(value)
        if not known.is_plain or not known.type:
            return True
        kind = value[:4].lower()
        if part.source[part.body_start : part.body_start + 1] in _MAY_BE_LATE and _is_late(part, kind):
            return True
    disposition = content.get(b"content-disposition")
    if disposition is not None:
        if not read_value(disposition).is_plain:
            return True
        if value is not None and b"name=" in value and len(part.filenames) > 1:
            return True
    if kind == b"mult" or kind == b"mess":
        return _is_odd_container(part)
    encoding = content.get(b"content-transfer-encoding")
    if encoding in _PLAIN:
        return kind == b"text" and _holds_file(part.source, part.body_start, part.body_end, value)
    return encoding.lower() not in _KNOWN or _is_oddly_encoded(part, kind, value)


def _is_late(part: Part, kind: bytes) -> bool:
    """Whether the body of a leaf that has a type begins with a field that gives a file name."""
    first = part.source[part.body_start : part.body_start + 16].lstrip()[:8].lower()
    if first != b"content-" or kind in (b"mult", b"mess"):
        return False
    return late_name(part.source, part.body_start, part.body_end) >= 0


def late_name(source: bytes, start: int, limit: int) -> int:
    """Where the fields begin with which the octets from `start` on begin, if one of them gives a file name; or -1."""
    fields = re.compile(_LATE).match(source, start, min(limit, start + _LONGEST_LATE))
    if fields is None:
        return -1
    unfolded = re.sub(rb"\r?\n[ \t]", b" ", fields[0].lower())
    if (
        re.search(rb"^\s*content-(?:disposition|type)[ \t]*:[^\n]*?name[*0-9]{0,9}[ \t]*=", unfolded, re.MULTILINE)
        is None
    ):
        return -1
    return start + len(fields[0]) - len(fields[0].lstrip())


def _is_oddly_encoded(part: Part, kind: bytes, value: bytes | None) -> bool:
    """Of a leaf whose transfer encoding is one of the RFCs'."""
    data, encoding = part.data, part.encoding
    if encoding == "base64":
        if not part.is_sound:
            return True
    elif encoding == "quoted-printable":
        from mailscan.transfer import is_as_declared

        if not is_as_declared(part.source, encoding, part.body_start, part.body_end, data):
            return True
    return kind == b"text" and _holds_file(data, 0, len(data), value)


def _holds_file(text: bytes, start: int, end: int, value: bytes | None) -> bool:
    """Whether plain text seems to hold a file: in HTML no client looks for one."""
    if value is not None and value[5:9].lower() == b"html":
        return False
    return holds_file(text, start, end)


def holds_file(text: bytes, start: int, end: int) -> bool:
    """Whether a line of the text begins a file in it (uuencode, yEnc)."""
    at = end
    # From behind: that looks for the "b" and passes over twice as many octets as a search for the "n".
    while (at := text.rfind(b"begin", start, at + 4 if at < end else end)) >= 0:
        line = at - 2 if text[max(at - 2, 0) : at] == b"=y" else at
        if (line <= start or text[line - 1] == 0x0A) and re.compile(_FILE).match(text, max(line, start), end):
            return True
    return False


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
