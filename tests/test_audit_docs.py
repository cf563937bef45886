"""docs/audit.md: its table of columns is the one of the rows, and every query in it runs."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import PROJECT
from running import mailscan
from test_audit import mbox

from mailscan.audit.rows import COLUMNS

PAGE = PROJECT / "docs" / "audit.md"


def columns() -> str:
    lines = ["| column | holds | meaning |", "|---|---|---|"]
    lines += [f"| `{one.name}` | {one.kind} | {one.meaning} |" for one in COLUMNS]
    return "\n".join(lines) + "\n"


def test_the_table_of_columns(request: pytest.FixtureRequest) -> None:
    page = PAGE.read_text(encoding="utf-8")
    pattern = r"(<!-- columns -->\n)(.*?)(<!-- end -->)"
    wanted = re.sub(pattern, lambda found: found[1] + columns() + found[3], page, flags=re.DOTALL)
    if request.config.getoption("--bless"):
        PAGE.write_text(wanted, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == wanted, "pytest tests/test_audit_docs.py --bless writes it"


def queries() -> tuple[list[str], list[str]]:
    blocks = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    of_sqlite, of_duckdb = ([one for one in block.split(";\n") if one.strip()] for block in blocks)
    return of_sqlite, of_duckdb


def test_every_query_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_sqlite, of_duckdb = queries()
    assert len(of_sqlite) + len(of_duckdb) >= 12
    path = mbox(tmp_path, 21)
    for ending in ("sqlite", "parquet", "jsonl", "csv"):
        done = mailscan("audit", "--out", str(tmp_path / f"rows.{ending}"), str(path), stdin=b"")
        assert done.status == 0, done.err
    database = sqlite3.connect(tmp_path / "rows.sqlite")
    answers = [database.execute(query).fetchall() for query in of_sqlite]
    assert answers[0] == [("accept", 18), ("reject", 3)]
    assert len(answers[2]) == 3 and answers[3] == [("subject", 3)]
    sql: Any = duckdb.sql
    monkeypatch.chdir(tmp_path)
    answers = [sql(query).fetchall() for query in of_duckdb]
    assert answers[0] == [("example.org", 3)] and answers[1] == [("subject", 3)]
    assert answers[-1] == []
    (text,) = sql("SELECT count(*) FROM read_csv('rows.csv')").fetchall()
    assert text == (21,)
