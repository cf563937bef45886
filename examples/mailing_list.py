"""Accept what our mailing list sends, if its own server brings it: a pass for a rule far up in the policy."""

from mailscan import Finding, Mail, accept

LISTS = {"<talk.lists.example.org>": "198.51.100.25"}


def check(mail: Mail, outside: object) -> Finding | None:
    identity = (mail.message.headers.get("List-Id") or "").rpartition(" ")[2]
    # List-Id alone can be written by anybody: the client's address cannot.
    if identity in LISTS and LISTS[identity] == mail.envelope.client_ip:
        return accept(f"list {identity}", code="list.known")
    return None
