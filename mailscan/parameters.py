"""The value of Content-Type and Content-Disposition: its first word and its parameters (RFC 2045 5.1, RFC 2231)."""

from __future__ import annotations

import re
from itertools import islice

from mailscan.text import decode_header, decode_octets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# A value may be a quoted string, or anything up to the next ";": people do not quote names with blanks in them.
# The count of escapes bounds the memory of the match.
# Comments may stand around name and value (RFC 2045 5.1); the one before the value is kept, since names have brackets.
_PARAMETER = re.compile(
    rb';[ \t]*(?:\([^()]*\)[ \t]*){0,9}([^\s;="()]+)[ \t]*(?:\([^()]*\)[ \t]*){0,9}='
    rb'[ \t]*((?:\([^()]*\)[ \t]*){0,9})("[^"\\]*(?:\\.[^"\\]*){0,1000}"?|[^;]*)',
    re.DOTALL,
)
# Parameters (RFC 2045 5.1) of which no reader known has another opinion.
_PLAIN = re.compile(rb'(;[ \t]*+([A-Za-z-]++)=(?:"([^"\\\0\r]*+)"|([^\s\0"\'()\\;=,][^\s\0"\'()\\;,]*+))[ \t]*+)')
_PLAIN_WORD = rb"[A-Za-z0-9.+_-]+(?:/[A-Za-z0-9.+_-]+)?"
_LONGEST_PLAIN = 4096
# Values, and first words of values, met lately: most mail is written by few programs, and each is asked for twice.
_SEEN: dict[bytes, Value] = {}
_TYPES: dict[bytes, str | None] = {}
_MOST_SEEN = 512
# More parameters, or codes within one, than this are read by nobody.
_MOST = 10_000
_SECTION = r"\*(?:0*([0-9]{1,6}))?(\*?)"


class Value:
    """What the value of a Content-Type or Content-Disposition says.

    `type` as `media_type` gives it, `parameters` as `read_parameters` does; `is_plain` says that the value is written
    as everybody reads it, with no parameter twice.
    """

    __slots__ = ("type", "parameters", "is_plain")

    def __init__(self, value: bytes) -> None:
        word = value.partition(b";")[0]
        kind = _plain_type(word)
        if kind is not None and len(value) <= _LONGEST_PLAIN and b"=?" not in value:
            at = len(word)
            found: list[tuple[str, bytes]] = []
            for whole, name, quoted, bare in _PLAIN.findall(value, at):
                found.append((name.decode().lower(), quoted or bare))
                at += len(whole)
            # A boundary of what is no multipart is one for some readers.
            if value[at:] in (b"", b";") and (kind[:9] == "multipart" or b"oundary" not in value.lower()):
                self.is_plain = len(found) < 2 or len(dict(found)) == len(found)
                self.type, self.parameters = kind, found
                return
        self.is_plain = False
        self.type, self.parameters = media_type(value), read_parameters(value)


def read_value(value: bytes) -> Value:
    """The value read; the same ones again and again are read once."""
    known = _SEEN.get(value)
    if known is None:
        known = Value(value)
        if len(_SEEN) >= _MOST_SEEN:
            _SEEN.clear()
        if len(value) <= _LONGEST_PLAIN:
            _SEEN[value] = known
    return known


def _plain_type(word: bytes) -> str | None:
    """The type, or "" of a disposition, that a plain first word names; None if it is not plain."""
    if word in _TYPES:
        return _TYPES[word]
    bare = word.rstrip(b" \t")
    kind = None
    if re.fullmatch(_PLAIN_WORD, bare) is not None:
        kind = bare.decode().lower() if b"/" in bare else ""
    if len(_TYPES) >= _MOST_SEEN:
        _TYPES.clear()
    if len(word) <= 100:
        _TYPES[word] = kind
    return kind


def media_type(value: bytes) -> str:
    """type/subtype in lower case; "" where the value names none, or is no type (RFC 2045 5.2 leaves the default)."""
    kind, _, rest = value.partition(b";")[0].partition(b"/")
    kind = kind.strip()
    # Blanks around the slash, a comment or a forgotten ";" behind: RFC 822 3.4.3 allowed, and people send them.
    words = rest.replace(b"(", b" ").split(None, 1)
    if not words or not kind or b"/" in words[0] or b" " in kind:
        return ""
    name = (kind + b"/" + words[0]).lower().decode("latin-1")
    return name if name.isascii() and name.isprintable() else ""


def read_parameters(value: bytes) -> list[tuple[str, bytes]]:
    """(name in lower case, value without its quotes) of every parameter in order, sections of RFC 2231 apart.

    Where brackets may be a comment or part of the value, both follow each other, first what the RFC has (but a file
    name is rather taken whole: people do not quote "report (1)").
    Only quoted quotes and backslashes lose their backslash: names as "C:\\temp\\x.doc" are sent, and shown, so.
    """
    found: list[tuple[str, bytes]] = []
    if len(value) <= _MOST:
        pairs = _PARAMETER.findall(value)
    else:
        pairs = [match.groups() for match in islice(_PARAMETER.finditer(value), _MOST)]
    for word, comment, octets in pairs:
        name = word.decode("latin-1").lower()
        if comment and not octets:
            comment, octets = b"", comment
        spelt = comment + octets
        if octets[:1] == b'"':
            octets = octets[1:-1] if len(octets) > 1 and octets[-1:] == b'"' else octets[1:]
            if b"\\" in octets:
                octets = octets.replace(b"\\\\", b"\\").replace(b'\\"', b'"')
        else:
            octets = octets.rstrip()
            if octets[-1:] == b")" and b" (" in octets and name not in ("filename", "name"):
                octets = octets.partition(b" (")[0].rstrip()
        found.append((name, octets))
        if comment:
            found.append((name, spelt.rstrip()))
    return found


def collapse(parameters: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Each parameter once, as text. The first of equal names holds, and a plain one before its RFC 2231 form."""
    plain: dict[str, str] = {}
    extended: dict[str, list[tuple[int, bool, bytes]]] = {}
    for name, octets in parameters:
        if "*" in name:
            _section(extended, name, octets)
        elif name not in plain:
            plain[name] = decode_octets(octets)
    for name, sections in extended.items():
        if name not in plain:
            plain[name] = _joined(sections)
    return plain


def every_name(parameters: Iterable[tuple[str, bytes]]) -> list[str]:
    """All that a mail client may take for the file name: `filename` and `name`, plain and as RFC 2231 has it.

    Of encoded-words (RFC 2047 5 forbids them here, mail clients decode them) both the decoded text and the plain one.
    """
    names: list[str] = []
    extended: dict[str, list[tuple[int, bool, bytes]]] = {}
    for name, octets in parameters:
        if name in ("filename", "name"):
            if b"=?" in octets:
                names.append(decode_header(octets))
            names.append(decode_octets(octets))
            if b"\\" in octets:
                names.append(decode_octets(re.sub(rb"\\(.)", rb"\1", octets, count=_MOST, flags=re.DOTALL)))
        elif name.startswith(("filename*", "name*")):
            _section(extended, name, octets)
    for sections in extended.values():
        text = _joined(sections)
        if "=?" in text:
            names.append(decode_header(text.encode("utf-8")))
        names.append(text)
    return [name for name in names if name]


def _section(extended: dict[str, list[tuple[int, bool, bytes]]], name: str, octets: bytes) -> None:
    base, _, _ = name.partition("*")
    section = re.compile(_SECTION).fullmatch(name, len(base))
    if section is not None:
        number = int(section[1] or 0)
        is_encoded = section[2] == "*" or section[1] is None
        extended.setdefault(base, []).append((number, is_encoded, octets))


def _joined(sections: list[tuple[int, bool, bytes]]) -> str:
    """RFC 2231 3 and 4: sections in the order of their numbers; only those with a final "*" are percent-encoded."""
    sections.sort(key=lambda section: section[0])
    charset = None
    joined: list[bytes] = []
    for index, (_, is_encoded, octets) in enumerate(sections):
        if is_encoded:
            if index == 0 and octets.count(b"'") >= 2:
                declared, _, octets = octets.split(b"'", 2)
                charset = declared.decode("latin-1")
            octets = _percent_decoded(octets)
        joined.append(octets)
    return decode_octets(b"".join(joined), charset)


def _percent_decoded(octets: bytes) -> bytes:
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda code: bytes([int(code[1], 16)]), octets, count=_MOST)
