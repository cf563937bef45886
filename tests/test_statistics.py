"""Exact bounds of a rate: what must not be said of it, and published values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.audit.statistics import at_most, bound_in_words, interval, interval_in_words, percent


def test_nothing_is_claimed_of_no_mail() -> None:
    assert at_most(0, 0) == 1.0
    assert interval(0, 0) == (0.0, 1.0)
    assert bound_in_words(0, 0) == "0 of 0: nothing can be said" == interval_in_words(0, 0)
    for hits, of in ((1, 0), (-1, 5), (6, 5)):
        with pytest.raises(ValueError, match="is no count"):
            at_most(hits, of)


def test_the_words() -> None:
    assert bound_in_words(0, 4210) == "0 of 4,210: at most 0.071 % with 95 % confidence"
    assert interval_in_words(3, 200) == "3 of 200: 1.5 % (0.31 % to 4.3 % with 95 % confidence)"
    assert (percent(0), percent(1), percent(0.125), percent(0.000004)) == ("0 %", "100 %", "12.5 %", "0.00040 %")


# What R's binom.test(x, n)$conf.int gives.
@pytest.mark.parametrize(
    ("hits", "of", "lower", "upper"),
    [
        (682, 925, 0.7076683, 0.7654066),  # Conover 1971, the example of R's binom.test
        (10, 100, 0.0490047, 0.1762226),
        (0, 10, 0.0, 0.3084971),
    ],
)
def test_published_intervals(hits: int, of: int, lower: float, upper: float) -> None:
    assert interval(hits, of) == pytest.approx((lower, upper), abs=5e-7)


@pytest.mark.parametrize("of", [1, 10, 300, 4210, 10_000_000])
def test_none_hit_has_a_closed_form(of: int) -> None:
    assert at_most(0, of) == pytest.approx(1 - 0.05 ** (1 / of), rel=1e-6)
    assert interval(of, of)[0] == pytest.approx(0.025 ** (1 / of), rel=1e-9)


@given(st.integers(1, 60), st.data())
def test_the_bounds_are_those_of_the_binomial_sum(of: int, data: st.DataObject) -> None:
    """Against the definition: at the bound, as many hits or fewer (more) have just the probability that is left."""
    hits = data.draw(st.integers(0, of - 1))

    def up_to(last: int, rate: float) -> float:
        return math.fsum(math.comb(of, n) * rate**n * (1 - rate) ** (of - n) for n in range(last + 1))

    assert up_to(hits, at_most(hits, of)) == pytest.approx(0.05, rel=1e-6)
    lower, upper = interval(hits, of)
    assert up_to(hits, upper) == pytest.approx(0.025, rel=1e-6)
    if hits:
        assert 1 - up_to(hits - 1, lower) == pytest.approx(0.025, rel=1e-6)


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_bounds_hold_the_rate_for_any_count(one: int, other: int) -> None:
    hits, of = min(one, other), max(one, other)
    lower, upper = interval(hits, of)
    assert 0 <= lower <= upper <= 1
    if of:
        assert lower <= hits / of <= upper
        assert hits / of <= at_most(hits, of) <= upper + 1e-12
