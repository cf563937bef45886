"""The files that rows become: CSV, Parquet, SQLite. All are made of `COLUMNS`."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sqlite3
from itertools import islice

from mailscan.audit.rows import COLUMNS, JSON, NAMES, TEXTS, read_rows
from mailscan.errors import UsageError
from mailscan.newfile import create, in_place, remove
from mailscan.outgoing import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, BinaryIO

    from mailscan.audit.rows import Row

ENDINGS = (".jsonl", ".csv", ".parquet", ".sqlite")
TABLE = "mail"
_BATCH = 5000
_SQL = {"integer": "INTEGER", "number": "REAL"}
# OWASP, "CSV Injection".
_FORMULA = ("=", "+", "-", "@")
_LISTS = {column.name for column in COLUMNS if column.kind in (TEXTS, JSON)}


def check_format(out: str) -> None:
    """Refuse a path whose ending names no format, and a format whose library is missing. Raises `UsageError`."""
    if not out.endswith(ENDINGS):
        raise UsageError(f"--out {out}: the ending says the format: {', '.join(ENDINGS)}")
    if out.endswith(".parquet"):
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError:
            raise UsageError("--out: Parquet needs the Python package pyarrow (the extra [parquet])") from None


def write(rows: str, out: str) -> None:
    """Make `out` of the .jsonl file `rows`; it appears whole, or not at all. Raises `OSError`."""
    ending = os.path.splitext(out)[1]
    if ending == ".sqlite":
        _sqlite(read_rows(rows), out)
        return
    # For its owner alone, as the rows are: it tells of mail.
    with in_place(out, out + ".partial.new") as file:
        (_csv if ending == ".csv" else _parquet)(read_rows(rows), file)


def _flat(row: Row) -> list[Any]:
    """The values in the order of the columns, lists and tables as JSON text."""
    return [json.dumps(row[name]) if name in _LISTS else row[name] for name in NAMES]


def _csv(rows: Iterable[Row], file: BinaryIO) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(NAMES)
    writer.writerows([_cell(value) for value in _flat(row)] for row in rows)
    text.detach()


def _cell(value: Any) -> Any:
    """A value that does nothing in a spreadsheet or on a terminal: senders write it. Text that would be a formula
    there begins with `'`, and controls are escaped.
    """
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _sqlite(rows: Iterable[Row], out: str) -> None:
    # SQLite opens by name, and follows links: only in a folder of our own nobody can plant any.
    folder = out + ".partial.new"
    new = os.path.join(folder, "rows")
    if os.path.isdir(folder) and not os.path.islink(folder):
        shutil.rmtree(folder)  # of a run that was killed
    remove(folder)
    os.mkdir(folder, 0o700)
    try:
        with create(new) as file:
            _database(rows, new)
            os.fsync(file.fileno())
        os.replace(new, out)
    except sqlite3.Error as error:
        raise OSError(None, str(error)) from None
    finally:
        shutil.rmtree(folder)


def _database(rows: Iterable[Row], path: str) -> None:
    columns = ", ".join(f"{column.name} {_SQL.get(column.kind, 'TEXT')}" for column in COLUMNS)
    database = sqlite3.connect(path)
    try:
        # The file is new, and put in its place when it is whole: a journal would guard nothing.
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute(f"CREATE TABLE {TABLE} ({columns})")
        database.executemany(f"INSERT INTO {TABLE} VALUES ({', '.join('?' * len(COLUMNS))})", map(_flat, rows))
        database.commit()
    finally:
        database.close()


def _parquet(rows: Iterable[Row], file: BinaryIO) -> None:
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    kinds = {"integer": pyarrow.int64(), "number": pyarrow.float64(), TEXTS: pyarrow.list_(pyarrow.string())}
    schema = pyarrow.schema([(column.name, kinds.get(column.kind, pyarrow.string())) for column in COLUMNS])
    with ParquetWriter(file, schema, compression="zstd") as writer:
        for some in _batches(rows):
            for row in some:
                for column in COLUMNS:
                    if column.kind == JSON:
                        row[column.name] = json.dumps(row[column.name])
            writer.write_batch(pyarrow.RecordBatch.from_pylist(some, schema))


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while some := list(islice(left, _BATCH)):
        yield some
