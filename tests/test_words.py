"""Words and patterns of a policy: what is no whole word, what is one in any disguise, what is refused."""

from __future__ import annotations

import re
import signal
import time
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.words import Words, _pieces, beginning, folded, patterns, words


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("adv", "advice"), ("adv", "radv"), ("adv", "adv2"), ("cafe", "cafe\u0301"), ("free money", "freemoney"),
        ("free money", "free, money"), ("sex", "Sussex Essex sextet"), ("100", "1000"), ("ие", "иена"), ("x", ""),
    ],
)  # fmt: skip
def test_a_part_of_a_word_is_not_the_word(word: str, text: str) -> None:
    assert Words((word,)).find(text) is None


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("adv", "ADV"), ("adv", "(adv)"), ("adv", "adv:x"), ("adv", "_adv_"), ("ADV", "ａｄｖ！"),
        ("adv", "a\u200bd\u00adv"), ("adv", "a\x00dv"), ("free money", "Free \r\n\t money!"), ("straße", "STRASSE"),
        ("café", "CAFE\u0301"), ("ﬁne", "FINE"), ("$$$", "a$$$b"), ("发票", "代开发票了"), ("광고", "광고입니다"),
        ("ABC", "中ABC文"), ("иена", "ИЕНА."), ("adv", "advice adv"), ("adv", "x" * 70_000 + " adv " + "x" * 70_000),
    ],
)  # fmt: skip
def test_a_word_in_any_disguise(word: str, text: str) -> None:
    assert Words(("nothing", word)).find(text) == word


@pytest.mark.parametrize("around", [0, 1 << 16, (1 << 16) + 2000, 2 << 16])
def test_where_a_long_text_is_cut_makes_no_difference(around: int) -> None:
    adv = Words(("adv",))
    for at in range(max(0, around - 8), around + 8):
        assert adv.find("x" * at + " adv " + "y" * 5000) == "adv", at
        assert adv.find("x" * at + " adv") == "adv", at
        assert adv.find("x" * (at + 1) + "adv " + "y" * 5000) is None, at
        assert adv.find("x" * at + " advy" + "y" * 5000) is None, at


@pytest.mark.parametrize("around", [3000, 4000, 6000, (1 << 16) - 1500, 1 << 16, (1 << 16) + 3000])
def test_where_a_text_that_is_not_ascii_is_cut_makes_no_difference(around: int) -> None:
    words_ = Words(("прочь", "a" * 498))
    for at in range(around - 8, around + 8):
        for text in ("ж" * at + " ПРОЧЬ " + "ы" * 5000, "ж" * at + " прочь", "ж" * at + " " + "a" * 498 + " "):
            assert words_.find(text) is not None, at
        for text in ("ж" * at + "прочь " + "ы" * 5000, "ж" * at + " прочьы" + "ы" * 5000):
            assert words_.find(text) is None, at


@pytest.mark.parametrize("text", ["\u200b\u00ad", "x" * 501, "\ufdfa" * 100])
def test_a_word_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no word or phrase"):
        words([text], "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a(b", "unterminated subpattern at character 2"),
        ("x(?i)y", "at character 2"),
        ("[[:alpha:]]", "Possible nested set"),
        ("a{99999999999}", "too large"),
        ("(" * 20_000, "nested too deeply"),
    ],
)
def test_a_pattern_that_is_none_is_named_with_its_place(text: str, says: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=re.escape(says)) as caught:
            patterns(["fine", text], "")
    assert len(str(caught.value)) < 200


def test_case_counts_only_where_a_pattern_says_so() -> None:
    assert patterns(["spa+m"], "").find("some SPAAM") == "spa+m"
    assert patterns(["(?-i:spa+m)"], "").find("some SPAAM") is None


def test_the_beginning_is_what_a_reader_sees_first() -> None:
    assert beginning("Re: ADV:") == "re: adv:"
    assert beginning(" \u200b\ufeff\u2800\u3164\xa0\x00" * 10_000 + "ＡＤＶ： x") == "adv: x"
    assert beginning(" ") == ""


HIDDEN = ["\u200b", "\u00ad\u200d", "\x01", "\ufe0f"]


@pytest.mark.parametrize("between", HIDDEN)
@pytest.mark.parametrize("before", ["x " * 31_000, "ж " * 31_000, "\u200b" * 200_000, ""])
def test_what_shows_nothing_hides_no_word_however_much_there_is(before: str, between: str) -> None:
    for count in (1, 300, 3000, 40_000):
        text = f"{before}vi{between * count}agra, free{' ' * count}\t\n{between * count} money {before}"
        assert Words(("viagra",)).find(text) == "viagra", count
        assert Words(("free money",)).find(text) == "free money", count


@pytest.mark.parametrize("between", HIDDEN)
@pytest.mark.parametrize("count", [1, 1000, 3000, 100_000])
def test_nor_does_it_hide_the_beginning(between: str, count: int) -> None:
    hidden = between * count
    assert beginning(f"{hidden} {hidden}A{hidden}D{hidden}V{hidden}: x").startswith("adv: x")
    assert beginning(f"Re: A{hidden}DV:").startswith("re: adv:")


def test_a_pile_of_marks_is_looked_at_as_far_as_text_has_them() -> None:
    assert folded("a" + "\u0301" * 5000 + "b") == folded("a" + "\u0301" * 30 + "b")
    assert folded("a" + "\u0301" * 30) != folded("a" + "\u0301" * 29)
    # Halfwidth marks are letters until they are folded, and are marks then.
    assert len(folded("か" + "\uff9e" * 5000)) <= 31
    assert Words(("boss",)).find("z" + "\u0323" * 9999 + " boss" + "\u0323" * 9999) is None
    assert Words(("boss",)).find("z" + "\u0323" * 9999 + " boss. " + "\u0323" * 9999) == "boss"


def test_a_ligature_is_its_letters_where_a_text_is_not_full_of_it() -> None:
    assert Words(("عليه",)).find("x \ufdfa y") == "عليه"
    assert Words(("عليه",)).find("\ufdfa" * 3000) == "عليه"
    assert Words(("adv",)).find("\ufdfa" * 3000 + "adv" + "\ufdfa" * 3000) is None
    assert Words(("adv",)).find("\ufdfa" * 3000 + " adv " + "\ufdfa" * 3000) == "adv"


@pytest.mark.parametrize(
    "unit",
    [
        "\u0301\u0323",
        "\u0f73\u0f71",
        "\uff9e",
        "\ufdfa",
        "\ufdfa ",
        "\u200b",
        "\u202ea",
        "\u3300",
        "\u0130",
        "🀄",
        "\x01 ",
    ],
)
def test_no_text_costs_much_more_than_another(unit: str) -> None:
    def cost(text: str) -> float:
        began = time.process_time()
        Words(("adv", "free money")).find(text)
        return time.process_time() - began

    octets = 4_000_000
    plain = min(cost("ж " * (octets // 3)) for _ in range(2))
    text = unit * (octets // len(unit.encode()))
    assert cost(text) < 10 * plain + 0.2
    assert len(list(_pieces(text))) == -(-len(text) // 65536)


@given(st.text())
def test_folding_is_settled_and_case_makes_no_difference(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert folded(f" {text}\u200b") == once
    if text.isascii():
        assert folded(text.upper()) == once


@given(st.text(max_size=20), st.text(max_size=5))
def test_a_word_between_blanks_is_found_in_any_text(text: str, word: str) -> None:
    if folded(word):
        assert Words((word,)).find(f"{text} {word} {text}") == word


@pytest.mark.parametrize(
    "text", ["adv" * 1_000_000, "a " * 2_000_000, "\ufdfa" * 300_000, "\u200b" * 3_000_000, "\u0301" * 1_000_000]
)
def test_hostile_text_takes_no_time(text: str) -> None:
    began = time.process_time()
    assert Words(("adv", "free money")).find(text) is None
    assert time.process_time() - began < 8


@pytest.mark.parametrize("marks", ["\u0301\u0323", "\u0344\u0323", "\u0f73\u0f71", "\U0001d15f\u0323"])
def test_a_signal_gets_through_while_a_text_is_folded(marks: str) -> None:
    # Python hears a signal between two pieces only.
    class Heard(Exception):
        pass

    def hear(*_: object) -> None:
        raise Heard

    before = signal.signal(signal.SIGVTALRM, hear)
    began = time.process_time()
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.1)
        with pytest.raises(Heard):
            for _ in range(10_000):
                Words(("foo",)).find(marks * 500_000)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    assert time.process_time() - began < 0.6
