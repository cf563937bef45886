"""The MIME tree: delimiters, types, names, transfer encodings, messages in messages; and its bounds."""

from __future__ import annotations

import base64
import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.message import Message
from mailscan.mime import MOST_LEVELS, MOST_PARTS
from mailscan.transfer import decode_base64

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscan.mime import Part

MIXED = b'Content-Type: multipart/mixed; boundary="b"\n\n'


def shape(raw: bytes) -> list[tuple[str, str]]:
    return [(part.path, part.type) for part in Message(raw).parts]


def leaf(header: bytes, body: bytes = b"x\n") -> Part:
    return Message(header + b"\n\n" + body).parts[0]


@pytest.mark.parametrize(
    "line",
    [b"--bX", b"--b x", b" --b", b"--b-", b"--b---", b"-b", b"--B", b"--bb", b"x--b", b"--b--x", b"--", b"\r--b"],
)
def test_a_line_that_is_no_delimiter_is_text(line: bytes) -> None:
    parts = Message(MIXED + b"--b\n\none\n" + line + b"\ntwo\n--b--\n").parts
    assert [part.path for part in parts] == ["1", "1.1"]
    assert parts[1].data == b"one\n" + line + b"\ntwo"


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("blanks", [b"", b" ", b" \t"])
def test_delimiters_preamble_and_epilogue(line_end: bytes, blanks: bytes) -> None:
    lines = [b"Content-Type: multipart/mixed; boundary=b", b"", b"preamble", b"--b" + blanks, b"A: 1", b"", b"one", b""]
    lines += [b"--b" + blanks, b"", b"two", b"--b--" + blanks, b"epilogue", b"--b", b"", b"not a part"]
    message = Message(line_end.join(lines))
    root, one, two = message.parts
    assert (root.is_multipart, root.path, one.path, two.path) == (True, "1", "1.1", "1.2")
    assert (one.data, two.data) == (b"one" + line_end, b"two")
    assert one.headers.get("a") == "1"
    assert message.raw[one.start : one.end] == b"A: 1" + line_end * 2 + b"one" + line_end
    assert (root.start, root.end, root.span) == (0, len(message.raw), (0, len(message.raw)))
    assert root.data == message.body


def test_a_missing_close_delimiter_ends_with_the_message_or_the_parent() -> None:
    inner = b'Content-Type: multipart/x; boundary="i"\n\n--i\n\ndeep\n'
    message = Message(MIXED + b"--b\n" + inner + b"--b\n\nlast\n")
    assert [(part.path, part.type) for part in message.parts] == [
        ("1", "multipart/mixed"), ("1.1", "multipart/x"), ("1.1.1", "text/plain"), ("1.2", "text/plain"),
    ]  # fmt: skip
    assert [part.data for part in message.parts[2:]] == [b"deep", b"last\n"]


def test_a_parents_delimiter_wins() -> None:
    """RFC 2046 5.1.2; and a child with its parent's boundary has none of its own."""
    same = Message(MIXED + b"--b\n" + MIXED + b"--b\n\nx\n--b--\n")
    assert [(part.path, part.is_multipart) for part in same.parts] == [("1", True), ("1.1", False), ("1.2", False)]
    longer = Message(MIXED + b'--b\nContent-Type: multipart/x; boundary="b--"\n\n--b--\n\nx\n')
    assert [part.path for part in longer.parts] == ["1", "1.1"]


def test_a_header_cut_by_a_delimiter() -> None:
    message = Message(MIXED + b"--b\nContent-Type: text/html\nX: y\n--b\nA: 1\n--b--\n")
    assert [(part.type, part.data) for part in message.parts[1:]] == [("text/html", b""), ("text/plain", b"")]
    assert [field.raw for field in message.parts[1].headers] == [b"Content-Type: text/html\n", b"X: y"]


def test_a_boundary_with_a_colon_is_no_field() -> None:
    raw = b'Content-Type: multipart/mixed; boundary="=_a:b"\n\n--=_a:b\nA: 1\n--=_a:b\n\ntwo\n--=_a:b--\n'
    assert [part.data for part in Message(raw).parts[1:]] == [b"", b"two"]


@pytest.mark.parametrize(
    "header",
    [b"multipart/mixed", b'multipart/mixed; boundary=""', b"multipart/mixed; boundary=c", b"multipart/; boundary=b"],
)
def test_a_multipart_that_cannot_be_split_is_a_leaf(header: bytes) -> None:
    part = Message(b"Content-Transfer-Encoding: base64\nContent-Type: " + header + b"\n\n--b\n\nSGFs\n--b--\n").parts[0]
    assert (part.is_multipart, part.children) == (False, ())
    assert part.data == decode_base64(b"--b\n\nSGFs\n--b--\n")


def test_delimiters_with_nothing_between_hold_no_part() -> None:
    assert len(Message(MIXED + b"--b\n--b\n--b\n\nx\n--b--\n").parts) == 2
    assert not Message(MIXED + b"--b--\n").parts[0].is_multipart


def test_defaults() -> None:
    digest = b"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\nhi\n"
    digest += b"--b\nContent-Type: text/html\n\n--b--\n"
    assert [kind for _, kind in shape(digest)] == ["multipart/digest", "message/rfc822", "text/plain", "text/html"]
    for value in (b"", b"nonsense", b"text/", b"a/b/c", b"/", b"; charset=x"):
        assert leaf(b"Content-Type: " + value).type == "text/plain"
    part = leaf(b"Subject: x")
    assert (part.type, part.encoding, part.charset, part.disposition, part.filenames) == (
        "text/plain",
        "7bit",
        None,
        "",
        (),
    )


@pytest.mark.parametrize(
    "value", [b"Text/HTML", b"text/html;", b" text / html ; a=b", b"text/html (comment)", b"text/html charset=x"]
)
def test_types(value: bytes) -> None:
    assert leaf(b"Content-Type:" + value).type == "text/html"


@pytest.mark.parametrize(
    ("value", "params"),
    [
        (b'x/y; Charset="UTF-8" ; a = b;c', {"charset": "UTF-8", "a": "b"}),
        (b'x/y; a="b;c=d"; e=f', {"a": "b;c=d", "e": "f"}),
        (b'x/y; a="b\\"c\\\\d\\e"; a=2', {"a": 'b"c\\d\\e'}),
        (b"x/y; a*=utf-8'de'%C3%A4%2B", {"a": "ä+"}),
        (b"x/y; a*1=c; a*0=b", {"a": "bc"}),
        (b"x/y; a*0*=utf-8''%E2%82; a*1*=%AC; a*2=%41", {"a": "€%41"}),
        (b"x/y; a*=''b; a=c", {"a": "c"}),
        (b"x/y; a*0=b; a*x=c", {"a": "b"}),
        ("x/y; a=ä".encode(), {"a": "ä"}),
        (b'x/y; a="open; b=c', {"a": "open; b=c"}),
        (b"x/y; (c) a (d) = (e) b (f)", {"a": "b"}),
        (b"x/y; a=()b; c=(d)", {"a": "b", "c": "(d)"}),
        (b"x/y;\r\n\ta=b;\r\n c=d e", {"a": "b", "c": "d e"}),
    ],
)
def test_parameters(value: bytes, params: dict[str, str]) -> None:
    assert leaf(b"Content-Type: " + value).params == params


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        (b"Content-Type: a/b; name=a.txt", ("a.txt",)),
        (b"Content-Type: a/b; name=a.txt\nContent-Disposition: x; filename=b.exe", ("b.exe", "a.txt")),
        (b"Content-Type: a/b; name=a.txt\nContent-Disposition: x; filename=a.txt", ("a.txt",)),
        (b"Content-Disposition: x; filename=a.txt; filename=b.exe", ("a.txt", "b.exe")),
        (b"Content-Disposition: x; filename=a.txt; filename*=utf-8''b.exe", ("a.txt", "b.exe")),
        (b"Content-Disposition: x; filename*0=a.; filename*1=exe", ("a.exe",)),
        (b"Content-Disposition: x; filename=a b.exe", ("a b.exe",)),
        (b'Content-Disposition: x; filename="=?utf-8?b?YS5leGU=?="', ("a.exe", "=?utf-8?b?YS5leGU=?=")),
        (b"Content-Disposition: x; filename==?utf-8?q?a.exe?=", ("a.exe", "=?utf-8?q?a.exe?=")),
        (b"Content-Disposition: x; filename*=''=?utf-8?q?a.exe?=", ("a.exe", "=?utf-8?q?a.exe?=")),
        (b'Content-Disposition: x; filename="a\\.exe"', ("a\\.exe", "a.exe")),
        (b'Content-Disposition: x; filename=""', ()),
        (b"Content-Type: a/b; named=x", ()),
        (b"Content-Disposition: x; filename=report (1)", ("report (1)",)),
        (b"Content-Disposition: x; filename=(1) a.exe", ("a.exe", "(1) a.exe")),
    ],
)
def test_every_name_once(fields: bytes, names: tuple[str, ...]) -> None:
    assert leaf(fields).filenames == names


@pytest.mark.parametrize(
    ("value", "disposition"),
    [
        (b"inline", "inline"),
        (b"INLINE; filename=x", "inline"),
        (b"attachment", "attachment"),
        (b"odd", "attachment"),
        (b"", ""),
    ],
)
def test_disposition(value: bytes, disposition: str) -> None:
    assert leaf(b"Content-Disposition: " + value).disposition == disposition


@pytest.mark.parametrize("value", [b"BASE64", b"base64 ", b"base64;", b"base64 (x)", b"\n base64"])
def test_transfer_encoding_as_people_write_it(value: bytes) -> None:
    part = leaf(b"Content-Transfer-Encoding: " + value, b"SGFsbG8=\n")
    assert (part.encoding, part.data, part.text) == ("base64", b"Hallo", "Hallo")


@pytest.mark.parametrize("value", [b"x-odd", b"7bit", b"binary", b""])
def test_an_unknown_transfer_encoding_leaves_the_octets(value: bytes) -> None:
    assert leaf(b"Content-Transfer-Encoding: " + value, b"=41 SGFs\r\n").data == b"=41 SGFs\r\n"


def test_text_by_charset() -> None:
    part = leaf(b"Content-Type: text/plain; charset=KOI8-R\nContent-Transfer-Encoding: quoted-printable", b"=F0\n")
    assert (part.charset, part.text) == ("koi8-r", "П\n")


INNER = b"Subject: inner\nContent-Type: text/html\n\n<p>\n"


@pytest.mark.parametrize("kind", [b"message/rfc822", b"MESSAGE/Global", b"message/news"])
def test_a_message_in_a_message(kind: bytes) -> None:
    message = Message(MIXED + b"--b\nContent-Type: " + kind + b"\n\n" + INNER + b"--b\n\nafter\n--b--\n")
    assert [part.path for part in message.parts] == ["1", "1.1", "1.1.1", "1.2"]
    carrier, inner = message.parts[1:3]
    assert inner.headers.get("subject") == "inner"
    assert (carrier.data, inner.data) == (INNER.rstrip(), b"<p>")
    assert inner.source is message.raw
    assert message.raw[inner.start : inner.end] == INNER.rstrip()


@pytest.mark.parametrize("kind", [b"message/delivery-status", b"message/partial", b"text/rfc822-headers"])
def test_what_only_looks_like_a_message_is_a_leaf(kind: bytes) -> None:
    assert list(Message(b"Content-Type: " + kind + b"\n\n" + INNER).root.walk())[1:] == []


@pytest.mark.parametrize(
    ("encoding", "encoded"),
    [(b"base64", base64.encodebytes(INNER)), (b"quoted-printable", INNER.replace(b"inner", b"=69nner"))],
)
def test_a_message_that_came_encoded_is_read(encoding: bytes, encoded: bytes) -> None:
    header = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: " + encoding + b"\n\n"
    message = Message(MIXED + b"--b\n" + header + encoded + b"--b--\n")
    carrier, inner = message.parts[1:]
    assert inner.headers.get("subject") == "inner"
    assert (inner.path, inner.type, inner.source) == (
        "1.1.1",
        "text/html",
        INNER.rstrip() if encoding[:1] != b"b" else INNER,
    )
    assert inner.source[inner.start : inner.end] == inner.source
    assert inner.span == carrier.span == (carrier.start, carrier.end)
    assert carrier.data == encoded.rstrip()


@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable", b"7bit"])
def test_a_message_that_only_claims_to_be_encoded_is_read_as_it_is(encoding: bytes) -> None:
    raw = (
        b"Content-Type: message/rfc822\nContent-Transfer-Encoding: " + encoding + b"\n\n" + MIXED + b"--b\n\nx\n--b--\n"
    )
    assert [part.path for part in Message(raw).parts] == ["1", "1.1", "1.1.1"]


def test_depth_is_bounded_and_says_so() -> None:
    message = Message(b"Content-Type: message/rfc822\n\n" * (MOST_LEVELS + 50))
    assert len(message.parts) == MOST_LEVELS
    assert [part.unread for part in message.parts] == [False] * (MOST_LEVELS - 1) + [True]
    inside = b"".join(b'Content-Type: multipart/x; boundary="%d"\n\n--%d\n' % (n, n) for n in range(1_000))
    assert len(Message(inside).parts) == MOST_LEVELS


def test_the_number_of_parts_is_bounded_and_says_so() -> None:
    message = Message(MIXED + b"--b\n\nx\n" * (MOST_PARTS + 50) + b"--b--\n")
    assert len(message.parts) == MOST_PARTS
    assert message.parts[0].unread
    assert not Message(MIXED + b"--b\n\nx\n" * (MOST_PARTS - 1) + b"--b--\n").parts[0].unread


def nested(boundaries: list[bytes], deepest: bytes) -> bytes:
    return b"".join(b'Content-Type: multipart/x; boundary="%s"\n\n--%s\n' % (one, one) for one in boundaries) + deepest


LINE = base64.b64encode(bytes(57)) + b"\n"
HOSTILE: dict[str, Callable[[], bytes]] = {
    "10,000 parts": lambda: MIXED + (b"--b\nA: 1\n\n" + b"x" * 2_000 + b"\n") * 10_000 + b"--b--\n",
    "10,000 parts without an empty line": lambda: MIXED + b"--b\nA: 1\n" * 10_000 + b"x" * 20_000_000,
    "1,000 levels": lambda: nested([b"b%d" % n for n in range(1_000)], b"\n" + b"x" * 10_000_000),
    "100,000 fields": lambda: b"X-Field: %s\n" % (b"x" * 60) * 100_000 + b"\nbody",
    "a field of 50 MB": lambda: b"Subject: " + b"x" * 50_000_000 + b"\n\nbody",
    "a folded field of 50 MB": lambda: b"X: " + b"word\n " * 8_300_000 + b"\n\nbody",
    "base64 of 100 MB": lambda: b"Content-Transfer-Encoding: base64\n\n" + LINE * 1_300_000,
    "malformed base64 of 100 MB": lambda: b"Content-Transfer-Encoding: base64\n\n!" + LINE * 1_300_000,
    "boundaries that are prefixes": lambda: nested(
        [b"a" * n for n in range(1, 99)], b"\n" + (b"--" + b"a" * 50 + b"x\n") * 400_000
    ),
    "a quoted name of 20 MB": lambda: b'Content-Type: a/b; name="' + b"\\x" * 10_000_000 + b'"\n\n',
    "lines that begin as delimiters": lambda: MIXED + b"--\n--bb\n" * 1_500_000,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_sizes(case: str) -> None:
    """3 s and 3 × the message, beyond what an interpreter has; in a child, whose memory is its own."""
    raw = HOSTILE[case]()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(write_end, b"%d" % resident_growth(raw))
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    begun = time.monotonic()
    with os.fdopen(read_end, "rb") as pipe:
        growth = int(pipe.read() or b"-1")
    assert os.waitpid(child, 0)[1] == 0
    assert time.monotonic() - begun < 3 * 3
    assert 0 <= growth <= 2 * len(raw) + 10_000_000


def resident_growth(raw: bytes) -> int:
    """How many octets the memory of this process grew at most while every part was read."""

    def kilobytes(what: str) -> int:
        with open("/proc/self/status", encoding="ascii") as status:
            return int(next(line for line in status if line.startswith(what)).split()[1])

    with open("/proc/self/clear_refs", "w", encoding="ascii") as reset:
        reset.write("5")
    before = kilobytes("VmRSS")
    message = Message(raw)
    for part in message.parts:
        _ = part.filenames, part.disposition, b"" if part.children else part.data
    return (kilobytes("VmHWM") - before) * 1024


TOKENS = [
    b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: multipart/digest; boundary=bb", b"--b", b"--bb",
    b"--b--", b"--bb--", b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: base64", b"begin 644 x",
    b"Content-Transfer-Encoding: quoted-printable", b"Content-Transfer-Encoding: uue", b'"a.exe"', b"=?utf-8?q?",
    b"Content-Disposition: attachment; filename=", b"; filename*0*=utf-8''%41", b"SGFsbG8=", b"=41=", b"\x00",
    b"\xff\xfe", b"", b"", b"text", b" ", b"A: b", b"From x",
]  # fmt: skip
LINES = st.lists(st.sampled_from(TOKENS), max_size=40)


def check(message: Message) -> None:
    paths = [part.path for part in message.parts]
    assert len(set(paths)) == len(paths)
    assert message.readings[0].path == paths[0] == "1"
    for part in message.parts:
        assert 0 <= part.start <= part.body_start <= part.body_end <= part.end <= len(part.source)
        start, end = part.span
        assert message.start <= start <= end <= len(message.raw)
        part.text.encode("utf-8")
        assert isinstance(part.data, bytes)
        assert part.type.count("/") == 1
        assert part.disposition in ("", "inline", "attachment")
        assert len(set(part.filenames)) == len(part.filenames)
        _ = part.params, part.charset, part.encoding, [field.text for field in part.headers]
        at = part.body_start
        for child in part.children:
            assert child.path.rpartition(".")[0] == part.path
            if child.source is part.source:
                assert at <= child.start <= child.end <= part.end
                at = child.end


@given(st.binary(max_size=200) | st.lists(st.sampled_from([*TOKENS, b"\n", b"\r\n", b"\r"]), max_size=40).map(b"".join))
def test_any_octets_make_a_tree(raw: bytes) -> None:
    check(Message(raw))


@given(LINES, st.sampled_from([b"\n", b"\r\n"]))
def test_any_lines_make_a_tree(lines: list[bytes], line_end: bytes) -> None:
    check(Message(line_end.join(lines)))


@given(LINES)
def test_lf_and_crlf_make_the_same_tree(lines: list[bytes]) -> None:
    one, other = Message(b"\n".join(lines)), Message(b"\r\n".join(lines))
    assert list(facts(one)) == list(facts(other))


def facts(message: Message) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    for part in message.parts:
        text = "" if part.children else part.text.replace("\r\n", "\n")
        yield part.path, part.type, part.filenames, text
