"""How much of what one message carries is looked at: members, octets, depth, and seconds, which end whatever is done.

Openers ask while they work whether there is time left (`in_time`), and so keep what they have; what
does not ask, such as a pattern on a large text, is ended by a timer.
"""

from __future__ import annotations

from mailscan.errors import OutOfTime
from mailscan.timer import Limit
from mailscan.unpack.found import BOMBS, OVER_LIMIT, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

# Of the seconds, this part is kept for the names of what there was no time to read.
_FOR_NAMES = 1 / 6
# What is given to those who ask for the time, to keep what they have, before the timer ends them.
_GRACE = 0.25
# What a name of a member beyond those that are looked at counts for, beside its characters.
_EACH = 160
# From more than this times what a message carries, too many octets are no accident.
_HONEST = 50


def in_time(budget: Budget, partly: bytes | bytearray = b"") -> None:
    """Raise `Unopened` once the seconds are spent; `partly` is what could be had until then."""
    if budget.late():
        raise budget.spent(bytes(partly))


class Budget:
    """How much of all containers of one message is looked at. `remaining` gives seconds, as `Outside.remaining`.

    `members` in all of them, and `names`, in characters, of what there is beyond these; `octets` that come out of them;
    `ratio` of what comes out of one member to what went in, above 10 MB; `depth` of containers within containers;
    `seconds` for all of it. `carried` counts the octets of the files that were opened first.
    """

    __slots__ = (
        "members",
        "octets",
        "ratio",
        "depth",
        "seconds",
        "carried",
        "_names",
        "_all",
        "_remaining",
        "_end",
    )

    def __init__(
        self,
        remaining: Callable[[], float],
        *,
        members: int = 10_000,
        octets: int = 100_000_000,
        ratio: int = 250,
        depth: int = 16,
        seconds: float = 3.0,
        names: int = 16_000_000,
    ) -> None:
        self.members = members
        self.octets = self._all = octets
        self.ratio = ratio
        self.depth = depth
        self.seconds = seconds
        self.carried = 0
        self._names = names
        self._remaining = remaining
        self._end = remaining() - seconds

    def late(self) -> bool:
        """Whether the seconds are spent."""
        return self._remaining() <= self._end

    def left(self) -> float:
        """How many seconds are left."""
        return max(0.0, self._remaining() - self._end)

    def spent(self, partly: bytes = b"") -> Unopened:
        """What is raised when the seconds are spent; `partly` is what could be had until then."""
        return Unopened(f"unpacking took longer than {self.seconds:g} s", OVER_LIMIT, partly)

    def within(self, work: Callable[[], T]) -> T:
        """What `work` gives. Raises `Unopened` where the seconds end before, whatever it is doing."""
        left = self.left() + _GRACE
        if left >= self._remaining():  # the time of the rule ends first, and is not ours to tell
            return work()
        try:
            with Limit(left):
                return work()
        except OutOfTime:
            raise self.spent() from None

    def reading(self, work: Callable[[], T], *, little: bool = False) -> T:
        """The same for the octets of a member, which must leave some time for the names of others.

        `little` work, as for the head of a member, is not worth a timer, which costs 5 µs; it asks for the time.
        """
        kept = self.seconds * _FOR_NAMES
        self._end += kept
        try:
            return work() if little else self.within(work)
        finally:
            self._end -= kept

    def take_member(self, names: tuple[str, ...]) -> Unopened | None:
        """Count one member; why it is judged by its names alone, or None. Raises `Unopened` beyond these, too."""
        if self.members > 0:
            self.members -= 1
            return self.spent() if self._remaining() <= self._end + self.seconds * _FOR_NAMES else None
        # Without names, few members are asked for to be shown, and more of them are no bomb.
        why = Unopened("more members than are looked at of one message", BOMBS if self._names else OVER_LIMIT)
        self._names -= _EACH + sum(map(len, names))
        if self._names < 0:
            raise why
        return why

    def most_listed(self) -> int:
        """How many members are asked for at most, if only by name."""
        return max(0, self.members) + max(0, self._names) // _EACH

    def group_of_octets(self) -> str:
        """What it is that more octets came out than are unpacked: a bomb if little was carried."""
        return BOMBS if self._all > _HONEST * self.carried else OVER_LIMIT
