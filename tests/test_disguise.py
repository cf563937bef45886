"""Files that hide what they are, and the many that do not."""

from __future__ import annotations

from pathlib import Path

import payloads
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.filetype import kind
from mailscan.filetype.disguise import disguised
from mailscan.filetype.kinds import KINDS

OCTETS = "application/octet-stream"
HTML = b"<html><body>hello</body></html>\n"
RTF = b"{\\rtf1 hello}\n"
GZIP = b"\x1f\x8b\x08\0\0\0\0\0".ljust(64, b"\1")


def why(name: str, data: bytes = b"", declared: str = OCTETS) -> str:
    return disguised([name] if name else [], declared, kind(data) if data else None, data)


# --- what must not fire


@pytest.mark.parametrize(
    "name",
    [
        "",
        "letter.pdf",
        "setup.exe",
        "archive.tar.gz",
        "libfoo-1.2.3.dll",
        "System.Text.dll",
        "jquery.min.js",
        "page.html.js",
        "public.key.reg",
        "google.com!example.com!1700000000!1700086399.zip",
        "google.com!example.com!1700000000!1700086399.xml.gz",
        "notes about x.pdf and y.exe.docx",
        "report.pdf.zip",
        "report.pdf.p7s",
        "photo.jpg.asc",
        "readme.txt.gpg",
        "www.example.pdf.html",
        "דוח שנתי.pdf",
        "\u202bדוח שנתי.pdf\u202c",
        "\u2067דוח.pdf\u2069",
        "\u200fתקציב 2024.xlsx",
        "\u061cتقرير.docx",
        "\u202aletter.pdf\u202c",
        "отчёт.pdf",
        "ехе.pdf",
        "résumé.doc",
        "報告書．pdf",
        "資料・第二版.xlsx",
        "a" * 300 + ".pdf",
        "a          b.pdf",
        "trailing.pdf      ",
        "x.{not-a-class-id}",
        "...",
    ],
)
def test_innocent_names(name: str) -> None:
    assert why(name) == ""


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.docx", payloads.zipped({"[Content_Types].xml": b"<x/>"})),
        ("a.odt", payloads.zipped({"mimetype": b"x"})),
        ("a.epub", payloads.zipped({"mimetype": b"x"})),
        ("a.doc", payloads.zipped({"[Content_Types].xml": b"<x/>"})),
        ("a.docx", payloads.ole()),
        ("a.doc", RTF),
        ("a.doc", HTML),
        ("a.doc", b"MIME-Version: 1.0\nContent-Type: text/html\nSubject: x\nFrom: x\n\n<html>\n"),
        ("a.xls", HTML),
        ("a.xls", b"a,b\n1,2\n"),
        ("a.xls", b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook/>'),
        ("a.csv", payloads.zipped({"[Content_Types].xml": b"<x/>"})),
        ("a.jpg", payloads.PNG),
        ("a.jpg", b"\xff\xd8\xff\xe0" + b"\0" * 40),
        ("a.jpg", b"begin 644 a.jpg\n#0V%T\n`\nend\n"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>x()</script></svg>"),
        ("a.dat", payloads.PE),
        ("a.bin", payloads.zipped({"a": b"b"})),
        ("a", payloads.PE),
        ("setup.exe", payloads.PE),
        ("a.lnk", payloads.LNK),
        ("a.zip", b"Rar!\x1a\x07\0" + b"\1" * 40),
        ("a.zip", HTML),
        ("a.txt", b"REGEDIT4\n\n[HKEY_CURRENT_USER\\x]\n"),
        ("a.txt", "REGEDIT4\n\n[HKEY_CURRENT_USER\\x]\n".encode("utf-16")),
        ("a.txt", HTML),
        ("a.html", b"<html><hta:application></html>"),
        ("a.ps", GZIP),
        ("a.txt", b"#!/bin/sh\n"),
        ("a.eml", b"From: a\nTo: b\nSubject: c\nDate: d\n\nhello\n"),
    ],
)
def test_innocent_content(name: str, data: bytes) -> None:
    assert kind(data) is not None
    assert why(name, data) == ""


@pytest.mark.parametrize(
    ("declared", "data"),
    [
        ("text/plain", b"REGEDIT4\n\n[HKEY_CURRENT_USER\\x]\n"),
        ("text/x-url", b"[InternetShortcut]\nURL=file://x/y\n"),
        ("image/svg+xml", b"<svg onload='x()'></svg>"),
        ("image/png", GZIP),
        ("application/pdf", payloads.PE),
        ("image/jpeg", payloads.PNG),
    ],
)
def test_innocent_types(declared: str, data: bytes) -> None:
    assert why("", data, declared) == ""


# --- what must fire


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("invoice.pdf.exe", "named as a document (.pdf), its last extension is .exe (a program)"),
        ("C:\\x\\photo.jpg .scr", "named as a picture (.jpg), its last extension is .scr (a program)"),
        ("song.mp3.lnk", "named as audio (.mp3), its last extension is .lnk (a Windows shortcut)"),
        ("Invoice.PDF.EXE. .", "named as a document (.pdf), its last extension is .exe (a program)"),
        ("invoice.pdf.iso", "named as a document (.pdf), its last extension is .iso (a disk image)"),
        ("invoice.pdf_____.js", "named as a document (.pdf), its last extension is .js (a Windows script)"),
        ("a.pdf                 .exe", "its extension .exe (a program) stands behind 17 blanks"),
        ("letter" + "\u2800" * 30 + ".exe", "its extension .exe (a program) stands behind 30 blanks"),
        ("\u202efdp.exe", "its name is shown as ending in .pdf and ends in .exe"),
        ("ann\u202egpj.exe", "its name is shown as ending in .jpg and ends in .exe"),
        ("\u202bexe.א.pdf.com", "its name is shown as ending in .exe and ends in .com"),
        ("x.ехе", "its name ends in characters that look like .exe"),
        ("x.ＥＸＥ", "its name ends in characters that look like .exe"),
        ("x\uff0eexe", "its name ends in characters that look like .exe"),
        ("x.ėxe", "its name ends in characters that look like .exe"),
        ("invoice\u2024pdf.exe", "named as a document (.pdf), its last extension is .exe (a program)"),
        ("a.{3050F4D8-98B5-11CF-BB82-00AA00BDCE0B}", "its name ends in a class id, which is not shown"),
    ],
)
def test_names_that_deceive(name: str, says: str) -> None:
    assert why(name) == says


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.pdf", payloads.PE, "named as a document (.pdf), it is a Windows program (PE)"),
        ("a.jpg", payloads.ELF, "named as a picture (.jpg), it is a Unix program (ELF)"),
        ("a.txt", payloads.PE, "named as a text (.txt), it is a Windows program (PE)"),
        ("a.html", payloads.LNK, "named as a document (.html), it is a Windows shortcut (LNK)"),
        ("a.doc", payloads.MSI, "named as a document (.doc), it is a Windows installer package (MSI)"),
        ("a.doc", b"Rar!\x1a\x07\0" + b"\1" * 40, "named as a document (.doc), it is a RAR archive"),
        ("a.pdf", payloads.zipped({"a": b"b"}), "named as a document (.pdf), it is a ZIP archive"),
        ("a.pdf", HTML, "named as a document (.pdf), it is an HTML document"),
        ("a.mp3", GZIP, "named as audio (.mp3), it is gzip-compressed data"),
        ("a.gif", HTML, "named as a picture (.gif), it is an HTML document"),
        ("a.doc", b"<html><hta:application></html>", "named as a document (.doc), it is an HTML application (HTA)"),
        ("a.zip", payloads.PE, "named as an archive (.zip), it is a Windows program (PE)"),
    ],
)
def test_names_that_the_content_contradicts(name: str, data: bytes, says: str) -> None:
    assert why(name, data) == says


def test_types_that_the_content_contradicts() -> None:
    # As Klez had itself started.
    assert why("", payloads.PE, "audio/x-wav") == "declared as audio/x-wav, it is a Windows program (PE)"
    assert why("", payloads.LNK, "text/plain") == "declared as text/plain, it is a Windows shortcut (LNK)"
    assert why("", b"REGEDIT4\n\n[HKEY_X\\x]\n", "image/png").startswith(
        "declared as image/png, it is a file of changes"
    )


def test_a_host_is_no_program() -> None:
    assert why("brochure.pdf.com", b"<html>saved page</html>") == ""
    assert why("brochure.pdf.com", b"\xe9\x10\0\xcd\x21\x90") != ""
    assert why("brochure.pdf.com") != ""


def test_every_name_counts() -> None:
    assert disguised(["a.txt", "a.pdf.exe"], OCTETS, None, b"") != ""


@given(st.lists(st.text(), max_size=3), st.text(max_size=20), st.sampled_from(sorted(KINDS)), st.binary(max_size=99))
def test_anything(names: list[str], declared: str, name: str, data: bytes) -> None:
    assert isinstance(disguised(names, declared, KINDS[name], data), str)
    assert isinstance(disguised(names, declared, None, data), str)


def test_documents_that_others_made(corpora: Path) -> None:
    fired = {}
    for path in sorted((corpora / "attach" / "oletools").rglob("*.*")):
        data = path.read_bytes()
        if told := why(path.name, data):
            fired[path.name] = told
    assert fired == {}
