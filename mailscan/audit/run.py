"""An audit's run: batches go to an executor of `concurrent.futures`, and rows come back in the archive's order."""

from __future__ import annotations

from collections import deque

from mailscan.audit.pairs import judge_both
from mailscan.audit.work import work
from mailscan.mailboxes import batches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor, Future

    from mailscan.audit.pairs import Pair, Texts
    from mailscan.audit.rows import Row
    from mailscan.audit.work import PolicyText
    from mailscan.mailboxes import Skipped


def audit(paths: list[str], text: PolicyText, executor: Executor, jobs: int, skipped: Skipped) -> Iterator[list[Row]]:
    """The rows of every message, some at a time, in order; `skipped(source, why)` hears of what could not be read.

    At most three batches for each worker are under way, so that memory stays flat.
    """
    waiting: deque[Future[tuple[list[Row], list[tuple[str, str]]]]] = deque()

    def first() -> list[Row]:
        rows, missing = waiting.popleft().result()
        for source, why in missing:
            skipped(source, why)
        return rows

    for batch in batches(paths, skipped):
        waiting.append(executor.submit(work, batch, text))
        if len(waiting) >= 3 * jobs:
            yield first()
    while waiting:
        yield first()


def pairs(paths: list[str], texts: Texts, executor: Executor, jobs: int, skipped: Skipped) -> Iterator[list[Pair]]:
    """As `audit`, but both policies judge, and what each message became comes back."""
    waiting: deque[Future[tuple[list[Pair], list[tuple[str, str]]]]] = deque()

    def first() -> list[Pair]:
        found, missing = waiting.popleft().result()
        for source, why in missing:
            skipped(source, why)
        return found

    for batch in batches(paths, skipped):
        waiting.append(executor.submit(judge_both, batch, texts))
        if len(waiting) >= 3 * jobs:
            yield first()
    while waiting:
        yield first()
