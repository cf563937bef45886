"""The look at an odd leaf: other transfer encodings, other ways to decode a faulty one, and files inline in text."""

from __future__ import annotations

from mailscan import decodings, spellings
from mailscan.ambiguity import shown
from mailscan.header import Headers
from mailscan.mime import Part
from mailscan.transfer import UUENCODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.readings import Explorer
    from mailscan.spellings import Spelt

_LONGEST_BODY = 1 << 21
_MOST_STARTS = 4
_IDENTITY = ("7bit", "8bit", "binary")
_COMMON = (*_IDENTITY, "base64", "quoted-printable")


class Leaf:
    """One leaf. `encodings` are the fields that can be read as its transfer encoding, `starts` where its body may.

    `lost` are the fields of MIME that it has for lenient readers only.
    """

    def __init__(
        self, explorer: Explorer, part: Part, encodings: list[Spelt], starts: list[int], lost: dict[bytes, bytes]
    ) -> None:
        self.explorer = explorer
        self.part = part
        self.encodings = encodings
        self.lost = lost
        self.starts = list(dict.fromkeys(starts))[:_MOST_STARTS]

    def say(self, kind: str, detail: str, spelt: Spelt | None = None) -> None:
        """Take down an ambiguity of this leaf."""
        start, end = (spelt.start, spelt.end) if spelt else (-1, -1)
        self.explorer.say(kind, detail, self.part, start, end)

    def run(self) -> None:
        """Keep what comes out differently."""
        part = self.part
        wanted = [(name, one) for one in self.encodings for name in spellings.encodings(one.value)]
        declared = part._content.get(b"content-transfer-encoding")
        if self.encodings and part.encoding not in _COMMON:
            guess = decodings.looks_like(part.source[part.body_start : part.body_end])
            wanted += [(guess, self.encodings[0])] if guess else []
        for body_start in self.starts:
            for name, spelt in {name: (name, spelt) for name, spelt in reversed(wanted)}.values():
                self.decoded_as(name, body_start, spelt, declared)
            if not wanted and body_start != part.body_start:
                self.begun_at(body_start)
        if part.encoding in ("base64", "quoted-printable"):
            self.decoded_otherwise(part)
        if part.type.startswith("text/"):
            self.inline()

    def begun_at(self, body_start: int) -> None:
        """Keep the leaf as it is, not encoded, for readers to which its body begins elsewhere."""
        part = self.part
        if part.encoding in _IDENTITY and self.afford(part.body_end - body_start):
            variant = self.variant(part.source[body_start : part.body_end], part.encoding, body_start)
            if variant is not None:
                self.explorer.keep(variant)

    def decoded_as(self, encoding: str, body_start: int, spelt: Spelt, declared: bytes | None) -> None:
        part = self.part
        is_rare = encoding not in _COMMON
        if encoding == part.encoding and body_start == part.body_start and not is_rare:
            return
        if is_rare:
            self.say("encoding.rare", f"{shown(spelt.value)} may be read as {encoding}", spelt)
        size = part.body_end - body_start
        if not self.afford(size):
            return
        known = self.known(encoding) if body_start == part.body_start else None
        found = decodings.rare(encoding, part.source[body_start : part.body_end], known=known)
        if found is None or (found.data == part.data and not found.name):
            return
        variant = self.variant(found.data, encoding, body_start)
        if variant is None:
            return
        if found.name:
            variant._filenames = tuple(dict.fromkeys([*part.filenames, found.name]))
        if self.explorer.keep(variant) and spelt.value == declared and len(self.encodings) == 1 and not is_rare:
            self.say("encoding.spelling", f"{shown(spelt.value)} may be read as {encoding}", spelt)
        if encoding in ("base64", "quoted-printable"):
            self.decoded_otherwise(variant)

    def known(self, encoding: str) -> bytes | None:
        """What the part itself decodes to, if it is declared to be of this rare encoding."""
        if encoding != "uuencode" or self.part.encoding not in UUENCODE:
            return None
        data = self.part.data
        return data if data is self.part._data else None

    def variant(self, data: bytes, encoding: str, body_start: int) -> Part | None:
        """A leaf that is like this one but for its data."""
        path = self.explorer.path(self.part)
        if path is None:
            return None
        variant = self.part.again(path)
        variant.body_start = body_start
        variant._content = {**self.lost, **self.part._content, b"content-transfer-encoding": encoding.encode()}
        if b"content-type" not in self.lost:
            variant._type = self.part.type
        variant._filenames = self.part.filenames
        variant._data = data
        self.explorer.kept -= len(data)
        return variant

    def decoded_otherwise(self, part: Part) -> None:
        """What readers that treat faults of the encoding differently make of a body."""
        from mailscan.transfer import is_as_declared

        source, start, end, encoding = part.source, part.body_start, part.body_end, part.encoding
        if is_as_declared(source, encoding, start, end, part.data):
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
            if self.explorer.keep(variant):
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
        is_identity = part.encoding in _IDENTITY
        if is_identity:
            files = decodings.inline(part.source, part.body_start, part.body_end)
        else:
            files = decodings.inline(part.data, 0, len(part.data))
        for number, found in enumerate(files):
            if self.explorer.is_full() or self.explorer.kept < len(found.data):
                self.say("too-many", "more files in the text than are taken out")
                return
            self.explorer.kept -= len(found.data)
            start, end = (found.start, found.end) if is_identity else (part.body_start, part.body_end)
            carrier = None if is_identity and part._carrier is None else part.span
            empty = Headers(part.source, start, start, [])
            file = Part(f"{part.path}~{number + 1}", empty, start, "application/octet-stream", carrier)
            file.end = file.body_end = end
            file._filenames = (found.name,) if found.name else ()
            file._data = found.data
            self.explorer.parts.append(file)
