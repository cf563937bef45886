"""Mails behind a bar: how many they are, and some of them. Memory is bounded, however large the archive is."""

from __future__ import annotations

import heapq
import shlex

from mailscan.audit.rows import outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from mailscan.audit.rows import Row

# Mails that are listed for one bar.
MOST_MAILS = 30
_MOST_EVIDENCE = 3
_SUBJECT, _PLACE, _DETAIL = 160, 400, 200


class Shown:
    """One mail as a page shows it, made from its row when the first group wants it."""

    __slots__ = ("row", "number", "rows", "_plain")

    def __init__(self, row: Row, number: int, rows: str | None) -> None:
        """`number` is the row's, from 1; `rows` the .jsonl file that holds it, or None."""
        self.row: Row | None = row
        self.number = number
        self.rows = rows
        self._plain: dict[str, Any] | None = None

    def plain(self) -> dict[str, Any]:
        """Text and lists of text for the page's table of mails; short, whatever the mail says."""
        if self._plain is None:
            assert self.row is not None
            self._plain = _plain(self.row, self.number, self.rows)
            self.row = None
        return self._plain


class Group:
    """Some mails: `total` of them, of which the first `MOST_MAILS` can be listed."""

    __slots__ = ("total", "mails")

    def __init__(self) -> None:
        self.total = 0
        self.mails: list[dict[str, Any]] = []

    def add(self, shown: Shown) -> None:
        """One more."""
        self.total += 1
        if len(self.mails) < MOST_MAILS:
            self.mails.append(shown.plain())

    def merge(self, later: Group) -> None:
        """Another group's mails, behind the own."""
        self.total += later.total
        self.mails = (self.mails + later.mails)[:MOST_MAILS]


class Top:
    """The mails with the highest value, at most `most` of them."""

    __slots__ = ("most", "total", "_heap")

    def __init__(self, most: int = MOST_MAILS) -> None:
        self.most = most
        self.total = 0
        self._heap: list[tuple[float, int, dict[str, Any]]] = []

    def add(self, value: float, shown: Shown) -> None:
        """One more mail, with its value."""
        self.total += 1
        if len(self._heap) < self.most:
            heapq.heappush(self._heap, (value, -shown.number, shown.plain()))
        elif (value, -shown.number) > self._heap[0][:2]:
            heapq.heapreplace(self._heap, (value, -shown.number, shown.plain()))

    @property
    def mails(self) -> list[dict[str, Any]]:
        """The mails, the highest value first."""
        return [plain for _, _, plain in sorted(self._heap, key=lambda entry: (-entry[0], -entry[1]))]


def joined(groups: Iterable[Group]) -> Group:
    """A group of all their mails."""
    whole = Group()
    for group in groups:
        whole.merge(group)
    return whole


def _plain(row: Row, number: int, rows: str | None) -> dict[str, Any]:
    evidence: dict[str, None] = {}
    for one in row["evidence"]:
        # The rule that decided stands beside it.
        rule = "" if one.get("rule") == row["rule"] else f"{one.get('rule')}:"
        words = (rule, one.get("code"), one.get("detail"))
        evidence[_short(" ".join(str(word) for word in words if word), _DETAIL)] = None
    place = f"{row['source']}:{row['offset']}"
    return {
        "n": number,
        "subject": _short(row["subject"] or "", _SUBJECT),
        "from": _short(row["from_address"] or row["sender"] or "", _SUBJECT),
        "date": (row["date"] or "")[:10],
        "verdict": row.get("outcome") or outcome(row["verdict"], row["quarantine"]),
        "was": row.get("old_outcome") or "",
        "rule": _short(row["rule"] or row["quarantine"] or "", _SUBJECT),
        "old_rule": _short(row.get("old_rule") or "", _SUBJECT),
        "evidence": list(evidence)[:_MOST_EVIDENCE],
        "reasons": [_short(one, _DETAIL) for one in row.get("reasons") or ()],
        "ms": row["ms"],
        "place": _short(place, _PLACE),
        "command": command(f"{rows}:{number}" if rows else place),
    }


def command(named: str) -> str:
    """The command line that opens a mail, for a shell; "" where a name holds what cannot be copied to one unseen."""
    dashes = "-- " if named.startswith("-") else ""
    return f"mailscan show {dashes}{shlex.quote(named)}" if named.isprintable() and len(named) < 4000 else ""


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
