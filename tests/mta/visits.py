"""Mail as it comes to a machine that its distribution configured: what mailscan is told of it, and what it then says.

The columns (mta.columns) are about what can go wrong; these are about the facts. Each judged mail has them in a field
(X-Facts, by Python of the site's own), and rules about them refuse.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol
from urllib.parse import unquote

from mta.site import Outcome, Site

_FACTS = """
from urllib.parse import quote
from mailscan import tag

def check(mail, outside):
    envelope = mail.envelope
    told = [envelope.sender, envelope.client_ip, envelope.client_name, envelope.helo, envelope.auth_user]
    told += sorted(envelope.recipients)
    return tag("X-Facts", " ".join("-" if one is None else quote(one, safe="@") or "<>" for one in told))
"""
_POLICY = """
[log]
to = "none"

[[filter]]
use = "./facts.py"

[[filter]]
use = "spamtrap"
local_parts = ["trap"]
domains = ["rcpt.example", "local.example", "callout.example"]
action = "reject"
reply = "Spam not wanted here"

[[filter]]
use = "match"
senders = ["denied@sender.example", "calleddenied@sender.example"]
action = "reject"
reply = "Spam not wanted here"
"""
_MAIL = "From: Joe <joe@sender.example>\nTo: Jane <jane@rcpt.example>\nSubject: a letter\n{}\nHello\n"
# Sender and recipients whom no rule minds.
JOE, JANE = "joe@sender.example", "jane@rcpt.example"


class Visit(NamedTuple):
    """One mail. `client` is "outside", "loopback", "login" (outside, with SMTP AUTH) or "local" (sendmail)."""

    name: str
    title: str
    sender: str = JOE
    recipients: tuple[str, ...] = (JANE,)
    client: str = "outside"
    more: str = ""  # above the header
    refused: bool = False

    @property
    def octets(self) -> bytes:
        return (
            self.more + _MAIL.format("Message-ID: <1@sender.example>\nDate: Mon, 30 Nov 2026 10:00:00 +0000\n")
        ).encode()


_EVERY = ("jane@local.example", JANE, "jane@callout.example")
_TRAP = ("trap@rcpt.example",)
_FORGED = f"X-Envelope-From: <{JOE}>\nX-Envelope-To: {JANE}\n"
_FORGED_WORSE = "X-Envelope-From: <denied@sender.example>\nX-Envelope-To: trap@rcpt.example\n"
VISITS = (
    Visit("outside", "from outside"),
    Visit("local-user", "to a user of the machine, verified", recipients=("jane@local.example",)),
    Visit("callout", "recipient verified by a callout", recipients=("jane@callout.example",)),
    Visit("sender-callout", "sender verified by a callout", sender="called@sender.example"),
    Visit("every", "three recipients, verified in three ways", recipients=_EVERY),
    Visit("null-sender", "null sender from outside", sender="", recipients=_EVERY),
    Visit("loopback", "from loopback", client="loopback"),
    Visit("login", "SMTP AUTH from outside", client="login"),
    Visit("local", "local submission by an ordinary user", client="local"),
    Visit("trap", "to a spamtrap from outside", recipients=("jane@local.example", "trap@rcpt.example"), refused=True),
    Visit("trap-callout", "to a spamtrap, called out", recipients=("trap@callout.example",), refused=True),
    Visit("trap-loopback", "to a spamtrap from loopback", recipients=_TRAP, client="loopback", refused=True),
    Visit("trap-login", "to a spamtrap with SMTP AUTH", recipients=_TRAP, client="login", refused=True),
    Visit("denied", "denied sender from outside", sender="denied@sender.example", recipients=_EVERY, refused=True),
    Visit("denied-callout", "denied sender, called out", sender="calleddenied@sender.example", refused=True),
    Visit("denied-loopback", "denied sender from loopback", "denied@sender.example", client="loopback", refused=True),
    Visit("forged", "fields X-Envelope-*, to a spamtrap", "denied@sender.example", _TRAP, more=_FORGED, refused=True),
    Visit("forged-null", "fields X-Envelope-*, null sender", sender="", recipients=_EVERY, more=_FORGED_WORSE),
    Visit("forged-line", "a line `From ` and X-Envelope-*", more=f"From {JOE}\n{_FORGED_WORSE}", client="local"),
    Visit("forged-trap", "the same, to a spamtrap", recipients=_TRAP, more=_FORGED, client="local", refused=True),
)


class Door(Protocol):
    """A row whose mailer is its distribution's, on a machine."""

    name: str
    kind: str
    site: Site

    # (address, name, HELO, user) as mailscan is to be told, by `Visit.client`.
    def told(self, client: str) -> tuple[str, str, str, str]: ...
    def visit(self, visit: Visit) -> tuple[int, str]: ...
    def outcome(self, seconds: float = 20) -> Outcome: ...
    def mailboxes(self) -> dict[str, bytes]: ...


def run(visit: Visit, door: Door) -> str:
    """Hand it in; gives what happened, in the words of the matrix. Raises AssertionError where that is not owed."""
    door.site.become("well", {"policy.toml": _POLICY, "facts.py": _FACTS})
    code, text = door.visit(visit)
    outcome = door.outcome()
    mails = [one.octets for one in outcome.delivered] + list(door.mailboxes().values())
    said = f"{door.name}, {visit.name}: {code} {text!r}, {outcome}, {mails}"[:3000]
    assert not outcome.deferred, said
    if visit.refused and door.kind == "smtp":
        assert not mails, said
        if visit.client == "local":  # a program is told by mail
            assert len(outcome.bounces) == 1 and b"Spam not wanted here" in outcome.bounces[0], said
            return "bounced to its user"
        assert code == 550 and "5.7.1 Spam not wanted here" in text, said
        return "550, our text"
    assert code in (0, 250) and mails and not outcome.bounces, said
    if visit.refused:
        assert all(b"\nX-Mailscan-Verdict: reject 5.7.1 " in b"\n" + one for one in mails), said
        return "delivered, marked"
    for one in mails:
        assert facts(one) == wanted(visit, door), said
    return "told all"


def wanted(visit: Visit, door: Door) -> list[str]:
    return [visit.sender or "<>", *(fact or "-" for fact in door.told(visit.client)), *sorted(visit.recipients)]


def facts(mail: bytes) -> list[str]:
    """What mailscan was told of this mail, as the field that it got says."""
    head = mail.partition(b"\n\n")[0].replace(b"\n ", b" ").split(b"\n")
    (field,) = [line for line in head if line.startswith(b"X-Facts:")]
    return [unquote(word) for word in field.decode().split()[1:]]
