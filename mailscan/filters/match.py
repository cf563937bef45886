"""`use = "match"`: allow and deny lists over what is known of a mail."""

from __future__ import annotations

from mailscan.addresses import AddressList, addresses, domains
from mailscan.filters import Filter
from mailscan.keys import flag, optional
from mailscan.mail import CONNECT, DATA, HELO, MAIL, MESSAGE, RCPT
from mailscan.networks import inside, networks
from mailscan.verdict import Evidence, Finding
from mailscan.words import Patterns, Words, patterns, shown_text, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeVar

    from mailscan.mail import Mail
    from mailscan.message import Field, Message
    from mailscan.outside import Outside

    T = TypeVar("T")
    # Something that holds, in words for the log, and where in the message it stands if it does.
    Found = tuple[str, Evidence | None]


def header_words(value: object, folder: str) -> dict[str, Words | bool]:
    """a table, field name = words or phrases; true: the field is there; false: it is not"""
    return _by_field(value, lambda items: items if isinstance(items, bool) else words(items, folder))


def header_patterns(value: object, folder: str) -> dict[str, Patterns]:
    """a table, field name = regular expressions"""
    return _by_field(value, lambda items: patterns(items, folder))


def _by_field(value: object, read: Callable[[object], T]) -> dict[str, T]:
    if not isinstance(value, dict) or not value:
        raise ValueError('a table is wanted, as { Subject = ["free money"] }')
    table: dict[str, T] = {}
    for name, items in value.items():
        # RFC 5322 3.6.8
        if not name or not all("!" <= char <= "~" and char != ":" for char in name):
            raise ValueError(f'"{name}" is no name of a header field')
        try:
            table[name] = read(items)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return table


class Match(Filter):
    """Finds mail by its sender, recipients, client, HELO, header fields or body text.

    Keys are joined by *and*, the items of one key by *or*; the fields in `headers` and `header_patterns` are keys of
    their own. A key whose list is empty (an empty file, say) matches no mail.

    `recipients` holds when *every* recipient is listed, as in a rule's `when`. An exemption for postmaster must be
    written with it: with `any_recipient`, a spammer who adds postmaster to the recipients of a mail has it accepted
    for all of them.

    `words` and the items of `headers` are words or phrases. They are found whole, whatever their case and width
    (Unicode NFKC and case folding); runs of blanks and characters that show nothing make no difference.
    `patterns` and `header_patterns` are Python regular expressions, searched for in the decoded text. Case makes no
    difference to them; `(?-i:…)` around a part, or all, of a pattern makes it count. With some, as `https?://\\S+evil`,
    a text can keep Python busy until the rule's `timeout`: `mailscan check` tells of them, and where google-re2 is
    installed (`pip install 'mailscan[re2]'`) it matches them, in time in proportion to the text.

    A header field that only some readers find, below a line that is no field or behind a bare CR, say, counts too,
    but not against a `false`.

    `words` and `patterns` are looked for in every text part, attached ones too, as it is once decoded: HTML with
    its tags. Line ends are LF there.

    A client without `auth_user` counts as not authenticated: that is how mailers tell.
    """

    recipients = optional(addresses, "every recipient is one of these")
    any_recipient = optional(addresses, "at least one recipient is one of these")
    senders = optional(addresses, 'the envelope sender is one of these; "<>" is the null sender')
    clients = optional(networks, "the client's address lies in one of these networks")
    client_names = optional(domains, "the client's verified host name is one of these; `.example.com`: lies below")
    helo = optional(domains, "the HELO or EHLO argument is one of these; `*` is any text")
    authenticated = optional(flag, "whether the client has authenticated itself (SMTP AUTH)")
    headers = optional(header_words, "each of these header fields has one of its words; true: is there; false: is not")
    header_patterns = optional(header_patterns, "each of these header fields matches one of its regular expressions")
    words = optional(words, "one of these words or phrases stands in the text of the body")
    patterns = optional(patterns, "one of these regular expressions matches in the text of the body")

    def prepare(self) -> None:
        """Refuses a table without any key; finds the stage and the facts that its keys need."""
        self._asked = [key for key in _KEYS if getattr(self, key) is not None]
        if not self._asked:
            raise ValueError(f"nothing to match is named: one or more of {', '.join(_KEYS)} are wanted")
        self.stage = max(_KEYS[key][0] for key in self._asked)
        self.needs = tuple(dict.fromkeys(fact for key in self._asked if (fact := _KEYS[key][1])))

    def check(self, mail: Mail, outside: Outside) -> Iterator[Finding]:
        """Yields one "match.hit" if every key holds, with evidence for those that look into the message."""
        found: list[Found] = []
        for key in self._asked:
            of_key = _KEYS[key][2](self, mail)
            if not of_key:
                return
            found += of_key
        evidence = [where for _, where in found if where]
        yield Finding("match.hit", "; ".join(what for what, _ in found), evidence=evidence)

    def _clients(self, mail: Mail) -> list[Found]:
        ip = mail.envelope.client_ip
        return [(f"client {ip}", None)] if ip is not None and inside(ip, self.clients or ()) else []

    def _client_names(self, mail: Mail) -> list[Found]:
        return _listed("client", mail.envelope.client_name, self.client_names)

    def _helo(self, mail: Mail) -> list[Found]:
        return _listed("helo", mail.envelope.helo, self.helo)

    def _authenticated(self, mail: Mail) -> list[Found]:
        known = mail.envelope.knows("auth_user")
        return [("authenticated" if known else "not authenticated", None)] if known == self.authenticated else []

    def _senders(self, mail: Mail) -> list[Found]:
        sender = mail.envelope.sender
        by = self.senders.find(sender) if self.senders and sender is not None else None
        return [(f"sender <{sender}> is {by.text}", None)] if by else []

    def _any_recipient(self, mail: Mail) -> list[Found]:
        wanted = self.any_recipient or AddressList()
        for recipient in mail.envelope.recipients:
            if by := wanted.find(recipient):
                return [(f"recipient <{recipient}> is {by.text}", None)]
        return []

    def _recipients(self, mail: Mail) -> list[Found]:
        wanted = self.recipients or AddressList()
        by = [wanted.find(one) for one in mail.envelope.recipients]
        listed = dict.fromkeys(one.text for one in by if one)
        return [] if None in by or not by else [(f"every recipient is one of {', '.join(listed)}", None)]

    def _headers(self, mail: Mail) -> list[Found]:
        return _in_fields(mail.message, self.headers or {})

    def _header_patterns(self, mail: Mail) -> list[Found]:
        return _in_fields(mail.message, self.header_patterns or {})

    def _words(self, mail: Mail) -> list[Found]:
        return _in_body(mail.message, self.words or Words(()))

    def _patterns(self, mail: Mail) -> list[Found]:
        return _in_body(mail.message, self.patterns or Patterns())


# When each key can be answered, the fact it needs, and its test, which finds nothing if the key does not hold. All of
# the recipients are known at DATA; one of them, which is enough for `any_recipient`, at its RCPT.
_KEYS: dict[str, tuple[int, str, Callable[[Match, Mail], list[Found]]]] = {
    "clients": (CONNECT, "client_ip", Match._clients),
    "client_names": (CONNECT, "client_name", Match._client_names),
    "helo": (HELO, "helo", Match._helo),
    "authenticated": (MAIL, "", Match._authenticated),
    "senders": (MAIL, "sender", Match._senders),
    "any_recipient": (RCPT, "recipients", Match._any_recipient),
    "recipients": (DATA, "recipients", Match._recipients),
    "headers": (MESSAGE, "", Match._headers),
    "header_patterns": (MESSAGE, "", Match._header_patterns),
    "words": (MESSAGE, "", Match._words),
    "patterns": (MESSAGE, "", Match._patterns),
}


def _listed(what: str, name: str | None, wanted: AddressList | None) -> list[Found]:
    by = wanted.find_domain(name) if wanted and name is not None else None
    return [(f"{what} {name} is {by.text[1:]}", None)] if by else []


def _in_fields(message: Message, table: Mapping[str, Words | Patterns | bool]) -> list[Found]:
    """What holds of each field in the table; nothing as soon as one does not."""
    found: list[Found] = []
    for name, wanted in table.items():
        # A field that only some readers find is there for `true` and for words; for `false` the RFCs' reading counts.
        fields = message.headers.fields(name) if wanted is False else message.fields(name)
        if isinstance(wanted, bool):
            if bool(fields) != wanted:
                return []
            found.append((f"{name} is there", _evidence(fields[0])) if fields else (f"no {name}", None))
            continue
        hits = ((one, field) for field in fields if (one := wanted.find(shown_text(message, field))))
        if not (hit := next(hits, None)):
            return []
        found.append((f"{name} has '{hit[0]}'", _evidence(hit[1])))
    return found


def _evidence(field: Field) -> Evidence:
    return Evidence("1", field.start, field.end)


def _in_body(message: Message, wanted: Words | Patterns) -> list[Found]:
    for part in message.parts:
        if part.type.startswith("text/") and (one := wanted.find(part.text.replace("\r\n", "\n"))):
            return [(f"part {part.path} has '{one}'", Evidence(part.path, *part.span))]
    return []
