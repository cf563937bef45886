"""`use = "spf"`: whether the client may send for the domain it names (RFC 7208)."""

from __future__ import annotations

import os

from mailscan.filters import Filter
from mailscan.keys import Table, flag, option, optional, table, text
from mailscan.mail import MAIL
from mailscan.networks import is_ours
from mailscan.outside import NoAnswer
from mailscan.probe import probe
from mailscan.spfcheck import RESULTS, check_host, clean
from mailscan.verdict import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mailscan.keys import Reader
    from mailscan.mail import Mail
    from mailscan.outside import Outside
    from mailscan.probe import Probe
    from mailscan.spfcheck import Spf as Result
    from mailscan.verdict import Action

    Row = tuple[Action, float | None]

ROWS = ("accept", "reject", "tempfail", "quarantine", "tag", "ignore")


def _row() -> Reader[Row]:
    def read(value: object, folder: str) -> Row:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9:
            return "score", float(value)
        if value in ROWS:
            return value, None  # type: ignore[return-value]
        raise ValueError(f"one of {', '.join(ROWS)}, or a number as its score, is wanted")

    read.__doc__ = "one of " + ", ".join(ROWS) + ", or a score"
    return read


row: Reader[Any] = _row()


class _Rows(Table):
    """What follows from each result."""

    fail = option(row, ("tag", None), "the domain says that this client may not")
    softfail = option(row, ("tag", None), "the domain says that this client probably may not")
    neutral = option(row, ("tag", None), "the domain does not say")
    none = option(row, ("tag", None), "the domain has no SPF record, or is none")
    temperror = option(row, ("tag", None), "the DNS did not answer")
    permerror = option(row, ("tag", None), "the record is wrong, or needs more than the limits allow")

    def of(self, result: str) -> Row:
        """The row of a result."""
        rows: dict[str, Row] = vars(self)
        return rows[result]


# `pass` is no name that Python lets a class declare.
setattr(_Rows, "pass", option(row, ("tag", None), "the domain says that this client may"))


class _SendersRows(_Rows):
    """What follows from each result for the envelope sender."""

    fail = option(row, ("reject", None), "the domain says that this client may not")
    temperror = option(row, ("tempfail", None), "the DNS did not answer")


class Spf(Filter):
    """Asks the domain of the envelope sender, and of HELO, which clients may send for it (SPF, RFC 7208).

    `results` has a row for each result of the envelope sender, `helo` one for each result of the HELO name: `reject`,
    `tempfail`, `accept`, `quarantine`, `tag`, `ignore`, or a number, which is its score. What is not said is `tag`,
    except that `fail` of the sender is `reject` and its `temperror` is `tempfail`:

        [[filter]]
        use = "spf"
        results = { fail = "reject", softfail = 3.0, permerror = "tag" }
        helo = { fail = 2.0 }

    So there is no `action` or `score` on the rule, but `action = "ignore"` or `"tag"`, to try it out.

    The null sender is judged as `postmaster@` the HELO name, once, by the rows of `results`. Findings are called
    `spf.fail`, `spf.softfail` …, and `spf.helo.fail` … for the HELO name. Clients that are ours (authenticated, in
    [site] trusted, private or loopback) are not asked about.

    `Received-SPF` is added for each identity, and with `authserv_id` an `Authentication-Results` field; then every
    field of that name is removed from incoming mail, as RFC 8601 5 allows, because no upstream can be believed.
    `explain` gives the domain owner's text (`exp`) to a rejected sender: at most 400 characters of printable ASCII.

    The limits of RFC 7208 4.6.4 hold: 10 terms that ask the DNS, 2 void lookups, 20 seconds. `--explain` shows what was
    used of them.
    """

    results = optional(table(_SendersRows), "what follows from each result for the envelope sender")
    helo = optional(table(_Rows), "what follows from each result for the HELO name")
    check_helo = option(flag, True, "whether the HELO name is asked about beside the sender")
    explain = option(flag, False, "give the domain owner's explanation to the sender that is rejected")
    authserv_id = option(text, "", "our name in Authentication-Results; when not said, that field is not written")
    receiver = option(text, "", "our host in Received-SPF and in macros; when not said, this machine's name")

    stage = MAIL
    needs = ("client_ip",)
    decides = True
    has_rows = True
    asks_network = True
    timeout = 21.0  # RFC 7208 4.6.4 gives an evaluation 20 seconds at least

    @property
    def writes(self) -> tuple[str, ...]:  # type: ignore[override]
        """Received-SPF, and Authentication-Results where we write it."""
        return ("Received-SPF", *(("Authentication-Results",) if self.authserv_id else ()))

    def prepare(self) -> None:
        """Gives the rows that were not said their defaults; refuses names that no field can hold."""
        for one in ("authserv_id", "receiver"):
            name = getattr(self, one)
            if name and (not name.isascii() or not name.replace("-", "").replace(".", "").replace("_", "").isalnum()):
                raise ValueError(f'{one}: a host name is wanted, not "{name}"')
        if self.results is None:
            self.results = _SendersRows({})
        self.receiver = self.receiver or clean(os.uname().nodename, 200) or "unknown"

    def ready(self) -> None:
        """That pyspf and dnspython are there."""
        import spf  # noqa: F401

    def probe(self, outside: Outside) -> Iterator[Probe]:
        """A resolver that knows what every resolver knows, and says of a name that cannot be that it is not."""
        yield probe("resolver: NS of org", lambda: _known(outside))
        yield probe("resolver: a name below invalid", lambda: _unknown(outside))

    def ask(self, mail: Mail, outside: Outside) -> None:
        """Evaluate all identities; what they asked is known afterwards."""
        identities = self._identities(mail)
        if self._why_not(mail) or not identities:
            return

        def one(sender: str, helo: str, alone: Outside) -> None:
            check_host(mail.envelope.client_ip or "", sender, helo, alone, self.receiver)

        from functools import partial

        outside.side_by_side([partial(one, sender, helo) for sender, helo, _ in identities])

    def check(self, mail: Mail, outside: Outside) -> Iterator[Finding]:
        """Yields "spf.RESULT" and "spf.helo.RESULT"."""
        if why := self._why_not(mail):
            yield Finding("spf.not-asked", why, note=True)
            return
        for sender, helo, rows in self._identities(mail):
            result = check_host(mail.envelope.client_ip or "", sender, helo, outside, self.receiver)
            code = f"spf.{result.result}" if rows is self.results else f"spf.helo.{result.result}"
            yield self._finding(code, result, rows.of(result.result), mail)

    def _why_not(self, mail: Mail) -> str:
        envelope = mail.envelope
        if envelope.auth_user is not None:
            return "the client has authenticated itself"
        if is_ours(envelope.client_ip or "", self.ours):
            return "the client is ours"
        if envelope.sender is None and envelope.helo is None:
            return "neither sender nor helo known"
        if not envelope.sender and not envelope.helo:
            return "the null sender, and helo not known"
        return ""

    def _identities(self, mail: Mail) -> list[tuple[str, str, _Rows]]:
        """(sender, HELO name, rows) of each identity; the HELO name first (RFC 7208 2.3)."""
        envelope = mail.envelope
        helo = envelope.helo or ""
        of_sender, of_helo = self.results or _SendersRows({}), self.helo or _Rows({})
        if envelope.sender == "":
            return [("", helo, of_sender)]
        found: list[tuple[str, str, _Rows]] = []
        if helo and self.check_helo:
            found.append(("", helo, of_helo))
        if envelope.sender:
            found.append((envelope.sender, helo, of_sender))
        return found

    def _finding(self, code: str, result: Result, row: Row, mail: Mail) -> Finding:
        action, score = row
        used = f"{result.terms} of 10 terms, {result.voids} of 2 void lookups"
        why = result.problem or (f"by {result.mechanism}" if result.mechanism else "")
        detail = f"{result.identity} {result.domain} from {mail.envelope.client_ip}: {why + '; ' if why else ''}{used}"
        reply = None
        if action == "reject":
            said = f": {result.explanation}" if self.explain and result.explanation else ""
            reply = f"SPF {result.result} for {clean(result.domain, 100)}{said}"
        return Finding(
            code,
            detail,
            score=score,
            headers=() if action == "ignore" else self._headers(result, mail),
            action=action,
            reply=reply,
        )

    def _headers(self, result: Result, mail: Mail) -> list[tuple[str, str]]:
        """Received-SPF (RFC 7208 9.1) and Authentication-Results (RFC 8601 2.7.2)."""
        envelope = mail.envelope
        pairs = [("client-ip", envelope.client_ip or "")]
        if result.identity == "mailfrom":
            pairs.append(("envelope-from", envelope.sender or ""))
        pairs += [("helo", envelope.helo or ""), ("receiver", self.receiver), ("identity", result.identity)]
        pairs += [("mechanism", result.mechanism), ("problem", result.problem)]
        listed = "; ".join(f"{key}={_quoted(value)}" for key, value in pairs if value)
        headers = [("Received-SPF", f"{result.result} ({_WORDS[result.result]}) {listed}")]
        if self.authserv_id:
            of = f"smtp.{result.identity}={_quoted(result.domain)}"
            headers.append(("Authentication-Results", f"{self.authserv_id}; spf={result.result} {of}"))
        return headers


def _known(outside: Outside) -> str:
    if not (records := outside.dns("org", "NS").records):
        raise NoAnswer("has no answer to what every resolver knows")
    return f"{len(records)} records"


def _unknown(outside: Outside) -> str:
    # RFC 6761 6.4. Some resolvers answer to every name, with the address of an advertiser.
    answer = outside.dns("mailscan-doctor.invalid", "A")
    if answer.records:
        raise NoAnswer(f"answers {', '.join(answer.records[:3])} to a name that is none")
    return answer.status


def _quoted(value: str) -> str:
    """A value as a word, or as a quoted string of printable ASCII (RFC 5322 3.2.4), short."""
    value = clean(value, 250).replace("=?", "= ?")  # no encoded-word
    if value and all(char.isalnum() or char in "!#$%&'*+-/=?^_`{|}~." for char in value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


_WORDS = dict(
    zip(
        RESULTS,
        (
            "the domain permits this client",
            "the domain does not permit this client",
            "the domain probably does not permit this client",
            "the domain does not say",
            "the domain has no SPF record",
            "the DNS did not answer",
            "the SPF record cannot be used",
        ),
        strict=True,
    )
)
