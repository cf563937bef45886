"""`python -m mta.matrix` (by `make matrix`): every row against every column, as the table in docs/mta/matrix.md."""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mta import visits
from mta.columns import COLUMNS, run
from mta.site import Row, Site

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


def row(where: str) -> Row:
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)()  # type: ignore[no-any-return]


def cells(where: str, folder: Path) -> tuple[list[str], list[str]]:
    """One row's cells, in the order of the columns, and of the visits, if its mailer is its distribution's."""
    one = row(where)
    site = Site(folder)
    one.start(site)
    try:
        told = [_cell(one, column.name, partial(run, column, one, site)) for column in COLUMNS]
        if not isinstance(one, visits.Door):
            return told, []
        return told, [_cell(one, visit.name, partial(visits.run, visit, one)) for visit in visits.VISITS]
    finally:
        one.stop()


def _cell(one: Row, name: str, work: Callable[[], str]) -> str:
    try:
        cell = work()
    except AssertionError as error:
        cell = f"**WRONG**: {str(error)[:300]}"
    print(f"{one.name} {name}: {cell}", file=sys.stderr)
    return cell


def main() -> None:
    """Print the matrix, columns downwards: there are more of them than rows."""
    chosen = [(name, where) for name, where in ROWS if name in sys.argv[1:] or not sys.argv[1:]]
    columns, visited = {}, {}
    for name, where in chosen:
        with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as folder:
            columns[name], told = cells(where, Path(folder))
            if told:
                visited[name] = told
    _table(columns, [one.title for one in COLUMNS])
    if visited:
        print()
        _table(visited, [one.title for one in visits.VISITS])


def _table(rows: dict[str, list[str]], titles: list[str]) -> None:
    print("| | " + " | ".join(rows) + " |")
    print("|---" * (len(rows) + 1) + "|")
    for number, title in enumerate(titles):
        print(f"| {title} | " + " | ".join(told[number] for told in rows.values()) + " |")


if __name__ == "__main__":
    main()
