"""`use = "spamtrap"`: mail to an address that only harvesters know."""

from __future__ import annotations

from mailscan.addresses import addresses, domains, local_parts
from mailscan.filters import Filter
from mailscan.keys import optional
from mailscan.mail import RCPT
from mailscan.verdict import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.mail import Mail
    from mailscan.outside import Outside


class Spamtrap(Filter):
    """Finds recipients that are spamtraps.

    Every one of `local_parts` at every one of `domains` is a trap, and so is every one of `addresses`. One trap
    among the recipients is enough; each is a finding of its own.

    `local_parts` and `domains` go together: a local part that is a trap in your own domains may well be a person
    elsewhere, and a mailer that relays for others would refuse that person's mail. Who means any domain writes the
    local part alone into `addresses`.

    Case makes no difference, `spamtrap+tag` is a trap too, and a domain may be written with its letters or in
    ASCII (`xn--…`).
    """

    local_parts = optional(local_parts, "what stands before the @ of a trap; `*` is any text")
    domains = optional(domains, "where these local parts are traps; `.example.com` means its subdomains")
    addresses = optional(addresses, "whole addresses, or patterns of them, that are traps")

    stage = RCPT
    needs = ("recipients",)

    def prepare(self) -> None:
        """Refuses a table without traps, and one of `local_parts` and `domains` without the other."""
        if self.local_parts is None and self.domains is None and self.addresses is None:
            raise ValueError("no trap is named: `local_parts` with `domains`, or `addresses`, are wanted")
        if self.domains is None and self.local_parts is not None:
            raise ValueError("`local_parts` needs `domains`; a local part in any domain is written into `addresses`")
        if self.local_parts is None and self.domains is not None:
            raise ValueError('`domains` needs `local_parts`; a whole domain is written "@…" in `addresses`')

    def check(self, mail: Mail, outside: Outside) -> Iterator[Finding]:
        """Yields "spamtrap.hit" for each recipient that is a trap."""
        for recipient in dict.fromkeys(mail.envelope.recipients):
            if self._is_trap(recipient):
                yield Finding("spamtrap.hit", recipient)

    def _is_trap(self, recipient: str) -> bool:
        if self.addresses and self.addresses.find(recipient):
            return True
        return bool(
            self.local_parts and self.domains and self.local_parts.find(recipient) and self.domains.find(recipient)
        )
