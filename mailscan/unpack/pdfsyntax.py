"""The objects of PDF (ISO 32000-1 7.3): dictionaries and what stands in them, read from octets."""

from __future__ import annotations

import re

from mailscan.unpack.budget import in_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mailscan.unpack.budget import Budget

_TOKEN = re.compile(
    rb"[\0\t\n\f\r ]*+"
    rb"(%[^\r\n]*+|<<|>>|[\[\](]|/[^\0\t\n\f\r ()<>\[\]{}/%]*+|<[^<>]*+>?|[^\0\t\n\f\r ()<>\[\]{}/%]++|[{})>])"
)
_IN_STRING = re.compile(rb"[^()\\]++|\\[0-7]{1,3}|\\\r\n|\\[\s\S]|[()]")
_HEX = re.compile(rb"#([0-9a-fA-F]{2})")
_NOT_HEX = bytes(octet for octet in range(256) if octet not in b"0123456789abcdefABCDEF")
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r": b"", b"\r\n": b""}
_DEEPEST = 100


class Name(str):
    """A name, without its slash."""

    __slots__ = ()


class Ref(tuple[int, int]):
    """A reference to an object: (number, generation)."""

    __slots__ = ()


def parse(text: bytes, budget: Budget) -> Any:
    """The first object: a dict, list, Name, Ref, bytes (a string), int, bool, or None for all others.

    What is not closed is closed at the end. Raises `Unopened`.
    """
    stack: list[tuple[bytes, list[Any]]] = [(b"", [])]
    at = steps = 0
    while (found := _TOKEN.match(text, at)) is not None:
        token, at = found.group(1), found.end()
        steps += 1
        if not steps & 4095:
            in_time(budget)
        if token[:1] == b"%":  # a comment
            continue
        items = stack[-1][1]
        if token in (b"<<", b"["):
            if len(stack) > _DEEPEST:
                break
            stack.append((token, []))
            continue
        if token in (b">>", b"]"):
            if len(stack) == 1:
                break
            _close(stack)
        elif token == b"(":
            value, at = _string(text, at, budget)
            items.append(value)
        elif token == b"R" and len(items) >= 2 and type(items[-1]) is int and type(items[-2]) is int:
            items[-2:] = [Ref(items[-2:])]
        elif token in (b"endobj", b"stream", b"obj"):
            break
        else:
            items.append(_simple(token))
        if len(stack) == 1 and type(stack[0][1][-1]) is not int:
            break
    while len(stack) > 1:
        _close(stack)
    return stack[0][1][-1] if stack[0][1] and type(stack[0][1][-1]) is not int else next(iter(stack[0][1]), None)


def _close(stack: list[tuple[bytes, list[Any]]]) -> None:
    """Put the innermost dictionary or array into the one around it, whichever way it is closed."""
    kind, items = stack.pop()
    if kind == b"[":
        stack[-1][1].append(items)
        return
    found: dict[str, Any] = {}
    at = 0
    while at + 1 < len(items):
        if type(items[at]) is Name:
            found.setdefault(items[at], items[at + 1])
            at += 2
        else:
            at += 1
    stack[-1][1].append(found)


def _simple(token: bytes) -> Any:
    if token[:1] == b"/":
        name = _HEX.sub(lambda found: bytes([int(found.group(1), 16)]), token[1:]) if b"#" in token else token[1:]
        return Name(name.decode("latin-1"))
    if token[:1] == b"<":
        digits = token.translate(None, _NOT_HEX)
        return bytes.fromhex((digits + b"0" * (len(digits) & 1)).decode("ascii"))
    if token in (b"true", b"false"):
        return token == b"true"
    if token.isdigit() and len(token) < 12:
        return int(token)
    if token[:1] in b"+-" and token[1:].isdigit() and len(token) < 12:
        return int(token)
    return None


def _string(text: bytes, at: int, budget: Budget) -> tuple[bytes, int]:
    """(a literal string whose parenthesis was read, where it ends) (7.3.4.2)"""
    pieces: list[bytes] = []
    depth = steps = 0
    while (found := _IN_STRING.match(text, at)) is not None:
        piece, at = found.group(), found.end()
        steps += 1
        if not steps & 4095:
            in_time(budget)
        if piece == b"(":
            depth += 1
        elif piece == b")":
            depth -= 1
            if depth < 0:
                break
        elif piece[:1] == b"\\":
            rest = piece[1:]
            piece = bytes([int(rest, 8) & 255]) if rest[:1].isdigit() and rest < b"8" else _ESCAPED.get(rest, rest)
        pieces.append(piece)
    return b"".join(pieces), at


def dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    """All dictionaries in an object, however deep."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def text_of(value: Any) -> str:
    """A text string (7.9.2.2); "" of other objects."""
    if not isinstance(value, bytes):
        return ""
    if value[:2] in (b"\xfe\xff", b"\xff\xfe"):
        return value.decode("utf-16", "replace")
    if value[:3] == b"\xef\xbb\xbf":
        return value[3:].decode("utf-8", "replace")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
