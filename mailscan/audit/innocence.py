"""What speaks for the innocence of a mail: evidence out of its header and out of the other mail of the archive.

Nothing here judges. When a new policy refuses mail that went through before, this says in which order a person should
look at it: what is most probably wanted comes first, each with the reasons in words.
"""

from __future__ import annotations

import re

from mailscan.addresses import normal_domain, normal_local
from mailscan.envelope import split_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from mailscan.envelope import Envelope
    from mailscan.message import Message

# How much each reason weighs: an answer to our own mail says more than all the others, which a sender can write.
_ANSWER, _WRITTEN_TO, _SEEN, _LIST, _ALIGNED = 8, 4, 3, 2, 1
# RFC 5322 3.6.4: at most so many of the newest ids are looked at; References of real mail have far fewer.
_MOST_IDS = 100
_MOST_ADDRESSES = 1000
_ID = re.compile(r"<[^<>\s]{1,998}>")
_ADDRESS = re.compile(r"[^\s<>,;:\"()@\[\]\\]{1,256}@[^\s<>,;:\"()@\\]{1,255}")
# Bounded, like all of these: what a sender writes must not cost the square of its length.
_QUOTED = re.compile(r'"(?:[^"\\]|\\.){0,500}"')
_LONGEST_FIELD = 20_000
# Second-level names below which registries of countries sell names, as in `example.co.uk`.
_SECOND_LEVEL = frozenset(("ac", "co", "com", "edu", "gob", "gov", "gv", "ne", "net", "nom", "or", "org", "sch"))


def organizational_domain(domain: str) -> str:
    """The domain that one organisation has: `mail.example.com` gives `example.com`, `a.example.co.uk` `example.co.uk`.

    A simple rule, not the public suffix list: the last two labels; three where the last is a country's (two letters)
    and the one before is a name that registries sell below. It only orders a list for people, nothing is judged by it.
    """
    labels = normal_domain(domain).split(".")
    long = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3:] if long else labels[-2:])


class Letter:
    """What of one mail matters here; small, so that it can be kept until the whole archive was read.

    `author` is the address of the first From, `to` those of To and Cc, `answers` the ids of In-Reply-To and References.
    """

    __slots__ = ("id", "author", "to", "answers", "list_id", "return_path")

    def __init__(self, message: Message, envelope: Envelope) -> None:
        headers = message.headers
        authors = addresses(headers.get("from") or "")
        ids = _ID.findall(headers.get("message-id") or "")
        answers = " ".join([*headers.get_all("references"), *headers.get_all("in-reply-to")])
        self.id: str = ids[0] if ids else ""
        self.author: str = authors[0] if authors else ""
        self.to: tuple[str, ...] = tuple(addresses(" ".join(headers.get_all("to") + headers.get_all("cc"))))
        self.answers: tuple[str, ...] = tuple(_ID.findall(answers)[-_MOST_IDS:])
        self.list_id: str = (headers.get("list-id") or "").strip()
        self.return_path: str = normal_address(envelope.sender) if envelope.sender else ""

    def plain(self) -> tuple[object, ...]:
        """The letter as plain data, for another process; `Letter.of` makes it again."""
        return tuple(getattr(self, name) for name in self.__slots__)

    @classmethod
    def of(cls, plain: Iterable[object]) -> Letter:
        """The letter that `plain` gave, also after a way through JSON."""
        letter = cls.__new__(cls)
        for name, value in zip(cls.__slots__, plain, strict=True):
            setattr(letter, name, tuple(value) if isinstance(value, list) else value)
        return letter


class Archive:
    """What the whole archive tells of who writes to whom. Mail counts as ours when its author is in `own` domains."""

    def __init__(self, own: Iterable[str] = ()) -> None:
        self.own = frozenset(map(normal_domain, own))
        self.sent: set[str] = set()  # Message-IDs of our mail
        self.written_to: set[str] = set()
        self.accepted: dict[str, int] = {}  # author: mails that both policies take

    def learn(self, letter: Letter, *, accepted: bool) -> None:
        """Take in one mail; `accepted`: neither policy would refuse it. Refused mail vouches for nobody."""
        if not accepted:
            return
        if self.is_ours(letter.author):
            self.sent.update([letter.id] if letter.id else [])
            self.written_to.update(letter.to)
        elif letter.author:
            self.accepted[letter.author] = self.accepted.get(letter.author, 0) + 1

    def is_ours(self, address: str) -> bool:
        """Whether the address is in one of our domains, or in a subdomain of one."""
        domain = split_address(address)[1]
        return any(domain == own or domain.endswith("." + own) for own in self.own)

    def evidence(self, letter: Letter) -> tuple[int, tuple[str, ...]]:
        """(weight, reasons in words, the weightiest first) for the innocence of a mail; (0, ()) if nothing speaks."""
        reasons: list[tuple[int, str]] = []
        answered = next((one for one in reversed(letter.answers) if one in self.sent), "")
        if answered:
            reasons.append((_ANSWER, f"answers our mail {answered}"))
        if letter.author in self.written_to:
            reasons.append((_WRITTEN_TO, f"we wrote to {letter.author}"))
        if count := self.accepted.get(letter.author):
            mails = (
                f"{count:,} other mails of {letter.author} are" if count > 1 else f"another mail of {letter.author} is"
            )
            reasons.append((_SEEN, f"{mails} accepted"))
        if letter.list_id:
            reasons.append((_LIST, f"comes from a mailing list, {letter.list_id}"))
        # The null sender, and mail without a known one, are aligned with nothing.
        author, sender = split_address(letter.author)[1], split_address(letter.return_path)[1]
        if author and sender and (domain := organizational_domain(author)) == organizational_domain(sender):
            reasons.append((_ALIGNED, f"From and Return-Path are both in {domain}"))
        return sum(weight for weight, _ in reasons), tuple(words for _, words in reasons)


def addresses(text: str) -> list[str]:
    """The mail addresses in the text of an address field, as they compare; at most 1,000 of them, in linear time."""
    # A quoted display name may hold an address that is not the author's (RFC 5322 3.4).
    bare = _QUOTED.sub(" ", text[:_LONGEST_FIELD])
    bracketed = re.findall(r"<([^<>]{1,600})>", bare)
    found = [one for piece in (bracketed or [bare]) for one in _ADDRESS.findall(piece)]
    return [normal_address(one) for one in found[:_MOST_ADDRESSES]]


def normal_address(address: str) -> str:
    """An address as it compares: domain and local part each in their normal form."""
    local, domain = split_address(address)
    return f"{normal_local(local)}@{normal_domain(domain)}" if domain else normal_local(local)
