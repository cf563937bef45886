"""The summary of an audit, for people."""

from __future__ import annotations

from mailscan.mailboxes.dialects import Counts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.audit.tally import Tally
    from mailscan.audit.totals import Totals

_MOST = 20


def summary(totals: Totals, source: str, left_out: list[str]) -> Iterator[str]:
    """Its lines, as plain text that may hold what senders wrote. `left_out`: rules that were not asked."""
    tally = totals.tally
    yield f"{_messages(tally.messages)}, {tally.octets:,} octets, judged by {source}"
    for verdict in ("accept", "reject", "tempfail"):
        if count := tally.verdicts.get(verdict, 0):
            yield f"  {verdict:9}{count:>12,}  {100 * count / tally.messages:.2f} %"
    for would, count in sorted(tally.would.items()):
        yield f"  on trial; would {would}: {count:,}"
    if left_out:
        yield f"left out, since they ask the network: {', '.join(left_out)} (--network asks them)"
    yield from _rules(tally)
    yield from _times(tally)
    if tally.errors:
        yield "errors"
        yield from (f"  {count:>9,}  {what}" for what, count in sorted(tally.errors.items(), key=lambda one: -one[1]))
    if tally.odd:
        yield "oddest mails, by their ambiguities, which `mailscan show` tells"
        yield from (f"  {count:>9,}  {where}:{offset}  {subject[:60]}" for count, where, offset, subject in tally.odd)
    yield from _boxes(totals.boxes)
    if totals.empty:
        yield f"files without an octet: {totals.empty:,}"
    if totals.others:
        yield f"files that are not mail: {sum(count for count, _ in totals.others.values()):,}"
    if skipped := totals.missing - sum(count for count, _ in totals.others.values()):
        yield f"skipped: {skipped:,}"


def _rules(tally: Tally) -> Iterator[str]:
    if tally.rules:
        yield f"{'rule':24}{'hits':>10}{'decided':>10}{'alone':>10}"
    for name, (hits, decided, alone) in sorted(tally.rules.items(), key=lambda one: (-one[1][0], -one[1][1])):
        yield f"{name:24}{hits:>10,}{decided:>10,}{alone:>10,}"


def _times(tally: Tally) -> Iterator[str]:
    slowest = sorted(tally.times.items(), key=lambda one: -one[1][1])[:_MOST]
    if slowest:
        yield f"{'slowest':24}{'ms in all':>10}{'on average':>12}{'at most':>10}"
    for name, (asked, ms, most) in slowest:
        yield f"{name:24}{ms:>10,.0f}{ms / asked:>12.3f}{most:>10.3f}"


def _boxes(boxes: dict[str, list[int]]) -> Iterator[str]:
    kinds: dict[str, list[int]] = {}
    internal = 0
    for counts in boxes.values():
        box = Counts(counts)
        known = kinds.setdefault(box.dialect, [0, 0])
        known[0] += 1
        known[1] += box.messages
        internal += box.internal
    for kind, (files, messages) in sorted(kinds.items()):
        yield f"{kind}: {files:,} file{'s' * (files != 1)}, {_messages(messages)}"
    if internal:
        yield f"internal data of c-client (Pine, UW-IMAP), which is no mail: {internal:,}"


def _messages(count: int) -> str:
    return f"{count:,} message{'s' * (count != 1)}"
