"""The client's side of SpamAssassin's protocol, version 1.5 (its `spamd/PROTOCOL`)."""

from __future__ import annotations

import re

from mailscan.record import Record
from mailscan.wire import WireError, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Command = Literal["CHECK", "SYMBOLS", "REPORT", "HEADERS"]

VERSION = "SPAMC/1.5"
# An answer that is larger than this is none: SYMBOLS is a few kB, a report some more, a header seldom 100 kB.
MOST_OCTETS = 1_000_000
MOST_SYMBOLS = 1_000
LONGEST_SYMBOL = 200

# sysexits.h, with which spamd says why it did not judge, and what it adds to them.
EX_NOUSER, EX_TEMPFAIL, EX_PROTOCOL, EX_TIMEOUT = 67, 75, 76, 79

_FIRST_LINE = re.compile(rb"SPAMD/(\d{1,3}\.\d{1,3}) (\d{1,3}) ?(.*)\Z", re.DOTALL)
_NUMBER = rb"\s*(-?\d{1,9}(?:\.\d{1,9})?)\s*"
_SPAM = re.compile(rb"\s*(true|yes|false|no)\s*;" + _NUMBER + rb"/" + _NUMBER + rb"\Z", re.IGNORECASE)
# Of a user's name the protocol allows letters, digits, "-" and "_"; virtual users are addresses.
_USER = re.compile(r"[A-Za-z0-9_.@+=-]{1,256}\Z")


class Answer(Record):
    """What spamd answered: whether it takes the message for spam, its `score` and the `threshold` of its own.

    `symbols` are the names of the tests that hit, of SYMBOLS only; `body` are the octets after the answer's header.
    """

    __slots__ = ("spam", "score", "threshold", "symbols", "body")

    def __init__(
        self, spam: bool, score: float, threshold: float, symbols: tuple[str, ...] = (), body: bytes = b""
    ) -> None:
        self.spam = spam
        self.score = score
        self.threshold = threshold
        self.symbols = symbols
        self.body = body


class Refused(WireError):
    """spamd answered with a status of sysexits.h other than 0: `status`."""

    def __init__(self, status: int, said: bytes) -> None:
        super().__init__(f"spamd refused with status {status}: {quoted(said)}")
        self.status = status


def is_user(name: str) -> bool:
    """Whether a name can stand in the field User."""
    return _USER.match(name) is not None


def ping() -> bytes:
    """The question whether spamd is there; since version 1.5 an empty line must follow."""
    return f"PING {VERSION}\r\n\r\n".encode("ascii")


def request(command: Command, message: bytes, *, user: str = "", compress: bool = False) -> bytes:
    """The octets that ask about a message. `user` is one for `is_user`; raises `ValueError` for another."""
    lines = [f"{command} {VERSION}"]
    if user:
        if not is_user(user):
            raise ValueError(f"{user!r} cannot be sent as the name of a user")
        lines.append(f"User: {user}")
    if compress:
        import zlib

        message = zlib.compress(message)
        lines.append("Compress: zlib")
    lines.append(f"Content-length: {len(message)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + message


def is_whole(octets: bytes) -> bool:
    """Whether an answer has come to its end by its own words. spamd closes the connection behind it in any case."""
    end = octets.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = _length(_fields(octets[:end].split(b"\r\n")[1:]))
    return length is not None and len(octets) - end - 4 >= length


def is_pong(octets: bytes) -> bool:
    """Whether the answer to `ping`, which is one line, has come to its end."""
    return octets.endswith(b"\n")


def pong(octets: bytes) -> str:
    """The version of the protocol that the answer to `ping` names. Raises `WireError`."""
    version, status, said = _first_line(octets)
    if status or said.strip() != b"PONG":
        raise WireError(f"spamd answered to PING {quoted(octets)}")
    return version


def answer(octets: bytes, command: Command) -> Answer:
    """What spamd answered to `request`, all that came until it closed. Raises `WireError`, or `Refused`."""
    if len(octets) > MOST_OCTETS:
        raise WireError(f"spamd answered more than {MOST_OCTETS} octets")
    _, status, said = _first_line(octets)
    if status:
        raise Refused(status, said)
    head, blank, body = octets.partition(b"\r\n\r\n")
    if not blank:
        raise WireError(f"spamd's answer ends in its header: {quoted(octets)}")
    fields = _fields(head.split(b"\r\n")[1:])
    length = _length(fields)
    if length is not None and len(body) < length:
        raise WireError(f"spamd's answer ends after {len(body)} of {length} octets")
    if length is not None:
        body = body[:length]
    found = _SPAM.match(fields.get(b"spam", b""))
    if not found:
        raise WireError(f"spamd's answer has no score: {quoted(head)}")
    spam = found[1].lower() in (b"true", b"yes")
    symbols = _symbols(body) if command == "SYMBOLS" else ()
    return Answer(spam, float(found[2]), float(found[3]), symbols, body)


def _first_line(octets: bytes) -> tuple[str, int, bytes]:
    found = _FIRST_LINE.match(re.split(rb"\r?\n", octets[:1000], maxsplit=1)[0])
    if not found:
        what = quoted(octets) if octets else "nothing"
        raise WireError(f"spamd's answer does not begin with its protocol: {what}")
    return found[1].decode("ascii"), int(found[2]), found[3]


def _fields(lines: list[bytes]) -> dict[bytes, bytes]:
    """The header fields, by name in lower case, the first of each name; the rest is not ours to understand."""
    fields: dict[bytes, bytes] = {}
    for line in lines[:100]:
        name, colon, value = line[:1000].partition(b":")
        if colon:
            fields.setdefault(name.strip().lower(), value)
    return fields


def _length(fields: dict[bytes, bytes]) -> int | None:
    digits = fields.get(b"content-length", b"").strip()
    return int(digits) if digits.isdigit() and len(digits) < 12 else None


def _symbols(body: bytes) -> tuple[str, ...]:
    """The names in the one line of SYMBOLS; "clients should be flexible" about line ends behind it."""
    names = [name for name in re.split(rb"[, ]+", body.rstrip(b"\r\n")) if name]
    if len(names) > MOST_SYMBOLS:
        raise WireError(f"spamd's answer has {len(names)} tests, more than {MOST_SYMBOLS}")
    for name in names:
        if len(name) > LONGEST_SYMBOL or not all(0x20 < octet < 0x7F for octet in name):
            raise WireError(f"spamd's answer has a test that cannot be one: {quoted(name)}")
    return tuple(name.decode("ascii") for name in names)
