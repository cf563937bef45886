"""The envelope that an archived message had, as far as the archive kept it."""

from __future__ import annotations

import re

from mailscan.envelope import Envelope, sender_address, split_addresses
from mailscan.networks import canonical_ip, is_ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from mailscan.message import Message
    from mailscan.networks import Network

_BRACKETED = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f:.]{3,45})\]", re.IGNORECASE)
_RECIPIENTS = ("delivered-to", "x-original-to", "envelope-to")
# Written by tools that had no sender to write: public-inbox, Python's mailbox, Mozilla.
_NOBODY = ("mboxrd@z", "MAILER-DAEMON", "-", "???@???")


def archived(message: Message, trusted: Iterable[Network]) -> Envelope:
    """Sender from Return-Path, else the `From ` line; recipients from Delivered-To, X-Original-To or Envelope-To; the
    client from the first Received that names one which is not ours. X-Envelope-* is never believed: anyone writes it.
    """
    return Envelope(_sender(message), _recipients(message), _client(message, tuple(trusted)))


def _sender(message: Message) -> str | None:
    fields = message.headers.fields("return-path")
    if fields:
        return sender_address(fields[0].value.decode("utf-8", "replace"))
    words = message.from_line.split(b" ")
    written = words[1].decode("utf-8", "replace") if len(words) > 2 else ""
    return written if "@" in written and written not in _NOBODY else None


def _recipients(message: Message) -> list[str]:
    for name in _RECIPIENTS:
        if fields := message.headers.fields(name):
            return split_addresses(fields[0].value[:10_000].decode("utf-8", "replace"))
    return []


def _client(message: Message, trusted: tuple[Network, ...]) -> str | None:
    for field in message.headers.fields("received")[:50]:
        written = field.value[:2000].decode("latin-1").partition(" by ")[0]
        for found in _BRACKETED.findall(written):
            try:
                address = canonical_ip(found)
            except ValueError:
                continue
            if not is_ours(address, trusted):
                return address
    return None
