"""Regular expressions that `re` may take long over, matched by google-re2 where that is installed: always in time in
proportion to the text.

The two differ in what letters, words and cases are. So a pattern is not handed over as it is written: which characters
each place in it matches is asked of `re`, for the characters that the text has, and re2 is told those. What re2 cannot
do (a look ahead, a reference), or does otherwise, stays with `re` and the time limit of its rule.
"""

from __future__ import annotations

import os
import re
import sys
from re import _constants  # type: ignore[attr-defined]

from mailscan.backtracking import EXPONENTIAL, growth, inner_flags, one_of, parsed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Searcher(Protocol):
        def search(self, text: bytes) -> object: ...


_ASCII = "".join(map(chr, range(128)))
_MOST_KEPT = 50
_CHARACTERS = (_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN)
_known: dict[re.Pattern[str], Linear | None] = {}


def matches(pattern: re.Pattern[str], text: str, *, short: bool = False) -> bool:
    """Whether the pattern matches somewhere in the text; of one that is `short`, its square is no matter."""
    if pattern not in _known:
        how = growth(pattern) if is_here() else ""
        _known[pattern] = Linear(pattern, how) if how else None
    linear = _known[pattern]
    if linear is None or (short and linear.how != EXPONENTIAL):
        return pattern.search(text) is not None
    return linear.matches(text)


def is_here() -> bool:
    """Whether google-re2 is installed, by a look at the folders: its import takes longer than most mail."""
    return "re2" in sys.modules or any(os.path.isdir(os.path.join(one, "re2")) for one in sys.path)


def takes(pattern: re.Pattern[str]) -> bool:
    """Whether re2 is here and takes this pattern, for any text."""
    return is_here() and Linear(pattern, "").searcher(_ASCII + "\u0416") is not None


class Linear:
    """A pattern with its translations: one for ASCII, and one for each set of other characters that a text has."""

    def __init__(self, pattern: re.Pattern[str], how: str) -> None:
        self.pattern = pattern
        self.how = how
        self._tree = parsed(pattern.pattern, pattern.flags)
        self._searchers: dict[str, Searcher | None] = {}

    def matches(self, text: str) -> bool:
        """Whether it matches somewhere in the text, by re2 or, where that cannot be, by `re`."""
        alphabet = _ASCII if text.isascii() else "".join(sorted(set(text)))
        searcher = self.searcher(alphabet)
        if searcher is not None:
            try:
                return searcher.search(text.encode()) is not None
            except UnicodeEncodeError:  # half a character
                pass
        return self.pattern.search(text) is not None

    def is_told(self) -> bool:
        """Whether it can be written for re2, here or not."""
        try:
            _Writer(_ASCII).sequence(self._tree, self.pattern.flags, is_end=True)
        except _Untold:
            return False
        return True

    def searcher(self, alphabet: str) -> Searcher | None:
        """re2's pattern for text of these characters; None if there is none."""
        if alphabet not in self._searchers:
            if len(self._searchers) >= _MOST_KEPT:
                self._searchers.clear()
            try:
                written = _Writer(alphabet).sequence(self._tree, self.pattern.flags, is_end=True)
                self._searchers[alphabet] = _compiled(written)
            except (_Untold, ImportError):
                self._searchers[alphabet] = None
        return self._searchers[alphabet]


def _compiled(written: str) -> Searcher | None:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        compiled: Searcher = re2.compile(written.encode(), options)
        return compiled
    except re2.error:  # too large, or repeated too often
        return None


class _Untold(Exception):
    """Something in a pattern that re2 has not, or has otherwise."""


class _Writer:
    """Writes a syntax tree as re2 takes it, for text of an alphabet."""

    def __init__(self, alphabet: str) -> None:
        self._alphabet = alphabet

    def sequence(self, items: Any, flags: int, *, is_end: bool = False) -> str:
        """Items one behind the other; with `is_end` nothing of the pattern follows them."""
        count = len(items)
        return "".join(self.item(item, flags, is_end and nth == count - 1) for nth, item in enumerate(items))

    def item(self, item: Any, flags: int, is_end: bool) -> str:
        kind, value = item
        if kind in _CHARACTERS:
            return self.characters(one_of(item, flags))
        if kind is _constants.BRANCH:
            return "(?:" + "|".join(self.sequence(one, flags, is_end=is_end) for one in value[1]) + ")"
        if kind is _constants.SUBPATTERN:
            inner = inner_flags(flags, value[1], value[2])
            return f"(?:{self.sequence(value[3], inner, is_end=is_end)})"
        if kind is _constants.MAX_REPEAT or kind is _constants.MIN_REPEAT:
            least, most, body = value
            upper = "" if most is _constants.MAXREPEAT else most
            return f"(?:{self.sequence(body, flags)}){{{least},{upper}}}"
        if kind is _constants.AT:
            return self.condition(value, flags, is_end)
        raise _Untold

    def condition(self, value: object, flags: int, is_end: bool) -> str:
        lines = bool(flags & re.MULTILINE)
        if value is _constants.AT_BEGINNING:
            return "(?m:^)" if lines else r"\A"
        if value is _constants.AT_BEGINNING_STRING:
            return r"\A"
        if value is _constants.AT_END_STRING:
            return r"\z"
        if value is _constants.AT_END and lines:
            return "(?m:$)"
        if value is _constants.AT_END and is_end:
            return r"\n?\z"
        # re2's words are of ASCII.
        if value is _constants.AT_BOUNDARY and (self._alphabet.isascii() or flags & re.ASCII):
            return r"\b"
        raise _Untold

    def characters(self, matcher: re.Pattern[str]) -> str:
        """The characters of the alphabet that a place matches, as a class."""
        found = sorted(map(ord, matcher.findall(self._alphabet)))
        if not found:
            return r"[^\x{0}-\x{10ffff}]"
        ranges: list[list[int]] = []
        for number in found:
            if ranges and number == ranges[-1][1] + 1:
                ranges[-1][1] = number
            else:
                ranges.append([number, number])
        return "[" + "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in ranges) + "]"
