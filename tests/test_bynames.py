"""What is opened, or said, because of a file's name."""

from __future__ import annotations

import base64

import payloads
import pytest
import test_rars
from payloads import PE, carrying, zipped
from test_attachments import OCTETS, codes

from mailscan.unpack.bynames import is_archive, kind_of, not_known

ALL = ("executables", "scripts", "shortcuts", "disguised", "not-opened", "over-limit", "encrypted", "macros")
RANDOM = bytes(octet * 7 & 0xFF for octet in range(1, 600))
PROGRAM = PE + bytes(range(256)) * 4
BASE64 = base64.b64encode(PROGRAM)
SMUGGLED = b"hello <b>reader</b><script>x=atob('" + BASE64 + b"')</script>"
RAR = test_rars.new(test_rars.five("a.dat", PROGRAM))
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(500)
MESSAGE = b"Content-Type: application/x\nContent-Transfer-Encoding: base64\n\n" + BASE64


@pytest.mark.parametrize(
    ("data", "type_", "name"),
    [
        (b"Hello\n", "text/plain", "a.zip"),
        (b"2026-01-02 ok\n", "text/plain", "mail.log.001"),
        (RANDOM, OCTETS, "data.r"),
        (RANDOM, OCTETS, "movie.dat"),
        (b"hello <b>reader</b>", "text/html", "a.html"),
        (b"Just a text\n", "text/plain", "note.eml"),
        (JPEG, "image/jpeg", "a.jpg"),
        (b"BEGIN:VCALENDAR\nVERSION:2.0\nEND:VCALENDAR\n", "text/calendar", "a.ics"),
        (b"BEGIN:VCARD\nVERSION:3.0\nFN:x\nEND:VCARD\n", "text/vcard", "a.vcf"),
        (bytes.fromhex("3082051006092a864886f70d010702") + bytes(90), "application/pkcs7-signature", "smime.p7s"),
        (b"-----BEGIN PGP SIGNATURE-----\n\niQEzBAEBCAAd\n=abcd\n-----END PGP SIGNATURE-----\n", "text/plain", "a.asc"),
        (b"a,b\n1,2\n", "text/csv", "a.csv"),
        (b"--- a/x.js\n+++ b/x.js\n@@ -1 +1 @@\n-eval(x)\n+new ActiveXObject(y)\n", "text/x-patch", "a.patch"),
        (b"diff --git a/setup.exe b/setup.exe\nBinary files differ\n", "text/x-diff", "a.diff"),
        (zipped({"a.jpg": JPEG, "b.png": payloads.PNG}), "application/zip", "photos.zip"),
        (zipped({"x!y!1!2.xml": b"<feedback><record/></feedback>"}), "application/zip", "x!y!1!2.zip"),
        (b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n", "application/pdf", "a.pdf"),
        (zipped({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<x/>",
                 "META-INF/manifest.xml": b"<x/>"}), OCTETS, "a.odt"),
    ],
)  # fmt: skip
def test_passes(data: bytes, type_: str, name: str) -> None:
    assert codes(carrying((data, type_, name)), refuse=ALL) == []
    assert codes(carrying((zipped({name: data}), OCTETS, "a.zip")), refuse=ALL) == []


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (SMUGGLED, "a.html"),
        (SMUGGLED, "a.SHTML"),
        (b"<!--" + b"x" * 5000 + b"-->" + SMUGGLED, "a.htm"),
        (b" " * 5000 + SMUGGLED, "a.xhtml"),
        (b"GIF89a\0\0" + SMUGGLED, "a.html"),
        (
            b"<feed><x xmlns='http://www.w3.org/1999/xhtml'><script>x=atob('" + BASE64 + b"')</script></x></feed>",
            "a.xml",
        ),
        (MESSAGE, "a.eml"),
        (b"X-A: b\n" * 900 + MESSAGE, "a.eml"),
        (b"MIME-Version: 1.0\n" + MESSAGE, "a.doc"),
        (MESSAGE, "a.mht"),
        (JPEG + RAR, "a.rar"),
        (JPEG + zipped({"a.dat": PE}), "a.docx"),
        (b"\1\0" + zipped({"a.dat": PE}), "a.jar"),
    ],
)
def test_what_the_name_opens(data: bytes, name: str) -> None:
    for carried in (carrying((data, OCTETS, name)), carrying((zipped({name: data}), OCTETS, "a.zip"))):
        assert "attachments.executable" in codes(carried)


def test_an_archive_behind_a_picture() -> None:
    assert codes(carrying((JPEG + RAR, "image/jpeg", "a.jpg"))) == ["attachments.executable"]


@pytest.mark.parametrize("name", ["a.zip", "a.RAR", "a.7z", "a.br", "a.zpaq", "a.egg", "a.r00", "a.z01", "a.zip.002"])
def test_what_is_called_an_archive_and_is_not_known_is_told(name: str) -> None:
    for carried in (carrying((RANDOM, OCTETS, name)), carrying((zipped({name: RANDOM}), OCTETS, "x.zip"))):
        assert codes(carried, refuse=ALL) == ["attachments.not-opened"]


def test_words() -> None:
    assert kind_of(("a.txt", "b.HTM")) == "html" and kind_of(("a",)) == "" == not_known(("a.001",))
    assert is_archive(("x.tar.gz",)) and not is_archive(("x.png",))
    assert "several files" in not_known(("a.part2.rar",))


@pytest.mark.parametrize("type_", ["text/html", "application/xhtml+xml", "image/svg+xml"])
def test_what_is_attached_as_a_page_is_one(type_: str) -> None:
    for name in ("", "page"):
        assert codes(carrying((SMUGGLED, type_, name))) == ["attachments.executable"]
        assert codes(carrying((b"hello <b>reader</b>", type_, name)), refuse=ALL) == []


def test_files_of_a_calendar() -> None:
    folded = b"\r\n ".join(BASE64[at : at + 70] for at in range(0, len(BASE64), 70))
    entry = b"BEGIN:VCALENDAR\r\nATTACH;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=%s:" + folded + b"\r\nEND:VCALENDAR\r\n"
    for name in (b"a.pdf", b'"a;b.pdf"'):
        assert codes(carrying((entry.replace(b"%s", name), "text/calendar", "a.ics"))) == ["attachments.executable"]
    link = b"BEGIN:VCALENDAR\r\nATTACH;FMTTYPE=a/b:http://example.com/BASE64:TVqQ\r\nEND:VCALENDAR\r\n"
    assert codes(carrying((link, "text/calendar", "a.ics")), refuse=ALL) == []
