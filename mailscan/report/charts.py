"""What a page draws, as SVG whose widths are shares of the page's, and as rows that are buttons.

Nothing is laid out by the script: the charts stand without it, and on paper.
"""

from __future__ import annotations

import math

from mailscan.report.groups import joined
from mailscan.report.markup import el

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mailscan.report.groups import Group
    from mailscan.report.markup import Child, Markup
    from mailscan.report.page import Page

    # (title, (class, height) from the axis up, id of the group behind it)
    Column = tuple[str, list[tuple[str, float]], str | None]

_HEIGHT = 180.0
_MOST_LABELS = 5
_NAME = 24  # characters of a rule's name beside a matrix
_LEFT, _STEP, _ROW, _TOP = 190, 30, 24, 110


def tile(name: str, figure: str, also: str = "", *, kind: str = "", group: str | None = None) -> Markup:
    """One figure of the first line of a page; a button if mails stand behind it."""
    parts = (
        el("span", name, class_="name"),
        el("span", figure, class_="figure"),
        el("span", also, class_="also") if also else None,
    )
    if group is None:
        return el("div", *parts, class_=f"tile {kind}".strip())
    return el("button", *parts, class_=f"tile {kind}".strip(), type="button", data_group=group)


def legend(names: Iterable[tuple[str, str]]) -> Markup:
    """(class, what it stands for)"""
    return el("ul", (el("li", text, class_=kind) for kind, text in names), class_="legend")


def columns(bars: Sequence[Column], labels: Callable[[int], str], marks: Iterable[tuple[float, str]] = ()) -> Markup:
    """Upright bars over an axis. `labels(n)` names the n-th; `marks` are (share of the width, words) of lines."""
    highest = max((sum(height for _, height in stack) for _, stack, _ in bars), default=0) or 1
    step, count = _steps(highest)
    top = step * count
    # The scale stands at the left, in a column of its own, so that widths can be shares.
    scale = [
        el("text", _number(step * n), x="100%", y=_y(step * n, top) + 4, text_anchor="end") for n in range(count + 1)
    ]
    drawn: list[Markup] = [
        el("line", x1="0", x2="100%", y1=_y(step * n, top), y2=_y(step * n, top), class_="grid" if n else "axis")
        for n in range(count + 1)
    ]
    width = 100 / max(len(bars), 1)
    drawn += [_column(at, width, bar, top) for at, bar in enumerate(bars)]
    for share, words in marks:
        x = f"{share * 100:.2f}%"
        drawn.append(el("line", x1=x, x2=x, y1=0, y2=_HEIGHT + 10, class_="limit"))
        drawn.append(el("text", words, x=x, y=-2, text_anchor="end" if share > 0.5 else "start"))
    shown = _spread(len(bars))
    for turn, at in enumerate(shown):
        # A phone has no room for every second one.
        between = "between" if turn % 2 and len(bars) > _MOST_LABELS else None
        share = (at + 0.5) * width
        anchor = "start" if share < 12 else "end" if share > 88 else "middle"
        x = f"{share:.2f}%"
        drawn.append(el("text", labels(at), x=x, y=_HEIGHT + 28, text_anchor=anchor, class_=between))
    tall = int(_HEIGHT + 36)
    widest = max(len(_number(step * n)) for n in range(count + 1))
    left = el("svg", *scale, aria_hidden="true", height=tall, width=8 * widest + 4)
    return el("div", left, el("svg", *drawn, role="group", height=tall, width="100%"), class_="columns")


def _column(at: int, width: float, bar: Column, top: float) -> Markup:
    title, stack, group = bar
    y = _HEIGHT + 10
    gap = min(width * 0.18, 1.0)
    parts = [el("title", title)]
    for kind, height in stack:
        tall = height / top * _HEIGHT
        if height:
            # One mail among thousands can still be seen.
            tall = max(tall, 1.5)
            y -= tall
            x, wide = f"{at * width + gap / 2:.3f}%", f"{width - gap:.3f}%"
            parts.append(el("rect", x=x, y=y, width=wide, height=tall, class_=f"fill-{kind}"))
    hit = el("rect", x=f"{at * width:.3f}%", y=0, width=f"{width:.3f}%", height=int(_HEIGHT + 10), class_="hit")
    if group is None:
        return el("g", *parts)
    return el("g", *parts, hit, data_group=group, tabindex=0, role="button", aria_label=title)


def share_bar(parts: Iterable[tuple[str, float]]) -> Markup:
    """A level bar of (class, share of the width) one after the other."""
    x = 0.0
    drawn = []
    for kind, share in parts:
        if share > 0:
            wide = max(share * 100, 0.4)
            drawn.append(el("rect", x=f"{x:.2f}%", y=0, width=f"{wide:.2f}%", height=14, class_=kind))
            x += wide
    return el("svg", *drawn, height=14, width="100%", aria_hidden="true")


def row(name: str, bar: Markup, figure: str, also: str = "", group: str | None = None) -> Markup:
    """A line with a name, a level bar and a figure; a button if mails stand behind it."""
    parts: list[Child] = [
        el("span", name, class_="name", title=name),
        bar,
        el("span", figure, class_="num"),
        el("span", also, class_="also") if also else None,
    ]
    if group is None:
        return el("div", *parts, class_="row")
    return el("button", *parts, class_="row", type="button", data_group=group)


def rows(lines: Iterable[Markup]) -> Markup:
    """The lines of `row`."""
    return el("div", *lines, class_="rows")


def upset(page: Page, combinations: Sequence[tuple[tuple[str, ...], Group]], names: Sequence[str]) -> Markup:
    """Which rules find something in the same mail: a bar for each set of rules, the set below it as joined dots.

    A. Lex, N. Gehlenborg, H. Strobelt, R. Vuillemot, H. Pfister, "UpSet: Visualization of Intersecting Sets" (2014).
    """
    highest = max((group.total for _, group in combinations), default=1)
    width = _LEFT + _STEP * len(combinations) + 10
    height = _TOP + _ROW * len(names) + 6
    place = {name: at for at, name in enumerate(names)}
    drawn = []
    for name, at in place.items():
        y = _TOP + _ROW * at
        if at % 2 == 0:
            drawn.append(el("rect", x=0, y=y, width=width, height=_ROW, class_="band"))
        short = name if len(name) <= _NAME else name[: _NAME - 1] + "…"
        drawn.append(el("text", el("title", name), short, x=_LEFT - 14, y=y + 16, text_anchor="end", class_="name"))
    for at, (rules, group) in enumerate(combinations):
        drawn.append(_set(page, _LEFT + _STEP * at + _STEP / 2, rules, group, highest, place, height))
    picture = el("svg", *drawn, width=width, height=height, role="group", class_="upset")
    return el("div", picture, class_="scroll", tabindex=0, role="region", aria_label="Rules that find the same mail")


def _set(
    page: Page, x: float, rules: tuple[str, ...], group: Group, highest: int, place: dict[str, int], height: int
) -> Markup:
    tall = max(group.total / highest * (_TOP - 30), 1.5)
    title = f"{' + '.join(rules)}: {group.total:,} mail{'s' * (group.total != 1)}"
    parts = [
        el("title", title),
        el("rect", x=x - 9, y=_TOP - 8 - tall, width=18, height=tall, rx=2, class_="fill-accept"),
        el("text", _number(group.total), x=x, y=_TOP - 12 - tall, text_anchor="middle"),
    ]
    on = [place[name] for name in rules if name in place]
    middle = [_TOP + _ROW * at + _ROW / 2 for at in place.values()]
    for at, y in enumerate(middle):
        parts.append(el("circle", cx=x, cy=y, r=5, class_="on" if at in on else None))
    if len(on) > 1:
        parts.append(el("line", x1=x, x2=x, y1=middle[min(on)], y2=middle[max(on)], class_="link"))
    parts.append(el("rect", x=x - _STEP / 2, y=0, width=_STEP, height=height, class_="hit"))
    behind = page.group(title, group)
    return el("g", *parts, data_group=behind, tabindex=0, role="button", aria_label=title)


def stacked(page: Page, title: str, kinds: dict[str, Group], words: dict[str, str]) -> Column:
    """A column of `columns`, of the kinds in the order of `words`; what it says and lists when chosen."""
    told = [f"{kinds[kind].total:,} {word}" for kind, word in words.items() if kind in kinds]
    # The rarest first: that is what one clicks a bar for.
    rare = sorted(kinds.values(), key=lambda group: group.total)
    behind = page.group(f"{title}: {', '.join(told)}", joined(rare), "the rarest verdicts first") if kinds else None
    stack = [(kind, float(kinds[kind].total)) for kind in words if kind in kinds]
    return f"{title}: {', '.join(told) or 'no mail'}", stack, behind


def _y(value: float, top: float) -> float:
    return 10 + _HEIGHT - value / top * _HEIGHT


def _steps(highest: float) -> tuple[float, int]:
    """(distance of lines on a scale, how many): 1, 2 or 5 times a power of ten, four or five of them."""
    rough = max(highest / 4, 1)
    power = 10 ** math.floor(math.log10(rough))
    step = next(one * power for one in (1, 2, 5, 10) if one * power >= rough)
    return step, max(1, math.ceil(highest / step))


def _number(value: float) -> str:
    """A number on a scale: `4,000`, `12 k`, `1.5 M`."""
    for unit, size in (("M", 1e6), ("k", 1e4)):
        if value >= size:
            return f"{value / (1e6 if unit == 'M' else 1e3):.3g} {unit}"
    return f"{value:,.0f}"


def _spread(count: int) -> list[int]:
    """Which of so many bars get a label: at most five, evenly."""
    if count <= _MOST_LABELS:
        return list(range(count))
    step = math.ceil((count - 1) / (_MOST_LABELS - 1))
    return list(range(0, count, step))


def chip(page: Page, words: str, group: Group) -> Markup:
    """A small button for mails that no bar has."""
    return el("button", words, type="button", class_="chip", data_group=page.group(words, group))


def more(count: int, what: str) -> Markup | None:
    """That so many are not shown; None for none."""
    return el("p", f"and {count:,} more {what}", class_="about") if count > 0 else None
