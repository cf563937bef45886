"""Files that a site must be able to trust with every mail: the policy, the lists it names, and its own Python."""

from __future__ import annotations

import os
import stat

MOST = 100_000_000


class Copies:
    """`with Copies() as copies:` keeps in `copies.files`, by path, what is read meanwhile; `with Copies(files):` has
    it read from there and nothing else, as in the workers of an audit: they have the policy that was in force at its
    start, on whatever machine they run.
    """

    now: Copies | None = None

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.is_given = files is not None
        self.files: dict[str, bytes] = files or {}

    def __enter__(self) -> Copies:
        Copies.now = self
        return self

    def __exit__(self, *_: object) -> None:
        Copies.now = None


def read_trusted(path: str) -> bytes:
    """The octets of a file. Raises `ValueError`, in words that name it, if it cannot be read or if somebody else may
    write it: anyone at all, and for uid 0 any owner but root.
    """
    copies = Copies.now
    if copies is None:
        return _read(path)
    if not copies.is_given:
        copies.files[path] = _read(path)
    elif path not in copies.files:
        raise ValueError(f"{path}: did not come with the policy")
    return copies.files[path]


def _read(path: str) -> bytes:
    if "\0" in path:
        raise ValueError(f"{path!r}: has a null byte, which no file's name can have")
    try:
        # Not held by a FIFO that nobody writes to; what is not a file is said below.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path!r}: {error}") from None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError(f"{path}: is a {_kind(facts.st_mode)}; a file is wanted")
        _check(path, facts)
        if facts.st_size > MOST:
            raise ValueError(f"{path}: is larger than {MOST} octets")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MOST)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    finally:
        os.close(descriptor)


def check_file(path: str) -> None:
    """That nobody else may write to this file. Raises `ValueError`."""
    try:
        _check(path, os.stat(path))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def check_folder(path: str) -> None:
    """That nobody else may put Python into this folder, or change what is there. Raises `ValueError`."""
    if Copies.now is not None and Copies.now.is_given:
        return  # it was looked at where the copies were made
    try:
        _check(path, os.stat(path))
        for entry in os.scandir(path):
            if entry.name.endswith((".py", ".pyc", ".pth", ".so")) or entry.name == "__pycache__":
                _check(entry.path, entry.stat())
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def check_code(path: str, sound: set[str]) -> None:
    """That nobody else may write to this file or folder, nor put another in its place: here, and where links lead.

    Folders that pass are added to `sound`, and not looked at again. Raises `ValueError`.
    """
    try:
        _check(path, os.stat(path))
        for folder in (os.path.dirname(path), os.path.dirname(os.path.realpath(path))):
            if folder not in sound:
                _check(folder, os.stat(folder))
                sound.add(folder)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def _check(path: str, facts: os.stat_result) -> None:
    if facts.st_mode & stat.S_IWOTH and facts.st_mode & stat.S_ISVTX:  # as /tmp is, and must be
        raise ValueError(f"{path}: anyone may put files into it; a directory of your own is wanted")
    if facts.st_mode & stat.S_IWOTH:
        raise ValueError(f"{path}: anyone may write to it; chmod o-w {path}")
    if os.geteuid() == 0 and facts.st_uid != 0:
        raise ValueError(f"{path}: belongs to uid {facts.st_uid}, and we run as root; chown root {path}")


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "directory"
    return "named pipe" if stat.S_ISFIFO(mode) else "device or socket"
