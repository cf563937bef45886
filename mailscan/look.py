"""The look at one odd entity: its names, what is odd about its header, and the boundaries that may divide it."""

from __future__ import annotations

from mailscan import spellings
from mailscan.ambiguity import clip, shown
from mailscan.delimiters import Line, closing, delimiters, lines_with_dashes
from mailscan.extents import CUTS, extents, joined
from mailscan.header import MOST_FIELDS, Headers
from mailscan.leaves import Leaf
from mailscan.mime import Part, Reader
from mailscan.parameters import read_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.readings import Explorer
    from mailscan.spellings import Spelt

# Names of one entity that are kept.
_MOST_NAMES = 64
_IDENTITY = ("7bit", "8bit", "binary")


class Look:
    """The look at one odd entity."""

    def __init__(self, explorer: Explorer, part: Part, level: int) -> None:
        self.explorer = explorer
        self.part = part
        self.level = level
        self.extents = extents(part)
        if part.headers.is_odd or len(self.extents) > 1:
            blocks = joined((one.start, one.end) for one in self.extents if one.kind not in CUTS)
            explorer.looked -= sum(end - start for start, end in blocks)
            self.fields = [one for start, end in blocks for one in spellings.fields(part.source, start, end)]
        else:
            self.fields = spellings.plain_fields(part)
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
        if any(extent.kind == "header.bare-cr" for extent in self.extents) and "~" not in part.path:
            self.with_bare_cr()
        if part.type in ("message/partial", "message/external-body"):
            self.elsewhere()
        if self.may_be_divided():
            self.divisions()
        if self.may_be_a_message():
            self.embedded()
        if part.type.startswith("multipart/") and part.encoding not in _IDENTITY:
            self.encoded_multipart()
        elif part.type.startswith("message/") and part.encoding not in _IDENTITY:
            self.say("encoding.of-message", f"an embedded message is declared as {clip(part.encoding)}")
        if not part.children:
            starts = [one.body for one in self.extents if one.matters]
            Leaf(self.explorer, part, self.encodings, [part.body_start, *starts], self.lost()).run()

    def lost(self) -> dict[bytes, bytes]:
        """The fields that the entity has for lenient readers only, by name: the first of each."""
        found = {one.field.encode(): one.value for one in reversed(self.fields)}
        return {name: value for name, value in found.items() if name not in self.part._content}

    def names(self) -> None:
        part = self.part
        given = [one for one in self.fields if one.field != "content-transfer-encoding"]
        values = [one.value for one in given]
        is_once = len({one.field for one in given}) == len(given)
        # Of a field that the entity has by the RFCs, `Part.filenames` knows all that a plain value gives.
        if is_once and all(self.is_read(one) for one in given):
            values = []
        names = list(dict.fromkeys([*part.filenames, *spellings.names(values)]))[:_MOST_NAMES]
        part._filenames = tuple(names)
        endings = {ending for name in names if (ending := _ending(name))}
        if len(endings) > 1:
            which = "name.spelling" if len(set(part.filenames[:2])) == 1 else "name.duplicate"
            shown = " or ".join(f'"{clip(name)}"' for name in names[:4])
            self.say(which, f"readers may take the file name for {shown}", self.first_with_name())
        dispositions = self.of("content-disposition")
        if len(dispositions) > 1:
            self.say("disposition.duplicate", "several Content-Disposition fields differ", dispositions[1])

    def is_read(self, one: Spelt) -> bool:
        """Whether a field is the entity's own, and written as everybody reads it."""
        is_own = self.part._content.get(one.field.encode()) == one.value
        return is_own and (read_value(one.value).is_plain or spellings.is_sound(one.value))

    def first_with_name(self) -> Spelt | None:
        return next((one for one in self.fields if b"name" in one.value.lower()), None)

    def header(self) -> None:
        """What is odd about the header itself, where it concerns a field of MIME."""
        if self.part.headers.is_cut_short:
            self.say("too-many", f"the header has more than {MOST_FIELDS:,} fields")
        for one in self.fields:
            if one.kind:
                self.say(one.kind, f"{shown(self.part.source[one.start : one.end])} may be read as {one.field}", one)
        for extent in self.extents:
            if extent.kind and extent.matters:
                self.explorer.say(extent.kind, extent.detail, self.part, extent.at, extent.at_end)
        if self.part.path == "1":
            from mailscan.lenient import ambiguities

            for kind, detail, field in ambiguities(self.part.headers):
                self.explorer.say(kind, detail, self.part, field.start, field.end)
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

    def may_be_a_message(self) -> bool:
        """Whether it is an embedded message for readers that find a type which the RFCs do not."""
        value = self.lost().get(b"content-type", b"")
        return value[:8].lower() == b"message/" and not self.part.children and self.part.encoding in _IDENTITY

    def embedded(self) -> None:
        """The message that begins where the body of such readers does."""
        part = self.part
        start = max([part.body_start, *(one.body for one in self.extents if one.matters)])
        path = self.explorer.path(part)
        if path is None:
            return
        self.explorer.looked -= part.body_end - start
        variant = part.again(path)
        variant.body_start = start
        variant._type = "message/rfc822"
        reader = Reader(part.source, self.explorer.budget, part._carrier, part.body_end)
        variant.children = (reader.entity(start, path + ".1", "text/plain", 2),)
        self.explorer.keep(variant, self.level)

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
            if boundary.rstrip() not in tried:
                tried.add(boundary.rstrip())
                if not self.divided_by(boundary.rstrip(), start):
                    break
        self.observed(dashes, start)

    def divided_by(self, boundary: bytes, start: int) -> bool:
        """Read it with that boundary; False if no more readings may be."""
        part = self.part
        path = self.explorer.path(part)
        if path is None:
            return False
        variant = part.again(path)
        variant.body_start = start
        variant._type = part.type if part.type.startswith("multipart/") else "multipart/mixed"
        variant._params = {**part.params, "boundary": boundary.decode("utf-8", "surrogateescape")}
        Reader(part.source, self.explorer.budget, part._carrier, part.end).multipart(variant, 1)
        variant.end = variant.body_end = part.end
        if variant.children and self.explorer.keep(variant, self.level):
            kind = "boundary.duplicate" if part.is_multipart else "boundary.spelling"
            self.say(kind, f"readers may take the boundary for {shown(boundary)}", next(iter(self.types), None))
        return True

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
        variant = part.again(path)
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
        what = "delimiter lines follow the close delimiter" if early else "lines with another boundary divide it"
        self.explorer.say(kind, f"{what}: {shown(stops[0].text)}", part, stops[0].line, stops[0].after)

    def encoded_multipart(self) -> None:
        from mailscan.transfer import decode

        part = self.part
        self.say("encoding.of-multipart", f"a multipart is declared as {clip(part.encoding)}", _first(self.encodings))
        size = part.body_end - part.body_start
        path = None if size > self.explorer.kept else self.explorer.path(part)
        if path is None:
            return
        self.explorer.kept -= size
        inner = decode(part.source, part.encoding, part.body_start, part.body_end)
        variant = Part(path, Headers(inner, 0, 0, []), 0, part.type, part._carrier or (part.start, part.end))
        variant._params = part.params
        Reader(inner, self.explorer.budget, part._carrier or (part.start, part.end)).multipart(variant, 1)
        self.explorer.keep(variant, self.level, anew=True)

    def with_bare_cr(self) -> None:
        """The entity as readers have it for which a bare CR ends a line (as it did on the Macintosh)."""
        part = self.part
        path = None if part.end - part.start > self.explorer.kept else self.explorer.path(part)
        if path is None:
            return
        self.explorer.kept -= part.end - part.start
        inner = part.source[part.start : part.end].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        reader = Reader(inner, self.explorer.budget, part._carrier or (part.start, part.end))
        if self.explorer.keep(reader.entity(0, path, part._default, 1), self.level, anew=True):
            self.say("header.bare-cr", "for some readers a bare CR ends a line")

    def elsewhere(self) -> None:
        """A piece of a message, or a reference to one: the first piece begins as the whole does (RFC 2046 5.2.2)."""
        part = self.part
        if part.type == "message/external-body":
            self.say("message.external", "the body lies elsewhere (RFC 2046 5.2.3)", _first(self.types))
            return
        number, total = part.params.get("number", ""), part.params.get("total", "")
        self.say("message.partial", f"piece {clip(number)} of {clip(total) or '?'} of a message", _first(self.types))
        path = self.explorer.path(part)
        if path is not None:
            variant = part.again(path)
            variant._type = "message/rfc822"
            reader = Reader(part.source, self.explorer.budget, part._carrier, part.body_end)
            variant.children = (reader.entity(part.body_start, path + ".1", "text/plain", 2),)
            self.explorer.keep(variant, self.level)


def _first(fields: list[Spelt]) -> Spelt | None:
    return fields[0] if fields else None


def _ending(name: str) -> str:
    """What stands behind the last dot of a name; nothing of an encoded-word that came undecoded, which has none."""
    return "" if name.endswith("?=") or "." not in name else name.rpartition(".")[2].lower().strip()


def _or(what: str, fields: list[Spelt]) -> str:
    return f"{what} {' or '.join(shown(one.value) for one in fields[:4])}"
