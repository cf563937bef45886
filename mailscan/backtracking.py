"""Which regular expressions take more time than in proportion to a text: Python's `re` tries one way after the other.

A pattern is seen as an automaton whose states are the places in it that match a character. Where one text leads by two
ways back to where it was, ways double with each character; where a search may begin again inside of what a repeat has
already taken, each beginning goes through it all again.
"""

from __future__ import annotations

import re
import warnings
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Part = tuple[bool, set[int], set[int], set[int]]

EXPONENTIAL, SQUARE, UNKNOWN = "exponential", "square", "unknown"
# What tells two sets of characters apart: ASCII, and of other scripts letters, a digit, a blank, a mark, a sign.
ALPHABET = "".join(map(chr, range(128))) + "\u00e9\u0416\u4f60\u0663\u2003\u0301\u20ac"
# So many repeats are as good as any number; of fewer, each beginning goes through that many only.
_MANY = 200
_MOST_PLACES = 80
_MOST_STEPS = 100_000
_CHARACTERS = (_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN)
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)


def parsed(source: str, flags: int) -> Any:
    """The syntax tree of a pattern that `re` takes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _parser.parse(source, flags)


def one_of(item: object, flags: int) -> re.Pattern[str]:
    """A pattern of one item of a tree alone, which matches one character: `re` itself says which."""
    return _compiler.compile(_parser.SubPattern(_parser.State(), [item]), flags)  # type: ignore[no-any-return]


def inner_flags(flags: int, add: int, without: int) -> int:
    """The flags within a group that changes some."""
    if add & (re.ASCII | re.UNICODE):
        flags &= ~(re.ASCII | re.UNICODE)
    return (flags | add) & ~without


def growth(pattern: re.Pattern[str]) -> str:
    """`EXPONENTIAL`, `SQUARE`, `UNKNOWN` of a pattern that is too large to be looked through; "" where a search takes
    time in proportion to the text.
    """
    try:
        automaton = _Automaton(parsed(pattern.pattern, pattern.flags), pattern.flags)
        if automaton.doubles():
            return EXPONENTIAL
        return SQUARE if not automaton.anchored and automaton.begins_again() else ""
    except _TooMany:
        return UNKNOWN


class _TooMany(Exception):
    """More steps than an answer is worth."""


class _Automaton:
    """The places of a pattern, what each matches (a bit for each character of `ALPHABET`), and what follows each."""

    def __init__(self, tree: Any, flags: int) -> None:
        self.masks: list[int] = []
        self.steps = 0
        self.follows: dict[int, dict[int, int]] = {}
        _, self.first, _, self.sure = self.sequence(tree, flags)
        self.anchored = _is_anchored(tree, flags)

    def sequence(self, items: Any, flags: int) -> Part:
        """(may be empty, first places, last places, those of the last after which all has matched for sure)"""
        empty = True
        first, last, sure = set[int](), set[int](), set[int]()
        for item in items:
            its_empty, its_first, its_last, its_sure = self.item(item, flags)
            self.link(last, its_first)
            first |= its_first if empty else set()
            is_condition = its_empty and not its_last
            sure = its_sure | (sure if its_empty and not is_condition else set())
            last = its_last | (last if its_empty else set())
            empty = empty and its_empty
        return empty, first, last, sure

    def item(self, item: Any, flags: int) -> Part:
        kind, value = item
        if kind in _CHARACTERS:
            return self.place(one_of(item, flags))
        if kind is _constants.BRANCH:
            return _either([self.sequence(one, flags) for one in value[1]])
        if kind is _constants.SUBPATTERN:
            return self.sequence(value[3], inner_flags(flags, value[1], value[2]))
        if kind is _constants.ATOMIC_GROUP:
            return self.sequence(value, flags)
        if kind in _REPEATS:
            least, most, inner = value
            empty, first, last, sure = self.sequence(inner, flags)
            if most is _constants.MAXREPEAT or most >= _MANY:
                self.link(last, first)
            return empty or least == 0, first, last, sure
        if kind is _constants.AT and value is _constants.AT_BEGINNING and flags & re.MULTILINE:
            return self.place(re.compile("\n"))
        return True, set(), set(), set()  # what matches no character: a condition

    def place(self, matcher: re.Pattern[str]) -> Part:
        mask = sum(1 << number for number, char in enumerate(ALPHABET) if matcher.match(char))
        self.masks.append(mask)
        if len(self.masks) > _MOST_PLACES:
            raise _TooMany
        here = {len(self.masks) - 1}
        return False, here, here, here

    def link(self, last: set[int], first: set[int]) -> None:
        for one in last:
            counts = self.follows.setdefault(one, {})
            for other in first:
                counts[other] = counts.get(other, 0) + 1

    def pairs(self, one: int, other: int) -> Iterator[tuple[int, int]]:
        """Where two ways lead that go on by the same character."""
        for left in self.follows.get(one, ()):
            for right in self.follows.get(other, ()):
                self.steps += 1
                if self.steps > _MOST_STEPS:
                    raise _TooMany
                if self.masks[left] & self.masks[right]:
                    yield left, right

    def reached(self, starts: set[tuple[int, int]]) -> set[tuple[int, int]]:
        """All pairs that pairs lead to, those themselves among them."""
        found, fresh = set(starts), list(starts)
        while fresh:
            for pair in self.pairs(*fresh.pop()):
                if pair not in found:
                    found.add(pair)
                    fresh.append(pair)
        return found

    def doubles(self) -> bool:
        """Whether a text leads from a place back to it by two ways, and may fail behind it."""
        for place, counts in self.follows.items():
            if place in self.sure:
                continue
            onward = self.reached(set(self.pairs(place, place)))
            if (place, place) not in onward:
                continue
            if any(count > 1 and (other, other) in onward for other, count in counts.items()):
                return True
            apart = [(one, other) for one, other in onward if one != other]
            if any((place, place) in self.reached({pair}) for pair in apart):
                return True
        return False

    def begins_again(self) -> bool:
        """Whether a search can begin within what a repeat has taken, be led into that repeat, and fail behind it."""
        for place in self.follows:
            starts = {
                (one, other)
                for one in self.first
                for other in self.follows[place]
                if self.masks[one] & self.masks[other]
            }
            if place not in self.sure and (place, place) in self.reached(starts):
                return True
        return False


def _either(parts: list[Part]) -> Part:
    empty, first, last, sure = False, set[int](), set[int](), set[int]()
    for one in parts:
        empty = empty or one[0]
        first |= one[1]
        last |= one[2]
        sure |= one[3]
    return empty, first, last, sure


def _is_anchored(items: Any, flags: int) -> bool:
    if not len(items):
        return False
    kind, value = items[0]
    if kind is _constants.AT:
        at_start = value is _constants.AT_BEGINNING and not flags & re.MULTILINE
        return at_start or value is _constants.AT_BEGINNING_STRING
    if kind is _constants.SUBPATTERN:
        return _is_anchored(value[3], inner_flags(flags, value[1], value[2]))
    return kind is _constants.BRANCH and all(_is_anchored(one, flags) for one in value[1])
