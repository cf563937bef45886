"""What pages are made of: nothing unescaped, memory that is bounded, and axes that a false date does not stretch."""

from __future__ import annotations

import json
import shlex
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.audit.rows import NAMES
from mailscan.report.audited import audit_page, duration
from mailscan.report.charts import columns
from mailscan.report.facts import Facts
from mailscan.report.groups import MOST_MAILS, Group, Shown, Top, command
from mailscan.report.markup import el, own, script_text
from mailscan.report.tally import MOST_COMBINATIONS, Tally
from mailscan.report.times import MOST_BARS, MOST_KEPT, Times

ANY = st.text(st.characters(codec="utf-8") | st.sampled_from("<>&\"'/-!\0\x1b\u2028\u202e"))


def row(number: int = 1, **more: Any) -> dict[str, Any]:
    one: dict[str, Any] = dict.fromkeys(NAMES)
    one |= {"source": "a.mbox", "offset": number, "verdict": "accept", "rule": "", "quarantine": "", "score": 0.0}
    one |= {"rules": [], "deciders": [], "evidence": [], "notes": [], "errors": [], "ms": 1.0, "timings": {}}
    return one | more


def shown(number: int = 1, **more: Any) -> Shown:
    return Shown(row(number, **more), number, None)


class Reader(HTMLParser):
    """Elements, attributes and text, as a browser finds them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(ANY, ANY)
def test_text_stays_text(text: str, value: str) -> None:
    read = Reader(el("p", text, title=value))
    assert [tag for tag, _ in read.tags] == ["p"]
    assert list(read.tags[0][1]) == ["title"]


@given(ANY)
def test_json_in_a_page_ends_no_element_and_stays_the_same(text: str) -> None:
    written = script_text(json.dumps({"x": text}, ensure_ascii=False))
    assert "<" not in written
    assert "-->" not in written
    assert json.loads(written) == {"x": text}


def test_only_markup_is_not_escaped() -> None:
    assert el("b", "<i>", el("i", "&")) == "<b>&lt;i&gt;<i>&amp;</i></b>"
    assert el("td", 12345) == "<td>12,345</td>"
    with pytest.raises(ValueError, match="its end"):
        own("</style>")


@given(ANY)
def test_a_command_is_one_word_for_the_shell_or_none(name: str) -> None:
    line = command(f"{name}:1")
    if line:
        assert shlex.split(line)[-1] == f"{name}:1"
        assert line.isprintable()
    else:
        assert not name.isprintable()


def test_a_name_that_is_an_option_is_a_name_in_a_command() -> None:
    assert command("--part:1") == "mailscan show -- --part:1"


def test_groups_hold_few_mails_and_count_all() -> None:
    group = Group()
    for number in range(1000):
        group.add(shown(number))
    other = Group()
    other.add(shown(5000))
    other.merge(group)
    assert (group.total, len(group.mails), other.total, len(other.mails)) == (1000, MOST_MAILS, 1001, MOST_MAILS)
    top = Top(3)
    for number, value in enumerate((5, 1, 9, 9, 2)):
        top.add(value, shown(number))
    assert [mail["n"] for mail in top.mails] == [2, 3, 0]  # of equals, the first


def test_a_false_date_does_not_stretch_the_axis() -> None:
    times = Times()
    for number in range(1000):
        times.add(f"2026-11-{number % 30 + 1:02}T00:00:00Z", "accept", shown(number))
    times.add("1970-01-01T00:00:00Z", "reject", shown())
    times.add("2099-01-01T00:00:00Z", "reject", shown())
    for none in (None, "", "9999-99-99", "yesterday"):
        times.add(none, "accept", shown())
    bars = times.bars()
    assert (bars.unit, len(bars.numbers)) == ("day", 30)
    assert (bars.earlier.total, bars.later.total, bars.undated.total) == (1, 1, 4)
    assert bars.label(bars.numbers[0]) == "1 Nov 2026"


@pytest.mark.parametrize(
    ("days", "unit", "label"),
    [
        (62, "day", "1 Jan 2000"),
        (63, "week", "27 Dec 1999"),
        (440, "month", "Jan 2000"),
        (3000, "quarter", "Q1 2000"),
        (9000, "year", "2000"),
    ],
)
def test_bars_are_as_wide_as_a_page_has_room_for(days: int, unit: str, label: str) -> None:
    from datetime import date, timedelta

    times = Times()
    for number in range(days):
        times.add((date(2000, 1, 1) + timedelta(number)).isoformat(), "accept", shown(number))
        assert len(times._kept) <= MOST_KEPT
    bars = times.bars()
    assert bars.unit == unit
    assert len(bars.numbers) <= MOST_BARS
    assert bars.label(bars.numbers[0]) == label
    assert sum(group.total for kinds in bars.kept.values() for group in kinds.values()) == days


def test_memory_goes_with_the_rules_and_not_with_the_mail() -> None:
    tally = Tally()
    for number in range(5000):
        rules = [f"r{bit}" for bit in range(13) if number >> bit & 1]
        tally.add(row(number, rules=rules, score=number / 3, date=f"{1980 + number % 40}-{number % 12 + 1:02}-01"))
    assert tally.total == 5000
    assert len(tally.combinations) == MOST_COMBINATIONS
    assert tally.other_combinations.total == 4999 - MOST_COMBINATIONS
    html = audit_page(tally, Facts("p.toml", ["a.mbox"]))
    assert len(html) < 2_000_000
    assert "score 199 to 200" not in html  # bins of ten


def test_nothing_is_no_failure() -> None:
    for rows in ([], [row()], [row(verdict="reject", rule="x", rules=["x"], deciders=["x"], errors=[{"rule": "y"}])]):
        tally = Tally("x.jsonl")
        for one in rows:
            tally.add(one)
        page = Reader(audit_page(tally, Facts("p.toml", ["a.mbox"], skipped=[("b", "c")] * 200, left_out=["spf"])))
        assert "Skipped" in page.text
        assert "and 100 more" in page.text
        assert "spf" in page.text


def test_what_decided_alone_is_told_apart() -> None:
    tally = Tally()
    tally.add(row(1, verdict="reject", rule="a", rules=["a", "b"], deciders=["a", "b"]))
    tally.add(row(2, verdict="reject", rule="a", rules=["a", "b"], deciders=["a"]))
    assert [(one.found.total, one.decided.total, one.alone.total) for one in tally.rules.values()] == [
        (2, 2, 1),
        (2, 0, 0),
    ]
    assert "decided 2, alone 1" in Reader(audit_page(tally, Facts("p", ["a"]))).text


def test_numbers_on_a_scale_are_round() -> None:
    def scale(highest: int) -> list[str]:
        drawn = columns([("one", [("accept", float(highest))], None)], str)
        return [text for text in drawn.partition("</svg>")[0].replace("<", ">").split(">") if text[:1].isdigit()]

    assert scale(3) == ["0", "1", "2", "3"]
    assert scale(4210) == ["0", "2,000", "4,000", "6,000"]
    assert scale(123_456) == ["0", "50 k", "100 k", "150 k"]
    assert scale(7_000_000) == ["0", "2 M", "4 M", "6 M", "8 M"]


@pytest.mark.parametrize(
    ("ms", "words"), [(0.123, "0.12 ms"), (34.6, "35 ms"), (2400, "2.4 s"), (185_000, "3 min 5 s")]
)
def test_durations(ms: float, words: str) -> None:
    assert duration(ms) == words
