"""Users and groups of this machine: their names, and who is in a group. Only loaded where a mode or an owner is odd."""

from __future__ import annotations

import grp
import pwd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


def user_name(uid: int) -> str:
    """The user's name, or "uid 1234" where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def group_name(gid: int) -> str:
    """The group's name, or its number where there is none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def is_private(gid: int, users: Collection[int]) -> bool:
    """Whether a group has members, and none but these: all for whom it is the first group, and all that it names.

    A group without any is not: it is for programs, which run with it whoever starts them.
    """
    try:
        named = grp.getgrgid(gid).gr_mem
        members = {pwd.getpwnam(name).pw_uid for name in named}
    except KeyError:  # no such group; or it names somebody who may be there tomorrow
        return False
    members.update(one.pw_uid for one in pwd.getpwall() if one.pw_gid == gid)
    return bool(members) and members <= set(users)
