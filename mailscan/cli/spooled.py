"""The envelope that Exim writes above a message which it keeps for content scanning."""

from __future__ import annotations

from mailscan.envelope import sender_address, split_addresses

_FROM_LINE = b"From MAILER-DAEMON "
# Exim writes at most these two, in this order; the next line is the sender's, whatever it is called.
_FIELDS = (b"x-envelope-from", b"x-envelope-to")


def spooled_envelope(raw: bytes) -> tuple[str | None, list[str], int] | None:
    """(sender, recipients, where the header begins) of a message that begins as Exim's do; else None.

    `X-Envelope-From:` and `X-Envelope-To:` are believed once each, directly below `From MAILER-DAEMON `. Recipients
    without a sender mean the null sender (CONTRACT 1). The sender is None, not known, if neither is there.
    Continuation lines are not taken: Exim writes none, and the message may begin with one.
    """
    if not raw.startswith(_FROM_LINE):
        return None
    at = raw.find(b"\n") + 1
    found: dict[bytes, str] = {}
    for wanted in _FIELDS:
        end = raw.find(b"\n", at)
        end = len(raw) if end < 0 else end + 1
        name, colon, value = raw[at:end].partition(b":") if at else (b"", b"", b"")
        if colon and name.lower() == wanted:
            found[wanted] = value.strip(b" \t\r\n").decode("utf-8", "surrogateescape")
            at = end
    if not found:
        return None
    sender = sender_address(found.get(_FIELDS[0], ""))
    return sender, split_addresses(found.get(_FIELDS[1], "")), at
