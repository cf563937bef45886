"""Text as files of Python 2's time expect it: octets that pass for text, and `unicode`.

Octets that are not UTF-8 travel in text as lone surrogates (PEP 383), so none is lost and none raises.
"""

from __future__ import annotations

from mailscan.text import codec, decode_octets, decode_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class OldStr(str):
    """What Python 2 called `str`: text that can still be decoded. What its methods give can be decoded too."""

    __slots__ = ()

    @classmethod
    def of(cls, octets: bytes) -> OldStr:
        """The octets as text; `octets_of` gives them back."""
        return cls(octets.decode("utf-8", "surrogateescape"))

    def decode(self, encoding: str = "ascii", errors: str = "strict") -> str:
        """The text in that charset. Never raises: what is not valid is read as `mailscan.text` reads it."""
        return str(unicode(self, encoding, errors))


class Decoded(OldStr):
    """Text out of an encoded-word: it is decoded already, and decoding it again changes nothing."""

    __slots__ = ()

    def decode(self, encoding: str = "ascii", errors: str = "strict") -> str:
        """Itself."""
        return str(self)


def _keeping_kind(name: str) -> Callable[..., object]:
    plain = getattr(str, name)

    def method(self: OldStr, *args: object) -> object:
        value = plain(self, *args)
        return type(self)(value) if type(value) is str else value

    method.__name__ = name
    return method


for _name in ("strip", "lstrip", "rstrip", "lower", "upper", "replace", "expandtabs", "__getitem__", "__add__"):
    setattr(OldStr, _name, _keeping_kind(_name))


class unicode(str):
    """`unicode(value)`, `unicode(octets, charset, errors)`: text without surrogates, whatever the value is."""

    __slots__ = ()

    def __new__(cls, value: object = "", encoding: str | None = None, errors: str = "strict") -> unicode:
        """Never raises for anything a mail can hold: an unknown charset, octets that are not valid in it."""
        if isinstance(value, (bytes, bytearray)):
            return super().__new__(cls, _decoded(bytes(value), encoding, errors))
        text = str(value)
        if type(value).__module__ == "email.header" and _is_as_sent(value):
            return super().__new__(cls, "".join(run.text for run in decode_words(octets_of(text), encoding)))
        if isinstance(value, Decoded) or text.isascii():
            return super().__new__(cls, text)
        return super().__new__(cls, _decoded(octets_of(text), encoding, errors))


def octets_of(text: str) -> bytes:
    """The octets that a text stands for."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no octet
        return text.encode("utf-8", "replace")


def _is_as_sent(header: object) -> bool:
    """Whether a `Header` of Python's own holds a field's value as it was sent: a decoded run has a charset of its own.

    An old file makes such a header text to have it decoded, which Python does not.
    """
    return all(str(charset) == "us-ascii" for _, charset in getattr(header, "_chunks", ()))


def _decoded(octets: bytes, charset: str | None, errors: str) -> str:
    name = codec(charset) if charset and charset.lower() not in ("ascii", "us-ascii") else None
    if name is not None and errors in ("ignore", "replace"):
        return octets.decode(name, errors)
    return decode_octets(octets, charset)
