"""The filter `clamav`."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import partial

from mailscan import specimens
from mailscan.addressing import Address, addresses
from mailscan.errors import FilterError
from mailscan.filters import Filter
from mailscan.keys import count, option, size, texts
from mailscan.probe import Probe, probe
from mailscan.verdict import Evidence, Finding
from mailscan.wire import clamd, whole_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeVar

    from mailscan.mail import Mail
    from mailscan.mime import Part
    from mailscan.outside import Outside
    from mailscan.wire import Reader

    T = TypeVar("T")

# How many parts are looked at for the one that is infected, and the share of the time left that may take.
_MOST_TRIED = 20
_LEFT_FOR_REST = 0.5
# Days; the project publishes signatures every day.
_OLD = 7
_LOCAL: tuple[Address, ...] = (Address("", 0, "/run/clamav/clamd.ctl"),)
_LIMITS: tuple[str, ...] = ("Heuristics.Limits.Exceeded*", "Heuristics.Encrypted*")


class ClamAV(Filter):
    """Has ClamAV's daemon, clamd, look for malware: `clamav.infected`, with the name of the signature.

    The whole message is sent, and clamd takes it apart itself. It reads a mail in one way, though; a part that only
    other readings of an ambiguous message have (`mailscan show` lists them) is sent by itself, decoded, up to
    `max_parts` of them. When the message is infected the parts are asked about one by one, so that the finding says
    which one it is.

    What clamd cannot take is `clamav.not-scanned`, a note: a message above its StreamMaxLength, or above `max_size`
    here, and what it reports by a name that `not_scanned` has. clamd does so for encrypted archives when its
    AlertEncrypted is set, and for what is over its limits with AlertExceedsMax; who wants such mail refused empties
    the list, or has the rule `attachments` refuse it.
    """

    address = option(addresses, _LOCAL, "where clamd listens; of several the first that answers")
    max_size = option(size, 100_000_000, "a larger message is not sent; at most clamd's StreamMaxLength is of use")
    max_parts = option(count, 100, "how many parts of other readings are sent")
    not_scanned = option(
        texts,
        _LIMITS,
        "names of what is no malware, and was not looked at; `*` is any text",
    )
    allow = option(texts, (), 'names of signatures that may pass; `*` is any text: "PUA.*"')

    asks_network = True

    def ask(self, mail: Mail, outside: Outside) -> None:
        """Have clamd begin."""
        if len(mail.message.raw) <= self.max_size:
            self._answer(_whole(mail), outside)

    def check(self, mail: Mail, outside: Outside) -> Iterator[Finding]:
        """Yields "clamav.infected" for the message, or for each part of other readings; or "clamav.not-scanned"."""
        octets = _whole(mail)
        everything = Evidence("1", mail.message.start, len(mail.message.raw))
        found: Finding | None = None
        if len(octets) > self.max_size:
            yield _unseen(f"the message is larger than max_size, {self.max_size} octets", everything)
        elif found := self._found(octets, "the message", everything, outside):
            if not found.note:
                found.evidence = tuple(self._places(mail, outside)) or found.evidence
            yield found
        if found is not None and not found.note:
            return
        others = [part for part in mail.message.parts if "~" in part.path and not part.is_multipart]
        for part in others[: self.max_parts]:
            if len(part.data) <= self.max_size and (
                seen := self._found(part.data, f"part {part.path}", Evidence(part.path, *part.span), outside)
            ):
                yield seen
        if len(others) > self.max_parts:
            yield _unseen(f"{len(others)} parts of other readings, and max_parts is {self.max_parts}", everything)

    def probe(self, outside: Outside) -> Iterator[Probe]:
        """PING, EICAR, a message that must not be found, and the age of the signatures, of each server."""
        for address in self.address:
            there = probe(f"clamd {address}: PING", partial(self._ping, address, outside))
            yield there
            if there.state == "failed":
                continue
            yield self._version(address, outside)
            yield probe(f"clamd {address}: EICAR is found", partial(self._virus, address, outside))
            yield probe(f"clamd {address}: a letter is not", partial(self._letter, address, outside))

    def _ping(self, address: Address, outside: Outside) -> str:
        _command(address, clamd.PING, clamd.pong, outside)
        return "PONG"

    def _version(self, address: Address, outside: Outside) -> Probe:
        one = probe(f"clamd {address}: signatures", lambda: _command(address, clamd.VERSION, clamd.version, outside))
        days = clamd.age(one.said, outside.now()) if one.state == "ok" else None
        if days is not None and days > _OLD:
            return Probe(one.what, "warning", f"{one.said}: {days:.0f} days old; does freshclam run?")
        return one

    def _virus(self, address: Address, outside: Outside) -> str:
        answer = self._asked([address], specimens.infected(), outside)
        if not answer.signature or _among(answer.signature, (*self.allow, *self.not_scanned)):
            raise FilterError(f"{answer.signature or 'nothing is found'}: has clamd its signatures?")
        return answer.signature

    def _letter(self, address: Address, outside: Outside) -> str:
        if signature := self._asked([address], specimens.harmless(), outside).signature:
            raise FilterError(signature)
        return "nothing is found"

    def _found(self, octets: bytes, what: str, where: Evidence, outside: Outside) -> Finding | None:
        answer = self._answer(octets, outside)
        if answer.too_large:
            return _unseen(f"{what} is larger than clamd takes (its StreamMaxLength)", where)
        if not answer.signature or _among(answer.signature, self.allow):
            return None
        if _among(answer.signature, self.not_scanned):
            return _unseen(f"{what}: {answer.signature}", where)
        return Finding("clamav.infected", f"{what}: {answer.signature}", evidence=[where])

    def _places(self, mail: Mail, outside: Outside) -> Iterator[Evidence]:
        """The parts that are infected by themselves; what goes wrong here takes nothing from the finding."""
        until = outside.remaining() * _LEFT_FOR_REST
        for part in _leaves(mail)[:_MOST_TRIED]:
            if outside.remaining() <= until:
                return
            try:
                answer = self._answer(part.data, outside)
            except FilterError:
                return
            if answer.signature:
                yield Evidence(part.path, *part.span)

    def _answer(self, octets: bytes, outside: Outside) -> clamd.Answer:
        return self._asked(self.address, octets, outside)

    def _asked(self, addresses: Sequence[Address], octets: bytes, outside: Outside) -> clamd.Answer:
        def read(reader: Reader) -> clamd.Answer:
            return clamd.answer(whole_answer(reader, clamd.is_whole))

        return outside.exchange(addresses, clamd.instream(octets), read, limit=clamd.MOST_OCTETS)


def _command(address: Address, command: bytes, read: Callable[[bytes], T], outside: Outside) -> T:
    return outside.exchange(address, command, lambda reader: read(whole_answer(reader, clamd.is_whole)))


def _whole(mail: Mail) -> bytes:
    return mail.message.raw[mail.message.start :]


def _leaves(mail: Mail) -> list[Part]:
    """The parts of the first reading that hold no others, those that look like files first."""
    leaves = [
        part for part in mail.message.parts if not part.is_multipart and not part.children and "~" not in part.path
    ]
    return sorted(leaves, key=lambda part: not part.filenames)


def _among(name: str, patterns: Iterable[str]) -> bool:
    # clamd puts ".UNOFFICIAL" behind the names of signatures that are a site's own.
    return any(fnmatchcase(name, one) or fnmatchcase(name.removesuffix(".UNOFFICIAL"), one) for one in patterns)


def _unseen(why: str, where: Evidence) -> Finding:
    return Finding("clamav.not-scanned", why, evidence=[where], note=True)
