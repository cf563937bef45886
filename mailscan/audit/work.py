"""What a worker does: it takes a batch of messages and the policy as plain data, and gives back finished rows."""

from __future__ import annotations

import os
import time

from mailscan.audit.envelopes import archived
from mailscan.audit.rows import from_line_date, row
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import Policy, build_policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.audit.rows import Row
    from mailscan.mailboxes import Batch

    # (where it came from, its text, the folder its relative paths start from, whether the network may be asked)
    PolicyText = tuple[str, bytes, str, bool]

SECONDS = 50.0
_LOADED: dict[PolicyText, Policy] = {}


def load(text: PolicyText) -> tuple[Policy, list[str]]:
    """(the policy without the rules that are left out, the names of those)."""
    source, octets, folder, network = text
    import tomllib

    policy = build_policy(source, octets, tomllib.loads(octets.decode("utf-8")), folder)
    left_out = [rule.name for rule in policy.rules if rule.filter.asks_network and not network]
    policy.rules = tuple(rule for rule in policy.rules if rule.name not in left_out)
    return policy, left_out


def work(batch: Batch, text: PolicyText) -> tuple[list[Row], list[tuple[str, str]]]:
    """(the rows of the batch's messages in order, what was skipped: source and why)."""
    policy = _LOADED.get(text)
    if policy is None:
        _LOADED.clear()
        policy = _LOADED[text] = load(text)[0]
    source, path, items = batch
    rows: list[Row] = []
    skipped: list[tuple[str, str]] = []
    try:
        # A batch that brings its octets along has no file to read.
        with open(path or os.devnull, "rb") as file:
            for offset, what in items:
                size = len(what) if isinstance(what, bytes) else what - offset
                if size > policy.limits.message_size:
                    why = f"the message at octet {offset} has {size} octets ([limits] message_size)"
                    skipped.append((source, why))
                    continue
                if not isinstance(what, bytes):
                    file.seek(offset)
                    what = file.read(size)
                rows.append(judge(source, offset, what, policy))
    except OSError as error:
        skipped.append((source, error.strerror or str(error)))
    return rows, skipped


def judge(source: str, offset: int, raw: bytes, policy: Policy) -> Row:
    """The row of one message."""
    began = time.perf_counter()
    message = Message(raw)
    mail = Mail(archived(message, policy.trusted), message)
    verdict = scan(mail, policy, Outside(time.monotonic() + SECONDS), thorough=True)
    return row(source, offset, mail, verdict, (time.perf_counter() - began) * 1000, from_line_date(message))
