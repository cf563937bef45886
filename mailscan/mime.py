"""The MIME tree of a message (RFC 2045, 2046): entities with their octet spans, names and decoded data.

A tree is read in one pass along the delimiter lines: time and memory are linear in the message whatever its
boundaries are. Depth and number of the entities are bounded; what lies beyond a bound stays in its container,
which is then a leaf, or lacks its last children, and says so by `unread`.
"""

from __future__ import annotations

from mailscan.header import WINDOW, Headers, blank_line, read_header
from mailscan.parameters import collapse, every_name, read_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LEVELS = 100
MOST_PARTS = 10_000
# A message inside base64 is read from a buffer of its own: all these together hold 1.5 × the message, and 1 MB.
_SPARE = 1 << 20
_IDENTITY = ("7bit", "8bit", "binary")
# Transfer encodings as nearly everybody writes them.
_SPELT: dict[bytes | None, str] = {
    None: "7bit", b"7bit": "7bit", b"7BIT": "7bit", b"8bit": "8bit", b"8BIT": "8bit", b"base64": "base64",
    b"BASE64": "base64", b"quoted-printable": "quoted-printable", b"QUOTED-PRINTABLE": "quoted-printable",
}  # fmt: skip
_MESSAGE_TYPES = ("message/rfc822", "message/global", "message/news")


class Part:
    """One entity. `start`, `end`, `body_start` and `body_end` are octets of `source`.

    `source` is the message's octets, unless the entity lies in a message that came transfer-encoded. The line
    end before a delimiter belongs to the delimiter (RFC 2046 5.1.1). A multipart without a boundary, or in which no
    delimiter is found, has no children: its data is its decoded body, and `is_multipart` is False.
    """

    __slots__ = (
        "path", "source", "start", "end", "body_start", "body_end", "headers", "children", "unread", "is_multipart",
        "_carrier", "_content", "_default", "_type", "_params", "_filenames", "_data", "_text", "is_sound",
    )  # fmt: skip

    def __init__(
        self, path: str, headers: Headers, body_start: int, default: str, carrier: tuple[int, int] | None
    ) -> None:
        self.path = path
        self.source = headers.source
        self._content = headers.content
        self.headers = headers
        self.start = headers.start
        self.body_start = body_start
        self.body_end = self.end = len(headers.source)
        self.children: tuple[Part, ...] = ()
        # Whether it holds entities that a bound kept from being read.
        self.unread = False
        self.is_multipart = False
        # Whether a body in base64 is without a fault; known once the data was asked for.
        self.is_sound = False
        self._carrier = carrier
        self._default = default
        self._type: str | None = None
        self._params: dict[str, str] | None = None
        self._filenames: tuple[str, ...] | None = None
        self._data: bytes | None = None
        self._text: str | None = None

    @property
    def type(self) -> str:
        """The media type in lower case; where none is declared, or none that is one, the default (RFC 2045 5.2)."""
        if self._type is None:
            value = self._content.get(b"content-type")
            self._type = self._default if value is None else read_value(value).type or "text/plain"
        return self._type

    @property
    def params(self) -> dict[str, str]:
        """The parameters of Content-Type, names in lower case, RFC 2231 joined and decoded; of equals the first."""
        if self._params is None:
            value = self._content.get(b"content-type")
            self._params = {} if value is None else collapse(read_value(value).parameters)
        return self._params

    @property
    def charset(self) -> str | None:
        """The declared charset in lower case."""
        charset = self.params.get("charset")
        return charset.lower() if charset else None

    @property
    def disposition(self) -> str:
        """`inline`, `attachment` (for any other too, RFC 2183 2.8), or "" where none is declared."""
        value = self._content.get(b"content-disposition")
        word = value.partition(b";")[0].strip().lower() if value else b""
        return ("inline" if word == b"inline" else "attachment") if word else ""

    @property
    def encoding(self) -> str:
        """The Content-Transfer-Encoding in lower case; "7bit" where none is declared (RFC 2045 6.1)."""
        value = self._content.get(b"content-transfer-encoding")
        if value in _SPELT:
            return _SPELT[value]
        words = value.replace(b";", b" ").replace(b"(", b" ").split(None, 1) if value else None
        return words[0].decode("latin-1").lower() if words else "7bit"

    @property
    def filenames(self) -> tuple[str, ...]:
        """Every file name that it can be read to have, each once: those of Content-Disposition first."""
        if self._filenames is None:
            self._filenames = ()
            for field in (b"content-disposition", b"content-type"):
                value = self._content.get(field)
                if value is not None and b"name" in value.lower():
                    self._filenames += tuple(every_name(read_value(value).parameters))
            if len(self._filenames) > 1:
                self._filenames = tuple(dict.fromkeys(self._filenames))
        return self._filenames

    @property
    def body(self) -> bytes:
        """The octets of the body as they stand."""
        return self.source[self.body_start : self.body_end]

    @property
    def data(self) -> bytes:
        """The decoded octets of a leaf; the body as it stands of a multipart or a message."""
        if self._data is not None:
            return self._data
        encoding = self.encoding
        if encoding in _IDENTITY or self.is_multipart or self.type in _MESSAGE_TYPES:
            return self.source[self.body_start : self.body_end]
        from mailscan.transfer import decode, read_base64

        if encoding == "base64":
            self._data, self.is_sound = read_base64(self.source, self.body_start, self.body_end)
        else:
            self._data = decode(self.source, encoding, self.body_start, self.body_end)
        return self._data

    @property
    def text(self) -> str:
        """The data as text by the declared charset, in the way of `mailscan.text.decode_octets`. Line ends as sent."""
        if self._text is None:
            from mailscan.text import decode_octets

            self._text = decode_octets(self.data, self.charset)
        return self._text

    @property
    def span(self) -> tuple[int, int]:
        """(start, end) in the message's octets: its own, or those of the part that carries it transfer-encoded."""
        return self._carrier or (self.start, self.end)

    def walk(self) -> Iterator[Part]:
        """This entity and all below it, depth first."""
        if not self.children:
            yield self
            return
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.children))

    def again(self, path: str) -> Part:
        """The same entity under another path, to be read otherwise."""
        other = Part(path, self.headers, self.body_start, self._default, self._carrier)
        other.source, other._content = self.source, self._content
        other.start, other.end, other.body_end = self.start, self.end, self.body_end
        other._filenames = self.filenames
        return other

    def __repr__(self) -> str:
        return f"<Part {self.path} {self.type} {self.start}-{self.end}>"


def read(source: bytes, headers: Headers, body_start: int) -> Part:
    """The tree as the RFCs have it, of the message whose header has been read."""
    if headers.content.get(b"content-type", b"")[:1] not in (b"m", b"M"):
        return Part("1", headers, body_start, "text/plain", None)
    return Reader(source, Budget(len(source)), None).rest("1", headers, body_start, "text/plain", 1)


class Budget:
    """What all readers of one message share: how many more parts, and octets of decoded messages, there may be."""

    __slots__ = ("parts", "octets")

    def __init__(self, size: int) -> None:
        self.parts = MOST_PARTS
        self.octets = size + size // 2 + _SPARE


class _Stop:
    """A delimiter line: `before` is where its line end begins, `line` and `after` where it and the next line do."""

    __slots__ = ("before", "line", "after", "level", "closes")

    def __init__(self, before: int, line: int, after: int, level: int, closes: bool) -> None:
        self.before = before
        self.line = line
        self.after = after
        self.level = level
        self.closes = closes


class Reader:
    """One pass over one buffer. `stop` is the delimiter that ended the entity read last; None at the end."""

    __slots__ = ("source", "budget", "carrier", "limit", "stop", "_prefixes", "_lines")

    def __init__(
        self, source: bytes, budget: Budget, carrier: tuple[int, int] | None, limit: int | None = None
    ) -> None:
        self.source = source
        self.limit = len(source) if limit is None else limit
        self.budget = budget
        self.carrier = carrier
        self.stop: _Stop | None = None
        # Of the multiparts now open: what their delimiter lines have in common, and each line with what it means.
        self._prefixes: list[bytes] = []
        self._lines: dict[bytes, tuple[int, bool]] = {}

    def entity(self, start: int, path: str, default: str, level: int) -> Part:
        """The entity that begins at `start`, with all below it."""
        source = self.source
        blank = blank_line(source, start, self.limit)
        if self._lines and source.find(b"\n--", start - 1, (blank if blank >= 0 else start + WINDOW) + 2) >= 0:
            # A delimiter before the empty line ends the entity: its header is not looked for beyond.
            stop = self._next(start)
            if stop is not None and (blank < 0 or stop.line <= blank):
                headers, body_start = read_header(source, min(start, stop.before), stop.before)
                return self.rest(path, headers, body_start, default, level)
        headers, body_start = read_header(source, start, self.limit, blank)
        return self.rest(path, headers, body_start, default, level)

    def rest(self, path: str, headers: Headers, body_start: int, default: str, level: int) -> Part:
        """The entity whose header has been read."""
        self.budget.parts -= 1
        part = Part(path, headers, body_start, default, self.carrier)
        value = part._content.get(b"content-type")
        kind = value[:9].lower() if value else default[:9].encode()
        if kind == b"multipart":
            self.multipart(part, level)
        elif kind[:8] == b"message/" and part.type in _MESSAGE_TYPES:
            self._message(part, level)
        else:
            self.stop = self._next(body_start)
        stop = self.stop
        part.end = part.body_end = self.limit if stop is None else max(stop.before, part.start)
        part.body_start = min(body_start, part.end)
        return part

    def multipart(self, part: Part, level: int) -> None:
        boundary = part.params.get("boundary", "").rstrip()
        delimiter = b"--" + boundary.encode("utf-8", "surrogateescape")
        if not boundary or level >= MOST_LEVELS or not part.type.startswith("multipart/"):
            part.unread = bool(boundary) and level >= MOST_LEVELS
            self.stop = self._next(part.body_start)
            return
        default = "message/rfc822" if part.type == "multipart/digest" else "text/plain"
        depth = len(self._prefixes)
        added = self._open(delimiter)
        children: list[Part] = []
        self.stop = stop = self._next(part.body_start)
        while stop is not None and stop.level == depth and not stop.closes:
            if self.budget.parts <= 0:
                part.unread = True
                break
            child = self.entity(stop.after, f"{part.path}.{len(children) + 1}", default, level + 1)
            # Delimiters with nothing between them hold no entity (nor do they for Python's email).
            if self.stop is None or self.stop.line != stop.after:
                children.append(child)
            stop = self.stop
        self._close(added)
        if stop is not None and stop.level == depth:
            self.stop = self._next(stop.after)
        part.children = tuple(children)
        part.is_multipart = bool(children)

    def _message(self, part: Part, level: int) -> None:
        encoding = part.encoding
        if level >= MOST_LEVELS or self.budget.parts <= 0:
            part.unread = True
            self.stop = self._next(part.body_start)
        elif encoding not in _IDENTITY and self._comes_encoded(part.body_start, encoding):
            self.stop = self._next(part.body_start)
            end = self.limit if self.stop is None else max(self.stop.before, part.body_start)
            self._encoded_message(part, end, level)
        else:
            # A mailbox's line before the embedded header is no field; Python's email passes over it too.
            start = part.body_start
            if self.source.startswith(b"From ", start):
                start = (self.source.find(b"\n", start, self.limit) + 1) or self.limit
            part.children = (self.entity(start, part.path + ".1", "text/plain", level + 1),)

    def _comes_encoded(self, start: int, encoding: str) -> bool:
        """Whether an embedded message was really encoded: if not, its header shows, whatever is declared."""
        header, _ = read_header(self.source, start, min(self.limit, start + _SPARE))
        if encoding == "quoted-printable":
            from mailscan.transfer import is_quoted_printable

            return is_quoted_printable(self.source[start : header.end])
        return header.end == start

    def _encoded_message(self, part: Part, end: int, level: int) -> None:
        """RFC 2046 5.2.1 forbids it; it is sent, and mail clients open it."""
        from mailscan.transfer import decode

        size = end - part.body_start
        if (size if part.encoding == "quoted-printable" else size // 4 * 3) > self.budget.octets:
            part.unread = True
            return
        inner = decode(self.source, part.encoding, part.body_start, end)
        self.budget.octets -= len(inner)
        reader = Reader(inner, self.budget, self.carrier or (part.start, end))
        part.children = (reader.entity(0, part.path + ".1", "text/plain", level + 1),)

    def _open(self, delimiter: bytes) -> list[bytes]:
        """Look for one more delimiter. An outer multipart's line keeps its meaning (RFC 2046 5.1.2)."""
        depth = len(self._prefixes)
        added = [line for line in (delimiter, delimiter + b"--") if line not in self._lines]
        for line in added:
            self._lines[line] = (depth, line is not delimiter)
        prefix = b"\n" + delimiter
        if self._prefixes:
            prefix = _common(self._prefixes[-1], prefix)
        self._prefixes.append(prefix)
        return added

    def _close(self, added: list[bytes]) -> None:
        self._prefixes.pop()
        for line in added:
            del self._lines[line]

    def _next(self, at: int) -> _Stop | None:
        """The first delimiter line, of any multipart now open, that begins at `at` (a line's beginning) or later."""
        if not self._lines:
            return None
        source, limit = self.source, self.limit
        prefix = self._prefixes[-1]
        at -= 1
        while (at := source.find(prefix, at, limit)) >= 0:
            end = source.find(b"\n", at + 1, limit)
            if end < 0:
                end = limit
            # Only blanks may stand between the boundary and the line's end (RFC 2046 5.1.1).
            meaning = self._lines.get(source[at + 1 : end].rstrip(b" \t\r"))
            if meaning is not None:
                before = at - 1 if at > 0 and source[at - 1] == 0x0D else at
                return _Stop(before, at + 1, min(end + 1, limit), *meaning)
            at = end
        return None


def _common(one: bytes, other: bytes) -> bytes:
    if other.startswith(one):
        return one
    for index, (octet, its) in enumerate(zip(one, other, strict=False)):
        if octet != its:
            return one[:index]
    return min(one, other, key=len)
