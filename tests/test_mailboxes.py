"""Where messages lie in an mbox."""

from __future__ import annotations

from io import BytesIO

from mailscan.mailboxes.reading import Notes, messages_in_stream

FROM = b"From a@b.example Sat Feb 24 10:21:37 1996\n"


def cut(octets: bytes) -> list[bytes]:
    return [one for _, _, one in messages_in_stream("x", BytesIO(octets), Notes(), 10**9)]


def test_a_body_line_that_begins_with_from_divides_nothing() -> None:
    for line in (
        b"From here on\n",
        b"\nFrom here on, all is well\nSubject: x\n",
        FROM + b"x: y\n",
        b"\n" + FROM + b"no\n",
    ):
        one = FROM + b"Subject: x\n\nHello\n" + line + b"\n"
        assert cut(one + FROM + b"Subject: y\n\n") == [one, FROM + b"Subject: y\n\n"], line


def test_content_length_is_believed_where_it_fits_only() -> None:
    quoted = FROM + b"Subject: inner\n\nHello\n"
    body = b"See:\n\n" + quoted
    fits = FROM + b"Content-Length: %d\n\n" % len(body) + body + b"\n"
    last = FROM + b"Subject: y\n\nbye\n"
    assert cut(fits + last) == [fits, last]
    wrong = FROM + b"Content-Length: 999999\n\nx\n\n"
    assert cut(wrong + last) == [wrong, last]
