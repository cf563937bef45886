"""What a backtest has seen: the matrix of outcomes, the rules that did it, and the changed mails.

Memory does not grow with the archive, but for the addresses that write and the ids of our own mail. Changed mails wait
in a file: what speaks for one of them may stand at the other end of the archive.
"""

from __future__ import annotations

import heapq
import json
import tempfile
from collections import Counter

from mailscan.audit.innocence import Archive, Letter
from mailscan.audit.rows import LET_THROUGH, REFUSED, to_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from mailscan.audit.pairs import Pair
    from mailscan.audit.rows import Row

# The change that a mail went through, as its row says.
REFUSED_NOW, LET_THROUGH_NOW, OTHER = "newly-refused", "newly-let-through", "other"
# That From and Return-Path agree is said of much spam too; alone it makes nobody innocent.
INNOCENT = 2
# More than all the other evidence together: somebody said so.
_EXPECTED = 32
MOST_RULES = 1000


class Culprit:
    """A rule by which mail is refused now: how much, how much of that looks innocent, and the most innocent mails."""

    __slots__ = ("rule", "mails", "innocent", "alone")

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.mails = 0
        self.innocent = 0
        self.alone = 0  # refused by no other rule, had this one not been


class Comparison:
    """A backtest while it goes on, and after `finish`.

    `matrix` counts (label, old outcome, new outcome); a label is "ham" or "spam" as expected, or "".
    """

    def __init__(self, own: Iterable[str] = ()) -> None:
        self.matrix: Counter[tuple[str, str, str]] = Counter()
        self.archive = Archive(own)
        self.culprits: list[Culprit] = []
        self.freed: Counter[str] = Counter()  # rules of the old policy whose refused mail goes through now
        self.errors: dict[str, int] = {}  # what rules of both policies failed with, in words, and how often
        self.top: list[Row] = []
        self.changed = 0
        # Binary lines of JSON: [label, letter, row].
        self._waiting = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`

    def close(self) -> None:
        self._waiting.close()

    def take(self, pairs: Iterable[Pair], label: str = "") -> None:
        """Count some messages. Raises `OSError` when there is no room for the changed ones."""
        for was, becomes, plain, changed in pairs:
            self.matrix[label, was, becomes] += 1
            letter = Letter.of(plain)
            self.archive.learn(letter, accepted=was not in REFUSED and becomes not in REFUSED)
            if changed is not None:
                changed["change"] = change(was, becomes)
                changed["old_outcome"], changed["outcome"] = was, becomes
                changed["expected"] = label or None
                self._waiting.write(to_line({"letter": plain, "row": changed}))

    def finish(self, most: int, each: Callable[[Row], object] = lambda row: None) -> None:
        """Weigh every changed mail. `each` gets their rows, in the order of the archive, completed and numbered from
        1 (`number`); the `most` most innocent-looking of the newly refused are in `top` afterwards.
        """
        culprits: dict[str, Culprit] = {}
        best: list[tuple[int, int, Row]] = []
        for number, row in enumerate(self._weighed(), 1):
            self.changed = number
            each(row)
            if row["change"] == LET_THROUGH_NOW:
                self.freed[row["old_rule"]] += 1
            if row["change"] != REFUSED_NOW or row["expected"] == "spam":
                continue
            culprit = culprits.setdefault(row["rule"], Culprit(row["rule"]))
            culprit.mails += 1
            culprit.innocent += row["innocence"] >= INNOCENT
            culprit.alone += row["alone"]
            entry = (row["innocence"], -number, {**row, "number": number})
            if len(best) < most:
                heapq.heappush(best, entry)
            elif best:
                heapq.heappushpop(best, entry)
        self.culprits = sorted(culprits.values(), key=lambda one: (-one.mails, one.rule))
        self.top = [row for _, _, row in sorted(best, key=lambda entry: (-entry[0], -entry[1]))]

    def _weighed(self) -> Iterator[Row]:
        self._waiting.seek(0)
        for line in self._waiting:
            kept: dict[str, Any] = json.loads(line)
            row: Row = kept["row"]
            weight, reasons = self.archive.evidence(Letter.of(kept["letter"]))
            if row["expected"] == "ham":
                weight, reasons = weight + _EXPECTED, ("expected to be ham", *reasons)
            row["innocence"], row["reasons"] = weight, list(reasons)
            yield row

    def refused_now(self) -> int:
        """Mails that went through before and would be refused now; those expected to be spam do not count."""
        return self.count(LET_THROUGH, REFUSED, ("", "ham"))

    def seen(self, outcome: str) -> bool:
        """Whether any mail came to that by one of the policies."""
        return any(count and outcome in key[1:] for key, count in self.matrix.items())

    def count(self, was: Iterable[str], becomes: Iterable[str], labels: Iterable[str] = ("", "ham", "spam")) -> int:
        """How many mails of these labels went from one of these outcomes to one of those."""
        was, becomes, labels = set(was), set(becomes), set(labels)
        return sum(
            count
            for (label, old, new), count in self.matrix.items()
            if label in labels and old in was and new in becomes
        )


def change(was: str, becomes: str) -> str:
    """What two outcomes make of a mail: refused now, let through now, or another change."""
    if (was in REFUSED) == (becomes in REFUSED):
        return OTHER
    return REFUSED_NOW if becomes in REFUSED else LET_THROUGH_NOW
