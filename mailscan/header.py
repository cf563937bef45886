"""The header of an entity: its fields with their octet spans (RFC 5322 2.2 and 4.5), order and duplicates kept.

However many fields there are, finding those of a name costs what finding its octets costs; no more than `MOST_FIELDS`
are made into objects at a time (real mail has some hundreds at most).
"""

from __future__ import annotations

import re
from itertools import accumulate, islice

from mailscan.text import decode_header, unfold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

# One field as nearly everybody writes it. No line of it looks empty, or as a Content- field that a fold hides:
# what does not match is read in steps, and then looked at again (`Headers.is_odd`). Most fields are of one line, so
# the loop stands behind the first fold: to enter it costs as much as reading a line.
_FOLD = rb"[ \t]*+(?!\s|[Cc]ontent-|CONTENT-)[^\n]*+\n"
_FIELDS = re.compile(rb"^[A-Za-z0-9_.-]++:(?!:)[^\n]*+\n(?:[ \t]%b(?:[ \t]%b)*|)" % (_FOLD, _FOLD), re.MULTILINE)
# The same in steps, with the blanks that RFC 5322 4.5 once allowed before the colon, for odd headers and those that the
# pattern above would need much memory for; seldom wanted, so not compiled yet.
_NAME = rb"[!-9;-~]+[ \t]*:"
_UNFOLDED = rb"\n(?![ \t])"
# Lines that are fields or go on with one, so many at once that a match takes little memory.
_STEP = rb"(?:(?:[!-9;-~]++[ \t]*+:|[ \t])[^\n]*+(?:\n|\Z)){1,1000}"
# More fields than these are not told apart. Of 31,000 real messages none has a header of more than 95.
MOST_FIELDS = 10_000
# A header longer than this is looked through line by line: the search for its end must not run through what follows.
WINDOW = 1 << 14
# Those of them that the reader asks for, of which a longer value has nothing that anybody reads.
_OF_MIME = (b"content-type", b"content-transfer-encoding", b"content-disposition")
_LONGEST = 1 << 20
# The fields of MIME (RFC 2045 3, 2183, 3282, 2557 …), and others that are in use: any other name may be a misspelling.
_CONTENT = (
    b"content-type content-transfer-encoding content-disposition content-id content-description content-language"
    b" content-location content-base content-class content-length content-md5 content-duration content-features"
    b" content-alternative content-identifier content-return content-conversion content-translation-type"
    b" content-style-type content-script-type content-annotation content-charset content-version content-feature"
    b" content-unsubscribe content-type-original content-previous content-translator content-lang content-lines"
    b" content-encoding content-range content-security content-hold"
).split()
# Fields met lately: most mail is written by few programs.
_SEEN: dict[bytes, tuple[bytes, bytes, bool]] = {}
_MOST_SEEN = 512
# Names of fields that somebody asked for, and how their lines begin.
_PLAIN_NAME = r"([A-Za-z0-9_.-]+)(\*?)"
_LINES: dict[str, bytes] = {}


class Field:
    """One header field. `start` and `end` are octets of the buffer it stands in, its line end included.

    `name` is as written, without blanks before the colon.
    """

    __slots__ = ("name", "start", "end", "_source", "_hint", "_text", "_value")

    def __init__(self, name: str, start: int, end: int, source: bytes, hint: str | None) -> None:
        self.name = name
        self.start = start
        self.end = end
        self._source = source
        self._hint = hint
        self._text: str | None = None
        self._value: bytes | None = None

    @property
    def raw(self) -> bytes:
        """The octets of the whole field as they stand."""
        return self._source[self.start : self.end]

    @property
    def value(self) -> bytes:
        """The octets after the colon, unfolded (RFC 5322 2.2.3), without blanks around them."""
        if self._value is None:
            value = self._source[self._source.find(b":", self.start, self.end) + 1 : self.end].strip()
            self._value = unfold(value) if b"\n" in value else value
        return self._value

    @property
    def text(self) -> str:
        """The value as text, RFC 2047 decoded. Never raises; see `mailscan.text`. Kept once computed."""
        if self._text is None:
            self._text = decode_header(self.value, self._hint)
        return self._text

    def __repr__(self) -> str:
        return f"Field({self.raw[:80]!r})"


class Headers:
    """The fields of one header, in order: the first `MOST_FIELDS`. Names compare without regard to case."""

    __slots__ = (
        "source", "start", "end", "is_odd", "_pieces", "_fields", "_named", "_content", "_low", "_begins", "_hint",
    )  # fmt: skip

    def __init__(self, source: bytes, start: int, end: int, pieces: list[bytes] | None = None) -> None:
        self.source = source
        self.start = start
        self.end = end
        # The fields' octets, from the search for the header's end; None if the header is long or odd.
        self._pieces = pieces
        # Whether other readers may find another end, or other Content- fields; known once `content` was asked for.
        self.is_odd = pieces is None
        self._fields: list[Field] | None = None
        self._named: dict[str, list[Field]] = {}
        self._content: dict[bytes, bytes] | None = None
        self._hint: tuple[str | None] | None = None
        # The header behind a line end, in lower case; None until a name is looked for, and for a long or odd header.
        self._low: bytes | None = None
        # Where each of the pieces begins, and where the last one ends, counted from `start`; None until it is wanted.
        self._begins: list[int] | None = None

    @property
    def is_disputed(self) -> bool:
        """Whether other readers may find more fields in the header of a message (`mailscan.lenient`)."""
        return self.is_odd or self.start == self.end

    def _spans(self) -> Iterator[tuple[int, int]]:
        at = self.start
        if self._pieces is None:
            while at < self.end:
                end = _field_end(self.source, at, self.end)
                yield at, end
                at = end
        else:
            for piece in self._pieces:
                end = at + len(piece)
                yield at, end
                at = end

    def _all(self) -> list[Field]:
        if self._fields is None:
            hint = self._charset_hint()
            source = self.source
            names: dict[bytes, str] = {}
            fields: list[Field] = []
            for start, end in islice(self._spans(), MOST_FIELDS):
                octets = source[start : source.find(b":", start, end)]
                name = names.get(octets)
                if name is None:
                    name = names[octets] = octets.rstrip().decode("ascii")
                fields.append(Field(name, start, end, source, hint))
            self._fields = fields
        return self._fields

    def _charset_hint(self) -> str | None:
        """The charset of the entity, for raw 8-bit octets in its header."""
        if self._hint is None:
            hint: str | None = None
            value = self.content.get(b"content-type")
            if value is not None and b"harset" in value and not self.source[self.start : self.end].isascii():
                from mailscan.parameters import collapse, read_parameters

                hint = collapse(read_parameters(value)).get("charset")
            self._hint = (hint,)
        return self._hint[0]

    @property
    def content(self) -> dict[bytes, bytes]:
        """The values (as `Field.value`) of the fields that MIME reads, the first of each lower-case name.

        Few fields of a message are `Content-` ones: this does without the objects.
        """
        if self._content is None:
            content: dict[bytes, bytes] = {}
            self._content = content
            if self._pieces is None:
                self._find_content(content)
            else:
                for piece in self._pieces:
                    if piece[0] in b"cC":
                        key, value, is_known = _SEEN.get(piece) or _content_field(piece)
                        if key not in content:
                            content[key] = value
                            if not is_known:
                                self.is_odd = True
                        elif key[:8] == b"content-":
                            self.is_odd = True
        return self._content

    def _find_content(self, content: dict[bytes, bytes]) -> None:
        """The same of a long header, without a copy of it: the fields that the reader asks for."""
        source = self.source
        for key in _OF_MIME:
            for start, end in islice(self._matching(key), 1):
                colon = source.find(b":", start, end)
                content[key] = unfold(source[colon + 1 : min(end, colon + _LONGEST)].strip())

    def _matching(self, names: bytes) -> Iterator[tuple[int, int]]:
        """(start, end) of the fields whose names match a pattern, without a look at the others."""
        source, start, end = self.source, self.start, self.end
        if re.compile(rb"(?i:%b)[ \t]*:" % names).match(source, start, end):
            yield start, _field_end(source, start, end)
        for found in re.compile(rb"\n(?i:%b)[ \t]*:" % names).finditer(source, start, end):
            yield found.start() + 1, _field_end(source, found.end(), end)

    @property
    def is_cut_short(self) -> bool:
        """Whether it has more fields than are told apart."""
        if self._pieces is not None or self.end - self.start < 2 * MOST_FIELDS:
            return False
        return next(islice(self._spans(), MOST_FIELDS, None), None) is not None

    def named(self, names: Collection[str], stems: Collection[str] = ()) -> Iterator[Field]:
        """Every field of one of these names, or whose name begins with a stem, in order, however many there are."""
        names, stems = {name.lower() for name in names}, tuple(stem.lower() for stem in stems)
        if self._pieces is not None:
            yield from (one for one in self._all() if (low := one.name.lower()) in names or low.startswith(stems))
            return
        spelt = [re.escape(name.encode("ascii", "replace")) for name in names]
        spelt += [re.escape(stem.encode("ascii", "replace")) + rb"[!-9;-~]*" for stem in stems]
        source = self.source
        for start, end in self._matching(b"|".join(spelt)) if spelt else ():
            octets = source[start : source.find(b":", start, end)]
            yield Field(octets.rstrip().decode("ascii"), start, end, source, self._charset_hint())

    def fields(self, name: str) -> list[Field]:
        """The fields of that name, in order."""
        name = name.lower()
        found = self._named.get(name)
        if found is None:
            found = self._named[name] = self._find(name)
        return list(found)

    def values(self, name: str) -> list[bytes]:
        """The values (as `Field.value`) of the fields of that name, in order, without the objects."""
        if self._pieces is None:
            return [field.value for field in self.fields(name)]
        source, skipped = self.source, len(name) + 1
        found = [source[start + skipped : end].strip() for start, end in self.spans(name)]
        return [unfold(value) if b"\n" in value else value for value in found]

    def spans(self, name: str) -> Sequence[tuple[int, int]]:
        """(start, end) of each field of that name, in order."""
        if self._pieces is None:
            return [(field.start, field.end) for field in self.fields(name)]
        if name.endswith("*"):
            return ()
        # A line that begins with a name and a colon is a field here: a few searches find it, and no object is made.
        low = self._low or self._lower()
        line = _LINES.get(name) or _line(name)
        at = low.find(line)
        if at < 0:
            return ()
        first = self.start
        begins = self._begins
        if begins is None:
            begins = self._begins = list(accumulate(map(len, self._pieces), initial=0))
        found: list[tuple[int, int]] = []
        piece = 0
        while at >= 0:
            piece = begins.index(at, piece) + 1
            end = begins[piece]
            found.append((first + at, first + end))
            at = low.find(line, end)
        return found

    def may_have(self, names: Iterable[str]) -> bool:
        """Whether it may have a field of one of these names; a final `*` stands for any ending. A first, cheap look."""
        if self._pieces is None:
            return True
        low = self._low or self._lower()
        return any((_LINES.get(name) or _line(name)) in low for name in names)

    def _lower(self) -> bytes:
        self._low = b"\n" + self.source[self.start : self.end].lower()
        return self._low

    def _find(self, name: str) -> list[Field]:
        """A filter asks for a field or two: the others are not made for it."""
        source, length = self.source, len(name)
        if self._pieces is not None:
            spans = self.spans(name)
            hint = self._charset_hint() if spans else None
            return [Field(source[start : start + length].decode(), start, end, source, hint) for start, end in spans]
        return list(islice(self.named((name,)), MOST_FIELDS))

    def get(self, name: str) -> str | None:
        """The decoded text of the first field of that name, or None."""
        values = self.values(name)
        return self.decoded(values[0]) if values else None

    def decoded(self, value: bytes) -> str:
        """The text of a value of this header, as `Field.text`."""
        return decode_header(value, self._charset_hint())

    def get_all(self, name: str) -> list[str]:
        """The decoded text of every field of that name, in order."""
        return [field.text for field in self.fields(name)]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.fields(name))

    def __iter__(self) -> Iterator[Field]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __getitem__(self, index: int) -> Field:
        return self._all()[index]


def _line(name: str) -> bytes:
    """How a line begins that is a field of that name, in lower case, behind a line end; a final `*` stands for any
    ending. Of what is no name, something that begins no line.
    """
    if len(_LINES) >= _MOST_SEEN:
        _LINES.clear()
    plain = re.fullmatch(_PLAIN_NAME, name)
    line = b"\n" + plain[1].lower().encode("ascii") + (b"" if plain[2] else b":") if plain else b"\n\n"
    _LINES[name] = line
    return line


def _content_field(piece: bytes) -> tuple[bytes, bytes, bool]:
    """(name in lower case, value, whether that name is no misspelling) of a field whose name begins with a C."""
    colon = piece.find(b":")
    key = piece[:colon].rstrip().lower()
    value = piece[colon + 1 :].strip()
    if b"\n" in value:
        value = unfold(value)
    found = key, value, key[:7] != b"content" or key in _CONTENT
    if len(piece) < _MOST_SEEN:
        if len(_SEEN) >= _MOST_SEEN:
            _SEEN.clear()
        _SEEN[piece] = found
    return found


def read_header(source: bytes, start: int, limit: int, blank: int | None = None) -> tuple[Headers, int]:
    """The header that begins at `start`, a line's beginning, and where the body begins.

    It ends at the first empty line; a line that is neither field nor continuation ends it too, and is then the
    first of the body. `limit` is where the entity ends at the latest; `blank` is its `blank_line`, if it is known.
    """
    end = blank_line(source, start, limit) if blank is None else blank
    if end >= 0:
        pieces = _FIELDS.findall(source, start, end)
        if sum(map(len, pieces)) == end - start:
            headers = Headers(source, start, end, pieces)
            if source.find(b"\0", start, end) >= 0:
                headers.is_odd = True
            elif source.find(b"\r", start, end) >= 0:
                headers.is_odd = source.count(b"\r", start, end) != source.count(b"\r\n", start, end)
            return headers, end + (1 if source[end] == 0x0A else 2)
    body = at = _end_of_fields(source, start, limit)
    if source.startswith(b"\n", at, limit):
        body = at + 1
    elif source.startswith(b"\r\n", at, limit):
        body = at + 2
    return Headers(source, start, at), body


def _end_of_fields(source: bytes, start: int, limit: int) -> int:
    """Where the first line begins that is neither a field nor goes on with one."""
    at = start
    if re.compile(_NAME).match(source, at, limit) is not None:
        step = re.compile(_STEP)
        while at < limit and (lines := step.match(source, at, limit)) is not None:
            at = lines.end()
    return at


def _field_end(source: bytes, start: int, limit: int) -> int:
    """Where the next line that is no continuation begins, or the limit."""
    end = re.compile(_UNFOLDED).search(source, start, limit)
    return limit if end is None else end.end()


def blank_line(source: bytes, start: int, limit: int) -> int:
    """Where the first empty line begins, or -1 if there is none within `WINDOW` octets."""
    limit = min(limit, start + WINDOW)
    if source.startswith((b"\n", b"\r\n"), start, limit):
        return start
    first = source.find(b"\n", start, limit)
    if first < 0:
        return -1
    if source[first - 1] == 0x0D:
        crlf = source.find(b"\n\r\n", first, limit)
        lone = source.find(b"\n\n", first, limit if crlf < 0 else crlf)
        return (crlf if lone < 0 else lone) + 1 or -1
    lone = source.find(b"\n\n", first, limit)
    # One octet is found thirty times as fast as three.
    if source.find(b"\r", first, limit if lone < 0 else lone + 2) < 0:
        return lone + 1 or -1
    crlf = source.find(b"\n\r\n", first, limit if lone < 0 else lone + 2)
    return (lone if crlf < 0 else crlf) + 1 or -1
