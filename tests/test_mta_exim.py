"""Exim of Debian with the printed snippets, unchanged: every column at the DATA ACL, the pipe and local_scan."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from mta.columns import COLUMNS, Column, run
from mta.exim import Exim, EximLocalScan, EximPipe
from mta.site import Site


@pytest.fixture(scope="module", params=[Exim, EximPipe, EximLocalScan], ids=lambda row: row.name)
def row(request: pytest.FixtureRequest) -> Iterator[Exim]:
    with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as folder:
        one: Exim = request.param()
        try:
            one.start(Site(Path(folder)))
            yield one
        finally:
            if hasattr(one, "hop"):
                one.stop()


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_column(row: Exim, column: Column) -> None:
    run(column, row, row.site)
