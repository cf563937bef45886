"""Mark mail with the name of somebody who gives orders here, from an address that is not ours."""

from collections.abc import Iterator
from email.utils import getaddresses

from mailscan import Finding, Mail, tag

NAMES = {"jane boss", "john treasurer"}
OURS = "example.com"


def check(mail: Mail, outside: object) -> Iterator[Finding]:
    for name, address in getaddresses(mail.message.headers.get_all("From")):
        words = " ".join(name.replace(",", " ").lower().split())
        turned = " ".join(reversed(words.split(" ")))  # "Boss, Jane"
        if {words, turned} & NAMES and address.rpartition("@")[2].lower() != OURS:
            yield tag("X-Not-The-Boss", f"{name} <{address}>", code="boss.imitated")
