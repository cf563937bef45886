"""A message from any octets: the header's end, fields with spans, and that nothing raises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.message import Message

SIMPLE = b"Subject: one\nTo: a@example.com,\n\tb@example.com\nSubject: two\n\nbody\n\nmore\n"


def names(raw: bytes) -> list[str]:
    return [field.name for field in Message(raw).headers]


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"", b""),
        (b"\n", b""),
        (b"\r\nbody", b"body"),
        (b"just text\nwith lines\n", b"just text\nwith lines\n"),
        (b" folded: nothing\nA: b\n\n", b" folded: nothing\nA: b\n\n"),
        (b": no name\n", b": no name\n"),
        ("Größe: x\n".encode(), "Größe: x\n".encode()),
    ],
)
def test_what_has_no_header_is_all_body(raw: bytes, body: bytes) -> None:
    message = Message(raw)
    assert (list(message.headers), message.body, message.subject) == ([], body, "")
    assert [part.type for part in message.parts] == ["text/plain"]


def test_fields_keep_order_duplicates_and_spans() -> None:
    message = Message(SIMPLE)
    assert names(SIMPLE) == ["Subject", "To", "Subject"]
    assert [field.raw for field in message.headers] == [
        b"Subject: one\n", b"To: a@example.com,\n\tb@example.com\n", b"Subject: two\n",
    ]  # fmt: skip
    assert message.headers[1].value == b"a@example.com,\tb@example.com"
    assert message.headers.get("SUBJECT") == "one"
    assert message.headers.get_all("subject") == ["one", "two"]
    assert [field.start for field in message.headers.fields("subject")] == [0, 47]
    assert message.headers.get("cc") is None
    assert "to" in message.headers
    assert "t" not in message.headers
    assert "Tö" not in message.headers
    assert len(message.headers) == 3
    assert message.body == b"body\n\nmore\n"
    assert message.raw[message.header_end : message.body_start] == b"\n"


def test_a_field_found_by_name_is_the_field_of_the_list() -> None:
    for raw in (SIMPLE, b"X: " + b"x" * 40_000 + b"\n" + SIMPLE):
        message = Message(raw)
        asked = [(field.name, field.start, field.end, field.text) for field in message.headers.fields("subject")]
        listed = [(field.name, field.start, field.end, field.text) for field in message.headers]
        assert asked == [entry for entry in listed if entry[0] == "Subject"]


@pytest.mark.parametrize("blank_line", [b"\n\n", b"\r\n\r\n", b"\n\r\n", b"\r\n\n"])
def test_line_ends_may_be_mixed(blank_line: bytes) -> None:
    message = Message(b"A: 1\r\nB: 2\nC: 3" + blank_line + b"body\r\n\r\n\n\nD: 4")
    assert [(field.name, field.value) for field in message.headers] == [("A", b"1"), ("B", b"2"), ("C", b"3")]
    assert message.body == b"body\r\n\r\n\n\nD: 4"


def test_a_lone_cr_ends_no_line() -> None:
    message = Message(b"A: one\rB: two\n\rC: 3\n\nbody")
    assert [(field.name, field.value) for field in message.headers] == [("A", b"one\rB: two")]
    assert message.body == b"\rC: 3\n\nbody"


def test_the_header_ends_at_a_line_that_is_no_field() -> None:
    message = Message(b"A: 1\nnot a field\nB: 2\n\nbody")
    assert names(message.raw) == ["A"]
    assert message.body == b"not a field\nB: 2\n\nbody"
    assert message.header_end == message.body_start


def test_obsolete_blanks_before_the_colon_are_allowed() -> None:
    message = Message(b"Subject : x\nTo\t \t:y\n\nbody")
    assert [(field.name, field.text) for field in message.headers] == [("Subject", "x"), ("To", "y")]
    assert (message.subject, message.headers.get("to")) == ("x", "y")


def test_a_line_of_blanks_continues_the_field() -> None:
    assert Message(b"A: 1\n \nB: 2\n\n").headers.get_all("b") == ["2"]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_header_alone(end: bytes) -> None:
    message = Message(b"A: 1\nSubject: x" + end)
    assert (message.subject, message.body, names(message.raw)) == ("x", b"", ["A", "Subject"])


def test_a_from_line_is_envelope() -> None:
    message = Message(b"From joe@example.com Mon Jan 1\nSubject: x\n\nFrom here\n")
    assert message.from_line == b"From joe@example.com Mon Jan 1\n"
    assert (message.start, message.subject, message.body) == (31, "x", b"From here\n")
    assert message.headers[0].start == 31
    assert Message(b"From: joe\n").from_line == b""
    assert Message(b"From nowhere").from_line == b"From nowhere"


def test_the_caller_may_say_where_the_header_starts() -> None:
    raw = b"From MAILER-DAEMON x\nX-Envelope-From: <>\nSubject: x\n\n"
    message = Message(raw, start=raw.index(b"Subject"))
    assert (names(raw)[:1], [field.name for field in message.headers]) == (["X-Envelope-From"], ["Subject"])
    assert message.headers[0].raw == b"Subject: x\n"


def test_the_line_end_of_the_first_header_line() -> None:
    assert Message(b"A: 1\r\nB: 2\n\n").line_end == b"\r\n"
    assert Message(b"From x\r\nA: 1\nB: 2\r\n").line_end == b"\n"
    assert Message(b"").line_end == b"\n"


def test_raw_octets_are_read_by_the_charset_of_the_body() -> None:
    raw = b"Subject: \xc1\xa4\xba\xb8\nContent-Type: text/plain; charset=euc-kr\n\n"
    assert Message(raw).subject == "정보"
    assert Message(raw.replace(b"\xc1\xa4\xba\xb8", "정보".encode())).subject == "정보"


@pytest.mark.parametrize("size", [100, 16_384, 40_000])
def test_long_headers_read_as_short_ones(size: int) -> None:
    """Beyond a window the end is found line by line."""
    fill = b"X-Fill: y\n folded\n" * (size // 18)
    message = Message(b"A: 1\n" + fill + b"content-TYPE : text/html\nContent-Type: text/plain\n\nbody")
    assert message.body == b"body"
    assert len(message.headers) == size // 18 + 3
    assert message.parts[0].type == "text/html"
    assert message.headers.get("x-fill") == "y folded"


ANY = st.binary(max_size=300) | st.lists(
    st.sampled_from([
        b"From x\n", b"Subject: x", b"Subject :", b"A:b", b":", b"\n", b"\r\n", b"\r", b"\n\n", b" ", b"\t", b"text",
        b"\x00", b"=?utf-8?q?", b"?=", b"\xff", b"Content-Type: multipart/mixed; boundary=b\n\n", b"--b\n", b"\n--b--",
    ]),
    max_size=30,
).map(b"".join)  # fmt: skip


@given(ANY)
def test_any_octets_make_a_message(raw: bytes) -> None:
    message = Message(raw)
    assert message.from_line == raw[: message.start]
    assert message.start <= message.header_end <= message.body_start <= len(raw)
    assert raw[message.header_end : message.body_start] in (b"", b"\n", b"\r\n")
    assert message.body == raw[message.body_start :]
    fields = list(message.headers)
    assert b"".join(field.raw for field in fields) == raw[message.start : message.header_end]
    for field in fields:
        assert field.name.strip() == field.name != ""
        assert b"\n" not in field.value
        field.text.encode("utf-8")
        assert field.text in message.headers.get_all(field.name)
        assert field.name in message.headers
    message.subject.encode("utf-8")


@given(ANY.map(lambda raw: raw.replace(b"\r", b"")))
def test_lf_and_crlf_read_alike(raw: bytes) -> None:
    one, other = Message(raw), Message(raw.replace(b"\n", b"\r\n"))
    assert [(field.name, field.text) for field in one.headers] == [(field.name, field.text) for field in other.headers]
    assert other.body == one.body.replace(b"\n", b"\r\n")
