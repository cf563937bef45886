"""The objects of a PDF document, wherever in it they lie (ISO 32000-1 7.3.10); no table that says where is asked."""

from __future__ import annotations

import re

from mailscan.unpack.budget import in_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mailscan.unpack import Budget

_WORDS = (b"obj", b"stream", b"trailer")
_NUMBERS = re.compile(rb"(\d{1,10}+)[\0\t\n\f\r ]{1,20}+(\d{1,5}+)[\0\t\n\f\r ]{1,20}+\Z")
_BEFORE = 55
_LINE_END = re.compile(rb"[ \t]{0,8}(?:\r\n|\n|\r)?")


class Indirect:
    """An indirect object: its numbers, where its text lies, and the octets of its stream, if `data_start` is not 0."""

    __slots__ = ("number", "generation", "start", "stop", "data_start", "data_stop")

    def __init__(self, number: int, generation: int, start: int) -> None:
        self.number = number
        self.generation = generation
        self.start = start
        self.stop = self.data_start = self.data_stop = 0


def small(value: Any, deep: int = 3) -> Any:
    """As much of an object as may be kept of each."""
    if isinstance(value, dict):
        return {key: small(one, deep - 1) for key, one in list(value.items())[:64]} if deep else {}
    if isinstance(value, list):
        return [small(one, deep - 1) for one in value[:16]] if deep else []
    return value[:4096] if isinstance(value, bytes) else value


def scan(data: bytes, budget: Budget) -> Iterator[Indirect]:
    """Every object that begins anywhere, in streams too, and every trailer, as an object with the number -1."""
    here: Indirect | None = None
    for word, start, end in _words(data, budget):
        if word == b"stream":
            if here is not None and not here.data_start:
                here.stop, here.data_start = start, _after_line(data, end)
            continue
        number = generation = 0
        if word == b"obj":
            number, generation, start = _numbers(data, start)
        if here is not None and here.data_start and not here.data_stop:
            here.data_stop = start
        if word == b"endstream":
            continue
        if here is not None:
            here.stop = here.stop or start
            yield here
        here = None
        if word == b"obj":
            here = Indirect(number, generation, end)
        elif word == b"trailer":
            here = Indirect(-1, 0, end)
    if here is not None:
        here.stop = here.stop or len(data)
        if here.data_start and not here.data_stop:
            here.data_stop = len(data)
        yield here


def _words(data: bytes, budget: Budget) -> Iterator[tuple[bytes, int, int]]:
    """(word, where it begins, where it ends) of what begins and ends objects and streams.

    By `find`, which is forty times as fast as a pattern of these words.
    """
    places = {word: data.find(word) for word in _WORDS}
    steps = 0
    while True:
        steps += 1
        if not steps & 1023:
            in_time(budget)
        word = min((one for one in _WORDS if places[one] >= 0), key=places.__getitem__, default=b"")
        if not word:
            return
        at = places[word]
        end = at + len(word)
        places[word] = data.find(word, end)
        if word != b"trailer" and data[max(0, at - 3) : at] == b"end":
            yield b"end" + word, at - 3, end
        else:
            yield word, at, end


def _numbers(data: bytes, at: int) -> tuple[int, int, int]:
    """(number, generation, where they begin) of the object whose "obj" stands there; (0, 0, there) without them."""
    before = max(0, at - _BEFORE)
    found = _NUMBERS.search(data[before:at])
    return (int(found[1]), int(found[2]), before + found.start()) if found else (0, 0, at)


def _after_line(data: bytes, at: int) -> int:
    found = _LINE_END.match(data, at)
    return found.end() if found else at
