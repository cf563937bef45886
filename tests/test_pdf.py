"""PDF: files in it by every way to put them there, encryption that keeps nobody out, and actions."""

from __future__ import annotations

import hashlib
import struct
import zlib
from base64 import a85encode

import pytest
from compound import patient, spent, taken_apart
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.aes import cbc_encrypt
from mailscan.unpack.found import ACTIVE, ENCRYPTED_DOCUMENT, OVER_LIMIT
from mailscan.unpack.pdf import open_pdf
from mailscan.unpack.pdfcrypt import _PADDING
from mailscan.unpack.pdfsyntax import Ref, parse
from mailscan.unpack.rc4 import rc4

PROGRAM = b"\x7fELF\2\1\1".ljust(16, b"\0") + b"\2\0" + bytes(range(200)) * 30
SPEC = b"3 0 obj<</Type/Filespec/F(a.exe)/UF<FEFF00FC002E006500780065>/EF<</F 4 0 R>>>>endobj\n"
NAMES = ("ü.exe", "a.exe")


def stream(data: bytes, more: bytes = b"/Type/EmbeddedFile", number: int = 4, length: int | None = None) -> bytes:
    size = len(data) if length is None else length
    return b"%d 0 obj<<%s/Length %d>>stream\r\n%s\nendstream endobj\n" % (number, more, size, data)


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    return b"%PDF-1.7\n" + b"".join(objects) + b"trailer<</Root 1 0 R" + trailer + b">>\n%%EOF"


def packed(objects: dict[int, bytes], number: int = 9) -> bytes:
    """A stream of objects."""
    table, body = b"", b""
    for one, text in objects.items():
        table += b"%d %d " % (one, len(body))
        body += text + b" "
    data = zlib.compress(table + body)
    return stream(data, b"/Type/ObjStm/N %d/First %d/Filter/FlateDecode" % (len(objects), len(table)), number)


CATALOG = b"1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction[2 0 R/Fit]>>endobj\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        pdf(CATALOG, b"2 0 obj<</A<</S/URI/URI(http://example.com/Launch)>>/Contents 4 0 R>>endobj"),
        pdf(
            stream(zlib.compress(b"BT (MZ) Tj ET"), b"/Filter/FlateDecode"),
            stream(b"\xff\xd8\xff", b"/Filter/DCTDecode"),
        ),
        pdf(b"5 0 obj<</Title(about /JavaScript and /OpenAction \\(S /Launch\\))>>endobj"),
        # A button of a form: a person must press it.
        pdf(b"5 0 obj<</Subtype/Widget/A<</S/JavaScript/JS(x)>>>>endobj"),
        packed({5: b"<</Font/A#20B>>", 6: b"[1 2 3]"}),
        pdf(b"4 0 obj<</Length 5>>stream\nendobj"),
    ],
)
def test_of_these_nothing_is_said(data: bytes) -> None:
    assert taken_apart(open_pdf, data) == ([], [])


@pytest.mark.parametrize(
    "objects",
    [
        SPEC + stream(PROGRAM),
        stream(PROGRAM) + SPEC,
        SPEC + stream(zlib.compress(PROGRAM), b"/Filter/FlateDecode"),
        SPEC + stream(zlib.compress(PROGRAM), b"/Filter/FlateDecode", length=3),
        SPEC + stream(zlib.compress(PROGRAM)[:-4] + b"lies", b"/Filter[/Fl]"),
        SPEC + stream(PROGRAM.hex().encode() + b">", b"/Filter/ASCIIHexDecode"),
        SPEC + stream(PROGRAM.hex().encode(), b"/F#69lter/A#48x"),
        SPEC + stream(b"<~" + a85encode(PROGRAM) + b"~>", b"/Filter/ASCII85Decode"),
        SPEC + stream(a85encode(zlib.compress(PROGRAM)) + b"~>", b"/Filter [/ASCII85Decode % x\n /FlateDecode]"),
        SPEC + stream(b"".join(b"\0%c" % octet for octet in PROGRAM) + b"\x80", b"/Filter/RunLengthDecode"),
        SPEC + b"5 0 obj/FlateDecode endobj " + stream(zlib.compress(PROGRAM), b"/Filter 5 0 R"),
        packed({3: SPEC[7:-7]}) + stream(PROGRAM),
        SPEC.replace(b"/EF", b"/E#46") + stream(PROGRAM),
        SPEC.replace(b"/EF<<", b"/EF 6 0 R>>endobj 6 0 obj<<").replace(b">>>>endobj", b">>endobj") + stream(PROGRAM),
    ],
)
def test_an_attached_file_has_its_names_and_octets(objects: bytes) -> None:
    assert taken_apart(open_pdf, pdf(objects)) == ([(NAMES, PROGRAM)], [])


def test_lzw_and_predictors() -> None:
    # ISO 32000-1 7.4.4.2, example 1
    lzw = bytes.fromhex("800B6050220C0C8501")
    assert taken_apart(open_pdf, pdf(stream(lzw, b"/Type/EmbeddedFile/Filter/LZWDecode")))[0] == [
        ((), bytes([45, 45, 45, 45, 45, 65, 45, 45, 45, 66]))
    ]
    rows = b"\0\1\2\3\1\1\1\1\2\1\1\1\3\2\2\2\4\1\1\1"
    more = b"/Type/EmbeddedFile/Filter/FlateDecode/DecodeParms<</Predictor 15/Columns 3>>"
    assert taken_apart(open_pdf, pdf(stream(zlib.compress(rows), more)))[0] == [
        ((), bytes([1, 2, 3, 1, 2, 3, 2, 3, 4, 3, 5, 6, 4, 6, 7]))
    ]


def test_an_attached_file_without_a_name_is_a_member() -> None:
    assert taken_apart(open_pdf, pdf(stream(b"just text")))[0] == [((), b"just text")]


def test_any_stream_that_begins_as_a_program_is_a_member() -> None:
    assert taken_apart(open_pdf, pdf(stream(PROGRAM, b""))) == ([((), PROGRAM)], [])


def test_all_versions_of_an_object_are_read() -> None:
    members, _ = taken_apart(open_pdf, pdf(SPEC, stream(PROGRAM), stream(b"innocent")))
    assert [octets for _, octets in members] == [PROGRAM, b"innocent"]


def test_an_object_within_a_stream_is_read() -> None:
    outer = stream(b"x" * 50 + SPEC + stream(PROGRAM) + b"x" * 50, b"/Type/X", 8)
    assert (NAMES, PROGRAM) in taken_apart(open_pdf, pdf(outer))[0]


def test_a_document_that_is_cut_off_gives_what_there_is() -> None:
    data = pdf(SPEC, stream(zlib.compress(PROGRAM), b"/Filter/FlateDecode"))
    ((names, octets),), _ = taken_apart(open_pdf, data[: data.index(b"stream") + 120])
    assert names == NAMES and octets and PROGRAM.startswith(octets)


def old_lock(revision: int, user: bytes = b"") -> tuple[bytes, bytes, bytes]:
    """(trailer, object, key) of a document encrypted with RC4 (ISO 32000-1 7.6.3)."""
    size = 5 if revision == 2 else 16
    key = hashlib.md5((user + _PADDING)[:32] + b"o" * 32 + struct.pack("<i", -4) + b"id").digest()
    for _ in range(50 if revision > 2 else 0):
        key = hashlib.md5(key[:size]).digest()
    key = key[:size]
    check = _PADDING
    if revision > 2:
        check = hashlib.md5(_PADDING + b"id").digest()
    for i in range(20 if revision > 2 else 1):
        check = rc4(bytes(octet ^ i for octet in key), check)
    lock = b"7 0 obj<</Filter/Standard/V %d/R %d/Length %d/P -4/O<%s>/U<%s>>>endobj\n" % (
        1 if revision == 2 else 2,
        revision,
        size * 8,
        (b"o" * 32).hex().encode(),
        check.ljust(32, b"\0").hex().encode(),
    )
    return b"/Encrypt 7 0 R/ID[<6964><6964>]", lock, key


def sealed(key: bytes, data: bytes, number: int) -> bytes:
    digest = hashlib.md5(key + struct.pack("<I", number)[:3] + b"\0\0").digest()
    return rc4(digest[: min(16, len(key) + 5)], data)


@pytest.mark.parametrize("revision", [2, 3])
def test_what_opens_without_a_password_is_not_called_encrypted(revision: int) -> None:
    trailer, lock, key = old_lock(revision)
    spec = b"3 0 obj<</F<" + sealed(key, b"a.exe", 3).hex().encode() + b">/EF<</F 4 0 R>>>>endobj\n"
    data = pdf(lock, spec, stream(sealed(key, PROGRAM, 4)), trailer=trailer)
    assert taken_apart(open_pdf, data) == ([(("a.exe",), PROGRAM)], [])
    # Whether all of a document is encrypted may be a lie.
    data = pdf(lock, stream(zlib.compress(PROGRAM), b"/Type/EmbeddedFile/Filter/FlateDecode"), trailer=trailer)
    assert taken_apart(open_pdf, data) == ([((), PROGRAM)], [])


@pytest.mark.parametrize("revision", [2, 3])
def test_what_needs_a_password_is_encrypted(revision: int) -> None:
    trailer, lock, key = old_lock(revision, b"secret")
    members, said = taken_apart(open_pdf, pdf(lock, SPEC, stream(sealed(key, PROGRAM, 4)), trailer=trailer))
    assert members == [((), b"")]
    assert said == [(ENCRYPTED_DOCUMENT, "an encrypted PDF document"), (ENCRYPTED_DOCUMENT, "encrypted")]


def test_aes_256_without_a_password() -> None:
    key, salts = bytes(range(32)), b"checksalkeysalt0"
    user = hashlib.sha256(salts[:8]).digest() + salts
    wrapped = cbc_encrypt(hashlib.sha256(salts[8:]).digest(), bytes(16), key)
    lock = b"7 0 obj<</Filter/Standard/V 5/R 5/StmF/A/StrF/A/CF<</A<</CFM/AESV3>>>>/U<%s>/UE<%s>/O()>>endobj\n" % (
        user.hex().encode(),
        wrapped.hex().encode(),
    )
    size = 16 - len(PROGRAM) % 16
    data = b"v" * 16 + cbc_encrypt(key, b"v" * 16, PROGRAM + bytes([size]) * size)
    assert taken_apart(open_pdf, pdf(lock, stream(data), trailer=b"/Encrypt 7 0 R")) == ([((), PROGRAM)], [])


def test_a_lock_of_another_maker_is_encrypted() -> None:
    _, said = taken_apart(open_pdf, pdf(trailer=b"/Encrypt<</Filter/Acme>>"))
    assert said == [(ENCRYPTED_DOCUMENT, "a PDF document encrypted by Acme")]


@pytest.mark.parametrize(
    "objects",
    [
        b"5 0 obj<</Type/Action/S/Launch/F(cmd.exe)>>endobj",
        b"5 0 obj<</A<</S/Launch/Win<</F(cmd.exe)/P(/c calc)>>>>>>endobj",
        b"1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert)>>>>endobj",
        b"1 0 obj<</OpenAction 5 0 R>>endobj 5 0 obj<</S/JavaScript/JS 6 0 R>>endobj",
        b"1 0 obj<</Open#41ction 5 0 R>>endobj 5 0 obj<</S/J#61vaScript/JS 6 0 R>>endobj",
        b"1 0 obj<</Names<</JavaScript 5 0 R>>>>endobj",
        b"1 0 obj<</AA<</WC<</S/JavaScript/JS(x)>>>>>>endobj",
        packed({1: b"<</OpenAction 5 0 R>>", 5: b"<</S/JavaScript/JS(x)>>"}),
    ],
)
def test_actions_that_run_by_themselves_are_said(objects: bytes) -> None:
    assert [group for group, _ in taken_apart(open_pdf, pdf(objects))[1]] == [ACTIVE]


def test_a_chain_of_filters_is_bounded() -> None:
    data = bytes(10_000_000)
    for _ in range(3):
        data = zlib.compress(data, 9)
    chain = b"/Type/EmbeddedFile/Filter[" + b"/FlateDecode" * 3 + b"]"
    ((_, octets),), said = taken_apart(open_pdf, pdf(stream(data, chain)), most=1000)
    assert octets == bytes(1000) and said == []
    _, said = taken_apart(open_pdf, pdf(stream(data, b"/Type/EmbeddedFile/Filter[" + b"/FlateDecode" * 11 + b"]")))
    assert said[0][0] == OVER_LIMIT
    # Blanks are nothing in hexadecimal digits: much is unpacked and nothing comes out.
    blanks = zlib.compress(zlib.compress(b" " * 200_000_000, 9), 9)
    chain = b"/Type/EmbeddedFile/Filter[/FlateDecode/FlateDecode/ASCIIHexDecode]"
    _, said = taken_apart(open_pdf, pdf(stream(blanks, chain)), most=1000)
    assert said[0][0] == OVER_LIMIT


def test_no_time_left_is_said() -> None:
    assert taken_apart(open_pdf, pdf(SPEC, stream(PROGRAM)), spent())[1][0][0] == OVER_LIMIT


def test_objects_are_read() -> None:
    assert parse(b" <</A#42 1/C[1 2 R(a\\(b(c)\\n\\051)<4 1>]/D -5/E true/F 1.5>>", patient()) == {
        "AB": 1,
        "C": [Ref((1, 2)), b"a(b(c)\n)", b"A"],
        "D": -5,
        "E": True,
        "F": None,
    }
    assert (
        parse(b"12 0 R", patient()) == Ref((12, 0))
        and parse(b"12 endobj", patient()) == 12
        and parse(b"<</A", patient()) == {}
    )


SAMPLE = pdf(CATALOG, SPEC, stream(zlib.compress(PROGRAM), b"/Filter/FlateDecode"), packed({5: SPEC[7:-7]}))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(SAMPLE)),
            st.one_of(
                st.binary(min_size=1, max_size=4),
                st.sampled_from(
                    [
                        b"<<",
                        b">>",
                        b"(",
                        b"[",
                        b"/Filter/LZWDecode",
                        b"/Filter/A85",
                        b"/Encrypt",
                        b" 4 0 R",
                        b"stream\n",
                    ]
                ),
            ),
        ),
        max_size=20,
    )
)
def test_no_octets_make_it_raise_anything_else(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(SAMPLE)
    for at, octets in changes:
        data[at : at + len(octets)] = octets
    taken_apart(open_pdf, bytes(data))


@pytest.mark.parametrize("name", [b"LZWDecode", b"RL", b"A85", b"AHx", b"Fl"])
@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_no_octets_stop_a_filter(name: bytes, data: bytes) -> None:
    more = b"/Type/EmbeddedFile/DecodeParms<</Predictor 12/Columns 2>>/Filter/" + name
    taken_apart(open_pdf, pdf(stream(data, more)))


@pytest.mark.parametrize(
    "piece", [b"1 0 obj", b"stream", b"1 0 obj<</EF<<", b"<<", b"(", b"1 ", b"/EF 1 0 R ", b"1 0 obj<<>>stream "]
)
def test_reading_takes_linear_time(piece: bytes) -> None:
    # Were it quadratic, this took minutes.
    taken_apart(open_pdf, b"1 0 obj<</EF " + piece * 40_000)
