"""Mails by the day they were sent, in bars of days, weeks, months, quarters or years, whichever a page has room for."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from mailscan.report.groups import Group, joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from mailscan.report.groups import Shown

# Bars on a page, and days or months in memory: a sender writes any date.
MOST_BARS = 62
MOST_KEPT = 800
# Of the dated mails, the share on either side that may stand apart, so that a few false dates do not stretch the axis.
_ASIDE = 0.005
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# A day of each bar's span, as an ordinal, to the number of the bar; and back to its first day.
Level = tuple[str, "Callable[[date], int]", "Callable[[int], date]"]
DAY: Level = ("day", date.toordinal, date.fromordinal)
WEEK: Level = ("week", lambda day: (day.toordinal() - 1) // 7, lambda bar: date.fromordinal(bar * 7 + 1))
MONTH: Level = ("month", lambda day: day.year * 12 + day.month - 1, lambda bar: date(bar // 12, bar % 12 + 1, 1))
QUARTER: Level = (
    "quarter",
    lambda day: day.year * 4 + (day.month - 1) // 3,
    lambda bar: date(bar // 4, bar % 4 * 3 + 1, 1),
)
YEAR: Level = ("year", lambda day: day.year, lambda bar: date(bar, 1, 1))
_KEPT = (DAY, MONTH, YEAR)
_SHOWN = (DAY, WEEK, MONTH, QUARTER, YEAR)


class Times:
    """Mails by day and by kind (a verdict, say)."""

    def __init__(self) -> None:
        self._level = 0
        self._kept: dict[int, dict[str, Group]] = {}
        self.undated = Group()

    def add(self, day: str | None, kind: str, shown: Shown) -> None:
        """One mail of that kind; `day` begins as ISO 8601 has it."""
        try:
            bar = _KEPT[self._level][1](date.fromisoformat((day or "")[:10]))
        except ValueError:
            self.undated.add(shown)
            return
        kinds = self._kept.setdefault(bar, {})
        if kind not in kinds:
            kinds[kind] = Group()
        kinds[kind].add(shown)
        while len(self._kept) > MOST_KEPT and self._level + 1 < len(_KEPT):
            self._coarsen()

    def _coarsen(self) -> None:
        first_day = _KEPT[self._level][2]
        self._level += 1
        self._kept = _merged(self._kept, first_day, _KEPT[self._level][1])

    def bars(self) -> Bars:
        """The bars of a page."""
        counts = Counter({bar: sum(group.total for group in kinds.values()) for bar, kinds in self._kept.items()})
        low, high = _middle(counts)
        first_day = _KEPT[self._level][2]
        level = (
            next(
                one
                for one in _SHOWN[_SHOWN.index(_KEPT[self._level]) :]
                if one is YEAR or one[1](first_day(high)) - one[1](first_day(low)) < MOST_BARS
            )
            if counts
            else DAY
        )
        inside = {bar: kinds for bar, kinds in self._kept.items() if low <= bar <= high}
        bars = Bars(level, _merged(inside, first_day, level[1]), self.undated)
        bars.earlier = joined(g for bar, kinds in sorted(self._kept.items()) if bar < low for g in kinds.values())
        bars.later = joined(g for bar, kinds in sorted(self._kept.items()) if bar > high for g in kinds.values())
        return bars


class Bars:
    """What a page draws: groups by kind for each bar's number, and the mails that no bar has."""

    def __init__(self, level: Level, kept: dict[int, dict[str, Group]], undated: Group) -> None:
        self.unit = level[0]
        self._first_day = level[2]
        self.kept = kept
        self.undated = undated
        self.earlier = Group()
        self.later = Group()

    @property
    def numbers(self) -> range:
        """The numbers of the bars, those without a mail too."""
        return range(min(self.kept), max(self.kept) + 1) if self.kept else range(0)

    def label(self, bar: int) -> str:
        """A bar's name: `7 Oct 2002`, `Oct 2002`, `Q4 2002`, `2002`."""
        day = self._first_day(bar)
        if self.unit == "year":
            return str(day.year)
        if self.unit == "quarter":
            return f"Q{(day.month + 2) // 3} {day.year}"
        name = f"{_MONTHS[day.month - 1]} {day.year}"
        return name if self.unit == "month" else f"{day.day} {name}"

    def title(self, bar: int) -> str:
        """The same for a heading: a week is named by its days."""
        if self.unit != "week":
            return self.label(bar)
        last = self._first_day(bar) + timedelta(days=6)
        return f"{self.label(bar)} to {last.day} {_MONTHS[last.month - 1]} {last.year}"


def _merged(
    kept: dict[int, dict[str, Group]], first_day: Callable[[int], date], number: Callable[[date], int]
) -> dict[int, dict[str, Group]]:
    merged: dict[int, dict[str, Group]] = {}
    for bar in sorted(kept):
        kinds = merged.setdefault(number(first_day(bar)), {})
        for kind, group in kept[bar].items():
            kinds.setdefault(kind, Group()).merge(group)
    return merged


def _middle(counts: Counter[int]) -> tuple[int, int]:
    """(first, last) bar to be drawn: all, or all but a few far ones where that makes the axis half as long or less."""
    if not counts:
        return 0, 0
    bars = sorted(counts)
    aside = sum(counts.values()) * _ASIDE
    low, high = _within(bars, counts, aside), _within(bars[::-1], counts, aside)
    return (low, high) if (high - low + 1) * 2 <= bars[-1] - bars[0] + 1 else (bars[0], bars[-1])


def _within(bars: list[int], counts: Counter[int], aside: float) -> int:
    seen = 0
    for bar in bars:
        seen += counts[bar]
        if seen > aside:
            return bar
    return bars[-1]
