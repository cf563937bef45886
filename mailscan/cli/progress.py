"""The progress bar of an audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from mailscan.mailboxes.tasks import size_of, total_octets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mailscan.mailboxes.tasks import Position


def with_bar(steps: Iterator[Any], paths: list[str], after: Position | None = None) -> Iterator[Any]:
    """The steps of an audit, with a bar on standard error that says how fast it is and how much time is left.

    `after` is where a run goes on.
    """
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[messages]:,} messages"),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    # Refreshed here: a thread of its own must not run where workers are forked.
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
        bar = progress.add_task("", total=total_octets(paths, after), messages=0, rate=0.0)
        messages = 0
        for task, done in steps:
            yield task, done
            messages += done.tally["messages"]
            elapsed = progress.tasks[0].elapsed or 0.0
            progress.update(bar, advance=size_of(task), messages=messages, rate=messages / max(elapsed, 0.001))
            progress.refresh()
