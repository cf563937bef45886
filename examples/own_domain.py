"""Find mail whose From says that it comes from us, and whose envelope does not."""

from collections.abc import Iterator
from email.utils import parseaddr

from mailscan import Finding, Mail

OURS = "example.com"


def domain(address: str) -> str:
    return address.rpartition("@")[2].lower().rstrip(".")


def check(mail: Mail, outside: object) -> Iterator[Finding]:
    """Compare what the reader is shown with the envelope."""
    sender = mail.envelope.sender
    # Not known; or a bounce, or our own post coming back from a mailing list.
    if not sender or "List-Id" in mail.message.headers:
        return
    for shown in mail.message.headers.get_all("From"):
        if domain(parseaddr(shown)[1]) == OURS and domain(sender) != OURS:
            yield Finding("own-domain.forged", f"From: {shown}", action="reject", reply="That is not your domain")
