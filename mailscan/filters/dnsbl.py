"""`use = "dnsbl"`: lists in the DNS of clients and domains (RFC 5782)."""

from __future__ import annotations

from mailscan.addresses import normal_domain
from mailscan.envelope import split_address
from mailscan.errors import FilterError
from mailscan.filters import Filter
from mailscan.keys import choices, number, option, optional
from mailscan.mail import MAIL
from mailscan.networks import is_ours
from mailscan.outside import NoAnswer
from mailscan.probe import probe
from mailscan.verdict import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.mail import Mail
    from mailscan.outside import Outside
    from mailscan.probe import Probe

_WHAT = ("client", "sender", "helo")
_CLIENT: tuple[str, ...] = ("client",)


def _zone(text: str) -> str:
    """A zone as a name; raises `ValueError`."""
    name = text.strip().strip(".").lower()
    labels = name.split(".")
    if len(name) > 190 or len(labels) < 2 or not all(0 < len(one) < 64 and one.isascii() for one in labels):
        raise ValueError(f'the zone of a list is wanted, as "zen.example.org", not "{text}"')
    if not all(char.isalnum() or char in "-_." for char in name):
        raise ValueError(f'the zone of a list is wanted, as "zen.example.org", not "{text}"')
    return name


def zones(value: object, folder: str) -> dict[str, dict[str, float]]:
    """a table: for each zone its weight, or a table of weights by answer ("127.0.0.2", or "*" for any other)"""
    if not isinstance(value, dict) or not value:
        raise ValueError('a table is wanted, as { "zen.example.org" = 3.0 }')
    found: dict[str, dict[str, float]] = {}
    for name, said in value.items():
        weights = said if isinstance(said, dict) else {"*": said}
        if not weights:
            raise ValueError(f'"{name}": no answer has a weight')
        for code in weights:
            if code != "*" and not _is_listing(code):
                raise ValueError(f'"{name}": "{code}" is no answer of a list; one as "127.0.0.2", or "*", is wanted')
        found[_zone(name)] = {code: number(weight, folder) for code, weight in weights.items()}
    return found


class Dnsbl(Filter):
    """Finds clients, sender domains and HELO names that lists in the DNS have (DNSBL, RFC 5782).

        [[filter]]
        use = "dnsbl"
        zones = { "zen.example.org" = 4.0, "multi.example.net" = { "127.0.0.2" = 3.0, "127.0.0.4" = 1.0 } }

    Each zone has a weight, or one for each answer; "*" is any other answer, and an answer without a weight is shown and
    counts nothing. The weights of all listings are added to the sum of the mail, whatever their number. With
    `action = "reject"` on the rule any listing with a weight refuses the mail; with `at_least`, only when they weigh so
    much together. The same zones are asked about whatever `of` names: use a rule for each kind of list.

    `of`: "client" asks about the client's address, IPv4 and IPv6; "sender" about the domain of the envelope sender;
    "helo" about the HELO name. Clients that are ours (authenticated, in [site] trusted, private or loopback) are not
    asked about.

    An answer from 127.255.255.0/24, or from outside of 127.0.0.0/8, is no listing: it is how a list says that it does
    not answer this resolver, or is gone. The rule's `on_error` then applies, unless another zone has a listing; it is
    `ignore` when not said, as for a list that does not answer.
    """

    zones = option(zones, (), "the lists, and what their answers weigh")
    of = option(choices(*_WHAT), _CLIENT, 'what is looked up: "client", "sender", "helo"')
    at_least = optional(number, "findings only when the listings weigh this or more together")

    stage = MAIL
    decides = True
    scores = True
    asks_network = True
    on_error = "ignore"

    def prepare(self) -> None:
        """Refuses a table without lists, or without anything to look up."""
        if not self.zones:
            raise ValueError('no list is named: `zones` is wanted, as { "zen.example.org" = 3.0 }')
        if not self.of:
            raise ValueError("of: nothing is to be looked up")

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The facts to be looked up, where it is one alone; among several, those that are known are."""
        return (("client_ip" if self.of[0] == "client" else self.of[0]),) if len(self.of) == 1 else ()

    def probe(self, outside: Outside) -> Iterator[Probe]:
        """The test points of each list (RFC 5782 5): one that is listed, and one that never is."""
        from functools import partial

        kinds = [("2.0.0.127", "1.0.0.127")] if "client" in self.of else []
        kinds += [("test", "invalid")] if {"sender", "helo"} & set(self.of) else []
        for zone in self.zones:
            for listed, never in kinds:
                yield probe(f"list {zone}: {listed} is listed", partial(self._listed, f"{listed}.{zone}", outside))
                yield probe(f"list {zone}: {never} is not", partial(self._never, f"{never}.{zone}", outside))

    def _listed(self, name: str, outside: Outside) -> str:
        if not (found := self._listing(name, outside)):
            raise NoAnswer(f"{name} is not there: the list is gone, or does not answer this resolver")
        return ", ".join(found)

    def _never(self, name: str, outside: Outside) -> str:
        if found := self._listing(name, outside):
            raise NoAnswer(f"{name} is listed ({', '.join(found)}): the list, or the resolver, says yes to everything")
        return "not listed"

    def ask(self, mail: Mail, outside: Outside) -> None:
        """Ask all lists at the same time."""
        from functools import partial

        def one(name: str, alone: Outside) -> None:
            alone.dns(name, "A")

        outside.side_by_side([partial(one, f"{name}.{zone}") for _, name in self._names(mail) for zone in self.zones])

    def check(self, mail: Mail, outside: Outside) -> Iterator[Finding]:
        """Yields "dnsbl.client", "dnsbl.sender" and "dnsbl.helo" for each listing."""
        if why := self._why_not(mail):
            yield Finding("dnsbl.not-asked", why, note=True)
            return
        found: list[Finding] = []
        problems: list[str] = []
        for what, name in self._names(mail):
            for zone, weights in self.zones.items():
                try:
                    listed = self._listing(f"{name}.{zone}", outside)
                except FilterError as error:
                    problems.append(str(error))
                    continue
                for code in listed:
                    weight = weights.get(code, weights.get("*"))
                    detail = f"{name} is in {zone}: {code}"
                    found.append(Finding(f"dnsbl.{what}", detail, score=weight, note=weight is None))
        weight = sum(one.score or 0.0 for one in found)
        enough = self.at_least is None or weight >= self.at_least
        if problems and not (enough and any(not one.note for one in found)):
            raise FilterError("; ".join(problems[:3]) + (f" (and {len(problems) - 3} more)" if problems[3:] else ""))
        yield from (Finding("dnsbl.error", problem, note=True) for problem in problems)
        for one in found:
            one.note = one.note or not enough
            yield one

    def _why_not(self, mail: Mail) -> str:
        envelope = mail.envelope
        if envelope.auth_user is not None:
            return "the client has authenticated itself"
        if envelope.client_ip is not None and is_ours(envelope.client_ip, self.ours):
            return "the client is ours"
        return "" if self._names(mail) else "nothing to look up is known"

    def _names(self, mail: Mail) -> list[tuple[str, str]]:
        """(what, its name below a zone) of all that is to be looked up."""
        envelope = mail.envelope
        if envelope.auth_user is not None or (envelope.client_ip and is_ours(envelope.client_ip, self.ours)):
            return []
        found: list[tuple[str, str]] = []
        for what in self.of:
            if what == "client":
                name = _reversed(envelope.client_ip or "")
            else:
                name = _domain(split_address(envelope.sender or "")[1] if what == "sender" else envelope.helo or "")
            if name:
                found.append((what, name))
        return found

    def _listing(self, name: str, outside: Outside) -> list[str]:
        """The answers that are listings. Raises `FilterError` for an error of the list."""
        answers = outside.dns(name, "A").records
        for one in answers:
            if not _is_listing(one):
                raise NoAnswer(f"{name}: {one} is no listing, but an error of the list (RFC 5782 2.1)")
        return list(dict.fromkeys(answers))[:32]


def _is_listing(address: str) -> bool:
    """Whether an answer says "listed": RFC 5782 2.1 has them in 127.0.0.0/8, and lists say errors by 127.255.255.x."""
    numbers = address.split(".")
    if len(numbers) != 4 or not all(one.isascii() and one.isdigit() and int(one) < 256 for one in numbers):
        return False
    return numbers[0] == "127" and numbers[:3] != ["127", "255", "255"]


def _reversed(ip: str) -> str:
    """The name of an address below a list: octets, or nibbles for IPv6, the last one first (RFC 5782 2.1, 2.4)."""
    if not ip:
        return ""
    import ipaddress

    address = ipaddress.ip_address(ip)
    digits = ip.split(".") if address.version == 4 else list(address.exploded.replace(":", ""))
    return ".".join(reversed(digits))


def _domain(text: str) -> str:
    """A domain as a list has it, or "" for what is none: a literal, a name without a dot, an address."""
    name = normal_domain(text.strip().strip(".")) if len(text) <= 1000 else ""
    labels = name.split(".")
    sound = all(0 < len(one) < 64 and all(char.isalnum() or char in "-_" for char in one) for one in labels)
    return name if sound and len(labels) > 1 and not labels[-1].isdigit() and len(name) < 190 else ""
