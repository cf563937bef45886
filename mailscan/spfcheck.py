"""`check_host` of RFC 7208, by pyspf, asking the `Outside` of the mail in hand.

pyspf asks the DNS through one function of its module, `DNSLookup`. It is replaced once per process by one that asks
whatever `Outside` is in hand (a context variable): so a postmaster's own call of pyspf goes the same way.
"""

from __future__ import annotations

import time
from contextvars import ContextVar

from mailscan.addresses import normal_domain
from mailscan.envelope import split_address
from mailscan.errors import OurFailure, is_scarcity
from mailscan.outside import NoAnswer
from mailscan.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from mailscan.outside import Outside

RESULTS = ("pass", "fail", "softfail", "neutral", "none", "temperror", "permerror")
SECONDS = 20.0  # RFC 7208 4.6.4: of the whole evaluation
MOST_EXPLANATION = 400

in_hand: ContextVar[Outside | None] = ContextVar("in_hand", default=None)
_until: ContextVar[float] = ContextVar("_until", default=float("inf"))


class Spf(Record):
    """The result for one identity ("mailfrom" or "helo") of `domain`, and how it came about.

    `terms` and `voids` are what was used of the limits in RFC 7208 4.6.4; `mechanism` matched ("" if none did);
    `problem` says what is wrong with a record or the DNS; `explanation` is the domain owner's own text.
    """

    __slots__ = ("result", "identity", "domain", "mechanism", "problem", "explanation", "terms", "voids")

    def __init__(
        self,
        result: str,
        identity: str,
        domain: str,
        mechanism: str = "",
        problem: str = "",
        explanation: str = "",
        terms: int = 0,
        voids: int = 0,
    ) -> None:
        self.result: str = result
        self.identity: str = identity
        self.domain: str = domain
        self.mechanism: str = mechanism
        self.problem: str = problem
        self.explanation: str = explanation
        self.terms: int = terms
        self.voids: int = voids


def check_host(ip: str, sender: str, helo: str, outside: Outside, receiver: str) -> Spf:
    """SPF for a sender, or with `sender` "" for the HELO identity, `postmaster@` HELO (RFC 7208 2.4).

    Nothing that a record or an argument contains can raise; want of memory or descriptors of ours does.
    """
    spf = pyspf()
    identity = "mailfrom" if sender else "helo"
    # Not by pyspf, which divides at the first "@", and knows no U-labels: a quoted local part may hold an "@", and
    # RFC 7208 4.3 wants A-labels.
    helo = normal_domain(helo.strip())
    local, domain = split_address(sender) if sender else ("postmaster", helo)
    local, domain = (local or "postmaster", domain) if domain else ("postmaster", local)
    domain = normal_domain(domain)
    hand, until = in_hand.set(outside), _until.set(time.monotonic() + SECONDS)
    try:
        query = _query(spf)(i=ip, s=f"{local}@{domain}" if sender else "", h=helo, receiver=receiver, strict=True)
        query.l, query.o, query.d = local, domain, domain
        query.t = str(int(outside.now()))
        # Only the domain owner's own words are told: an empty text stands for those of pyspf.
        query.exps = dict.fromkeys((*query.exps, *RESULTS), "")
        query.defexps = dict(query.exps)
        result, _, text = query.check()
    except Exception as error:
        if isinstance(error, (OurFailure, ImportError)) or is_scarcity(error):
            raise
        return Spf("permerror", identity, domain, problem=f"{type(error).__name__}: {error}"[:200])
    finally:
        in_hand.reset(hand)
        _until.reset(until)
    if result == "ambiguous":  # of `strict=2` only
        result = "permerror"
    foreign = result == "fail" and text
    return Spf(
        result,
        identity,
        domain,
        mechanism=clean(str(query.mechanism or ""), 200),
        problem="" if result in ("pass", "fail", "softfail", "neutral", "none") else clean(str(text), 300),
        explanation=clean(str(text), MOST_EXPLANATION) if foreign else "",
        terms=query.lookups,
        voids=query.void_lookups,
    )


def clean(text: str, most: int) -> str:
    """Foreign text as printable ASCII in one line, at most so many characters."""
    return "".join(char if " " <= char <= "~" else "?" for char in text[:most]).strip()


def pyspf() -> ModuleType:
    """pyspf, asking through us. Safe to be called again."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its regular expressions, under Python 3.12: they would reach stderr
        import spf
    spf.DNSLookup = _lookup
    return spf  # type: ignore[no-any-return]


_classes: dict[ModuleType, type] = {}


def _query(spf: ModuleType) -> type:
    """pyspf's evaluation, which takes a DNS error for the answer of `ptr`; RFC 7208 5.5 passes such a name over."""
    if spf not in _classes:

        class Query(spf.query):  # type: ignore[misc, name-defined]
            def validated_ptrs(self) -> list[str]:
                """The names of the client that lead back to it, among the first ten."""
                found = []
                try:
                    names = self.dns_ptr(self.i)[: spf.MAX_PTR]
                except spf.TempError:
                    return []
                for name in names:
                    try:
                        if self.cidrmatch(self.dns_a(name, self.A), self.cidrmax):
                            found.append(name)
                    except spf.TempError:
                        continue
                return found

        _classes[spf] = Query
    return _classes[spf]


def _lookup(name: str, qtype: str, strict: object = True, timeout: float = SECONDS) -> list[tuple[object, object]]:
    """In place of pyspf's own: [((name, type), value)], or its `TempError`."""
    import spf

    outside = in_hand.get()
    if outside is None:
        raise spf.TempError("DNS: asked outside of a mail")
    if time.monotonic() > _until.get():
        raise spf.TempError(f"took longer than {SECONDS:g} s")
    try:
        answer = outside.dns(name, qtype)
    except NoAnswer as error:
        raise spf.TempError(f"DNS: {error}") from None
    return [((name, qtype), _value(qtype, record)) for record in answer.records]


def _value(qtype: str, record: str) -> object:
    if qtype == "MX":
        preference, _, host = record.partition(" ")
        return int(preference), host
    if qtype in ("TXT", "SPF"):
        return (record.encode("latin-1"),)
    return record
