"""`python -m mta.told` (by `make matrix`): what is told at the doors of Exim, as the table in docs/mta/matrix.md."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from mta.exim import Exim, EximLocalScan, EximPipe
from mta.site import Site
from mta.visits import VISITS, run


def cells(one: Exim, folder: Path) -> list[str]:
    """One door's cells, in the order of the visits."""
    one.start(Site(folder))
    try:
        told = []
        for visit in VISITS:
            try:
                cell = run(visit, one)
            except AssertionError as error:
                cell = f"**WRONG**: {str(error)[:300]}"
            print(f"{one.name} {visit.name}: {cell}", file=sys.stderr)
            told.append(cell)
        return told
    finally:
        one.stop()


def main() -> None:
    """Print the table, visits downwards."""
    table = {}
    for row in (Exim(), EximPipe(), EximLocalScan()):
        with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as folder:
            table[row.name] = cells(row, Path(folder))
    print("| | " + " | ".join(table) + " |")
    print("|---" * (len(table) + 1) + "|")
    for number, visit in enumerate(VISITS):
        print(f"| {visit.title} | " + " | ".join(told[number] for told in table.values()) + " |")


if __name__ == "__main__":
    main()
