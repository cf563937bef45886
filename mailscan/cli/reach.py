"""Whether a mailer's user can reach a file: by the owner, group and mode of all that is on the way there."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from typing import NamedTuple

SEARCH, RUN, READ, RUN_SCRIPT = 0o1, 0o1, 0o4, 0o5
_MOST_LINKS = 40


class Reader(NamedTuple):
    """A user by name; without a uid anybody who has no part in a file."""

    name: str = "other users, as a mailer's,"
    uid: int = -1
    groups: frozenset[int] = frozenset()

    def may(self, facts: os.stat_result, wanted: int) -> bool:
        """Whether the mode grants all bits of `wanted` (of 0o7) to this user."""
        if self.uid == 0:
            return True
        shift = 6 if facts.st_uid == self.uid else 3 if facts.st_gid in self.groups else 0
        return facts.st_mode >> shift & wanted == wanted


def reader(names: Sequence[str]) -> Reader:
    """The first of these users that is here; else any other user."""
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Reader(name, entry.pw_uid, frozenset(os.getgrouplist(name, entry.pw_gid)))
    return Reader()


def closed(path: str, who: Reader, wanted: int) -> str:
    """The file or folder that keeps `who` from the file at `path`, on its way or behind its links; or ""."""
    *folders, last = _way(os.path.abspath(path))
    for here, bits in (*((folder, SEARCH) for folder in folders), (last, wanted)):
        try:
            if not who.may(os.stat(here), bits):
                return here
        except OSError:
            return here
    return ""


def _way(path: str) -> list[str]:
    """What is passed on the way to `path`, links followed one by one; the file itself is the last."""
    here, passed, links = "/", ["/"], 0
    left = path.split("/")[::-1]
    while left:
        part = left.pop()
        if part in ("", "."):
            continue
        there = os.path.dirname(here) if part == ".." else os.path.join(here, part)
        if os.path.islink(there) and links < _MOST_LINKS:
            target = os.readlink(there)
            links += 1
            here = "/" if target.startswith("/") else here
            left += target.split("/")[::-1]
        else:
            here = there
            passed.append(here)
    return passed
