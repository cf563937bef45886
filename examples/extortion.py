"""Refuse mail that pretends to come from its own recipient and wants Bitcoin."""

from email.utils import parseaddr
from hashlib import sha256
from re import compile

from mailscan import Finding, Mail, reject

DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BASE58 = compile(rf"\b[13][{DIGITS}]{{25,34}}\b")
BECH32 = compile(r"\bbc1(?:[02-9ac-hj-np-z]{39}|[02-9ac-hj-np-z]{59})\b")


def is_address(word: str) -> bool:
    """Whether the check sum is right: serial numbers look like Bitcoin addresses too."""
    number = 0
    for digit in word:
        number = number * 58 + DIGITS.index(digit)
    octets = (number % 256**25).to_bytes(25, "big")
    return sha256(sha256(octets[:21]).digest()).digest()[:4] == octets[21:]


def check(mail: Mail, outside: object) -> Finding | None:
    sender = parseaddr(mail.message.headers.get("From") or "")[1].lower()
    ours = [one.lower() for one in mail.envelope.recipients]
    # People do write to themselves; they log in for it.
    if sender not in ours or mail.envelope.auth_user:
        return None
    text = "\n".join(part.text for part in mail.message.parts if part.type.startswith("text/"))
    wanted = BECH32.findall(text) + [word for word in BASE58.findall(text) if is_address(word)]
    return reject("This is not from you", f"wants Bitcoin at {wanted[0]}", code="extortion") if wanted else None
