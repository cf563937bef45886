"""Archives of mail: mbox files, Maildir, MH, directories, tar and zip, compressed or not, as batches of messages.

A batch is plain data: the name of the source and, for each message, its offset and either its end in the file at
`path` or its octets.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import mmap
import os
import sys
import tarfile
import zipfile

from mailscan.mailboxes.mbox import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    # (source, path or "" for octets, spans or octets by offset)
    Batch = tuple[str, str, list[tuple[int, int]] | list[tuple[int, bytes]]]
    Skipped = Callable[[str, str], None]

BATCH_OCTETS = 4_000_000
BATCH_MESSAGES = 500
BLOCK = 8_000_000
# Files in a directory that are no mail: what mail readers keep beside it.
_NOT_MAIL = ("dovecot", ".mh_sequences", "maildirfolder", "subscriptions")
_BROKEN = (OSError, EOFError, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, ValueError)


def batches(paths: list[str], skipped: Skipped) -> Iterator[Batch]:
    """The messages below these paths, in order; `skipped(source, why)` hears of what could not be read."""
    for path in paths:
        if path == "-":
            yield from _stream("-", sys.stdin.buffer, skipped)
        elif os.path.isdir(path):
            yield from _folder(path, skipped)
        else:
            yield from _file(path, skipped)


def _folder(path: str, skipped: Skipped) -> Iterator[Batch]:
    """Maildir, MH, or any directory of messages and archives, each folder's files in the order of their names."""
    for folder, folders, names in os.walk(path, onerror=lambda error: skipped(path, str(error))):
        folders[:] = sorted(one for one in folders if one != "tmp")
        for name in sorted(names):
            if not name.startswith(_NOT_MAIL):
                yield from _file(os.path.join(folder, name), skipped)


def _file(path: str, skipped: Skipped) -> Iterator[Batch]:
    try:
        with open(path, "rb") as file:
            head = file.read(512)
            opened = _unpacked(file, head)
            name = path.lower()
            if zipfile.is_zipfile(file) and head.startswith(b"PK"):
                yield from _zip(path, file, skipped)
            elif opened is not None:
                inner = name.rpartition(".")[0]
                if inner.endswith(".tar") or name.endswith((".tgz", ".txz", ".tbz", ".tbz2")):
                    yield from _tar(path, opened, skipped)
                else:
                    yield from _stream(path, opened, skipped)
            elif head[257:262] == b"ustar":
                file.seek(0)
                yield from _tar(path, file, skipped)
            elif head.startswith(b"From "):
                yield from _mbox(path, file, skipped)
            elif head:
                yield path, path, [(0, os.fstat(file.fileno()).st_size)]
    except _BROKEN as error:
        skipped(path, getattr(error, "strerror", None) or str(error) or "ends too early")


def _unpacked(file: BinaryIO, head: bytes) -> BinaryIO | None:
    file.seek(0)
    if head.startswith(b"\x1f\x8b"):
        return gzip.open(file)  # type: ignore[return-value]
    if head.startswith(b"BZh"):
        return bz2.open(file)  # type: ignore[return-value]
    if head.startswith(b"\xfd7zXZ\0"):
        return lzma.open(file)  # type: ignore[return-value]
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        try:
            import zstandard
        except ImportError:
            raise ValueError("is Zstandard; `pip install 'mailscan[archives]'` has what opens it") from None
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    return None


def _mbox(path: str, file: BinaryIO, skipped: Skipped) -> Iterator[Batch]:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as octets:
        spans: list[tuple[int, int]] = []
        last = 0
        for start, end in split(octets):
            if start > last:
                skipped(path, f"octets {last} to {start} are no message")
            last = end
            spans.append((start, end))
            if end - spans[0][0] >= BATCH_OCTETS or len(spans) >= BATCH_MESSAGES:
                yield path, path, spans
                spans = []
        if spans:
            yield path, path, spans
        if last < len(octets):
            skipped(path, f"octets {last} to {len(octets)} are no message")


def _stream(source: str, file: BinaryIO, skipped: Skipped) -> Iterator[Batch]:
    """Messages of an mbox, or one message, from what can be read only once; what came before damage is kept."""
    octets = b""
    base = 0
    more = True
    while more:
        try:
            block = file.read(max(BLOCK, len(octets)))
        except _BROKEN as error:
            skipped(source, f"cannot be read beyond octet {base + len(octets)}: {error or 'ends too early'}")
            block = b""
        more = bool(block)
        octets += block
        if not octets:
            return
        if not base and not octets.startswith(b"From "):
            if more:
                continue
            yield source, "", [(0, octets)]
            return
        spans = list(split(octets, whole=not more))
        if more and spans:
            spans.pop()
        for at in range(0, len(spans), BATCH_MESSAGES):
            yield source, "", [(base + start, octets[start:end]) for start, end in spans[at : at + BATCH_MESSAGES]]
        done = spans[-1][1] if spans else 0
        base += done
        octets = octets[done:]


def _tar(path: str, file: BinaryIO, skipped: Skipped) -> Iterator[Batch]:
    with tarfile.open(fileobj=file, mode="r|") as tar:
        for member in tar:
            if member.isfile() and (inner := tar.extractfile(member)):
                yield from _stream(f"{path}!/{member.name}", inner, skipped)  # type: ignore[arg-type]


def _zip(path: str, file: BinaryIO, skipped: Skipped) -> Iterator[Batch]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                with archive.open(member) as inner:
                    yield from _stream(f"{path}!/{member.filename}", inner, skipped)  # type: ignore[arg-type]
