"""Transfer encodings to octets: what is well-formed exactly, and of anything else what can be read."""

from __future__ import annotations

import base64
import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.transfer import decode, decode_base64, decode_quoted_printable, decode_uuencode


@pytest.mark.parametrize(
    ("encoded", "octets"),
    [
        (b"", b""), (b"=", b""), (b"====", b""), (b"S", b""), (b"SG", b"H"), (b"SGF", b"Ha"), (b"SGFsb", b"Hal"),
        (b"SGFs\r\nbG8=\r\n", b"Hallo"), (b"S G!F*s-\nbG8", b"Hallo"), (b"\xffSGFs\x00bG8=", b"Hallo"),
        (b"SGFsbG8=SGFsbG8=\n", b"HalloHallo"), (b"SA==\nSA==\n", b"HH"), (b"S=GFs", b"Hal"),
        (b"SGFsbG8=\n___\nlist footer\n", b"Hallo"), (b"SGFsbG8=\n--\nhttp://example.com/\n", b"Hallo"),
    ],
)  # fmt: skip
def test_base64_keeps_what_decodes(encoded: bytes, octets: bytes) -> None:
    assert decode_base64(encoded) == octets
    large = base64.encodebytes(bytes(3_000_000))
    assert decode_base64(large + encoded) == bytes(3_000_000) + octets


@pytest.mark.parametrize(
    ("encoded", "octets"),
    [
        (b"a=3D=3d\n", b"a==\n"), (b"soft=\nbreak=\r\nend=", b"softbreakend"), (b"soft= \t\nbreak", b"softbreak"),
        (b"blanks \t\nend ", b"blanks\nend"), (b"blanks \r\nkept=20\r\n", b"blanks\r\nkept \r\n"),
        (b"=ZZ =4", b"=ZZ =4"), (b"_=\n_", b"__"),
    ],
)  # fmt: skip
def test_quoted_printable(encoded: bytes, octets: bytes) -> None:
    assert decode_quoted_printable(encoded) == octets
    assert decode_quoted_printable(b"line=20\n" * 20_000 + encoded) == b"line \n" * 20_000 + octets


@pytest.mark.parametrize("piece", [b"=41", b"=3D=", b" \t", b"a =", b"ab=4", b"=0D=0A", b"abc ", b"=\t=", b"\ra="])
@pytest.mark.parametrize("before", range(4))
def test_a_line_longer_than_a_piece_is_cut_where_nothing_goes_across(piece: bytes, before: int) -> None:
    line = b"x" * before + piece * (200_000 // len(piece))
    assert decode_quoted_printable(line) == binascii.a2b_qp(line.rstrip(b" \t"))
    assert decode_quoted_printable(line + b"xyz=\nend") == binascii.a2b_qp(line + b"xyz=\nend")


@pytest.mark.parametrize("end", [b"end\n", b"end\r\n", b"end", b"en", b"e", b""])
def test_the_end_of_uuencode_may_be_cut_off(end: bytes) -> None:
    assert decode_uuencode(b"begin 644 a\n" + binascii.b2a_uu(b"Hallo") + b"`\n" + end) == b"Hallo"


def test_uuencode() -> None:
    lines = [binascii.b2a_uu(b"0123456789" * 4), binascii.b2a_uu(b"end of it")]
    body = b"text\nbegin 644 a.exe\n" + b"".join(lines) + b"\x80\x80 bad\n`\nend\nmore\n"
    for name in ("x-uuencode", "uuencode", "x-uue", "uue"):
        assert decode(body, name) == b"0123456789" * 4 + b"end of it"
    assert decode(b"no beginning\n", "uue") == b"no beginning\n"


@given(st.binary(), st.sampled_from(["base64", "quoted-printable", "uue", "x"]))
def test_any_octets_decode(octets: bytes, encoding: str) -> None:
    assert isinstance(decode(octets, encoding), bytes)


@given(st.binary(), st.integers(0, 9))
def test_base64_with_foreign_octets_decodes_to_the_same(octets: bytes, step: int) -> None:
    encoded = base64.b64encode(octets)
    noisy = b"".join(encoded[at : at + step + 1] + b"!\r\n" for at in range(0, len(encoded), step + 1))
    assert decode_base64(encoded) == decode_base64(encoded.rstrip(b"=")) == octets
    assert decode_base64(noisy)[: len(octets)] == octets


def test_short_uuencoded_lines_end_alike_with_lf_and_crlf() -> None:
    lines = [b"begin 644 a", b"=41=", b"=41=", b"From x"]
    for number in range(2, len(lines) + 1):
        lf, crlf = b"\n".join(lines[:number]), b"\r\n".join(lines[:number])
        assert decode_uuencode(lf, 0, len(lf)) == decode_uuencode(crlf, 0, len(crlf))
