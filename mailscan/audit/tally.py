"""What an audit counts while it goes on: enough for a summary, and little, however many mails there are."""

from __future__ import annotations

from heapq import nlargest

from mailscan.audit.rows import alone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mailscan.audit.rows import Row

MOST_ODD = 10
MOST_ERRORS = 50
_LONGEST = 200


class Tally:
    """Counts of the rows of one policy. `plain` and `merge` carry them from one process to another."""

    def __init__(self) -> None:
        self.messages = 0
        self.octets = 0
        self.verdicts: dict[str, int] = {}
        self.would: dict[str, int] = {}
        # By rule: mails it found something in, those it decided, those that it alone would have decided.
        self.rules: dict[str, list[int]] = {}
        # By rule: how often it was asked, the milliseconds of all, the most for one mail.
        self.times: dict[str, list[float]] = {}
        self.errors: dict[str, int] = {}
        # (ambiguities, source, offset, subject) of the mails with the most.
        self.odd: list[list[Any]] = []

    def add(self, row: Row) -> None:
        """Count one row."""
        self.messages += 1
        self.octets += row["size"]
        verdict = row["verdict"]
        self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1
        if row["would"]:
            would = row["would"].partition(" ")[0]
            self.would[would] = self.would.get(would, 0) + 1
        for name, ms in row["timings"].items():
            times = self.times.get(name)
            if times is None:
                self.times[name] = [1, ms, ms]
                continue
            times[0] += 1
            times[1] += ms
            if ms > times[2]:
                times[2] = ms
        if row["rules"] or row["deciders"] or row["rule"]:
            self._add_rules(row)
        for error in row["errors"]:
            self.add_error(f"{error['rule']}: {error['why']}")
        if row["ambiguities"]:
            odd = [row["ambiguities"], row["source"], row["offset"], (row["subject"] or "")[:_LONGEST]]
            self.odd.append(odd)
            if len(self.odd) >= MOST_ODD * 10:
                self.odd = _oddest(self.odd)

    def _add_rules(self, row: Row) -> None:
        found, deciders = row["rules"], row["deciders"]
        for name in dict.fromkeys([*found, *deciders, *([row["rule"]] if row["rule"] else [])]):
            counts = self.rules.setdefault(name, [0, 0, 0])
            counts[0] += name in found
            counts[1] += name == row["rule"]
            counts[2] += name == row["rule"] and alone(row)

    def add_error(self, what: str, count: int = 1) -> None:
        """Count a failure of a rule, in words."""
        what = what[:_LONGEST]
        if what in self.errors or len(self.errors) < MOST_ERRORS:
            self.errors[what] = self.errors.get(what, 0) + count
        else:
            self.errors["others"] = self.errors.get("others", 0) + count

    def plain(self) -> dict[str, Any]:
        """The counts as plain data."""
        self.odd = _oddest(self.odd)
        return dict(vars(self))

    def merge(self, other: Mapping[str, Any]) -> None:
        """Add the counts of `plain`."""
        self.messages += other["messages"]
        self.octets += other["octets"]
        for name in ("verdicts", "would"):
            mine = getattr(self, name)
            for key, count in other[name].items():
                mine[key] = mine.get(key, 0) + count
        for rule, counts in other["rules"].items():
            self.rules[rule] = [*map(sum, zip(self.rules.get(rule, (0, 0, 0)), counts, strict=True))]
        for rule, (asked, ms, most) in other["times"].items():
            times = self.times.get(rule, [0, 0.0, 0.0])
            self.times[rule] = [times[0] + asked, times[1] + ms, max(times[2], most)]
        for what, count in other["errors"].items():
            self.add_error(what, count)
        self.odd = _oddest(self.odd + [list(one) for one in other["odd"]])


def _oddest(odd: list[list[Any]]) -> list[list[Any]]:
    # The first of equals stays: what is told does not depend on how the work was divided.
    return nlargest(MOST_ODD, odd, key=lambda one: one[0])
