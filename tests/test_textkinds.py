"""What text is: prose, source code and patches before all, whatever they quote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.filetype import TEXT, kind, text_kind
from mailscan.filetype.textkinds import by_text, first_tag

HEADER = b"Received: from x\nFrom: a@example.org\nTo: b@example.com\nSubject: c\nDate: d\n\nhello\n"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"hello\n",
        b"From here on it is easy\n",
        b"From: the committee\nTo whom it may concern: read on\n",
        b"Subject: to change\n\nPrices may rise.\n",
        b"On Monday, Joe <joe@example.org> wrote:\n> <html>\n> <script>\n",
        b"Note: see below\nFrom: nobody\n",
        b"begin with a blank line\n",
        b"begin 644\n",
        b"begin reading at chapter 3\n",
        b"=yes\n",
        b"(This file must be read)\n",
        b"# a heading\n",
        b"#include <stdio.h>\n",
        b"#!important\n",
        b"<joe@example.org> wrote:\n",
        b"<?php echo '<html>';\n",
        b"<?xml version='1.0'?>\n<feedback><report_metadata/></feedback>\n",
        b"<project><target/></project>\n",
        b"[PATCH] fix it\n",
        b"[1] https://example.org/\n",
        b"[section]\nkey=value\n",
        b"%PDF is a format\n",
        b"MIME-Version: is a field of mail\n",
        b"IDs;Prices\n1;2\n",
        b"ID;Price\n1;2\n",
        b"WEB\npages\n",
        b"--- a/x.html\n+++ b/x.html\n@@ -1 +1 @@\n-<html>\n+<html><hta:application>\n",
        b"BEGIN:VCALENDAR\nVERSION:2.0\nEND:VCALENDAR\n",
        b"BEGIN:VCARD\nFN:Joe\nEND:VCARD\n",
        b"-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n",
        b"name,email\nJoe,joe@example.org\n",
    ],
)
def test_just_text(text: bytes) -> None:
    assert text_kind(text) is TEXT
    assert text_kind(b"\xff\xfe" + text.decode().encode("utf-16-le")) is TEXT


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b"<!DOCTYPE html>\n<p>hello", "html"),
        (b"\n\n  <HTML><body>hello", "html"),
        (b"<!-- saved -->\n<?xml version='1.0'?><!DOCTYPE html PUBLIC 'x' 'y'>\n<html/>", "html"),
        (b"<title>x</title>", "html"),
        (b"<?xml version='1.0'?>\n<svg xmlns='x'/>", "svg"),
        (b"<!DOCTYPE svg PUBLIC 'x' [\n<!ENTITY ns 'http://example.org/'>\n]>\n<svg:svg/>", "svg"),
        (b"<?xml version='1.0'?><?mso-application progid='Word.Document'?><w:wordDocument/>", "office-xml"),
        (b"<?xml version='1.0'?><Workbook xmlns='urn:schemas-microsoft-com:office:spreadsheet'/>", "office-xml"),
        (b"<pkg:package xmlns:pkg='http://schemas.microsoft.com/office/2006/xmlPackage'/>", "office-xml"),
        (b"  {\\rtf1 x}", "rtf"),
        (HEADER, "mail"),
        (HEADER.replace(b"\n", b"\r\n"), "mail"),
        (b"MIME-Version: 1.0\nFrom: <Saved by x>\nSubject: y\n\n", "mail"),
        (b"From joe@example.org Mon Jan  1 00:00:00 2024\n" + HEADER, "mbox"),
        (b"some junk\nMIME-Version: 1.0\nContent-Type: x\n\nQWN0aXZlTWltAAAB8AQ\n", "mhtml"),
        (b"begin 644 a.txt\n#0V%T\n`\nend\n", "uuencode"),
        (b"begin-base64 644 a.txt\nQ2F0\n====\n", "uuencode"),
        (b"=ybegin line=128 size=3 name=a\nabc\n=yend\n", "yenc"),
        (b"(This file must be converted with BinHex 4.0)\n\n:abc:\n", "binhex"),
        (b"Joe sent\n(This file must be converted with BinHex 4.0)\n\n:abc:\n", "binhex"),
        (b"# Disk DescriptorFile\nversion=1\n", "vmdk"),
        (b"ID;PWXL;N;E\nC;Y1;X1;K1\nE\n", "slk"),
        (b'ID;P\nO;E\nNN;NAuto_open;ER101C1;KOut Flank;F\nC;X1;Y101;EEXEC("calc")\nE\n', "slk-macros"),
        (b"#!/usr/bin/perl\n", "script-unix"),
        (b"\xef\xbb\xbf<html>", "html"),
        ("<html>ü".encode("utf-16"), "html"),
    ],
)
def test_what_it_is(text: bytes, name: str) -> None:
    found = kind(text)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("", ("", "")),
        ("<", ("", "")),
        ("<!doctype", ("", "")),
        ("<!doctype >", ("", "")),
        ("<!-- no end <svg>", ("", "")),
        ("<?no end", ("", "")),
        ("<!DOCTYPE a [ <!ENTITY b 'c>'> ]>\n<x:y z>", ("y", "a")),
        ("<a/>", ("a", "")),
    ],
)
def test_the_first_tag(head: str, told: tuple[str, str]) -> None:
    assert first_tag(head) == told


MARKS = [
    "<",
    "<!--",
    "<?",
    "<!DOCTYPE ",
    "[",
    "]",
    ">",
    "\n",
    "From ",
    "From: ",
    "[shell]\n",
    "#@~^",
    "ID;P",
    "\0",
    "é",
]


@given(st.lists(st.sampled_from(MARKS) | st.text(max_size=8), max_size=30), st.sampled_from(["utf-8", "utf-16"]))
def test_any_text(pieces: list[str], charset: str) -> None:
    assert isinstance(by_text("".join(pieces).encode(charset, "replace")), str)


@given(st.binary(max_size=300))
def test_any_octets(data: bytes) -> None:
    assert isinstance(by_text(data), str)
