"""How sure a count is: exact binomial (Clopper–Pearson) bounds of a rate, and how they are said.

C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
Biometrika 26 (1934): the bounds are quantiles of beta distributions. Exact means: whatever the true rate is, the
interval holds it at least as often as it says, also for few mails and for none that was hit.
"""

from __future__ import annotations

import math

CONFIDENCE = 0.95
# Halvings of [0, 1]: finer than a float has digits.
_HALVINGS = 200
_TINY = 1e-300


def at_most(hits: int, of: int, confidence: float = CONFIDENCE) -> float:
    """The rate that the true one is not above, one-sided. 1.0 for `of` = 0: nothing is known."""
    _sound(hits, of)
    return 1.0 if hits == of else _quantile(confidence, hits + 1, of - hits)


def interval(hits: int, of: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """(lower, upper) bound of the true rate, two-sided: half of what is left of certainty on each side."""
    _sound(hits, of)
    tail = (1 - confidence) / 2
    lower = 0.0 if hits == 0 else _quantile(tail, hits, of - hits + 1)
    upper = 1.0 if hits == of else _quantile(1 - tail, hits + 1, of - hits)
    return lower, upper


def bound_in_words(hits: int, of: int, confidence: float = CONFIDENCE) -> str:
    """As people want to hear it: "0 of 4,210: at most 0.071 % with 95 % confidence"."""
    if of == 0:
        return "0 of 0: nothing can be said"
    return (
        f"{hits:,} of {of:,}: at most {percent(at_most(hits, of, confidence))} with {confidence * 100:g} % confidence"
    )


def interval_in_words(hits: int, of: int, confidence: float = CONFIDENCE) -> str:
    """A rate and what it may be: "3 of 200: 1.5 % (0.31 % to 4.3 % with 95 % confidence)"."""
    if of == 0:
        return "0 of 0: nothing can be said"
    lower, upper = interval(hits, of, confidence)
    bounds = f"{percent(lower)} to {percent(upper)} with {confidence * 100:g} % confidence"
    return f"{hits:,} of {of:,}: {percent(hits / of)} ({bounds})"


def percent(rate: float) -> str:
    """A rate in per cent with two digits that count, three from 10 % on: `0.071 %`, `12.5 %`."""
    hundred = rate * 100
    if hundred in (0.0, 100.0):
        return f"{hundred:.0f} %"
    if hundred >= 10:
        return f"{hundred:.1f} %"
    digits = max(0, 1 - math.floor(math.log10(hundred)))
    return f"{hundred:.{digits}f} %"


def _sound(hits: int, of: int) -> None:
    if not 0 <= hits <= of:
        raise ValueError(f"{hits} of {of} is no count")


def _quantile(p: float, a: float, b: float) -> float:
    """Where the beta distribution (a, b) has reached p. By halving: the distribution only rises."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if _beta(middle, a, b) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly, the other tail's converges fast
        return 1.0 - _beta_by_fraction(1 - x, b, a)
    return _beta_by_fraction(x, a, b)


def _beta_by_fraction(x: float, a: float, b: float) -> float:
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    # Lentz's algorithm as Thompson and Barnett modified it; the number of steps goes with the root of the larger one.
    c, d = 1.0, 1.0 / _apart(1.0 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 200 + int(20 * math.sqrt(max(a, b)))):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / _apart(1.0 + step * d)
            c = _apart(1.0 + step / c)
            fraction *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return math.exp(scale) * fraction / a


def _apart(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
