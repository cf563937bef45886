"""What a file of one's own made of a message, in lines: what it found, where, what follows, how long it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailscan.cli.hints import hint
from mailscan.explain import changes, heard
from mailscan.outgoing import printable
from mailscan.render import codes
from mailscan.structure import escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.cli.lines import Line
    from mailscan.message import Message
    from mailscan.verdict import Evidence, Finding, Verdict

# What can become of a message, in the order of a summary.
OUTCOMES = {
    "reject": "bold red",
    "tempfail": "bold yellow",
    "accept": "bold green",
    "quarantine": "bold yellow",
    "score": "bold magenta",
    "tag": "bold cyan",
    "only logged": "bold",
    "nothing": "dim",
    "failed": "bold red",
    "not read": "bold red",
}
_MOST = 50
_LONGEST_DETAIL = 1000
# Octets shown before and behind what evidence points at, and of that.
_AROUND = 30
_EXCERPT = 100


def outcome(verdict: Verdict) -> str:
    """One of `OUTCOMES`: what the only rule of `verdict` led to."""
    asked = verdict.account[0]
    if asked.outcome == "error":
        return "failed"
    if asked.outcome != "found":
        return "nothing"
    return asked.action if asked.action in OUTCOMES else "only logged"


def lines(name: str, message: Message, verdict: Verdict, *, carets: bool) -> Iterator[Line]:
    """All about one message. With `carets`, what is pointed at is underlined by a line of its own."""
    said, asked = outcome(verdict), verdict.account[0]
    words = {"nothing": ["nothing found"], "failed": [said]}.get(said) or [said, *filter(None, codes(verdict))]
    yield [(f"{printable(name)}: ", "bold"), (" ".join(words), OUTCOMES[said]), (f"  ({asked.ms:.1f} ms)", "dim")]
    if said == "failed":
        yield [("  " + printable(asked.why), "red")]
        if meant := hint(asked.why):
            yield [("  " + meant, "yellow")]
        yield [("  a rule is a tempfail then, unless its on_error says otherwise", "dim")]
        return
    for text in heard(verdict):
        yield [(text, "")]
    for finding in asked.findings[:_MOST]:
        yield _finding(finding)
        for one in finding.evidence[:_MOST]:
            yield from _evidence(message.raw, one, carets)
    if len(asked.findings) > _MOST:
        yield [(f"  ({len(asked.findings) - _MOST} more findings)", "dim")]
    for text in changes(verdict.edits):
        yield [(text, "")]


def summary(counted: dict[str, int], slowest: float, which: str) -> Line:
    """The last line, about several messages; `slowest` in milliseconds."""
    number = sum(counted.values())
    line: Line = [(f"{number} messages: ", "bold")]
    for said, style in OUTCOMES.items():
        if count := counted.get(said, 0):
            line += [(", " if len(line) > 1 else "", ""), (f"{count} {said}", style)]
    if which:
        line.append((f"; slowest {slowest:.1f} ms ({printable(which)})", "dim"))
    return line


def _finding(finding: Finding) -> Line:
    line: Line = [("  " + printable(finding.code), "bold")]
    if finding.note:
        line.append((" (note)", "dim"))
    if finding.score is not None:
        line.append((f" {finding.score:+g}", "magenta"))
    if finding.detail:
        line.append((": " + printable(finding.detail[:_LONGEST_DETAIL]), ""))
    return line


def _evidence(raw: bytes, one: Evidence, carets: bool) -> Iterator[Line]:
    """Where it is, and what stands there, with a little of its line."""
    start = min(max(one.start, 0), len(raw))
    end = min(max(one.end, start), len(raw))
    place = f"    line {raw.count(10, 0, start) + 1}, octets {one.start}–{one.end}"
    place += f", part {printable(one.part)}" if one.part else ""
    yield [(place + (f", member {printable(one.member)}" if one.member else ""), "dim")]
    first = raw.rfind(b"\n", 0, start) + 1
    last = raw.find(b"\n", end)
    last = len(raw) if last < 0 else last
    before = escaped(raw[max(first, start - _AROUND) : start])
    before = "…" + before if start - first > _AROUND else before
    shown = escaped(raw[start : min(end, start + _EXCERPT + 1)], _EXCERPT)
    ends_line = end - start > _EXCERPT or raw[start:end].endswith(b"\n")
    after = "" if ends_line else escaped(raw[end : min(last, end + _AROUND + 1)].rstrip(b"\r"), _AROUND)
    yield [("      " + before, "dim"), (shown, "bold red underline"), (after, "dim")]
    if carets:
        yield [(" " * (6 + len(before)) + "^" * (len(shown) or 1), "")]
