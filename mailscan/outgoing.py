"""What we put into mail: header fields (RFC 5322, RFC 2047) and SMTP replies (RFC 5321), from any text.

Filters quote senders, DNS owners and spamd, so every text is taken as hostile here and nowhere else: what leaves is
printable ASCII, and CR, LF, NUL and other controls have become blanks.
"""

from __future__ import annotations

from mailscan.errors import MailscanError
from mailscan.verdict import is_field_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

WIDTH = 78  # RFC 5322 2.1.1 prefers it; 998 is the limit
REPLY_LINES = 32
# RFC 5321 4.5.3.1.5: 512 octets with `550-`, an enhanced code of up to ten characters and CRLF.
REPLY_WIDTH = 512 - 4 - 10 - 2
# A longer word is encoded, since nothing else can break it.
_LONGEST_WORD = 800
_LONGEST_VALUE = 20_000
_CONTROLS = dict.fromkeys([*range(32), *range(127, 160), 0x2028, 0x2029], " ")
# What compatibility decomposition (NFKD) does not bring to ASCII, and people write all the same.
_SPELT = str.maketrans({
    "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
    "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "€": "EUR", "£": "GBP", "‘": "'", "’": "'", "‚": "'", "“": '"',
    "”": '"', "„": '"', "«": '"', "»": '"', "‐": "-", "‑": "-", "–": "-", "—": "-", "−": "-", "•": "*", "·": ".",
})  # fmt: skip
# RFC 2047 5 (3): these stand for themselves wherever an encoded-word may.
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


def header_field(name: str, value: str, line_end: str = "\n") -> str:
    """One header field, folded, its last line end included. See `header_lines`."""
    return line_end.join(header_lines(name, value)) + line_end


def header_lines(name: str, value: str) -> list[str]:
    """The lines of a header field, ASCII, the first beginning with `name:` and the others with a blank.

    Lines are at most 998 octets, 78 where words allow it. Runs of blanks and controls become one blank; what is not
    ASCII, would be read as an encoded-word, or is too long a word becomes UTF-8 encoded-words (RFC 2047); beyond
    20,000 characters the value is cut. Raises `MailscanError` for a name that cannot be one (RFC 5322 2.2).
    """
    if not is_field_name(name):
        raise MailscanError(f'"{printable(name)[:80]}" cannot be the name of a header field')
    line = name + ":"
    lines: list[str] = []
    for word in _words(value, len(line) + 1):
        if len(line) + 1 + len(word) > WIDTH and len(line) > len(name) + 1:
            lines.append(line)
            line = ""
        line += " " + word
    return [*lines, line]


def reply_lines(reply: Iterable[str]) -> list[str]:
    """The lines of a reply's text, without codes: printable ASCII, at most 496 octets each, at most 32 lines.

    Longer lines are wrapped, empty ones left out. A reply is ASCII (RFC 5321 4.2): accents are dropped, quotes, dashes
    and some letters spelt in ASCII, and what cannot be becomes `?`.
    """
    lines: list[str] = []
    for text in reply:
        # Cut first: the rest could not fit anyway, and a reply may quote a message of many MB.
        text = _in_ascii(text[: REPLY_WIDTH * REPLY_LINES].translate(_CONTROLS))
        line = ""
        for word in text.split():
            while len(word) > REPLY_WIDTH:
                if line:
                    lines.append(line)
                line, word = word[:REPLY_WIDTH], word[REPLY_WIDTH:]
            if line and len(line) + 1 + len(word) > REPLY_WIDTH:
                lines.append(line)
                line = ""
            line = f"{line} {word}" if line else word
        if line:
            lines.append(line)
    return lines[:REPLY_LINES]


def _in_ascii(text: str) -> str:
    if text.isascii():
        return text
    from unicodedata import combining, normalize

    taken_apart = normalize("NFKD", text.translate(_SPELT))
    return "".join(char if char < "\x7f" else "?" for char in taken_apart if not combining(char))


def printable(text: str) -> str:
    """Any text for a terminal or a log: what would move a cursor, end a line or turn the writing is escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    number = ord(char)
    if 0xDC80 <= number <= 0xDCFF:  # an octet that was not UTF-8 (PEP 383)
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _words(value: str, column: int) -> list[str]:
    words = [word for word in value[:_LONGEST_VALUE].translate(_CONTROLS).split(" ") if word]
    odd = [at for at, word in enumerate(words) if not word.isascii() or "=?" in word or len(word) > _LONGEST_WORD]
    if not odd:
        return words
    # From the first odd word to the last: blanks between adjacent encoded-words are not shown (RFC 2047 6.2).
    first, last = odd[0], odd[-1] + 1
    if first:
        column += len(" ".join(words[:first])) + 1
    return [*words[:first], *_encoded_words(" ".join(words[first:last]), WIDTH - 2 - column), *words[last:]]


def _encoded_words(text: str, room: int) -> list[str]:
    """The text as encoded-words of at most 75 characters (RFC 2047 2), each of whole characters; the first one has
    `room` columns if that is enough to be useful.
    """
    from binascii import b2a_base64

    characters = [char.encode("utf-8", "replace") for char in text]
    quoted = sum(1 if octet in _SAFE or octet == 32 else 3 for char in characters for octet in char)
    # "B" is shorter from 4/3 on; up to twice as long "Q" is taken, for people who read fields as they stand.
    base64 = quoted > 2 * sum(map(len, characters))
    words: list[str] = []
    piece: list[bytes] = []
    used = 0
    limit = (min(room, 75) if room >= 30 else 75) - len("=?utf-8?q??=")

    def flush() -> None:
        octets = b"".join(piece)
        coded = b2a_base64(octets, newline=False).decode("ascii") if base64 else "".join(map(_quoted, octets))
        words.append(f"=?utf-8?{'b' if base64 else 'q'}?{coded}?=")
        piece.clear()

    for char in characters:
        cost = len(char) if base64 else len("".join(map(_quoted, char)))
        if piece and used + cost > (limit // 4 * 3 if base64 else limit):
            flush()
            used, limit = 0, 75 - len("=?utf-8?q??=")
        piece.append(char)
        used += cost
    flush()
    return words


def _quoted(octet: int) -> str:
    return chr(octet) if octet in _SAFE else "_" if octet == 32 else f"={octet:02X}"
