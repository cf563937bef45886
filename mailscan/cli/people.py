"""What people look at: the filters and their keys, and the versions of what mailscan stands on."""

from __future__ import annotations

import inspect
import platform
import sys
from importlib import metadata

import click

from mailscan import __version__
from mailscan.keys import options_of
from mailscan.policy import filter_names, find_filter

DISTRIBUTIONS = ("click", "dnspython", "pybase64", "pylibmagic", "pyspf", "python-magic", "rich")


def list_filters() -> None:
    """Print the name of every built-in filter and the first line about it."""
    rows = [(name, _summary(name)) for name in filter_names()]
    if sys.stdout is not None and sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table("filter", "what it does", box=None)
        for name, summary in rows:
            table.add_row(f"[bold]{name}[/bold]", summary)
        Console().print(table)
        return
    width = max(len(name) for name, _ in rows)
    for name, summary in rows:
        click.echo(f"{name:{width}}  {summary}")


def show_filter(name: str) -> None:
    """Print what one filter does, and its keys with kinds, defaults and docs."""
    kind = find_filter(name)
    click.echo(f"{click.style(name, bold=True)}\n\n{inspect.getdoc(kind)}\n")
    for key, option in options_of(kind).items():
        click.echo(f"{click.style(key, bold=True)} = {_one_line(option.read.__doc__)}")
        click.echo(f"    {option.doc}\n    default: {_default(option.default)}")


def versions() -> list[str]:
    """Lines for a bug report: mailscan, Python, libmagic, and the libraries that are installed."""
    lines = [
        f"mailscan {__version__}",
        f"Python {platform.python_version()} ({sys.executable}) on {platform.platform()}",
        f"libmagic {_libmagic()}",
    ]
    for name in DISTRIBUTIONS:
        try:
            lines.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{name} is not installed")
    return lines


def _libmagic() -> str:
    try:
        import magic

        number = int(magic.version())  # type: ignore[no-untyped-call]
    except (ImportError, AttributeError, NotImplementedError, OSError) as error:
        return f"cannot be used: {error}"
    return f"{number // 100}.{number % 100:02}"


def _summary(name: str) -> str:
    return (inspect.getdoc(find_filter(name)) or "").partition("\n")[0]


def _one_line(doc: str | None) -> str:
    return " ".join((doc or "a value").split())


def _default(value: object) -> str:
    """A default as it would stand in the policy file."""
    if value is None or value == () or value == "":
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_default(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
