"""The page of a backtest: on its first screen what changes, the rules that do it, and innocent mail that they hit."""

from __future__ import annotations

from mailscan.audit.comparison import LET_THROUGH_NOW, REFUSED_NOW, change
from mailscan.audit.rows import LET_THROUGH, OUTCOMES, REFUSED
from mailscan.audit.statistics import CONFIDENCE, at_most, interval, interval_in_words, percent
from mailscan.report.audited import WORDS, verdicts_over_time
from mailscan.report.charts import legend, more, row, rows, share_bar, tile
from mailscan.report.facts import skipped_section
from mailscan.report.groups import Group, Shown, Top
from mailscan.report.markup import el
from mailscan.report.page import Page
from mailscan.report.times import Times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mailscan.audit.comparison import Comparison
    from mailscan.audit.rows import Row
    from mailscan.report.facts import Facts
    from mailscan.report.markup import Markup

# Of the newly refused mails, those that stand on the page itself.
MOST_LISTED = 100
_MOST_RULES = 40


class Changes:
    """The changed mails of a backtest as its page shows them, row by row; memory is bounded."""

    def __init__(self, rows: str | None = None) -> None:
        """`rows` is the .jsonl file that the rows stand in, if one is written."""
        self.rows = rows
        self.cells: dict[tuple[str, str], Group] = {}
        self.rules: dict[str, Top] = {}
        self.freed: dict[str, Group] = {}
        self.refused = Top(MOST_LISTED)
        self.times = Times()
        self._count = 0

    def add(self, row: Row) -> None:
        """One changed mail, in the order of the archive, its innocence weighed."""
        self._count += 1
        shown = Shown(row, self._count, self.rows)
        self.cells.setdefault((row["old_outcome"], row["outcome"]), Group()).add(shown)
        if row["change"] == REFUSED_NOW:
            self.times.add(row["date"], "reject", shown)
            if row["expected"] != "spam":
                self.refused.add(row["innocence"], shown)
                self.rules.setdefault(row["rule"], Top()).add(row["innocence"], shown)
        elif row["change"] == LET_THROUGH_NOW:
            self.times.add(row["date"], "good", shown)
            self.freed.setdefault(row["old_rule"], Group()).add(shown)


def backtest_page(comparison: Comparison, changes: Changes, old: str, new: str, facts: Facts, allowed: int) -> str:
    """The page, whole, as HTML; `old` and `new` are what the policies are called."""
    total = sum(comparison.matrix.values())
    page = Page(f"{new} against {old}", f"{total:,} mails in {facts.where()}, judged by both policies")
    _tiles(page, comparison, changes, allowed)
    _culprits(page, comparison, changes)
    _matrix(page, comparison, changes)
    _mails(page, changes)
    _expected(page, comparison)
    _freed(page, changes)
    if changes.cells:
        words = {"reject": "refused now", "good": "let through now"}
        verdicts_over_time(page, "Changes over time", changes.times, words)
    skipped_section(page, facts)
    return page.html()


def _tiles(page: Page, comparison: Comparison, changes: Changes, allowed: int) -> None:
    refused = comparison.refused_now()
    before = comparison.count(LET_THROUGH, OUTCOMES, ("", "ham"))
    innocent = sum(culprit.innocent for culprit in comparison.culprits)
    freed = comparison.count(REFUSED, LET_THROUGH)
    behind = page.group(f"Newly refused: {refused:,}", changes.refused, "the most innocent-looking first")
    bad = "bad" if refused > allowed else "good"
    bound = f"at most {percent(at_most(refused, before))}" if before else "not known"
    of = f"{refused:,} of {before:,}, with {CONFIDENCE * 100:g} % confidence"
    spam = comparison.count(LET_THROUGH, REFUSED, ("spam",))
    also = f"{allowed:,} allowed" + (f"; beside {spam:,} of expected spam" if spam else "")
    tiles = [
        tile("newly refused", f"{refused:,}", also, kind=bad, group=behind),
        tile("of them innocent-looking", f"{innocent:,}", "by the evidence below", kind="bad" if innocent else "good"),
        tile("wrongly refused, if all are wanted", bound, of),
        tile("newly let through", f"{freed:,}"),
    ]
    page.head(el("div", *tiles, class_="tiles"))


def _culprits(page: Page, comparison: Comparison, changes: Changes) -> None:
    if not comparison.culprits:
        page.section("Rules that refuse it", el("p", "No mail is refused that went through before."))
        return
    most = comparison.culprits[0].mails
    lines = []
    for culprit in comparison.culprits[:_MOST_RULES]:
        name = culprit.rule or "(no rule)"
        parts = (
            ("fill-reject", culprit.innocent / most),
            ("fill-reject weak", (culprit.mails - culprit.innocent) / most),
        )
        title = f"{name}: {culprit.mails:,} newly refused, {culprit.innocent:,} look innocent"
        behind = page.group(title, changes.rules[culprit.rule], "the most innocent-looking first")
        also = f"{culprit.innocent:,} look innocent; {culprit.alone:,} refused by it alone"
        lines.append(row(name, share_bar(parts), f"{culprit.mails:,}", also, behind))
    page.section(
        "Rules that refuse it",
        legend((("reject", "looks innocent"), ("weak reject", "nothing much speaks for it"))),
        rows(lines),
        more(len(comparison.culprits) - _MOST_RULES, "rules"),
        about="Rules of the new policy by the mail that they newly refuse. A bar lists its mails.",
    )


def _matrix(page: Page, comparison: Comparison, changes: Changes) -> None:
    seen = [one for one in OUTCOMES if one in ("accept", "reject") or comparison.seen(one)]
    head = el("tr", el("td"), *(el("th", f"now {WORDS[new]}", scope="col") for new in seen))
    lines = [
        el(
            "tr",
            el("th", f"before {WORDS[old]}", scope="row"),
            *(el("td", _cell(page, comparison, changes, old, new)) for new in seen),
        )
        for old in seen
    ]
    page.section(
        "Verdicts, before and now",
        el("div", el("table", el("thead", head), el("tbody", *lines), class_="matrix"), class_="scroll"),
        about="What both policies make of the same mail. A framed number lists its mails.",
    )


def _cell(page: Page, comparison: Comparison, changes: Changes, old: str, new: str) -> Markup:
    count = comparison.count((old,), (new,))
    group = changes.cells.get((old, new))
    if not count or group is None:
        return el("span", count, class_="cell" if count else "cell none")
    kind = {REFUSED_NOW: " bad", LET_THROUGH_NOW: " better"}.get(change(old, new), "")
    behind = page.group(f"{WORDS[old]} before, {WORDS[new]} now: {count:,}", group)
    label = f"{count:,} mails {WORDS[old]} before, {WORDS[new]} now"
    return el("button", count, class_=f"cell{kind}", type="button", data_group=behind, aria_label=label)


def _mails(page: Page, changes: Changes) -> None:
    mails = changes.refused.mails
    if not mails:
        return
    names = ("Subject and From", "Date", "Refused by", "What speaks for it", "Where it lies")
    head = el("tr", *(el("th", name, scope="col") for name in names))
    lines = []
    for mail in mails:
        reasons = [el("div", reason, class_="speaks") for reason in mail["reasons"]]
        lines.append(
            el(
                "tr",
                el("td", el("div", mail["subject"] or "(no subject)", class_="subject"), _div("from", mail["from"])),
                el("td", mail["date"], class_="num"),
                el("td", mail["rule"] or "(no rule)", el("div", *(_div("what", one) for one in mail["evidence"]))),
                el("td", *(reasons or [_div("nothing", "nothing")])),
                el("td", *_where(mail)),
            )
        )
    page.section(
        "Newly refused, the most innocent-looking first",
        el("table", el("thead", head), el("tbody", *lines), class_="mails"),
        more(changes.refused.total - len(mails), "newly refused mails"),
        about="What speaks for a mail is found in its header and in the other mail of the archive.",
        wide=True,
    )


def _where(mail: dict[str, Any]) -> Iterator[Markup]:
    """The place, unless the command names it, and the command."""
    command = mail["command"]
    if mail["place"] not in command:
        yield el("div", mail["place"], class_="what place", title=mail["place"])
    if command:
        yield _open(command)


def _open(command: str) -> Markup:
    copy = el(
        "button",
        "Copy",
        class_="copy",
        type="button",
        data_copy=command,
        aria_label="Copy the command that shows this mail",
    )
    return el("div", el("code", command, title=command), copy, class_="open")


def _div(kind: str, text: str) -> Markup:
    return el("div", text, class_=kind)


def _expected(page: Page, comparison: Comparison) -> None:
    lines = []
    for label, wrong, words in (("ham", REFUSED, "wanted mail refused"), ("spam", LET_THROUGH, "spam let through")):
        of = comparison.count(OUTCOMES, OUTCOMES, (label,))
        if not of:
            continue
        counts = {
            "before": comparison.count(wrong, OUTCOMES, (label,)),
            "now": comparison.count(OUTCOMES, wrong, (label,)),
        }
        # Rates of few per cent would be dots at the left: the axis ends where the larger interval does.
        top = min(1.0, max(interval(count, of)[1] for count in counts.values()) * 1.1)
        for when, count in counts.items():
            lines.append(row(f"{words}, {when}", _whisker(count, of, top), f"{count:,}", interval_in_words(count, of)))
    if lines:
        about = f"Mail that was expected to be ham or spam; the line is where the rate lies with {CONFIDENCE:.0%}."
        page.section("Errors of both kinds", rows(lines), about=about.replace("%", " %"))


def _whisker(count: int, of: int, top: float) -> Markup:
    low, high = interval(count, of)
    x = f"{count / of / top * 100:.2f}%"
    return el(
        "svg",
        el("line", x1=0, x2="100%", y1=7, y2=7, class_="grid"),
        el("line", x1=f"{low / top * 100:.2f}%", x2=f"{high / top * 100:.2f}%", y1=7, y2=7, class_="whisker"),
        el("circle", cx=x, cy=7, r=4, class_="fill-reject"),
        height=14,
        width="100%",
        aria_hidden="true",
    )


def _freed(page: Page, changes: Changes) -> None:
    if not changes.freed:
        return
    freed = sorted(changes.freed.items(), key=lambda entry: (-entry[1].total, entry[0]))
    most = freed[0][1].total
    lines = [
        row(
            rule or "(no rule)",
            share_bar([("fill-good", group.total / most)]),
            f"{group.total:,}",
            group=page.group(f"Let through now, refused before by {rule}: {group.total:,}", group),
        )
        for rule, group in freed[:_MOST_RULES]
    ]
    page.section(
        "Newly let through",
        rows(lines),
        more(len(freed) - _MOST_RULES, "rules"),
        about="By the rule of the old policy that refused it.",
    )
