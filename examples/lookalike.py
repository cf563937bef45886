"""Refuse mail from domains that look like ours: examp1e.com, exarnple.com, exampel.com, example.com.co."""

from collections.abc import Iterator
from email.utils import parseaddr

from mailscan import Finding, Mail, reject

OURS = "example.com"
# Other people's that happen to look like ours: add those that you meet.
HONEST = {"examples.com"}
SAME = {"rn": "m", "vv": "w", "cl": "d", "1": "l", "0": "o", "5": "s", "-": ""}


def plain(domain: str) -> str:
    for shown, meant in SAME.items():
        domain = domain.replace(shown, meant)
    return domain


def one_slip(one: str, other: str) -> bool:
    """Whether a letter was added, left out, changed, or changed places with the next."""
    if len(one) == len(other):
        wrong = [at for at in range(len(one)) if one[at] != other[at]]
        swapped = len(wrong) == 2 and wrong[1] - wrong[0] == 1 and sorted(one) == sorted(other)
        return len(wrong) < 2 or swapped
    short, long = sorted((one, other), key=len)
    return any(long[:at] + long[at + 1 :] == short for at in range(len(long)))


def check(mail: Mail, outside: object) -> Iterator[Finding]:
    for shown in mail.message.headers.get_all("From"):
        domain = parseaddr(shown)[1].rpartition("@")[2].lower().rstrip(".")
        if not domain or domain in HONEST or ("." + domain).endswith("." + OURS):
            continue
        if one_slip(plain(domain), plain(OURS)) or domain.startswith(OURS + "."):
            yield reject("Your domain looks too much like ours", f"From: {shown}", code="domain.lookalike")
