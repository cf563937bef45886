"""Octets to text: charsets as people declare them, encoded-words, and anything else without an exception."""

from __future__ import annotations

import codecs
import encodings
import pkgutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.text import codec, decode_header, decode_octets, decode_words

# Codecs of Python that make no text of octets, or run more than a table.
NO_CHARSETS = [
    "rot13", "rot_13", "zlib", "zip", "bz2", "hex", "base64", "uu", "quopri", "quoted-printable", "idna", "punycode",
    "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "charmap", "unicode_internal", "aliases",
]  # fmt: skip


@pytest.mark.parametrize("name", NO_CHARSETS)
def test_a_codec_that_is_no_charset_is_not_used(name: str) -> None:
    assert codec(name) is None
    assert decode_octets(b"uryyb", name) == "uryyb"


@pytest.mark.parametrize("value", [b"", b"plain", b"a =? b ?= c", b"=?utf-8?x?abc?=", b"=?utf-8?q?open", b"=??q?a?="])
def test_what_is_no_encoded_word_stays(value: bytes) -> None:
    assert decode_header(value) == value.decode()


def test_raw_utf8_is_never_mangled_by_another_charset() -> None:
    value = "Straße – 日本".encode()
    assert decode_header(value) == decode_header(value, "iso-8859-1") == decode_header(value, "big5") == "Straße – 日本"


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("gb2312", "喆镕"), ("GB2312", "我"), ("x-gbk", "镕"), ("ks_c_5601-1987", "똠방각하"), ("euc-kr", "한국어"),
        ("x-sjis", "日本語"), ("Shift_JIS", "①"), ("iso-2022-jp", "日本語"), ("iso-8859-8-i", "שלום"),
        ("unicode-1-1-utf-7", "Hällo"), ("utf8", "ä"), ('"UTF-8"', "ä"), ("utf-8; format=flowed", "ä"),
        ("'utf-8'", "ä"), ("utf-8\r\n", "ä"), ("windows-1251", "Привет"), ("win-1251", "Привет"), ("cp-1252", "€"),
        ("koi8-r", "Привет"), ("iso-8859-1", "é"), ("ISO_8859-15", "€"), ("big5", "廣告"), ("tis-620", "ไทย"),
        ("macintosh", "é"), ("hz-gb-2312", "我"), ("utf-16", "日本"), ("us-ascii", "plain"),
    ],
)  # fmt: skip
def test_charsets_as_people_write_them(label: str, text: str) -> None:
    python_name = {
        "x-gbk": "gbk", "x-sjis": "cp932", "Shift_JIS": "cp932", "iso-8859-8-i": "iso8859_8", "win-1251": "cp1251",
        "unicode-1-1-utf-7": "utf-7", "ks_c_5601-1987": "cp949", "gb2312": "gb18030", "cp-1252": "cp1252",
    }.get(label) or label.strip("\"'\r\n").partition(";")[0]  # fmt: skip
    assert decode_octets(text.encode(python_name), label) == text


def test_latin1_is_read_as_windows_1252_and_its_gaps_as_controls() -> None:
    assert decode_octets(b"\x93quoted\x94 \x80\x81", "iso-8859-1") == "“quoted” €\x81"
    assert decode_octets(b"\x93quoted\x94") == "“quoted”"
    every = bytes(range(256))
    expected = "".join(bytes([octet]).decode("cp1252", "ignore") or chr(octet) for octet in every)
    assert decode_octets(every, "windows-1252") == expected


def test_lying_charsets() -> None:
    assert decode_octets("für".encode(), "us-ascii") == "für"
    assert decode_octets(b"f\xfcr", "us-ascii") == "für"
    assert decode_octets(b"f\xfcr", "utf-8") == "für"
    assert decode_octets("für Ä".encode()[:-1], "utf-8") == "für \ufffd"
    assert decode_octets(b"f\xfcr", "x-unknown") == decode_octets(b"f\xfcr", "") == "für"
    assert decode_octets("日本".encode(), "euc-jp") in ("日本", "日本".encode().decode("euc-jp", "replace"))


def test_a_character_split_between_two_words_is_whole() -> None:
    value = b"=?utf-8?b?5pel?= =?utf-8?b?5pys6A==?=\t=?utf-8?b?qp4=?="
    assert decode_header(value) == "日本語"
    assert decode_header(b"=?utf-8?q?=C3?=   =?UTF-8?b?pA==?=") == "ä"
    assert decode_header(b"=?utf-8*de?q?=C3?= =?utf-8?q?=A4?=") == "ä"
    assert decode_header(b"=?utf-8?q?=C3?= x =?utf-8?q?=A4?=") == "Ã x ¤"


def test_blanks_go_between_words_and_nowhere_else() -> None:
    assert decode_header(b"a =?utf-8?q?b?= c =?utf-8?q?d_?= =?iso-8859-1?q?e?= f") == "a b c d e f"
    assert decode_header(b"a=?utf-8?q?b?=c") == "abc"
    assert decode_header(b"one\r\n two\n\tthree =?utf-8?q?four?=\n =?utf-8?q?five?=") == "one two\tthree fourfive"


def test_words_where_they_may_not_stand_are_decoded() -> None:
    assert decode_header(b'"=?utf-8?q?J=C3=B6rg?=" <j@example.com>') == '"Jörg" <j@example.com>'
    assert decode_header(b"(=?utf-8?b?w7w=?=)") == "(ü)"
    assert decode_header(b"=?utf-8?q?really? yes?=") == "really? yes"
    assert decode_header(b"=?iso-8859-1?b?/A?=") == "ü"
    assert decode_header(b"=?no-such-charset?q?a=FCb?=") == "aüb"


def test_runs_say_what_was_encoded() -> None:
    runs = decode_words(b"Re: =?KOI8-R?Q?=F0?= =?koi8-r?q?=D2?= =?gb2312?b?ztI=?= end")
    assert [(run.text, run.charset, run.encoded) for run in runs] == [
        ("Re: ", "", False), ("Пр", "koi8-r", True), ("我", "gb2312", True), (" end", "", False),
    ]  # fmt: skip


def test_what_words_carry_is_kept() -> None:
    assert decode_header(b"=?utf-8?q?a=0D=0AX-Injected:_b=00?=") == "a\r\nX-Injected: b\x00"
    assert decode_header(b"=?utf-8?q?a=0D?=") == "a\r"


def every_python_codec() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(encodings.__path__)]


@given(st.binary(), st.sampled_from(every_python_codec()) | st.text(max_size=30) | st.none())
def test_any_octets_in_any_charset_give_text_without_surrogates(octets: bytes, charset: str | None) -> None:
    decode_octets(octets, charset).encode("utf-8")


@given(st.binary() | st.text("=?utf-8iso2022jpqQbB_AZ09 \r\n\t\"'*").map(str.encode))
def test_any_value_gives_text_and_runs_that_make_it(value: bytes) -> None:
    text = decode_header(value)
    text.encode("utf-8")
    if b"\n" not in value:
        assert "".join(run.text for run in decode_words(value)) == text


@given(st.text(max_size=60), st.sampled_from(["utf-8", "utf-16-le", "gb18030"]), st.integers(1, 9))
def test_words_split_anywhere_give_the_text(text: str, charset: str, step: int) -> None:
    octets = text.encode(charset, "ignore")
    words = [octets[at : at + step] for at in range(0, len(octets), step)]
    value = b" ".join(
        b"=?" + charset.encode() + b"?q?" + b"".join(b"=%02X" % octet for octet in word) + b"?=" for word in words
    )
    assert decode_header(value) == octets.decode(charset)


def test_the_charsets_are_codecs_that_python_has() -> None:
    from mailscan import text

    names = text._CODECS.split()
    assert len(names) > 80
    for name in {*names, *text._READ_AS.values()}:
        assert codecs.lookup(name)._is_text_encoding
        assert codec(name) is not None
