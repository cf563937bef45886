"""What a worker of a backtest does: both policies judge each message, which is read and parsed once."""

from __future__ import annotations

import json

from mailscan.audit.deciders import deciders
from mailscan.audit.innocence import Letter
from mailscan.audit.rows import REFUSED, outcome, row, to_line
from mailscan.audit.tally import Tally
from mailscan.audit.work import Judge
from mailscan.message import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mailscan.audit.rows import Row
    from mailscan.audit.settings import Settings
    from mailscan.policy import Policy
    from mailscan.verdict import Verdict

    # (outcome by the old policy, by the new one, what its header tells of who wrote to whom, its row if they differ)
    Pair = tuple[str, str, list[object], Row | None]

# Columns that the row of a changed mail has beyond those of an audit, whose own are by the new policy.
OLD = ("verdict", "code", "rule", "rules", "deciders", "score", "evidence", "errors")


class Pairs(Judge):
    """The old policy and the new one. What `judge` gives as lines are pairs, for `pairs_of`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        for policy in self.policies:
            # On trial everything is accepted, and there would be nothing to compare.
            policy.site.trial = False

    def judge(self, messages: Iterable[tuple[str, int, bytes]]) -> tuple[bytes, Tally]:
        """The pair of each message, as a line of JSON."""
        tally = Tally()
        lines = []
        for message in messages:
            lines.append(to_line({"pair": self._pair(tally, *message)}))
            tally.messages += 1
        return b"".join(lines), tally

    def _pair(self, tally: Tally, source: str, offset: int, raw: bytes) -> list[object]:
        message = Message(raw)
        earlier, before, _ = self.judged(message, 0)
        mail, after, ms = self.judged(message, 1)
        for policy, verdict in (("old", before), ("new", after)):
            for asked in verdict.account:
                if asked.outcome == "error":
                    tally.add_error(f"{policy} policy, {asked.rule}: {asked.why}")
        was, becomes = outcome(before.action, before.quarantine), outcome(after.action, after.quarantine)
        letter = list(Letter(message, mail.envelope).plain())
        if was == becomes:
            return [was, becomes, letter, None]
        changed = row(source, offset, mail, after, ms, self.policies[1])
        old = row(source, offset, earlier, before, 0.0, self.policies[0])
        changed.update({f"old_{name}": old[name] for name in OLD})
        changed["alone"] = not _refused_without(after, self.policies[1])
        return [was, becomes, letter, changed]


def pairs_of(lines: bytes) -> Iterator[Pair]:
    """The pairs that a worker wrote."""
    for line in lines.splitlines():
        was, becomes, letter, changed = json.loads(line)["pair"]
        yield was, becomes, letter, changed


def _refused_without(verdict: Verdict, policy: Policy) -> bool:
    """Whether the mail would be refused by a rule even if the one that decided were not there."""
    others = (action for rule, action in deciders(verdict, policy) if rule != verdict.rule)
    return next(others, "accept") in REFUSED
