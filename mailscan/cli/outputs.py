"""The files that commands for people write: never over what they read, whole or not at all, for their owner alone."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from mailscan.errors import MailscanError, UsageError
from mailscan.newfile import in_place, is_device

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import BinaryIO


def keep_apart(outputs: Mapping[str, str | None], inputs: Iterable[str]) -> None:
    """Refuse to write over what is read. `outputs` are paths by option, `inputs` the paths read.

    Raises `UsageError`, also for a page that is not called like one: no archive or policy is.
    """
    read = list(inputs)
    for option, path in outputs.items():
        if path in (None, "-"):
            continue
        assert path is not None
        if option == "--html" and not path.lower().endswith((".html", ".htm")) and not is_device(path):
            raise UsageError(f"--html {path}: a page is called .html")
        for one in read:
            with suppress(OSError, ValueError):
                if os.path.samefile(path, one):
                    raise UsageError(f"{option} {path} would be written over what is read; name another file")


def check_place(path: str) -> None:
    """Raises `MailscanError` if no file can be written at `path`: better now than after an hour. Changes nothing."""
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path):
        raise MailscanError(f"{path} cannot be written: it is a directory")
    if not os.path.isdir(folder):
        raise MailscanError(f"{path} cannot be written: there is no directory {folder}")
    if not os.access(folder, os.W_OK) and not is_device(path):
        raise MailscanError(f"{path} cannot be written: {folder} is not yours to write to")


@contextmanager
def writing(path: str) -> Iterator[BinaryIO]:
    """A file that takes its place at `path` when all was written; until then what is there stands.

    Nobody but its owner may read it: it tells of mail. What goes wrong is a `MailscanError` that names it.
    """
    try:
        with in_place(path) as file:
            yield file
    except OSError as error:
        raise MailscanError(f"{path} cannot be written: {error.strerror or error}") from None
