"""Files that are written so that nothing planted at their place is followed or kept: they are made new, for their
owner alone, and put in place by a rename.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from errno import ELOOP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_NEW = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Where links are the system's own, as /dev/stdout is.
_OF_THE_SYSTEM = ("/dev", "/proc")


def is_device(path: str) -> bool:
    """Whether it is a device or a pipe: something to write to, and no file to be kept. A link to one counts only
    where the system itself keeps links, as /dev/stdout.
    """
    if os.path.islink(path) and not _is_of_the_system(path):
        return False
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def create(path: str) -> BinaryIO:
    """A file that was not there, to read and write. Raises `FileExistsError` for anything there, a link too."""
    return open(os.open(path, os.O_RDWR | _NEW, 0o600), "w+b")


def open_own(path: str) -> BinaryIO:
    """A file of ours that only we may write, to read and write. Raises `FileNotFoundError`, and `OSError` in words
    for a link, a file of somebody else, one with a second name, and one that others may write.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != ELOOP:
            raise
        raise OSError(None, "is a link") from None
    facts = os.fstat(descriptor)
    why = ""
    if not stat.S_ISREG(facts.st_mode):
        why = "is no regular file"
    elif facts.st_uid != os.geteuid():
        why = f"belongs to uid {facts.st_uid}"
    elif facts.st_nlink != 1:
        why = "has another name too"
    elif facts.st_mode & 0o022:
        why = "may be written by others"
    if why:
        os.close(descriptor)
        raise OSError(None, why)
    os.fchmod(descriptor, 0o600)
    return open(descriptor, "r+b")


def remove(path: str) -> None:
    """Have no file at `path`; a link is not followed. Raises `OSError`, for a directory too."""
    if os.path.lexists(path):
        os.unlink(path)


@contextmanager
def in_place(path: str, name: str | None = None) -> Iterator[BinaryIO]:
    """A file that takes its place at `path` when all was written; until then what is there stands. A link there is
    replaced, not followed. A device or a pipe is written to. Raises `OSError`.

    Meanwhile it stands beside `path`, under a name that nobody can know before. Who alone writes there, as by a lock,
    gives a `name`: what a killed run left there is removed.
    """
    if is_device(path):
        with _device(path) as file:
            yield file
        return
    if os.path.islink(path) and _is_of_the_system(path):
        raise OSError(None, "it is a link of the system; name the file itself")
    if name is not None:
        remove(name)
    new = name or f"{path}.{os.urandom(8).hex()}.partial"
    try:
        with create(new) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(new)
        raise


def _device(path: str) -> BinaryIO:
    file = open(os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY), "wb")  # noqa: SIM115 - handed on
    facts = os.fstat(file.fileno())
    if stat.S_ISREG(facts.st_mode) or facts.st_uid not in (0, os.geteuid()):
        file.close()
        raise OSError(None, "is no longer the device that it was, or belongs to somebody else")
    return file


def _is_of_the_system(path: str) -> bool:
    folder = os.path.realpath(os.path.dirname(os.path.abspath(path)))
    return folder.startswith(tuple(f"{one}/" for one in _OF_THE_SYSTEM)) or folder in _OF_THE_SYSTEM
