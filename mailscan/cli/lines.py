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


def echo(lines: Iterable[Line]) -> None:
    """Print them. The pieces must be printable already: nothing is escaped here."""
    if not on_terminal():
        click.echo("".join(plain(line) + "\n" for line in lines), nl=False)
        return
    from rich.console import Console

    console = Console(highlight=False, emoji=False, markup=False)
    for line in lines:
        console.print(styled(line))


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
