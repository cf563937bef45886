"""What each rule would have said alone. The walk applies the rule of decision only up to the rule that decides."""

from __future__ import annotations

from mailscan.pipeline import ENDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.policy import Policy
    from mailscan.rule import Rule
    from mailscan.verdict import Asked, Verdict


def deciders(verdict: Verdict, policy: Policy) -> list[tuple[str, str]]:
    """(rule, accept, reject or tempfail) for every rule that would end a walk by itself, in their order.

    `verdict` is of a thorough scan with all rules of `policy`. Of a rule about single recipients that stands below the
    one that decided it is not known whether it would have refused them all: it is left out.
    """
    found = []
    for asked, rule in zip(verdict.account, policy.rules, strict=True):
        if asked.outcome in ("found", "error") and (action := _word(asked, rule)):
            found.append((asked.rule, action))
    return found


def _word(asked: Asked, rule: Rule) -> str:
    if asked.action in ENDS:
        return str(asked.action)
    if asked.outcome == "error":
        return rule.on_error if rule.on_error in ENDS else ""
    if rule.scope == "recipient":
        return ""
    for finding in asked.findings:
        action = None if finding.note else rule.action or finding.action
        if action in ENDS:
            return str(action)
    return ""
