"""`Outside`: all that a filter may know beyond the mail in hand. It is handed in, never imported by a filter.

Sockets, DNS and the clock belong here. Each question is asked once per mail, and its answer, or why there is none,
is kept: for the next rule that asks the same, and for `--record`.
"""

from __future__ import annotations

import time

from mailscan.errors import FilterError
from mailscan.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Protocol, TypeVar

    from mailscan.addressing import Address
    from mailscan.asker import Asker
    from mailscan.channel import Reader

    T = TypeVar("T")

    # What was asked, as plain data: ("dns", name, type) or ("exchange", addresses, digest of the request, half_close).
    Question = tuple[str, ...]
    # What came of it, as plain data: (status, records, why there is no answer).
    Obtained = tuple[str, tuple[bytes, ...], str]

    class Settings(Protocol):
        resolvers: tuple[tuple[str, int], ...]
        timeout: float


# Kept back from a rule's time, so that a question ends with its own words before the rule's timer rings.
MARGIN = 0.05
DNS_TIMEOUT = 5.0


class NoAnswer(FilterError):
    """There is no answer to be had: no server, no time left, or garbage. A retry may fare better (temperror)."""


class Answer(Record):
    """What the DNS answered. `status` is "noerror", or "nxdomain" where the name does not exist.

    `records` are those of the type asked for, at the end of any chain of CNAMEs, in the order of the answer; empty
    where the name has none. They are text: an address, a name without its final dot, an MX as "10 mx.example.org".
    A TXT record is its strings joined, one character for each octet (ISO 8859-1).
    """

    __slots__ = ("status", "records")

    def __init__(self, status: str, records: Iterable[str] = ()) -> None:
        self.status: str = status
        self.records: tuple[str, ...] = tuple(records)


class Outside:
    """The network and the clock, and how long there is to wait. One for each mail.

    `deadline` is a reading of `time.monotonic`, in seconds; the walk moves it for each rule, and says in `turn` and
    `rule` which one is being asked, by number and by name. `known` has every question asked here and what came of it;
    `told`, for each rule, what Python of somebody's own says that it asked in its child: that answers nobody else
    (docs/decisions/042).
    """

    __slots__ = ("deadline", "settings", "turn", "rule", "known", "told", "clock", "asker")

    def __init__(self, deadline: float, settings: Settings | None = None) -> None:
        """`settings` are those of the policy's `[outside]`: without them, the system's resolvers are asked."""
        self.deadline = deadline
        self.settings = settings
        self.turn = -1
        self.rule = ""
        self.known: dict[Question, Obtained] = {}
        self.told: dict[str, dict[Question, Obtained]] = {}
        self.clock: float | None = None
        self.asker: Asker | None = None

    def now(self) -> float:
        """The time of day in seconds since the epoch: read once, and the same for all that ask about this mail."""
        if self.clock is None:
            self.clock = time.time()
        return self.clock

    def remaining(self) -> float:
        """Seconds until the rule in hand must have answered; 0 when that has passed."""
        return max(0.0, self.deadline - time.monotonic())

    def dns(self, name: str, rdtype: str) -> Answer:
        """What the DNS says of a name; `rdtype` is "A", "AAAA", "MX", "TXT", "PTR", "NS", "CNAME" or "SOA".

        A name that cannot exist (an empty label, one of over 63 octets, more than 255 in all) is "nxdomain".
        Raises `NoAnswer` for SERVFAIL and every other refusal, for time-outs, garbage, and loops of CNAMEs.
        """
        name = name.rstrip(".").lower()

        def get() -> Obtained:
            from mailscan.resolver import resolve

            limit = self.settings.timeout if self.settings else DNS_TIMEOUT
            resolvers = self.settings.resolvers if self.settings else ()
            status, records = resolve(name, rdtype, resolvers, min(limit, self.remaining() - MARGIN))
            return status, tuple(records), ""

        status, records, why = self.obtain(("dns", name, rdtype), get)
        if why:
            raise NoAnswer(why)
        return Answer(status, (record.decode("latin-1") for record in records))

    def exchange(
        self,
        addresses: str | Address | Sequence[str | Address],
        request: bytes | Sequence[bytes],
        read: Callable[[Reader], T],
        *,
        limit: int = 1_000_000,
        half_close: bool = False,
    ) -> T:
        """Send a request over TCP or a Unix socket, and give what `read` makes of the answer.

        `addresses` are tried in their order, as "HOST:PORT", "[V6]:PORT" or "unix:/path", until one answers: the next
        one's turn comes when a server is not there, is silent, closes, or answers what `read` refuses by raising
        `FilterError` or `ValueError`. The time left is shared among those not yet tried. `request` may be in pieces.
        With `half_close` our end is closed after it. An answer ends where `read` stops, and is read up to `limit`
        octets. Raises `NoAnswer`, and what `read` raised for the last server. `read` may be called more than once: it
        must only read.
        """
        from mailscan.channel import Tape, digest, exchange

        several = [addresses] if isinstance(addresses, str) or not isinstance(addresses, (list, tuple)) else addresses
        names = [str(one) for one in several]
        pieces: Sequence[bytes] = [request] if isinstance(request, bytes) else request

        def get() -> Obtained:
            return "", (exchange(names, pieces, read, self.lookup, self.limited, limit, half_close),), ""

        question = ("exchange", " ".join(names), digest(pieces), "half-close" if half_close else "")
        _, records, why = self.obtain(question, get)
        return read(Tape(records[0] if records else b"", why))

    def lookup(self, host: str) -> list[str]:
        """The addresses of a host of the postmaster's: this machine's hosts file, then the DNS."""
        from mailscan.channel import hosts_file

        found = hosts_file(host)
        for rdtype in () if found else ("A", "AAAA"):
            found += self.dns(host, rdtype).records
        return found

    def limited(self) -> float:
        """Seconds that a question may still take."""
        return self.remaining() - MARGIN

    def obtain(self, question: Question, get: Callable[[], Obtained]) -> Obtained:
        """What came of a question: from what is known, from what was asked beforehand, or by asking now."""
        if question not in self.known and self.asker is not None:
            self.asker.wait(question, self)
        if question not in self.known:
            self.known[question] = attempt(get)
        return self.known[question]

    def apart(self) -> set[Question]:
        """Called in a child that asks for itself, for the rule in hand: what has its answer already."""
        self.leave()  # what comes on that pipe is not its to take
        self.known.update(self.told.get(self.rule, ()))
        return set(self.known)

    def take_down(self, told: dict[Question, Obtained]) -> None:
        """Keep what the rule in hand asked in a child: for the record, from which that rule alone has it again."""
        self.told.setdefault(self.rule, {}).update(told)

    def side_by_side(self, work: Sequence[Callable[[Outside], object]]) -> None:
        """For `Filter.ask`: questions that need not wait for each other, each as a function of an `Outside`."""
        for one in work:
            one(self)

    def begin(self, tasks: Sequence[tuple[int, float, Callable[[Outside], object]]]) -> None:
        """Start what must be waited for: (turn, seconds it may take, what asks) for each rule, side by side.

        The asking is done in a process of its own, in threads; this one stays without any, so that it may fork.
        """
        from mailscan.asker import Asker

        self.now()  # one clock for both: it may be part of a question (`%{t}` of an SPF record)
        self.asker = Asker(self, tasks)

    def leave(self) -> None:
        """Wait no longer for what was begun; called when the verdict is there, and in a child that asks for itself."""
        if self.asker is not None:
            self.asker.end()
            self.asker = None


def attempt(get: Callable[[], Obtained]) -> Obtained:
    """Ask; a failure is an answer of its own kind, and as such kept and recorded."""
    try:
        return get()
    except NoAnswer as error:
        octets: bytes = getattr(error, "received", b"")
        return "", (octets,) if octets else (), str(error)
