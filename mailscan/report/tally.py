"""What an audit's page shows, counted row by row: memory goes with the number of rules, not with that of mails."""

from __future__ import annotations

import math

from mailscan.audit.rows import OUTCOMES, alone
from mailscan.audit.rows import outcome as outcome_of
from mailscan.report.groups import Group, Shown, Top
from mailscan.report.times import Times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.audit.rows import Row

MOST_COMBINATIONS = 1000
# Scores beyond these stand at the ends.
_LOWEST, _HIGHEST = -50, 200


class RuleTally:
    """One rule: the mails that it found something in, decided and alone decided; its failures and its time."""

    __slots__ = ("name", "found", "decided", "alone", "errors", "asked", "ms", "longest", "slowest")

    def __init__(self, name: str) -> None:
        self.name = name
        self.found = Group()
        self.decided = Group()
        self.alone = Group()
        self.errors = Group()
        self.asked = 0
        self.ms = 0.0
        self.longest = 0.0
        self.slowest = Top(10)


class Tally:
    """The rows of an audit, added up."""

    def __init__(self, rows: str | None = None) -> None:
        """`rows` is the .jsonl file that the rows stand in, for the commands that open a mail."""
        self.rows = rows
        self.total = 0
        self.outcomes = {outcome: Group() for outcome in OUTCOMES}
        self.times = Times()
        self.rules: dict[str, RuleTally] = {}
        self.combinations: dict[tuple[str, ...], Group] = {}
        self.other_combinations = Group()
        self.scores: dict[int, Group] = {}
        self.notes: dict[str, Group] = {}
        self.slowest = Top(20)

    def add(self, row: Row) -> None:
        """Count one row; rows come in their order."""
        self.total += 1
        shown = Shown(row, self.total, self.rows)
        outcome = outcome_of(row["verdict"], row["quarantine"])
        self.outcomes[outcome].add(shown)
        self.times.add(row["date"], outcome, shown)
        self.slowest.add(row["ms"], shown)
        self._rules(row, shown)
        if row["score"]:
            number = min(max(math.floor(row["score"]), _LOWEST), _HIGHEST)
            self.scores.setdefault(number, Group()).add(shown)
        for code in dict.fromkeys(f"{note.get('rule')}: {note.get('code')}" for note in row["notes"]):
            if code in self.notes or len(self.notes) < MOST_COMBINATIONS:
                self.notes.setdefault(code, Group()).add(shown)

    def rule(self, name: str) -> RuleTally:
        """The tally of a rule, a new one for a new name."""
        if name not in self.rules:
            self.rules[name] = RuleTally(name)
        return self.rules[name]

    def _rules(self, row: Row, shown: Shown) -> None:
        found = row["rules"]
        for name in found:
            self.rule(name).found.add(shown)
        if found:
            key = tuple(found)
            if key not in self.combinations and len(self.combinations) >= MOST_COMBINATIONS:
                self.other_combinations.add(shown)
            else:
                self.combinations.setdefault(key, Group()).add(shown)
        if row["rule"]:
            decider = self.rule(row["rule"])
            decider.decided.add(shown)
            if alone(row):
                decider.alone.add(shown)
        for error in row["errors"]:
            self.rule(str(error.get("rule"))).errors.add(shown)
        for name, ms in row["timings"].items():
            rule = self.rule(name)
            rule.asked += 1
            rule.ms += ms
            rule.longest = max(rule.longest, ms)
            rule.slowest.add(ms, shown)
