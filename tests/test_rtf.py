"""RTF: the objects in it, however they are spelt, and what reaches beyond it."""

from __future__ import annotations

import struct

import pytest
from compound import compound, spent, taken_apart
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.found import NOT_OPENED, OVER_LIMIT, REMOTE
from mailscan.unpack.rtf import open_rtf

PROGRAM = b"MZ a program \0\xff" * 20


def ole1(kind: str, body: bytes, how: int = 2, topic: str = "") -> bytes:
    """An OLE 1 object ([MS-OLEDS] 2.2.5)."""
    out = struct.pack("<II", 0x501, how)
    for one in (kind, topic, ""):
        out += struct.pack("<I", len(one) + 1) + one.encode() + b"\0" if one else struct.pack("<I", 0)
    return out + struct.pack("<I", len(body)) + body


def package(name: str, data: bytes) -> bytes:
    """What the Packager writes, as an OLE 1 object."""
    path = b"C:\\" + name.encode() + b"\0"
    body = b"\2\0" + name.encode() + b"\0" + path + struct.pack("<II", 0x30000, len(path)) + path
    return ole1("Package", body + struct.pack("<I", len(data)) + data)


HEX = package("a.exe", PROGRAM).hex()


def rtf(inside: str) -> bytes:
    return b"{\\rtf1\\ansi " + inside.encode("latin-1") + b"}"


def obj(digits: str) -> bytes:
    return rtf("{\\object\\objemb{\\*\\objclass Package}{\\*\\objdata " + digits + "}}")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        rtf("plain text about \\\\objdata and \\{DDE\\}"),
        rtf("{\\*\\template C:\\\\Users\\\\x\\\\Normal.dotm}"),
        rtf('{\\field{\\*\\fldinst HYPERLINK "http://example.com/"}{\\fldrslt DDE}}'),
        rtf('{\\field{\\*\\fldinst{\\rtlch INCLUDEPICTURE "http://example.com/x.png"}}}'),
        rtf("{\\*\\objdata }{\\*\\objdata}{\\*\\themedata 504b0304}{\\pict 4d5a}"),
        rtf("{\\*\\datastore 0105}"),
    ],
)
def test_of_these_nothing_is_said(data: bytes) -> None:
    assert taken_apart(open_rtf, data) == ([], [])


@pytest.mark.parametrize(
    "digits",
    [
        HEX,
        HEX.upper(),
        "\r\n".join(HEX),
        "\\par ".join(HEX),
        "{}".join(HEX),
        "{\\*\\unknown{\\b}}".join(HEX[i : i + 40] for i in range(0, len(HEX), 40)),
        HEX + "0",
        "zz!;~".join(HEX),
        HEX[:10] + "\\bin5 " + bytes.fromhex(HEX[10:20]).decode("latin-1") + HEX[20:],
        HEX[:10] + "f\\'41" + HEX[10:],
        HEX[:10] + "\\bin-5 " + HEX[10:],
        HEX[:10] + "{\\stylesheet 4141}" + HEX[10:],
        HEX[:10] + "{\\*\\unknown 4141}" + HEX[10:],
        "{\\*\\unknown " + HEX + "}",
        HEX[:100] + "{" * 12_000 + HEX[100:],
        "0" + HEX[:-1] + "{\\*\\objdata " + HEX + "}",
    ],
)
def test_a_packaged_file_is_found_however_it_is_spelt(digits: str) -> None:
    assert (("a.exe",), PROGRAM) in taken_apart(open_rtf, obj(digits))[0]


def test_the_document_may_begin_otherwise_and_end_anywhere() -> None:
    data = b"{\\rt{\\objdata" + HEX.encode()
    assert taken_apart(open_rtf, data) == ([(("a.exe",), PROGRAM)], [])
    ((_, octets),), _ = taken_apart(open_rtf, data[:-100])
    assert octets == PROGRAM[:-50]


@pytest.mark.parametrize("before", ["\\fldinst \\\\", "\\fldinst " + "x" * 4090, "\\fldinst" + " {}" * 1360])
def test_an_object_is_found_within_a_field(before: str) -> None:
    for more in range(12):
        data = rtf(before + " " * more + "\\objdata " + HEX)
        assert (("a.exe",), PROGRAM) in taken_apart(open_rtf, data)[0]


def test_a_storage_is_a_member_as_it_is() -> None:
    inner = compound({"x": b"y"})
    assert taken_apart(open_rtf, obj(ole1("Word.Document.8", inner).hex()))[0] == [(("Word.Document.8",), inner)]
    # Without a header of OLE 1, and with a digit too many before it.
    assert taken_apart(open_rtf, obj("0000" + inner.hex()))[0] == [((), inner)]
    assert taken_apart(open_rtf, obj("00000" + inner.hex()))[0] == [((), inner)]


def test_a_linked_object_is_said_with_its_place() -> None:
    data = obj(ole1("Word.Document.8", b"", 1, "http://example.com/x.doc").hex())
    assert taken_apart(open_rtf, data) == ([], [(REMOTE, "an object that is linked to http://example.com/x.doc")])


def test_an_object_that_cannot_be_read_is_said_once() -> None:
    assert taken_apart(open_rtf, obj("0102") + obj("0304")) == ([], [(NOT_OPENED, "an object that cannot be read")])


@pytest.mark.parametrize(
    "inside",
    [
        "{\\object\\objautlink\\objupdate}",
        "{\\*\\template https://example.com/x.dotm}",
        "{\\*\\template \\\\\\\\server\\\\share\\\\x.dotm}",
        "{\\field{\\*\\fldinst DDEAUTO c:\\\\\\\\cmd.exe}}",
        "{\\field{\\*\\fldinst {\\rtlch  D}{\\b D}{\\'45} cmd}{\\fldrslt x}}",
        "{\\field{\\*\\fldinst PAGE {\\field{\\*\\fldinst DDE cmd}}}}",
    ],
)
def test_what_reaches_beyond_the_document_is_said(inside: str) -> None:
    assert [group for group, _ in taken_apart(open_rtf, rtf(inside))[1]] == [REMOTE]


def test_no_time_left_is_said() -> None:
    assert taken_apart(open_rtf, obj("{}" * 5000), spent())[1][0][0] == OVER_LIMIT


@pytest.mark.parametrize(
    "piece", ["\\objdata ", "{\\objdata", "\\fldinst ", "\\fldinst{", "{\\*\\x 4", "\\bin", "\\", "\\'"]
)
def test_reading_takes_linear_time(piece: str) -> None:
    # Were it quadratic, this took minutes.
    taken_apart(open_rtf, b"{\\objdata" + piece.encode() * 50_000)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["{", "}", "\\", "\\*", "\\objdata", "\\bin", "9", "\\'4", "\\fldinst ", "DDE", HEX[:90], HEX, "\\x", " "]
        )
    )
)
def test_no_octets_make_it_raise_anything_else(pieces: list[str]) -> None:
    taken_apart(open_rtf, "".join(pieces).encode())
