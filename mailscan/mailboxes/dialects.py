"""Which lines of an mbox begin messages: four rules, each of which takes all that the one before takes, and more.

Programs do not agree on it (RFC 4155, appendix A). Which rule a mailbox was written for, its first line says, and what
most of the others look like; where the looser ones find more, nobody can know, and both counts are told.
"""

from __future__ import annotations

import re

# An empty line, a `From ` line with a date, a header field below: mboxo, mboxrd, mboxcl and mboxcl2 as they should be.
RFC4155 = 0
# The same without the empty line: what mutt, Dovecot and Python's mailbox take.
DATED = 1
# `From ` and nothing, or one word, and a header below: some releases of Thunderbird, and what exports from it.
BARE = 2
# `From `, whatever follows, and a header below: what Thunderbird reads.
THUNDERBIRD = 3
NAMES = ("rfc4155", "dated", "bare", "thunderbird")
IN_WORDS = (
    "dated `From ` lines behind an empty line",
    "dated `From ` lines, behind an empty line or not",
    "`From ` lines that are dated, bare or one word",
    "any `From ` line above a header",
)
# What must lie behind a `From ` line before it can be judged.
AHEAD = 4096
_WHY = ("", "most have none before them", "the first one is not dated, or Mozilla's", "the first one is such a line")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_DAY = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
# Below a `From ` line may be one that was quoted when the message went through a second mailbox.
_QUOTED = rb"(?:>From [^\n]*\n)*"
_FIELD = _QUOTED + rb"[!-9;-~]+[ \t]*:"
# As nearly every program writes it; then any with a weekday and a time; then in other tongues and orders.
_USUAL = re.compile(rb"From \S{1,320} {1,2}" + _DAY + rb" [A-Z][a-z][a-z] [ 0-3]\d \d\d:\d\d[^\n]{0,80}\n" + _FIELD)
_ANY = re.compile(rb"From [^\n]{0,900}?\b" + _DAY + rb",? [^\n]{0,60}\d\d?:\d\d[^\n]{0,80}\n" + _FIELD)
DATED_LINE = re.compile(rb"From [^\n]{0,900}?\b" + _DAY + rb",? [^\n]{0,60}\d\d?:\d\d")
_LINE = re.compile(rb"From ([^\n]{0,900})\n" + _QUOTED)
_DATE = re.compile(rb"\b\d{4}-\d\d?-\d\d?\b|\b\d{4}/\d\d?/\d\d?\b|\b\d\d?[./] ?\d\d?[./] ?\d{4}\b")
_TIME, _YEAR = re.compile(rb"\b\d\d?:\d\d\b"), re.compile(rb"\b(?:19|20)\d\d\b")
# So many lines of a header are looked at.
_LINES = 16
_ONE_FIELD = rb"[!-9;-~]+[ \t]*:[^\n]*(?:\n|\Z)"
_FIELDS = re.compile(_ONE_FIELD + rb"(?:%s|[ \t]+[^\s][^\n]*(?:\n|\Z)){0,%d}" % (_ONE_FIELD, _LINES - 1))
_BLANK = re.compile(rb"[ \t\r]*(?:\n|\Z)")
# A field that programs write into the header of every mail, or nearly.
KNOWN_FIELD = re.compile(
    rb"^(?:from|to|cc|bcc|subject|date|received|return-path|message-id|mime-version|sender|reply-to|delivered-to|"
    rb"references|in-reply-to|envelope-to|newsgroups|path|status|precedence|organi[sz]ation|lines|errors-to|comments|"
    rb"keywords|encrypted|importance|priority|approved|apparently-to|thread-topic|thread-index|user-agent|"
    rb"authentication-results|dkim-signature|domainkey-signature|autocrypt|"
    rb"(?:content|resent|list|arc|received|disposition|auto|x)-[a-z0-9_.-]{1,80})[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)

_INTERNAL = re.compile(rb"\nsubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\r?\n", re.IGNORECASE)
_INTERNAL_ID = re.compile(rb"\nX-IMAP(?:BASE)?: \d", re.IGNORECASE)


def rule_of(octets: bytes, at: int, *, is_first: bool = False) -> int | None:
    """The strictest rule by which the `From ` line at `at` begins a message; None: by none. `is_first`: nothing
    stands before it.
    """
    is_behind_an_empty_line = is_first or not at or octets[at - 2 : at] == b"\n\n" or octets[at - 3 : at] == b"\n\r\n"
    dated = _USUAL.match(octets, at, at + AHEAD) or _ANY.match(octets, at, at + AHEAD)
    if dated is not None and is_behind_an_empty_line:
        return RFC4155
    line = _LINE.match(octets, at, at + AHEAD)
    if line is None or not _is_header(octets, line.end(), at + AHEAD):
        return None
    text = line[1].strip()
    if dated is not None or _DATE.search(text) or (_TIME.search(text) and _YEAR.search(text)):
        return RFC4155 if is_behind_an_empty_line else DATED
    return BARE if len(text.split(None, 1)) < 2 else THUNDERBIRD


def _is_header(octets: bytes, at: int, end: int) -> bool:
    """Whether a header stands there: nothing but fields, as far as one looks, and one that mail has among them."""
    block = _FIELDS.match(octets, at, end)
    if block is None:
        return False
    stop = min(block.end(), end)
    if octets.count(b"\n", at, stop) < _LINES and _BLANK.match(octets, stop, end) is None:
        return False
    return KNOWN_FIELD.search(octets, at, stop) is not None


def written_for(first: bytes, begin: int) -> int:
    """The rule that a mailbox was written for, by its first octets, of which the first message begins at `begin`."""
    rule = rule_of(first, begin, is_first=True) or RFC4155
    if rule >= BARE:
        return rule
    if first.startswith(b"From - ", begin):
        return BARE  # as Mozilla writes it, whose releases differ
    found = [0] * len(NAMES)
    at = begin
    while (at := first.find(b"\nFrom ", at)) >= 0:
        at += 1
        if (one := rule_of(first, at)) is not None:
            found[one] += 1
    return DATED if found[DATED] > found[RFC4155] else RFC4155


def is_internal(octets: bytes) -> bool:
    """Whether it is no mail, but what c-client (Pine, UW-IMAP) keeps as the first message of a mailbox."""
    head = octets[:AHEAD].partition(b"\n\n")[0].partition(b"\n\r\n")[0] + b"\n"
    return (
        _INTERNAL.search(head) is not None
        and _INTERNAL_ID.search(head) is not None
        and b"\nreceived:" not in head.lower()
    )


class Counts:
    """What is known of one mailbox, as far as it was read; `plain` adds up, over its ranges too."""

    def __init__(self, plain: list[int] | None = None) -> None:
        known = plain or [0] * (6 + 2 * len(NAMES) + 1)
        # Messages; those with a Content-Length that fits; body lines of `From `, quoted once and more often; and bare;
        # messages of c-client's own.
        self.messages, self.lengths, self.once, self.more, self.bare, self.internal = known[:6]
        # By the strictest rule that takes them: lines that begin a message, and lines that a looser rule would take.
        self.taken = known[6 : 6 + len(NAMES)]
        self.left = known[6 + len(NAMES) : 6 + 2 * len(NAMES)]
        # Messages of a mailbox whose rule somebody chose.
        self.chosen = known[-1]

    def plain(self) -> list[int]:
        """All of it, as numbers that add up."""
        return [
            self.messages,
            self.lengths,
            self.once,
            self.more,
            self.bare,
            self.internal,
            *self.taken,
            *self.left,
            self.chosen,
        ]

    @property
    def rule(self) -> int:
        """The strictest rule that takes all that was taken."""
        return max((rule for rule, count in enumerate(self.taken) if count), default=RFC4155)

    def by(self, rule: int) -> int:
        """How many messages there are by a rule."""
        return self.messages - sum(self.taken[rule + 1 :]) + sum(self.left[: rule + 1])

    @property
    def others(self) -> list[int]:
        """The rules by which it would have another number of messages, and may have been written for."""
        if self.chosen:
            return []
        first = RFC4155 if self.rule == DATED else self.rule + 1
        return [rule for rule in range(first, len(NAMES)) if self.by(rule) not in (self.messages, self.by(rule - 1))]

    @property
    def doubt(self) -> str:
        """In words, how else it may be read; "" where that is sure."""
        if not (others := self.others):
            return ""
        also = "; ".join(f"{self.by(rule):,} by --dialect {NAMES[rule]} ({IN_WORDS[rule]})" for rule in others)
        taken = f"{self.messages:,} message{'s' * (self.messages != 1)} as it was read, by --dialect {NAMES[self.rule]}"
        ways = "two" if len(others) == 1 else "several"
        return f"may be read in {ways} ways: {taken} ({IN_WORDS[self.rule]}); {also}"

    @property
    def dialect(self) -> str:
        """The dialect that they speak for; where two have left the same traces, both are named."""
        if self.rule != RFC4155:
            why = "as was said" if self.chosen else _WHY[self.rule]
            return f"mbox, {IN_WORDS[self.rule]} (--dialect {NAMES[self.rule]}: {why})"
        if self.lengths * 2 > self.messages:
            return "mboxcl" if self.once and not self.bare else "mboxcl2" if self.bare else "mboxcl or mboxcl2"
        if self.more:
            return "mboxrd"
        return "mboxo or mboxrd" if self.once or not self.bare else "mbox that quotes nothing"
