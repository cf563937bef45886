"""HTML and SVG as text in which nothing is forgotten to be escaped: what is not `Markup` is escaped, always."""

from __future__ import annotations

from html import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Child = str | int | Iterable["Child"] | None

_VOID = frozenset(("br", "input", "meta"))
# Characters that no HTML text can hold, and those that turn the writing around: they become U+FFFD.
_UNSOUND = dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(0xD800, 0xE000)], "\ufffd")
_UNSOUND |= dict.fromkeys([0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFFFE, 0xFFFF], "\ufffd")


class Markup(str):
    """Text that is HTML already. Only this module makes it out of other text."""

    __slots__ = ()


def sound(text: str) -> str:
    """Text without controls, lone surrogates and characters that turn the writing around."""
    return text.translate(_UNSOUND)


def el(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """An element. In attributes' names `_` stands for `-` and a final one is dropped (`class_`); False and None are
    not written. Numbers are written with at most two decimals.
    """
    words = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        if value is True:
            words.append(key)
            continue
        text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
        words.append(f'{key}="{escape(sound(text))}"')
    start = f"<{' '.join(words)}>"
    return Markup(start if name in _VOID else f"{start}{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    """Children one after the other, those escaped that are no `Markup`."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(escape(sound(child)))
        elif isinstance(child, int):
            parts.append(f"{child:,}")
        else:
            parts.append(join(child))
    return Markup("".join(parts))


def script_text(text: str) -> Markup:
    """JSON for a `<script>` that is data: no `<` in it, so nothing can end the element (HTML 4.12.1.3)."""
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)


def own(text: str) -> Markup:
    """Our own style or script, as it stands in its file. Raises `ValueError` for one that would end its element."""
    if "</" in text:
        raise ValueError("what stands in an element cannot hold its end")
    return Markup(text)
