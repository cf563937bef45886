"""The ways in which a mail comes to a mailer: from where, as whom, and past which checks of the mailer's own.

Whatever the way, every rule about the envelope is obeyed, and what the door can know of it is told: a row of the
matrix for each way, and a column for each door.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol
from urllib.parse import quote

from machines import CLIENT

from mta.columns import REPLY
from mta.site import Site

CLIENT_NAME, HELO, USER = "client.outside.example", "helo.outside.example", "jane"
SENDER, DENIED = "joe@sender.example", "denied@sender.example"
RECIPIENTS, TRAP = ("jane@rcpt.example", "joe@rcpt.example"), "spamtrap@rcpt.example"
OCTETS = b"From: Joe <joe@sender.example>\nTo: Jane <jane@rcpt.example>\nSubject: a letter\n\nHello\n"
FACTS = ("client_ip", "client_name", "helo", "auth_user")
_FILES = {
    "facts.py": """
from urllib.parse import quote
from mailscan import tag

def check(mail, outside):
    e = mail.envelope
    told = [e.sender, e.client_ip, e.client_name, e.helo, e.auth_user, *e.recipients]
    return tag("X-Facts", " ".join("-" if one is None else quote(one, safe="@") or "<>" for one in told))
""",
    "policy.toml": """
[log]
to = "none"

[[filter]]
use = "./facts.py"

[[filter]]
use = "spamtrap"
local_parts = ["spamtrap"]
domains = ["rcpt.example"]
action = "reject"
reply = "Spam not wanted here\\nAsk postmaster@rcpt.example for help"

[[filter]]
use = "match"
senders = ["denied@sender.example"]
action = "reject"
reply = "Spam not wanted here\\nAsk postmaster@rcpt.example for help"
""",
}


class Way(NamedTuple):
    """`facts` are those that a mailer knows of such a mail, in the order of FACTS."""

    name: str
    title: str
    facts: tuple[str | None, ...]
    loopback: bool = False
    local: bool = False
    user: str = ""
    verified: bool = False


_OUTSIDE = (CLIENT, CLIENT_NAME, HELO, None)
WAYS = (
    Way("outside", "a client outside", _OUTSIDE),
    Way("verified", "outside, sender and recipients verified by callouts first", _OUTSIDE, verified=True),
    Way("user", "outside, by SMTP AUTH", (*_OUTSIDE[:3], USER), user=USER),
    Way("loopback", "SMTP on loopback", ("127.0.0.1", "localhost", HELO, None), loopback=True),
    Way("local", "`sendmail` of an ordinary user", (None,) * 4, local=True),
)


class Fate(NamedTuple):
    """What became of a mail for one recipient: "delivered", "marked", "refused" or "deferred"."""

    word: str
    octets: bytes = b""


class Door(Protocol):
    """A row that can be reached in all ways."""

    name: str
    # Which of FACTS its mailer tells it, and whether it judges once for all recipients.
    tells: frozenset[str]
    whole: bool

    def open(self) -> None:
        """Have users log in, once."""

    def verify(self, on: bool) -> None:
        """Have senders and recipients asked for at the next hop before they are taken, or not."""

    def send(self, way: Way, sender: str, recipients: tuple[str, ...], octets: bytes) -> tuple[int, str]:
        """Hand in a mail in that way."""

    def fates(self, sender: str, recipients: tuple[str, ...]) -> dict[str, Fate]:
        """What became of it, once the mailer is quiet, for each recipient."""


def run_way(way: Way, door: Door, site: Site) -> str:
    """Send what is accepted, what a trap and what a denied sender has refused; gives the cell of the matrix. Raises
    AssertionError where that is not what is owed.
    """
    site.become("well", _FILES)
    door.verify(way.verified)
    try:
        told = _accepted(way, door)
        refused = {_refused(way, door, SENDER, TRAP), _refused(way, door, DENIED, RECIPIENTS[0])}
    finally:
        if way.verified:
            door.verify(False)
    (word,) = refused
    return f"{', '.join(told)}; {word}"


def _accepted(way: Way, door: Door) -> list[str]:
    fates = _sent(way, door, SENDER, RECIPIENTS)
    known = [fact if name in door.tells else None for name, fact in zip(FACTS, way.facts, strict=True)]
    for recipient in RECIPIENTS:
        word, octets = fates[recipient]
        assert word == "delivered", (way.name, recipient, fates)
        (line,) = [one for one in unfolded(octets) if one.startswith(b"X-Facts: ")]
        facts = line.decode().split()[1:]
        told = ["-" if one is None else quote(one, safe="@") for one in (SENDER, *known)]
        assert facts[:5] == told, (way.name, facts, told)
        assert sorted(facts[5:]) == (sorted(RECIPIENTS) if door.whole else [recipient]), (way.name, facts)
    names = ["address", "name", "HELO", "user"]
    return ["envelope", *(name for name, fact in zip(names, known, strict=True) if fact is not None)]


def _refused(way: Way, door: Door, sender: str, recipient: str) -> str:
    """A mail of that sender to that recipient is, and with it, or not, what is for another one."""
    others = (RECIPIENTS[0],) if recipient == TRAP else ()
    fates = _sent(way, door, sender, (*others, recipient))
    word, octets = fates[recipient]
    assert word in ("marked", "refused"), (way.name, sender, recipient, fates)
    if word == "refused":
        text = b" ".join(octets.split()).decode("utf-8", "replace")
        assert all(line in text for line in REPLY), (way.name, text)
    for one in others:
        assert fates[one].word == (word if door.whole else "delivered"), (way.name, fates)
    return word


def _sent(way: Way, door: Door, sender: str, recipients: tuple[str, ...]) -> dict[str, Fate]:
    code, text = door.send(way, sender, recipients, OCTETS)
    if 500 <= code < 600:
        return dict.fromkeys(recipients, Fate("refused", text.encode()))
    assert code in (0, 250), (way.name, code, text)
    return door.fates(sender, recipients)


def unfolded(octets: bytes) -> list[bytes]:
    """The lines of the header, each field in one."""
    head = octets.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    return head.replace(b"\n ", b" ").replace(b"\n\t", b" ").split(b"\n")
