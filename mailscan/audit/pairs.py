"""What a worker of a backtest does: both policies judge each message, which is read and parsed once."""

from __future__ import annotations

import os
import time

from mailscan.audit.envelopes import archived
from mailscan.audit.innocence import Letter
from mailscan.audit.rows import from_line_date, row
from mailscan.audit.work import SECONDS, load
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.audit.rows import Row
    from mailscan.audit.work import PolicyText
    from mailscan.mailboxes import Batch
    from mailscan.policy import Policy
    from mailscan.verdict import Verdict

    # (outcome by the old policy, by the new one, what its header tells of who wrote to whom, its row if they differ)
    Pair = tuple[str, str, tuple[object, ...], Row | None]
    Texts = tuple[PolicyText, PolicyText]

# What can become of a mail, the best for it first. `quarantine` is accepted and held.
OUTCOMES = ("accept", "quarantine", "tempfail", "reject")
REFUSED = ("tempfail", "reject")
# Columns that the row of a changed mail has beyond those of an audit, whose own are by the new policy.
OLD = ("verdict", "code", "rule", "rules", "deciders", "score", "evidence", "errors")
_LOADED: dict[PolicyText, Policy] = {}


def judge_both(batch: Batch, texts: Texts) -> tuple[list[Pair], list[tuple[str, str]]]:
    """(a pair for each message of the batch, in order; what was skipped: source and why). `texts`: old, new."""
    old, new = (_policy(text, texts) for text in texts)
    most = min(old.limits.message_size, new.limits.message_size)
    source, path, items = batch
    pairs: list[Pair] = []
    skipped: list[tuple[str, str]] = []
    try:
        # A batch that brings its octets along has no file to read.
        with open(path or os.devnull, "rb") as file:
            for offset, what in items:
                size = len(what) if isinstance(what, bytes) else what - offset
                if size > most:
                    why = f"the message at octet {offset} has {size} octets ([limits] message_size)"
                    skipped.append((source, why))
                    continue
                if not isinstance(what, bytes):
                    file.seek(offset)
                    what = file.read(size)
                pairs.append(_pair(source, offset, Message(what), old, new))
    except OSError as error:
        skipped.append((source, error.strerror or str(error)))
    return pairs, skipped


def outcome(verdict: Verdict) -> str:
    """What becomes of the mail: one of `OUTCOMES`."""
    return "quarantine" if verdict.action == "accept" and verdict.quarantine else verdict.action


def _policy(text: PolicyText, texts: Texts) -> Policy:
    if text not in _LOADED:
        for other in set(_LOADED) - set(texts):
            del _LOADED[other]
        policy = load(text)[0]
        # On trial everything is accepted, and there would be nothing to compare.
        policy.site.trial = False
        _LOADED[text] = policy
    return _LOADED[text]


def _pair(source: str, offset: int, message: Message, old: Policy, new: Policy) -> Pair:
    before, _, _ = _judge(message, old)
    after, mail, ms = _judge(message, new)
    was, becomes = outcome(before), outcome(after)
    letter = Letter(message, mail.envelope).plain()
    if was == becomes:
        return was, becomes, letter, None
    date = from_line_date(message)
    changed = row(source, offset, mail, after, ms, date)
    earlier = row(source, offset, mail, before, 0.0, date)
    changed.update({f"old_{name}": earlier[name] for name in OLD})
    return was, becomes, letter, changed


def _judge(message: Message, policy: Policy) -> tuple[Verdict, Mail, float]:
    began = time.perf_counter()
    mail = Mail(archived(message, policy.trusted), message)
    verdict = scan(mail, policy, Outside(time.monotonic() + SECONDS), thorough=True)
    return verdict, mail, (time.perf_counter() - began) * 1000
