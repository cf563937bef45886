"""The rows of an audit: the one table of their columns, how a verdict becomes a row, and rows read from a file."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

from mailscan.audit.deciders import deciders
from mailscan.envelope import bare_address, split_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from mailscan.mail import Mail
    from mailscan.message import Message
    from mailscan.policy import Policy
    from mailscan.verdict import Verdict

    # One message's row: a value, or None, for each of COLUMNS.
    Row = dict[str, Any]

# What a column holds. `texts`, and `json` (a list or table of plain values), are JSON text where a format has no lists.
TEXT, INTEGER, NUMBER, TEXTS, JSON = "text", "integer", "number", "texts", "json"


class Column:
    """One column: its name, what it holds (`kind`), and what that means."""

    __slots__ = ("name", "kind", "meaning")

    def __init__(self, name: str, kind: str, meaning: str) -> None:
        self.name = name
        self.kind = kind
        self.meaning = meaning


COLUMNS = (
    Column("source", TEXT, "the file; a member of a tar or zip archive follows after `!/`"),
    Column("offset", INTEGER, "where the message begins in it, in octets, once unpacked; a `From ` line included"),
    Column("size", INTEGER, "its octets, a `From ` line included"),
    Column("message_id", TEXT, "Message-ID as written; null if there is none"),
    Column("date", TEXT, "when it was sent, by Date, else the `From ` line: ISO 8601 in UTC; null if not known"),
    Column("sender", TEXT, "envelope sender; empty for the null sender, null if not known"),
    Column("recipients", TEXTS, "envelope recipients"),
    Column("client_ip", TEXT, "the client's address; null if not known"),
    Column("from_address", TEXT, "the address in From; null if there is none"),
    Column("from_domain", TEXT, "its domain, lower case"),
    Column("subject", TEXT, "Subject, decoded"),
    Column("list_id", TEXT, "List-Id, decoded; null if there is none"),
    Column("in_reply_to", TEXTS, "the message ids in In-Reply-To and References"),
    Column("verdict", TEXT, "accept, reject or tempfail, as `mailscan scan` would have said"),
    Column("code", TEXT, "SMTP code and enhanced code of a refusal; empty for accept"),
    Column("rule", TEXT, "the rule that decided; `score` for the sum, empty if none did"),
    Column("would", TEXT, "what a policy on trial would have done; else empty"),
    Column("quarantine", TEXT, "the rule that wants it held; else empty"),
    Column("score", NUMBER, "the sum of the scores"),
    Column("rules", TEXTS, "every rule that found something, in their order, below the one that decided too"),
    Column("deciders", TEXTS, "every rule that would have given accept, reject or tempfail by itself"),
    Column("evidence", JSON, "what they found: rule, code, detail, part, member, start, end; octets from `offset` on"),
    Column("notes", JSON, "what decides nothing, as `not-scanned`: rule, code, detail"),
    Column("errors", JSON, "rules whose filter failed: rule, why"),
    Column("ambiguities", INTEGER, "how many ways there are in which mail clients read it differently"),
    Column("ms", NUMBER, "milliseconds that judging took"),
    Column("timings", JSON, "milliseconds of each rule that was asked, by name"),
)
NAMES = tuple(column.name for column in COLUMNS)
# What can become of a mail, the best for it first. `quarantine` is accepted and held.
OUTCOMES = ("accept", "quarantine", "tempfail", "reject")
REFUSED = ("tempfail", "reject")
LET_THROUGH = ("accept", "quarantine")
# What differs from run to run.
TIMINGS = ("ms", "timings")

# A row quotes a mail; it is not a copy of it.
LONGEST = 1000
MOST_EVIDENCE = 100
MOST_IDS = 50
_encode = json.JSONEncoder(allow_nan=False, check_circular=False).encode
_MONTHS = {name: n for n, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
# A date as nearly everybody writes it (RFC 5322 3.3).
_DATE = re.compile(
    rb"(?:[A-Z][a-z][a-z], )? ?(\d\d?) ([A-Z][a-z][a-z]) (\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"
    rb"(?: \([^()]*\))?\s*"
)
_ID = re.compile(rb"<[^<>\s]{1,990}>")


def row(source: str, offset: int, mail: Mail, verdict: Verdict, ms: float, policy: Policy) -> Row:
    """The row of one message that was judged thoroughly by that policy."""
    message = mail.message
    envelope = mail.envelope
    rules, evidence, notes, errors, timings = _account(verdict)
    address = _from(message)
    return {
        "source": written(source),
        "offset": offset,
        "size": len(message.raw),
        "message_id": _value(message, "message-id"),
        "date": date(message) or from_line_date(message),
        "sender": _short(envelope.sender),
        "recipients": list(envelope.recipients),
        "client_ip": envelope.client_ip,
        "from_address": address,
        "from_domain": None if address is None else split_address(address)[1].lower(),
        "subject": _text(message, "subject"),
        "list_id": _text(message, "list-id"),
        "in_reply_to": _ids(message),
        "verdict": verdict.action,
        "code": verdict.code,
        "rule": verdict.rule,
        "would": verdict.would,
        "quarantine": verdict.quarantine,
        "score": round(verdict.score, 3),
        "rules": rules,
        "deciders": [rule for rule, _ in deciders(verdict, policy)],
        "evidence": evidence,
        "notes": notes,
        "errors": errors,
        "ambiguities": len(message.ambiguities),
        "ms": round(ms, 3),
        "timings": timings,
    }


def written(source: str) -> str:
    """A source as a row has it: octets of a file's name that are no UTF-8 stand as `\\udcff`."""
    return source.encode("utf-8", "backslashreplace").decode("utf-8")


def outcome(verdict: str, quarantine: str) -> str:
    """One of `OUTCOMES`, by these two columns."""
    return "quarantine" if verdict == "accept" and quarantine else verdict


def alone(one: Row) -> bool:
    """Whether no rule but the one that decided would have ended the walk by itself."""
    return bool(one["rule"]) and not set(one["deciders"]) - {one["rule"]}


def to_line(one: Mapping[str, Any]) -> bytes:
    """The row as a line of JSON in ASCII; a lone surrogate, which no UTF-8 can hold, becomes `?`."""
    line = _encode(one)
    if "\\ud" in line:
        line = _encode(_sound(one))
    return line.encode("ascii") + b"\n"


def from_line(line: bytes) -> Row:
    """A row back from its line. Raises `ValueError` for what is none."""
    try:
        one = json.loads(line)
    except RecursionError:
        raise ValueError("is no row of an audit") from None
    if not isinstance(one, dict) or not set(NAMES) <= set(one):
        raise ValueError("is no row of an audit")
    return one


def read_rows(path: str) -> Iterator[Row]:
    """The rows of a .jsonl file, in order. Raises `ValueError`, naming file and line, and `OSError`."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield from_line(line)
            except ValueError as error:
                raise ValueError(f"{path}: line {number}: {error}") from None


def date(message: Message) -> str | None:
    """The message's Date (RFC 5322 3.3) in ISO 8601, UTC; None where there is none that can be read."""
    values = message.headers.values("date")
    return when(values[0]) if values else None


def when(value: bytes) -> str | None:
    """An RFC 5322 date, also an obsolete one (4.3), in ISO 8601, UTC, to the second; None for what is no date."""
    usual = _DATE.fullmatch(value)
    if usual is not None and usual[2] in _MONTHS:
        try:
            local = datetime(int(usual[3]), _MONTHS[usual[2]], *map(int, usual.group(1, 4, 5, 6)))  # type: ignore[arg-type]
            zone = timedelta(hours=int(usual[8]), minutes=int(usual[9]))
            if local.year >= 1000:
                return (local - zone if usual[7] == b"+" else local + zone).isoformat() + "Z"
        except (ValueError, OverflowError):
            pass
    from email.utils import mktime_tz, parsedate_tz

    try:
        parsed = parsedate_tz(value[:200].decode("latin-1"))
        if parsed is None:
            return None
        if 100 <= parsed[0] < 1000:
            parsed = (parsed[0] + 1900, *parsed[1:])  # RFC 5322 4.3
        return datetime.fromtimestamp(mktime_tz(parsed), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError, TypeError, IndexError):
        return None


def _account(verdict: Verdict) -> tuple[list[str], list[Row], list[Row], list[Row], dict[str, float]]:
    rules: list[str] = []
    evidence: list[Row] = []
    notes: list[Row] = []
    errors: list[Row] = []
    timings: dict[str, float] = {}
    for asked in verdict.account:
        if asked.outcome == "not-asked":
            continue
        timings[asked.rule] = round(asked.ms, 3)
        if asked.outcome == "clear":
            continue
        if asked.outcome == "error":
            errors.append({"rule": asked.rule, "why": _short(asked.why)})
        found = [finding for finding in asked.findings if not finding.note]
        if found:
            rules.append(asked.rule)
        for finding in asked.findings:
            about: Row = {"rule": asked.rule, "code": finding.code, "detail": _short(finding.detail)}
            if finding.note:
                notes.append(about)
                continue
            if not finding.evidence:
                evidence.append(about)
            for at in finding.evidence:
                evidence.append(
                    about | {"part": at.part, "member": _short(at.member), "start": at.start, "end": at.end}
                )
    return rules, evidence[:MOST_EVIDENCE], notes[:MOST_EVIDENCE], errors, timings


def _from(message: Message) -> str | None:
    text = _whole(message, "from")
    if text is None:
        return None
    # The last <…>, if nothing follows in brackets.
    start, end = text.rfind("<"), text.rfind(">")
    if 0 <= start < end == text.find(">", start):
        address = text[start + 1 : end].strip()
    else:
        address = bare_address(text.partition("(")[0])
    return address[:LONGEST] or None


def _ids(message: Message) -> list[str]:
    ids: dict[str, None] = {}
    for name in ("in-reply-to", "references"):
        for value in message.headers.values(name):
            for one in _ID.findall(value[: LONGEST * MOST_IDS]):
                ids[one.decode("latin-1")] = None
    return list(ids)[:MOST_IDS]


def _value(message: Message, name: str) -> str | None:
    values = message.headers.values(name)
    return values[0][:LONGEST].decode("utf-8", "replace") if values else None


def _text(message: Message, name: str) -> str | None:
    text = _whole(message, name)
    return None if text is None else text[:LONGEST]


def _whole(message: Message, name: str) -> str | None:
    values = message.headers.values(name)
    if values and len(values[0]) >= 100 * LONGEST:
        return values[0][:LONGEST].decode("utf-8", "replace")
    return message.headers.decoded(values[0]) if values else None


def _short(text: str | None) -> Any:
    return text if text is None or len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _sound(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_sound(key): _sound(item) for key, item in value.items()}
    return [_sound(item) for item in value] if isinstance(value, list) else value


def from_line_date(message: Message) -> str | None:
    """The date of the message's `From ` line, as `date` gives one; None if it has none."""
    line = message.from_line
    return when(line.split(b" ", 2)[2]) if line.count(b" ") > 2 else None
