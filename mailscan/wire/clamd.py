"""The client's side of clamd's protocol (clamd(8), COMMANDS): `z` commands, which end in NUL, as do their answers."""

from __future__ import annotations

from mailscan.record import Record
from mailscan.wire import WireError, quoted

# clamd reads a chunk into its own buffer and writes it to a file: larger ones gain nothing.
CHUNK = 1 << 17
# A signature's name, or an error in words.
MOST_OCTETS = 4_000

PING = b"zPING\0"
VERSION = b"zVERSION\0"


class Answer(Record):
    """What clamd says of octets: `signature` is what it found, "" for nothing.

    `too_large` says that they are more than clamd takes (its StreamMaxLength): nothing is known of them.
    """

    __slots__ = ("signature", "too_large")

    def __init__(self, signature: str = "", *, too_large: bool = False) -> None:
        self.signature = signature
        self.too_large = too_large


def instream(octets: bytes) -> list[bytes]:
    """The pieces of a request to look at these octets: chunks with their length, and one without octets as the end."""
    pieces: list[bytes] = [b"zINSTREAM\0"]
    view = memoryview(octets)  # a message may have 150 MB
    for at in range(0, len(octets), CHUNK):
        piece = view[at : at + CHUNK]
        pieces += (len(piece).to_bytes(4, "big"), piece)  # type: ignore[arg-type]
    return [*pieces, b"\0\0\0\0"]


def is_whole(octets: bytes) -> bool:
    """Whether an answer has come to its end."""
    return b"\0" in octets


def pong(octets: bytes) -> None:
    """Read the answer to `PING`. Raises `WireError` if it is another."""
    if _line(octets) != b"PONG":
        raise WireError(f"clamd answered to PING {quoted(octets)}")


def version(octets: bytes) -> str:
    """The answer to `VERSION`, "ClamAV 1.4.3/27800/Mon Oct 13 …": program, and number and date of its signatures."""
    said = _line(octets)
    if not said.startswith(b"ClamAV "):
        raise WireError(f"clamd answered to VERSION {quoted(octets)}")
    return said.decode("ascii", "replace")


def age(version: str, now: float) -> float | None:
    """How many days old the signatures are by `version`, at the time `now`; None where it does not say."""
    import calendar
    import time

    date = version.partition("/")[2].partition("/")[2].strip()
    try:
        # "Mon Oct 13 08:30:00 2025", in clamd's own time zone: a day more or less is nothing here.
        return (now - calendar.timegm(time.strptime(date, "%a %b %d %H:%M:%S %Y"))) / 86_400
    except (ValueError, OverflowError):
        return None


def answer(octets: bytes) -> Answer:
    """What clamd says of a stream. Raises `WireError`."""
    said = _line(octets)
    if said == b"stream: OK":
        return Answer()
    if said.startswith(b"stream: ") and said.endswith(b" FOUND"):
        name = said[len(b"stream: ") : -len(b" FOUND")]
        if name and all(0x20 <= octet < 0x7F for octet in name):
            return Answer(name.decode("ascii"))
    if said.startswith(b"INSTREAM size limit exceeded"):
        return Answer(too_large=True)
    if said.endswith(b" ERROR"):
        raise WireError(f"clamd says {quoted(said.removesuffix(b' ERROR'))}")
    raise WireError(f"clamd answered {quoted(octets)}")


def _line(octets: bytes) -> bytes:
    """The one line of an answer, without its NUL."""
    if len(octets) > MOST_OCTETS:
        raise WireError(f"clamd answered more than {MOST_OCTETS} octets")
    line, end, _ = octets.partition(b"\0")
    if not end:
        raise WireError(f"clamd's answer ends in the middle: {quoted(octets)}" if octets else "clamd answered nothing")
    return line
