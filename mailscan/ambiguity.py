"""What mail clients are known to read differently: the kinds, by stable names, and one place where it was met."""

from __future__ import annotations

from mailscan.record import Record

AMBIGUITIES: dict[str, str] = {
    "header.empty-looking-line": "a line of the header looks empty, and some readers end the header there",
    "header.not-a-field": "a line of the header is no field: some readers end the header there, others skip the line",
    "header.late-start": "header fields follow an empty line at the beginning, which some readers skip",
    "header.field-name": "a Content- field is spelt so that only some readers know it",
    "header.folded-field": "a Content- field hides on the folded line of another",
    "header.nul": "a NUL octet in a header: some readers drop it, others end the line or the header",
    "header.bare-cr": "a bare CR in a header or before a delimiter: some readers take it for a line end",
    "type.duplicate": "several Content-Type fields: some readers take the first, some the last",
    "type.spelling": "the Content-Type is spelt so that readers take it for different types",
    "boundary.duplicate": "several boundary parameters: some readers take the first, some the last",
    "boundary.spelling": "the boundary is spelt so that readers take it for different ones",
    "boundary.not-declared": "delimiter lines divide the body with another boundary than the declared one",
    "boundary.early-end": "delimiter lines follow the close delimiter",
    "encoding.duplicate": "several Content-Transfer-Encoding fields that differ",
    "encoding.spelling": "the transfer encoding is spelt so that only some readers know it",
    "encoding.rare": "a transfer encoding that only some readers decode (uuencode, BinHex, yEnc, gzip64 …)",
    "encoding.of-multipart": "a multipart with a transfer encoding: RFC 2045 6.4 forbids it, some readers decode it",
    "encoding.of-message": "a message with a transfer encoding: RFC 2046 5.2.1 forbids it, some readers decode it",
    "base64.foreign": "characters outside of the alphabet in base64 on which readers differ",
    "base64.padding": "padding within base64, after which some readers stop and others go on",
    "base64.length": "base64 whose length fits no octets, which readers complete in different ways",
    "quoted-printable.code": '"=" before what is no code, which readers keep, drop or decode',
    "disposition.duplicate": "several Content-Disposition fields that differ",
    "name.duplicate": "several file names of different kinds",
    "name.spelling": "a file name spelt so that readers take it for names of different kinds",
    "message.partial": "a piece of a message (message/partial), which some readers put together",
    "message.external": "a body that lies elsewhere (message/external-body), which some readers fetch",
    "too-many": "more readings, or header fields, than are told apart",
}


class Ambiguity(Record):
    """One thing that readers are known to read differently. `kind` is a key of `AMBIGUITIES`.

    `part` is the path of the entity, `start` and `end` are octets of the message as given: of the field, line or
    body in question, or of the part that carries it transfer-encoded.
    """

    __slots__ = ("kind", "detail", "part", "start", "end")

    def __init__(self, kind: str, detail: str, part: str, start: int, end: int) -> None:
        self.kind = kind
        self.detail = detail
        self.part = part
        self.start = start
        self.end = end


def shown(octets: bytes) -> str:
    """Octets of the message as printable ASCII in quotes, for a detail."""
    return ascii(clip(octets[:400].decode("latin-1").strip()))


def clip(text: str) -> str:
    """At most 100 characters."""
    return text if len(text) <= 100 else text[:99] + "…"
