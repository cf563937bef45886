"""What people look at: the filters and their keys, and the versions of what mailscan stands on."""

from __future__ import annotations

import inspect
import os
import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING

import click

from mailscan import __version__
from mailscan.errors import FilterError, MailscanError
from mailscan.filetype import examined_libmagic
from mailscan.keys import options_of
from mailscan.outgoing import printable
from mailscan.own.installed import entry_points
from mailscan.own.source import Setting
from mailscan.policy import Limits, built_in, filter_names, find_filter
from mailscan.rule import Rule
from mailscan.unpack.foreign import DECODERS, available
from mailscan.userfile import UserFile

if TYPE_CHECKING:
    from mailscan.policy import Policy

DISTRIBUTIONS = ("click", "dnspython", "pybase64", "pylibmagic", "pyspf", "python-magic", "rich")


def list_filters(policy: Policy | None) -> None:
    """Print the name of every filter and the first line about it: built in, installed, and a policy's own Python."""
    tables = [("filter", [(name, _first_line(find_filter(name).__doc__)) for name in filter_names()])]
    installed = [(name, _told(_own(name))) for name in sorted(entry_points())]
    if installed:
        tables.append(("installed", installed))
    own: dict[str, str] = {}
    for rule in policy.rules if policy else ():
        if isinstance(rule.filter, UserFile) and rule.use not in dict(installed):
            own[rule.use] = _told(_learnt(type(rule.filter)))
    if own:
        tables.append(("of this policy", list(own.items())))
    if sys.stdout is not None and sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        for title, rows in tables:
            table = Table(title, "what it does", box=None)
            for name, summary in rows:
                table.add_row(Text(printable(name), style="bold"), Text(summary))
            Console().print(table)
        return
    width = max(len(name) for _, rows in tables for name, _ in rows)
    for title, rows in tables:
        if title != "filter":
            click.echo(f"\n{title}:")
        for name, summary in rows:
            click.echo(f"{printable(name):{width}}  {summary}")


def show_filter(name: str) -> None:
    """Print what one filter does, and its keys with kinds, defaults and docs. Raises `MailscanError`."""
    kind = built_in(name) or _own(name)
    doc = inspect.getdoc(kind)
    writes: tuple[str, ...] = ()
    if issubclass(kind, UserFile):
        if kind.broken:
            raise MailscanError(kind.broken)
        doc, writes = kind.doc or "Nothing is said of it.", kind.writes
    options = options_of(kind)
    click.echo(f"{click.style(printable(name), bold=True)}\n\n{_lines(doc)}\n")
    for key, option in options.items():
        click.echo(f"{click.style(key, bold=True)} = {_one_line(option.read.__doc__)}")
        if option.doc:
            click.echo(f"    {printable(option.doc)}")
        click.echo("    must be given" if option.required else f"    default: {printable(_default(option.default))}")
    if not options:
        click.echo("It has no keys of its own.")
    if writes:
        click.echo(f"\nIt writes {', '.join(writes)}; incoming fields of that name are removed.")


def _own(name: str) -> type[UserFile]:
    """Python of somebody's own that is no built-in filter, with all that it says of itself."""
    if "/" not in name and name.endswith(".py") and os.path.exists(name):
        name = f"./{name}"
    try:
        setting = Setting({}, os.getcwd(), tuple(options_of(Rule)), filter_names)
        return _learnt(UserFile.of(name, setting, Limits({}).child_memory))
    except ValueError as error:
        raise MailscanError(str(error)) from None


def _learnt(kind: type[UserFile]) -> type[UserFile]:
    kind.learn(fully=True)
    return kind


def _told(kind: type[UserFile]) -> str:
    return f"cannot be used: {printable(kind.broken)}" if kind.broken else printable(_first_line(kind.doc))


def versions() -> list[str]:
    """Lines for a bug report: mailscan, Python, libmagic, the other decoders, and the libraries that are installed."""
    lines = [
        f"mailscan {__version__}",
        f"Python {platform.python_version()} ({sys.executable}) on {platform.platform()}",
        f"libmagic {_libmagic()}",
    ]
    decoders = available()
    lines += [f"{name} {decoders[name]}" if name in decoders else f"{name} is not here" for name in DECODERS]
    for name in DISTRIBUTIONS:
        try:
            lines.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{name} is not installed")
    return lines


def _libmagic() -> str:
    try:
        return examined_libmagic()[0]
    except FilterError as error:
        return f"cannot be used: {error}"


def _first_line(doc: str | None) -> str:
    return inspect.cleandoc(doc or "").partition("\n")[0]


def _lines(doc: str | None) -> str:
    return "\n".join(map(printable, (doc or "").splitlines()))


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
