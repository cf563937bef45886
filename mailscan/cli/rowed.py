"""A message named by a row of an audit (`x.jsonl:12`), or by its place in an archive (`archive.mbox:34567`)."""

from __future__ import annotations

import os
import re
from itertools import islice
from typing import TYPE_CHECKING

from mailscan.audit.rows import from_line
from mailscan.envelope import Envelope
from mailscan.errors import MailscanError
from mailscan.mailboxes.at import archive_of, message_at
from mailscan.message import Message
from mailscan.outgoing import printable
from mailscan.verdict import Asked, Evidence, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mailscan.audit.rows import Row

_OTHERS = (".csv", ".parquet", ".sqlite", ".db")


class Found:
    """The message and, if a row named it, its envelope and what the row says of it."""

    def __init__(self, raw: bytes, row: Row | None, place: str) -> None:
        self.raw = raw
        self.row = row
        self.place = place

    @property
    def envelope(self) -> Envelope:
        """The envelope that the audit knew."""
        row = self.row or {}
        return Envelope(row.get("sender"), row.get("recipients") or (), row.get("client_ip"))

    @property
    def verdict(self) -> Verdict | None:
        """The verdict of the row, with the evidence that it kept."""
        try:
            return None if self.row is None else _verdict(self.row)
        except (ValueError, TypeError, KeyError, OverflowError):
            raise MailscanError(f"{self.place}: its verdict or its evidence is not what an audit writes") from None

    @property
    def account(self) -> str:
        """The row's verdict in words, lines each with a line end; "" without a row."""
        return "" if self.row is None else "".join(f"{line}\n" for line in _lines(self.row, self.place))


def found(named: str) -> Found | None:
    """The message that `FILE:NUMBER` names, or None for any other name. Raises `MailscanError`."""
    path, _, number = named.rpartition(":")
    if named.lower().endswith(".jsonl") and os.path.isfile(named):
        raise MailscanError(f"{named} has rows of an audit: `mailscan show {named}:1` shows the mail of the first")
    if not number.isascii() or not number.isdecimal() or os.path.exists(named) or len(number) > 18:
        return None
    if path.lower().endswith(".jsonl"):
        return _of_row(path, int(number))
    if path.lower().endswith(_OTHERS) and os.path.isfile(path):
        raise MailscanError(
            f"{path}: only rows of a .jsonl file can be opened; or name SOURCE:OFFSET, as the row has them"
        )
    if not archive_of(path):
        return None
    try:
        return Found(message_at(path, int(number)), None, named)
    except (ValueError, OSError) as error:
        raise MailscanError(f"no message: {printable(getattr(error, 'strerror', None) or str(error))}") from None


def _of_row(path: str, number: int) -> Found:
    if os.path.exists(path) and not os.path.isfile(path):
        raise MailscanError(f"{path} is no file")
    try:
        with open(path, "rb") as file:
            line = next(islice(file, max(number, 1) - 1, None), None)
        if number < 1 or line is None:
            raise MailscanError(f"{path} has no row {number}; rows are counted from 1")
        row = from_line(line)
    except OSError as error:
        raise MailscanError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise MailscanError(f"{path}: line {number} {error}".replace("\n", " ")) from None
    source, offset, size = row["source"], row["offset"], row["size"]
    if not (isinstance(source, str) and isinstance(offset, int) and isinstance(size, int) and offset >= 0 <= size):
        raise MailscanError(
            f"{path}: line {number} is no row of an audit: source, offset or size is not what it should be"
        )
    if not archive_of(source):
        # As `mailscan.audit.rows.written` wrote a name that is no UTF-8.
        source = re.sub(r"\\(udc[89a-f][0-9a-f])", lambda match: chr(int(match[1][1:], 16)), source)
    if not archive_of(source):
        # Rows are often kept beside the archive, and looked at from elsewhere.
        beside = os.path.join(os.path.dirname(path), source)
        source = beside if archive_of(beside) else source
    try:
        raw = message_at(source, offset, size)
    except (ValueError, OSError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise MailscanError(f"row {number} of {path}: {printable(why)}") from None
    _same(raw, row, f"row {number} of {path}")
    return Found(raw, row, f"{path}:{number}")


def _same(raw: bytes, row: Row, place: str) -> None:
    ids = Message(raw).headers.fields("message-id")
    now = ids[0].value[: len(str(row["message_id"] or "")) * 4 + 4].decode("utf-8", "replace") if ids else ""
    if len(raw) != row["size"] or not now.startswith(str(row["message_id"] or "")):
        where = f"{row['source']}, octet {row['offset']}"
        raise MailscanError(f"{place}: another message stands at {printable(where)} now: the archive has changed")


def _verdict(row: Row) -> Verdict:
    found: dict[str, list[Finding]] = {}
    for one in _dicts(row["evidence"]):
        at = (
            [Evidence(str(one["part"]), int(one["start"]), int(one["end"]), str(one["member"]))]
            if "part" in one
            else ()
        )
        finding = Finding(str(one.get("code")), str(one.get("detail") or ""), evidence=at)
        found.setdefault(str(one.get("rule")), []).append(finding)
    account = [Asked(rule, rule, "found", findings=findings) for rule, findings in found.items()]
    return Verdict(
        row["verdict"],
        code=str(row["code"] or ""),
        rule=str(row["rule"] or ""),
        would=str(row["would"] or ""),
        quarantine=str(row["quarantine"] or ""),
        score=float(row["score"] or 0),
        account=account,
    )


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _lines(row: Row, place: str) -> Iterator[str]:
    by = f"by rule {printable(str(row['rule']))}" if row["rule"] else "no rule decided"
    yield f"{row['verdict']} {row['code'] or ''}".strip() + f"  {by}  (as {printable(place)} has it)"
    if row.get("reasons"):
        yield f"  for its innocence speaks: {printable('; '.join(map(str, row['reasons'])))}"
    for one in _dicts(row["evidence"]):
        detail = printable(str(one.get("detail") or ""))
        yield f"  {printable(str(one.get('rule')))}  {printable(str(one.get('code')))}" + (
            f"  {detail}" if detail else ""
        )
        if "part" in one:
            member = f", member {printable(str(one['member']))}" if one["member"] else ""
            part = f"part {printable(str(one['part']))}, " if one["part"] else ""
            yield f"    {part}octets {one['start']}–{one['end']} of the message{member}"
