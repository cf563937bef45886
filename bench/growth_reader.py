"""Hostile mail for the reader: headers, encoded-words, parameters, structure, encodings, charsets without end."""

from __future__ import annotations

import base64
from binascii import b2a_uu
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

TOP = b"From: a@example.org\nTo: b@example.com\nSubject: x\n"


def filled(before: bytes, unit: bytes, after: bytes, size: int) -> bytes:
    """`unit` again and again between the two, `size` octets in all; a %d in it is a number that counts up."""
    room = size - len(before) - len(after)
    if b"%d" not in unit:
        return before + unit * max(1, room // len(unit)) + after
    pieces = []
    number = 0
    while room > 0:
        pieces.append(unit.replace(b"%d", b"%d" % number))
        room -= len(pieces[-1])
        number += 1
    return b"".join([before, *pieces, after])


def nested(size: int) -> bytes:
    """Multiparts in multiparts, as long as there is room."""
    depth = size // 70
    opened = b"".join(
        [b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (number, number) for number in range(depth)]
    )
    return TOP + opened + b"\nhello\n"


def nested_messages(size: int) -> bytes:
    """Messages in messages."""
    return filled(TOP + b"Content-Type: message/rfc822\n\n", b"Content-Type: message/rfc822\n\n", b"\nhello\n", size)


def encoded(encoding: bytes, body: bytes, kind: bytes, size: int) -> bytes:
    """One attachment whose body is `body` again and again."""
    before = TOP + b"MIME-Version: 1.0\nContent-Type: %b\nContent-Transfer-Encoding: %b\n\n" % (kind, encoding)
    return filled(before, body, b"\n", size)


def begun(encoding: bytes, first: bytes, body: bytes, size: int) -> bytes:
    """The same behind a line that begins a file."""
    return encoded(encoding, body, b"application/octet-stream", size).replace(b"\n\n", b"\n\n" + first, 1)


def attached(unit: bytes, size: int) -> bytes:
    """A file in uuencode, attached as a file."""
    file = filled(_BEGIN, unit, b"end\n", size * 57 // 78)
    return encoded(b"base64", b"\n", b"application/octet-stream", 0) + base64.encodebytes(file)


def field(unit: bytes, size: int) -> bytes:
    """The same field, or fields, without end."""
    return filled(TOP, unit, b"\nhello\n", size)


def value(name: bytes, unit: bytes, size: int) -> bytes:
    """One field whose value has no end."""
    return filled(TOP + name + b": x", unit, b"\n\nhello\n", size)


def parts(header: bytes, body: bytes, size: int) -> bytes:
    """A multipart of small parts without end."""
    before = TOP + b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="q"\n\n'
    return filled(before, b"--q\n" + header + b"\n" + body + b"\n", b"--q--\n", size)


def text(charset: bytes, body: bytes, size: int) -> bytes:
    """A text in some charset."""
    return encoded(b"8bit", body, b"text/plain; charset=" + charset, size)


_BEGIN = b"begin 644 a.txt\n"
_TEXT = b"text/plain; charset=utf-8"
_LINE = base64.b64encode(bytes(range(57))) + b"\n"
GENERATORS: dict[str, Callable[[int], bytes]] = {
    # The header.
    "header-x": partial(field, b"X:\n"),
    "header-xy": partial(field, b"X: y\n"),
    "header-names": partial(field, b"X-%d: y\n"),
    "header-subjects": partial(field, b"Subject: hello\n"),
    "header-empty-looking": partial(field, b"X: \n \n"),
    "header-crlf": partial(field, b"X: y\r\n"),
    "header-received": partial(
        field, b"Received: from a.example (b.example [192.0.2.1])\n\tby c.example; Mon, 1 Jan 2024 00:00:00 +0000\n"
    ),
    "header-content-type": partial(field, b"Content-Type: text/plain; name=a%d.txt\n"),
    "header-encodings": partial(field, b"Content-Transfer-Encoding: base64\n"),
    "header-dispositions": partial(field, b"Content-Disposition: attachment; filename=a%d.txt\n"),
    "header-misspelt": partial(field, b"Conten-Type: text/plain\n"),
    "header-folds": partial(value, b"X-Folded", b"\n y"),
    "header-folded-names": partial(value, b"X-Folded", b"\n Content-Type: text/plain"),
    "header-blank-folds": partial(value, b"X-Folded", b"\n "),
    "header-addresses": partial(value, b"To", b", <b%d@example.com>"),
    "header-comments": partial(value, b"To", b" (((("),
    "header-quotes": partial(value, b"From", b'"\\"'),
    "header-junk": partial(field, b"no field\n"),
    "header-junk-first": partial(lambda unit, size: filled(b"junk\n", unit, b"\nhello\n", size), b"X: y\n"),
    "header-late": partial(lambda unit, size: filled(b"\n\n", unit, b"\nhello\n", size), b"X: y\n"),
    "header-bare-cr": partial(field, b"X: y\rZ: y\n"),
    "header-only-bare-cr": partial(field, b"X: y\r"),
    "header-nul": partial(field, b"X: \0y\n"),
    "header-no-end": partial(lambda size: filled(TOP, b"X: y\n", b"", size)),
    "header-long-line": partial(value, b"X-Long", b"y"),
    "header-high": partial(value, b"Subject", b"\xe4\xf6"),
    # Encoded-words.
    "words-q": partial(value, b"Subject", b" =?utf-8?q?x?="),
    "words-b": partial(value, b"Subject", b"\n =?utf-8?b?eHh4?="),
    "words-charsets": partial(value, b"Subject", b" =?x-%d?q?x?="),
    "words-open": partial(value, b"Subject", b" =?utf-8?q?x"),
    "words-marks": partial(value, b"Subject", b"=?"),
    "words-fields": partial(field, b"Subject: =?utf-8?q?x?=\n"),
    "words-long": partial(lambda size: filled(TOP[:-1] + b"=?utf-8?q?", b"=41", b"?=\n\nhello\n", size)),
    "words-in-type": partial(value, b"Content-Type", b"; name==?utf-8?q?a%d.txt?="),
    # Parameters.
    "parameters": partial(value, b"Content-Type", b"; a%d=b"),
    "parameters-same": partial(value, b"Content-Type", b"; name=a.txt"),
    "parameters-names": partial(value, b"Content-Disposition", b"; filename=a%d.txt"),
    "parameters-sections": partial(value, b"Content-Disposition", b"; filename*%d=a"),
    "parameters-encoded": partial(value, b"Content-Disposition", b"; filename*%d*=%41"),
    "parameters-percent": partial(lambda size: filled(TOP + b"Content-Type: a/b; name*=", b"%41", b"\n\nx\n", size)),
    "parameters-boundaries": partial(value, b"Content-Type", b"; boundary=b%d"),
    "parameters-open-quote": partial(value, b"Content-Type", b'; name="a'),
    "parameters-comments": partial(value, b"Content-Type", b"; (a) name (b) = (c) d"),
    "parameters-brackets": partial(value, b"Content-Type", b"; name=(("),
    "parameters-escapes": partial(value, b"Content-Type", b'; name="\\a\\b'),
    "parameters-semicolons": partial(value, b"Content-Type", b";"),
    # Structure.
    "structure-parts": partial(parts, b"", b"x"),
    "structure-named-parts": partial(parts, b"Content-Disposition: attachment; filename=a%d.txt\n", b"x"),
    "structure-odd-parts": partial(parts, b"Content-Type: text/plain\nContent-Type: text/html\n", b"x"),
    "structure-junk-parts": partial(parts, b"junk\nContent-Disposition: attachment; filename=a%d.js\n", b"x"),
    "structure-late-parts": partial(parts, b"\nContent-Disposition: attachment; filename=a%d.js\n", b"x"),
    "structure-part-fields": partial(
        lambda size: filled(TOP + b"Content-Type: multipart/mixed; boundary=q\n\n--q\n", b"X: y\n", b"\nx\n--q--", size)
    ),
    "structure-part-junk": partial(
        lambda size: filled(TOP + b"Content-Type: multipart/mixed; boundary=q\n\n--q\n", b"junk\n", b"\nx\n--q--", size)
    ),
    "structure-messages": partial(parts, b"Content-Type: message/rfc822\n", b"Subject: x\n\nhello"),
    "structure-nested": nested,
    "structure-nested-messages": nested_messages,
    "structure-delimiters": partial(parts, b"", b"--q"),
    "structure-no-end": partial(lambda size: parts(b"", b"x", size)[:-6]),
    "structure-other-delimiters": partial(parts, b"", b"--r%d\nContent-Type: text/plain\n\nx"),
    "structure-dashes": partial(encoded, b"7bit", b"--\n", b"multipart/mixed; boundary=q"),
    "structure-bare-cr": partial(encoded, b"7bit", b"\r--q\rX: y\r\r", b"multipart/mixed; boundary=q"),
    "structure-embedded-fields": partial(
        lambda size: filled(TOP + b"Content-Type: message/rfc822\n\n", b"X: y\n", b"\nhello\n", size)
    ),
    # Transfer encodings.
    "encoding-base64": partial(encoded, b"base64", _LINE, b"application/octet-stream"),
    "encoding-base64-padded": partial(encoded, b"base64", b"QQ==\n", b"application/octet-stream"),
    "encoding-base64-foreign": partial(encoded, b"base64", b"QUJD!QUJD\n", b"application/octet-stream"),
    "encoding-base64-lines": partial(encoded, b"base64", b"QUJDQ\n", b"application/octet-stream"),
    "encoding-base64-equals": partial(encoded, b"base64", b"=", b"application/octet-stream"),
    "encoding-quoted": partial(encoded, b"quoted-printable", b"=41=42=\n", _TEXT),
    "encoding-quoted-faults": partial(encoded, b"quoted-printable", b"=4=\n", _TEXT),
    "encoding-quoted-blanks": partial(encoded, b"quoted-printable", b" ", _TEXT),
    "encoding-uuencode": partial(encoded, b"x-uuencode", b'#86)C\n', b"application/octet-stream"),
    "encoding-uuencode-full": partial(begun, b"x-uuencode", _BEGIN, b2a_uu(bytes(range(45)))),
    "encoding-uuencode-counted-whole": partial(begun, b"x-uuencode", _BEGIN, b"!00==\n"),
    "encoding-uuencode-blanks": partial(begun, b"x-uuencode", _BEGIN, b"!00\n\t\n"),
    "encoding-uuencode-empty": partial(begun, b"x-uuencode", _BEGIN, b"`\n"),
    "encoding-uuencode-stripped": partial(begun, b"x-uuencode", _BEGIN, b"M\n"),
    "encoding-uuencode-inline": partial(
        lambda size: encoded(b"7bit", b"!00\n", _TEXT, size).replace(b"\n\n", b"\n\n" + _BEGIN, 1)
    ),
    "encoding-uuencode-attached": partial(attached, b"!00==\n"),
    "encoding-xxencode": partial(begun, b"x-xxencode", _BEGIN, b"1EE\n"),
    "encoding-yenc-declared": partial(begun, b"x-yenc", b"=ybegin line=1 size=3 name=a\n", b"=M\n"),
    "encoding-binhex-runs": partial(begun, b"binhex", b":", b"!*!&\n"),
    "encoding-begins": partial(encoded, b"7bit", b"begin 644 a%d.txt\n#86)C\nend\n", _TEXT),
    "encoding-begins-open": partial(encoded, b"7bit", b"begin 644 a.txt\n#86)C\n", _TEXT),
    "encoding-yenc": partial(encoded, b"7bit", b"=ybegin line=128 size=3 name=a%d\nabc\n=yend size=3\n", _TEXT),
    "encoding-yenc-escapes": partial(
        lambda size: encoded(b"7bit", b"=M", _TEXT, size).replace(b"\n\n", b"\n\n=ybegin line=1 size=3 name=a\n", 1)
    ),
    "encoding-binhex": partial(encoded, b"binhex", b":!$%&'\n", b"application/octet-stream"),
    "encoding-gzip64": partial(encoded, b"gzip64", _LINE, b"application/octet-stream"),
    "encoding-unknown": partial(encoded, b"x-what", _LINE, b"application/octet-stream"),
    # Charsets.
    "charset-utf-8": partial(text, b"utf-8", "naïve ".encode()),
    "charset-latin-1": partial(text, b"iso-8859-1", "naïve ".encode("latin-1")),
    "charset-utf-7": partial(text, b"utf-7", b"+AGE-"),
    "charset-utf-16": partial(text, b"utf-16", "ab\n".encode("utf-16-le")),
    "charset-utf-32": partial(text, b"utf-32", b"\xff"),
    "charset-iso-2022-jp": partial(text, b"iso-2022-jp", b"\x1b$B$3\x1b(B"),
    "charset-hz": partial(text, b"hz-gb-2312", b"~{VPND~}\n"),
    "charset-gb18030": partial(text, b"gb18030", b"\x81\x30\x81\x30"),
    "charset-wrong": partial(text, b"utf-8", b"\xff\xfe\xfd"),
    "charset-unknown": partial(text, b"x-unknown", b"\xe4\xf6\xfc\n"),
}  # fmt: skip
