"""`info`: what is known of the SMTP transaction, by Exim's names."""

from __future__ import annotations

from mailscan.addresses import addresses
from mailscan.errors import FilterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from mailscan.envelope import Envelope

# The variables that Exim shows its local_scan(), and those of the same session that old files ask for. They are None
# unless the caller said them (`--info NAME=VALUE`); another name is a mistake in the file, and raises.
FACTS = frozenset((
    "authenticated_id", "authenticated_sender", "host_checking", "interface_address", "interface_port", "message_id",
    "primary_hostname", "qualify_domain", "received_protocol", "sender_fullhost", "sender_host_port", "sender_ident",
    "sender_rcvhost", "smtp_active_hostname", "tls_cipher", "tls_peerdn",
))  # fmt: skip
_NUMBERS = ("interface_port", "sender_host_port")


class EximInfo:
    """Facts of the transaction. What is not known is None; changing `recipients_list` changes the recipients."""

    def __init__(self, envelope: Envelope) -> None:
        said = envelope.info
        for name in (*FACTS, *said):
            if hasattr(type(self), name):  # a caller may say anything; what is ours stays ours
                continue
            value: object = said.get(name)
            if name in _NUMBERS:
                value = int(said[name]) if said.get(name, "").isdecimal() else None
            setattr(self, name, value)
        self.sender_address: str | None = envelope.sender
        self.sender_host_address: str | None = envelope.client_ip
        self.sender_host_name: str | None = envelope.client_name
        self.sender_helo_name: str | None = envelope.helo
        # Exim's is the name of the authenticator; who asks, asks whether there was one.
        self.sender_host_authenticated: str | None = said.get("sender_host_authenticated") or envelope.auth_user
        self.authenticated_id: str | None = envelope.auth_user or said.get("authenticated_id")
        self.message_id: str | None = envelope.queue_id or said.get("message_id")
        self.recipients_list: list[str] = list(envelope.recipients)

    @property
    def recipients_count(self) -> int:
        """How many recipients there are now."""
        return len(self.recipients_list)

    def match_recipients(self, local_parts: str | Iterable[str], domains: str | Iterable[str] = ()) -> list[str]:
        """The recipients whose local part is one of `local_parts`, in one of `domains` if any are named."""
        return match_recipients(self.recipients_list, local_parts, domains)

    def __repr__(self) -> str:
        return f"<EximInfo of a mail from {self.sender_host_address}>"


def match_recipients(
    recipients: EximInfo | Iterable[str], local_parts: str | Iterable[str], domains: str | Iterable[str] = ()
) -> list[str]:
    """The same of any list of addresses, or of `info`. Case makes no difference."""
    among = recipients.recipients_list if isinstance(recipients, EximInfo) else list(recipients)
    locals_ = _listed(local_parts)
    within = _listed(domains)
    if not locals_:
        return []
    patterns = [f"{local}@{domain}" for local in locals_ for domain in within] if within else locals_
    wanted = addresses(patterns, "")
    return [one for one in among if wanted.find(one)]


def recipients_changed(info: EximInfo, before: Iterable[str]) -> tuple[list[str], list[str]]:
    """(recipients added, recipients removed) by the file. Raises `FilterError` for what is no address."""
    before = list(before)
    now = info.recipients_list
    if isinstance(now, str) or not all(isinstance(one, str) for one in now):
        raise FilterError("info.recipients_list: a list of addresses is wanted")
    for one in now:
        if one not in before and (not one.isprintable() or " " in one or not one):
            raise FilterError(f"info.recipients_list: {one[:80]!r} is no address")
    added = [one for one in dict.fromkeys(now) if one not in before]
    return added, [one for one in dict.fromkeys(before) if one not in now]


def _listed(value: str | Iterable[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
