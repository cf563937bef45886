"""In which order a file name is shown that carries directional controls (Unicode Standard Annex 9, much simplified).

Two directions, and levels only as deep as the controls nest: enough to see what a person takes for the extension.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

RIGHT_OVERRIDE = "\u202e"
# What begins a stretch with a direction of its own: LRE, RLE, LRO, RLO; LRI, RLI, FSI. What ends one: PDF, PDI.
CONTROLS = frozenset("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
_RIGHT = frozenset("\u202b\u2067")
_ENDS = frozenset("\u202c\u2069")
_MARKS = frozenset("\u200e\u200f\u061c")
_DEEPEST = 125  # UAX 9 BD2


def visible(name: str) -> str:
    """The characters from left to right as they are shown, without the controls."""
    stack: list[tuple[str, list[str]]] = [("", [])]
    for char in name:
        if char in CONTROLS and len(stack) <= _DEEPEST:
            stack.append((char, []))
        elif char in _ENDS and len(stack) > 1:
            control, items = stack.pop()
            stack[-1][1].append(_shown(control, items))
        elif char not in _MARKS and char not in CONTROLS and char not in _ENDS:
            stack[-1][1].append(char)
    while len(stack) > 1:
        control, items = stack.pop()
        stack[-1][1].append(_shown(control, items))
    return _shown("", stack[0][1])


def _shown(control: str, items: list[str]) -> str:
    """One stretch, of characters and of stretches within it that are in order already."""
    if control == RIGHT_OVERRIDE:
        return "".join(reversed(items))
    if control == "\u202d":
        return "".join(items)
    rights = [_is_right(item) for item in items]
    right = control in _RIGHT or (control == "\u2068" and next((one for one in rights if one is not None), False))
    runs = _runs(items, _resolved(rights, right))
    return "".join(reversed(runs) if right else runs)


def _is_right(item: str) -> bool | None:
    """Whether a character is of a script written from the right; None of blanks and punctuation."""
    if len(item) != 1:
        return False
    from unicodedata import bidirectional

    told = bidirectional(item)
    return True if told in ("R", "AL") else False if told in ("L", "EN", "AN") else None


def _resolved(rights: Sequence[bool | None], right: bool) -> list[bool]:
    """Blanks and punctuation take the direction of both their neighbours, or that of the stretch (rules N1, N2)."""
    found: list[bool] = []
    at = 0
    while at < len(rights):
        one = rights[at]
        if one is not None:
            found.append(one)
            at += 1
            continue
        end = at
        while end < len(rights) and rights[end] is None:
            end += 1
        before = found[-1] if found else right
        after = rights[end] if end < len(rights) else right
        found += [before if before == after else right] * (end - at)
        at = end
    return found


def _runs(items: list[str], rights: list[bool]) -> list[str]:
    """The stretches of one direction, each in the order in which it is shown."""
    runs: list[str] = []
    at = 0
    while at < len(items):
        end = at
        while end < len(items) and rights[end] == rights[at]:
            end += 1
        runs.append("".join(reversed(items[at:end]) if rights[at] else items[at:end]))
        at = end
    return runs
