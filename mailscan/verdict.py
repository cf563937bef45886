"""What filters find and what the policy makes of it: `Finding`, `Edits`, `Asked`, `Verdict`."""

from __future__ import annotations

from mailscan.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    Action = Literal["accept", "reject", "tempfail", "quarantine", "tag", "score", "ignore"]
    Decision = Literal["accept", "reject", "tempfail"]
    Outcome = Literal["found", "clear", "error", "not-asked"]

# What a sender hears when we, not the policy, could not go on.
FAILURE_CODE = "451 4.3.0"
FAILURE_REPLY = "Message could not be checked"
ACTIONS = ("accept", "reject", "tempfail", "quarantine", "tag", "score", "ignore")


# Longest name of a header field that we write, so that name and a word stay far below 998 octets.
_LONGEST_NAME = 76


def is_field_name(name: str) -> bool:
    """Whether a header field that we write can be called so: RFC 5322 2.2, and nothing a caller takes for a reply."""
    sound = 0 < len(name) <= _LONGEST_NAME and all("!" <= char <= "~" and char != ":" for char in name)
    return sound and not name.startswith(("4.", "5."))


class Evidence(Record):
    """Where in the message a finding lies.

    `part` is the path of a part ("1.2"), `member` the path inside an archive ("" for the part itself), and
    `start` and `end` count octets of the message as it was given; for a member, those of the carrying part.
    """

    __slots__ = ("part", "member", "start", "end")

    def __init__(self, part: str, start: int, end: int, member: str = "") -> None:
        self.part: str = part
        self.member: str = member
        self.start: int = start
        self.end: int = end


class Edits(Record):
    """Changes to a mail: header fields, recipients, the body.

    `add` are (name, value) pairs for the top, in reading order. `remove` are names: every field so called goes.
    `change` are (name, index, value): the index counts fields of that name from 1, as SMFIP_CHGHEADER does, and a
    value of None removes that one field. `body` replaces all octets after the header; None leaves them alone.
    Values are text; the renderer encodes and folds them (RFC 2047, RFC 5322 2.1.1).
    """

    __slots__ = ("add", "remove", "change", "rcpt_add", "rcpt_remove", "body")

    def __init__(
        self,
        add: Iterable[tuple[str, str]] = (),
        remove: Iterable[str] = (),
        change: Iterable[tuple[str, int, str | None]] = (),
        rcpt_add: Iterable[str] = (),
        rcpt_remove: Iterable[str] = (),
        body: bytes | None = None,
    ) -> None:
        self.add: tuple[tuple[str, str], ...] = tuple(add)
        self.remove: tuple[str, ...] = tuple(remove)
        self.change: tuple[tuple[str, int, str | None], ...] = tuple(change)
        self.rcpt_add: tuple[str, ...] = tuple(rcpt_add)
        self.rcpt_remove: tuple[str, ...] = tuple(rcpt_remove)
        self.body: bytes | None = body

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__[:-1]) or self.body is not None

    def merged(self, later: Edits) -> Edits:
        """Both sets of edits; where both replace the body, the later one holds."""
        return Edits(
            self.add + later.add,
            self.remove + later.remove,
            self.change + later.change,
            self.rcpt_add + later.rcpt_add,
            self.rcpt_remove + later.rcpt_remove,
            self.body if later.body is None else later.body,
        )


class Finding(Record):
    """One thing a filter found.

    `code` is stable and dotted ("spamtrap.hit"); `detail` is for the log and may quote the mail (any text);
    `headers` are (name, value) pairs to add if the mail goes through. `action`, `reply` (a generic text for the
    sender) and `score` are given only where the filter itself must speak; what the rule says outranks them.
    A `note` is said in the log and by `--explain` and decides nothing (for instance `*.not-scanned`); its headers go
    with a mail that goes through; one of the action `score` counts where the rule adds up what its filter says.
    """

    __slots__ = ("code", "detail", "score", "headers", "evidence", "action", "reply", "edits", "note")

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        score: float | None = None,
        headers: Iterable[tuple[str, str]] = (),
        evidence: Iterable[Evidence] = (),
        action: Action | None = None,
        reply: str | None = None,
        edits: Edits | None = None,
        note: bool = False,
    ) -> None:
        self.code: str = code
        self.detail: str = detail
        self.score: float | None = score
        self.headers: tuple[tuple[str, str], ...] = tuple(headers)
        self.evidence: tuple[Evidence, ...] = tuple(evidence)
        self.action: Action | None = action
        self.reply: str | None = reply
        self.edits: Edits | None = edits
        self.note: bool = note


class Kept:
    """The findings of one rule, as many as can matter: each of the first `SHOWN`, and of the others those that carry
    something, or are the first of their kind. `given` is how many there were.
    """

    SHOWN = 100

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.given = 0
        self._kinds: set[tuple[bool, str | None]] = set()

    def add(self, finding: Finding, action: str | None) -> None:
        """Take one more, from which that action follows."""
        self.given += 1
        kind = finding.note, action
        carries = finding.score is not None or finding.headers or finding.edits
        if self.given <= self.SHOWN or carries or kind not in self._kinds:
            self.findings.append(finding)
            self._kinds.add(kind)


class Asked(Record):
    """What became of one rule: its `outcome`, `why` in words, its findings, the action it led to, its time."""

    __slots__ = ("rule", "use", "outcome", "why", "findings", "action", "ms")

    def __init__(
        self,
        rule: str,
        use: str,
        outcome: Outcome,
        why: str = "",
        findings: Iterable[Finding] = (),
        action: Action | None = None,
        ms: float = 0.0,
    ) -> None:
        self.rule: str = rule
        self.use: str = use
        self.outcome: Outcome = outcome
        self.why: str = why
        self.findings: tuple[Finding, ...] = tuple(findings)
        self.action: Action | None = action
        self.ms: float = ms


class Verdict(Record):
    """The answer for one mail.

    `code` is an SMTP code and an enhanced code ("550 5.7.1"; "" for accept), `reply` the lines of text for the
    sender without them. `rule` decided ("" if none did); `would` is what a trial would have said ("reject 5.7.1
    spamtrap"), `quarantine` the rule that wants the mail held. `account` has every rule of the policy in order.
    """

    __slots__ = ("action", "code", "reply", "rule", "would", "quarantine", "score", "edits", "account")

    def __init__(
        self,
        action: Decision,
        *,
        code: str = "",
        reply: Iterable[str] = (),
        rule: str = "",
        would: str = "",
        quarantine: str = "",
        score: float = 0.0,
        edits: Edits | None = None,
        account: Iterable[Asked] = (),
    ) -> None:
        self.action: Decision = action
        self.code: str = code
        self.reply: tuple[str, ...] = tuple(reply)
        self.rule: str = rule
        self.would: str = would
        self.quarantine: str = quarantine
        self.score: float = score
        self.edits: Edits = edits or Edits()
        self.account: tuple[Asked, ...] = tuple(account)
