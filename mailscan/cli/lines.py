"""Lines for people, in pieces that have a style each: in colour on a terminal, else as plain text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.text import Text

    # Pieces of a line, each with its style.
    Line = list[tuple[str, str]]


def on_terminal() -> bool:
    """Whether somebody looks at standard output."""
    return sys.stdout is not None and sys.stdout.isatty()


def width(on_pipe: int) -> int:
    """Columns of the terminal, or so many where there is none."""
    if not on_terminal():
        return on_pipe
    from rich.console import Console

    return Console().width


def echo(lines: Iterable[Line], *, cut: bool = False) -> None:
    """Print them, with `cut` no wider than the terminal. The pieces must be printable already: nothing is escaped."""
    if not on_terminal():
        click.echo("".join(plain(line) + "\n" for line in lines), nl=False)
        return
    from rich.console import Console

    console = Console(highlight=False, emoji=False, markup=False)
    for line in lines:
        text = styled(line)
        if cut:
            text.no_wrap = True
            text.truncate(console.width, overflow="ellipsis")
        console.print(text)


def plain(line: Line) -> str:
    """A line without its styles."""
    return "".join(piece for piece, _ in line).rstrip()


def styled(line: Line) -> Text:
    """A line as rich prints it."""
    from rich.text import Text

    text = Text()
    for piece, style in line:
        text.append(piece, style)
    return text
