"""Mark mail with the name of somebody who gives orders here, from an address that is not ours."""

from collections.abc import Iterator

from mailscan import Finding, Mail, tag

NAMES = {"jane boss", "john treasurer"}
OURS = "example.com"


def check(mail: Mail, outside: object) -> Iterator[Finding]:
    for shown in mail.message.headers.get_all("From"):
        # Decoded text is split by hand: once decoded, a comma in a name looks like the end of an address.
        name, _, address = shown.rpartition("<")
        words = " ".join(name.replace(",", " ").replace('"', " ").lower().split())
        turned = " ".join(reversed(words.split(" ")))  # "Boss, Jane"
        if {words, turned} & NAMES and address.rpartition("@")[2].rstrip("> ").lower() != OURS:
            yield tag("X-Not-The-Boss", shown, code="boss.imitated")
