"""A verdict in words, for `--explain`: every rule asked or not asked, what it found, where, how long it took."""

from __future__ import annotations

from mailscan.outgoing import printable
from mailscan.render import codes, reply_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.verdict import Asked, Edits, Evidence, Finding, Verdict

_BOLD, _DIM, _RED, _YELLOW, _GREEN, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[0m"
_COLOUR = {"accept": _GREEN, "reject": _RED, "tempfail": _YELLOW, "error": _RED, "found": _BOLD, "not-asked": _DIM}
_MOST_DETAIL = 1000


def explain(verdict: Verdict, source: str, *, milliseconds: float, colour: bool = False) -> str:
    """The account, lines of text each with its line end. `source` is where the policy came from.

    Nothing that the mail holds can send a control to the terminal, or begin a line of its own.
    """
    return "".join(line + "\n" for line in _lines(verdict, source, milliseconds, colour))


def _lines(verdict: Verdict, source: str, milliseconds: float, colour: bool) -> Iterator[str]:
    def paint(text: str, kind: str) -> str:
        return f"{_COLOUR[kind]}{text}{_PLAIN}" if colour and kind in _COLOUR else text

    said = " ".join(filter(None, (verdict.action, *codes(verdict))))
    by = f"by rule {printable(verdict.rule)}" if verdict.rule else "no rule decided"
    yield f"{paint(said, verdict.action)}  {by}  ({milliseconds:.1f} ms)"
    yield f"  policy: {printable(source)}"
    yield from heard(verdict)
    if verdict.would:
        yield f"  trial; would have been: {printable(verdict.would)}"
    if verdict.quarantine:
        yield f"  to be held for rule {printable(verdict.quarantine)}"
    if verdict.score:
        yield f"  score: {verdict.score:g}"
    width = max((len(printable(asked.rule)) for asked in verdict.account), default=0)
    for number, asked in enumerate(verdict.account, 1):
        yield from _asked(number, asked, width, paint(_outcome(asked), asked.outcome))
    yield from changes(verdict.edits)


def heard(verdict: Verdict) -> Iterator[str]:
    """What a refused sender is told, in lines."""
    if verdict.action != "accept":
        for line in reply_of(verdict):
            yield f"  the sender hears: {line}"
        if not all(map(str.isascii, verdict.reply)):
            yield "    (the rule says it in other letters: an SMTP reply is ASCII)"


def _outcome(asked: Asked) -> str:
    words = asked.outcome.replace("-", " ")
    return f"{words} → {asked.action}" if asked.action else words


def _asked(number: int, asked: Asked, width: int, outcome: str) -> Iterator[str]:
    why = f": {printable(asked.why)}" if asked.why else ""
    time = "" if asked.outcome == "not-asked" else f"  ({asked.ms:.2f} ms)"
    name = printable(asked.rule)
    use = "" if asked.use == asked.rule else f" [{printable(asked.use)}]"
    yield f"  {number:2} {name:{width}}{use}  {outcome}{why}{time}"
    for finding in asked.findings:
        yield from _finding(finding)


def _finding(finding: Finding) -> Iterator[str]:
    detail = printable(finding.detail[:_MOST_DETAIL])
    note = " (note)" if finding.note else ""
    score = "" if finding.score is None else f" {finding.score:+g}"
    yield f"       {printable(finding.code)}{note}{score}" + (f"  {detail}" if detail else "")
    for evidence in finding.evidence:
        yield f"         {_place(evidence)}"


def _place(evidence: Evidence) -> str:
    part = f"part {printable(evidence.part)}, " if evidence.part else ""
    member = f", member {printable(evidence.member)}" if evidence.member else ""
    return f"{part}octets {evidence.start}–{evidence.end} of the message{member}"


def changes(edits: Edits) -> Iterator[str]:
    """What is to be changed in a mail that goes through, in lines."""
    for name, value in edits.add:
        yield f"  adds {printable(name)}: {printable(value[:_MOST_DETAIL])}"
    for name in edits.remove:
        yield f"  removes {printable(name)} as forged (where the format can)"
    for name, index, change in edits.change:
        what = "removes" if change is None else f"sets to {printable(change[:_MOST_DETAIL])}:"
        yield f"  {what} field {index} of the name {printable(name)}"
    for address in edits.rcpt_add:
        yield f"  adds recipient {printable(address)}"
    for address in edits.rcpt_remove:
        yield f"  removes recipient {printable(address)}"
    if edits.body is not None:
        yield f"  replaces the body ({len(edits.body)} octets)"
