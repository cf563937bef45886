"""Header fields as they should not be: RFC 5322 fields, RFC 2047 words, RFC 2231 parameters, bent and multiplied."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    Mutation = Callable[[Random, bytes], bytes]

NAMES = (
    b"Subject", b"Subject", b"Subject", b"From", b"To", b"Received", b"Content-Type", b"content-type", b"X-Spam-Flag",
    b"Content-Disposition",
    b"Content-Transfer-Encoding", b"MIME-Version", b"X-Mailscan-Tag", b"x-mailscan-would", b"Content-ID", b"Date",
)  # fmt: skip
CHARSETS = (
    b"utf-8", b"us-ascii", b"iso-8859-1", b"gb2312", b"iso-2022-jp", b"utf-7", b"utf-16", b"utf-32", b"hz", b"big5",
    b"koi8-r", b"x-unknown", b"rot13", b"zlib", b"idna", b"punycode", b"unicode_escape", b"utf-8*en", b"", b"\xff",
)  # fmt: skip
TYPES = (
    b"text/plain", b"text/html", b"multipart/mixed", b"multipart/digest", b"message/rfc822", b"message/partial",
    b"message/delivery-status", b"application/octet-stream", b"application/zip", b"multipart", b"text/", b"/", b"",
    b"multipart/mixed/x", b"MESSAGE/RFC822", b"message/external-body", b"application/ms-tnef",
)  # fmt: skip
ENCODINGS = (
    b"base64", b"quoted-printable", b"x-uuencode", b"7bit", b"8bit", b"binary", b"BASE64", b"base64 (x)", b"uue", b"",
    b" base64", b"base64;", b"b\xe4se64", b"gzip64",
)  # fmt: skip
FILES = (
    b"a.exe", b"a.exe.", b"a.exe ", b"a.txt", b"A.PIF", b"a.e\0xe", b"a\xe2\x80\xaegpj.exe", b"www.example.com",
    b"\\\\a\\b.scr", b'a\\".bat', b"=?utf-8?q?a=2Eexe?=", b"=?utf-8?b?YS5leGU=?=", b"a.exe::$DATA", b"x" * 3000, b"",
    b"a.{00020420-0000-0000-C000-000000000046}", b"a\r\n b.js", b"\xff\xfe.exe", b"a.zip",
)  # fmt: skip
# Of encoded-words: line ends, lone surrogates, halves of characters, shifts, what is and is not base64.
_TEXTS = (
    b"a", b"=41=", b"=?", b"?=", b"=00", b"=0D=0A", b"=0Aa:_b", b"=81", b"=C3", b"=A4", b"=D8=00", b"=00=DC", b"+2AA-",
    b"2AA=", b"ANg=", b"QUJD", b"QUI", b"Q===", b"/v8=", b"DQph", b"~{!!~}", b"=1B$B", b"_", b"",
)  # fmt: skip
_WORDS = (
    b"=?utf-8?q?a=0D=0Aa:_b?=", b"=?us-ascii?b?DQoNCmE=?=", b"=?utf-7?q?+2AA-?=", b"=?utf-16-le?b?ANg=?=",
    b"=?x?q?=81?=", b"=?utf-8?b?8J+S?= =?utf-8?b?qQ==?=", b"=?utf-8?q?=00=1B[2J?=", b"=?utf-8?q?=E2=80=A8=C2=85?=",
)  # fmt: skip
_FIELD = re.compile(rb"^[^\r\n:]+:[^\n]*\n(?:[ \t][^\n]*\n)*", re.MULTILINE)


def word(chance: Random) -> bytes:
    """One encoded-word of RFC 2047, or what looks like one."""
    if chance.random() < 0.3:
        return chance.choice(_WORDS)
    text = b"".join(chance.choice(_TEXTS) for _ in range(chance.choice((1, 1, 2, 5))))
    text *= chance.choice((1, 1, 1, 1, 3, 100))
    form = chance.choice((b"=?%s?%s?%s?=",) * 6 + (b"=?%s?%s?%s", b"=?%s?%s %s?=", b"=?%s?\n %s?%s?="))
    coding = chance.choice((b"q", b"Q", b"q", b"b", b"B", b"x", b""))
    return form % (chance.choice(CHARSETS), coding, text)


def words(chance: Random) -> bytes:
    """Several, adjacent or apart."""
    between = chance.choice((b"", b" ", b"\n ", b"\r\n\t", b" x ", b"\t"))
    return between.join(word(chance) for _ in range(chance.choice((1, 2, 3, 40))))


def parameter(chance: Random) -> bytes:
    """One parameter of RFC 2045 or RFC 2231, of which file names are the ones that matter."""
    name = chance.choice((b"filename", b"name", b"charset", b"boundary", b"FileName", b"type"))
    section = chance.choice(
        (b"", b"", b"*", b"*0", b"*0*", b"*1", b"*1*", b"*00", b"*999999", b"*9999999", b"**", b"*-1")
    )
    value = chance.choice((*FILES, *CHARSETS, word(chance)))
    if b"*" in section:
        value = chance.choice((value, b"utf-8''" + value, b"'" + value, b"x'y'%41%zz%", b"iso-2022-jp''%1B$B"))
    value = chance.choice((value, b'"' + value + b'"', b'"' + value, b"'" + value + b"'", value + b" (a (b)"))
    return (
        chance.choice((b"; ", b";", b";\n ", b" ", b";;", b"; \r\n\t"))
        + name
        + section
        + chance.choice((b"=", b" = "))
        + value
    )


def content(chance: Random) -> bytes:
    """A header field that MIME reads."""
    name = chance.choice((b"Content-Type", b"Content-Disposition", b"Content-Transfer-Encoding"))
    first = {"T": TYPES, "D": (b"attachment", b"inline", b"", b"x"), "E": ENCODINGS}
    value = chance.choice(first["E" if name[8:9] == b"T" and b"Enc" in name else chr(name[8])])
    count = 0 if b"Enc" in name else chance.choice((0, 1, 2, 4, 30))
    return name + b": " + value + b"".join(parameter(chance) for _ in range(count)) + b"\n"


def field(chance: Random) -> bytes:
    """Any header field."""
    if chance.random() < 0.5:
        return content(chance)
    value = chance.choice((words(chance), b"ADV: x", b"", b"\xff\xfe\x80", b"\xe2\x82", b"<", b"a@", b"a" * 1200))
    return (
        chance.choice(NAMES)
        + chance.choice((b": ", b":", b" :", b"\t:", b"", b"::"))
        + value
        + chance.choice((b"\n", b"\r\n"))
    )


def add_field(chance: Random, raw: bytes) -> bytes:
    """A field of ours, in any header of the message, the first place of all among them."""
    places = [0, *(found.start() for found in _FIELD.finditer(raw, 0, 200_000))]
    at = chance.choice(places) if chance.random() < 0.8 else 0
    return raw[:at] + field(chance) + raw[at:]


def bend_field(chance: Random, raw: bytes) -> bytes:
    """One field twice, gone, elsewhere, or written in a way that readers take differently."""
    found = list(_FIELD.finditer(raw, 0, 200_000))
    if not found:
        return field(chance) + raw
    one = chance.choice(found)
    text = one[0]
    bent = chance.choice((
        lambda: text + text,
        lambda: b"",
        lambda: text.replace(b":", b" :", 1),
        lambda: text.replace(b":", b"", 1),
        lambda: text.replace(b":", b":\n ", 1),
        lambda: text.replace(b" ", b"\r\n ", 3),
        lambda: text.replace(b"\n", b"\r", 1),
        lambda: text.replace(b"=", b" = "),
        lambda: text.replace(b'"', b""),
        lambda: text.replace(b";", b";;"),
        lambda: text.swapcase(),
        lambda: b" " + text,
        lambda: b"\n" + text,
        lambda: b">From x\n" + text,
        lambda: text.rstrip(b"\n") + parameter(chance) + b"\n",
        lambda: text.partition(b":")[0] + b": " + words(chance) + b"\n",
        lambda: text.rstrip(b"\r\n") + b" \n" * 3,
        lambda: text.rstrip(b"\r\n") + chance.choice(found)[0],
    ))()  # fmt: skip
    return raw[: one.start()] + bent + raw[one.end() :]


def spoken(chance: Random, raw: bytes) -> bytes:
    """What filters quote, in other words: the first Subject and From, and a name of the first part."""
    said = chance.choice((words(chance), b"a " + words(chance) + b" b", words(chance) + b" " + words(chance)))
    name = chance.choice((b"Subject", b"Subject", b"From", b"Content-Disposition"))
    value = b' attachment; filename="%s"' % said if name[:1] == b"C" else b" " + said
    return name + b":" + value + b"\n" + re.sub(rb"(?im)^%s:.*\n" % name, b"", raw, count=1)


def spooled(chance: Random, raw: bytes) -> bytes:
    """What mailers put above the header."""
    above = (
        b'From MAILER-DAEMON Thu Jan  1 00:00:00 1970\nX-Envelope-From: <a@b>\nX-Envelope-To: <c@d>, "e@f"@g\n',
        b"From MAILER-DAEMON x\nX-Envelope-To: ",
        b"From MAILER-DAEMON x\r\nX-Envelope-From: \r\n",
        b"From x",
        b"From x\n \n",
        b">From x\n",
        b"\n",
        b" ",
        b"\xef\xbb\xbf",
    )
    return chance.choice(above) + raw


ALL: tuple[Mutation, ...] = (add_field, add_field, bend_field, bend_field, spoken, spoken, spooled)
