"""The measure of growth: it tells what is linear from what is not, and every generator gives what it should."""

from __future__ import annotations

import pytest

from bench import growth_reader, growth_words
from bench.growth import Cost, Growth, generators

TABLE = generators()
# Containers have a least size, and what is packed in them is the size asked for.
TEXT = growth_reader.GENERATORS | growth_words.GENERATORS


@pytest.mark.parametrize("name", TABLE)
def test_a_generator_makes_the_same_again(name: str) -> None:
    made = TABLE[name](100_000)
    assert made and made == TABLE[name](100_000)
    if name in TEXT:
        assert 70_000 <= len(made) <= 130_000


def _grown(power: float, *, cpu: float = 0.1, memory: int = 0, status: int = 0) -> Growth:
    costs = [Cost(size * 10**6, cpu * size**power, memory, status) for size in (1, 2, 10, 50)]
    return Growth("made-up", costs)


def test_the_exponent_is_that_of_the_growth() -> None:
    assert _grown(1).exponent == pytest.approx(1)
    assert _grown(2).exponent == pytest.approx(2)
    assert _grown(1).faults() == []
    assert _grown(2).faults() == ["grows with the power of 2.00"]


def test_what_costs_next_to_nothing_has_no_exponent() -> None:
    assert _grown(3, cpu=1e-9).exponent == 0


def test_memory_and_a_failure_of_ours_are_faults() -> None:
    assert _grown(1, memory=500_000_000).faults() == ["takes 500 MB of memory"]
    assert len(_grown(1, status=75).faults()) == 4
    assert _grown(1, status=77).faults() == []
