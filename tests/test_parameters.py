"""Values of Content-Type and -Disposition: what is written plainly is read by a short way, and as by the long one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.parameters import Value, media_type, read_parameters, read_value

WORDS = st.sampled_from(
    [b"text/plain", b"Multipart/Mixed", b"inline", b"attachment", b"charset", b"filename", b"name*0", b"boundary", b"a"]
)
SIGNS = st.sampled_from(
    [b";", b"; ", b"=", b'"', b" ", b"\t", b"\\", b"(", b")", b"/", b"*", b",", b"\0", b"=?", b"b'"]
)
VALUES = st.lists(WORDS | SIGNS | st.binary(max_size=3), max_size=12).map(b"".join)


@pytest.mark.parametrize(
    "value",
    [
        b"", b";", b"text/plain; charset", b"text/plain charset=x", b"text/plain; charset=a b", b"text/plain;; a=b",
        b"text/plain; a=b; A=c", b'text/plain; a="b', b'text/plain; a="b\\""', b"text/plain; boundary=b",
        b"text/plain;a=b,c",
        b"text/plain; name*=utf-8''x", b"text/plain (comment)", b"text/plain; a=(b)", b"text/plain; a==?utf-8?q?b?=",
    ],
)  # fmt: skip
def test_what_readers_may_differ_about_is_not_plain(value: bytes) -> None:
    assert not Value(value).is_plain


@pytest.mark.parametrize(
    "value",
    [
        b"text/plain", b"TEXT/plain ; charset=us-ascii;", b'attachment;\tfilename="a b;c.pdf"', b"inline",
        b'multipart/mixed; boundary="----=_Next"; type="text/html"', b"text/plain;charset=utf-8; format=flowed",
    ],
)  # fmt: skip
def test_what_everybody_reads_alike_is_plain(value: bytes) -> None:
    assert Value(value).is_plain


@given(VALUES)
def test_both_ways_read_the_same(value: bytes) -> None:
    found = Value(value)
    assert (found.type, found.parameters) == (media_type(value), read_parameters(value))


def test_a_value_met_again_is_read_the_same() -> None:
    for number in range(3_000):
        value = b"multipart/mixed; boundary=%d" % (number % 1_000)
        assert read_value(value).parameters == [("boundary", b"%d" % (number % 1_000))]
