"""Refuse mail that says it comes from us and came from outside."""

from collections.abc import Iterator

from mailscan import Finding, Mail

OURS = "@example.com"


def check(mail: Mail, outside: object) -> Iterator[Finding]:
    """Compare what the reader is shown with the envelope."""
    sender = mail.envelope.sender or ""
    shown = mail.message.headers.get("From") or ""
    if OURS in shown.lower() and not sender.lower().endswith(OURS):
        yield Finding("own-domain.forged", f"From: {shown}", action="reject", reply="That is not your domain")
