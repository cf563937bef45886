"""Patterns that take long: told of by `check`, and matched by google-re2 with the same answers as by `re`."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import QUIET, mailscan, policy

from mailscan import linear
from mailscan.backtracking import EXPONENTIAL, SQUARE, growth
from mailscan.linear import Linear, matches
from mailscan.words import patterns

needs_re2 = pytest.mark.skipif(not linear.is_here(), reason="google-re2 is not installed: pip install 'mailscan[re2]'")

GROWTH = {
    "": [
        "hidden.marker", r"free\s+money", "(a+)+", r"^\s+x", "spa+m", "a+", "^a.*b", "adv.{0,20}sale", "buy now", "",
        "casino|poker.*", '"[^"]*"', "(?s)a.*", r"\A(a|ab)*c", "(?:a|b)", "(?=a)b", r"(a)\1", "a*",
    ],
    SQUARE: [
        r"https?://\S+evil", r"\s+$", ".*foo", r"(?m)^\s+x", r"\bviagra\b.*buy", r"[a-z]+@[a-z]+\.com",
        "<a [^>]*href", r"\d{4,}-x", r"(?:[a-z]+\.)+com\b", "(?:a+b)+c", "a.{0,5000}b", "x|a+b", "(?:ab)+c",
    ],
    EXPONENTIAL: ["(a+)+$", "(a*)*b", "(a|b*)*c", r"^(\w+\s?)*$", "(x+x+)+y", "(a|ab|b)*c",
        r"(?:\S+\s*)+x", "(a|A)+b+c(a|aa)*d"],
}  # fmt: skip


@pytest.mark.parametrize(("how", "pattern"), [(how, one) for how, many in GROWTH.items() for one in many])
def test_what_grows_is_seen(how: str, pattern: str) -> None:
    assert growth(re.compile(pattern, re.I)) == how


@pytest.mark.parametrize(
    "pattern",
    [
        "(" + "|".join(f"{a}{b}" for a in "abcdef" for b in "abcdef") + ")*x",
        "(" + "|".join(f"{a}.{b}" for a in "abcdef" for b in "abcdef") + ")+x",
        "".join(f"{a}*" for a in "abcdefghijklmnopqrstuvwxyz" * 20) + "!",
        "(?:" * 60 + "a" + ")*" * 60,
        "a?" * 3000 + "b",
    ],
)
def test_no_pattern_keeps_us_busy_for_long(pattern: str) -> None:
    made = re.compile(pattern, re.I)
    began = time.process_time()
    growth(made)
    linear.takes(made)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(("how", "text"), [(SQUARE, "http://"), (EXPONENTIAL, "a")])
def test_and_grows(how: str, text: str) -> None:
    pattern = re.compile(GROWTH[how][0], re.I)
    small, large = (1000, 4000) if how == SQUARE else (14, 18)

    def cost(count: int) -> float:
        began = time.process_time()
        pattern.search(text * count + "!")
        return time.process_time() - began

    assert cost(large) > 6 * cost(small)


PIECES = [
    "a", "b", "A", "k", "s", "i", r"\w", r"\W", r"\s", r"\S", r"\d", ".", "[a-k]", "[^a]", "[^K\n]", r"[\w.]",
    "é", "ß", "Ж",
]  # fmt: skip
SIMPLE = st.sampled_from(
    [*PIECES, "\n", "^", "$", r"\b", r"\A", r"\Z", "(?s:.)", "(?-i:a)", "(?m:^)", "(?m:$)", "(?a:\\w)"]
)
PATTERNS = st.recursive(
    SIMPLE,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.tuples(inner, st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{0,2}", "{2}", "{1,}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        )
        | st.lists(inner, min_size=2, max_size=3).map(lambda many: f"({'|'.join(many)})")
    ),
    max_leaves=6,
)
LETTERS = "abAkKsSiI1_ .\n\t!éÉßſıİ\u212aЖж٣\u2003\x1c\x85\u0301\ud800"


@needs_re2
@settings(max_examples=600, deadline=None)
@given(PATTERNS, st.lists(st.text(LETTERS, max_size=12), min_size=1, max_size=6))
def test_re2_and_re_say_the_same(source: str, texts: list[str]) -> None:
    try:
        pattern = re.compile(source, re.I)
    except re.error:
        return
    chosen = Linear(pattern, SQUARE)
    for text in [*texts, *(one.encode("ascii", "ignore").decode() for one in texts)]:
        assert chosen.matches(text) == (pattern.search(text) is not None), (source, text)


@needs_re2
@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        (r"https?://\S+evil", True), ("(a+)+$", True), (r"(?:a+)+\Z", True), ("(?i:K)+x", True), ("a{0,900}b", True),
        (r"(a+)\1", False), ("(?=a)a+b", False), ("(?>a+)b", False), ("a++b", False), (r"\ba+b", False),
        ("(a+$)+", False), (r"\Ba+b", False), ("(a{900}){900}b", False),
    ],
)  # fmt: skip
def test_what_re2_takes(pattern: str, taken: bool) -> None:
    assert linear.takes(re.compile(pattern, re.I)) is taken


@needs_re2
def test_words_of_ascii_are_taken_in_ascii_text() -> None:
    chosen = Linear(re.compile(r"\bbuy\b.*now\b", re.I), SQUARE)
    assert chosen.searcher("".join(map(chr, range(128)))) is not None
    assert chosen.matches("Buy it now") and not chosen.matches("Buyer, now") and not chosen.matches("éBuy now")


@needs_re2
@pytest.mark.parametrize("end", ["!", "é!"])
@pytest.mark.parametrize(
    ("source", "unit"), [(r"https?://\S+evil", "http://"), ("(a+)+$", "a"), (r"^(\w+\s?)*$", "a ")]
)
def test_time_is_in_proportion_to_the_text(source: str, unit: str, end: str) -> None:
    (pattern,) = patterns([source], "")
    began = time.process_time()
    assert not matches(pattern, unit * 100_000 + end)
    assert matches(pattern, unit * 100_000 + "evil") or source != r"https?://\S+evil"
    assert time.process_time() - began < 3


@needs_re2
def test_a_mail_that_held_a_rule_for_its_whole_time(tmp_path: Path) -> None:
    rules = (
        """[[filter]]\nuse = "match"\npatterns = ['https?://\\S+evil', '(a+)+$']\naction = "reject"\ntimeout = 5\n"""
    )
    path = policy(tmp_path, QUIET + rules)
    for body in (b"http://" * 30_000, b"a" * 60 + b"!"):
        assert mailscan("--policy", path, stdin=b"Subject: x\n\n" + body + b"\n").status == 0
        assert mailscan("--policy", path, stdin=b"Subject: x\n\n" + body + b"\nhttp://x/evil").status == 77


def test_without_it_re_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "_known", {})
    monkeypatch.setattr(linear, "is_here", lambda: False)
    monkeypatch.setitem(sys.modules, "re2", None)
    (pattern,) = patterns([r"https?://\S+evil"], "")
    assert matches(pattern, "x" * 3000 + "http://a.evil") and not matches(pattern, "x" * 3000)
    assert not linear.takes(pattern)


def test_it_is_not_loaded_where_no_pattern_needs_it(tmp_path: Path) -> None:
    code = "import sys\nfrom mailscan.cli import run\nrun(sys.argv[1:], 0, 1, 2, {})\n"
    code += "print([one for one in ('re2', 'mailscan.backtracking') if one in sys.modules])\n"
    for pattern, long in (("hidden.marker", False), (r"free\\s+money", False), (r"https?://\\S+evil", True)):
        path = policy(tmp_path, QUIET + f'[[filter]]\nuse = "match"\npatterns = ["{pattern}"]\naction = "reject"\n')
        for body, wanted in ((b"x\n", "[]"), (b"x\n" * 3000, "re2" if long and linear.is_here() else None)):
            done = subprocess.run(
                [sys.executable, "-c", code, "--policy", path], input=b"Subject: x\n\n" + body, capture_output=True
            )
            said = done.stdout.decode().strip()
            assert "'re2'" not in said if wanted != "re2" else "'re2'" in said, done.stderr
            assert wanted != "[]" or said == "[]"


@pytest.mark.parametrize("here", [True, False])
def test_check_tells_of_them(tmp_path: Path, here: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from mailscan.doubts import doubts
    from mailscan.policy import load_policy

    monkeypatch.setattr(linear, "takes", lambda pattern: here)
    rules = r"""
[[filter]]
use = "match"
patterns = ['https?://\S+evil', 'hidden.marker']
header_patterns = { Subject = ['(a+)+$', 'x'] }
action = "tag"
[[filter]]
use = "subject"
patterns = ['.*sale']
action = "tag"
"""
    path = policy(tmp_path, rules)
    said = list(doubts(load_policy(path), str(tmp_path)))
    if here:
        assert said == []
        return
    assert len(said) == 3
    assert said[0].startswith(r"match: header_patterns: Subject: '(a+)+$' takes time that doubles with each character")
    assert said[1].startswith(r"match: patterns: 'https?://\S+evil' takes time with the square of a text's length")
    assert said[2].startswith("subject: patterns: '.*sale' takes")
    for one in said:
        assert "pip install 'mailscan[re2]'" in one
