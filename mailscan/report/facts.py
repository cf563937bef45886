"""What a page says about the run that it shows."""

from __future__ import annotations

from mailscan.report.markup import el

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mailscan.report.page import Page

MOST_SKIPPED = 100


class Facts:
    """`policy` is its path, `paths` what was read, `left_out` the rules that were not asked since they ask the network,
    `skipped` (source, why) of what could not be read, `limits` the sums of scores that tag and reject, `errors` what
    rules failed with in words, and how often.
    """

    def __init__(
        self,
        policy: str,
        paths: Sequence[str],
        *,
        left_out: Sequence[str] = (),
        skipped: Sequence[tuple[str, str]] = (),
        limits: tuple[float | None, float | None] = (None, None),
        errors: Mapping[str, int] | None = None,
    ) -> None:
        self.policy = policy
        self.paths = tuple(paths)
        self.left_out = tuple(left_out)
        self.skipped = tuple(skipped)
        self.limits = limits
        self.errors = dict(errors or {})

    def where(self) -> str:
        """The archives in words."""
        named = ", ".join(self.paths[:5])
        return named + (f" and {len(self.paths) - 5:,} more" if len(self.paths) > 5 else "")


def skipped_section(page: Page, facts: Facts) -> None:
    """What was not judged, not by every rule, or failed; nothing if there is nothing to say."""
    if facts.left_out:
        page.section(
            "Rules that were not asked",
            el("p", ", ".join(facts.left_out)),
            about="They ask the network. --network asks it, --replay answers from a record.",
        )
    if facts.errors:
        failed = sorted(facts.errors.items(), key=lambda one: -one[1])
        page.section(
            "Rules that failed", el("ul", *(el("li", f"{count:,} × {what}") for what, count in failed)), wide=True
        )
    if facts.skipped:
        lines = [el("tr", el("td", source[:400]), el("td", why[:400])) for source, why in facts.skipped[:MOST_SKIPPED]]
        head = el("tr", el("th", "source", scope="col"), el("th", "why", scope="col"))
        more = len(facts.skipped) - MOST_SKIPPED
        page.section(
            "Skipped",
            el("table", el("thead", head), el("tbody", *lines)),
            el("p", f"and {more:,} more", class_="about") if more > 0 else None,
            wide=True,
        )
