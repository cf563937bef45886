"""`python -m mta.matrix` (by `make matrix`): every row against every column, and every way to each door, as the tables
in docs/mta/matrix.md.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mta.columns import COLUMNS, run
from mta.postfix import Postfix
from mta.site import Row, Site
from mta.ways import WAYS, run_way

# The row's name, and the class that starts its mailer.
ROWS = (
    ("exim", "mta.exim:Exim"),
    ("exim-pipe", "mta.exim:EximPipe"),
    ("exim-local-scan", "mta.exim:EximLocalScan"),
    ("postfix", "mta.postfix:Postfix"),
    ("procmail", "mta.procmail:Procmail"),
    ("maildrop", "mta.maildrop:Maildrop"),
    ("sieve", "mta.sieve:Dovecot"),
)
# The same for the table of ways: each on a machine of its own, as its distribution configures it.
WAY_ROWS = (
    ("postfix", "mta.postfix:Postfix"),
    ("procmail", "mta.hosts:ProcmailPipe"),
    ("procmail-own", "mta.hosts:ProcmailOwn"),
    ("maildrop", "mta.hosts:Maildrop"),
    ("sieve", "mta.hosts:Lmtp"),
)


def row(where: str) -> Any:
    """The row's class, started by nobody yet."""
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)()


def cells(one: Row, site: Site) -> Iterator[str]:
    """One row's cells, in the order of the columns."""
    one.start(site)
    try:
        for column in COLUMNS:
            yield _told(f"{one.name} {column.name}", run, column, one, site)
    finally:
        one.stop()


def ways(one: Postfix, site: Site) -> Iterator[str]:
    """One door's cells, in the order of the ways to it."""
    one.start(site)
    try:
        one.open()
        for way in WAYS:
            yield _told(f"{one.name} {way.name}", run_way, way, one, site)
    finally:
        one.stop()


def _told(what: str, asked: Callable[..., str], *arguments: object) -> str:
    try:
        cell = asked(*arguments)
    except AssertionError as error:
        cell = f"**WRONG**: {str(error)[:300]}"
    print(f"{what}: {cell}", file=sys.stderr)
    return cell


def _table(
    rows: Sequence[tuple[str, str]], titles: Sequence[str], asked: Callable[[Any, Site], Iterator[str]]
) -> Iterator[str]:
    """The lines of a table, columns downwards: there are more of them than rows."""
    table = {}
    for name, where in rows:
        with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as folder:
            table[name] = list(asked(row(where), Site(Path(folder))))
    yield "| | " + " | ".join(table) + " |"
    yield "|---" * (len(table) + 1) + "|"
    for number, title in enumerate(titles):
        yield f"| {title} | " + " | ".join(told[number] for told in table.values()) + " |"


def main() -> None:
    """Print both tables, or those of their rows that are named."""
    names = sys.argv[1:]
    for rows, titles, asked in (
        (ROWS, [column.title for column in COLUMNS], cells),
        (WAY_ROWS, [way.title for way in WAYS], ways),
    ):
        chosen = [one for one in rows if one[0] in names or not names]
        for line in _table(chosen, titles, asked):
            print(line)
        print()


if __name__ == "__main__":
    main()
