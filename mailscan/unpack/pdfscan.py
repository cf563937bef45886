"""The objects of a PDF document, wherever in it they lie (ISO 32000-1 7.3.10); no table that says where is asked."""

from __future__ import annotations

import re

from mailscan.unpack.bounded import searched
from mailscan.unpack.limits import in_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mailscan.unpack import Budget

_SCAN = re.compile(
    rb"endobj|endstream|(?:(\d{1,10}+)[\0\t\n\f\r ]{1,20}+(\d{1,5}+)[\0\t\n\f\r ]{1,20}+)?(obj)"
    rb"|(stream)[ \t]{0,8}(?:\r\n|\n|\r)?|(trailer)"
)


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
    for count, found in enumerate(searched(_SCAN, data, budget)):
        if not count & 4095:
            in_time(budget)
        number, generation, begins, streams, trailer = found.groups()
        if streams is not None:
            if here is not None and not here.data_start:
                here.stop, here.data_start = found.start(), found.end()
            continue
        if here is not None and here.data_start and not here.data_stop:
            here.data_stop = found.start()
        if begins is not None or trailer is not None or found.group() == b"endobj":
            if here is not None:
                here.stop = here.stop or found.start()
                yield here
            here = None
            if begins is not None:
                here = Indirect(int(number or b"0"), int(generation or b"0"), found.end())
            elif trailer is not None:
                here = Indirect(-1, 0, found.end())
    if here is not None:
        here.stop = here.stop or len(data)
        if here.data_start and not here.data_stop:
            here.data_stop = len(data)
        yield here
