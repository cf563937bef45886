"""One self-contained page: its style and script stand in it, and its policy forbids every request and any other script.

What stands in a mail gets into the page in two ways, as escaped text (`markup`) and as JSON that the script puts into
text nodes; were both wrong, the browser would still run nothing but our script, by its hash (CSP).
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files

from mailscan.report.markup import el, join, own, script_text, sound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mailscan.report.groups import Group, Top
    from mailscan.report.markup import Child, Markup


class Page:
    """A page while it is built: sections in their order, and the mails that its bars stand for."""

    def __init__(self, title: str, subtitle: str) -> None:
        self.title = title
        self.subtitle = subtitle
        self._sections: list[Markup] = []
        self._narrow: list[Markup] = []  # cards that stand two and two, not placed yet
        self._groups: list[dict[str, Any]] = []
        self._mails: list[dict[str, Any]] = []
        self._known: dict[int, int] = {}

    def section(self, heading: str, *children: Child, about: str = "", wide: bool = False) -> None:
        """A card with a heading, a sentence on how to read it, and what it shows."""
        explained = el("p", about, class_="about") if about else None
        card = el("section", el("h2", heading), explained, *children, class_="card")
        if wide:
            self.head(card)
        else:
            self._narrow.append(card)

    def head(self, *children: Child) -> None:
        """Something as wide as the page."""
        self._pair()
        self._sections.append(join(children))

    def _pair(self) -> None:
        # Each column is filled by itself: no holes below short cards.
        columns = [column for column in (self._narrow[::2], self._narrow[1::2]) if column]
        if columns:
            self._sections.append(el("div", *(el("div", *column) for column in columns), class_="pair"))
        self._narrow = []

    def group(self, title: str, group: Group | Top, order: str = "in the order of the archive") -> str | None:
        """The id of a group of mails, for `data-group`; None for an empty one, behind which nothing stands."""
        if not group.mails:
            return None
        numbers = []
        for mail in group.mails:
            if id(mail) not in self._known:
                self._known[id(mail)] = len(self._mails)
                self._mails.append(mail)
            numbers.append(self._known[id(mail)])
        listed = len(numbers)
        more = f"the first {listed:,} of {group.total:,}, " if group.total > listed else ""
        self._groups.append({"title": title, "note": f"{more}{order}" if listed > 1 else "", "mails": numbers})
        return str(len(self._groups) - 1)

    def html(self) -> str:
        """The whole page."""
        self._pair()
        here = files("mailscan.report")
        style = own((here / "page.css").read_text("utf-8"))
        script = own((here / "page.js").read_text("utf-8"))
        allowed = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'"
        data = json.dumps(_sound({"groups": self._groups, "mails": self._mails}), separators=(",", ":"))
        head = el(
            "head",
            el("meta", charset="utf-8"),
            el("meta", http_equiv="Content-Security-Policy", content=f"{allowed}; form-action 'none'"),
            el("meta", name="viewport", content="width=device-width, initial-scale=1"),
            el("meta", name="color-scheme", content="light dark"),
            el("meta", name="robots", content="noindex"),
            el("title", self.title),
            el("style", style),
        )
        header = el("header", el("h1", self.title), el("p", self.subtitle, class_="subtitle"))
        body = el(
            "body",
            el("main", header, *self._sections),
            _drawer(),
            el("script", script_text(data), type="application/json", id="data"),
            el("script", script),
        )
        return "<!doctype html>\n" + el("html", head, body, lang="en") + "\n"


def _drawer() -> Markup:
    """Where the mails behind a bar are listed."""
    close = el("button", "Close", type="button", class_="close")
    return el(
        "dialog",
        el("div", el("h2", id="behind"), close, class_="bar"),
        el("p", class_="about"),
        el("div", class_="list"),
        aria_labelledby="behind",
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _sound(value: Any) -> Any:
    if isinstance(value, str):
        return sound(value)
    if isinstance(value, dict):
        return {key: _sound(item) for key, item in value.items()}
    return [_sound(item) for item in value] if isinstance(value, list) else value
