"""The page of an audit."""

from __future__ import annotations

from mailscan.audit.statistics import percent
from mailscan.report.charts import chip, columns, legend, more, row, rows, share_bar, stacked, tile, upset
from mailscan.report.facts import skipped_section
from mailscan.report.groups import joined
from mailscan.report.markup import el
from mailscan.report.page import Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.report.facts import Facts
    from mailscan.report.groups import Group
    from mailscan.report.tally import RuleTally, Tally
    from mailscan.report.times import Times

WORDS = {"accept": "accepted", "quarantine": "held", "tempfail": "put off", "reject": "refused"}
_MOST_RULES = 40
_MOST_SETS = 24
_MOST_BINS = 40


def audit_page(tally: Tally, facts: Facts) -> str:
    """The page, whole, as HTML."""
    page = Page(f"Audit of {facts.where()}", f"{tally.total:,} mails, judged by {facts.policy}")
    _tiles(page, tally)
    verdicts_over_time(page, "Verdicts over time", tally.times, WORDS)
    _rules(page, tally)
    _overlap(page, tally)
    _slow(page, tally)
    _scores(page, tally, facts)
    _failures(page, tally)
    skipped_section(page, facts)
    return page.html()


def _tiles(page: Page, tally: Tally) -> None:
    tiles = [tile("mails", f"{tally.total:,}", f"{len(tally.rules):,} rules asked")]
    for kind, word in WORDS.items():
        group = tally.outcomes[kind]
        if not group.total and kind in ("quarantine", "tempfail"):
            continue
        share = percent(group.total / tally.total) if tally.total else ""
        behind = page.group(f"{word}: {group.total:,}", group)
        tiles.append(tile(word, f"{group.total:,}", share, kind=kind, group=behind))
    errors = joined(rule.errors for rule in tally.rules.values())
    if errors.total:
        behind = page.group("Mails in which a rule failed", errors, "by rule")
        tiles.append(tile("failures of rules", f"{errors.total:,}", kind="bad", group=behind))
    page.head(el("div", *tiles, class_="tiles"))


def verdicts_over_time(page: Page, heading: str, times: Times, words: dict[str, str]) -> None:
    """A card with a bar for each day, week, month, quarter or year."""
    bars = times.bars()
    drawn = [stacked(page, bars.title(number), bars.kept.get(number, {}), words) for number in bars.numbers]
    kinds = [kind for kind in words if any(kind in kept for kept in bars.kept.values())]
    chips = []
    for name, group in (("earlier", bars.earlier), ("later", bars.later), ("without a date", bars.undated)):
        if group.total:
            chips.append(chip(page, f"{group.total:,} {name}", group))
    page.section(
        heading,
        legend((kind, words[kind]) for kind in kinds),
        columns(drawn, lambda at: bars.label(bars.numbers[at])) if drawn else None,
        el("div", *chips, class_="aside") if chips else None,
        about=f"By the date in the mail; a bar is a {bars.unit}. A bar lists its mails."
        if drawn
        else "No mail has a date.",
        wide=True,
    )


def _rules(page: Page, tally: Tally) -> None:
    found = sorted(tally.rules.values(), key=lambda rule: (-_hits(rule), rule.name))
    most = max((_hits(rule) for rule in found), default=0) or 1
    lines = []
    for rule in found[:_MOST_RULES]:
        parts = (
            ("fill-reject", rule.alone.total / most),
            ("fill-tempfail", (rule.decided.total - rule.alone.total) / most),
            ("fill-other weak", (_hits(rule) - rule.decided.total) / most),
        )
        also = f"decided {rule.decided.total:,}, alone {rule.alone.total:,}" if rule.decided.total else ""
        shown = rule.found if rule.found.total else rule.decided
        behind = page.group(f"{rule.name}: {_mails(_hits(rule))}", shown)
        lines.append(row(rule.name, share_bar(parts), f"{_hits(rule):,}", also, behind))
    page.section(
        "Rules by mail that they found",
        legend((("reject", "decided, and no other would have"), ("tempfail", "decided"), ("", "found only"))),
        rows(lines),
        more(len(found) - _MOST_RULES, "rules"),
        about="Every rule was asked about every mail, those below the one that decided too.",
    )


def _hits(rule: RuleTally) -> int:
    return max(rule.found.total, rule.decided.total)


def _overlap(page: Page, tally: Tally) -> None:
    sets = sorted(tally.combinations.items(), key=lambda entry: (-entry[1].total, entry[0]))
    if not sets:
        return
    shown = sets[:_MOST_SETS]
    names = [name for name in tally.rules if any(name in rules for rules, _ in shown)]
    names.sort(key=lambda name: -tally.rules[name].found.total)
    rest = sum(group.total for _, group in sets[_MOST_SETS:]) + tally.other_combinations.total
    page.section(
        "Rules that find the same mail",
        upset(page, shown, names),
        more(rest, "mails in rarer sets of rules"),
        about="Each bar counts the mails in which exactly the rules below it found something.",
    )


def _scores(page: Page, tally: Tally, facts: Facts) -> None:
    if not tally.scores:
        return
    low, high = min(tally.scores), max(tally.scores)
    size = next(one for one in (1, 2, 5, 10) if (high - low) / one < _MOST_BINS)
    first, last = low // size, high // size
    bins: dict[int, dict[str, Group]] = {}
    for number, group in tally.scores.items():
        kinds = bins.setdefault(number // size, {})
        kinds["accept"] = joined([kinds["accept"], group]) if "accept" in kinds else group
    drawn = []
    for number in range(first, last + 1):
        title = f"score {number * size} to {(number + 1) * size}"
        drawn.append(stacked(page, title, bins.get(number, {}), {"accept": "mails"}))
    width = (last - first + 1) * size
    marks = []
    for name, limit in zip(("tag", "reject"), facts.limits, strict=True):
        if limit is not None and first * size <= limit <= first * size + width:
            marks.append(((limit - first * size) / width, f"{name} {limit:g}"))
    scored = sum(group.total for group in tally.scores.values())
    page.section(
        "Scores",
        columns(drawn, lambda at: f"{(first + at) * size:g}", marks),
        about=f"Mails by the sum of their scores; {tally.total - scored:,} mails with 0 are not drawn.",
    )


def _slow(page: Page, tally: Tally) -> None:
    slow = sorted((rule for rule in tally.rules.values() if rule.asked), key=lambda rule: -rule.ms)
    most = max((rule.ms for rule in slow), default=0) or 1
    lines = []
    for rule in slow[:_MOST_RULES]:
        also = f"{duration(rule.ms / rule.asked)} a mail, {duration(rule.longest)} at most"
        behind = page.group(f"{rule.name}: its slowest mails", rule.slowest, "the slowest first")
        lines.append(row(rule.name, share_bar([("fill-accept", rule.ms / most)]), duration(rule.ms), also, behind))
    slowest = page.group("The slowest mails", tally.slowest, "the slowest first")
    button = el("button", "the slowest mails", type="button", class_="chip", data_group=slowest) if slowest else None
    page.section("Time of the rules", rows(lines), el("div", button, class_="aside"), about="Added up over all mail.")


def _failures(page: Page, tally: Tally) -> None:
    groups = [(f"{rule.name} failed", rule.errors) for rule in tally.rules.values() if rule.errors.total]
    groups += sorted(tally.notes.items(), key=lambda entry: -entry[1].total)[:_MOST_RULES]
    if not groups:
        return
    most = max(group.total for _, group in groups)
    lines = [
        row(
            name,
            share_bar([("fill-reject" if at < len(groups) - len(tally.notes) else "fill-other", group.total / most)]),
            f"{group.total:,}",
            group=page.group(f"{name}: {_mails(group.total)}", group),
        )
        for at, (name, group) in enumerate(groups)
    ]
    page.section("Failures, and what was not looked into", rows(lines))


def duration(ms: float) -> str:
    """A time for people: `0.12 ms`, `35 ms`, `2.4 s`, `3 min 5 s`."""
    if ms < 1000:
        return f"{ms:.2g} ms" if ms < 9.95 else f"{ms:.0f} ms"
    seconds = ms / 1000
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60):,} min {int(seconds % 60)} s"


def _mails(count: int) -> str:
    return f"{count:,} mail{'s' * (count != 1)}"
