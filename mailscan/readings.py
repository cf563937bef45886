"""The other readings of odd entities: what mail clients that read leniently, or wrongly, make of the same octets.

Each odd entity is taken by itself: the fields that can be read as its own, the boundaries that divide it, the
encodings it can have, the ways to decode what is faulty. What comes out differently is a variant of that entity,
with a path of its own ("1.2~b"); variants are looked at in turn. All of it is bounded: `ambiguity.too-many`.
"""

from __future__ import annotations

from collections import deque

from mailscan import decodings, spellings
from mailscan.ambiguity import Ambiguity
from mailscan.delimiters import Line, closing, delimiters, lines_with_dashes
from mailscan.extents import extents
from mailscan.header import Headers
from mailscan.mime import Budget, Part, Reader
from mailscan.oddity import has_bare_cr_delimiter, is_odd, is_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.spellings import Spelt

MOST_READINGS = 8
MOST_PARTS = 1_000
_MOST_LEVELS = 8
# Octets that may be looked through, and kept decoded, for other readings: by the message's size, and these.
_LOOKED = 1 << 24
_KEPT = 1 << 22
_LONGEST_BODY = 1 << 23
_IDENTITY = ("7bit", "8bit", "binary")


def explore(root: Part) -> tuple[tuple[Part, ...], tuple[Part, ...], tuple[Ambiguity, ...]]:
    """(every part, the roots of all readings, the ambiguities) of a message, by the tree that the RFCs give."""
    explorer = _Explorer(root)
    explorer.run()
    found = sorted(explorer.ambiguities.values(), key=lambda one: (one.start, one.end))
    return tuple(explorer.parts), tuple(explorer.roots), tuple(found)


class _Explorer:
    """The looks at one message."""

    def __init__(self, root: Part) -> None:
        size = len(root.source)
        self.parts = list(root.walk())
        self.roots = [root]
        self.ambiguities: dict[tuple[str, str], Ambiguity] = {}
        self.known = {_likeness(part) for part in self.parts}
        self.budget = Budget(size)
        self.budget.parts = MOST_PARTS
        self.looked = 4 * size + _LOOKED
        self.kept = size // 2 + _KEPT
        self.variants: dict[str, int] = {}
        self.waiting: deque[tuple[Part, int]] = deque()

    def run(self) -> None:
        """Look at every entity of the first reading, then at what was found."""
        for part in list(self.parts):
            if is_odd(part) or (part is self.roots[0] and has_bare_cr_delimiter(part)):
                self.look(part, 0)
        while self.waiting:
            part, level = self.waiting.popleft()
            if is_odd(part):
                self.look(part, level)

    def look(self, part: Part, level: int) -> None:
        """Everything that is odd about one entity."""
        if level > _MOST_LEVELS or self.budget.parts <= 0 or self.looked <= 0:
            self.say("too-many", "no more readings are followed", part)
            return
        _Look(self, part, level).run()

    def say(self, kind: str, detail: str, part: Part, start: int = -1, end: int = -1) -> None:
        """Take down an ambiguity, once for each kind and entity."""
        path = part.path.partition("~")[0]
        if (kind, path) not in self.ambiguities and len(self.ambiguities) < MOST_PARTS:
            low, high = part.span
            if start >= 0 and part._carrier is None:
                low, high = start, max(start, end)
            self.ambiguities[kind, path] = Ambiguity(kind, detail, part.path, low, high)

    def path(self, part: Part) -> str | None:
        """A path for one more variant of an entity; None if there are enough."""
        base = part.path
        number = self.variants.get(base, 0) + 1
        if number >= MOST_READINGS or self.budget.parts <= 0:
            self.say("too-many", "one entity has more readings than are followed", part)
            return None
        self.variants[base] = number
        return f"{base}~{'abcdefgh'[number]}"

    def keep(self, variant: Part, level: int) -> bool:
        """Take in a variant with all below it, if anything of it is new."""
        parts = list(variant.walk())
        new = [part for part in parts if _likeness(part) not in self.known]
        if not new:
            base = variant.path.rpartition("~")[0]
            self.variants[base] -= 1
            return False
        for part in parts:
            likeness = _likeness(part)
            if likeness not in self.known or part is variant:
                self.known.add(likeness)
                self.parts.append(part)
                if part is not variant or level < _MOST_LEVELS:
                    self.waiting.append((part, level + 1))
        if "." not in variant.path:
            self.roots.append(variant)
        return True


def _likeness(part: Part) -> tuple[object, ...]:
    """What makes two entities the same to a filter."""
    own = part._data if part._data is not None and len(part._data) != part.body_end - part.body_start else b""
    return (
        id(part.source), part.body_start, part.body_end, part.type, part.filenames, part.encoding,
        len(own), hash(own), part.is_multipart,
    )  # fmt: skip


class _Look:
    """The look at one odd entity."""

    def __init__(self, explorer: _Explorer, part: Part, level: int) -> None:
        self.explorer = explorer
        self.part = part
        self.level = level
        self.extents = extents(part)
        self.fields = [
            one
            for extent in self.extents
            for one in spellings.fields(part.source, extent.start, extent.end)
            if extent.kind == "" or one.start >= part.headers.end or extent.end < part.headers.end
        ]
        self.types = self.of("content-type")
        self.encodings = self.of("content-transfer-encoding")

    def of(self, field: str) -> list[Spelt]:
        """What can be read as that field; of equal ones the first."""
        found: dict[bytes, Spelt] = {}
        for one in self.fields:
            if one.field == field:
                found.setdefault(one.value, one)
        return list(found.values())

    def say(self, kind: str, detail: str, spelt: Spelt | None = None) -> None:
        start, end = (spelt.start, spelt.end) if spelt else (-1, -1)
        self.explorer.say(kind, detail, self.part, start, end)

    def run(self) -> None:
        """Names first, since variants carry them; then what the entity may be made of."""
        part = self.part
        self.names()
        self.header()
        if part.type in ("message/partial", "message/external-body"):
            self.elsewhere()
        if self.may_be_divided():
            self.divisions()
        if part.type.startswith("multipart/") and part.encoding not in _IDENTITY:
            self.encoded_multipart()
        elif part.type.startswith("message/") and part.encoding not in _IDENTITY:
            self.say("encoding.of-message", f"an embedded message is declared as {_clip(part.encoding)}")
        if not part.children:
            self.leaf()

    def names(self) -> None:
        given = [one for one in self.fields if one.field != "content-transfer-encoding"]
        values = [one.value for one in given]
        if len(values) <= 2 and all(is_plain(b"", one.value) or spellings.is_sound(one.value) for one in given):
            values = []
        part = self.part
        names = list(dict.fromkeys([*part.filenames, *spellings.names(values)]))[:64]
        part._filenames = tuple(names)
        endings = {name.rpartition(".")[2].lower().strip() for name in names if "." in name}
        if len(endings) > 1:
            which = "name.spelling" if len(set(part.filenames[:2])) == 1 else "name.duplicate"
            shown = " or ".join(f'"{_clip(name)}"' for name in names[:4])
            self.say(which, f"readers may take the file name for {shown}", self.first_with_name())
        dispositions = self.of("content-disposition")
        if len(dispositions) > 1:
            self.say("disposition.duplicate", "several Content-Disposition fields differ", dispositions[1])

    def first_with_name(self) -> Spelt | None:
        return next((one for one in self.fields if b"name" in one.value.lower()), None)

    def header(self) -> None:
        """What is odd about the header itself, where it concerns a field of MIME."""
        for one in self.fields:
            if one.kind:
                self.say(one.kind, f"{_shown(self.part.source[one.start : one.end])} may be read as {one.field}", one)
        for extent in self.extents:
            if extent.kind and extent.matters:
                self.explorer.say(extent.kind, extent.detail, self.part, extent.at, extent.at_end)
        if len(self.types) > 1:
            self.say("type.duplicate", _or("readers may take the type from", self.types), self.types[1])
        if len(self.encodings) > 1:
            self.say("encoding.duplicate", _or("readers may take the encoding from", self.encodings), self.encodings[1])

    def may_be_divided(self) -> bool:
        """Never where all that can be read says text, or another leaf: mail quotes whole messages as text."""
        part = self.part
        if part.type.startswith("multipart/"):
            return True
        if not self.types:
            first = part.source[part.body_start : part.body_start + 64].lstrip()
            return first[:2] == b"--" or any(extent.matters for extent in self.extents if extent.kind)
        return any(spellings.is_multipart(one.value) for one in self.types)

    def divisions(self) -> None:
        """Other boundaries than the declared one, and the delimiter lines that stand there."""
        part = self.part
        start = min([part.body_start, *(extent.body for extent in self.extents)])
        self.explorer.looked -= part.end - start
        dashes = lines_with_dashes(part.source, start, part.end)
        if dashes is None:
            self.explorer.say("too-many", "more lines that may be delimiters than are tried", part)
            return
        declared = part.params.get("boundary", "").rstrip().encode("utf-8", "surrogateescape")
        texts = {line.text for line in dashes}
        candidates = [b for b in spellings.boundaries([one.value for one in self.types]) if b.rstrip() in texts]
        tried = {declared} if part.is_multipart else set()
        for boundary in candidates:
            if boundary.rstrip() not in tried and len(tried) < MOST_READINGS:
                tried.add(boundary.rstrip())
                self.divided_by(boundary.rstrip(), start)
        self.observed(dashes, start)

    def divided_by(self, boundary: bytes, start: int) -> None:
        part = self.part
        path = self.explorer.path(part)
        if path is None:
            return
        variant = _like(part, path)
        variant.body_start = start
        variant._type = part.type if part.type.startswith("multipart/") else "multipart/mixed"
        variant._params = {**part.params, "boundary": boundary.decode("utf-8", "surrogateescape")}
        Reader(part.source, self.explorer.budget, part._carrier, part.end).multipart(variant, 1)
        variant.end = variant.body_end = part.end
        if variant.children and self.explorer.keep(variant, self.level):
            kind = "boundary.duplicate" if part.is_multipart else "boundary.spelling"
            self.say(kind, f"readers may take the boundary for {_shown(boundary)}", next(iter(self.types), None))

    def observed(self, dashes: list[Line], start: int) -> None:
        """One more reading: all delimiter lines that are followed by fields of MIME divide."""
        part = self.part
        stops = delimiters(part.source, dashes, part.end)
        own = set()
        if part.is_multipart:
            inside = (part.children[0].start, part.children[-1].end)
            stops = [one for one in stops if one.after_cr or not inside[0] - 1 <= one.line < inside[1]]
            own = {child.start for child in part.children}
            stops = [one for one in stops if one.after not in own]
        if not stops:
            return
        path = self.explorer.path(part)
        if path is None:
            return
        variant = _like(part, path)
        variant.body_start = start
        variant._type = "multipart/mixed"
        variant.is_multipart = True
        cuts = sorted([*stops, *closing(dashes, stops)], key=lambda one: one.line)
        children: list[Part] = []
        for index, cut in enumerate(cuts):
            limit = cuts[index + 1].before if index + 1 < len(cuts) else part.end
            if not cut.opens or self.explorer.budget.parts <= 0 or limit <= cut.after:
                continue
            reader = Reader(part.source, self.explorer.budget, part._carrier, limit)
            children.append(reader.entity(cut.after, f"{path}.{len(children) + 1}", "text/plain", 2))
        variant.children = tuple(children)
        if not children or not self.explorer.keep(variant, self.level):
            return
        early = part.is_multipart and stops[0].line >= part.children[-1].end
        kind = "boundary.early-end" if early else "boundary.not-declared"
        what = "delimiter lines follow the close delimiter" if early else "delimiter lines of another boundary divide it"
        self.explorer.say(kind, f"{what}: {_shown(stops[0].text)}", part, stops[0].line, stops[0].after)

    def encoded_multipart(self) -> None:
        from mailscan.transfer import decode

        part = self.part
        self.say("encoding.of-multipart", f"a multipart is declared as {_clip(part.encoding)}", _first(self.encodings))
        size = part.body_end - part.body_start
        path = None if size > self.explorer.kept else self.explorer.path(part)
        if path is None:
            return
        self.explorer.kept -= size
        inner = decode(part.source, part.encoding, part.body_start, part.body_end)
        variant = Part(path, Headers(inner, 0, 0, []), 0, part.type, part._carrier or (part.start, part.end))
        variant._params = part.params
        Reader(inner, self.explorer.budget, part._carrier or (part.start, part.end)).multipart(variant, 1)
        self.explorer.keep(variant, self.level)

    def elsewhere(self) -> None:
        """A piece of a message, or a reference to one: the first piece begins as the whole does (RFC 2046 5.2.2)."""
        part = self.part
        if part.type == "message/external-body":
            self.say("message.external", "the body lies elsewhere (RFC 2046 5.2.3)", _first(self.types))
            return
        number, total = part.params.get("number", ""), part.params.get("total", "")
        self.say("message.partial", f"piece {_clip(number)} of {_clip(total) or '?'} of a message", _first(self.types))
        path = self.explorer.path(part)
        if path is not None:
            variant = _like(part, path)
            variant._type = "message/rfc822"
            reader = Reader(part.source, self.explorer.budget, part._carrier, part.body_end)
            variant.children = (reader.entity(part.body_start, path + ".1", "text/plain", 2),)
            self.explorer.keep(variant, self.level)

    def leaf(self) -> None:
        """Other encodings, other ways to decode, and files inline in text."""
        part = self.part
        wanted = [(name, one) for one in self.encodings for name in spellings.encodings(one.value)]
        declared = part._content.get(b"content-transfer-encoding")
        if wanted and part.encoding not in (*_IDENTITY, "base64", "quoted-printable"):
            guess = decodings.looks_like(part.source[part.body_start : part.body_end])
            wanted += [(guess, wanted[0][1])] if guess else []
        starts = list(dict.fromkeys([part.body_start, *(extent.body for extent in self.extents if extent.matters)]))
        for body_start in starts[:4]:
            seen = {part.encoding} if (body_start == part.body_start and part._data is None) or not wanted else set()
            for name, spelt in wanted:
                if name not in seen:
                    seen.add(name)
                    self.decoded_as(name, body_start, spelt, declared)
        if part.encoding in ("base64", "quoted-printable") and part._data is not None:
            self.decoded_otherwise(part)
        if part.type.startswith("text/") and b"begin " in part.data:
            self.inline()

    def decoded_as(self, encoding: str, body_start: int, spelt: Spelt, declared: bytes | None) -> None:
        part = self.part
        if encoding == part.encoding and body_start == part.body_start:
            return
        size = part.body_end - body_start
        if not self.afford(size):
            return
        found = decodings.rare(encoding, part.source[body_start : part.body_end])
        if found is None or (found.data == part.data and not found.name):
            return
        variant = self.variant(found.data, encoding, body_start)
        if variant is None:
            return
        if found.name:
            variant._filenames = tuple(dict.fromkeys([*part.filenames, found.name]))
        if self.explorer.keep(variant, self.level) and spelt.value == declared and len(self.encodings) == 1:
            rare = encoding not in (*_IDENTITY, "base64", "quoted-printable")
            self.say(
                "encoding.rare" if rare else "encoding.spelling",
                f"{_shown(spelt.value)} may be read as {encoding}",
                spelt,
            )
        if encoding in ("base64", "quoted-printable"):
            self.decoded_otherwise(variant)

    def variant(self, data: bytes, encoding: str, body_start: int) -> Part | None:
        """A leaf that is like this one but for its data."""
        path = self.explorer.path(self.part)
        if path is None:
            return None
        variant = _like(self.part, path)
        variant.body_start = body_start
        variant._content = {**self.part._content, b"content-transfer-encoding": encoding.encode()}
        variant._type = self.part.type
        variant._filenames = self.part.filenames
        variant._data = data
        self.explorer.kept -= len(data)
        return variant

    def decoded_otherwise(self, part: Part) -> None:
        """What readers that treat faults of the encoding differently make of a body."""
        from mailscan.transfer import is_as_declared

        source, start, end, encoding = part.source, part.body_start, part.body_end, part.encoding
        if is_as_declared(source, encoding, start, end, len(part.data)):
            return
        if end - start > _LONGEST_BODY:
            self.say("too-many", "the body is too large to be decoded in other ways")
            return
        body = source[start:end]
        ways = decodings.other_base64(body) if encoding == "base64" else decodings.other_quoted_printable(body)
        seen = {part.data}
        for kind, way in ways:
            if not self.afford(len(body)):
                return
            data = way()
            if data in seen or not data:
                continue
            seen.add(data)
            variant = self.variant(data, encoding, start)
            if variant is None:
                return
            if self.explorer.keep(variant, _MOST_LEVELS):
                self.explorer.say(kind, "a fault of the encoding that readers treat differently", self.part, start, end)

    def afford(self, size: int) -> bool:
        """Whether a body of that size may be decoded once more."""
        self.explorer.looked -= 4 * size
        if self.explorer.looked > 0 and self.explorer.kept > size:
            return True
        self.say("too-many", "the body is too large to be decoded in other ways")
        return False

    def inline(self) -> None:
        """Files in the text (uuencode, yEnc): parts of their own in any well-formed mail."""
        part = self.part
        text = part.data
        is_identity = part.encoding in _IDENTITY
        for number, found in enumerate(decodings.inline(text)):
            if self.explorer.budget.parts <= 0 or self.explorer.kept < len(found.data):
                self.say("too-many", "more files in the text than are taken out")
                return
            self.explorer.budget.parts -= 1
            self.explorer.kept -= len(found.data)
            start = part.body_start + found.start if is_identity else part.body_start
            end = part.body_start + found.end if is_identity else part.body_end
            carrier = None if is_identity and part._carrier is None else part.span
            empty = Headers(part.source, start, start, [])
            file = Part(f"{part.path}~{number + 1}", empty, start, "application/octet-stream", carrier)
            file.end = file.body_end = end
            file._filenames = (found.name,) if found.name else ()
            file._data = found.data
            likeness = _likeness(file)
            if likeness not in self.explorer.known:
                self.explorer.known.add(likeness)
                self.explorer.parts.append(file)


def _like(part: Part, path: str) -> Part:
    """The same entity, to be read otherwise."""
    other = Part(path, part.headers, part.body_start, part._default, part._carrier)
    other.source, other._content = part.source, part._content
    other.start, other.end, other.body_end = part.start, part.end, part.body_end
    other._filenames = part.filenames
    return other


def _first(fields: list[Spelt]) -> Spelt | None:
    return fields[0] if fields else None


def _or(what: str, fields: list[Spelt]) -> str:
    return f"{what} {' or '.join(_shown(one.value) for one in fields[:4])}"


def _shown(octets: bytes) -> str:
    return ascii(_clip(octets[:400].decode("latin-1").strip()))


def _clip(text: str) -> str:
    return text if len(text) <= 100 else text[:99] + "…"


