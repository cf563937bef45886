"""On real mail the reader agrees with Python's `email` (compat32, everything decoded), but for named kinds.

Each difference must be of a kind in `KINDS`, which says why ours is right; any other one fails. `pytest -s` prints
how many of each there were. Header values and names are compared modulo runs of blanks, since `email` collapses some.
"""

from __future__ import annotations

import email
import lzma
import re
import tarfile
from collections import Counter
from email.header import decode_header
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from mailscan.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mailscan.mime import Part

MBOX_MESSAGES = 10_000


class Difference(NamedTuple):
    """One thing read in two ways. `part` is None where it is of the whole message."""

    what: str
    ours: object
    theirs: object
    raw: bytes
    part: Part | None = None


def is_missing_close(one: Difference) -> bool:
    """The last part of a multipart that the message's end cuts short."""
    if one.what != "data" or one.part is None or not isinstance(one.ours, bytes) or not isinstance(one.theirs, bytes):
        return False
    return one.part.body_end == len(one.raw) and one.ours in (one.theirs + b"\n", one.theirs + b"\r\n")


def is_malformed_base64(one: Difference) -> bool:
    """Foreign characters or a wrong length, which `email` answers with the undecoded text."""
    if one.what != "data" or one.part is None or one.part.encoding != "base64" or not isinstance(one.theirs, bytes):
        return False
    return b"".join(one.theirs.split()) == b"".join(one.part.body.split())


def is_trailing_blanks(one: Difference) -> bool:
    if one.what != "data" or one.part is None or one.part.encoding != "quoted-printable":
        return False
    # A blank that was encoded ("=20") is not trailing, so it is taken out of the comparison on both sides.
    return isinstance(one.ours, bytes) and isinstance(one.theirs, bytes) and _bare(one.ours) == _bare(one.theirs)


def _bare(octets: bytes) -> bytes:
    return re.sub(rb"[ \t]+(?=\r?\n|\Z)", b"", octets)


def is_raw_8_bit(one: Difference) -> bool:
    """A subject of raw octets that are not UTF-8."""
    if one.what != "subject":
        return False
    value = Message(one.raw).headers.fields("subject")[0].value
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def is_larger_charset(one: Difference) -> bool:
    """C1 controls of Latin-1 read as windows-1252, or a word that is not valid in the charset it declares."""
    if one.what != "subject" or not isinstance(one.ours, str) or not isinstance(one.theirs, str):
        return False
    if re.search("[\x80-\x9f]", one.theirs):
        return one.theirs.encode("latin-1", "replace").decode("cp1252", "replace") == one.ours or "\ufffd" in one.ours
    return "\ufffd" in one.ours or "\ufffd" in one.theirs


def is_delivery_status(one: Difference) -> bool:
    if one.what != "tree":
        return False
    blocks = re.compile(r"(message/(?!rfc822|global|news)[^ ()]+)\((?: text/plain)*\)")
    return blocks.sub(r"\1", str(one.theirs)) == str(one.ours)


def is_word_in_name(one: Difference) -> bool:
    """An encoded-word as a file name: ours has both the decoded name and the one that `email` gives."""
    return one.what == "name" and isinstance(one.ours, tuple) and "=?" in str(one.theirs) and one.theirs in one.ours


def is_empty_name(one: Difference) -> bool:
    return one.what == "name" and one.ours == () and one.theirs == ""


KINDS = {
    is_malformed_base64: "malformed base64: `email` gives it undecoded; what can be decoded is shown by mail clients",
    is_missing_close: "no close delimiter: `email` takes the last line end for a delimiter's; there is no delimiter",
    is_trailing_blanks: "quoted-printable: blanks that end a line were added in transport and go (RFC 2045 6.7 rule 3)",
    is_raw_8_bit: "raw 8-bit subject, not UTF-8: `email` gives U+FFFD; ours the body's charset, or windows-1252",
    is_larger_charset: "octets beyond the declared charset: mail clients read the larger one, or repair",
    is_delivery_status: "other message types are leaves: fields of a report (RFC 3464 2.1) are no entities",
    is_word_in_name: "RFC 2047 in a file name: forbidden there, decoded by mail clients, so both are names",
    is_empty_name: "an empty file name is none",
}


def blanks_collapsed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def raw_value(value: object) -> bytes:
    return str(value).encode("utf-8", "surrogateescape")


def decoded_by_email(value: bytes) -> str:
    """The text by `email.header.decode_header`, raw octets as UTF-8; its own errors are mended as Latin-1."""
    found: list[str] = []
    for chunk, charset in decode_header(value.decode("ascii", "surrogateescape")):
        octets = chunk.encode("utf-8", "surrogateescape") if isinstance(chunk, str) else chunk
        if charset is None:
            # decode_header writes what it was given by raw-unicode-escape: octets beyond ASCII as \udcXX.
            octets = re.sub(rb"\\udc([89a-f][0-9a-f])", lambda code: bytes([int(code[1], 16)]), octets)
        try:
            found.append(octets.decode(charset or "utf-8", "replace" if charset is None else "strict"))
        except (LookupError, UnicodeError):
            found.append(octets.decode("latin-1"))
    return "".join(found)


def our_tree(part: Part) -> str:
    return f"{part.type}({''.join(' ' + our_tree(child) for child in part.children)})" if part.children else part.type


def their_tree(part: Any) -> str:
    kind = part.get_content_type()
    payload = part.get_payload()
    children = payload if isinstance(payload, list) else []
    return f"{kind}({''.join(' ' + their_tree(child) for child in children)})" if children else kind


def differences(raw: bytes) -> Iterator[Difference]:
    message, theirs = Message(raw), email.message_from_bytes(raw)
    items = [(name, raw_value(value)) for name, value in theirs.raw_items()]
    our_fields = [(field.name, b" ".join(field.value.split())) for field in message.headers]
    their_fields = [(name, b" ".join(value.split())) for name, value in items]
    if our_fields != their_fields:
        yield Difference("fields", our_fields, their_fields, raw)
    first = next((value for name, value in items if name.lower() == "subject"), b"")
    our_subject, subject = blanks_collapsed(message.subject), blanks_collapsed(decoded_by_email(first))
    if our_subject != subject:
        yield Difference("subject", our_subject, subject, raw)
    if our_tree(message.readings[0]) != their_tree(theirs):
        yield Difference("tree", our_tree(message.readings[0]), their_tree(theirs), raw)
        return
    for part, other in zip(message.readings[0].walk(), theirs.walk(), strict=True):
        if not part.children:
            data = other.get_payload(decode=True)
            if data != part.data:
                yield Difference("data", part.data, data, raw, part)
        name = other.get_filename()
        if blanks_collapsed(name or "") != blanks_collapsed((*part.filenames, "")[0]) or (name == "") > 0:
            yield Difference("name", part.filenames, name, raw, part)


def spamassassin(corpora: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(corpora / "corpora" / "spamassassin-set1.tar.xz") as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None and "/" in member.name:
                yield member.name, file.read()


def mailing_list(corpora: Path) -> Iterator[tuple[str, bytes]]:
    """The first messages of an mboxrd file."""
    with lzma.open(corpora / "mbox" / "linux-mips-early.mbox.xz") as file:
        everything = file.read()
    starts = re.finditer(rb"^From mboxrd@z ", everything, re.MULTILINE)
    places = [match.start() for _, match in zip(range(MBOX_MESSAGES + 1), starts, strict=False)]
    for start, end in pairwise(places):
        yield f"octet {start}", re.sub(rb"^>(>*From )", rb"\1", everything[start:end], flags=re.MULTILINE)


@pytest.mark.parametrize("corpus", [spamassassin, mailing_list], ids=["spamassassin", "mailing-list"])
def test_every_difference_is_of_a_named_kind(
    corpus: Callable[[Path], Iterator[tuple[str, bytes]]], corpora: Path
) -> None:
    counted: Counter[str] = Counter()
    unnamed: list[str] = []
    total = 0
    for name, raw in corpus(corpora):
        total += 1
        for one in differences(raw):
            kind = next((kind for kind in KINDS if kind(one)), None)
            if kind is None:
                unnamed.append(f"{name}: {one.what}: {str(one.ours)[:300]!r}, email {str(one.theirs)[:300]!r}")
            else:
                counted[kind.__name__] += 1
    print(f"\n{total} messages")
    for kind in KINDS:
        print(f"  {counted[kind.__name__]:5d}  {KINDS[kind]}")
    assert total > 3_000
    assert unnamed == []


@pytest.mark.parametrize("corpus", [spamassassin, mailing_list], ids=["spamassassin", "mailing-list"])
def test_no_header_that_is_utf8_is_mangled(
    corpus: Callable[[Path], Iterator[tuple[str, bytes]]], corpora: Path
) -> None:
    for name, raw in corpus(corpora):
        for field in Message(raw).headers:
            text = field.text
            value = field.value
            if b"=?" in value:
                continue
            try:
                expected = value.decode("utf-8")
            except UnicodeDecodeError:
                continue
            assert text == expected, (name, field)
