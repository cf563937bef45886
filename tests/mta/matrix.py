"""`python -m mta.matrix` (by `make matrix`): every row against every column, as the table in docs/mta/matrix.md."""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

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


def cells(where: str, folder: Path) -> list[str]:
    """One row's cells, in the order of the columns."""
    one = row(where)
    site = Site(folder)
    one.start(site)
    try:
        told = []
        for column in COLUMNS:
            try:
                cell = run(column, one, site)
            except AssertionError as error:
                cell = f"**WRONG**: {str(error)[:300]}"
            print(f"{one.name} {column.name}: {cell}", file=sys.stderr)
            told.append(cell)
        return told
    finally:
        one.stop()


def main() -> None:
    """Print the matrix, columns downwards: there are more of them than rows."""
    chosen = [(name, where) for name, where in ROWS if name in sys.argv[1:] or not sys.argv[1:]]
    table = {}
    for name, where in chosen:
        with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as folder:
            table[name] = cells(where, Path(folder))
    print("| | " + " | ".join(table) + " |")
    print("|---" * (len(table) + 1) + "|")
    for number, column in enumerate(COLUMNS):
        print(f"| {column.title} | " + " | ".join(told[number] for told in table.values()) + " |")


if __name__ == "__main__":
    main()
