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
_BLANKS = b" \t\n\r\v\f"
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
        source = message.raw
        for start, end in message.headers.spans("received")[:_MOST_HOPS]:
            if source.find(b"[", start, end) < 0:
                continue
            end = _by(source, start, min(end, start + _LONGEST_HOP))
            for written in _BRACKETED.findall(source, start, end):
                found = self._clients[written] if written in self._clients else self._foreign(written)
                if found is not None:
                    return found
        return None

    def _foreign(self, written: bytes) -> str | None:
        """The address, canonical, unless it is ours or none; kept."""
        if len(self._clients) >= _MOST_CLIENTS:
            self._clients.clear()
        found = self._clients[written] = self._canonical(written.decode("ascii"))
        return found

    def _canonical(self, written: str) -> str | None:
        try:
            address = canonical_ip(written)
        except ValueError:
            return None
        return None if is_ours(address, self._trusted) else address


def _by(source: bytes, start: int, end: int) -> int:
    """Where a Received field goes on to tell of the receiver: what stands before tells of the client."""
    at = start
    while (at := source.find(b"by", at + 1, end)) >= 0:
        if source[at - 1] in _BLANKS and source[at + 2 : at + 3].isspace() and at + 2 < end:
            return at
    return end


def _sender(message: Message) -> str | None:
    values = message.headers.values("return-path")
    if values:
        return sender_address(values[0].decode("utf-8", "replace"))
    if not message.from_line:
        return None
    words = message.from_line[:_LONGEST_HOP].split(b" ", 2)
    written = words[1].decode("utf-8", "replace") if len(words) > 2 else ""
    return written if "@" in written and written not in _NOBODY else None


def _recipients(message: Message) -> list[str]:
    for name in _RECIPIENTS:
        if values := message.headers.values(name):
            return split_addresses(values[0][:10_000].decode("utf-8", "replace"))
    return []
