"""Trees that others expect: Mime4J's and enmime's suites, the messages of CPython's tests, Crispin's torture test.

Each difference stands in a table with the reason why ours is right; one that is not listed fails, and so does a listed
one that no longer occurs. `-s` prints how much was compared.
"""

from __future__ import annotations

import binascii
from collections import Counter
from typing import TYPE_CHECKING

import enmime
import pytest
from mime4j import around, disagreements, expected, leaves, lf
from test_agreement import KINDS, differences, our_tree

from mailscan.message import Message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTHING_BETWEEN = (
    "two delimiter lines with nothing between them: the line end before a delimiter is its own (RFC 2046 5.1.1), so"
    " there is none left that an entity could stand between"
)
NO_FIELD = (
    "a line that is no field (RFC 5322 2.2) ends the header and is the first of the body, as for Python's email;"
    " Mime4J passes over it, and over what follows up to the next field or to the empty line: octets that nobody judges"
)
LINE_LOST = "Mime4J loses the line after the one that ends the header; its own message says all of it is body"
CLOSE_ONLY = (
    "a close delimiter that no delimiter came before: a multipart body has an entity (RFC 2046 5.1.1), so this is"
    " none, and its body is kept whole"
)
BLANK_AT_END = "a boundary cannot end with a blank (RFC 2046 5.1.1): those after it in the line are transport padding"
TEXT_AFTER = (
    "only blanks may follow a boundary in its line (RFC 2046 5.1.1, the grammar; the note there that the beginning"
    " is enough would make `--ab` a delimiter of `a`)"
)
LF_EPILOGUE = (
    "nothing follows the close delimiter but its line end, which is no epilogue (RFC 2046 5.1.1); of CRLF Mime4J"
    " says the same, of a lone LF it does not"
)
LAST_GROUP = (
    "the last group of base64 lacks its padding, yet has one or two whole octets (RFC 4648 4, cases 2 and 3), which"
    " Python's email shows as we do; Mime4J drops them"
)
WRITTEN_CLOSED = "Mime4J writes the close delimiter that the message lacks (RFC 2046 5.1.1)"
WRITTEN_QP = "Mime4J writes quoted-printable anew and drops blanks before line ends that were encoded (`=20`)"

NO_TYPE = "a subtype ends at a blank (RFC 2045 5.1); Python's email takes what follows it, a parameter, for the subtype"
AFTER_PADDING = (
    "text after the padding of base64 is none of it; Python's email, from 3.13.4 or so on, reads its letters as digits"
)
RAW_NAME = "raw 8-bit octets in a name, which are UTF-8 (RFC 6532 3.2): Python's email gives U+FFFD for each"
BLANK_FIRST = (
    "a line that begins with a blank is no field (RFC 5322 2.2), so the header has none; Python's email passes over it"
)
OWN_LINE_END = "the line end before a delimiter is the delimiter's (RFC 2046 5.1.1), of an enclosing multipart's too"
ANY_NAME = "a name below a line that is no field counts, since other programs than Python's email read on there"
FILE = "`file` is no parameter for a name (RFC 2183 2.3, RFC 2045 5.1): enmime alone takes it for one"

# Folder and file: what differs (how many octets or entities are ours and theirs; `out`: what Mime4J writes anew), and
# why ours is right.
MIME4J: dict[str, tuple[set[str], str]] = {
    "mimetools-testmsgs/2002_06_12_doublebound": ({"1 children: 2 for 3", "out"}, NOTHING_BETWEEN),
    "mimetools-testmsgs/attachment-filename-encoding-Latin1": ({"1 epilogue: 0 for 1"}, LF_EPILOGUE),
    "mimetools-testmsgs/attachment-filename-encoding-UTF8": ({"1 epilogue: 0 for 1"}, LF_EPILOGUE),
    "mimetools-testmsgs/badbound": ({"out"}, WRITTEN_CLOSED),
    "mimetools-testmsgs/double-bound": ({"1 children: 8 for 10", "out"}, NOTHING_BETWEEN),
    "mimetools-testmsgs/empty-preamble": ({"1 epilogue: 0 for 1"}, LF_EPILOGUE),
    "mimetools-testmsgs/frag": ({"1.2.1.2.1.2.1.2 data: 60896 for 60894", "out"}, LAST_GROUP),
    "mimetools-testmsgs/german-qp": ({"out"}, WRITTEN_QP),
    "mimetools-testmsgs/hdr-fakeout": ({"1 body: 86 for 0", "1 data: 86 for 0", "out"}, NO_FIELD),
    "mimetools-testmsgs/multi-frag": ({"1.3.2 data: 401 for 399", "out"}, LAST_GROUP),
    "mimetools-testmsgs/ticket-60931": ({"1 epilogue: 0 for 1"}, LF_EPILOGUE),
    "mimetools-testmsgs/twopart": ({"1 epilogue: 0 for 1"}, LF_EPILOGUE),
    "testmsgs/basic-plain-with-bad-header-separator": ({"1 body: 172 for 32", "1 data: 172 for 32", "out"}, NO_FIELD),
    "testmsgs/ending-boundaries": (
        {"1 children: 0 for 1", "1 epilogue: 0 for 510", "1 preamble: 684 for 0", "out"},
        TEXT_AFTER,
    ),
    "testmsgs/malformedHeader-nocrlfcrlf": (
        {"1 body: 101 for 10", "1 data: 101 for 10", "1 fields: 1 for 2", "out"},
        NO_FIELD,
    ),
    "testmsgs/malformedHeader-noheader": ({"1 body: 90 for 0", "1 data: 90 for 0", "out"}, NO_FIELD),
    "testmsgs/malformedHeaderStartsBody-nocrlfcrlf": ({"1 body: 101 for 37", "1 data: 101 for 37", "out"}, LINE_LOST),
    "testmsgs/malformedHeaderStartsBody-noheader": ({"1 body: 90 for 45", "1 data: 90 for 45", "out"}, LINE_LOST),
    "testmsgs/missing-boundary": ({"out"}, WRITTEN_CLOSED),
    "testmsgs/missing-inner-boundary": ({"out"}, WRITTEN_CLOSED),
    "testmsgs/missing-inner-start-boundary": ({"1.2 preamble: 23 for 4", "out"}, CLOSE_ONLY),
    "testmsgs/multipartemptypart": (
        {"1 children: 0 for 1", "1 epilogue: 0 for 10", "1 preamble: 134 for 45", "out"},
        NOTHING_BETWEEN,
    ),
    "testmsgs/multipartnopart": ({"1 epilogue: 0 for 10", "1 preamble: 110 for 59"}, CLOSE_ONLY),
    "testmsgs/obsolete": ({"1 body: 69 for 5", "1 data: 69 for 5", "1 fields: 2 for 3", "out"}, NO_FIELD),
    "testmsgs/very-long-boundary": ({"1 children: 2 for 1", "1 epilogue: 0 for 8"}, BLANK_AT_END),
    "testmsgs/very-very-long-boundary": ({"1 children: 2 for 1", "1 epilogue: 0 for 8"}, BLANK_AT_END),
    "testmsgs/weird-boundary": ({"1 children: 2 for 1", "1 epilogue: 0 for 8"}, BLANK_AT_END),
}

# Octets that Mime4J expects in an entity and that are together in none of ours.
NOT_TOGETHER = {"malformedHeaderStartsBody-nocrlfcrlf": LINE_LOST}

# The same against Python's email, beyond the kinds of test_agreement.
EMAIL: dict[str, tuple[set[str], str]] = {
    "cpython-test_email/msg_15.txt": ({"1.1 data"}, OWN_LINE_END),
    "cpython-test_email/msg_42.txt": ({"1.2.1 data"}, CLOSE_ONLY),
    "low-quality/bad-header-start.raw": ({"fields", "subject", "tree"}, BLANK_FIRST),
    "low-quality/bad-header-wrap.raw": ({"1.2 name"}, ANY_NAME),
    "mail/mime-bad-8bit-filename.raw": ({"1.2 name"}, RAW_NAME),
    "mail/mime-bad-content-type.raw": ({"tree"}, NO_TYPE),
    "mail/mime-blank-media-name.raw": ({"tree"}, NO_TYPE),
}
try:
    _stops = binascii.a2b_base64(b"QQ==\nQUJD") == b"A"
except binascii.Error:
    _stops = False
if not _stops:
    EMAIL["mail/epilogue-sample.raw"] = ({"1.2 data"}, AFTER_PADDING)

# And against what enmime's own tests say.
ENMIME: dict[str, tuple[set[str], str]] = {
    "mail/attachment-octet.raw": ({"1.2 name"}, FILE),
    "mail/epilogue-sample.raw": ({"1 epilogue"}, TEXT_AFTER),
}


def check(listed: dict[str, tuple[set[str], str]], found: dict[str, set[str]]) -> None:
    """Fails on every difference that is not listed and on every listed one that is not there."""
    assert found == {name: what for name, (what, _) in listed.items()}


def mime4j(corpora: Path) -> Iterator[Path]:
    yield from sorted((corpora / "mime" / "mime4j").glob("*/*.msg"))


def entities(raw: bytes) -> list[object]:
    """Each entity of the RFC tree as what must not change when a message is written again."""
    return [
        (part.path, part.type, part.filenames, None if part.children else lf(part.data))
        for part in Message(raw).readings[0].walk()
    ]


def test_mime4j(corpora: Path) -> None:
    found: dict[str, set[str]] = {}
    compared: Counter[str] = Counter()
    for path in mime4j(corpora):
        root = Message(path.read_bytes()).readings[0]
        what: set[str] = set()
        for result in (path.with_suffix(".xml"), path.with_name(f"{path.stem}_decoded.xml")):
            what |= set(disagreements(root, expected(result)))
            compared["expected trees"] += 1
        compared["leaves with decoded octets"] += len(leaves(expected(path.with_name(f"{path.stem}_decoded.xml"))))
        if entities(path.read_bytes()) != entities(path.with_suffix(".out").read_bytes()):
            what.add("out")
        compared["messages"] += 1
        if what:
            found[f"{path.parent.name}/{path.stem}"] = what
    print(f"\nMime4J: {dict(compared)}, {len(found)} messages with a listed difference")
    assert compared["messages"] == 80
    check(MIME4J, found)


def test_what_mime4j_reads_is_in_some_part(corpora: Path) -> None:
    """Whoever reads differently: the octets of each entity are found in a part of ours, decoded."""
    missing: set[str] = set()
    for path in mime4j(corpora):
        ours = [lf(part.data) for part in Message(path.read_bytes()).parts]
        for octets in leaves(expected(path.with_name(f"{path.stem}_decoded.xml"))):
            if not any(octets in data for data in ours):
                missing.add(path.stem)
    assert missing == NOT_TOGETHER.keys()


def against_email(paths: list[Path]) -> tuple[dict[str, set[str]], Counter[str]]:
    """The differences from Python's email that are of no kind which test_agreement names, and how many are."""
    found: dict[str, set[str]] = {}
    counted: Counter[str] = Counter()
    for path in paths:
        name = f"{path.parent.name}/{path.name}"
        for one in differences(path.read_bytes()):
            what = f"{one.part.path} {one.what}" if one.part else one.what
            kind = None
            if what not in EMAIL.get(name, (set(), ""))[0]:
                kind = next((kind for kind in KINDS if kind(one)), None)
            if kind is None:
                found.setdefault(name, set()).add(what)
            else:
                counted[kind.__name__] += 1
    return found, counted


@pytest.mark.parametrize(
    ("pattern", "number"),
    [
        ("cpython-test_email/msg_*.txt", 47),
        ("torture/*.eml", 1),
        ("enmime/*/*.raw", 87),
        ("enmime/encode/*.golden", 23),
    ],
    ids=["cpython", "torture", "enmime", "enmime-golden"],
)
def test_python_email(pattern: str, number: int, corpora: Path) -> None:
    paths = sorted((corpora / "mime").glob(pattern))
    found, counted = against_email(paths)
    print(f"\n{pattern}: {len(paths)} messages, {len(found)} with a listed difference, of a named kind {dict(counted)}")
    assert len(paths) == number
    names = {f"{path.parent.name}/{path.name}" for path in paths}
    check({name: row for name, row in EMAIL.items() if name in names}, found)


def test_enmime(corpora: Path) -> None:
    folder = corpora / "mime" / "enmime"
    found: dict[str, set[str]] = {}
    for name, tree in enmime.TREES.items():
        if our_tree(Message((folder / name).read_bytes()).readings[0]) != tree:
            found.setdefault(name, set()).add("tree")
    for name, path, filename, octets in enmime.PARTS:
        parts = {part.path: part for part in Message((folder / name).read_bytes()).readings[0].walk()}
        part = parts.get(path)
        if part is None:
            found.setdefault(name, set()).add(path)
            continue
        if filename and filename not in part.filenames:
            found.setdefault(name, set()).add(f"{path} name")
        if octets not in part.data:
            found.setdefault(name, set()).add(f"{path} data")
    for name, octets in enmime.EPILOGUES.items():
        if around(Message((folder / name).read_bytes()).readings[0])[1] != octets:
            found.setdefault(name, set()).add("1 epilogue")
    print(f"\nenmime: {len(enmime.TREES)} trees, {len(enmime.PARTS)} parts, {len(found)} with a listed difference")
    check(ENMIME, found)


# Crispin's message of 1993, by the twelve entities of its outermost multipart.
TORTURE = (
    "text/plain",
    "message/rfc822( multipart/alternative( text/plain multipart/mixed( text/richtext) application/andrew-inset))",
    "message/rfc822( audio/basic)",
    "audio/basic",
    "image/pbm",
    "message/rfc822( multipart/mixed( multipart/mixed( text/plain audio/x-sun) multipart/mixed( image/gif image/gif"
    " application/x-be2 application/atomicmail) audio/x-sun))",
    "message/rfc822( multipart/mixed( text/plain image/pgm text/plain))",
    "message/rfc822( multipart/mixed( text/plain image/pbm))",
    "message/rfc822( application/postscript)",
    "image/gif",
    "message/rfc822( multipart/mixed( audio/basic audio/basic))",
    "message/rfc822( multipart/mixed( application/postscript text/plain message/rfc822( multipart/mixed( text/plain"
    " multipart/parallel( image/gif audio/basic) application/atomicmail message/rfc822( audio/x-sun)))))",
)
# What the decoded octets of a type begin with.
BEGINNINGS = {
    "image/gif": b"GIF87a", "image/pbm": b"P4\n", "image/pgm": b"P5\n", "audio/x-sun": b".snd\x00\x00\x00",
    "application/postscript": b"%!", "application/andrew-inset": b"\\begindata{", "application/x-be2": b"\\begindata{",
}  # fmt: skip


def test_torture(corpora: Path) -> None:
    root = Message((corpora / "mime" / "torture" / "torture.eml").read_bytes()).readings[0]
    assert root.type == "multipart/mixed"
    assert tuple(map(our_tree, root.children)) == TORTURE
    parts = {part.path: part for part in root.walk()}
    assert (len(parts), max(path.count(".") for path in parts)) == (52, 6)
    told = [part for part in parts.values() if part.type in BEGINNINGS]
    assert len(told) == 14
    assert [part.path for part in told if not part.data.startswith(BEGINNINGS[part.type])] == []
    # One sound, sent in both encodings.
    assert (parts["1.11.1.1"].encoding, parts["1.11.1.2"].encoding) == ("quoted-printable", "base64")
    assert parts["1.11.1.1"].data == parts["1.11.1.2"].data != b""
