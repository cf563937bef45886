"""What there is to read, as tasks: plain data, in an order that is always the same, each small enough for a worker.

The files of folders go out many at a time, a large mbox in ranges of octets that nobody has looked at, and what can
be read only once (compressed files, tar, zip, standard input) as the octets of messages.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import NamedTuple

from mailscan.mailboxes.dialects import RFC4155
from mailscan.mailboxes.reading import (
    MBOX,
    PACKED,
    SINGLE,
    Notes,
    is_mail_file,
    kind_of,
    look_at,
    messages_in_file,
    messages_in_stream,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# A file up to here is its worker's, whatever it holds; a larger one is looked at before it is given out.
SMALL = 1 << 20
TASK_OCTETS = 4 << 20
TASK_MESSAGES = 100


class Position(NamedTuple):
    """How far an archive was read: the argument's number, the file, and which task of that file."""

    argument: int
    path: str
    number: int

    def key(self) -> tuple[int, list[str], int]:
        """What orders positions as the archive is walked."""
        return self.argument, self.path.split("/"), self.number


class Files(NamedTuple):
    """Whole files, in order. `position` is that of the last one."""

    position: Position
    paths: list[str]


class Range(NamedTuple):
    """The messages of an mbox that begin in [start, stop), by a rule of `dialects`. `begin`: where one is known to
    begin, else None.
    """

    position: Position
    path: str
    start: int
    stop: int
    begin: int | None
    rule: int = RFC4155


class Octets(NamedTuple):
    """Messages by (source, offset, octets), what could not be read by (source, why), and the mboxes' counts."""

    position: Position
    messages: list[tuple[str, int, bytes]]
    skipped: list[tuple[str, str]]
    boxes: dict[str, list[int]]
    empty: int
    read: int


Task = Files | Range | Octets


def tasks(
    paths: list[str], most: int, after: Position | None = None, rule: int | None = None
) -> Iterator[Files | Range | Octets]:
    """Everything below these paths ("-": standard input); `after`: only what comes behind that position. `rule`: the
    one of `dialects` by which every mbox is to be read.

    Messages of more than `most` octets are not kept. What cannot be read is said in the tasks.
    """
    reached = after.key() if after else None
    for argument, path in enumerate(paths):
        if reached is not None and argument < reached[0]:
            continue
        small: list[str] = []
        octets = 0
        for name, size in _files(path):
            position = Position(argument, name, 0)
            if reached is not None and (argument, name.split("/")) < reached[:2]:
                continue
            if 0 <= size <= SMALL:
                if reached is None or position.key() > reached:
                    small.append(name)
                    octets += size
                if octets > TASK_OCTETS or len(small) >= TASK_MESSAGES:
                    yield Files(Position(argument, small[-1], 0), small)
                    small, octets = [], 0
                continue
            if small:
                yield Files(Position(argument, small[-1], 0), small)
                small, octets = [], 0
            read = 0
            for task in _of_one(argument, name, size, most, rule):
                if reached is None or task.position.key() > reached:
                    yield task._replace(read=task.read + read) if read and isinstance(task, Octets) else task
                    read = 0
                elif isinstance(task, Octets):
                    read += task.read  # it was read again, and counts for the one from which a run goes on
        if small:
            yield Files(Position(argument, small[-1], 0), small)


def total_octets(paths: list[str], after: Position | None = None) -> int | None:
    """How many octets there are to read, behind a position too, for a progress bar; None where that cannot be known."""
    if "-" in paths:
        return None
    total = 0
    reached = after.key()[:2] if after else None
    for argument, path in enumerate(paths):
        for name, size in _files(path):
            here = argument, name.split("/")
            if size <= 0 or (reached is not None and here < reached):
                continue
            if after is not None and here == reached:
                size = _left(name, size, after.number)
            total += size
    return total


def _left(path: str, size: int, number: int) -> int:
    """How many octets of a file are still to be read behind a task of it."""
    if size <= SMALL:
        return 0
    if kind_of(path, Notes()) == PACKED:
        return size  # it is unpacked from its beginning again, and its tasks say nothing of its own octets
    return max(0, size - (number + 1) * TASK_OCTETS)


def size_of(task: Task) -> int:
    """How many octets of the files a task stands for; 0 for a part of what is packed, as far as it is not known."""
    if isinstance(task, Range):
        return task.stop - task.start
    if isinstance(task, Files):
        return sum(map(_size, task.paths))
    return task.read


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return 0


def files_below(path: str) -> Iterator[str]:
    """The path of every file that may hold mail at or below a path, folders in the order of names."""
    return (name for name, _ in _files(path))


def _files(path: str) -> Iterator[tuple[str, int]]:
    """(path, size) of every file at or below a path, folders in the order of names. The size is -1 for what is not
    to be opened without a look: standard input, and what cannot be read, of which an error will be told.
    """
    waiting = [path]
    while waiting:
        one = waiting.pop()
        try:
            facts = os.stat(one) if one != "-" else None
        except (OSError, ValueError):
            yield one, -1
            continue
        if facts is None or not stat.S_ISDIR(facts.st_mode):
            yield one, facts.st_size if facts and stat.S_ISREG(facts.st_mode) else -1
            continue
        try:
            with os.scandir(one) as entries:
                # The files of a folder that are no folders are told apart without a look at each.
                names = sorted(entry.name for entry in entries if _is_mail(entry))
        except OSError:
            yield one, -1
            continue
        waiting.extend(os.path.join(one, name) for name in reversed(names))


def _is_mail(entry: os.DirEntry[str]) -> bool:
    if entry.is_dir(follow_symlinks=False):
        return entry.name != "tmp"
    if entry.is_symlink() and entry.is_dir():
        return False  # it may lead back
    return is_mail_file(entry.name)


def _of_one(argument: int, path: str, size: int, most: int, rule: int | None) -> Iterator[Files | Range | Octets]:
    """The tasks of standard input, of a large file, or of what is no file."""
    position = Position(argument, path, 0)
    notes = Notes(rule)
    if path == "-" and sys.stdin is None:
        yield Octets(position, [], [("-", "standard input is closed")], {}, 0, 0)
        return
    if path == "-":
        yield from _packed(position, messages_in_stream("-", sys.stdin.buffer, notes, most), notes)
        return
    looked = look_at(path, notes)
    kind, begin, found = looked or (None, 0, RFC4155)
    if kind == MBOX:
        for number, start in enumerate(range(0, size, TASK_OCTETS)):
            stop = min(start + TASK_OCTETS, size)
            yield Range(Position(argument, path, number), path, start, stop, None if start else begin, found)
    elif kind == SINGLE:
        yield Files(position, [path])
    elif kind is None:
        yield Octets(position, [], notes.skipped, {}, 0, 0)
    else:
        yield from _packed(position, messages_in_file(path, notes, most), notes)


def _packed(position: Position, messages: Iterator[tuple[str, int, bytes]], notes: Notes) -> Iterator[Octets]:
    """Messages that are read here, in tasks."""
    held: list[tuple[str, int, bytes]] = []
    octets = number = told = 0

    def task() -> Octets:
        nonlocal told
        read, told = notes.read - told, notes.read
        return Octets(position._replace(number=number), held, *notes.taken(), read)

    for message in messages:
        held.append(message)
        octets += len(message[2])
        if octets > TASK_OCTETS or len(held) >= TASK_MESSAGES:
            yield task()
            held, octets, number = [], 0, number + 1
    yield task()
