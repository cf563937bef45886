"""`Outside`: all that a filter may know beyond the mail in hand. It is handed in, never imported by a filter.

Sockets, DNS and the clock belong here.
"""

from __future__ import annotations

import time

from mailscan.errors import FilterError, OutOfTime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Outside:
    """The clock, and how long there is to wait. One for each mail.

    `deadline` is a reading of `time.monotonic`, in seconds; the walk moves it for each rule.
    """

    __slots__ = ("deadline", "_answers")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self._answers: dict[tuple[str, bytes], bytes | FilterError] = {}

    def now(self) -> float:
        """The time of day in seconds since the epoch."""
        return time.time()

    def remaining(self) -> float:
        """Seconds until the rule in hand must have answered; 0 when that has passed."""
        return max(0.0, self.deadline - time.monotonic())

    def exchange(
        self,
        address: str,
        request: Iterable[bytes | memoryview],
        *,
        most: int,
        whole: Callable[[bytes], bool],
        half_close: bool = False,
        timeout: float = 3600.0,
    ) -> bytes:
        """What the server at `address` answers (mailscan.exchange), asked once however often that is. Waits for it
        `timeout` seconds, and no longer than the rule in hand may. Raises `FilterError`.
        """
        import hashlib

        from mailscan.exchange import exchange

        pieces = list(request)
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        key = (address, digest.digest())
        if key not in self._answers:
            until = min(self.deadline, time.monotonic() + timeout)
            try:
                self._answers[key] = exchange(address, pieces, until, most=most, whole=whole, half_close=half_close)
            except FilterError as error:
                self._answers[key] = error
            except OutOfTime:  # the rule's timer, at the same moment
                self._answers[key] = FilterError(f"{address}: no answer in time")
                raise
        answer = self._answers[key]
        if isinstance(answer, FilterError):
            raise answer
        return answer
