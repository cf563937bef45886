"""The walk: every rule in the order of the policy is asked about a mail, and the rule of decision is applied.

Filters find; this module alone decides (CONTRACT 2).
"""

from __future__ import annotations

import time
from functools import partial

from mailscan.errors import FilterError, MailscanError, OutOfTime, place_of
from mailscan.timer import Limit
from mailscan.verdict import FAILURE_CODE, FAILURE_REPLY, Asked, Edits, Kept, Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mailscan.mail import Mail
    from mailscan.outside import Outside
    from mailscan.policy import Policy
    from mailscan.rule import Rule
    from mailscan.verdict import Action, Finding, Outcome

REJECT_CODE, REJECT_REPLY = "550 5.7.1", "Message refused by local policy"
TEMPFAIL_CODE, TEMPFAIL_REPLY = "451 4.7.1", "Message deferred by local policy, try again later"

# So many findings that carry something can no filter need.
_ENDLESS = 100_000
ENDS = ("accept", "reject", "tempfail")
# Fields of which a mail has several, one for each who wrote one: another one takes nobody else's away.
_SEVERAL = ("received", "return-path", "authentication-results", "dkim-signature", "comments", "keywords")
_SEVERAL_STEMS = ("received-", "resent-", "arc-", "list-", "x-received")


def scan(mail: Mail, policy: Policy, outside: Outside, *, thorough: bool = False) -> Verdict:
    """Judge one mail. Never raises for anything a mail or a filter does.

    Runs in the main thread (an interval timer stops a rule that takes too long) until `outside.deadline` at the
    latest, a reading of `time.monotonic`. With `thorough` the rules below the one that decided are asked too; the
    verdict stays the same.
    """
    walk = _Walk(mail, policy, outside)
    try:
        walk.start()
        for turn, rule in enumerate(policy.rules):
            outside.turn, outside.rule = turn, rule.name
            if walk.verdict is None or thorough:
                walk.ask(rule)
            else:
                walk.account.append(Asked(rule.name, rule.use, "not-asked", f"{walk.verdict.rule} had decided"))
    finally:
        outside.leave()
    return walk.finish()


class _Walk:
    """One mail's way through the rules: what has been found so far."""

    def __init__(self, mail: Mail, policy: Policy, outside: Outside) -> None:
        self.mail = mail
        self.policy = policy
        self.outside = outside
        self.end = outside.deadline
        self.account: list[Asked] = []
        self.verdict: Verdict | None = None  # the first that a rule gave
        self.edits = Edits()
        self.refused: list[str] = []
        self.quarantine = ""
        self.ledger: list[tuple[str, float]] = []
        self.written: set[str] = set()  # names of fields that Python of somebody's own has written

    def start(self) -> None:
        """Let the rules that wait for the network ask beforehand, all at the same time."""
        tasks: list[tuple[int, float, Callable[[Outside], object]]] = []
        left = self.end - time.monotonic()
        for turn, rule in enumerate(self.policy.rules):
            if rule.filter.asks_network and not rule.why_not(self.mail):
                tasks.append((turn, min(rule.timeout or 0.0, left), partial(rule.filter.ask, self.mail)))
        if tasks:
            self.outside.begin(tasks)

    def ask(self, rule: Rule) -> None:
        """Ask one rule, take down what came of it, and decide if it decides."""
        began = time.perf_counter()
        findings: list[Finding] = []
        hit: list[str] = []
        asked = False
        why = error = ""
        for mail in self.mails(rule):
            if reason := rule.why_not(mail):
                why = why or reason
                continue
            asked = True
            found, error = self.check(rule, mail)
            if found:
                findings += found
                if rule.scope == "recipient" and any(not finding.note for finding in found):
                    hit += mail.envelope.recipients
            if error:
                break
        outcome: Outcome = "error" if error else "found" if findings else "clear" if asked else "not-asked"
        entry = Asked(rule.name, rule.use, outcome, error if asked else why, findings)
        if self.verdict is None and (error or findings):
            self.decide(rule, entry, hit)
        # A mail that has more to find than this is no better understood with all of it; but all of it has decided.
        entry.findings = entry.findings[: Kept.SHOWN]
        entry.ms = (time.perf_counter() - began) * 1000
        self.account.append(entry)

    def mails(self, rule: Rule) -> Iterable[Mail]:
        """The mail, or for a rule about single recipients one mail for each of them."""
        if rule.scope == "recipient" and self.mail.envelope.recipients:
            return [self.mail.for_recipients([one]) for one in self.mail.envelope.recipients]
        return (self.mail,)

    def check(self, rule: Rule, mail: Mail) -> tuple[list[Finding], str]:
        """(what the rule's filter found under its timeout and the run's, why it failed or "")."""
        now = time.monotonic()
        seconds = rule.timeout or 0.0
        late = ""
        ends = False
        if now + seconds > self.end:
            seconds = self.end - now
            late = "the time of the whole run has ended"
        if seconds <= 0:
            return [], late or _too_long(rule)
        self.outside.deadline = now + seconds
        kept = Kept()
        try:
            with Limit(seconds):
                for finding in rule.filter.check(mail, self.outside):
                    action = _action(rule, finding)
                    kept.add(finding, action)
                    ends = ends or (action in ENDS and not finding.note)
                    if ends and kept.given >= kept.SHOWN:
                        break  # no other can change what follows
                    if len(kept.findings) > _ENDLESS:
                        raise FilterError(f"gave more than {_ENDLESS} findings")
            return kept.findings, ""
        except OutOfTime:
            return [], late or _too_long(rule)
        except MailscanError as error:
            return [], str(error)
        except MemoryError:
            return [], "not enough memory"
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a filter does is its rule's on_error
            return [], f"crashed: {type(error).__name__}: {error} ({place_of(error)})"

    def decide(self, rule: Rule, entry: Asked, hit: list[str]) -> None:
        """Apply the rule of decision to what one rule found."""
        if entry.outcome == "error":
            self.fail(rule, entry)
            return
        scored: list[float] = []
        for finding in entry.findings:
            if finding.note:
                scored += self.note(rule, finding)
                continue
            action = _action(rule, finding)
            entry.action = entry.action or action
            if action == "score":
                scored.append(finding.score or 0.0)
            if action in ("ignore", "score"):
                continue
            if rule.scope == "recipient" and action == "reject":
                self.refuse_recipients(rule, finding, hit)
                return
            if action in ENDS:
                entry.action = action
                if action == "accept":
                    self.keep(rule, finding, action)
                self.end_with(rule, action, finding)
                return
            self.keep(rule, finding, action)
        if scored:
            self.ledger.append((rule.name, sum(scored) if rule.score is None else rule.score))

    def note(self, rule: Rule, finding: Finding) -> list[float]:
        """A note decides nothing, but its header fields go with the mail: a score that is too low to matter, say.
        Gives that score where it has the action `score`, and the rule adds up what its filter says.
        """
        if rule.action != "ignore" and (finding.headers or finding.edits):
            self.keep(rule, finding, "tag")
        adds = finding.action == "score" == rule.action and rule.score is None
        return [finding.score or 0.0] if adds else []

    def keep(self, rule: Rule, finding: Finding, action: Action) -> None:
        """Take the finding's headers and edits into the verdict, as for a mail that goes through."""
        add = finding.headers
        if rule.filter.writes_any:
            self.written.update(low for name, _ in add if not _has_several(low := name.lower()))
        if action == "tag" and not add and not finding.edits:
            add = (("X-Mailscan-Tag", rule.name),)
            if add[0] in self.edits.add:
                add = ()
        if action == "quarantine" and not self.quarantine:
            self.quarantine = rule.name
            add = (("X-Mailscan-Quarantine", rule.name), *add)
        self.edits = self.edits.merged(Edits(add))
        if finding.edits:
            self.edits = self.edits.merged(finding.edits)

    def refuse_recipients(self, rule: Rule, finding: Finding, hit: list[str]) -> None:
        """Take out the recipients that a rule refuses; with none left the mail is rejected."""
        left = [one for one in self.mail.envelope.recipients if one not in hit]
        if not left:
            self.end_with(rule, "reject", finding)
            return
        self.refused += [one for one in self.mail.envelope.recipients if one in hit]
        self.mail = self.mail.for_recipients(left)

    def fail(self, rule: Rule, entry: Asked) -> None:
        """Apply the rule's `on_error`."""
        if rule.on_error == "tempfail":
            entry.action = "tempfail"
            self.verdict = Verdict("tempfail", code=FAILURE_CODE, reply=(FAILURE_REPLY,), rule=rule.name)
        elif rule.on_error == "reject":
            entry.action = "reject"
            self.end_with(rule, "reject", None)
        else:
            entry.action = "ignore"

    def end_with(self, rule: Rule, action: Action, finding: Finding | None) -> None:
        """The rule has spoken: nothing below can change it."""
        said = rule.reply or (_lines(finding.reply) if finding and finding.reply else ())
        if action == "accept":
            self.verdict = Verdict("accept", rule=rule.name)
        elif action == "reject":
            code = rule.code if rule.code.startswith("5") else REJECT_CODE
            self.verdict = Verdict("reject", code=code, reply=said or (REJECT_REPLY,), rule=rule.name)
        else:
            code = rule.code if rule.code.startswith("4") else TEMPFAIL_CODE
            self.verdict = Verdict("tempfail", code=code, reply=said or (TEMPFAIL_REPLY,), rule=rule.name)

    def finish(self) -> Verdict:
        """The verdict with its edits and the account of every rule."""
        total = round(sum(score for _, score in self.ledger), 6) if self.ledger else 0
        verdict = self.verdict or self.by_score(total)
        verdict.score = total
        verdict.account = tuple(self.account)
        verdict.quarantine = self.quarantine
        if self.policy.trial:
            verdict = _tried(verdict, self.edits)
        elif verdict.action == "accept":
            verdict.edits = self.edits.merged(Edits(rcpt_remove=self.refused)) if self.refused else self.edits
        if forged := self.forged():
            verdict.edits = Edits(remove=forged).merged(verdict.edits)
        return verdict

    def by_score(self, total: float) -> Verdict:
        """The verdict when no rule decided: the sum decides, else the mail is accepted."""
        limits = self.policy.score
        if limits.reject is not None and total >= limits.reject:
            return Verdict("reject", code=REJECT_CODE, reply=(REJECT_REPLY,), rule="score")
        if limits.tag is not None and total >= limits.tag:
            parts = ", ".join(f"{name} {score:g}" for name, score in self.ledger)
            bounds = f"tag {limits.tag:g}" + (f", reject {limits.reject:g}" if limits.reject is not None else "")
            self.edits = self.edits.merged(Edits([("X-Mailscan-Score", f"{total:g} ({parts}; {bounds})")]))
        return Verdict("accept")

    def forged(self) -> tuple[str, ...]:
        """Names of the incoming header fields that only we may write, each once."""
        from mailscan.errors import TooEarly

        try:
            headers = self.mail.message.headers
        except TooEarly:
            return ()
        from mailscan.header import MOST_FIELDS

        names = (*self.policy.writes, *self.written)
        if not names or not (headers.is_disputed or headers.may_have(names)):
            return ()  # hardly any mail has one
        whole = {name for name in names if not name.endswith("*")}
        stems = tuple(name[:-1] for name in names if name.endswith("*"))
        found: dict[str, str] = {}
        if headers.is_disputed:
            from mailscan.lenient import others

            found = {field.name.lower(): field.name for field in others(headers, whole, stems)}
        for field in headers.named(whole, stems):
            found[field.name.lower()] = field.name
            if len(found) >= MOST_FIELDS:
                break
        return tuple(found.values())


def _too_long(rule: Rule) -> str:
    return f"took longer than its timeout of {rule.timeout or 0.0:g} s"


def _action(rule: Rule, finding: Finding) -> Action:
    """What follows from a finding: the rule's word outranks the filter's."""
    if rule.action is not None:
        return rule.action  # type: ignore[return-value]
    if finding.action is not None:
        return finding.action
    if finding.score is not None:
        return "score"
    return "tag" if finding.headers or finding.edits else "ignore"


def _has_several(name: str) -> bool:
    return name in _SEVERAL or name.startswith(_SEVERAL_STEMS)


def _tried(verdict: Verdict, edits: Edits) -> Verdict:
    """A trial's verdict: accept, and say what would have happened."""
    if verdict.action != "accept":
        verdict.would = f"{verdict.action} {verdict.code.partition(' ')[2]} {verdict.rule}"
    elif verdict.quarantine:
        verdict.would = f"quarantine {verdict.quarantine}"
    add = (("X-Mailscan-Would", verdict.would), *edits.add) if verdict.would else edits.add
    verdict.action, verdict.code, verdict.reply, verdict.quarantine = "accept", "", (), ""
    verdict.edits = Edits((name, value) for name, value in add if name != "X-Mailscan-Quarantine")
    return verdict


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.splitlines()) or (REJECT_REPLY,)
