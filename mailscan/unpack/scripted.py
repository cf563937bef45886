"""What script decodes: base64 and hexadecimal strings, in one piece or several, escapes, arrays of numbers.

Every expression here is linear: what can be long is possessive, and nothing that must follow can fail behind it. No
group repeats without bound: what is longer is matched in pieces.
"""

from __future__ import annotations

import re

from mailscan.unpack.bounded import end_of_run, replaced, searched
from mailscan.unpack.budget import in_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_MOST_ESCAPES = 1_000_000
_PIECE = 1 << 18
# "a" + "b", "a"; x += "b", a line continued, and the items of a list that is joined.
_JOINT = re.compile(rb"""["'`]\s*+(?:\+|;?\s*+[\w$.]++\s*+\+=)\s*+["'`]|\\\r?\n""")
_LIST_JOINT = re.compile(rb"""["'`]\s*+,\s*+["'`]""")
_LINE = rb"(?:[A-Za-z0-9+/_\-]{30,}+\s{0,4}+)"
_BASE64 = re.compile(rb"(?<![A-Za-z0-9+/_\-])(?>%b{1,4096})" % _LINE)
_BASE64_LINES = re.compile(rb"(?>%b{1,4096})" % _LINE)
_BASE64_END = re.compile(rb"[A-Za-z0-9+/_\-]{0,60}+={0,2}")
_SHORTEST = 80
_HEX = re.compile(rb"(?<![0-9A-Fa-f])(?>(?:[0-9A-Fa-f]{2}\s{0,2}+){40,4096})")
_HEX_PAIRS = re.compile(rb"(?>(?:[0-9A-Fa-f]{2}\s{0,2}+){1,4096})")
_ESCAPE = rb"(?:\\x[0-9A-Fa-f]{2}|\\u00[0-9A-Fa-f]{2})"
_HEX_ESCAPES = re.compile(rb"(?>%b{16,4096})" % _ESCAPE)
_MORE_ESCAPES = re.compile(rb"(?>%b{1,4096})" % _ESCAPE)
_PERCENT = re.compile(rb"(?i)\b(?:unescape|decodeURI|decodeURIComponent)\s{0,9}\(\s{0,9}([\"'`])")
_ONE, _TWO = re.compile(rb"%([0-9A-Fa-f]{2})"), re.compile(rb"%u([0-9A-Fa-f]{4})")
_NUMBER = rb"-?(?:0[xX][0-9A-Fa-f]{1,4}|\d{1,3})"
_ITEM = rb"(?:%b\s{0,8}+,\s{0,8}+)" % _NUMBER
_NUMBERS = re.compile(rb"(?<![\w.])(?>%b{15,4096})" % _ITEM)
_ITEMS = re.compile(rb"(?>%b{1,4096})" % _ITEM)
_LAST_ITEM = re.compile(rb"(?:%b)?" % _NUMBER)


def coded(page: bytes, budget: Budget) -> Iterator[tuple[bytes, int]]:
    """(what it stands for, how many octets of the page it took) of everything that can be read as coded octets."""
    for script in _joined(page, budget):
        for run in _runs(_BASE64, _BASE64_LINES, script, budget, _BASE64_END):
            if len(run) >= _SHORTEST:
                for blob in _from_base64(run):
                    yield blob, len(run)
        for run in _runs(_HEX, _HEX_PAIRS, script, budget):
            digits = run.translate(None, b" \t\r\n")
            yield bytes.fromhex(digits[: len(digits) & ~1].decode()), len(digits)
        for run in _runs(_HEX_ESCAPES, _MORE_ESCAPES, script, budget):
            digits = run.replace(b"\\x", b"").replace(b"\\u00", b"")
            yield bytes.fromhex(digits.decode()), len(run)
        yield from _unescaped(script, budget)
    for run in _runs(_NUMBERS, _ITEMS, page, budget, _LAST_ITEM):
        yield _from_numbers(run, budget), len(run)


def _runs(
    begin: re.Pattern[bytes],
    more: re.Pattern[bytes],
    script: bytes,
    budget: Budget,
    last: re.Pattern[bytes] | None = None,
) -> Iterator[bytes]:
    """Each run that `begin` finds, as far as `more` goes on with it, with what `last` matches at its end."""
    at = 0
    in_time(budget)
    while (found := begin.search(script, at)) is not None:
        at = end_of_run(more, script, found.end(), budget)
        if last is not None and (end := last.match(script, at)) is not None:
            at = end.end()
        in_time(budget)
        yield script[found.start() : at]


def _joined(page: bytes, budget: Budget) -> Iterator[bytes]:
    """The page with the pieces of strings put together; where lists are joined, also those."""
    script = page.replace(b"\\/", b"/") if b"\\/" in page else page
    script = _without(_JOINT, script, budget)
    yield script
    if b"join(" in script or b"concat(" in script:
        yield _without(_LIST_JOINT, script, budget)


def _without(joint: re.Pattern[bytes], script: bytes, budget: Budget) -> bytes:
    return replaced(joint, lambda found: b"", script, budget, len(script))


def _from_base64(run: bytes) -> Iterator[bytes]:
    """What it stands for, and backwards, which some write it."""
    from mailscan.transfer import decode_base64

    run = run.translate(bytes.maketrans(b"-_", b"+/"))
    yield decode_base64(run)
    yield decode_base64(run.rstrip(b"=")[::-1])


def _unescaped(script: bytes, budget: Budget) -> Iterator[tuple[bytes, int]]:
    """What `unescape("%3c…")` gives."""
    at = 0
    for begin in searched(_PERCENT, script, budget):
        if begin.start() < at:
            continue
        in_time(budget)
        end = script.find(begin[1], begin.end())
        at = len(script) if end < 0 else end
        body = script[begin.end() : at]
        if b"%u" in body:
            body = replaced(_TWO, _of_two, body, budget, _MOST_ESCAPES)
        yield replaced(_ONE, _of_one, body, budget, _MOST_ESCAPES), at - begin.start()


def _of_one(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode())


def _of_two(found: re.Match[bytes]) -> bytes:
    # What is below 256 is an octet; of others, the low one comes first in memory.
    number = int(found[1], 16)
    return bytes([number]) if number < 256 else number.to_bytes(2, "little")


def _from_numbers(run: bytes, budget: Budget) -> bytes:
    """The octets that numbers between commas are, the low eight bits of each."""
    whole = bytearray()
    at = 0
    while at < len(run):
        in_time(budget)
        # In pieces: a list has a hundred times the octets of its text.
        end = run.find(b",", at + _PIECE)
        end = len(run) if end < 0 else end
        for one in run[at:end].split(b","):
            if one.strip():
                whole.append(int(one, 16 if b"x" in one.lower() else 10) & 255)
        at = end + 1
    return bytes(whole)
