"""What a backtest found, for people: in colour and cut to the width of a terminal, whole and plain on a pipe.

Whatever stands in the mail is escaped here: it cannot send a control to the terminal, or begin a line of its own.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from mailscan.audit.comparison import INNOCENT
from mailscan.audit.rows import LET_THROUGH, OUTCOMES, REFUSED
from mailscan.audit.statistics import bound_in_words, interval_in_words
from mailscan.cli.lines import echo, width
from mailscan.outgoing import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.audit.comparison import Comparison
    from mailscan.audit.rows import Row
    from mailscan.cli.backtest import Run
    from mailscan.cli.lines import Line

_MOST_RULES = 5
# A pipe has no width; a subject has.
_PIPE = 120
_ANSWERS = re.compile(r"(?:(?:re|aw|fwd?|wg)(?:\[\d+\])?:\s*)+", re.IGNORECASE)


def tell(comparison: Comparison, run: Run, left_out: dict[str, list[str]]) -> None:
    """Print it on standard output."""
    echo(_lines(comparison, run, left_out, width(_PIPE)), cut=True)


def _lines(comparison: Comparison, run: Run, left_out: dict[str, list[str]], room: int) -> Iterator[Line]:
    yield from _head(comparison, run)
    yield from _rules(comparison, run)
    yield from _mails(comparison, run, room)
    yield from _failed(comparison)
    yield from _freed(comparison)
    yield from _left_out(left_out)


def _head(comparison: Comparison, run: Run) -> Iterator[Line]:
    total = sum(comparison.matrix.values())
    old, new = map(printable, apart(run.old, run.new))
    yield [(f"{total:,} mail{'s' * (total != 1)}", "bold"), (f": {old} (down) × {new} (across)", "")]
    seen = [one for one in OUTCOMES if one in ("accept", "reject") or comparison.seen(one)]
    yield [(" " * 12 + "".join(f"{one:>12}" for one in seen), "dim")]
    for old in seen:
        line: Line = [(f"{old:>12}", "dim")]
        for new in seen:
            count = comparison.count((old,), (new,))
            style = "dim" if not count or old == new else "bold green"
            if count and old not in REFUSED and new in REFUSED:
                style = "bold red"
            line.append((f"{count:>12,}", style))
        yield line
    refused = comparison.refused_now()
    style = "bold red" if refused > run.allow else "bold green"
    before = comparison.count(LET_THROUGH, OUTCOMES, ("", "ham"))
    spam = comparison.count(LET_THROUGH, REFUSED, ("spam",))
    beside = f"; beside {spam:,} of expected spam" if spam else ""
    yield [
        ("newly refused: ", ""),
        (bound_in_words(refused, before), style),
        (f"{beside}; --allow {run.allow:,}", "dim"),
    ]
    for label, kind, wrong in (("ham", "refused", REFUSED), ("spam", "let through", LET_THROUGH)):
        of = comparison.count(OUTCOMES, OUTCOMES, (label,))
        if not of:
            continue
        for name, count in (
            ("old", comparison.count(wrong, OUTCOMES, (label,))),
            ("new", comparison.count(OUTCOMES, wrong, (label,))),
        ):
            yield [(f"{label} {kind} by the {name} policy: ", ""), (interval_in_words(count, of), "bold")]


def _rules(comparison: Comparison, run: Run) -> Iterator[Line]:
    if not comparison.culprits:
        return
    yield []
    yield [(f"{'refused now by':<30}{'mails':>10}{'look innocent':>15}{'it alone':>10}", "dim")]
    most = max(_MOST_RULES, run.most if run.most > 20 else 0)
    for culprit in comparison.culprits[:most]:
        name = printable(culprit.rule or "(no rule)")
        name = name if len(name) < 30 else name[:28] + "…"
        share = f"{culprit.innocent:>15,}"
        yield [
            (f"{name:<30}", "bold"),
            (f"{culprit.mails:>10,}", "bold red"),
            (share, "bold red" if culprit.innocent else ""),
            (f"{culprit.alone:>10,}", ""),
        ]
    if len(comparison.culprits) > most:
        yield [(f"… and {len(comparison.culprits) - most:,} more rules", "dim")]


def _mails(comparison: Comparison, run: Run, room: int) -> Iterator[Line]:
    refused = comparison.refused_now()
    if not refused or not comparison.top:
        return
    where = f"; `mailscan show {run.out}:ROW` opens one" if run.out else ""
    yield []
    yield [(f"newly refused, the most innocent-looking first{where}", "dim")]
    alike: dict[tuple[str, str], list[Row]] = {}
    for row in comparison.top:
        alike.setdefault((row["rule"], _ANSWERS.sub("", row["subject"] or "", count=1).casefold()), []).append(row)
    shown = list(alike.values())[: run.most]
    for rows in shown:
        yield from _mail(rows, run, room)
    left = refused - sum(map(len, shown))
    if left:
        yield [(f"… and {left:,} more (--list N, --out, --html)", "dim")]


def _mail(rows: list[Row], run: Run, room: int) -> Iterator[Line]:
    """The most innocent of mails with one subject that one rule refuses, and how many those are."""
    row = rows[0]
    date = (row["date"] or "")[:10]
    weight = row["innocence"]
    more = f"  +{len(rows) - 1:,} alike" if len(rows) > 1 else ""
    number = f"{row['number']:>5}" if run.out else "    -"  # of the row there
    yield [
        (f"{number}  ", "bold"),
        (_short(row["subject"] or "(no subject)", room - 10 - len(more)), "bold"),
        (more, "bold red"),
        (f"  {_short(row['from_address'] or '', 60)}  {date}", "dim"),
    ]
    why = "; ".join(row["reasons"]) if weight else "nothing speaks for it"
    yield [(" " * 7 + f"{printable(row['rule'])}: ", "red"), (printable(why), "green" if weight >= INNOCENT else "")]
    if not run.out:
        yield [(" " * 7 + f"{printable(row['source'])}:{row['offset']}", "dim")]


def apart(old: str, new: str) -> tuple[str, str]:
    """Both policies' names, as short as they can be told apart."""
    short = os.path.basename(old), os.path.basename(new)
    return (old, new) if short[0] == short[1] else short


def _short(text: str, most: int) -> str:
    text = printable(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _failed(comparison: Comparison) -> Iterator[Line]:
    if comparison.errors:
        yield []
        yield [("rules that failed: what they say then is their on_error", "bold red")]
    for what, count in sorted(comparison.errors.items(), key=lambda one: -one[1])[:_MOST_RULES]:
        yield [(f"{count:>10,}  ", "bold"), (printable(what), "")]


def _freed(comparison: Comparison) -> Iterator[Line]:
    freed = sum(comparison.freed.values())
    if freed:
        by = ", ".join(
            f"{printable(rule or '(no rule)')} {count:,}" for rule, count in comparison.freed.most_common(10)
        )
        yield []
        yield [(f"let through now: {freed:,}", "bold"), (f"; refused before by {by}", "")]


def _left_out(left_out: dict[str, list[str]]) -> Iterator[Line]:
    for policy, rules in left_out.items():
        if rules:
            yield [(f"not asked, since they ask the network: {printable(', '.join(rules))} ({printable(policy)})", "")]
