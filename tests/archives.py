"""Archives of small letters, as every tool would write them, for the tests of `mailscan audit`."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import zstandard

from mailscan.audit.rows import TIMINGS, read_rows
from mailscan.audit.run import run
from mailscan.audit.settings import read_policy, settings
from mailscan.audit.workers import LocalWorkers

FROM = "From joe@example.org Sat Feb 24 10:21:37 1996\n"
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": partial(bz2.compress, compresslevel=1),  # small blocks
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,  # as zstd(1)
}
Row = dict[str, object]


def letter(number: int, size: int = 4000) -> str:
    """A letter whose body cannot be packed well, always the same; every seventh is refused by the starter policy."""
    subject = "ADV: buy" if number % 7 == 0 else f"letter {number}"
    body = random.Random(number).randbytes(size // 2).hex()
    return f"From: joe@example.org\nMessage-ID: <{number}@example.org>\nSubject: {subject}\n\n{body}\n"


def ids(first: int, last: int) -> list[str]:
    """The Message-IDs of these letters, the last one not included."""
    return [f"<{number}@example.org>" for number in range(first, last)]


def mbox(first: int, last: int, size: int = 4000) -> bytes:
    """An mbox of these letters."""
    return "".join(f"{FROM}{letter(number, size)}\n" for number in range(first, last)).encode()


class _Pipe(io.RawIOBase):
    """What can only be written to, as a pipe: `zipfile` then writes sizes behind the members."""

    def __init__(self) -> None:
        self.octets = b""

    def writable(self) -> bool:
        return True

    def write(self, octets: bytes, /) -> int:  # type: ignore[override]
        self.octets += bytes(octets)
        return len(octets)


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, *, piped: bool = False) -> bytes:
    """A zip archive; `piped` as one written to a pipe."""
    file = _Pipe() if piped else io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.mkdir("mail") if not piped else None
        for name, octets in members.items():
            archive.writestr(name, octets)
    return file.octets if isinstance(file, _Pipe) else file.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    """A tar archive."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, octets in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(octets)
            archive.addfile(member, io.BytesIO(octets))
    return file.getvalue()


def letters(first: int, last: int) -> dict[str, bytes]:
    """These letters as members of an archive, by name."""
    return {f"mail/{number:04}.eml": letter(number).encode() for number in range(first, last)}


def rows(path: Path | str, jobs: int = 1, policy: str | None = None, most: int = 10**8) -> tuple[list[Row], list[str]]:
    """(the rows of an audit without their timings, what it skipped as "source: why")."""
    found: list[Row] = []
    skipped: list[str] = []
    with LocalWorkers(settings([read_policy(policy)]), jobs) as processes:
        for _, done in run([str(path)], processes, most):
            found += map(without_timings, done.rows())
            skipped += [f"{source}: {why}" for source, why in done.skipped]
    return found, skipped


def saved(path: Path | str) -> list[Row]:
    """The rows of a .jsonl file, without their timings."""
    return [without_timings(row) for row in read_rows(str(path))]


def without_timings(row: Row) -> Row:
    """A row but for how long it took."""
    return {name: value for name, value in row.items() if name not in TIMINGS}
