"""What an audit has found so far: counts for the summary, and what was skipped. Plain data carry it over a pause."""

from __future__ import annotations

from mailscan.audit.tally import Tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mailscan.audit.work import Done

MOST_TOLD = 1000


class Totals:
    """The sum of what tasks gave, `skipped` has the first thousand, `missing` counts all."""

    def __init__(self, plain: dict[str, Any] | None = None) -> None:
        plain = plain or {}
        self.tally = Tally()
        if "tally" in plain:
            self.tally.merge(plain["tally"])
        self.skipped: list[tuple[str, str]] = [(source, why) for source, why in plain.get("skipped", ())]
        self.missing: int = plain.get("missing", 0)
        self.boxes: dict[str, list[int]] = plain.get("boxes", {})
        self.empty: int = plain.get("empty", 0)

    def add(self, done: Done) -> None:
        """Count what came of one task."""
        self.tally.merge(done.tally)
        self.missing += len(done.skipped)
        self.skipped += done.skipped[: max(0, MOST_TOLD - len(self.skipped))]
        self.empty += done.empty
        for source, counts in done.boxes.items():
            known = self.boxes.get(source)
            if known is not None:
                self.boxes[source] = [*map(sum, zip(known, counts, strict=True))]
            elif len(self.boxes) < MOST_TOLD:
                self.boxes[source] = counts

    def plain(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {**vars(self), "tally": self.tally.plain()}
