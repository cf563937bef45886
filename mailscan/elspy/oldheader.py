"""The module `email.Header`: RFC 2047 as old files decode it, and nothing in it raises on what a mail can hold."""

from __future__ import annotations

import sys
from email import header
from email.charset import Charset

from mailscan.elspy.oldtext import Decoded, OldStr, octets_of, unicode
from mailscan.text import decode_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from mailscan.elspy.surroundings import Surroundings


class Header(header.Header):
    """`email.header.Header`, to which any text can be appended. Old files make one of a field's value to have it
    decoded, and so encoded-words are, which neither Python 2 nor Python 3 does.
    """

    def append(self, s: str | bytes | bytearray, charset: Charset | str | None = None, errors: str = "strict") -> None:
        """Append text, or octets in a charset; in UTF-8 where the charset is unknown or has not all of its letters."""
        named = str(charset) if charset else None
        text = str(unicode(s, named))
        if not isinstance(s, Decoded):
            octets = octets_of(s) if isinstance(s, str) else bytes(s)
            runs = decode_words(_unfolded(octets), named)
            if any(run.encoded for run in runs):
                text = "".join(run.text for run in runs)
        try:
            super().append(text, charset, errors)
        except (UnicodeError, LookupError):
            super().append(text, "utf-8", errors)

    def __unicode__(self) -> str:
        return str(self)


def decode_header(value: object) -> list[tuple[OldStr, str | None]]:
    """(text, charset) of each run of a header value; the charset is None where nothing was encoded.

    The texts are decoded already, and `.decode(charset)` and `unicode(text, charset)` leave them as they are.
    """
    runs = decode_words(_unfolded(octets_of(str(value))))
    if len(runs) == 1 and not runs[0].encoded:
        return [(Decoded(runs[0].text), None)]
    return [(Decoded(run.text if run.encoded else run.text.strip()), run.charset or None) for run in runs] or [
        (Decoded(""), None)
    ]


def _unfolded(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"")


def make_header(
    decoded_seq: Iterable[tuple[str | bytes, str | None]],
    maxlinelen: int | None = None,
    header_name: str | None = None,
    continuation_ws: str = " ",
) -> Header:
    """One `Header` of what `decode_header` gave."""
    made = Header(maxlinelen=maxlinelen, header_name=header_name, continuation_ws=continuation_ws)
    for text, charset in decoded_seq:
        made.append(text, charset)
    return made


def module(name: str, around: Surroundings) -> ModuleType:
    """A new module of that name."""
    made: ModuleType = type(sys)(name, header.__doc__)
    made.__dict__.update({key: value for key, value in vars(header).items() if not key.startswith("__")})
    made.__dict__.update(Header=Header, decode_header=decode_header, make_header=make_header, Charset=Charset)
    return made
