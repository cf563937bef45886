"""The envelope that an archived message had, as far as the archive kept it."""

from __future__ import annotations

import re

from mailscan.envelope import Envelope, sender_address, split_addresses
from mailscan.networks import canonical_ip, is_ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from mailscan.message import Message
    from mailscan.networks import Network

_BRACKETED = re.compile(rb"\[(?:[Ii][Pp][Vv]6:)?([0-9A-Fa-f:.]{3,45})\]")
_BY = re.compile(rb"\sby\s")
_RECIPIENTS = ("delivered-to", "x-original-to", "envelope-to")
_ARCHIVED = ("sender", "recipients", "client_ip")
_MOST_HOPS, _LONGEST_HOP, _MOST_CLIENTS = 50, 2000, 20_000
# Written by tools that had no sender to write: public-inbox, Python's mailbox, Mozilla.
_NOBODY = ("mboxrd@z", "MAILER-DAEMON", "-", "???@???")


class Envelopes:
    """The envelopes of an archive's mails: sender from Return-Path, else the `From ` line; recipients from
    Delivered-To, X-Original-To or Envelope-To; the client from the first Received that names one which is not ours
    (`trusted`, private, loopback). `overrule` has facts that hold for every mail.

    X-Envelope-* is never believed: anyone writes it.
    """

    def __init__(self, trusted: Iterable[Network], overrule: Mapping[str, Any]) -> None:
        self._trusted = tuple(trusted)
        self._overrule = dict(overrule)
        # Addresses met lately, as they were written: canonical, or None for ours and for what is none.
        self._clients: dict[bytes, str | None] = {}

    def of(self, message: Message) -> Envelope:
        """The envelope of one mail."""
        given = self._overrule
        sender = given["sender"] if "sender" in given else _sender(message)
        recipients = given["recipients"] if "recipients" in given else _recipients(message)
        client = given["client_ip"] if "client_ip" in given else self._client(message)
        envelope = Envelope(sender, recipients, client)
        for name, value in given.items():
            if name not in _ARCHIVED:
                setattr(envelope, name, value)
        return envelope

    def _client(self, message: Message) -> str | None:
        for field in message.headers.fields("received")[:_MOST_HOPS]:
            value = field.raw[:_LONGEST_HOP]
            for written in _BRACKETED.findall(value, 0, _by(value)):
                if written in self._clients:
                    found = self._clients[written]
                else:
                    if len(self._clients) >= _MOST_CLIENTS:
                        self._clients.clear()
                    found = self._clients[written] = self._foreign(written.decode("ascii"))
                if found is not None:
                    return found
        return None

    def _foreign(self, written: str) -> str | None:
        try:
            address = canonical_ip(written)
        except ValueError:
            return None
        return None if is_ours(address, self._trusted) else address


def _by(value: bytes) -> int:
    """Where a Received field goes on to tell of the receiver: what stands before tells of the client."""
    found = _BY.search(value)
    return found.start() if found else len(value)


def _sender(message: Message) -> str | None:
    fields = message.headers.fields("return-path")
    if fields:
        return sender_address(fields[0].value.decode("utf-8", "replace"))
    words = message.from_line[:_LONGEST_HOP].split(b" ", 2)
    written = words[1].decode("utf-8", "replace") if len(words) > 2 else ""
    return written if "@" in written and written not in _NOBODY else None


def _recipients(message: Message) -> list[str]:
    for name in _RECIPIENTS:
        if fields := message.headers.fields(name):
            return split_addresses(fields[0].value[:10_000].decode("utf-8", "replace"))
    return []
