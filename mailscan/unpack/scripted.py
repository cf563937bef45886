"""What script decodes: base64 and hexadecimal strings, in one piece or several, escapes, arrays of numbers.

Every expression here is linear: what can be long is possessive, and nothing that must follow can fail behind it.
"""

from __future__ import annotations

import re

from mailscan.unpack.bounded import replaced, searched
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
_BASE64 = re.compile(rb"(?<![A-Za-z0-9+/_\-])(?>(?:[A-Za-z0-9+/_\-]{30,}+\s{0,4}+)+)[A-Za-z0-9+/_\-]{0,60}+={0,2}")
_SHORTEST = 80
_HEX = re.compile(rb"(?<![0-9A-Fa-f])(?>(?:[0-9A-Fa-f]{2}\s{0,2}+){40,})")
_HEX_ESCAPES = re.compile(rb"(?>(?:\\x[0-9A-Fa-f]{2}|\\u00[0-9A-Fa-f]{2}){16,})")
_PERCENT = re.compile(rb"(?i)\b(?:unescape|decodeURI|decodeURIComponent)\s{0,9}\(\s{0,9}([\"'`])")
_ONE, _TWO = re.compile(rb"%([0-9A-Fa-f]{2})"), re.compile(rb"%u([0-9A-Fa-f]{4})")
_NUMBER = rb"-?(?:0[xX][0-9A-Fa-f]{1,4}|\d{1,3})"
_NUMBERS = re.compile(rb"(?<![\w.])(?>(?:%b\s{0,8}+,\s{0,8}+){15,})(?:%b)?" % (_NUMBER, _NUMBER))


def coded(page: bytes, budget: Budget) -> Iterator[tuple[bytes, int]]:
    """(what it stands for, how many octets of the page it took) of everything that can be read as coded octets."""
    for script in _joined(page, budget):
        for found in _BASE64.finditer(script):
            in_time(budget)
            if found.end() - found.start() >= _SHORTEST:
                for blob in _from_base64(found[0]):
                    yield blob, found.end() - found.start()
        in_time(budget)
        for found in _HEX.finditer(script):
            in_time(budget)
            digits = found[0].translate(None, b" \t\r\n")
            yield bytes.fromhex(digits[: len(digits) & ~1].decode()), len(digits)
        in_time(budget)
        for found in _HEX_ESCAPES.finditer(script):
            in_time(budget)
            digits = found[0].replace(b"\\x", b"").replace(b"\\u00", b"")
            yield bytes.fromhex(digits.decode()), found.end() - found.start()
        yield from _unescaped(script, budget)
    in_time(budget)
    for found in _NUMBERS.finditer(page):
        in_time(budget)
        numbers = _from_numbers(found[0], budget)
        yield numbers, found.end() - found.start()


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
