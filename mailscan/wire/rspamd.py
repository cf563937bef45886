"""The client's side of rspamd's protocol: a message is posted over HTTP, the answer is JSON (rspamd, protocol.md)."""

from __future__ import annotations

import re

from mailscan.record import Record
from mailscan.wire import WireError, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# An answer with all its symbols, options and URLs has some 10 kB, a bad one 100.
MOST_OCTETS = 4_000_000
MOST_SYMBOLS = 2_000
MOST_OPTIONS = 20
# Longest name of a symbol or an action, longest option of a symbol, longest value that is told.
LONGEST_NAME, LONGEST_OPTION, LONGEST_VALUE = 200, 500, 1_000

# What of the session rspamd is told, by attribute of the envelope.
TOLD = (
    ("sender", "From"),
    ("client_ip", "IP"),
    ("helo", "Helo"),
    ("client_name", "Hostname"),
    ("queue_id", "Queue-Id"),
    ("auth_user", "User"),
)
_STATUS = re.compile(rb"HTTP/1\.\d (\d{3})(?: |\Z)")
_CONTROLS = dict.fromkeys([*range(32), 127], " ")


class Symbol(Record):
    """One rule of rspamd that hit, with what it adds to the score, and what it says of the mail."""

    __slots__ = ("name", "score", "options")

    def __init__(self, name: str, score: float, options: Iterable[str] = ()) -> None:
        self.name = name
        self.score = score
        self.options = tuple(options)


class Answer(Record):
    """What rspamd makes of a mail: its `action` ("no action", "greylist", "reject" …), its score, its symbols.

    `threshold` is the score from which on it rejects; `skipped` says that it did not look.
    """

    __slots__ = ("action", "score", "threshold", "symbols", "skipped")

    def __init__(
        self, action: str, score: float, threshold: float, symbols: Iterable[Symbol] = (), *, skipped: bool = False
    ) -> None:
        self.action = action
        self.score = score
        self.threshold = threshold
        self.symbols = tuple(symbols)
        self.skipped = skipped


def ping() -> bytes:
    """The question whether rspamd is there."""
    return _head("GET", "/ping", ())


def request(message: bytes, told: Iterable[tuple[str, str]] = ()) -> bytes:
    """The octets that ask about a message. `told` are header fields by name, any text: `TOLD`, and a Rcpt for each
    recipient.
    """
    fields = [*told, ("Content-Length", str(len(message)))]
    return _head("POST", "/checkv2", fields) + message


def is_whole(octets: bytes) -> bool:
    """Whether an answer has come to its end by its own words."""
    head, blank, body = octets.partition(b"\r\n\r\n")
    length = _length(head)
    return bool(blank) and length is not None and len(body) >= length


def pong(octets: bytes) -> None:
    """Read the answer to `ping`. Raises `WireError` if it is another."""
    status, body = _reply(octets)
    if status != 200 or body.strip() != b"pong":
        raise WireError(f"rspamd answered to /ping {quoted(octets)}")


def answer(octets: bytes) -> Answer:
    """What rspamd answered to `request`. Raises `WireError`."""
    status, body = _reply(octets)
    told = _json(body)
    if status != 200 or "error" in told:
        said = told.get("error")
        raise WireError(f"rspamd refused with status {status}: {quoted(str(said or '').encode('utf-8', 'replace'))}")
    action = told.get("action")
    if not isinstance(action, str) or not _is_name(action):
        raise WireError(f"rspamd's answer has no action: {quoted(body)}")
    score, threshold = _number(told.get("score")), _number(told.get("required_score"))
    if score is None:
        raise WireError(f"rspamd's answer has no score: {quoted(body)}")
    return Answer(action, score, threshold or 0.0, _symbols(told.get("symbols")), skipped=bool(told.get("is_skipped")))


def _head(method: str, path: str, fields: Iterable[tuple[str, str]]) -> bytes:
    # Who asks by HTTP/1.0 gets no chunks (RFC 9112 7.1), and is told no more than one answer.
    lines = [f"{method} {path} HTTP/1.0", "Host: rspamd"]
    lines += [f"{name}: {_clean(value)}" for name, value in fields]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace")


def _clean(value: str) -> str:
    """A value that cannot end its line: what a client said in HELO is foreign."""
    return value[:LONGEST_VALUE].translate(_CONTROLS).strip()


def _reply(octets: bytes) -> tuple[int, bytes]:
    """(status, body) of a whole answer."""
    if len(octets) > MOST_OCTETS:
        raise WireError(f"rspamd answered more than {MOST_OCTETS} octets")
    if not octets:
        raise WireError("rspamd answered nothing")
    head, blank, body = octets.partition(b"\r\n\r\n")
    found = _STATUS.match(head.partition(b"\r\n")[0])
    if not found:
        raise WireError(f"rspamd's answer is no HTTP: {quoted(octets)}")
    if not blank:
        raise WireError(f"rspamd's answer ends in its header: {quoted(octets)}")
    length = _length(head)
    if length is not None and len(body) < length:
        raise WireError(f"rspamd's answer ends after {len(body)} of {length} octets")
    return int(found[1]), body if length is None else body[:length]


def _length(head: bytes) -> int | None:
    for line in head.split(b"\r\n")[1:100]:
        name, _, digits = line[:1000].partition(b":")
        if name.strip().lower() == b"content-length":
            digits = digits.strip()
            return int(digits) if digits.isdigit() and len(digits) < 12 else None
    return None


def _json(body: bytes) -> dict[str, object]:
    import json

    try:
        told = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise WireError(f"rspamd's answer is no JSON: {quoted(body)}") from None
    if not isinstance(told, dict):
        raise WireError(f"rspamd's answer is no JSON object: {quoted(body)}")
    return told


def _symbols(told: object) -> list[Symbol]:
    """The symbols that count, the weightiest first, so that what is cut off is the least."""
    if not isinstance(told, dict):
        return []
    if len(told) > MOST_SYMBOLS:
        raise WireError(f"rspamd's answer has {len(told)} symbols, more than {MOST_SYMBOLS}")
    symbols: list[Symbol] = []
    for name, facts in told.items():
        if not _is_name(name) or not isinstance(facts, dict):
            raise WireError(
                f"rspamd's answer has a symbol that cannot be one: {quoted(name.encode('utf-8', 'replace'))}"
            )
        options = facts.get("options")
        words = [str(one)[:LONGEST_OPTION] for one in options[:MOST_OPTIONS]] if isinstance(options, list) else []
        symbols.append(Symbol(name, _number(facts.get("score")) or 0.0, words))
    return sorted(symbols, key=lambda one: (-abs(one.score), one.name))


def _is_name(word: str) -> bool:
    return 0 < len(word) <= LONGEST_NAME and word.isprintable()


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1e9 < value < 1e9:
        return None
    return float(value)
