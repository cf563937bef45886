"""Transfer encodings to octets: what is well-formed exactly, and of anything else what can be read."""

from __future__ import annotations

import base64
import binascii
import itertools
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan import transfer
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


def uudecoded_line_by_line(octets: bytes) -> bytes:
    """What `decode_uuencode` gives, in the plainest way."""
    begin = re.search(rb"^begin [0-7]{3,4} [^\n]*\n", octets, re.MULTILINE)
    if begin is None:
        return octets
    decoded = b""
    bad = 0
    for line in _lines(octets[begin.end() :]):
        if line in (b"end\n", b"end\r\n", b"end", b"en", b"e"):
            break
        if line.isspace():
            continue
        counted = (((line[0] - 32) & 63) * 4 + 5) // 3
        try:
            decoded += binascii.a2b_uu(line[:counted])
        except binascii.Error:
            bad += 1
        if bad == 1_000 or len(decoded) > len(octets) - octets.count(b"\r\n"):
            break
    return decoded


def _lines(octets: bytes) -> list[bytes]:
    return re.findall(rb"[^\n]*\n|[^\n]+", octets)


SOUND = st.binary(max_size=45).map(lambda octets: binascii.b2a_uu(octets)[:-1])
UU_LINES = st.one_of(
    SOUND,
    st.tuples(SOUND, st.sampled_from([b"X", b"==", b"junk" * 30, b" ", b"\t"])).map(b"".join),
    SOUND.map(lambda line: line[:-1]),
    SOUND.map(lambda line: line.rstrip(b" ")),
    SOUND.map(bytes.lower),
    st.binary(max_size=70),
    st.sampled_from(
        [b"", b" ", b"\t", b"\r", b"\v\f", b"\0", b"M", b"`", b"end", b"end ", b"en", b"e", b" end", b"end\r"]
    ),
)


@given(
    st.lists(st.tuples(UU_LINES, st.sampled_from([b"\n", b"\n", b"\r\n", b"\r", b" \n", b"\r\r\n"])), max_size=40),
    st.sampled_from([b"end\n", b"end\r\nmore\n", b"end", b"en", b"e", b""]),
    st.sampled_from([1, 2, 200]),
    st.sampled_from([100, 1_000, 1 << 20]),
)
def test_uuencode_decodes_as_it_does_line_by_line(
    lines: list[tuple[bytes, bytes]], end: bytes, times: int, piece: int
) -> None:
    body = b"begin 644 a\n" + b"".join(itertools.chain.from_iterable(lines)) * times + end
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer, "_PIECE", piece)
        assert decode_uuencode(body) == uudecoded_line_by_line(body)


@pytest.mark.parametrize(
    "line", [b"#86)C\n", b"!00==\n", b"`\n", b"\t\n", b"!00\r\n\t\r\n", b"M\n", b"~~~\n", b" \n!00X\n"]
)
def test_no_line_of_uuencode_is_looked_at_one_by_one(line: bytes) -> None:
    """Python's own steps are counted: a million lines take as many of them as a thousand, but for the first faults."""

    def steps(count: int) -> int:
        taken = 0

        def step(*_: object) -> None:
            nonlocal taken
            taken += 1

        body = b"begin 644 a\n" + line * count
        sys.setprofile(step)
        try:
            decode_uuencode(body)
        finally:
            sys.setprofile(None)
        return taken

    assert steps(200_000) < steps(2_000) + 500


def test_uuencode_ends_where_it_is_told_to() -> None:
    body = b"begin 644 a\n" + b"#86)C\n" * 1_000_000
    calls: list[None] = []

    def check() -> None:
        calls.append(None)
        if len(calls) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        decode_uuencode(body, check=check)
    assert len(calls) == 3
