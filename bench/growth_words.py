"""Hostile text for the filters that look for words and patterns: whole messages of about any size, by name.

Each is made so that a reader of it could take more time or memory than in proportion to it, and once did or might.
"""

from __future__ import annotations

from collections.abc import Callable

_HEAD = b"From: a@b.example\nTo: c@d.example\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"


def _body(unit: str) -> Callable[[int], bytes]:
    """A body of one unit again and again, as UTF-8 in lines that no reader cuts."""
    piece = unit.encode()

    def message(octets: int) -> bytes:
        return _HEAD + b"Subject: x\nContent-Transfer-Encoding: 8bit\n\n" + piece * max(1, octets // len(piece)) + b"\n"

    return message


def _fields(line: bytes) -> Callable[[int], bytes]:
    """A header with one field again and again."""

    def message(octets: int) -> bytes:
        return _HEAD + line * max(1, octets // len(line)) + b"\nx\n"

    return message


def _subject(unit: str) -> Callable[[int], bytes]:
    """One Subject of encoded-words, each within the 75 characters of RFC 2047."""
    word = b" =?utf-8?q?" + b"".join(b"=%02X" % octet for octet in unit.encode()) + b"?=\n"

    def message(octets: int) -> bytes:
        return _HEAD + b"Subject:" + word * max(1, octets // len(word)) + b"\nx\n"

    return message


def _raw_subject(unit: str) -> Callable[[int], bytes]:
    """One Subject of raw UTF-8 on folded lines."""
    piece = unit.encode() * 40

    def message(octets: int) -> bytes:
        return _HEAD + b"Subject:" + (b" " + piece + b"\n") * max(1, octets // (len(piece) + 2)) + b"\nx\n"

    return message


GENERATORS: dict[str, Callable[[int], bytes]] = {
    "words: combining marks in disorder": _body("\u0301\u0323"),
    "words: combining marks on a letter": _body("a\u0301\u0323\u0301\u0323"),
    "words: marks that are two": _body("\u0344\u0f73\u0f71"),
    "words: halfwidth marks": _body("\uff9e"),
    "words: a ligature of 18 letters": _body("\ufdfa"),
    "words: a ligature between letters": _body("\ufdfax \ufdfby"),
    "words: squared words": _body("\u3300\u334d"),
    "words: invisible characters": _body("\u200b\u00ad\u2060"),
    "words: invisible between letters": _body("a\u200bd\u200bv\u200b"),
    "words: variation selectors": _body("a\ufe0f\U000e0101"),
    "words: bidirectional controls": _body("\u202ea\u202c\u2067b\u2069"),
    "words: capitals that grow": _body("\u0130\u1e9e"),
    "words: letters beyond the first plane": _body("\U0001d400\U0001d7ce"),
    "words: emoji": _body("\U0001f004\U0001f3fb"),
    "words: Hangul in pieces": _body("\u1100\u1161\u11a8"),
    "words: Han": _body("发票"),
    "words: Cyrillic": _body("ж ы "),
    "words: one long word": _body("x"),
    "words: the word again and again, never whole": _body("radv"),
    "words: a phrase that never ends": _body("free "),
    "words: blanks": _body("\u2003 \u3000"),
    "words: controls": _body("\x01\x7f"),
    "words: many subjects": _fields(b"Subject: ADV: x\n"),
    "words: many empty subjects": _fields(b"Subject:\n"),
    "words: many subjects that are encoded": _fields(b"Subject: =?utf-8?q?ADV=3A?= =?gb2312?b?xOM=?=\n"),
    "words: a subject of encoded-words": _subject("adv \u0301\u200b"),
    "words: a subject of invisible words": _subject("\u200b\u200b"),
    "words: a subject of raw marks": _raw_subject("\u0301\u0323"),
    "words: a subject of blanks": _raw_subject("\u2003"),
    "patterns: addresses of web pages": _body("http://"),
    "patterns: one letter": _body("a"),
    "patterns: words and blanks": _body("a a "),
    "patterns: words beyond ASCII": _body("é é "),
}
