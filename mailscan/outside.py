"""`Outside`: all that a filter may know beyond the mail in hand. It is handed in, never imported by a filter.

Sockets, DNS and the clock belong here.
"""

from __future__ import annotations

import time


class Outside:
    """The clock, and how long there is to wait. One for each mail.

    `deadline` is a reading of `time.monotonic`, in seconds; the walk moves it for each rule.
    """

    __slots__ = ("deadline",)

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline

    def now(self) -> float:
        """The time of day in seconds since the epoch."""
        return time.time()

    def remaining(self) -> float:
        """Seconds until the rule in hand must have answered; 0 when that has passed."""
        return max(0.0, self.deadline - time.monotonic())
