"""What is no mistake in a policy, and is probably not meant: said by `mailscan check`, and nowhere else."""

from __future__ import annotations

import os
import re

from mailscan import linear
from mailscan.addresses import AddressList, AddressPattern
from mailscan.backtracking import EXPONENTIAL, SQUARE, growth
from mailscan.keys import options_of
from mailscan.rule import When
from mailscan.words import Patterns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.keys import Table
    from mailscan.policy import Policy
    from mailscan.rule import Rule


def doubts(policy: Policy, folder: str) -> Iterator[str]:
    """Each doubt in one line, with the rule that it is about. `folder` is where the policy's relative paths start."""
    if not policy.rules:
        yield "there are no rules: every mail is accepted"
    if "/" in policy.log.to and not os.path.isdir(os.path.dirname(policy.log.to)):
        yield f"[log] to: there is no directory {os.path.dirname(policy.log.to)}"
    for rule in policy.rules:
        tables: list[tuple[str, Table]] = [("", rule.filter)]
        if isinstance(rule.when, When):
            tables.append(("when.", rule.when))
        for prefix, table in tables:
            for key, one in options_of(type(table)).items():
                value = getattr(table, key)
                for what in () if key == "local_parts" else _about(value, one.default, folder):
                    yield f"{rule.name}: {prefix}{key}: {what}"
        yield from _unheard(rule)
        adds = rule.action == "score" or (rule.action is None and rule.filter.scores)
        if adds and policy.score.tag is None and policy.score.reject is None:
            yield f"{rule.name}: it only adds to a sum that [score] does not look at; say `tag` or `reject` there"


def _about(value: object, default: object, folder: str) -> Iterator[str]:
    if value == () and value is not default and default != ():
        yield "the list is empty and matches nothing"
    if isinstance(value, Patterns):
        yield from filter(None, map(_slow, value))
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from (f"{name}: {what}" for what in _about(inner, None, folder))
    if isinstance(value, AddressList):
        for pattern in value:
            if what := _misread(pattern, folder):
                yield what


def _slow(pattern: re.Pattern[str]) -> str:
    """What is to be said of a pattern that hostile mail can keep busy; "" if nothing is."""
    how = growth(pattern)
    if how not in (EXPONENTIAL, SQUARE) or linear.takes(pattern):
        return ""
    time, mend = {
        EXPONENTIAL: ("that doubles with each character of some texts", "take one repeat out of the other"),
        SQUARE: ("with the square of a text's length", "bound its repeats, as \\S{1,200}, or anchor it, as ^"),
    }[how]
    able = linear.Linear(pattern, how).is_told()
    more = ", or pip install 'mailscan[re2]', which matches it in linear time" if able else ""
    return f"'{pattern.pattern}' takes time {time}, and a mail can have the rule run out of its own: {mend}{more}"


def _misread(pattern: AddressPattern, folder: str) -> str:
    text = pattern.text.strip()
    if any(sign in text for sign in ";,|") and not text.startswith('"'):
        return f'"{text}" is one address; several are several strings'
    if "@" in text or not pattern.key[0]:
        return ""
    if os.path.exists(os.path.join(folder, text)):
        return f'"{text}" means a local part; for the lines of the file write "file:{text}"'
    if "." in text:
        return f'"{text}" means a local part; for the domain write "@{text}"'
    return ""


def _unheard(rule: Rule) -> Iterator[str]:
    """Words for a sender who never hears them."""
    if rule.action in ("accept", "tag", "score", "quarantine") and rule.on_error != "reject":
        for key in ("reply", "code"):
            if getattr(rule, key):
                yield f'{rule.name}: {key}: nobody hears it with action = "{rule.action}"'
    if rule.score is not None and rule.action != "score":
        yield f'{rule.name}: score: not counted with action = "{rule.action}"'
