"""Octets to text, totally: charsets as people declare them, and the encoded-words of RFC 2047.

Any input gives some text, and never an exception. No text made here holds a lone surrogate, so all of it can be
written as UTF-8. Control characters (NUL, CR and LF out of an encoded-word) are kept: a rule must see what was
sent, and whoever prints or sends text escapes it.
"""

from __future__ import annotations

import re
from codecs import charmap_decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# The charsets that mean text; everything else Python calls a codec (rot13, zlib, idna, unicode_escape …) does not.
# Named here, because a lookup of any other name would import by a name out of the mail.
_CODECS = (
    " ascii big5 big5hkscs cp037 cp1006 cp1026 cp1125 cp1140 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257"
    " cp1258 cp273 cp424 cp437 cp500 cp720 cp737 cp775 cp850 cp852 cp855 cp856 cp857 cp858 cp860 cp861 cp862 cp863"
    " cp864 cp865 cp866 cp869 cp874 cp875 cp932 cp949 cp950 euc_jis_2004 euc_jisx0213 euc_jp gb18030 hp_roman8 hz"
    " iso2022_jp iso2022_jp_1 iso2022_jp_2 iso2022_jp_2004 iso2022_jp_3 iso2022_jp_ext iso2022_kr iso8859_2"
    " iso8859_3 iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8 iso8859_10 iso8859_13 iso8859_14 iso8859_15"
    " iso8859_16 johab koi8_r koi8_t koi8_u kz1048 mac_arabic mac_croatian mac_cyrillic mac_farsi mac_greek"
    " mac_iceland mac_latin2 mac_roman mac_romanian mac_turkish ptcp154 shift_jis_2004 shift_jisx0213 utf_16"
    " utf_16_be utf_16_le utf_32 utf_32_be utf_32_le utf_7 utf_8 "
)
# Names that Python does not know, and charsets that mail clients read as the larger one that contains them
# (as the WHATWG Encoding Standard has it): latin-1 as windows-1252, gb2312 as gb18030 …
_READ_AS = {
    "latin_1": "cp1252", "iso8859_1": "cp1252", "iso8859_9": "cp1254", "iso8859_11": "cp874", "tis_620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "x_gbk": "gb18030", "gb_2312_80": "gb18030", "gb2312_80": "gb18030",
    "euc_kr": "cp949", "ks_c_5601_1987": "cp949", "ksc5601": "cp949", "ks_c_5601": "cp949", "korean": "cp949",
    "shift_jis": "cp932", "x_sjis": "cp932", "shiftjis": "cp932", "windows_31j": "cp932", "sjis": "cp932",
    "x_euc_jp": "euc_jp", "x_euc": "euc_jp", "iso_2022_jp": "iso2022_jp_ext", "iso2022_jp": "iso2022_jp_ext",
    "cp50220": "iso2022_jp_ext", "cp50221": "iso2022_jp_ext", "big5": "big5hkscs", "x_x_big5": "big5hkscs",
    "iso_8859_8_i": "iso8859_8", "iso_8859_8_e": "iso8859_8", "iso_8859_6_i": "iso8859_6",
    "unicode_1_1_utf_7": "utf_7", "x_unicode_2_0_utf_7": "utf_7", "csunicode11utf7": "utf_7",
    "utf_8_sig": "utf_8", "utf8mb4": "utf_8", "unicode_1_1_utf_8": "utf_8", "x_utf_8": "utf_8",
    "x_mac_roman": "mac_roman", "x_mac_cyrillic": "mac_cyrillic", "x_mac_ce": "mac_latin2", "dos_874": "cp874",
    "win_1251": "cp1251", "win1251": "cp1251", "koi8": "koi8_r", "koi8_ru": "koi8_u", "x_cp1252": "cp1252",
    "x_cp1251": "cp1251", "x_cp1250": "cp1250", "ansi": "cp1252", "x_ansi": "cp1252",
}  # fmt: skip
_LABEL = r"[A-Za-z0-9][A-Za-z0-9_.:+-]*"
_WESTERN = (
    "".join(map(chr, range(128)))
    + "\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f"
    + "\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178"
    + "".join(map(chr, range(160, 256)))
)
# What an encoded-word begins with (RFC 2047 2, the language of RFC 2231 5). The text follows, up to the next "?=".
_WORD = rb"=\?([!->@-~]{1,100})\?([bBqQ])\?"
# A field with more words than this is no text that anybody reads; the rest of it stays as it is.
_MOST_WORDS = 10_000


class Run:
    """One stretch of a header value. `charset` is as declared, in lower case; "" where nothing was encoded."""

    __slots__ = ("text", "charset", "encoded")

    def __init__(self, text: str, charset: str = "", encoded: bool = False) -> None:
        self.text = text
        self.charset = charset
        self.encoded = encoded

    def __repr__(self) -> str:
        return f"Run({self.text!r}, {self.charset!r}, {self.encoded!r})"


def codec(charset: str) -> str | None:
    """The name of Python's codec for a charset as people write it (quoted, misspelt, with junk after it), or None."""
    label = re.search(_LABEL, charset[:200])
    if label is None:
        return None
    name = label[0].lower().replace("-", "_").replace(".", "_").replace(":", "_")
    if name in _READ_AS:
        return _READ_AS[name]
    if f" {name} " not in _CODECS:
        from encodings.aliases import aliases

        name = aliases.get(name, "")
        name = _READ_AS.get(name, name)
    return name if f" {name} " in _CODECS else None


def decode_octets(octets: bytes, charset: str | None = None) -> str:
    """Text from octets, whatever they are.

    In this order: the declared charset if it is known and they are valid in it; UTF-8 if they are valid; the
    declared charset with U+FFFD for what is not valid; windows-1252, and Latin-1 for what that leaves undefined.
    (A text declared as UTF-8 in which not one character beyond ASCII is valid goes to the last.)
    """
    name = codec(charset) if charset else None
    if name is None or name in ("utf_8", "ascii"):
        try:
            return str(octets, "utf-8")
        except UnicodeDecodeError:
            return _repaired_utf8(octets) if name == "utf_8" else _western(octets)
    if name == "cp1252":
        return _western(octets)
    # RFC 2781 4.3: without a byte order mark, UTF-16 is big-endian; Python has the machine's order.
    if name == "utf_16" and octets[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        name = "utf_16_be" if octets[::2].count(0) >= octets[1::2].count(0) else "utf_16_le"
    try:
        return _whole(str(octets, name))
    except UnicodeError:
        pass
    try:
        return str(octets, "utf-8")
    except UnicodeDecodeError:
        return _whole(str(octets, name, "replace"))


def _repaired_utf8(octets: bytes) -> str:
    text = str(octets, "utf-8", "replace")
    return _western(octets) if text.replace("\ufffd", "").isascii() else text


def _western(octets: bytes) -> str:
    """Windows-1252; the five octets that it leaves undefined are C1 controls, as the WHATWG has it."""
    return charmap_decode(octets, "strict", _WESTERN)[0]


def _whole(text: str) -> str:
    """Without lone surrogates, which UTF-7 and the UTF-16 family can carry."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def unfold(value: bytes) -> bytes:
    """A field body without its folds (RFC 5322 2.2.3): a line end before a blank goes, the blank stays."""
    if b"\n" not in value:
        return value
    if b"\r" in value:
        value = value.replace(b"\r\n", b"\n")
    # Within a field every line end is followed by a blank.
    return value.replace(b"\n", b"")


def decode_header(value: bytes, charset: str | None = None) -> str:
    """The text of a header value, folded or not: unfolded, RFC 2047 decoded, never raising.

    `charset` is a hint for raw 8-bit octets that are not UTF-8.
    """
    if b"\n" in value:
        value = unfold(value)
    if b"=?" not in value:
        return _raw_text(value, charset)
    return "".join([run.text for run in decode_words(value, charset)])


def decode_words(value: bytes, charset: str | None = None) -> list[Run]:
    """The runs of an unfolded value (RFC 2047), encoded and not, in order.

    Encoded-words are decoded wherever they stand, in quoted strings and parameters too, since mail clients show
    them so. Blanks between two of them go (6.2); neighbours of one charset are joined as octets, so that a
    character split between them is whole. What only begins like one stays as text.
    """
    runs: list[Run] = []
    pending: list[bytes] = []
    pending_charset = ""
    at = 0
    for start, end, name, octets in _encoded_words(value):
        between = value[at:start]
        if between and not (pending and between.isspace()):
            _flush(runs, pending, pending_charset)
            runs.append(Run(_raw_text(between, charset)))
        elif name != pending_charset:
            _flush(runs, pending, pending_charset)
        pending.append(octets)
        pending_charset = name
        at = end
    _flush(runs, pending, pending_charset)
    if at < len(value):
        runs.append(Run(_raw_text(value[at:], charset)))
    return runs


def _flush(runs: list[Run], pending: list[bytes], charset: str) -> None:
    if pending:
        runs.append(Run(decode_octets(b"".join(pending), charset), charset, True))
        pending.clear()


def _encoded_words(value: bytes) -> Iterator[tuple[int, int, str, bytes]]:
    """(start, end, charset, octets) of each encoded-word. Linear: no octet of a word's text is looked at twice."""
    at = 0
    begins = re.compile(_WORD)
    for _ in range(_MOST_WORDS):
        head = begins.search(value, at)
        if head is None:
            return
        close = value.find(b"?=", head.end())
        if close < 0:
            return
        text = value[head.end() : close]
        if head[2] in b"qQ":
            octets = _decode_q(text)
        else:
            from mailscan.transfer import decode_base64

            octets = decode_base64(text)
        at = close + 2
        yield head.start(), at, head[1].partition(b"*")[0].decode("ascii").lower(), octets


def _decode_q(text: bytes) -> bytes:
    from binascii import a2b_qp

    # For a2b_qp "=" before a line end is a soft break, and with a lone CR swallows the rest; a word has no lines.
    return a2b_qp(text.replace(b"=\n", b"=0A").replace(b"=\r", b"=0D"), header=True)


def _raw_text(octets: bytes, charset: str | None) -> str:
    """Octets that declare nothing: UTF-8 if they are (RFC 6532), else by the hint."""
    try:
        return str(octets, "utf-8")
    except UnicodeDecodeError:
        return decode_octets(octets, charset)
