"""Refuse bounces of mail that we never sent: somebody forged one of our addresses."""

from re import IGNORECASE, MULTILINE, compile

from mailscan import Finding, Mail, reject

# What stands in each message that leaves us: the end of a Message-ID, or our server in a Received field.
OURS = (b"@example.com>", b"mail.example.com")
RETURNED = ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers")
TELLING = compile(rb"^(?:message-id|received):", IGNORECASE | MULTILINE)


def check(mail: Mail, outside: object) -> Finding | None:
    # A bounce has the null sender; None is one that is not known. Reports have this type (RFC 3462).
    if mail.envelope.sender != "" or mail.message.root.type != "multipart/report":
        return None
    returned = [part.data for part in mail.message.parts if part.type in RETURNED]
    # Some return too little to say whose the message was: those pass, and so do receipts, which return nothing.
    telling = [octets.lower() for octets in returned if TELLING.search(octets)]
    if not telling or any(mark in octets for octets in telling for mark in OURS):
        return None
    return reject("That message was not from us", mail.message.subject, code="bounce.not-ours")
