"""Files that a site must be able to trust with every mail: the policy, the lists it names, and its own Python.

One rule for all of them. Whoever we run as, and root, may write to them; for root, root alone. Nobody else may: not to
the file, and not to a folder on the way to it, in which another could be put in its place. A group may where it has no
member but the owner, as the groups have that Debian makes for each user. Links are followed one by one: each is looked
at itself, and the way that it leads.
"""

from __future__ import annotations

import os
import stat

MOST = 100_000_000
_MOST_LINKS = 40


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
    write it, or put another in its place.
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
        Way(path).check(facts)
        check_file(path)
        if facts.st_size > MOST:
            raise ValueError(f"{path}: is larger than {MOST} octets")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MOST)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    finally:
        os.close(descriptor)


def check_file(path: str, also: Others | None = None) -> None:
    """That nobody else may write to this file or folder, nor put another in its place; `also` are others who may.

    Raises `ValueError`.
    """
    Way(path, also).walk()


def check_folder(path: str, also: Others | None = None) -> None:
    """That nobody else may put Python into this folder, or change what is there. Raises `ValueError`."""
    if Copies.now is not None and Copies.now.is_given:
        return  # it was looked at where the copies were made
    way = Way(path, also)
    way.walk(holds_code=True)
    try:
        for entry in os.scandir(path):
            if entry.name.endswith((".py", ".pyc", ".pth", ".so")) or entry.name == "__pycache__":
                if entry.is_symlink():
                    Way(entry.path, also).walk()
                else:
                    Way(entry.path, also).check(entry.stat(follow_symlinks=False))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def check_code(path: str, sound: set[str]) -> None:
    """That nobody else may write to this file or folder, nor put another in its place or Python beside it: here, and
    where links lead.

    Folders that pass are added to `sound`, and not looked at again. Raises `ValueError`.
    """
    Way(path).walk()
    for folder in (os.path.dirname(path), os.path.dirname(os.path.realpath(path))):
        if folder not in sound:
            Way(folder).walk(holds_code=True)
            sound.add(folder)


class Others:
    """Who else may write, by number: users, and groups."""

    __slots__ = ("users", "groups")

    def __init__(self, path: str) -> None:
        """Those who may write to `path` as it stands: where our own code lies, they have us in their hands anyway."""
        facts = os.stat(path)
        self.users = {facts.st_uid}
        self.groups = {facts.st_gid} if facts.st_mode & stat.S_IWGRP else set()


class Way:
    """The way to a file or folder, for one who must be sure of it."""

    __slots__ = ("path", "_also")

    def __init__(self, path: str, also: Others | None = None) -> None:
        self.path = path
        self._also = also

    def walk(self, *, holds_code: bool = False) -> None:
        """Look at each folder and link from the root on, and at the end. Raises `ValueError`.

        With `holds_code` the end is a folder into which nobody may put anything either.
        """
        try:
            self._walk(holds_code)
        except OSError as error:
            raise ValueError(f"{self.path}: {error.strerror}") from None

    def _walk(self, holds_code: bool) -> None:
        here = "/"
        path = self.path if self.path.startswith("/") else os.path.join(os.getcwd(), self.path)
        left = [here, *path.split("/")][::-1]
        links = 0
        while left:
            word = left.pop()
            if word in ("", ".", ".."):
                here = os.path.dirname(here) if word == ".." else here
                continue
            one = os.path.join(here, word)
            facts = os.lstat(one)
            is_end = not any(more not in ("", ".") for more in left)
            if stat.S_ISLNK(facts.st_mode):
                links += 1
                if links > _MOST_LINKS:
                    raise ValueError(f"{self.path}: too many links on its way")
                self._check_owner(one, facts, is_above=not is_end)
                target = os.readlink(one)
                here = "/" if target.startswith("/") else here
                left += target.split("/")[::-1]
                continue
            self.check(facts, one, is_above=not is_end, may_be_sticky=not is_end or not holds_code)
            here = one

    def check(
        self, facts: os.stat_result, one: str = "", *, is_above: bool = False, may_be_sticky: bool = False
    ) -> None:
        """That nobody else may write to `one`, on the way or at its end. Raises `ValueError`."""
        one = one or self.path
        mode = facts.st_mode
        # Of a sticky folder, as /tmp is, others may take nothing away that is not theirs.
        sticky = stat.S_ISDIR(mode) and bool(mode & stat.S_ISVTX) and may_be_sticky
        if mode & stat.S_IWOTH and not sticky:
            if mode & stat.S_ISVTX and stat.S_ISDIR(mode):
                raise ValueError(f"{one}: anyone may put files into it; a directory of your own is wanted")
            raise ValueError(f"{one}: anyone may write to it; {self._mend('chmod o-w', one, facts)}")
        self._check_owner(one, facts, is_above=is_above)
        if mode & stat.S_IWGRP and not sticky and (who := self._of_group(one, facts)):
            raise ValueError(f"{one}: {who} may write to it; {self._mend('chmod g-w', one, facts)}")

    def _check_owner(self, one: str, facts: os.stat_result, *, is_above: bool) -> None:
        uid, we = facts.st_uid, os.geteuid()
        if uid in (0, we) or (is_above and _is_unmapped(uid)):
            return
        if we == 0:
            raise ValueError(f"{one}: belongs to uid {uid}, and we run as root; {self._mend('chown root', one, facts)}")
        if self._also is None or uid not in self._also.users:
            wanted = f"and neither to us (uid {we}) nor to root; {self._mend('chown root', one, facts)}"
            raise ValueError(f"{one}: belongs to uid {uid}, {wanted}")

    def _of_group(self, one: str, facts: os.stat_result) -> str:
        """Who may write by the group's right, in words; "" if that is nobody but the owner."""
        if self._also is not None and facts.st_gid in self._also.groups:
            return ""
        from mailscan.accounts import group_name, is_private

        if is_private(facts.st_gid, {facts.st_uid, os.geteuid(), 0}) and not _has_acl(one):
            return ""
        return f"the members of group {group_name(facts.st_gid)}"

    def _mend(self, command: str, one: str, facts: os.stat_result) -> str:
        """The command that mends it, and what is there now."""
        from shlex import quote

        from mailscan.accounts import user_name

        option = "-h " if stat.S_ISLNK(facts.st_mode) else ""
        verb, _, rest = command.partition(" ")
        there = f"it is {user_name(facts.st_uid)}'s, mode {stat.S_IMODE(facts.st_mode):04o}"
        above = "" if os.path.abspath(one) == os.path.abspath(self.path) else f", on the way to {self.path}"
        return f"{verb} {option}{rest} {quote(one)} ({there}{above})"


def _is_unmapped(uid: int) -> bool:
    """Whether a file of this owner is of somebody whom this user namespace does not know, as `/` is in most."""
    try:
        with open("/proc/sys/kernel/overflowuid", encoding="ascii") as file:
            if uid != int(file.read()):
                return False
        with open("/proc/self/uid_map", encoding="ascii") as file:
            ranges = [line.split() for line in file]
        return not any(int(first) <= uid < int(first) + int(count) for first, _, count in ranges)
    except (OSError, ValueError):
        return False


def _has_acl(path: str) -> bool:
    """Whether more is said of who may write than the mode tells: its group bits are then the most that anybody has."""
    try:
        return hasattr(os, "getxattr") and bool(os.getxattr(path, "system.posix_acl_access"))
    except OSError:
        return False


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "directory"
    return "named pipe" if stat.S_ISFIFO(mode) else "device or socket"
