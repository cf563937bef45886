"""The filter `attachments`: which mail it lets through, what it finds, and what it says it could not look at."""

from __future__ import annotations

import binascii
import gzip
import quopri
import re
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import payloads
import pytest
from hypothesis import given
from hypothesis import strategies as st
from payloads import carrying, zipped

from mailscan import filetype
from mailscan.envelope import Envelope
from mailscan.errors import FilterError
from mailscan.filetype.extensions import TABLE as EXTENSIONS
from mailscan.filters.attachments import GROUPS, Attachments
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.verdict import Finding

OCTETS = "application/octet-stream"


def found(message: EmailMessage | bytes, **keys: object) -> list[Finding]:
    raw = message if isinstance(message, bytes) else message.as_bytes()
    return list(Attachments(keys).check(Mail(Envelope(), Message(raw)), Outside(time.monotonic() + 60)))


def codes(message: EmailMessage | bytes, **keys: object) -> list[str]:
    return [finding.code for finding in found(message, **keys)]


def details(message: EmailMessage | bytes, **keys: object) -> list[str]:
    return [finding.detail for finding in found(message, **keys)]


def test_every_group_and_code_has_a_case() -> None:
    expected = (Path(__file__).parent.parent / "testdata/cases/attachments").glob("hit-*/expected.json")
    seen = set(re.findall(r'"attachments\.([a-z-]+)"', "".join(path.read_text(encoding="utf-8") for path in expected)))
    named = {GROUPS[group] + "-name" for group, _, _ in EXTENSIONS}
    assert seen == {*GROUPS.values(), *named, "extension", "type", "hash"}


# --- what must go through


@pytest.mark.parametrize(
    ("data", "type_", "name"),
    [
        (b"no program\n", "text/x-log", "setup.exe.txt"),
        (b"no program\n", "text/x-log", "Re: setup.txt"),
        (payloads.PNG, "image/png", "www.example.com:8080.png"),
        (b"Mozilla=\n" * 99, "text/plain", ""),
        (b"MZ is a magic number\n", "text/x-log", "magic.txt"),
        (b"#!/bin/sh\nexit 0\n", "application/x-sh", "install.sh"),
        (b"<html>saved</html>", OCTETS, "www.example.com"),
        (zipped({"google.com!example.com!1.xml": b"<feedback/>"}), "application/zip", "google.com!example.com!1!2.zip"),
        (zipped({"google.com": b"<?xml version='1.0'?><feedback/>"}), "application/zip", "report.zip"),
        (zipped({"mimetype": b"x", "[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"}), OCTETS, "a.docx"),
        (payloads.PNG, "image/png", "image.png"),
        (payloads.ole(), "application/msword", "old.doc"),
        (payloads.ELF_OBJECT, OCTETS, "main.o"),
        (b"", OCTETS, "empty"),
    ],
)
def test_passes(data: bytes, type_: str, name: str) -> None:
    assert codes(carrying((data, type_, name))) == []


def test_encrypted_documents_pass_and_are_told() -> None:
    (note,) = found(carrying((payloads.encrypted(zipped({"a.docx": b"x", "b.docx": b"y"})), OCTETS, "offer.zip")))
    assert (note.code, note.note) == ("attachments.encrypted-archive", True)
    assert note.detail == '"a.docx" in "offer.zip": encrypted (and 1 more)'


def test_a_patch_is_not_called_what_it_patches() -> None:
    patch = b"From 01 Mon Sep 17 00:00:00 2001\nFrom: a@example.org\nSubject: [PATCH] x\n\n---\n"
    assert codes(carrying((patch, "text/x-patch", "0001-Mend-make.bat.patch"))) == []
    # A decompressor does save what comes out under that name.
    assert codes(carrying((gzip.compress(b"x"), OCTETS, "make.bat.gz"))) == ["attachments.script-name"]


def test_a_document_is_no_archive_though_it_is_packed_as_one() -> None:
    docx = zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"})
    assert codes(carrying((docx, OCTETS, "a.docx")), refuse=("archives",)) == []
    assert codes(carrying((zipped({"a.docx": docx}), OCTETS, "a")), refuse=("archives",)) == ["attachments.archive"]
    assert codes(carrying((zipped({"a.txt": b"x"}), OCTETS, "a")), refuse=("archives",)) == ["attachments.archive"]


def test_mail_without_attachments_wakes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(filetype, "kind", asked)
    monkeypatch.setattr(filetype, "is_text", asked)
    monkeypatch.setitem(sys.modules, "mailscan.unpack", None)
    message = EmailMessage()
    message.set_content("Hello, über\n" * 40)
    message.add_alternative("<p>Hello, über</p>", "html")
    assert codes(message) == []
    message = EmailMessage()
    message.set_content("Hello, über\n" * 40, cte="base64")
    assert codes(message) == []


# --- what is refused


@pytest.mark.parametrize("data", [payloads.PE, payloads.ELF, payloads.MACH_O, payloads.MSI, payloads.DEX])
def test_programs_by_what_they_are(data: bytes) -> None:
    assert codes(carrying((data, "image/png", "holiday.png"))) == ["attachments.executable"]
    assert codes(carrying((data, OCTETS, ""))) == ["attachments.executable"]
    assert codes(carrying((zipped({"holiday.png": data}), OCTETS, "holiday.zip"))) == ["attachments.executable"]


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_unnamed_text_that_is_a_program(encoding: str) -> None:
    message = EmailMessage()
    message.set_content(payloads.PE, "text", "plain", cte=encoding)
    assert codes(message) == ["attachments.executable"]


@pytest.mark.parametrize(
    "body", [b"M=5A", b"=4DZ", b"=\n" * 300 + b"M=5A", b"M=\n" + b"=\n" * 30 + b"=5A", b"M=\n=\nZ"]
)
def test_unnamed_text_that_begins_in_code(body: bytes) -> None:
    for pads in range(3):
        body = b"=\n" * pads + body + quopri.encodestring(payloads.PE[2:])
        raw = b"Content-Transfer-Encoding: quoted-printable\n\n" + body
        assert codes(raw) == ["attachments.executable"]


@pytest.mark.parametrize("encoding", [b"x-uuencode", b"uuencode", b"X-UUE"])
def test_unnamed_text_in_uuencode(encoding: bytes) -> None:
    lines = [binascii.b2a_uu(payloads.PE[at : at + 45]) for at in range(0, len(payloads.PE), 45)]
    body = b"begin 644 a\n" + b"".join(lines) + b"`\nend\n"
    judged = found(b"Content-Transfer-Encoding: " + encoding + b"\n\n" + body)
    assert ("attachments.executable", "1") in [(one.code, one.evidence[0].part) for one in judged]


@pytest.mark.parametrize(
    "name", ["evil.exe:a", "evil.exe:a.txt", "C:evil.exe:a:$DATA", "evil.exe\u3164", "e\ufe0f.ex\u3164e\u2800"]
)
def test_a_name_behind_which_something_hides(name: str) -> None:
    assert codes(carrying((b"x\n", OCTETS, name))) == ["attachments.executable-name"]
    assert codes(carrying((zipped({name: b"x\n"}), OCTETS, "a.zip"))) == ["attachments.executable-name"]


@pytest.mark.parametrize("data", [payloads.PE, zipped({"b": payloads.PE, "a": bytes(range(256)) * 40})])
def test_a_program_declared_a_message(data: bytes) -> None:
    raw = b"Content-Type: message/rfc822; name=a\nContent-Transfer-Encoding: binary\n\n" + data
    assert set(codes(raw)) == {"attachments.executable"}


def test_what_it_says() -> None:
    raw = carrying((zipped({"x/setup.scr": payloads.PE, "run.js": b"x()"}), OCTETS, "pay.zip")).as_bytes()
    by_content, by_name = found(raw)
    assert by_content.detail == '"x/setup.scr" in "pay.zip" is a Windows program (PE)'
    assert by_name.detail == '"run.js" in "pay.zip": would be run as a Windows script'
    assert by_name.code == "attachments.script-name"
    (evidence,) = by_content.evidence
    assert (evidence.part, evidence.member) == ("1.2", "x/setup.scr")
    assert raw[evidence.start : evidence.end].startswith(b"Content-Type: application/octet-stream")
    assert details(carrying((payloads.PE, "image/png", "a.png"))) == [
        '"a.png", declared as image/png, is a Windows program (PE)'
    ]


def test_every_name_counts() -> None:
    raw = b"Content-Type: application/pdf; name=a.scr\nContent-Disposition: attachment; filename=a.pdf\n\n%PDF-1.4\n"
    assert details(raw) == ['"a.pdf" also called "a.scr": would be run as a program']
    encoded = b"Content-Type: text/plain; name==?utf-8?q?x=2Eexe?=\n\nx\n"
    assert codes(encoded) == ["attachments.executable-name"]


def test_names_of_encrypted_members() -> None:
    locked = carrying((payloads.encrypted(zipped({"invoice.js": b"x", "www.example.com": b"y"})), OCTETS, "i.zip"))
    assert codes(locked) == [
        "attachments.script-name",
        "attachments.executable-name",
        "attachments.encrypted-archive",
    ]


def test_com_by_content() -> None:
    assert codes(carrying((b"\xe9\x10\0\xcd\x21\x90", OCTETS, "game.com"))) == ["attachments.executable-name"]
    assert codes(carrying((zipped({"eicar.com": payloads.EICAR_LIKE}), OCTETS, "e.zip"))) == [
        "attachments.executable-name"
    ]


def test_behind_something_else() -> None:
    picture = payloads.PNG + zipped({"setup.exe": payloads.PE})
    assert codes(carrying((picture, "image/png", "cat.png"))) == ["attachments.executable"]


def test_in_an_attached_message() -> None:
    outer = EmailMessage()
    outer.set_content("see below\n")
    outer.add_attachment(carrying((payloads.PE, OCTETS, "setup.exe")))
    (finding,) = found(outer)
    assert finding.evidence[0].part == "1.2.1.2"


def test_other_archives_are_told() -> None:
    (note,) = found(carrying((b"Rar!\x1a\x07\0" + b"x" * 99, OCTETS, "a.rar")))
    assert (note.code, note.note) == ("attachments.not-opened", True)
    assert note.detail.startswith('"a.rar": ')


def test_no_more_than_a_person_reads() -> None:
    many = carrying((zipped({f"{i}.exe": b"x" for i in range(500)}), OCTETS, "a.zip"))
    assert len(found(many)) == 20


# --- the keys


def test_extensions_and_allow() -> None:
    disk = carrying((b"x\0y", OCTETS, "a.ISO"))
    assert codes(disk, extensions=(".iso",)) == ["attachments.extension"]
    assert codes(disk, extensions=("*.iso",), refuse=()) == ["attachments.extension"]
    script = carrying((b"x()", "application/javascript", "site.js"))
    assert codes(script) == ["attachments.script-name"]
    assert codes(script, allow=(".js",)) == []
    assert codes(script, allow=("Site.JS",)) == []
    assert codes(script, allow=("other.js",)) == ["attachments.script-name"]
    assert codes(carrying((payloads.PE, OCTETS, "site.js")), allow=(".js",)) == ["attachments.executable"]
    assert codes(carrying((payloads.PE, OCTETS, "setup.exe")), refuse=(), extensions=(".iso",)) == []


def test_archives_may_stay_shut() -> None:
    archive = carrying((zipped({"setup.exe": payloads.PE}), OCTETS, "a.zip"))
    assert codes(archive, archives=False) == []
    assert codes(carrying((zipped({"setup.exe": b""}), OCTETS, "a.exe")), archives=False) == [
        "attachments.executable-name"
    ]


def test_limits_are_told() -> None:
    archive = carrying((zipped({"a": b"a", "b": b"b", "c.exe": b"c"}), OCTETS, "a.zip"))
    beyond = '"a.zip": more members than are looked at of one message'
    assert details(archive, max_members=2) == ['"c.exe" in "a.zip": would be run as a program', beyond]


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"refuse": ()}, "nothing is refused"),
        ({"extensions": ("tar.gz",)}, '"tar.gz" is no extension'),
        ({"types": ("pdff",)}, "\"pdff\" is no kind; did you mean 'pdf'?"),
        ({"extensions": (".js",), "allow": (".js",)}, '".js" stands in extensions and in allow'),
    ],
)
def test_mistakes_in_the_policy(keys: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        Attachments(keys)


# --- libmagic absent


@pytest.fixture
def without_magic(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("mailscan.filetype.libmagic._magic", None)
    monkeypatch.setitem(sys.modules, "magic", None)
    yield


@pytest.mark.usefixtures("without_magic")
def test_without_libmagic() -> None:
    unknown = (b"\0\1\2\3\4", OCTETS, "what")
    assert codes(carrying((payloads.PNG, "image/png", "a.png"))) == []
    with pytest.raises(FilterError, match="install"):
        codes(carrying(unknown))
    # What was found without it stands, whichever part comes first.
    assert codes(carrying(unknown, (payloads.PE, OCTETS, "a"))) == ["attachments.executable", "attachments.not-scanned"]


# --- any octets


@given(st.text(min_size=1, max_size=30))
def test_any_name_of_a_member(name: str) -> None:
    try:
        archive = zipped({name: payloads.PE})
    except (UnicodeEncodeError, ValueError):
        return
    (finding,) = found(carrying((archive, OCTETS, "a.zip")))
    assert finding.code == "attachments.executable"


@given(
    st.binary(max_size=500), st.sampled_from([OCTETS, "text/plain", "message/rfc822", "multipart/mixed; boundary=a"])
)
def test_any_octets(data: bytes, type_: str) -> None:
    for name in (b"", b"; name=x"):
        raw = b"Content-Type: " + type_.encode() + name + b"\n\n" + data
        assert all(finding.code.startswith("attachments.") for finding in found(raw))
