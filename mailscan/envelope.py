"""The envelope of a mail: who sent it to whom, and what is known of the SMTP client. What is not known is None."""

from __future__ import annotations

from mailscan.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Envelope(Record):
    """Facts of one SMTP transaction, as text; any of them may hold anything a client can send.

    `sender` is an address without angle brackets, "" for the null sender (RFC 5321 4.5.5), None if not known.
    `recipients` are likewise addresses; empty means not known. `client_ip` is a valid IP address in its canonical
    spelling (an IPv4-mapped IPv6 address as IPv4). `info` has any other fact by its mailer's name.
    """

    __slots__ = ("sender", "recipients", "client_ip", "client_name", "helo", "auth_user", "queue_id", "info")

    def __init__(
        self,
        sender: str | None = None,
        recipients: Iterable[str] = (),
        client_ip: str | None = None,
        client_name: str | None = None,
        helo: str | None = None,
        auth_user: str | None = None,
        queue_id: str | None = None,
        info: Mapping[str, str] | None = None,
    ) -> None:
        self.sender: str | None = sender
        self.recipients: tuple[str, ...] = tuple(recipients)
        self.client_ip: str | None = client_ip
        self.client_name: str | None = client_name
        self.helo: str | None = helo
        self.auth_user: str | None = auth_user
        self.queue_id: str | None = queue_id
        self.info: dict[str, str] = dict(info or {})

    def replace(self, *, recipients: Iterable[str]) -> Envelope:
        """A copy with other recipients."""
        return Envelope(
            self.sender,
            recipients,
            self.client_ip,
            self.client_name,
            self.helo,
            self.auth_user,
            self.queue_id,
            self.info,
        )

    def knows(self, fact: str) -> bool:
        """Whether the fact of that name is known: no recipients, and None, are not."""
        value = getattr(self, fact)
        return value is not None and value != ()


def sender_address(text: str) -> str:
    """An envelope sender as callers write it: `<>` and `MAILER-DAEMON` are the null sender (CONTRACT 1)."""
    text = bare_address(text)
    return "" if text.upper() == "MAILER-DAEMON" else text


def bare_address(text: str) -> str:
    """The address without blanks around it, and out of the angle brackets it ends in (`<a@b>`, `Joe <a@b>`)."""
    text = text.strip(" \t")
    if text.endswith(">") and "<" in text:
        text = text[text.rindex("<") + 1 : -1].strip(" \t")
    return text


def split_addresses(text: str) -> list[str]:
    """The addresses of a list joined by commas; a comma in a quoted string or after a backslash joins nothing.

    Exim writes `$recipients` so, and quotes as in `x@a.test, "a, b"@a.test`. Empty items are left out. An
    unclosed quote makes the rest one address: nothing is dropped.
    """
    if "," not in text:
        bare = bare_address(text)
        return [bare] if bare else []
    items: list[str] = []
    item: list[str] = []
    quoted = escaped = False
    for char in text:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            items.append("".join(item))
            item = []
            continue
        item.append(char)
    items.append("".join(item))
    return [bare for bare in map(bare_address, items) if bare]


def split_address(address: str) -> tuple[str, str]:
    """(local part, domain) of an address, both as written; the domain is "" where there is no `@`.

    The last `@` divides, since a quoted local part may hold others (RFC 5321 4.1.2). A source route
    (`@a,@b:user@c`, RFC 5321 appendix C) is passed over.
    """
    if address.startswith("@") and ":" in address:
        address = address.partition(":")[2]
    local, at, domain = address.rpartition("@")
    return (local, domain) if at else (address, "")
