"""Files carried as text, and mail as a file."""

from __future__ import annotations

import base64
import binascii
import itertools
from pathlib import Path

import containers
import payloads
import pytest
from containers import opened
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan import filetype
from mailscan.decodings import rare
from mailscan.unpack import Budget
from mailscan.unpack.found import Unopened
from mailscan.unpack.texts import (
    looks_like_base64,
    looks_like_mail,
    looks_like_mbox,
    open_base64,
    open_binhex,
    open_mail,
    open_mbox,
    open_uuencode,
)

HQX = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
MESSAGE = payloads.carrying((payloads.PE, "application/octet-stream", "a.exe")).as_bytes()


def binhexed(name: bytes, data: bytes, resource: bytes = b"") -> bytes:
    head = (
        bytes([len(name)]) + name + b"\0TYPECREA\0\0" + len(data).to_bytes(4, "big") + len(resource).to_bytes(4, "big")
    )
    packed = b""
    for octet, run in itertools.groupby(head + b"CC" + data + b"CC" + resource + b"CC"):
        count = len(list(run))
        while octet != 0x90 and count > 255:
            packed += bytes([octet, 0x90, 255])
            count -= 255
        packed += (
            b"\x90\0" * count if octet == 0x90 else bytes([octet, 0x90, count]) if count > 3 else bytes([octet]) * count
        )
    coded = base64.b64encode(packed).rstrip(b"=").translate(bytes.maketrans(BASE64, HQX))
    lines = b"\r".join(coded[at : at + 64] for at in range(0, len(coded), 64))
    return b"(This file must be converted with BinHex 4.0)\n\n:" + lines + b":\n"


def uuencoded(name: bytes, data: bytes) -> bytes:
    lines = b"".join(binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45))
    return b"begin 644 " + name + b"\n" + lines + b"`\nend\n"


# --- what is none

TEXTS = [
    b"",
    b"Dear all,\n\nFrom now on: nothing.\n",
    b"note: this\nand: that\n\nis text\n",
    b"From me to you: hello\n",
]


@pytest.mark.parametrize(
    "data", [*TEXTS, b"#include <a.h>\nint x;\n", b"key: value\n" * 99, b"\x89PNG\r\n\x1a\n: \n", b":\n: "]
)
def test_no_mail(data: bytes) -> None:
    assert not looks_like_mail(data)
    assert not looks_like_mbox(data)


@pytest.mark.parametrize("data", [*TEXTS, b"word", b"two words of text and more of them for a line\n", b"QUJD\n" * 3])
def test_no_base64(data: bytes) -> None:
    assert not looks_like_base64(data)


@pytest.mark.parametrize("data", TEXTS)
def test_no_coded_file(data: bytes) -> None:
    for opener in (open_uuencode, open_binhex):
        ((names, why),) = opened(opener, data)
        assert names == ()
        assert str(why).startswith("damaged (no line of")


# --- coded files


def test_uuencode_and_yenc() -> None:
    data = b"MZ" + bytes(range(256)) * 3
    coded = b"see below\n\n" + uuencoded(b"a b.exe", data) + b"\ntext\n" + uuencoded(b"c", b"1")
    assert opened(open_uuencode, coded) == [(("a b.exe",), data), (("c",), b"1")]
    in_base64 = b"begin-base64 644 x.exe\n" + base64.encodebytes(data) + b"====\n"
    assert opened(open_uuencode, in_base64) == [(("x.exe",), data)]
    yenc = b"=ybegin line=128 size=3 name=y.exe\n" + bytes((octet + 42) & 255 for octet in b"MZ!") + b"\n=yend size=3\n"
    assert opened(open_uuencode, yenc, 2) == [(("y.exe",), b"MZ")]


def xxencoded(name: bytes, data: bytes) -> bytes:
    table = bytes.maketrans(bytes(range(32, 97)), b"+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+")
    lines = uuencoded(name, data).split(b"\n")
    return b"\n".join([lines[0], *[line.translate(table) for line in lines[1:-2]], *lines[-2:]])


def test_xxencode() -> None:
    assert opened(open_uuencode, xxencoded(b"a.exe", b"MZ" * 20)) == [(("a.exe",), b"MZ" * 20)]


def test_a_line_of_xxencode_may_begin_with_end() -> None:
    data = bytes(45) + b"\xce\x90\x00" * 14
    coded = xxencoded(b"a.exe", data)
    assert b"\nend" in coded[: coded.index(b"\nend\n")]
    assert opened(open_uuencode, coded) == [(("a.exe",), data)]


@pytest.mark.parametrize("first", [b"begin 644 a.exe\n", b""])
def test_xxencode_of_many_lines_ends_where_it_does(first: bytes) -> None:
    data = b"MZ" * 5_000_000
    coded = first + xxencoded(b"a.exe", data).partition(b"\n")[2] + b"more text\n" * 100
    found = rare("xxencode", coded)
    assert found is not None
    assert found.data == data


@pytest.mark.parametrize("first", [b"begin 644 a.exe\n", b"=ybegin line=128 size=9 name=a.exe\n"])
def test_time_is_asked_for_while_a_file_is_decoded(first: bytes) -> None:
    remaining = itertools.count(100, -1)
    budget = Budget(lambda: next(remaining), seconds=3)
    with pytest.raises(Unopened, match="longer than 3 s"):
        list(open_uuencode(first + b"#86)C\n" * 1_000_000, budget))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=20), st.integers(0, 60))
def test_binhex(data: bytes, resource: bytes, most: int) -> None:
    data = data + b"\x90" + data + b"\0" * 300
    expected = [(("a.exe",), data)] + ([(("a.exe",), resource)] if resource else [])
    assert opened(open_binhex, binhexed(b"a.exe", data, resource)) == expected
    assert opened(open_binhex, binhexed(b"a.exe", data, resource), most)[0][1] == data[:most]


def test_binhex_cut_off() -> None:
    assert opened(open_binhex, binhexed(b"a", bytes(range(200)))[:150]) == [(("a",), "it is cut off")]


def test_base64() -> None:
    coded = base64.encodebytes(payloads.PE)
    certificate = b"-----BEGIN CERTIFICATE-----\r\n" + coded + b"-----END CERTIFICATE-----\r\n"
    for data in (coded, certificate, coded.replace(b"\n", b"")):
        assert looks_like_base64(data)
        assert opened(open_base64, data) == [((), payloads.PE)]


# --- mail


@pytest.mark.parametrize("before", [b"", b"\r\n\r\n", b"\xef\xbb\xbf"])
def test_a_message(before: bytes) -> None:
    assert looks_like_mail(before + MESSAGE)
    assert not looks_like_mbox(before + MESSAGE)
    (_, text), program = opened(open_mail, before + MESSAGE)
    assert isinstance(text, bytes)
    assert program == (("a.exe",), payloads.PE)


def test_one_field_of_mime_is_enough() -> None:
    assert looks_like_mail(b"Content-Type: multipart/mixed;\n boundary=x\n\n--x\n")
    assert not looks_like_mail(b"Subject: x\n\n")


def test_a_message_in_a_message() -> None:
    outer = payloads.carrying()
    outer.add_attachment(payloads.carrying((payloads.PE, "application/x-y", "b.exe")))
    found = opened(open_mail, outer.as_bytes())
    assert (("b.exe",), payloads.PE) in found
    assert len(found) == 3


def test_a_mailbox() -> None:
    line = b"From joe@example.org  Thu Jul 31 13:49:50 2008\n"
    other = payloads.carrying((payloads.ELF, "application/x-y", "b")).as_bytes()
    data = line + MESSAGE + b"\n" + line + other
    assert looks_like_mbox(data)
    found = opened(open_mbox, data)
    assert found.count((("a.exe",), payloads.PE)) == 1
    assert found.count((("b",), payloads.ELF)) == 1


def test_what_only_looks_like_the_next_message() -> None:
    at = MESSAGE.find(b"\n--") + 1
    data = b"From joe\n" + MESSAGE[:at] + b"From me\nSubject: not a message\n\n" + MESSAGE[at:]
    assert (("a.exe",), payloads.PE) in opened(open_mbox, data)


# --- any octets


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 5))
def test_any_octets(octets: bytes, number: int) -> None:
    before = [
        b"",
        b":",
        b"From x\nTo: x\n",
        b"begin 644 x\n",
        b"Content-Type: multipart/x; boundary=\n",
        b"=ybegin name=\n",
    ]
    data = before[number] + octets
    looks_like_mail(data), looks_like_mbox(data), looks_like_base64(data)
    for opener in (open_uuencode, open_binhex, open_base64, open_mail, open_mbox):
        containers.survives(opener, data)


@pytest.mark.parametrize(
    "data",
    [
        b"From a\nTo: b\n\n" * 20_000,
        b":" + b"\x90".join([b"!"] * 500_000),
        b"begin 644 x\n" * 50_000,
        b"a:" * 500_000,
    ],
    ids=["mailbox", "binhex", "begin", "fields"],
)
def test_much_of_anything(data: bytes) -> None:
    looks_like_mail(data), looks_like_base64(data)
    for opener in (open_uuencode, open_binhex, open_base64, open_mail, open_mbox):
        containers.survives(opener, data, 2000)


def test_the_time_ends() -> None:
    for opener in (open_mail, open_mbox):
        with pytest.raises(Unopened, match="longer"):
            list(opener(MESSAGE, containers.spent()))


def test_those_that_others_made(corpora: Path) -> None:
    folder = corpora / "attach" / "clamav-testfiles"
    program = (folder / "clam.exe").read_bytes()
    for name, opener in (("binhex", open_binhex), ("mbox.base64", open_mbox)):
        assert (("clam.exe",), program) in opened(opener, (folder / f"clam.exe.{name}").read_bytes())
    assert (("clam.exe",), program) in opened(open_mail, (folder / "clam.mail").read_bytes())


def test_mail_with_binary_parts_is_mail_and_what_is_not_read_of_it_is_told() -> None:
    head = b"Subject: x\nFrom: a@example.org\nContent-Type: application/zip; name=a.zip\n\n"
    data = head + payloads.zipped({"a": bytes(range(256))})
    kind = filetype.kind(data)
    assert kind is not None and kind.name == "mail"
    assert opened(open_mail, data) == [(("a.zip",), data[len(head) :])]
    deep = b"Content-Type: message/rfc822\n\n" * 1000 + b"Subject: x\n\n"
    assert ((), "holds more parts than are read") in opened(open_mail, deep)
    assert ((), "holds more parts than are read") in opened(open_mbox, b"From x\n" + deep)


def test_a_page_may_hold_a_nul() -> None:
    kind = filetype.kind(b"<html>\0<script>x</script>")
    assert kind is not None and kind.name == "html"
