"""Postfix with the printed snippet: every column of the matrix, and what else can go wrong between the two."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from mta.columns import COLUMNS, Column, run
from mta.postfix import Postfix
from mta.site import Site

pytestmark = pytest.mark.xdist_group("postfix")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as folder:
        yield Site(Path(folder))


@pytest.fixture(scope="module")
def postfix(site: Site) -> Iterator[Postfix]:
    row = Postfix()
    try:
        row.start(site)
        yield row
    finally:
        row.stop()


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_column(column: Column, postfix: Postfix, site: Site) -> None:
    run(column, postfix, site)
