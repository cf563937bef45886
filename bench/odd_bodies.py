"""Bodies as they should not be: boundaries, transfer encodings, nesting, archives, and much of everything."""

from __future__ import annotations

import base64
import binascii
import io
import re
import warnings
import zipfile

from bench import odd_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from random import Random

    from bench.odd_fields import Mutation

_BOUNDARY = re.compile(rb'boundary[ \t]*=[ \t]*"?([^"\s;]{1,200})', re.IGNORECASE)
_BLOCK = re.compile(rb"^(?:[A-Za-z0-9+/]{40,100}=*\r?\n){2,}", re.MULTILINE)
# What first octets, names and directories are known by; programs and other formats that libmagic looks into.
_MAGIC = (
    b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"%PDF-1.4\n", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"Rar!\x1a\x07\x00",
    b"PK\3\4", b"\x1f\x8b\x08", b"7z\xbc\xaf\x27\x1c", b"<html>", b"#!/bin/sh\n", b"GIF89a", b"\x89PNG\r\n\x1a\n",
    b"!<arch>\n", b"RIFF", b"\xfe\xed\xfa\xcf", b"BZh9", b"\xfd7zXZ\0", b"II*\0", b"\0\0\1\0", b"L\0\0\0\1\x14\2\0",
    b"OggS", b"MSCF", b"{\\rtf",
)  # fmt: skip
_TOKENS = (
    b"=?utf-8?q?a?= ", b"=?", b"?=", b"=?a?b?", b";a=b", b"; filename*0*=x", b";filename=a.exe", b'"', b'";', b"\\",
    b"(", b"=", b"==", b"=\n", b"=4", b"%41", b"<", b"a@b,", b" ", b"\t", b" \n", b"\r", b"\r\n", b"\n", b"\n ",
    b"\n\t\n", b"a: b\n", b"--", b"--b\n", b"\n--b", b"--b--\n", b"--b \t\n", b"A", b"QUJD", b"QQ==",
    b"begin 644 x\n", b"M\n", b"end\n", b"PK\3\4", b"PK\5\6" + bytes(18),
    b"PK\5\6" + bytes(6) + b"\1\0\1\0\x2e\0\0\0" + bytes(6), b"\0", b"\xff",
    b"\xe2\x82\xac", b"~{", b"+AAA-", b"\x1b$B", b"From x\n",
)  # fmt: skip


def _boundary(chance: Random, raw: bytes) -> bytes:
    found = _BOUNDARY.findall(raw[:300_000])
    return bytes(chance.choice(found)) if found else b"b"


def boundaries(chance: Random, raw: bytes) -> bytes:
    """One boundary's lines doubled, cut, made longer or taken away; its declaration changed."""
    boundary = _boundary(chance, raw)
    line = b"--" + boundary
    changed = chance.choice((
        line + b"\n" + line, line[:-1], line + b"x", line + b" \t", b"x" + line, b"", line + b"--", b"-" + line,
        line + b"\r", line + b"--\n" + line, line + b"\n\n", line + b"\0", b" " + line, line.upper(), line * 2,
    ))  # fmt: skip
    places = [found.start() for found in re.finditer(re.escape(line), raw)]
    if not places or chance.random() < 0.3:
        new = chance.choice(
            (boundary[:-1], boundary + b"x", b"", b'"', b"\xff", boundary * 20, b"=?utf-8?q?b?=", boundary + b" ")
        )
        return raw.replace(boundary, new, 1)
    if chance.random() < 0.2:
        return raw.replace(line, changed)
    at = chance.choice(places)
    return raw[:at] + changed + raw[at + len(line) :]


def transfer(chance: Random, raw: bytes) -> bytes:
    """A base64 block with something in it that is none, or a body under another encoding."""
    blocks = list(_BLOCK.finditer(raw, 0, 300_000))
    if not blocks or chance.random() < 0.3:
        encoding = b"Content-Transfer-Encoding: " + chance.choice(odd_fields.ENCODINGS)
        if re.search(rb"(?i)content-transfer-encoding:[^\n]*", raw) is None:
            return encoding + b"\n" + raw
        return re.sub(rb"(?i)content-transfer-encoding:[^\n\r]*", lambda _: encoding, raw, count=chance.choice((0, 1)))
    block = chance.choice(blocks)
    at = chance.randrange(block.start(), block.end())
    junk = (
        b"=",
        b"==",
        b"====",
        b"-",
        b"\0",
        b" ",
        b"\n\n",
        b"\xff",
        b"A",
        b"=41",
        b"=\n",
        b"\n-- \nfooter\n",
        b"\r",
        b"",
    )
    return raw[:at] + chance.choice(junk) + raw[at + chance.choice((0, 1, 2)) :]


def nested(chance: Random, raw: bytes) -> bytes:
    """The message within multiparts and messages, as deep as one likes or deeper."""
    depth = chance.choice((1, 2, 5, 20, 99, 101, 300))
    coded = 3
    for level in range(depth):
        kind = chance.randrange(4)
        if kind == 0 and coded and len(raw) < 200_000:
            coded -= 1
            raw = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(raw)
        elif kind == 1:
            raw = b"Content-Type: message/rfc822\n\n" + raw
        else:
            boundary = chance.choice((b"b", b"b%d" % level, b"b" * (level % 60 + 1)))
            kinds = chance.choice((b"mixed", b"digest", b"alternative"))
            head = b"Content-Type: multipart/%s; boundary=%s\n\n--%s\n" % (kinds, boundary, boundary)
            raw = head + raw + chance.choice((b"\n--%s--\n" % boundary, b"", b"\n--%s\n" % boundary))
    return raw


def archive(chance: Random, depth: int = 0) -> bytes:
    """A ZIP archive, whole or damaged where readers look."""
    into = io.BytesIO()
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    count = chance.choice((0, 1, 2, 5, 200) if depth == 0 else (1, 1, 2))
    with warnings.catch_warnings(), zipfile.ZipFile(into, "w", chance.choice(methods)) as made:
        warnings.simplefilter("ignore")  # for names that are there already
        for number in range(count):
            name = chance.choice(odd_fields.FILES).decode("utf-8", "replace").replace("\0", "") or f"{number}"
            inner = number < 5 and depth < 10 and chance.random() < 0.4
            made.writestr(zipfile.ZipInfo(name[:200]), archive(chance, depth + 1) if inner else content(chance))
    data = bytearray(into.getvalue())
    for _ in range(chance.choice((0, 0, 1, 2, 8))):
        # Signatures stand before the lengths and offsets that lead a reader astray.
        marks = [found.start() for found in re.finditer(rb"PK[\1\3\5][\2\4\6]", data)]
        at = chance.choice(marks) + chance.randrange(46) if marks else 0
        value = chance.choice((b"\xff\xff\xff\xff", bytes(4), b"\xff\xff", b"\1", chance.randbytes(2)))
        if at < len(data):
            data[at : at + len(value)] = value
    if chance.random() < 0.2:
        del data[chance.randrange(len(data)) :]
    return chance.choice((b"", b"", b"MZ", b"GIF89a", b"x" * 70_000)) + bytes(data)


def content(chance: Random) -> bytes:
    """Octets of an attachment: a format's beginning and anything after it."""
    size = int(10 ** chance.uniform(0, 4.3))
    return chance.choice(_MAGIC) + chance.choice((chance.randbytes, bytes))(size)


def attached(chance: Random, raw: bytes) -> bytes:
    """An attachment in a multipart together with the message's text."""
    data = archive(chance) if chance.random() < 0.6 else content(chance)
    encoding, coded = chance.choice((
        (b"base64", base64.encodebytes(data)), (b"base64", base64.b64encode(data)), (b"binary", data), (b"7bit", data),
        (b"quoted-printable", binascii.b2a_qp(data, istext=False)),
    ))  # fmt: skip
    head = b"Content-Type: application/octet-stream" + odd_fields.parameter(chance) + b"\n"
    head += (
        b"Content-Transfer-Encoding: " + encoding + b"\nContent-Disposition: attachment" + odd_fields.parameter(chance)
    )
    boundary = _boundary(chance, raw)
    at = raw.find(b"\n--" + boundary + b"\n")
    if at < 0:
        top = b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
        return top + raw[:100_000] + b"\n--b\n" + head + b"\n\n" + coded + b"\n--b--\n"
    return raw[:at] + b"\n--" + boundary + b"\n" + head + b"\n\n" + coded + raw[at:]


def much(chance: Random, raw: bytes) -> bytes:
    """One thing, or two in turns, very many times, where it may cost more than its share."""
    size = int(10 ** chance.uniform(3, 5.95))
    token = chance.choice(_TOKENS) + (chance.choice(_TOKENS) if chance.random() < 0.3 else b"")
    heap = token * (size // len(token))
    where = chance.randrange(6)
    if where == 0:
        return (
            chance.choice(odd_fields.NAMES)
            + b": "
            + chance.choice((b"", b"a/b;", b"text/plain; name="))
            + heap
            + b"\n"
            + raw
        )
    if where == 1:
        return heap + raw
    if where == 2:
        return raw + heap
    if where == 3:
        encoding = chance.choice(odd_fields.ENCODINGS)
        return b"Content-Type: a/b; name=a\nContent-Transfer-Encoding: " + encoding + b"\n\n" + heap
    if where == 4:
        kind = chance.choice((b"application/zip", b"message/rfc822", b"text/html", b"multipart/mixed; boundary=b"))
        head = b"Content-Type: " + kind + b"\nContent-Transfer-Encoding: base64\n\n"
        return head + base64.encodebytes(heap[:700_000])
    return b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + heap + b"\n--b\n" + raw


ALL: tuple[Mutation, ...] = (boundaries, boundaries, transfer, transfer, nested, attached, attached, much)
