"""What an audit has found so far: counts for the summary, and what was skipped. Plain data carry it over a pause."""

from __future__ import annotations

from mailscan.audit.tally import Tally
from mailscan.mailboxes.dialects import Counts
from mailscan.mailboxes.notmail import NOT_MAIL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mailscan.audit.work import Done

MOST_TOLD = 1000


class Totals:
    """The sum of what tasks gave, `skipped` has the first thousand, `missing` counts all. Files that are no mail are
    in `others` by what they are, with the first of them, and counted by `missing` too. `doubts`: how often an mbox
    might have been read in another way.
    """

    def __init__(self, plain: dict[str, Any] | None = None) -> None:
        plain = plain or {}
        self.tally = Tally()
        if "tally" in plain:
            self.tally.merge(plain["tally"])
        self.skipped: list[tuple[str, str]] = [(source, why) for source, why in plain.get("skipped", ())]
        self.missing: int = plain.get("missing", 0)
        self.others: dict[str, tuple[int, str]] = {kind: (n, one) for kind, (n, one) in plain.get("others", {}).items()}
        self.doubts: int = plain.get("doubts", 0)
        self.boxes: dict[str, list[int]] = plain.get("boxes", {})
        self.empty: int = plain.get("empty", 0)

    def add(self, done: Done) -> None:
        """Count what came of one task."""
        self.tally.merge(done.tally)
        self.missing += len(done.skipped)
        for source, why in done.skipped:
            if why.startswith(NOT_MAIL):
                kind = why.removeprefix(NOT_MAIL)
                count, one = self.others.get(kind, (0, source))
                self.others[kind] = count + 1, one
            elif len(self.skipped) < MOST_TOLD:
                self.skipped.append((source, why))
        self.empty += done.empty
        for source, counts in done.boxes.items():
            is_doubtful = bool(Counts(counts).others)
            self.doubts += is_doubtful
            known = self.boxes.get(source)
            if known is not None:
                self.boxes[source] = [*map(sum, zip(known, counts, strict=True))]
            elif len(self.boxes) < MOST_TOLD or (is_doubtful and len(self.boxes) < 2 * MOST_TOLD):
                self.boxes[source] = counts

    def unread(self) -> list[tuple[str, str]]:
        """(what, in words) of all that is to be said beside the verdicts: files that are no mail, a line for each
        kind; mboxes that may be read in several ways; what was skipped.
        """
        told = []
        for kind, (count, one) in sorted(self.others.items()):
            more = f", and {count - 1:,} more of that kind" if count > 1 else ""
            told.append((one, f"{NOT_MAIL}{kind}{more}"))
        doubts = ((source, Counts(counts).doubt) for source, counts in self.boxes.items())
        return told + [(source, doubt) for source, doubt in doubts if doubt] + self.skipped

    def plain(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {**vars(self), "tally": self.tally.plain()}
